//! Watching real folders: bursts, touches, folders that come and go, trees that are left alone.
#![expect(clippy::unwrap_used, reason = "a failure fails the test that asked")]

#[path = "support/corpus.rs"]
mod corpus;
#[path = "watch_kit/editors.rs"]
mod editors;
mod watch_kit;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use boatyard::adapters::watch::WatchNews;
use boatyard::engine::{Action, SyncCopy};
use boatyard::stack::{Reaction, Runtime, Stack, Then, WatchRule};
use watch_kit::Scene;

#[tokio::test]
async fn a_save_is_told_with_its_time_and_what_it_asks() {
    let mut scene = Scene::process(&[("app.py", "one")]).await;
    let before = scene.clock.now();
    scene.write("app.py", "two");
    let change = scene.change().await;
    assert_eq!(scene.names(&change), ["app.py"]);
    assert_eq!(change.actions, [("app".into(), Action::Restart)]);
    assert!(before <= change.first_save && change.first_save <= change.last_save);
    assert!(change.last_save <= scene.clock.now());
}

#[tokio::test]
async fn what_leaves_the_content_as_it_was_causes_nothing() {
    let mut scene = Scene::process(&[("app.py", "zero"), ("other", "")]).await;
    scene.write("app.py", "one");
    scene.changed().await;
    let file = scene.path("app.py");
    File::open(&file)
        .unwrap()
        .set_modified(SystemTime::now())
        .unwrap();
    scene.nothing_has_changed().await;
    scene.write("app.py", "one");
    scene.nothing_has_changed().await;
    scene.write("app.py", "two");
    scene.write("app.py", "one");
    scene.nothing_has_changed().await;
    fs::rename(&file, scene.path("elsewhere")).unwrap();
    fs::rename(scene.path("elsewhere"), &file).unwrap();
    scene.nothing_has_changed().await;
    for name in [
        "app.py~",
        ".app.py.swp",
        "4913",
        "#app.py#",
        "__pycache__/app.pyc",
        "node_modules/a/b",
    ] {
        scene.write(name, "x");
    }
    symlink("me@here.1", scene.path(".#app.py")).unwrap();
    scene.nothing_has_changed().await;
}

#[tokio::test]
async fn a_touch_of_a_file_that_was_never_saved_causes_nothing_once_it_was_read() {
    let mut scene = Scene::process(&[("app.py", "one")]).await;
    // Files are read ahead when there is time; how long that takes is not told, so a touch may count at first.
    let mut counted = 0;
    loop {
        let file = File::open(scene.path("app.py")).unwrap();
        file.set_modified(SystemTime::now()).unwrap();
        match scene.change_within(Duration::from_millis(150)).await {
            None => break,
            Some(_) => counted += 1,
        }
        assert!(counted <= 1, "a touch counted twice");
    }
    scene.write("app.py", "two");
    assert_eq!(scene.changed().await, ["app.py"]);
}

#[tokio::test]
async fn what_git_puts_away_and_takes_out_again_ends_as_it_was() {
    let mut scene = Scene::process(&[("app.py", "one"), ("other.py", "same")]).await;
    let root = scene.path("");
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"];
        let mut git = std::process::Command::new("git");
        git.args(identity).args(arguments).current_dir(&root);
        let done = git.output().expect("git is here");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{arguments:?}: {said}");
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
    scene.write("app.py", "two");
    assert_eq!(scene.changed().await, ["app.py"]);
    // Whoever is slow between the two sees the file as it is then, and again as it was.
    git(&["stash", "-q"]);
    git(&["stash", "pop", "-q"]);
    let mut told = 0;
    while let Some(change) = scene.change_within(Duration::from_millis(700)).await {
        assert_eq!(scene.names(&change), ["app.py"]);
        told += 1;
    }
    assert!(told == 0 || told == 2, "told {told} times");
    assert_eq!(fs::read_to_string(scene.path("app.py")).unwrap(), "two");
    git(&["stash", "-q"]);
    assert_eq!(scene.changed().await, ["app.py"]);
    git(&["checkout", "-q", "-b", "same"]);
    scene.nothing_has_changed().await;
}

#[tokio::test]
async fn deletions_renames_and_modes_are_changes() {
    let mut scene =
        Scene::synced(&[("a", "a"), ("b", "b"), ("deep/c", "c"), ("deep/er/d", "d")]).await;
    fs::remove_file(scene.path("a")).unwrap();
    scene.expect_copies(&["-/app/a"]).await;
    fs::rename(scene.path("b"), scene.path("b2")).unwrap();
    scene.expect_copies(&["-/app/b", "+/app/b2"]).await;
    fs::rename(scene.path("deep"), scene.path("moved")).unwrap();
    scene
        .expect_copies(&[
            "-/app/deep/c",
            "-/app/deep/er/d",
            "+/app/moved/c",
            "+/app/moved/er/d",
        ])
        .await;
    scene.write("moved/er/d", "after the move");
    scene.expect_copies(&["+/app/moved/er/d"]).await;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(scene.path("b2"), mode).unwrap();
    scene.expect_copies(&["+/app/b2"]).await;
    fs::remove_dir_all(scene.path("moved")).unwrap();
    scene
        .expect_copies(&["-/app/moved/c", "-/app/moved/er/d"])
        .await;
    let outside = tempfile::tempdir_in(scene.path("..")).unwrap();
    fs::create_dir(outside.path().join("in")).unwrap();
    fs::write(outside.path().join("in/e"), "e").unwrap();
    fs::rename(outside.path().join("in"), scene.path("in")).unwrap();
    scene.expect_copies(&["+/app/in/e"]).await;
    fs::rename(scene.path("in"), outside.path().join("out")).unwrap();
    scene.expect_copies(&["-/app/in/e"]).await;
}

#[tokio::test]
async fn files_in_new_folders_are_never_missed() {
    let mut scene = Scene::process(&[("app.py", "")]).await;
    for round in 0..20 {
        let deep = format!("new{round}/a/b/c/d");
        scene.write(&format!("{deep}/file"), "first");
        assert_eq!(scene.changed().await, [format!("{deep}/file")]);
        scene.write(&format!("{deep}/file"), "second");
        assert_eq!(scene.changed().await, [format!("{deep}/file")]);
    }
}

#[tokio::test]
async fn a_folder_that_is_deleted_and_made_again_stays_watched() {
    let mut scene = Scene::process(&[]).await;
    for name in ["a", "b", "in/c"] {
        scene.write(&format!("src/{name}"), &name[name.len() - 1..]);
        assert_eq!(scene.changed().await, [format!("src/{name}")]);
    }
    for _ in 0..10 {
        fs::remove_dir_all(scene.path("src")).unwrap();
        for (name, text) in [("src/a", "a"), ("src/b", "b"), ("src/in/c", "c")] {
            scene.write(name, text);
        }
        scene.nothing_has_changed().await;
    }
    fs::remove_dir_all(scene.path("src")).unwrap();
    scene.write("src/a", "a");
    assert_eq!(scene.changed().await, ["src/b", "src/in/c"]);
    scene.write("src/a", "new");
    assert_eq!(scene.changed().await, ["src/a"]);
}

#[tokio::test]
async fn a_root_may_be_missing_be_made_later_and_be_replaced() {
    let mut scene = Scene::new(&[("x", "")], |root| {
        let mut service = watch_kit::synced(&root.join("not/yet/src"));
        service.watch.push(WatchRule {
            path: root.join("one.conf"),
            reaction: Reaction::Restart,
            ignore: Vec::new(),
            include: Vec::new(),
            initial_sync: false,
        });
        vec![service]
    })
    .await;
    scene.write("not/yet/src/a", "a");
    assert_eq!(scene.changed().await, ["not/yet/src/a"]);
    scene.write("one.conf", "1");
    assert_eq!(scene.changed().await, ["one.conf"]);
    fs::rename(scene.path("not/yet"), scene.path("not/old")).unwrap();
    assert_eq!(scene.changed().await, ["not/yet/src/a"]);
    scene.write("not/yet/src/b", "b");
    assert_eq!(scene.changed().await, ["not/yet/src/b"]);
    scene.write("other.conf", "1");
    scene.write("one.conf", "2");
    assert_eq!(scene.changed().await, ["one.conf"]);
}

#[tokio::test]
async fn a_folder_far_above_a_root_may_be_renamed_and_come_again() {
    let mut scene = Scene::new(&[("a/b/c/src/file", "1")], |root| {
        vec![watch_kit::synced(&root.join("a/b/c/src"))]
    })
    .await;
    for round in 0..3 {
        fs::rename(scene.path("a"), scene.path(&format!("old{round}"))).unwrap();
        scene.expect_copies(&["-/app/file"]).await;
        scene.write(
            &format!("old{round}/b/c/src/file"),
            "nobody looks here any more",
        );
        scene.write("a/b/c/src/file", "1");
        scene.expect_copies(&["+/app/file"]).await;
        scene.write("a/b/c/src/file", "2");
        scene.expect_copies(&["+/app/file"]).await;
    }
    fs::remove_dir_all(scene.path("a")).unwrap();
    scene.expect_copies(&["-/app/file"]).await;
    scene.write("a/b/c/src/file", "3");
    scene.expect_copies(&["+/app/file"]).await;
}

#[tokio::test]
async fn so_may_one_that_lies_outside_of_the_stacks_folder() {
    let beside = tempfile::tempdir().unwrap();
    let base = beside.path().canonicalize().unwrap().join("base");
    let file = base.join("b/src/file");
    watch_kit::write(&file, "1");
    let mut scene = Scene::new(&[], |_| vec![watch_kit::synced(&base.join("b/src"))]).await;
    fs::rename(&base, beside.path().join("old")).unwrap();
    scene.expect_copies(&["-/app/file"]).await;
    watch_kit::write(&file, "1");
    scene.expect_copies(&["+/app/file"]).await;
    watch_kit::write(&file, "2");
    scene.expect_copies(&["+/app/file"]).await;
}

#[tokio::test]
async fn what_no_rule_takes_of_a_build_context_is_watched() {
    let files = [
        ("src/a", "1"),
        ("lib/deep/b", "1"),
        (".dockerignore", "*.md\n"),
    ];
    let mut scene = Scene::new(&files, |root| {
        let mut service = watch_kit::built(root);
        service.watch = watch_kit::synced(&root.join("src")).watch;
        vec![service]
    })
    .await;
    scene.write("lib/deep/b", "2");
    assert_eq!(
        scene.change().await.actions,
        [("app".into(), Action::Rebuild)]
    );
    scene.write("src/a", "2");
    scene.expect_copies(&["+/app/a"]).await;
    scene.write("README.md", "2");
    scene.write("Dockerfile", "FROM scratch");
    let change = scene.change().await;
    assert_eq!(scene.names(&change), ["Dockerfile"]);
    scene.write(".dockerignore", "lib\n");
    assert_eq!(scene.changed().await, [".dockerignore"]);
    scene.write("lib/deep/b", "3");
    scene.write("README.md", "3");
    assert_eq!(scene.changed().await, ["README.md"]);
}

#[tokio::test]
async fn what_containers_of_other_peoples_images_lack_is_told_once_for_each_set_of_rules() {
    let files = [
        ("conf/a", ""),
        ("conf/d/b", ""),
        ("conf/c.bak", ""),
        ("src/x", ""),
    ];
    let mut scene = Scene::new(&files, |root| {
        let mut service = watch_kit::synced(&root.join("conf"));
        service.image = Some("nginx".into());
        service.watch[0].ignore.push("*.bak".into());
        let mut other = watch_kit::synced(&root.join("src"));
        other.name = "other".into();
        vec![service, other]
    })
    .await;
    let stack = Arc::clone(&scene.stack);
    for _ in 0..2 {
        scene.watcher.watch(&stack, |_| None).await.unwrap();
    }
    assert_eq!(scene.found().await, ["/app/a", "/app/d/b"]);
    scene.write("conf/a", "new");
    scene.expect_copies(&["+/app/a"]).await;
    let mut other = Stack::clone(&stack);
    other.services[0].watch[0].ignore = vec!["d".into()];
    scene
        .watcher
        .watch(&Arc::new(other), |_| None)
        .await
        .unwrap();
    assert_eq!(scene.found().await, ["/app/a", "/app/c.bak"]);
    let found = boatyard::adapters::watch::find(&stack);
    assert_eq!(found.len(), 1, "the same for those who do not watch");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_files_are_one_change() {
    let mut scene = Scene::process(&[("app.py", "")]).await;
    let began = Instant::now();
    for folder in 0..100 {
        let path = scene.path(&format!("d{folder}"));
        fs::create_dir(&path).unwrap();
        for file in 0..100 {
            fs::write(path.join(file.to_string()), "x").unwrap();
        }
    }
    let took = began.elapsed();
    let first = scene.change().await;
    assert_eq!(first.actions, [("app".into(), Action::Restart)]);
    assert!(first.paths.len() <= 200, "a few are named");
    let mut changes = 1;
    while scene
        .change_within(Duration::from_millis(700))
        .await
        .is_some()
    {
        changes += 1;
    }
    // One, unless writing them took longer than a burst may last.
    let most = 1 + took.as_millis() / 500;
    assert!(changes <= most, "{changes} changes in {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn writing_without_end_does_not_starve() {
    let mut scene = Scene::process(&[("app.py", "")]).await;
    let over = Arc::new(AtomicBool::new(false));
    let writer = {
        let (over, path) = (Arc::clone(&over), scene.path("app.py"));
        thread::spawn(move || {
            let mut number = 0_u64;
            while !over.load(Ordering::Relaxed) {
                number += 1;
                fs::write(&path, number.to_string()).unwrap();
                thread::sleep(Duration::from_millis(5));
            }
            number
        })
    };
    let mut last = None;
    for _ in 0..4 {
        let change = scene.change().await;
        let now = scene.clock.now();
        let waited = now.since(change.first_save);
        assert!(
            waited < Duration::from_millis(1500),
            "told {waited:?} after its first save"
        );
        if let Some(last) = last {
            assert!(change.first_save >= last, "each save belongs to one change");
        }
        last = Some(change.last_save);
    }
    over.store(true, Ordering::Relaxed);
    writer.join().unwrap();
}

#[tokio::test]
async fn a_slow_writer_is_waited_for() {
    let mut scene = Scene::synced(&[("big", "old")]).await;
    let mut file = OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(scene.path("big"))
        .unwrap();
    for _ in 0..8 {
        file.write_all(b"piece ").unwrap();
        assert!(
            scene
                .change_within(Duration::from_millis(40))
                .await
                .is_none(),
            "half of it was told"
        );
    }
    drop(file);
    assert_eq!(scene.changed().await, ["big"]);
}

#[tokio::test]
async fn ignored_trees_are_not_watched() {
    let files: Vec<(String, &str)> = (0..20_000)
        .map(|number| {
            (
                format!("app/data/{}/{}/f{number}", number % 100, number % 7),
                "",
            )
        })
        .chain([
            ("app/.gitignore".into(), "data\n"),
            ("app/src/app.py".into(), ""),
        ])
        .chain((0..500).map(|number| (format!("app/node_modules/{number}/i.js"), "")))
        .chain((0..50).map(|number| (format!("app/.git/objects/{number}/x"), "")))
        .chain([("big/a/b/c/file".into(), "")])
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), *text))
        .collect();
    let mut scene = Scene::new(&files, |root| vec![watch_kit::process(&root.join("app"))]).await;
    // The folder above, the service's own, and src.
    assert_eq!((scene.watched.folders, scene.watched.polled), (3, 0));
    assert_eq!(inotify_watches_at_most(), 3);
    scene.write("app/data/1/1/f1", "new");
    scene.write("big/a/b/c/file", "new");
    scene.write("app/src/app.py", "new");
    assert_eq!(scene.changed().await, ["app/src/app.py"]);
    // The rules change, and what is watched with them.
    scene.write("app/.gitignore", "node_modules\n");
    let watched = scene.watcher.watch(&scene.stack, |_| None).await.unwrap();
    assert!(
        watched.folders > 700 && watched.files > 20_000,
        "{watched:?}"
    );
    scene.write("app/data/1/1/f1", "newer");
    // On a busy machine the rules may be part of the same change.
    let changed = scene.changed().await;
    assert!(changed.contains(&"app/data/1/1/f1".into()), "{changed:?}");
}

/// The kernel's own count for the fullest inotify instance of this process with few watches: other tests run beside.
fn inotify_watches_at_most() -> usize {
    let infos = fs::read_dir("/proc/self/fdinfo").unwrap().flatten();
    let counts = infos.filter_map(|info| {
        let text = fs::read_to_string(info.path()).ok()?;
        let count = text
            .lines()
            .filter(|line| line.starts_with("inotify "))
            .count();
        (count > 0).then_some(count)
    });
    counts.filter(|count| *count == 3).max().unwrap_or(0)
}

#[tokio::test]
async fn another_plan_touches_only_what_differs() {
    let mut scene = Scene::new(&[("a/x", ""), ("b/y", "")], |root| {
        vec![watch_kit::process(&root.join("a"))]
    })
    .await;
    scene.write("b/y", "1");
    scene.write("a/x", "1");
    assert_eq!(scene.changed().await, ["a/x"]);
    let mut stack = Stack::clone(&scene.stack);
    let mut other = watch_kit::process(&scene.path("b"));
    other.name = "other".into();
    stack.services.insert("other".into(), other);
    let stack = Arc::new(stack);
    // A save under way is not lost by it.
    scene.write("a/x", "2");
    scene
        .watcher
        .watch(&stack, |_| Some(Runtime::Process))
        .await
        .unwrap();
    assert_eq!(scene.changed().await, ["a/x"]);
    scene.write("b/y", "2");
    let change = scene.change().await;
    assert_eq!(change.actions, [("other".into(), Action::Restart)]);
    let nothing = Arc::new(Stack {
        services: indexmap::IndexMap::new(),
        ..Stack::clone(&stack)
    });
    let watched = scene.watcher.watch(&nothing, |_| None).await.unwrap();
    assert_eq!(
        (watched.folders, watched.files),
        (1, 0),
        "only the stack file's folder"
    );
}

#[tokio::test]
async fn the_stack_file_is_told_apart() {
    let mut scene = Scene::process(&[("boatyard.toml", "one"), ("app.py", "")]).await;
    scene.write("boatyard.toml", "two");
    let WatchNews::StackSaved { paths, .. } = scene.news().await else {
        panic!("another piece of news");
    };
    assert_eq!(paths, [scene.path("boatyard.toml")]);
    scene.nothing_has_changed().await;
    scene.write("boatyard.toml", "two");
    scene.nothing_has_changed().await;
    scene.no_news();
    fs::remove_file(scene.path("boatyard.toml")).unwrap();
    assert!(matches!(scene.news().await, WatchNews::StackSaved { .. }));
}

#[tokio::test]
async fn links_are_files_and_lead_nowhere() {
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("far"), "").unwrap();
    let mut scene = Scene::process(&[("v1", "1"), ("v2", "2")]).await;
    symlink("v1", scene.path("current")).unwrap();
    assert_eq!(scene.changed().await, ["current"]);
    symlink("v2", scene.path("next")).unwrap();
    fs::rename(scene.path("next"), scene.path("current")).unwrap();
    assert_eq!(scene.changed().await, ["current"]);
    symlink(elsewhere.path(), scene.path("far")).unwrap();
    assert_eq!(scene.changed().await, ["far"]);
    fs::write(elsewhere.path().join("far"), "new").unwrap();
    symlink(scene.path("."), scene.path("loop")).unwrap();
    assert_eq!(scene.changed().await, ["loop"]);
    scene.nothing_has_changed().await;
}

#[tokio::test]
async fn one_file_may_concern_several_services() {
    let mut scene = Scene::new(&[("shared/lib.py", "")], |root| {
        let mut second = watch_kit::synced(&root.join("shared"));
        second.name = "second".into();
        vec![watch_kit::process(root), second]
    })
    .await;
    scene.write("shared/lib.py", "new");
    let change = scene.change().await;
    let copy = SyncCopy::new(Some(scene.path("shared/lib.py")), "/app/lib.py");
    let sync = Action::Sync {
        copies: vec![copy],
        then: Then::Nothing,
    };
    assert_eq!(
        change.actions,
        [("app".into(), Action::Restart), ("second".into(), sync)]
    );
}

/// The real program, without a session and without an engine.
#[test]
fn why_answers_on_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let stack = "[services.api]\nrun = \"true\"\ndirectory = \"api\"\n";
    watch_kit::write(&root.join("boatyard.toml"), stack);
    watch_kit::write(&root.join("api/.gitignore"), "made/\n");
    let why = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_boatyard"));
        let output = command
            .arg("why")
            .args(arguments)
            .arg("-C")
            .arg(&root)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text)
    };
    let (code, text) = why(&["api/app.py", "api/made/", "api/made/x"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        text,
        "api/app.py
  api  is restarted: its folder, api
api/made
  api  leaves it alone: api/.gitignore:1 keeps it out of its folder: made/
api/made/x
  api  leaves it alone: api/.gitignore:1 keeps it out of its folder: made/
"
    );
    let (code, text) = why(&["--json", "elsewhere"]);
    assert_eq!(code, Some(0));
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["watched"][0]["at"][0]["kind"], "folder");
    assert_eq!(why(&[]).0, Some(2), "a path is needed");
}
