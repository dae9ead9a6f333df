//! A scene for watch tests: a real folder, a watcher over it, and what it tells.
#![expect(clippy::unwrap_used, reason = "a failure fails the test that asked")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use boatyard::adapters::Wires;
use boatyard::adapters::watch::{WatchNews, Watched, Watcher};
use boatyard::engine::{Action, Change, Event};
use boatyard::runtime::Clock;
use boatyard::stack::{Build, CommandWords, Reaction, Service, Stack, Then, WatchRule};
use boatyard::telemetry::Telemetry;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Longer than anything takes on a busy machine; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Scene {
    pub(crate) watcher: Watcher,
    pub(crate) watched: Watched,
    pub(crate) clock: Clock,
    pub(crate) stack: Arc<Stack>,
    root: PathBuf,
    events: mpsc::UnboundedReceiver<Event>,
    news: mpsc::UnboundedReceiver<WatchNews>,
    sentinels: u32,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// A scene with these files, watched for these services.
    pub(crate) async fn new(
        files: &[(&str, &str)],
        services: impl FnOnce(&Path) -> Vec<Service>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for (name, text) in files {
            write(&root.join(name), text);
        }
        let mut stack = Stack {
            directory: root.clone(),
            file: root.join("boatyard.toml"),
            ..Stack::default()
        };
        for service in services(&root) {
            stack.services.insert(service.name.clone(), service);
        }
        let (tell, events) = mpsc::unbounded_channel();
        let (tell_news, news) = mpsc::unbounded_channel();
        let clock = Clock::start();
        let wires = Wires {
            events: tell,
            telemetry: Arc::new(Telemetry::default()),
            clock: clock.clone(),
        };
        let watcher = Watcher::start(wires, tell_news).unwrap();
        let stack = Arc::new(stack);
        let found = watcher.watch(&stack, |_| None).await.unwrap();
        Self {
            watcher,
            watched: found,
            clock,
            stack,
            root,
            events,
            news,
            sentinels: 0,
            _folder: folder,
        }
    }

    /// One process service over the whole folder.
    pub(crate) async fn process(files: &[(&str, &str)]) -> Self {
        Self::new(files, |root| vec![process(root)]).await
    }

    /// One service whose whole folder is synced to `/app`.
    pub(crate) async fn synced(files: &[(&str, &str)]) -> Self {
        Self::new(files, |root| vec![synced(root)]).await
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        write(&self.path(name), text);
    }

    pub(crate) async fn change(&mut self) -> Change {
        match timeout(PATIENCE, self.events.recv()).await {
            Ok(Some(Event::Changed { change })) => change,
            other => panic!("expected a change, got {other:?}"),
        }
    }

    /// The paths of the next change, relative to the folder.
    pub(crate) async fn changed(&mut self) -> Vec<String> {
        let change = self.change().await;
        self.names(&change)
    }

    pub(crate) fn names(&self, change: &Change) -> Vec<String> {
        let names = change
            .paths
            .iter()
            .map(|path| path.strip_prefix(&self.root).unwrap());
        names.map(|name| name.display().to_string()).collect()
    }

    /// Syncs of these files (`+` copied, `-` deleted) and of no others, each once, in one change or, when the machine was too
    /// busy for that, in several.
    pub(crate) async fn expect_copies(&mut self, expected: &[&str]) {
        let mut seen = Vec::new();
        while seen.len() < expected.len() {
            let change = self.change().await;
            for (_, action) in change.actions {
                let Action::Sync { copies, .. } = action else {
                    panic!("{action:?}");
                };
                let sign = |from: &Option<PathBuf>| if from.is_some() { '+' } else { '-' };
                seen.extend(
                    copies
                        .iter()
                        .map(|copy| format!("{}{}", sign(&copy.from), copy.to)),
                );
            }
        }
        seen.sort();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(seen, expected);
    }

    /// A change within this time, if there is one.
    pub(crate) async fn change_within(&mut self, time: Duration) -> Option<Change> {
        match timeout(time, self.events.recv()).await {
            Ok(Some(Event::Changed { change })) => Some(change),
            Ok(other) => panic!("unexpected {other:?}"),
            Err(_) => None,
        }
    }

    /// What containers of a service lack.
    pub(crate) async fn found(&mut self) -> Vec<String> {
        match timeout(PATIENCE, self.events.recv()).await {
            Ok(Some(Event::Found { files, .. })) => {
                files.into_iter().map(|(copy, _)| copy.to).collect()
            }
            other => panic!("expected what was found, got {other:?}"),
        }
    }

    pub(crate) async fn news(&mut self) -> WatchNews {
        timeout(PATIENCE, self.news.recv()).await.unwrap().unwrap()
    }

    pub(crate) fn no_news(&mut self) {
        assert!(self.news.try_recv().is_err());
    }

    /// Whatever was done before means nothing: the next change is that of another file alone.
    pub(crate) async fn nothing_has_changed(&mut self) {
        self.sentinels += 1;
        let name = format!("sentinel-{}", self.sentinels);
        self.write(&name, "here");
        assert_eq!(self.changed().await, [name]);
    }
}

pub(crate) fn process(root: &Path) -> Service {
    let mut service = Service::named("app");
    service.run = Some(CommandWords::Shell("true".into()));
    service.directory = root.into();
    service
}

pub(crate) fn built(root: &Path) -> Service {
    let mut service = Service::named("app");
    service.build = Some(Build {
        inline: None,
        context: root.into(),
        dockerfile: root.join("Dockerfile"),
        target: None,
        args: Vec::new(),
        secrets: Vec::new(),
        labels: Vec::new(),
        network: None,
        no_cache: false,
        pull: false,
    });
    service
}

pub(crate) fn synced(root: &Path) -> Service {
    let mut service = Service::named("app");
    service.watch = vec![WatchRule {
        path: root.into(),
        reaction: Reaction::Sync {
            target: "/app".into(),
            then: Then::Nothing,
        },
        ignore: Vec::new(),
        include: Vec::new(),
        initial_sync: false,
    }];
    service
}

pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
