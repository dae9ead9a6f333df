//! Stack files as people write them: what they mean, and what is said about what is wrong in them.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot lay out its files must fail"
)]

use std::path::Path;
use std::time::Duration;

use boatyard::config::{Loaded, NotFound, Options, find, graph, load, read_files};
use boatyard::stack::{
    AddressPart, Build, Check, CheckKind, CommandWords, Condition, EnvValue, Fragment, Health,
    HttpExpect, HttpProbe, HttpRequest, Mount, MountKind, PortMapping, Probe, Protocol, Reaction,
    RequestBody, Service, Stack, Then, TraceExpect, WatchRule,
};
use indexmap::IndexMap;
use serde_json::json;

/// The example of the design, whole.
const SHOP: &str = r#"name = "shop"

[services.web]
build = "web"                              # a folder with a Dockerfile
ports = ["8080:8000"]
depends_on = ["orders"]
health = { http = "/healthz" }

[services.orders]
build = { context = "orders", args = { BASE = "${PYTHON_IMAGE:-python:3.12-slim}" } }
run = "python3 app.py"
environment = { PAYMENTS_URL = "{{payments.url}}" }
depends_on = { payments = "ready", seed = "completed" }
watch = [
  { path = "src", action = "sync", target = "/app/src", then = "restart" },
  { path = "requirements.txt", action = "rebuild" },
]
replicas = 2

[services.db]
image = "postgres:16"
health = { tcp = 5432 }
volumes = ["db:/var/lib/postgresql/data"]

[services.payments]
run = "python3 app.py"

[services.seed]
run = "python3 seed.py"

[[smoke]]
name = "an order can be placed"
request = { method = "POST", url = "http://web/orders", json = { sku = "tea", quantity = 1 } }
expect = { status = 201, json = { "$.state" = "paid" }, within = "500ms" }
trace = { through = ["web", "orders", "payments"], errors = 0 }
"#;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    folder
}

/// The example of the design, with the folders that it names.
fn shop() -> tempfile::TempDir {
    folder(&[
        ("boatyard.toml", SHOP),
        ("web/Dockerfile", "FROM scratch\n"),
        ("orders/Dockerfile", "FROM scratch\nEXPOSE 8000\n"),
        ("orders/src/app.py", ""),
        ("orders/requirements.txt", ""),
    ])
}

fn at(folder: &Path) -> Options {
    Options {
        directory: Some(folder.to_path_buf()),
        ..Options::default()
    }
}

fn said(loaded: &Loaded) -> Vec<String> {
    loaded
        .problems
        .iter()
        .map(|problem| problem.render(false))
        .collect()
}

fn words(line: &str) -> CommandWords {
    CommandWords::Shell(line.into())
}

fn build(root: &Path, name: &str, args: &[(&str, &str)]) -> Build {
    Build {
        inline: None,
        context: root.join(name),
        dockerfile: root.join(name).join("Dockerfile"),
        target: None,
        args: args
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect(),
        secrets: Vec::new(),
        labels: Vec::new(),
        network: None,
        no_cache: false,
        pull: false,
    }
}

fn web(root: &Path) -> Service {
    Service {
        build: Some(build(root, "web", &[])),
        directory: root.join("web"),
        ports: vec![PortMapping {
            address: [127, 0, 0, 1].into(),
            host: Some(8080),
            further: 0,
            container: 8000,
            protocol: Protocol::Tcp,
        }],
        depends_on: [("orders".into(), Condition::Ready)].into(),
        health: Some(Health::new(Probe::Http(HttpProbe {
            path: "/healthz".into(),
            port: None,
            status: None,
        }))),
        ..Service::named("web")
    }
}

fn orders(root: &Path) -> Service {
    Service {
        build: Some(build(root, "orders", &[("BASE", "python:3.12-slim")])),
        directory: root.join("orders"),
        run: Some(words("python3 app.py")),
        expose: vec![8000],
        environment: [(
            "PAYMENTS_URL".into(),
            EnvValue(vec![Fragment::Address("payments".into(), AddressPart::Url)]),
        )]
        .into(),
        depends_on: [
            ("payments".into(), Condition::Ready),
            ("seed".into(), Condition::Completed),
        ]
        .into(),
        watch: vec![
            WatchRule {
                path: root.join("orders/src"),
                reaction: Reaction::Sync {
                    target: "/app/src".into(),
                    then: Then::Restart,
                },
                ignore: Vec::new(),
                include: Vec::new(),
                initial_sync: false,
            },
            WatchRule {
                path: root.join("orders/requirements.txt"),
                reaction: Reaction::Rebuild,
                ignore: Vec::new(),
                include: Vec::new(),
                initial_sync: false,
            },
        ],
        replicas: 2,
        ..Service::named("orders")
    }
}

fn db(root: &Path) -> Service {
    Service {
        image: Some("postgres:16".into()),
        directory: root.to_path_buf(),
        health: Some(Health::new(Probe::Tcp { port: Some(5432) })),
        volumes: vec![Mount {
            kind: MountKind::Volume("db".into()),
            target: "/var/lib/postgresql/data".into(),
            read_only: false,
        }],
        init: false,
        ..Service::named("db")
    }
}

fn process(root: &Path, name: &str, line: &str) -> Service {
    Service {
        run: Some(words(line)),
        directory: root.to_path_buf(),
        init: false,
        ..Service::named(name)
    }
}

fn smoke_check() -> Check {
    Check {
        name: "an order can be placed".into(),
        kind: CheckKind::Http {
            request: HttpRequest {
                method: "POST".into(),
                url: "http://web/orders".into(),
                headers: IndexMap::new(),
                body: RequestBody::Json(json!({ "sku": "tea", "quantity": 1 })),
            },
            expect: HttpExpect {
                status: Some(201),
                json: [("$.state".into(), json!("paid"))].into(),
                within: Some(Duration::from_millis(500)),
                ..HttpExpect::default()
            },
        },
        retries: 0,
        retry_delay: Duration::from_millis(500),
        timeout: Duration::from_secs(10),
        trace: Some(TraceExpect {
            through: vec!["web".into(), "orders".into(), "payments".into()],
            errors: Some(0),
        }),
        faults: Vec::new(),
    }
}

#[test]
fn the_sample_of_the_design_is_read_whole() {
    let folder = shop();
    let root = folder.path();
    let loaded = load(&at(root));
    assert_eq!(said(&loaded), Vec::<String>::new());
    let services = [
        web(root),
        orders(root),
        db(root),
        process(root, "payments", "python3 app.py"),
        process(root, "seed", "python3 seed.py"),
    ];
    let stack = loaded.stack.unwrap();
    let expected = Stack {
        name: "shop".into(),
        directory: root.to_path_buf(),
        file: root.join("boatyard.toml"),
        also_read: [".env", "web/Dockerfile", "orders/Dockerfile"]
            .map(|name| root.join(name))
            .into(),
        services: services
            .into_iter()
            .map(|service| (service.name.clone(), service))
            .collect(),
        smoke: vec![smoke_check()],
        redact: Vec::new(),
        max_builds: stack.max_builds,
        ..Stack::default()
    };
    assert_eq!(stack, expected);
    assert!((2..=4).contains(&stack.max_builds));
}

#[test]
fn saving_another_file_changes_what_is_read() {
    let folder = folder(&[(
        "boatyard.toml",
        "[services.a]\nimage = \"x:${TAG:-1}\"\nenv_file = { path = \"a.env\", required = false }\n",
    )]);
    let root = folder.path();
    let read = || {
        let stack = load(&at(root)).stack.unwrap();
        let service = &stack.services[0];
        let names: Vec<String> = service.environment.keys().cloned().collect();
        (service.image.clone().unwrap(), names.join(" "))
    };
    assert_eq!(read(), ("x:1".into(), String::new()));
    std::fs::write(root.join(".env"), "TAG=2\n").unwrap();
    assert_eq!(read(), ("x:2".into(), String::new()));
    std::fs::write(root.join("a.env"), "A=1\nB=2\n").unwrap();
    assert_eq!(read(), ("x:2".into(), "A B".into()));
    let watched = read_files(&load(&at(root)));
    assert_eq!(
        watched,
        ["boatyard.toml", ".env", "a.env"].map(|name| root.join(name))
    );
}

#[test]
fn the_environment_wins_over_dotenv() {
    let folder = folder(&[
        ("boatyard.toml", "[services.a]\nimage = \"${A}-${B}\"\n"),
        (".env", "A=file\nB=${A}\n"),
    ]);
    let mut options = at(folder.path());
    options.environment.insert("A".into(), "process".into());
    let stack = load(&options).stack.unwrap();
    assert_eq!(stack.services[0].image.as_deref(), Some("process-process"));
}

#[test]
fn the_file_is_found_here_and_above_and_ours_goes_first() {
    let folder = folder(&[
        ("compose.yaml", "services: {}\n"),
        ("shop/boatyard.toml", ""),
        ("shop/web/docker-compose.yml", ""),
        ("shop/web/src/app.py", ""),
        ("other/docker-compose.yaml", ""),
        ("other/compose.yml", ""),
    ]);
    let root = folder.path();
    let found = |from: &str| {
        find(&at(&root.join(from))).map(|file| file.strip_prefix(root).unwrap().to_path_buf())
    };
    assert_eq!(found("shop").unwrap(), Path::new("shop/boatyard.toml"));
    assert_eq!(
        found("shop/web/src").unwrap(),
        Path::new("shop/boatyard.toml")
    );
    assert_eq!(found("other").unwrap(), Path::new("other/compose.yml"));
    assert_eq!(found(".").unwrap(), Path::new("compose.yaml"));
    let named = |file: &str| {
        find(&Options {
            files: vec![file.into()],
            ..at(root)
        })
    };
    assert_eq!(
        named("shop/../shop/boatyard.toml"),
        Ok(root.join("shop/boatyard.toml"))
    );
    assert_eq!(named("shop"), Ok(root.join("shop/boatyard.toml")));
    assert_eq!(
        named("none.toml"),
        Err(NotFound::Named(root.join("none.toml")))
    );
}

#[test]
fn what_cannot_be_read_is_said_with_a_remedy() {
    let folder = folder(&[("compose.yaml", "services: {}\n"), ("empty/x", "")]);
    let root = folder.path();
    let compose = load(&at(root));
    assert!(compose.stack.is_none());
    assert_eq!(compose.file, root.join("compose.yaml"));
    assert!(!said(&compose).is_empty());

    let named = load(&Options {
        files: vec!["none.toml".into()],
        ..at(root)
    });
    let expected = format!(
        "error: there is no file {}\n\
         help: check the path given with -f; it is relative to the current folder, or to -C\n",
        root.join("none.toml").display()
    );
    assert_eq!(said(&named), [expected]);
}

fn drawn(format: graph::Format) -> String {
    let folder = shop();
    let mut stack = load(&at(folder.path())).stack.unwrap();
    let web = stack.services.get_mut("web").unwrap();
    web.depends_on.insert("db".into(), Condition::Started);
    graph::render(&stack, format)
}

#[test]
fn the_graph_as_a_tree() {
    assert_eq!(
        drawn(graph::Format::Text),
        r"shop · 5 services, 1 of them a job

web                        build         :8080 health
├─ orders       ready      build         ×2
│  ├─ payments  ready      process
│  └─ seed      completed  process, job
└─ db           started    postgres:16   health
"
    );
}

#[test]
fn the_graph_for_mermaid() {
    assert_eq!(
        drawn(graph::Format::Mermaid),
        r#"graph TD
    n0["web<br/>build<br/>:8080"]
    n1["orders<br/>build"]
    n2["db<br/>postgres:16"]
    n3["payments<br/>process"]
    n4(["seed<br/>process, job"])
    n0 -->|ready| n1
    n0 -->|started| n2
    n1 -->|ready| n3
    n1 -->|completed| n4
"#
    );
}

#[test]
fn the_graph_for_graphviz() {
    assert_eq!(
        drawn(graph::Format::Dot),
        r#"digraph "shop" {
    rankdir=TB;
    node [shape=box];
    "web" [label="web\nbuild\n:8080"];
    "orders" [label="orders\nbuild"];
    "db" [label="db\npostgres:16"];
    "payments" [label="payments\nprocess"];
    "seed" [label="seed\nprocess, job", shape=oval];
    "web" -> "orders" [label="ready"];
    "web" -> "db" [label="started"];
    "orders" -> "payments" [label="ready"];
    "orders" -> "seed" [label="completed"];
}
"#
    );
}

#[test]
fn the_graph_as_data() {
    let data: serde_json::Value = serde_json::from_str(&drawn(graph::Format::Json)).unwrap();
    assert_eq!(data["stack"], "shop");
    assert_eq!(data["services"].as_array().unwrap().len(), 5);
    let orders = json!({
        "name": "orders", "build": true, "image": null, "run": "python3 app.py", "job": false,
        "replicas": 2, "port": 8000, "front_doors": [], "health": false,
    });
    assert_eq!(data["services"][1], orders);
    let edge =
        json!({ "from": "orders", "to": "seed", "kind": "depends_on", "condition": "completed" });
    assert!(data["edges"].as_array().unwrap().contains(&edge), "{data}");
}

#[test]
fn a_graph_of_services_that_only_call_each_other_shows_all() {
    let folder = folder(&[(
        "boatyard.toml",
        "[services.a]\nrun = \"a\"\nenvironment = { B = \"{{b.url}}\" }\n[services.b]\nrun = \"b\"\nenvironment = { A = \"{{a.url}}\" }\n",
    )]);
    let loaded = load(&at(folder.path()));
    let text = graph::render(&loaded.stack.unwrap(), graph::Format::Text);
    let tree: Vec<&str> = text.lines().skip(2).collect();
    assert_eq!(
        tree,
        [
            "a                 process",
            "└╌ b       calls  process",
            "   └╌ a ↑  calls  process"
        ]
    );
}
