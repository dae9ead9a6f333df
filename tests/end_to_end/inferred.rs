//! `sync = "auto"` with the real engine: what is saved is live before its image is built.

use serde_json::Value;

use super::containers::{Cleaned, engine};
use super::session::Session;
use super::shop::Copy;

const ENGINE: &[&str] = &["--runtime", "engine"];

const STACK: &str = r#"name = "NAME"
[services.web]
build = "web"
sync = "auto"
ports = ["PORT:8000"]
health = { http = "/", interval = "1s" }
"#;

/// Answers with what its files say when it starts.
const SERVER: &str = r#"import http.server, os
GREETING = "first"
extra = open("extra.txt").read() if os.path.exists("extra.txt") else "nothing"
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{GREETING} {extra}.".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("", 8000), Answer).serve_forever()
"#;

const HEAD: &str = "FROM boatyard-test/python\nWORKDIR /app\n";
const TAIL: &str = "COPY --chmod=644 . .\nCMD [\"python3\", \"app.py\"]\n";

fn copy(dockerfile: &str) -> Cleaned {
    Cleaned(Copy::with(
        STACK,
        &[
            ("web/Dockerfile", dockerfile),
            ("web/app.py", SERVER),
            ("web/extra.txt", "more"),
        ],
    ))
}

fn ready(copy: &Copy) -> Session {
    let mut session = Session::start(copy, ENGINE);
    session.notice("run-ready", "web");
    copy.get_until("/", |_, body| body.contains("first more."));
    session
}

fn greet(copy: &Copy, greeting: &str) {
    copy.edit("web/app.py", |text| {
        let (head, rest) = text.split_once("GREETING = ").expect("it greets");
        let rest = rest.split_once('\n').expect("it is one line").1;
        format!("{head}GREETING = \"{greeting}\"\n{rest}")
    });
}

fn count(session: &Session, notice: &str) -> usize {
    let said = session.said.iter();
    said.filter(|value| value["notice"] == notice).count()
}

#[test]
fn an_edit_is_live_by_sync_and_the_image_that_agrees_replaces_nothing() {
    if !engine() {
        return;
    }
    let copy = copy(&format!("{HEAD}{TAIL}"));
    let mut session = ready(&copy.0);
    for greeting in ["second", "third"] {
        greet(&copy.0, greeting);
        session.notice("synced", "web");
        session.notice("change-live", "web");
        copy.0
            .get_until("/", |_, body| body.contains(&format!("{greeting} more.")));
        let compared = session.notice("image-compared", "web");
        assert_eq!(compared["difference"], Value::Null, "{compared}");
        assert_eq!(compared["files"], 1);
    }
    assert_eq!(count(&session, "run-started"), 1);
    assert_eq!(count(&session, "synced"), 2);
    copy.0
        .get_until("/", |_, body| body.contains("third more."));
    session.quit();
}

#[test]
fn an_image_that_has_something_else_replaces_the_runs() {
    if !engine() {
        return;
    }
    // What is deleted in the context shows again what an earlier step made, which nobody can infer.
    let under = "RUN echo -n below > /app/extra.txt\n";
    let copy = copy(&format!("{HEAD}{under}{TAIL}"));
    let mut session = ready(&copy.0);
    std::fs::remove_file(copy.0.directory().join("web/extra.txt")).expect("it was there");
    session.notice("synced", "web");
    session.notice("change-live", "web");
    let compared = session.notice("image-compared", "web");
    assert!(
        compared["difference"]
            .to_string()
            .contains("/app/extra.txt"),
        "{compared}"
    );
    session.notice("run-ready", "web");
    copy.0
        .get_until("/", |_, body| body.contains("first below."));
    session.quit();
}

#[test]
fn what_cannot_be_inferred_is_rebuilt_until_the_dockerfile_says_otherwise() {
    if !engine() {
        return;
    }
    let spoilt = "RUN python3 -m py_compile app.py\n";
    let copy = copy(&format!("{HEAD}{TAIL}{spoilt}"));
    let mut session = ready(&copy.0);
    greet(&copy.0, "second");
    session.notice("build-finished", "web");
    session.notice("change-live", "web");
    copy.0
        .get_until("/", |_, body| body.contains("second more."));
    assert_eq!(
        (count(&session, "synced"), count(&session, "run-started")),
        (0, 2)
    );
    copy.0
        .edit("web/Dockerfile", |text| text.replace(spoilt, ""));
    session.notice("change-live", "web");
    greet(&copy.0, "third");
    session.notice("synced", "web");
    let compared = session.notice("image-compared", "web");
    assert_eq!(compared["difference"], Value::Null, "{:#?}", session.said);
    copy.0
        .get_until("/", |_, body| body.contains("third more."));
    assert_eq!(
        (count(&session, "synced"), count(&session, "run-started")),
        (1, 3),
        "{:#?}",
        session.said
    );
    session.quit();
}
