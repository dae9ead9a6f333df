//! When the kernel tells too little: lost events, and folders that it will not watch.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// A kernel that is not as it should be.
struct Kernel {
    /// It has at most so many watches.
    most: usize,
    /// It is asked on every file system whether it tells of anything.
    is_doubted: bool,
    /// It tells of nothing.
    is_deaf: bool,
}

const GOOD: Kernel = Kernel {
    most: usize::MAX,
    is_doubted: false,
    is_deaf: false,
};

/// A process service over this folder.
fn scene(root: &Path, kernel: &Kernel) -> Scene {
    disturbed(root, kernel, |messages| messages)
}

/// The same; what the kernel tells passes through a channel that is made from the worker's own.
fn disturbed(
    root: &Path,
    kernel: &Kernel,
    disturb: impl FnOnce(blocking::Sender<Message>) -> blocking::Sender<Message>,
) -> Scene {
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
    let (messages, inbox) = blocking::channel();
    let heard = if kernel.is_deaf {
        blocking::channel().0
    } else {
        disturb(messages.clone())
    };
    let mut tree = Tree::new(native(&wires, heard), kernel.most);
    tree.mounts.trusts_none = kernel.is_doubted;
    Scene {
        clock: wires.clock.clone(),
        watcher: Watcher::over(wires, tell_news, (messages, inbox), tree).unwrap(),
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
    let mut scene = scene(&root, &GOOD);
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
    let mut scene = scene(&root, &Kernel { most: 3, ..GOOD });
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

#[tokio::test]
async fn a_mount_of_which_nothing_is_told_is_polled_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap().join("root");
    fs::create_dir_all(root.join("src")).unwrap();
    fs::write(root.join("src/a"), "one").unwrap();
    let kernel = Kernel {
        is_doubted: true,
        is_deaf: true,
        ..GOOD
    };
    let mut scene = scene(&root, &kernel);
    let before = scene.watcher.watch(&scene.stack, |_| None).await.unwrap();
    assert_eq!((before.folders, before.polled), (3, 0), "trusted at first");
    // Saved before anybody knows.
    fs::write(root.join("src/a"), "two").unwrap();
    let WatchNews::Problem { what, .. } = scene.news.recv().await.unwrap() else {
        panic!("another piece of news");
    };
    assert!(what.contains("no word of it came"), "{what}");
    assert_eq!(scene.changed().await, [root.join("src/a")]);
    fs::create_dir(root.join("new")).unwrap();
    fs::write(root.join("new/b"), "b").unwrap();
    assert_eq!(scene.changed().await, [root.join("new/b")]);
    let after = scene.watcher.watch(&scene.stack, |_| None).await.unwrap();
    assert_eq!((after.folders, after.polled), (4, 4));
    assert!(scene.news.try_recv().is_err(), "said once");
}

#[tokio::test]
async fn a_canary_that_is_heard_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap().join("root");
    fs::create_dir(&root).unwrap();
    let kernel = Kernel {
        is_doubted: true,
        ..GOOD
    };
    let mut scene = scene(&root, &kernel);
    scene.watcher.watch(&scene.stack, |_| None).await.unwrap();
    let all = |folder: &Path| fs::read_dir(folder).unwrap().count();
    assert_eq!((all(&root), all(folder.path())), (0, 1));
    fs::write(root.join("a"), "one").unwrap();
    assert_eq!(scene.changed().await, [root.join("a")], "and nothing else");
    let after = scene.watcher.watch(&scene.stack, |_| None).await.unwrap();
    assert_eq!((after.folders, after.polled), (2, 0));
}

#[tokio::test]
async fn what_is_saved_between_the_wish_to_watch_and_the_watching_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    for name in ["a", "b"] {
        fs::write(root.join(name), "one").unwrap();
    }
    let mut scene = scene(&root, &GOOD);
    // As if the thread had been long about it: it was asked before what is saved now.
    let asked = SystemTime::now();
    while fs::metadata(root.join("a")).unwrap().modified().unwrap() <= asked {
        fs::write(root.join("a"), "two").unwrap();
    }
    for _ in 0..2 {
        let (answer, answered) = oneshot::channel();
        let recipe = Recipe {
            stack: Arc::clone(&scene.stack),
            asked: Some(asked),
            ..Recipe::default()
        };
        let message = Message::Watch(recipe, answer);
        scene.watcher.messages.send(message).unwrap();
        answered.await.unwrap();
    }
    assert_eq!(scene.changed().await, [root.join("a")]);
}

/// Passes on what the kernel tells with some of it lost, some twice, and some after what followed, until it is told to be good.
fn disturb(
    messages: blocking::Sender<Message>,
    is_good: Arc<AtomicBool>,
) -> blocking::Sender<Message> {
    let (kernel, told) = blocking::channel();
    thread::spawn(move || {
        let mut late: Option<Message> = None;
        let mut chance = 1_u64;
        while let Ok(message) = told.recv() {
            chance = chance
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let twice = match &message {
                Message::Told(Ok(event), at) => Some(Message::Told(Ok(event.clone()), *at)),
                _ => None,
            };
            match (chance >> 33) % 8 {
                _ if is_good.load(Ordering::SeqCst) => drop(messages.send(message)),
                0 => {}
                1 => {
                    drop(messages.send(message));
                    twice.map(|twice| messages.send(twice));
                }
                2 if late.is_none() => late = Some(message),
                _ => {
                    drop(messages.send(message));
                    late.take().map(|late| messages.send(late));
                }
            }
        }
    });
    kernel
}

/// The real kernel, and real time: the fewest cases that meet everything.
#[test]
fn a_real_kernel_whose_word_is_disturbed_is_understood_in_the_end() {
    let config = proptest::test_runner::Config {
        cases: 24,
        failure_persistence: None,
        ..proptest::test_runner::Config::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let outcome = runner.run(&history::histories(40), |history| {
        runtime.block_on(live_through(&history));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

async fn live_through(acts: &[history::Op]) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap().join("root");
    history::begin(&root);
    let mut held = history::tree_of(&root);
    let is_good = Arc::new(AtomicBool::new(false));
    let good = Arc::clone(&is_good);
    let mut scene = disturbed(&root, &GOOD, |messages| disturb(messages, good));
    scene.watcher.watch(&scene.stack, |_| None).await.unwrap();
    let mut hand = history::Hand {
        root: &root,
        tell: &mut |_, _| {},
    };
    for act in acts {
        hand.act(act);
        // What is told meanwhile is taken as it is by then.
        while let Ok(event) = scene.events.try_recv() {
            take(event, &mut held);
        }
        tokio::task::yield_now().await;
    }
    is_good.store(true, Ordering::SeqCst);
    let lost = Ok(notify::Event::new(EventKind::Other).set_flag(Flag::Rescan));
    let at = scene.clock.now();
    scene
        .watcher
        .messages
        .send(Message::Told(lost, at))
        .unwrap();
    fs::write(root.join("last"), "").unwrap();
    while !held.contains_key(&root.join("last")) {
        let event = timeout(Duration::from_secs(30), scene.events.recv()).await;
        take(event.unwrap().unwrap(), &mut held);
    }
    assert_eq!(held, history::tree_of(&root), "{acts:?}");
}

/// A restart reads what was named: as it is by now.
fn take(event: Event, held: &mut BTreeMap<PathBuf, Vec<u8>>) {
    let Event::Changed { change } = event else {
        panic!("{event:?}");
    };
    for path in change.paths {
        match history::content_of(&path) {
            Some(content) => drop(held.insert(path, content)),
            None => drop(held.remove(&path)),
        }
    }
}
