//! When the kernel watches too little: the rest is polled.

use std::fs;
use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::engine::Event;
use crate::runtime::Clock;
use crate::stack::{CommandWords, Service};
use crate::telemetry::Telemetry;

#[tokio::test]
async fn what_the_kernel_will_not_watch_is_polled_and_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    for name in ["a", "b", "c", "d"] {
        fs::create_dir(root.join(name)).unwrap();
        fs::write(root.join(name).join("file"), "one").unwrap();
    }
    let mut service = Service::named("app");
    service.run = Some(CommandWords::Shell("true".into()));
    service.directory.clone_from(&root);
    let mut stack = Stack::default();
    stack.services.insert("app".into(), service);
    let (tell, mut events) = mpsc::unbounded_channel();
    let (tell_news, mut news) = mpsc::unbounded_channel();
    let wires = Wires {
        events: tell,
        telemetry: Arc::new(Telemetry::default()),
        clock: Clock::start(),
    };
    let watcher = Watcher::with_most(wires, tell_news, 3).unwrap();
    let stack = Arc::new(stack);
    let watched = watcher.watch(&stack, |_| None).await.unwrap();
    // The folder above, the root, and a to d.
    assert_eq!((watched.folders, watched.polled), (3, 3));
    let WatchNews::Problem { what, remedy } = news.recv().await.unwrap() else {
        panic!("another piece of news");
    };
    assert!(
        what.contains("3 folders are looked at once a second"),
        "{what}"
    );
    assert!(remedy.contains("fs.inotify.max_user_watches"), "{remedy}");
    let mut change = async || match timeout(Duration::from_secs(30), events.recv()).await {
        Ok(Some(Event::Changed { change })) => change.paths,
        other => panic!("{other:?}"),
    };
    for name in ["a", "b", "c", "d"] {
        let file = root.join(name).join("file");
        fs::write(&file, "two").unwrap();
        assert_eq!(change().await, [file.clone()], "saved");
        let new = root.join(name).join("new");
        fs::write(&new, "new").unwrap();
        assert_eq!(change().await, [new], "new");
        fs::remove_file(&file).unwrap();
        assert_eq!(change().await, [file], "deleted");
    }
    watcher.watch(&stack, |_| None).await.unwrap();
    assert!(news.try_recv().is_err(), "said once");
}
