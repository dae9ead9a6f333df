//! First stack files, as they are written from what is found.

use std::path::Path;

use super::{InitError, init};
use crate::config::tests::folder_of;
use crate::config::{Options, load};

/// What is said about the proposal once it is saved.
fn problems_of(folder: &Path, text: &str) -> Vec<String> {
    std::fs::write(folder.join("boatyard.toml"), text).unwrap();
    let loaded = load(&Options {
        directory: Some(folder.to_path_buf()),
        profiles: vec!["*".into()],
        ..Options::default()
    });
    loaded
        .problems
        .iter()
        .map(|problem| problem.render(false))
        .collect()
}

const FROM_DOCKERFILES: &str = r#"[services.orders]
build = "services/orders"
ports = ["8080:8080", "9090:9090"]
# health = { http = ":8080/healthz" }
# depends_on = []
# How it runs as a plain process, when there is no container engine:
# run = "python3 app.py"

[services.web]
build = "services/web"
# ports = ["8000:8000"]      # HOST:CONTAINER; its Dockerfile has no EXPOSE
# health = { http = ":8000/healthz" }
# depends_on = []

[services.web-2]
build = "web"
ports = ["8081:80"]
# health = { http = ":80/healthz" }
# depends_on = []
# How it runs as a plain process, when there is no container engine:
# run = "nginx -g 'daemon off;'"
"#;

#[test]
fn dockerfiles_become_services() {
    let folder = folder_of(&[
        (
            "web/Dockerfile",
            "FROM scratch\nEXPOSE 80\nCMD [\"nginx\", \"-g\", \"daemon off;\"]\n",
        ),
        (
            "services/orders/Dockerfile",
            "FROM scratch\nEXPOSE 8080 9090/tcp\nCMD python3 app.py\n",
        ),
        ("services/web/Dockerfile", "FROM scratch\n"),
        ("node_modules/x/Dockerfile", "FROM scratch\n"),
        (".git/x/Dockerfile", "FROM scratch\n"),
        ("a/b/c/d/Dockerfile", "FROM scratch\n"),
    ]);
    let outcome = init(folder.path()).unwrap();
    assert_eq!(
        outcome.found,
        [
            "services/orders/Dockerfile",
            "services/web/Dockerfile",
            "web/Dockerfile"
        ]
    );
    assert_eq!(outcome.notes, Vec::<String>::new());
    let (_, services) = outcome.text.split_once("\n\n").unwrap();
    let (_, services) = services.split_once("\n\n").unwrap();
    assert_eq!(services, FROM_DOCKERFILES);
    assert_eq!(
        problems_of(folder.path(), &outcome.text),
        Vec::<String>::new()
    );
    // Every suggestion is a line that works once its # is gone.
    let lines = outcome
        .text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.contains(" = ") => rest,
            _ => line,
        });
    let all: Vec<&str> = lines.collect();
    let all = all.join("\n");
    assert_eq!(
        problems_of(folder.path(), &all),
        Vec::<String>::new(),
        "{all}"
    );
}

const COMPOSE: &str = r#"
name: shop
services:
  web:
    build: ./web
    ports: ["8080:80"]
    depends_on: { db: { condition: service_healthy } }
  db:
    image: postgres:16
    healthcheck: { test: ["CMD-SHELL", "pg_isready -U $$USER"], interval: 5s }
  cache:
    image: redis
    expose: [6379]
  worker:
    build: { context: ./web, target: worker }
    develop:
      watch: [{ action: rebuild, path: ./web }]
"#;

const BESIDE_COMPOSE: &str = r#"# The stack of this folder. "boatyard check" reads it, "boatyard up" runs it.
# Made by "boatyard init" from compose.yaml, compose.override.yaml.

compose = ["compose.yaml", "compose.override.yaml"]

[services.web]
# health = { http = ":80/healthz" }
# sync = "auto"      # saved files are put into the containers at once
# How it runs as a plain process, when there is no container engine:
# run = "python3 app.py"

[services.cache]
# health = { tcp = 6379 }

[services.worker]
# How it runs as a plain process, when there is no container engine:
# run = "python3 worker.py"

# [[smoke]]
# name = "web answers"
# request = { url = "http://web/" }
# expect = { status = 200 }
"#;

#[test]
fn beside_compose_files_a_stack_file_builds_on_them() {
    let dockerfile =
        "FROM scratch AS worker\nCMD python3 worker.py\nFROM scratch\nCMD python3 app.py\n";
    let folder = folder_of(&[
        ("compose.yaml", COMPOSE),
        (
            "compose.override.yaml",
            "services: { web: { environment: { A: b } } }\n",
        ),
        ("web/Dockerfile", dockerfile),
    ]);
    let outcome = init(folder.path()).unwrap();
    assert_eq!(outcome.text, BESIDE_COMPOSE);
    assert_eq!(outcome.notes, Vec::<String>::new());
    assert_eq!(
        problems_of(folder.path(), &outcome.text),
        Vec::<String>::new()
    );
    // Every suggestion is a line that works once its # is gone.
    let all: String = outcome
        .text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.contains(" = ") || rest.starts_with("[[") => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert_eq!(
        problems_of(folder.path(), &all),
        Vec::<String>::new(),
        "{all}"
    );
}

#[test]
fn a_folder_that_has_a_stack_file_is_refused() {
    let folder = folder_of(&[("boatyard.toml", ""), ("Dockerfile", "FROM scratch\n")]);
    let error = init(folder.path()).unwrap_err();
    assert_eq!(
        error,
        InitError::AlreadyThere(folder.path().join("boatyard.toml"))
    );
}

#[test]
fn a_folder_with_nothing_in_it_is_refused() {
    let folder = folder_of(&[("readme.md", "")]);
    let error = init(folder.path()).unwrap_err();
    assert!(matches!(error, InitError::NothingFound(_)), "{error}");
}

#[test]
fn a_compose_file_that_is_not_yaml_is_refused() {
    for text in [
        "a: [",
        "\t",
        "- a\n",
        "services: {}\n",
        "a: &x [*x]",
        "{{{{",
    ] {
        let folder = folder_of(&[("compose.yml", text)]);
        let error = init(folder.path()).unwrap_err();
        assert!(
            matches!(error, InitError::Unreadable { .. }),
            "{text:?}: {error}"
        );
    }
}
