//! First stack files, as they are written from what is found.

use std::path::{Path, PathBuf};

use super::{InitError, init};
use crate::config::{Options, Severity, load};
use crate::corpus::corpus;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    folder
}

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
    let folder = folder(&[
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
version: "3"
x-common: &common
  restart: unless-stopped
  environment: { LEVEL: info, PASS: }
services:
  web:
    <<: *common
    build: { context: ./web, args: { BASE: "${BASE:-slim}" }, cache_from: [x] }
    container_name: shop_web
    ports: ["8080:80", { target: 443, published: "8443", mode: host }, "6000-6010:80"]
    depends_on:
      db: { condition: service_healthy }
      seed: { condition: service_completed_successfully, restart: true }
    networks: [front]
    develop:
      watch: [{ action: sync, path: ./web, target: /app, ignore: [x/] }]
  db:
    image: postgres:16
    command: postgres -c 'max_connections=100'
    environment: ["A=1", "B", "T={{a.b}}"]
    healthcheck: { test: ["CMD-SHELL", "pg_isready -U $$USER"], interval: 5s, retries: 3 }
    volumes: ["data:/var/lib", "./web:/w:ro,z", { type: tmpfs, target: /tmp, tmpfs: { size: 1 } }]
    deploy: { replicas: 2, resources: {} }
    restart: "on-failure:3"
  seed:
    image: seed
    depends_on: [db]
    profiles: [tools]
  nothing: { hostname: x }
volumes:
  data:
  other: { external: true }
networks:
  front:
configs: {}
"#;

const FROM_COMPOSE: &str = r#"# The stack of this folder. "boatyard check" reads it, "boatyard up" runs it.
# Made by "boatyard init" from compose.yaml.
# nothing: not carried over: hostname
# the service nothing has neither build nor image, and is left out
# volume other: external not carried over
# networks (front) not carried over: all services share one network
# top-level configs not carried over
# job/Dockerfile belongs to no service of compose.yaml

name = "shop"

[services.web]
build = { context = "./web", args = { BASE = "${BASE:-slim}" } }
ports = [
  "8080:80",
  { target = 443, published = "8443" },
]
depends_on = { db = "ready", seed = { condition = "completed", restart = true } }
watch = [
  { action = "sync", path = "./web", target = "/app", ignore = ["x/"] },
]
restart = "unless-stopped"
environment = ["LEVEL=info", "PASS"]
# not carried over: build.cache_from
# not carried over: container_name
# not carried over: ports.mode
# not carried over: port 6000-6010:80
# not carried over: networks

[services.db]
image = "postgres:16"
command = "postgres -c 'max_connections=100'"
environment = ["A=1", "B", 'T=\{{a.b}}']
health = { exec = "pg_isready -U $$USER", interval = "5s", retries = 3 }
volumes = [
  "data:/var/lib",
  "./web:/w:ro",
  { type = "tmpfs", target = "/tmp" },
]
replicas = 2
restart = "on-failure"
# not carried over: the option z of volume ./web:/w:ro,z
# not carried over: volumes.tmpfs
# not carried over: deploy.resources
# not carried over: the limit of restart: on-failure:3

[services.seed]
image = "seed"
depends_on = { db = "started" }
profiles = ["tools"]

[volumes]
data = {}
other = {}
"#;

#[test]
fn a_compose_file_is_carried_over_and_what_is_not_is_named() {
    let folder = folder(&[
        ("compose.yaml", COMPOSE),
        ("web/Dockerfile", "FROM scratch\n"),
        ("job/Dockerfile", "FROM scratch\n"),
    ]);
    let outcome = init(folder.path()).unwrap();
    assert_eq!(outcome.text, FROM_COMPOSE);
    assert_eq!(
        problems_of(folder.path(), &outcome.text),
        Vec::<String>::new()
    );
}

#[test]
fn a_folder_that_has_a_stack_file_is_refused() {
    let folder = folder(&[("boatyard.toml", ""), ("Dockerfile", "FROM scratch\n")]);
    let error = init(folder.path()).unwrap_err();
    assert_eq!(
        error,
        InitError::AlreadyThere(folder.path().join("boatyard.toml"))
    );
}

#[test]
fn a_folder_with_nothing_in_it_is_refused() {
    let folder = folder(&[("readme.md", "")]);
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
        let folder = folder(&[("compose.yml", text)]);
        let error = init(folder.path()).unwrap_err();
        assert!(
            matches!(error, InitError::Unreadable { .. }),
            "{text:?}: {error}"
        );
    }
}

/// Compose files of public projects that the reference accepts, if they are at hand.
fn public_compose_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = corpus("compose").into_iter().collect();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(".expected.json") {
                found.push(PathBuf::from(
                    path.to_string_lossy().trim_end_matches(".expected.json"),
                ));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn public_compose_files_become_files_that_are_understood() {
    let files = public_compose_files();
    if files.is_empty() {
        return;
    }
    let mut wrong = Vec::new();
    let mut refused = 0;
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let draft = match super::compose::propose(&text, "compose.yaml") {
            Ok(draft) => draft,
            Err(why) => {
                let expected = why.starts_with("no service in it has build or image");
                assert!(expected, "{}: {why}", file.display());
                refused += 1;
                continue;
            }
        };
        let written = draft.write();
        let source = super::Source::new("boatyard.toml".into(), written.clone());
        let options = Options {
            profiles: vec!["*".into()],
            ..Options::default()
        };
        let loaded = super::read(&source, &file.with_file_name("boatyard.toml"), &options);
        let about_the_world = [
            "must not be empty",
            "there is no folder",
            "cannot be read",
            "is required",
            "there is no such file",
            "of this machine is used",
            "which is not a service of this file",
            "not a variable",
            "a variable name cannot",
        ];
        for problem in loaded
            .problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
        {
            if !about_the_world
                .iter()
                .any(|known| problem.message.contains(known))
            {
                wrong.push(format!("{}\n{}", file.display(), problem.render(false)));
            }
        }
    }
    assert!(
        refused * 20 < files.len(),
        "{refused} of {} refused",
        files.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
