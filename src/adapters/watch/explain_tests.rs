//! Tables: a path, and why it means what it means.

use std::fs;

use super::*;
use crate::stack::{Build, CommandWords, Reaction, Service, Then, WatchRule};

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    for (name, text) in [
        ("boatyard.toml", ""),
        (".gitignore", "# made\n\n/api/out/\n*.tmp\n!keep.tmp\n"),
        ("web/Dockerfile", ""),
        (
            "web/.dockerignore",
            "# docs\n*.md\n!README.md\nlogs\n!logs/keep\n",
        ),
        ("api/src/app.py", ""),
        ("api/sub/.gitignore", "*.bin\n"),
        ("api/inner/app.py", ""),
    ] {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    (folder, root)
}

fn process(name: &str, folder: PathBuf) -> Service {
    let mut service = Service::named(name);
    service.run = Some(CommandWords::Shell("true".into()));
    service.directory = folder;
    service
}

fn stack(root: &Path) -> Stack {
    let web = root.join("web");
    let mut built = Service::named("web");
    built.build = Some(Build {
        inline: None,
        dockerfile: web.join("Dockerfile"),
        context: web.clone(),
        target: None,
        args: Vec::new(),
        secrets: Vec::new(),
        labels: Vec::new(),
        network: None,
        no_cache: false,
        pull: false,
    });
    built.watch = vec![WatchRule {
        path: web.join("src"),
        reaction: Reaction::Sync {
            target: "/app".into(),
            then: Then::Restart,
        },
        ignore: vec!["*.test.js".into(), "gen/".into()],
        include: Vec::new(),
        initial_sync: false,
    }];
    let mut stack = Stack {
        directory: root.to_owned(),
        file: root.join("boatyard.toml"),
        ..Stack::default()
    };
    for service in [
        built,
        process("api", root.join("api")),
        process("inner", root.join("api/inner")),
        process("top", root.to_owned()),
    ] {
        stack.services.insert(service.name.clone(), service);
    }
    stack
}

/// `web: rule 1 of web/src: sync /app/a.js`, `api: not folder of api: line .gitignore:3 /api/out/`.
fn short(explained: &Explained, root: &Path) -> Vec<String> {
    let inside = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
    let ground = |ground: &Ground| format!("{:?} {}", ground.why, inside(&ground.root));
    let exclusion = |exclusion: &Exclusion| match exclusion {
        Exclusion::Line(line) => format!("{}:{} {}", inside(&line.file), line.line, line.text),
        other => format!("{other:?}"),
    };
    let verdict = |verdict: &Verdict| match verdict {
        Verdict::Counts {
            ground: of, action, ..
        } => {
            let action = match action {
                Action::Sync { copies, then } => format!("sync {} {then:?}", copies[0].to),
                other => format!("{other:?}"),
            };
            format!("{}: {action}", ground(of))
        }
        Verdict::LeftOut { by, entered } => {
            let by = by
                .iter()
                .map(|(of, why)| format!("not {}: {}", ground(of), exclusion(why)));
            let entered = if *entered { ", entered" } else { "" };
            format!("{}{entered}", by.collect::<Vec<_>>().join(", "))
        }
    };
    let mut lines: Vec<String> = explained
        .services
        .iter()
        .map(|(name, said)| format!("{name} {}", verdict(said)))
        .collect();
    lines.extend(explained.reloads.then(|| "reloads".to_owned()));
    lines
}

/// Paths, and what is said of each.
const TABLE: &[(&str, &[&str])] = &[
    (
        "web/src/a.js",
        &[
            "web Rule(1) web/src: sync /app/a.js Restart",
            "top not Folder : OtherService(ServiceName(\"web\"))",
        ],
    ),
    (
        "web/src/a.test.js",
        &["web not Rule(1) web/src: Pattern(\"*.test.js\")"],
    ),
    (
        "web/src/gen/x",
        &["web not Rule(1) web/src: Pattern(\"gen/\")"],
    ),
    (
        "web/Dockerfile",
        &["web Dockerfile web/Dockerfile: Rebuild"],
    ),
    (
        "web/.dockerignore",
        &["web IgnoreFile web/.dockerignore: Rebuild"],
    ),
    ("web/package.json", &["web Context web: Rebuild"]),
    ("web/README.md", &["web Context web: Rebuild"]),
    (
        "web/more.md",
        &["web not Context web: web/.dockerignore:2 *.md"],
    ),
    (
        "web/logs/a",
        &["web not Context web: web/.dockerignore:4 logs"],
    ),
    (
        "web/logs/",
        &["web not Context web: web/.dockerignore:4 logs, entered"],
    ),
    ("web/.git/index", &["web not Context web: Git"]),
    ("web/package.json~", &["web not Context web: Temporary"]),
    (
        "api/src/app.py",
        &[
            "api Folder api: Restart",
            "top not Folder : OtherService(ServiceName(\"api\"))",
        ],
    ),
    ("api/out/x", &["api not Folder api: .gitignore:3 /api/out/"]),
    ("api/out/", &["api not Folder api: .gitignore:3 /api/out/"]),
    ("api/a.tmp", &["api not Folder api: .gitignore:4 *.tmp"]),
    ("api/keep.tmp", &["api Folder api: Restart"]),
    (
        "api/sub/a.bin",
        &["api not Folder api: api/sub/.gitignore:1 *.bin"],
    ),
    (
        "api/node_modules/a/b.js",
        &["api not Folder api: FilledByTools(\"node_modules\")"],
    ),
    ("api/debug.log", &["api not Folder api: Log"]),
    ("api/.gitignore", &["api not Folder api: IgnoreFile"]),
    (
        "api/inner/app.py",
        &[
            "api not Folder api: OtherService(ServiceName(\"inner\"))",
            "inner Folder api/inner: Restart",
        ],
    ),
    ("api/src", &["api Folder api: Restart"]),
    ("boatyard.toml", &["top not Folder : StackFile", "reloads"]),
];

#[test]
fn each_path_is_answered_with_its_reason() {
    let (_folder, root) = folder();
    let stack = stack(&root);
    for (path, expected) in TABLE {
        let explanation = explain(&stack, |_| None, &[root.join(path)]);
        let mut found = short(&explanation.paths[0], &root);
        // What is another's is said of the service at the top each time; once is enough to read.
        if !expected.iter().any(|line| line.starts_with("top")) {
            found.retain(|line| !line.starts_with("top"));
        }
        assert_eq!(found, *expected, "{path}");
    }
    let far = explain(&stack, |_| None, &["/nowhere/at/all".into()]);
    assert!(far.paths[0].services.is_empty() && !far.paths[0].reloads);
    assert_eq!(far.watched.len(), 4);
}

#[test]
fn the_way_to_a_path_may_be_a_link_and_the_path_too() {
    let (_folder, root) = folder();
    let stack = stack(&root);
    std::os::unix::fs::symlink(root.join("api"), root.join("short")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", root.join("api/link")).unwrap();
    for asked in ["short/src/app.py", "api/src/../src/app.py", "short/link"] {
        let explanation = explain(&stack, |_| None, &[root.join(asked)]);
        let found = short(&explanation.paths[0], &root);
        assert_eq!(found[0], "api Folder api: Restart", "{asked}");
    }
}
