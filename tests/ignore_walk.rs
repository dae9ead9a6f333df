//! The walk of a context, and what a builder selects from it, against the cases of fsutil's own tests.

#[path = "support/corpus.rs"]
mod corpus;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use boatyard::adapters::build::{ContextCache, EntryKind, Selection, Tree, TreeError, select};
use boatyard::adapters::ignore_rules::DockerIgnore;
use corpus::corpus;
use serde_json::Value;

fn walk(root: &Path, rules: &str) -> Result<Tree, TreeError> {
    let (rules, cache) = (DockerIgnore::parse(rules), ContextCache::default());
    Tree::walk(root, &rules, &cache, &AtomicBool::new(false))
}

fn paths(tree: &Tree) -> Vec<&str> {
    tree.entries
        .iter()
        .map(|entry| entry.path.as_str())
        .collect()
}

fn strings(value: &Value) -> Vec<String> {
    let list = value.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

#[test]
fn selections_of_the_table() {
    let Some(table) = corpus("dockerignore.json") else {
        return;
    };
    let table: Value = serde_json::from_slice(&fs::read(table).unwrap()).unwrap();
    let cases = table["dockerignore_trees"].as_array().unwrap();
    let mut seen = 0;
    for case in cases.iter().filter(|case| case["kind"] == "walk") {
        let folder = tempfile::tempdir().unwrap();
        for entry in case["entries"].as_array().unwrap() {
            let place = folder.path().join(entry[0].as_str().unwrap());
            if entry[1] == "dir" {
                fs::create_dir_all(place).unwrap();
            } else {
                fs::create_dir_all(place.parent().unwrap()).unwrap();
                fs::write(place, "x").unwrap();
            }
        }
        let tree = walk(folder.path(), "").unwrap();
        let selection = Selection {
            include: strings(&case["include"]),
            exclude: strings(&case["exclude"]),
            follow: Vec::new(),
        };
        let kind = |entry: &EntryKind| {
            if *entry == EntryKind::Folder {
                "dir"
            } else {
                "file"
            }
        };
        let selected: Vec<_> = select(&tree, &selection)
            .iter()
            .map(|entry| (kind(&entry.kind).to_owned(), entry.path.clone()))
            .collect();
        let wanted = case["walk_output"].as_array().unwrap().iter();
        let wanted: Vec<_> = wanted
            .map(strings)
            .map(|pair| (pair[0].trim().to_owned(), pair[1].clone()))
            .collect();
        assert_eq!(selected, wanted, "{case}");
        seen += 1;
    }
    assert!(seen > 10);
}

#[test]
fn excluded_folders_are_not_even_read() {
    let folder = tempfile::tempdir().unwrap();
    for path in [
        "a/keep",
        "node_modules/x",
        "vendor/ours/y",
        "vendor/theirs/z",
    ] {
        fs::create_dir_all(folder.path().join(path)).unwrap();
        fs::write(folder.path().join(path).join("file"), path).unwrap();
    }
    // A name that cannot be sent would end the walk if its folder were entered.
    let bad = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff");
    fs::write(folder.path().join("node_modules").join(bad), "").unwrap();
    fs::write(folder.path().join("vendor/theirs").join(bad), "").unwrap();
    let tree = walk(folder.path(), "node_modules\nvendor\n!vendor/ours\n").unwrap();
    assert_eq!(
        paths(&tree),
        [
            "a",
            "a/keep",
            "a/keep/file",
            "vendor",
            "vendor/ours",
            "vendor/ours/y",
            "vendor/ours/y/file"
        ]
    );
    let error = walk(folder.path(), "vendor\n").unwrap_err().to_string();
    assert!(
        error.contains("not UTF-8") && error.contains(".dockerignore"),
        "{error}"
    );
    assert!(
        walk(folder.path(), "vendor\n**/*\u{fffd}\n").is_ok(),
        "an excluded name may be anything"
    );
}

#[test]
fn order_is_by_component_and_kinds_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    for path in ["a/b", "a.b", "a-b", "B", "a/c/d"] {
        let place = folder.path().join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, "x").unwrap();
    }
    symlink("a/b", folder.path().join("link")).unwrap();
    fs::set_permissions(folder.path().join("B"), PermissionsExt::from_mode(0o4711)).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    let tree = walk(folder.path(), "").unwrap();
    assert_eq!(
        paths(&tree),
        ["B", "a", "a/b", "a/c", "a/c/d", "a-b", "a.b", "link"]
    );
    assert_eq!(tree.entry("B").unwrap().mode, 0o4711);
    assert_eq!(
        tree.entry("link").unwrap().kind,
        EntryKind::Link {
            target: "a/b".into()
        }
    );
    assert_eq!(tree.entry("a/c/d").unwrap().path, "a/c/d");
    assert_eq!(tree.entry("nothing"), None);
    assert_eq!(tree.skipped, ["socket"]);
}

#[test]
fn followed_paths_bring_what_their_links_lead_to() {
    let folder = tempfile::tempdir().unwrap();
    for path in ["real/deep/file", "other/x", "sub/y", "sub/z"] {
        let place = folder.path().join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, "x").unwrap();
    }
    symlink("real", folder.path().join("link")).unwrap();
    symlink("../other/x", folder.path().join("sub/to-other")).unwrap();
    symlink("loop2", folder.path().join("loop1")).unwrap();
    symlink("loop1", folder.path().join("loop2")).unwrap();
    symlink("../../../outside", folder.path().join("up")).unwrap();
    let tree = walk(folder.path(), "").unwrap();
    let table: [(&str, &[&str]); 6] = [
        (
            "link/deep",
            &["link", "real", "real/deep", "real/deep/file"],
        ),
        ("sub/to-*", &["other", "other/x", "sub", "sub/to-other"]),
        ("loop1", &["loop1", "loop2"]),
        ("/sub/y", &["sub", "sub/y"]),
        ("up", &["up"]),
        ("nothing", &[]),
    ];
    for (follow, wanted) in table {
        let selection = Selection {
            follow: vec![follow.into()],
            ..Selection::default()
        };
        let selected: Vec<&str> = select(&tree, &selection)
            .iter()
            .map(|entry| entry.path.as_str())
            .collect();
        assert_eq!(selected, wanted, "{follow}");
    }
    let everything = Selection {
        follow: vec![".".into()],
        ..Selection::default()
    };
    assert_eq!(select(&tree, &everything).len(), tree.entries.len());
}

#[test]
fn a_context_that_is_not_there_and_a_cancelled_walk_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = walk(&folder.path().join("gone"), "")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("gone") && error.contains("`build`"),
        "{error}"
    );
    let stop = AtomicBool::new(true);
    let walked = Tree::walk(
        folder.path(),
        &DockerIgnore::default(),
        &ContextCache::default(),
        &stop,
    );
    assert!(matches!(walked, Err(TreeError::Cancelled)));
}
