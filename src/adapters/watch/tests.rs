//! When the kernel tells too little: lost events, and folders that it will not watch.

use std::fs;
use std::path::Path;
use std::time::Duration;

use notify::event::Flag;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use super::*;
use crate::engine::Event;
use crate::runtime::Clock;
use crate::stack::{CommandWords, Service};
use crate::telemetry::Telemetry;

struct Scene {
    watcher: Watcher,
    stack: Arc<Stack>,
    events: UnboundedReceiver<Event>,
    news: UnboundedReceiver<WatchNews>,
    clock: Clock,
}

/// A process service over this folder, with at most so many native watches.
fn scene(root: &Path, most: usize) -> Scene {
    let mut service = Service::named("app");
    service.run = Some(CommandWords::Shell("true".into()));
    service.directory = root.into();
    let mut stack = Stack {
        directory: root.into(),
        ..Stack::default()
    };
    stack.services.insert("app".into(), service);
    let (tell, events) = mpsc::unbounded_channel();
    let (tell_news, news) = mpsc::unbounded_channel();
    let wires = Wires {
        events: tell,
        telemetry: Arc::new(Telemetry::default()),
        clock: Clock::start(),
    };
    Scene {
        clock: wires.clock.clone(),
        watcher: Watcher::with_most(wires, tell_news, most).unwrap(),
        stack: Arc::new(stack),
        events,
        news,
    }
}

impl Scene {
    async fn changed(&mut self) -> Vec<PathBuf> {
        match timeout(Duration::from_secs(30), self.events.recv()).await {
            Ok(Some(Event::Changed { change })) => change.paths,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn after_lost_events_everything_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    let root = folder.path().canonicalize().unwrap().join("root");
    fs::create_dir(&root).unwrap();
    for name in ["a", "b"] {
        fs::write(root.join(name), "one").unwrap();
    }
    // A write through another name of the file, outside, is one of which the kernel does not tell.
    fs::hard_link(root.join("a"), &outside).unwrap();
    let mut scene = scene(&root, usize::MAX);
    scene.watcher.watch(&scene.stack, |_| None).await.unwrap();
    for told in [
        Ok(notify::Event::new(EventKind::Other).set_flag(Flag::Rescan)),
        Err(notify::Error::generic("broken")),
    ] {
        let text = format!("{told:?}");
        fs::write(&outside, text).unwrap();
        fs::write(root.join("b"), "two").unwrap();
        fs::write(root.join("b"), "one").unwrap();
        let at = scene.clock.now();
        scene
            .watcher
            .messages
            .send(Message::Told(told, at))
            .unwrap();
        let changed = scene.changed().await;
        assert!(changed.contains(&root.join("a")), "{changed:?}");
    }
}

#[tokio::test]
async fn what_the_kernel_will_not_watch_is_polled_and_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    for name in ["a", "b", "c", "d"] {
        fs::create_dir(root.join(name)).unwrap();
        fs::write(root.join(name).join("file"), "one").unwrap();
    }
    let mut scene = scene(&root, 3);
    let found = scene.watcher.watch(&scene.stack, |_| None).await.unwrap();
    // The folder above, the root, and a to d.
    assert_eq!((found.folders, found.polled), (3, 3));
    let WatchNews::Problem { what, remedy } = scene.news.recv().await.unwrap() else {
        panic!("another piece of news");
    };
    assert!(
        what.contains("3 folders are looked at once a second"),
        "{what}"
    );
    assert!(remedy.contains("fs.inotify.max_user_watches"), "{remedy}");
    for name in ["a", "b", "c", "d"] {
        let file = root.join(name).join("file");
        fs::write(&file, "two").unwrap();
        assert_eq!(scene.changed().await, std::slice::from_ref(&file), "saved");
        let new = root.join(name).join("new");
        fs::write(&new, "new").unwrap();
        assert_eq!(scene.changed().await, [new], "new");
        fs::remove_file(&file).unwrap();
        assert_eq!(scene.changed().await, [file], "deleted");
    }
    scene.watcher.watch(&scene.stack, |_| None).await.unwrap();
    assert!(scene.news.try_recv().is_err(), "said once");
}
