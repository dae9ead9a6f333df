//! Compose files with the real engine, as their users have them: nothing written, nothing changed.

use serde_json::Value;

use super::containers::{Cleaned, docker, engine};
use super::session::Session;
use super::shop::{Copy, wait_until};

const COMPOSE: &str = r#"name: NAME
services:
  web:
    build: web
    ports: ["PORT:8000"]
    depends_on:
      db: { condition: service_healthy }
    develop:
      watch:
        - { action: sync, path: web/site, target: /site, ignore: ["*.draft"] }
        - action: sync+exec
          path: web/words
          target: /words
          exec:
            command: ["sh", "-c", "echo $$GREETING $$(cat more) > /site/said"]
            working_dir: /words
            environment: { GREETING: hello }
        - { action: rebuild, path: web/Dockerfile }
  db:
    image: boatyard-test/busybox
    pull_policy: never
    command: ["sh", "-c", "sleep 0.2; touch /up; exec sleep 600"]
    init: true
    healthcheck: { test: ["CMD", "test", "-e", "/up"], interval: 200ms }
"#;

const DOCKERFILE: &str = "FROM boatyard-test/busybox\nCOPY . /\nCMD [\"httpd\", \"-f\", \"-p\", \"8000\", \"-h\", \"/site\"]\n";

const FILES: &[(&str, &str)] = &[
    ("web/Dockerfile", DOCKERFILE),
    ("web/site/page", "first"),
    ("web/words/more", "there"),
];

fn inspected(name: &str, template: &str) -> String {
    let output = docker(&["inspect", "--format", template, name]);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn name_of(session: &Session) -> String {
    let mut said = session.said.iter();
    let began = said.find(|it| it["notice"] == "session-started");
    let stack = began.and_then(|it| it["stack"].as_str());
    stack.expect("it began").to_owned()
}

#[test]
fn a_compose_files_watch_rules_are_followed() {
    if !engine() {
        return;
    }
    let copy = Cleaned(Copy::written("compose.yaml", COMPOSE, FILES));
    let copy = &copy.0;
    let mut session = Session::start(copy, &["--runtime", "engine"]);
    session.notice("run-ready", "web");
    copy.get_until("/page", |_, body| body == "first");
    let name = name_of(&session);
    // Others see what Boatyard acts upon.
    let db = format!("{name}-db-1");
    assert_eq!(inspected(&db, "{{.State.Health.Status}}"), "healthy");
    assert_eq!(inspected(&db, "{{.Config.Healthcheck.Interval}}"), "200ms");
    let web = format!("{name}-web-1");
    let container = inspected(&web, "{{.Id}}");

    // `sync`, with what is ignored, and what is deleted.
    let site = copy.directory().join("web/site");
    std::fs::write(site.join("page.draft"), "not yet").expect("written");
    std::fs::write(site.join("new"), "made").expect("written");
    copy.edit("web/site/page", |_| "second".into());
    copy.get_until("/page", |_, body| body == "second");
    copy.get_until("/new", |_, body| body == "made");
    assert_eq!(copy.get("/page.draft").expect("it answers").0, 404);
    std::fs::remove_file(site.join("new")).expect("it is there");
    copy.get_until("/new", |status, _| status == 404);
    // `sync+exec`, with all that is said of it.
    copy.edit("web/words/more", |_| "again".into());
    copy.get_until("/said", |_, body| body == "hello again\n");
    assert_eq!(
        inspected(&web, "{{.Id}}"),
        container,
        "nothing was replaced"
    );
    // `rebuild`.
    copy.edit("web/Dockerfile", |text| {
        text.replace("COPY . /", "COPY . /\nRUN echo -n built > /site/page")
    });
    copy.get_until("/page", |_, body| body == "built");
    wait_until("the new container to have the name", || {
        let now = inspected(&web, "{{.Id}}");
        (!now.is_empty() && now != container).then_some(())
    });
    session.quit();
}

const BESIDE: &str = r#"compose = "compose.yaml"
[services.web]
health = { http = "/page" }

[services.db]
health = { exec = ["test", "-e", "/up"], interval = "1s" }

[[smoke]]
name = "the page"
request = "http://web/page"
expect = { status = 200, body = "first" }

[[smoke]]
name = "the data"
command = "test -e /up"
inside = "db"
"#;

#[test]
fn a_stack_file_adds_to_a_compose_file() {
    if !engine() {
        return;
    }
    let files: Vec<(&str, &str)> = [FILES, &[("compose.yaml", COMPOSE)]].concat();
    let copy = Cleaned(Copy::with(BESIDE, &files));
    let smoke = copy.0.boatyard(&["smoke", "--runtime", "engine"]).output();
    let smoke = smoke.expect("the binary starts");
    let said = String::from_utf8_lossy(&smoke.stdout).into_owned();
    assert!(smoke.status.success(), "{said}");
    assert!(said.contains("2 services ready, 2 checks passed"), "{said}");
    let mut session = Session::start(&copy.0, &["--runtime", "engine"]);
    let ready = session.notice("run-ready", "web");
    assert_eq!(ready["notice"], Value::from("run-ready"));
    let db = format!("{}-db-1", name_of(&session));
    assert_eq!(
        inspected(&db, "{{json .Config.Healthcheck.Test}}"),
        r#"["NONE"]"#
    );
    session.quit();
}
