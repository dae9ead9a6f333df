//! How 34 programs save a file, acted out again call by call: each ends in exactly one right change.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::thread;
use std::time::Duration;

use boatyard::engine::Action;
use boatyard::stack::Service;
use serde::Deserialize;

use crate::corpus::corpus;
use crate::watch_kit::{self, Scene};

/// One way to save, as it was traced.
#[derive(Debug, Clone, Deserialize)]
struct Way {
    name: String,
    ops: Vec<String>,
}

const SAVED: &str = "main.rs";
const NEW: &str = "new line\nnew line\nnew line\n";

fn ways() -> Option<Vec<Way>> {
    let text = fs::read(corpus("editor-saves.json")?).unwrap();
    Some(serde_json::from_slice(&text).unwrap())
}

/// Acts a way out in a folder. Some writes were not traced (they went through a copied descriptor); they are made up for
/// when the file is closed.
struct Actor<'a> {
    folder: &'a Path,
    open: BTreeMap<String, Open>,
    /// Time between two calls.
    pace: Duration,
}

struct Open {
    file: File,
    made_for_writing: bool,
    written: bool,
}

impl Actor<'_> {
    fn act(&mut self, ops: &[String]) {
        for op in ops {
            let (call, arguments) = op.trim_end_matches(')').split_once('(').unwrap();
            let arguments: Vec<&str> = arguments.split(", ").collect();
            self.one(call, &arguments);
            thread::sleep(self.pace);
        }
        assert!(self.open.is_empty(), "left open");
        let saved = fs::read_to_string(self.folder.join(SAVED)).unwrap();
        assert!(
            saved.contains("new line"),
            "the way was acted out wrongly: {saved:?}"
        );
    }

    fn one(&mut self, call: &str, arguments: &[&str]) {
        let path = self.folder.join(arguments[0]);
        match call {
            "open" => self.open(arguments[0], arguments[1]),
            "write" | "copy_file_range" => self.write(arguments[0]),
            "close" => self.close(arguments[0]),
            "ftruncate" => {
                if let Some(open) = self.open.get_mut(arguments[0]) {
                    let length = open.file.metadata().unwrap().len();
                    // vim and rsync cut to the new length after or before writing; a lone cut empties.
                    open.file
                        .set_len(if open.written { length } else { 0 })
                        .unwrap();
                    open.made_for_writing = false;
                }
            }
            "rename" | "renameat" => fs::rename(path, self.folder.join(arguments[1])).unwrap(),
            "unlink" | "unlinkat" => fs::remove_file(path).unwrap(),
            "linkat" => fs::hard_link(path, self.folder.join(arguments[1])).unwrap(),
            "symlink" => symlink(arguments[0], self.folder.join(arguments[1])).unwrap(),
            "chmod" | "fchmod" | "fchmodat" => {
                fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
            }
            "utimensat" => {
                let file = File::open(path).unwrap();
                file.set_modified(std::time::SystemTime::UNIX_EPOCH)
                    .unwrap();
            }
            "fsync" => self.open[arguments[0]].file.sync_all().unwrap(),
            "fchown" => {}
            other => panic!("what is {other}?"),
        }
    }

    fn open(&mut self, name: &str, flags: &str) {
        let has = |flag| flags.split('|').any(|one| one == flag);
        let is_creat = flags == "creat";
        let file = OpenOptions::new()
            .write(true)
            .append(has("O_APPEND"))
            .create(has("O_CREAT") || is_creat)
            .create_new(has("O_EXCL"))
            .open(self.folder.join(name))
            .unwrap();
        if has("O_TRUNC") || is_creat {
            file.set_len(0).unwrap();
        }
        let open = Open {
            file,
            made_for_writing: has("O_CREAT") && name == SAVED,
            written: false,
        };
        self.open.insert(name.into(), open);
    }

    fn write(&mut self, name: &str) {
        let open = self.open.get_mut(name).unwrap();
        if !open.written {
            open.file.write_all(NEW.as_bytes()).unwrap();
        }
        open.written = true;
    }

    fn close(&mut self, name: &str) {
        if self
            .open
            .get(name)
            .is_some_and(|open| open.made_for_writing && !open.written)
        {
            self.write(name);
        }
        self.open.remove(name);
    }
}

/// A service whose files are synced, one whose image is built of them, and one that runs as a process where they are.
fn every_kind(root: &Path) -> Vec<Service> {
    let mut built = watch_kit::built(root);
    built.name = "image".into();
    let mut process = watch_kit::process(root);
    process.name = "process".into();
    vec![watch_kit::synced(root), built, process]
}

async fn one_right_change(way: &Way, pace: Duration) {
    let mut files = vec![(SAVED, "fn main() {}\nsecond line\n"), ("beside.rs", "")];
    if way
        .ops
        .iter()
        .any(|op| op == "renameat(n, main.rs)" || op.starts_with("linkat(n,"))
    {
        files.push(("n", NEW));
    }
    if way.ops.iter().any(|op| op == "unlink(y)") {
        files.push(("y", "y"));
    }
    let mut scene = Scene::new(&files, every_kind).await;
    let folder = scene.path(".");
    let ops = way.ops.clone();
    let act = move || {
        Actor {
            folder: &folder,
            open: BTreeMap::new(),
            pace,
        }
        .act(&ops);
    };
    tokio::task::spawn_blocking(act).await.unwrap();
    let name = &way.name;
    let change = scene.change().await;
    let more = scene.change_within(Duration::from_millis(700)).await;
    assert!(more.is_none(), "{name}: {change:?}, and then {more:?}");
    let [(_, Action::Sync { copies, .. }), others @ ..] = change.actions.as_slice() else {
        panic!("{name}: {change:?}");
    };
    let expected = [
        ("image".into(), Action::Rebuild),
        ("process".into(), Action::Restart),
    ];
    assert_eq!(others, expected, "{name}");
    let saved: Vec<_> = copies
        .iter()
        .filter(|copy| copy.to == "/app/main.rs")
        .collect();
    assert!(
        matches!(saved.as_slice(), [copy] if copy.from.is_some()),
        "{name}: {copies:?}"
    );
    let others = copies
        .iter()
        .filter(|copy| !["/app/main.rs", "/app/n", "/app/y"].contains(&copy.to.as_str()));
    assert_eq!(others.count(), 0, "{name}: {copies:?}");
}

async fn all(pace: Duration) {
    let Some(ways) = ways() else { return };
    assert_eq!(ways.len(), 34);
    // Some at a time: each has a watcher of its own, and a busy machine would act them out unlike any editor.
    for some in ways.chunks(6) {
        let scenes = some.iter().map(|way| one_right_change(way, pace));
        futures_util::future::join_all(scenes).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_save_is_one_change() {
    all(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_save_at_an_editors_pace_is_one_change() {
    all(Duration::from_millis(2)).await;
}
