//! Whole answers about a small stack.

use std::fs;

use super::*;
use crate::config;

const STACK: &str = r#"
[services.web]
build = "web"
run = "true"

[services.orders]
build = "orders"
watch = [
  { path = "orders/src", action = "sync", target = "/app/src", then = "restart", ignore = ["*.tmp"] },
  { path = "orders/conf", action = "sync", target = "/etc/orders" },
]

[services.api]
run = "true"
directory = "api"

[services.db]
image = "postgres"
"#;

fn told(choice: RuntimeArg, as_json: bool, paths: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    for (name, text) in [
        ("boatyard.toml", STACK),
        ("web/Dockerfile", "FROM scratch\n"),
        ("web/.dockerignore", "*.md\n"),
        ("web/.gitignore", "\nmade\n"),
        ("orders/Dockerfile", "FROM scratch\n"),
        ("orders/src/app.py", ""),
        ("orders/conf/a", ""),
        ("api/app.py", ""),
    ] {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), text).unwrap();
    }
    let loaded = config::load(&config::Options {
        directory: Some(root.clone()),
        ..config::Options::default()
    });
    let paths: Vec<PathBuf> = paths.iter().map(|path| root.join(path)).collect();
    let stack = loaded.stack.unwrap();
    let story = story(&stack, choice, &paths, root.clone(), loaded.rules);
    let text = if as_json {
        json::lines(&story)
    } else {
        words::lines(&story)
    };
    text.replace(&format!("{}/", root.display()), "")
}

fn check(choice: RuntimeArg, paths: &[&str], expected: &str) {
    assert_eq!(told(choice, false, paths), expected);
}

#[test]
fn what_differs_between_a_container_and_a_process_is_said_for_both() {
    check(
        RuntimeArg::Auto,
        &["web/app.py", "web/README.md", "web/made", "web/.gitignore"],
        "web/app.py
  web     is rebuilt (as a container): its build context, web
  web     is restarted (as a process): its folder, web
web/README.md
  web     leaves it alone (as a container): web/.dockerignore:1 keeps it out of its build context: *.md
  web     is restarted (as a process): its folder, web
web/made
  web     is rebuilt (as a container): its build context, web
  web     leaves it alone (as a process): web/.gitignore:2 keeps it out of its folder: made
web/.gitignore
  web     is rebuilt (as a container): its build context, web
  web     leaves it alone (as a process): it holds ignore rules, which are read again
",
    );
    check(
        RuntimeArg::Engine,
        &["web/app.py", "api/app.py"],
        "web/app.py
  web     is rebuilt: its build context, web
api/app.py
  nothing watches it
watched are:
  web     web (build context)
  orders  orders/src (watch rule 1), orders/conf (watch rule 2), orders (build context)
  db      nothing
",
    );
    check(
        RuntimeArg::Process,
        &["web/app.py", "orders/src/app.py"],
        "web/app.py
  web  is restarted: its folder, web
orders/src/app.py
  nothing watches it
watched are:
  web  web (folder)
  api  api (folder)
",
    );
}

#[test]
fn rules_are_told_with_their_place() {
    check(
        RuntimeArg::Auto,
        &[
            "orders/src/app.py",
            "orders/src/x.tmp",
            "orders/conf/a",
            "orders/Dockerfile",
            "orders/go.mod",
            "boatyard.toml",
        ],
        "orders/src/app.py
  orders  gets it as /app/src/app.py, then is restarted: watch rule 1 (boatyard.toml:9), path orders/src
orders/src/x.tmp
  orders  leaves it alone: watch rule 1 (boatyard.toml:9) leaves out *.tmp
orders/conf/a
  orders  gets it as /etc/orders/a: watch rule 2 (boatyard.toml:10), path orders/conf
orders/Dockerfile
  orders  is rebuilt: its image is made by it
  the stack is read again, and what differs is applied
orders/go.mod
  orders  is rebuilt: its build context, orders
boatyard.toml
  the stack is read again, and what differs is applied
",
    );
}

#[test]
fn a_path_that_nobody_watches_is_told_where_one_looks() {
    check(
        RuntimeArg::Auto,
        &["notes.txt"],
        "notes.txt
  nothing watches it
watched are:
  web     web (build context) (as a container)
  web     web (folder) (as a process)
  orders  orders/src (watch rule 1), orders/conf (watch rule 2), orders (build context)
  api     api (folder)
  db      nothing
",
    );
}

#[test]
fn programs_are_told_the_same_one_object_a_line() {
    let text = told(
        RuntimeArg::Auto,
        true,
        &["orders/src/app.py", "web/README.md", "notes\u{1b}.txt"],
    );
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(
        lines[0]["services"],
        serde_json::json!([{
            "service": "orders", "runtime": null, "does": "sync", "target": "/app/src/app.py", "then": "restart",
            "because": { "kind": "rule", "rule": 1, "place": "boatyard.toml:9", "root": "orders/src" },
        }])
    );
    assert_eq!(
        lines[1]["services"],
        serde_json::json!([
            {
                "service": "web", "runtime": "container", "does": "nothing", "entered": false,
                "left_out": [{
                    "by": "line", "file": "web/.dockerignore", "line": 1, "pattern": "*.md",
                    "of": { "kind": "context", "root": lines[1]["services"][0]["left_out"][0]["of"]["root"] },
                }],
            },
            {
                "service": "web", "runtime": "process", "does": "restart",
                "because": { "kind": "folder", "root": lines[1]["services"][1]["because"]["root"] },
            },
        ])
    );
    assert_eq!(lines[2]["services"], serde_json::json!([]));
    assert_eq!(lines[2]["watched"].as_array().unwrap().len(), 5);
    let shown = told(RuntimeArg::Auto, false, &["notes\u{1b}.txt"]);
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}
