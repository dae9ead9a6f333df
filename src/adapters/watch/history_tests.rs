//! Random histories against a model: whatever is done, and however badly the kernel tells of it, what was told ends as the
//! tree does, and nothing is told that did not change.

use std::collections::BTreeMap;

use notify::Event as Told;
use proptest::prelude::*;
use tokio::sync::mpsc::UnboundedReceiver;

use super::super::history::{Hand, Op, begin, content_of, histories, tree_of};
use super::*;
use crate::engine::Action;
use crate::runtime::Clock;
use crate::stack::{Reaction, Service, Then, WatchRule};
use crate::telemetry::Telemetry;

/// A worker whose time and kernel are made by hand, and a container that is given what it tells.
struct Bench {
    worker: Worker,
    root: PathBuf,
    events: UnboundedReceiver<Event>,
    container: BTreeMap<PathBuf, Vec<u8>>,
    now: Moment,
    untold: Vec<Told>,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("root");
        begin(&root);
        let (tell, events) = mpsc::unbounded_channel();
        let wires = Wires {
            events: tell,
            telemetry: Arc::new(Telemetry::default()),
            clock: Clock::start(),
        };
        let (_, inbox) = std::sync::mpsc::channel();
        let tree = Tree::new(None, 0);
        let mut worker = Worker::new(wires, mpsc::unbounded_channel().0, inbox, tree);
        let (answer, _) = oneshot::channel();
        worker.watch(recipe(&root), answer);
        // All were read when there was time.
        for (path, print) in &mut worker.tree.files {
            *print = Print::whole(path).unwrap();
        }
        Self {
            worker,
            container: tree_of(&root),
            root,
            events,
            now: Moment::from_millis(1000),
            untold: Vec::new(),
            _folder: folder,
        }
    }

    fn act(&mut self, op: &Op) {
        self.now = self.now + Duration::from_millis(3);
        match op {
            Op::Arrive(chance) => self.arrive(*chance),
            Op::Quiet => self.quiet(),
            _ => {
                let tree = &self.worker.tree;
                let untold = &mut self.untold;
                let mut tell = |kind, paths: &[&Path]| {
                    // Of a file in a folder that nobody watches yet, nobody is told.
                    let is_watched =
                        |path: &&Path| path.parent().is_some_and(|up| tree.watches(up));
                    if paths.iter().any(is_watched) {
                        let told = paths.iter().map(|path| path.to_path_buf());
                        untold.push(told.fold(Told::new(kind), Told::add_path));
                    }
                };
                let mut hand = Hand {
                    root: &self.root,
                    tell: &mut tell,
                };
                hand.act(op);
            }
        }
    }

    /// What is told arrives in some order, some of it twice; and what is lost is said to be.
    fn arrive(&mut self, chance: u64) {
        let mut told = std::mem::take(&mut self.untold);
        let mut rng = chance;
        let mut next = |below: usize| {
            rng = rng
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(rng >> 33).unwrap() % below.max(1)
        };
        for index in 1..told.len() {
            if next(4) == 0 {
                told.swap(index - 1, index);
            }
        }
        for index in 0..told.len() {
            if next(6) == 0 {
                told.push(told[index].clone());
            }
        }
        if next(5) == 0 {
            let from = next(told.len());
            told.truncate(from);
            told.push(Told::new(EventKind::Other).set_flag(Flag::Rescan));
        }
        for one in told {
            self.worker.told(Ok(one), self.now);
        }
    }

    /// Nothing arrives for long enough.
    fn quiet(&mut self) {
        while let Some(burst) = &self.worker.burst {
            self.now = self.now.max(burst.over_at());
            // Not what else is due: nobody polls here, so that what is missed stays missed.
            self.worker.settle(self.now);
            self.give();
        }
    }

    /// The container is given what was told, and everything that was told is new to it.
    fn give(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            let Event::Changed { change } = event else {
                panic!("{event:?}");
            };
            for (_, action) in change.actions {
                let Action::Sync { copies, .. } = action else {
                    panic!("{action:?}");
                };
                for copy in copies {
                    let path = self.root.join(copy.to.strip_prefix("/app/").unwrap());
                    let now = copy.from.as_deref().and_then(content_of);
                    let before = match &now {
                        Some(now) => self.container.insert(path.clone(), now.clone()),
                        None => self.container.remove(&path),
                    };
                    assert_ne!(before, now, "{} was told without a change", path.display());
                }
            }
        }
    }
}

fn recipe(root: &Path) -> Recipe {
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
    let mut stack = Stack {
        directory: root.parent().unwrap().into(),
        ..Stack::default()
    };
    stack.services.insert("app".into(), service);
    Recipe {
        stack: Arc::new(stack),
        ..Recipe::default()
    }
}

/// Found at random: the file was seen when what was told of the old folder was settled, before the new one was watched.
#[test]
fn a_file_that_ends_before_its_new_folder_is_watched_is_told() {
    let mut bench = Bench::new();
    let history = [
        Op::RemoveFolder("d".into()),
        Op::Arrive(0),
        Op::Write("d/a".into(), 0),
        Op::Quiet,
        Op::Delete("d/a".into()),
        Op::Arrive(0),
        Op::Quiet,
    ];
    for op in &history {
        bench.act(op);
    }
    assert_eq!(bench.container, tree_of(&bench.root));
}

/// As `sed -i` and many editors save.
#[test]
fn a_file_renamed_into_its_place_is_settled_as_soon_as_one_written_there() {
    let mut bench = Bench::new();
    let (file, new) = (bench.root.join("a"), bench.root.join("a.new"));
    std::fs::write(&new, "renamed").unwrap();
    std::fs::rename(&new, &file).unwrap();
    let moved = |mode| EventKind::Modify(ModifyKind::Name(mode));
    let steps = [
        (EventKind::Create(CreateKind::File), &new),
        (
            EventKind::Access(AccessKind::Close(AccessMode::Write)),
            &new,
        ),
        (moved(RenameMode::From), &new),
        (moved(RenameMode::To), &file),
    ];
    for (kind, path) in steps {
        let told = Told::new(kind).add_path(path.clone());
        bench.worker.told(Ok(told), bench.now);
    }
    let over = bench.worker.burst.as_ref().unwrap().over_at();
    assert!(over.since(bench.now) <= Duration::from_millis(15));
    bench.quiet();
    assert_eq!(bench.container, tree_of(&bench.root));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_told_ends_as_the_tree_does(history in histories(60)) {
        let mut bench = Bench::new();
        for op in &history {
            bench.act(op);
        }
        bench.act(&Op::Arrive(u64::MAX));
        bench.quiet();
        prop_assert_eq!(&bench.container, &tree_of(&bench.root));
        // All of it once more changes nothing.
        bench.worker.told(Ok(Told::new(EventKind::Other).set_flag(Flag::Rescan)), bench.now);
        bench.quiet();
        prop_assert_eq!(&bench.container, &tree_of(&bench.root));
    }

    #[test]
    fn what_ends_as_it_was_before_it_was_quiet_is_not_told(history in histories(30)) {
        let mut bench = Bench::new();
        let before = tree_of(&bench.root);
        for op in history.iter().filter(|op| !matches!(op, Op::Quiet)) {
            bench.act(op);
        }
        for path in tree_of(&bench.root).keys().filter(|path| !before.contains_key(*path)) {
            let name = path.strip_prefix(&bench.root).unwrap().to_string_lossy().into_owned();
            bench.act(&Op::Delete(name));
        }
        for (path, content) in &before {
            let name = path.strip_prefix(&bench.root).unwrap().to_string_lossy().into_owned();
            let number = [b"one".as_slice(), b"two"].iter().position(|text| content.starts_with(text));
            let number = u8::try_from(number.unwrap_or(2)).unwrap();
            bench.act(&Op::Write(name, number));
        }
        bench.act(&Op::Arrive(u64::MAX));
        bench.now = bench.now + Duration::from_secs(1);
        let told_before = bench.container.clone();
        bench.quiet();
        prop_assert_eq!(&bench.container, &before);
        prop_assert_eq!(&told_before, &before);
    }
}
