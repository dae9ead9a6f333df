//! Stock OpenTelemetry in the services, with no configuration: what they tell hangs under what the relays see.

use std::path::Path;

use serde_json::Value;

use super::containers::engine;
use super::otel::python;
use super::session::Session;
use super::shop::Copy;

/// A page that asks `ORDERS_URL`, if there is one, and logs.
const APP: &str = r#"
import logging, os
import flask, requests

app = flask.Flask(__name__)

@app.get("/healthz")
def healthz():
    return "ok"

@app.get("/")
def page():
    logging.getLogger("shop").warning("asked for the page")
    url = os.environ.get("ORDERS_URL")
    return requests.get(url + "/").text if url else "tea"

app.run(host="0.0.0.0", port=int(os.environ["PORT"]))
"#;

/// Two processes, of which one asks the other.
const PROCESSES: &str = r#"
name = "NAME"
[services.web]
run = "RUN"
directory = "app"
ports = ["PORT:8000"]
depends_on = ["orders"]
environment = { ORDERS_URL = "{{orders.url}}" }
health = { http = "/healthz" }
[services.orders]
run = "RUN"
directory = "app"
environment = { OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED = "true" }
health = { http = "/healthz" }
"#;

/// All that a session tells of one kind.
fn told<'a>(session: &'a Session, notice: &str) -> Vec<&'a Value> {
    let all = session.said.iter();
    all.filter(|value| value["notice"] == notice).collect()
}

fn span(session: &mut Session, service: &str, kind: &str) -> Value {
    let is_it = |value: &Value| {
        value["notice"] == "span" && value["service"] == service && value["kind"] == kind
    };
    match session.said.iter().find(|value| is_it(value)) {
        Some(found) => found.clone(),
        None => session.until(&format!("a {kind} span of {service}"), is_it),
    }
}

fn exchange(session: &mut Session, callee: &str) -> Value {
    let is_it = |value: &Value| value["notice"] == "exchange" && value["callee"] == callee;
    match session.said.iter().find(|value| is_it(value)) {
        Some(found) => found.clone(),
        None => session.until(&format!("the exchange with {callee}"), is_it),
    }
}

#[test]
fn spans_of_stock_instrumented_processes_hang_under_the_exchanges() {
    let Some(python) = python() else {
        return;
    };
    let bin = python.join("bin");
    let run = format!(
        "exec {0}/opentelemetry-instrument {0}/python app.py",
        bin.display()
    );
    let stack = PROCESSES.replace("RUN", &run);
    let copy = Copy::with(&stack, &[("app/app.py", APP)]);
    let mut session = Session::start(&copy, &["--runtime", "process"]);
    session.all("run-ready", &["web", "orders"]);
    assert_eq!(copy.get("/"), Some((200, "tea".to_owned())));
    let (front, edge) = (
        exchange(&mut session, "web"),
        exchange(&mut session, "orders"),
    );
    let server = span(&mut session, "web", "server");
    let client = span(&mut session, "web", "client");
    let called = span(&mut session, "orders", "server");
    for (child, parent) in [
        (&server, &front),
        (&client, &server),
        (&edge, &client),
        (&called, &edge),
    ] {
        assert_eq!(child["trace"], front["trace"], "{child}");
        assert_eq!(
            child["parent"], parent["span"],
            "{child} is not below {parent}"
        );
    }
    assert_eq!(server["run"], front["run"]);
    assert_eq!(server["name"], "GET /");
    let logged = |value: &Value| {
        let is_record = value["notice"] == "log" && value["stream"] == "otlp";
        let line = value["line"].as_str().unwrap_or_default();
        is_record && line.starts_with("asked for the page")
    };
    let line = match session.said.iter().find(|value| logged(value)) {
        Some(line) => line.clone(),
        None => session.until("a log record", logged),
    };
    assert_eq!(
        (&line["service"], &line["level"]),
        (&"orders".into(), &"warn".into())
    );
    // What Boatyard asks itself, to see whether they are well, is no trace.
    for span in told(&session, "span") {
        assert_eq!(span["trace"], front["trace"], "{span}");
    }
    session.quit();
}

#[test]
fn spans_of_a_stock_instrumented_container_hang_under_the_exchange() {
    let Some(python) = python().filter(|_| engine()) else {
        return;
    };
    let packages = packages(&python);
    let stack = format!(
        r#"
name = "NAME"
[services.web]
image = "boatyard-test/python"
command = ["python3", "-c", "from opentelemetry.instrumentation.auto_instrumentation import run; run()", "python3", "/app/app.py"]
ports = ["PORT:8000"]
volumes = ["./app:/app:ro", "{packages}:/packages:ro"]
environment = {{ PYTHONPATH = "/packages" }}
health = {{ http = "/healthz" }}
"#
    );
    let copy = Copy::with(&stack, &[("app/app.py", APP)]);
    let mut session = Session::start(&copy, &["--runtime", "engine"]);
    session.all("run-ready", &["web"]);
    assert_eq!(copy.get("/"), Some((200, "tea".to_owned())));
    let front = exchange(&mut session, "web");
    let server = span(&mut session, "web", "server");
    assert_eq!(server["trace"], front["trace"]);
    assert_eq!(server["parent"], front["span"]);
    session.quit();
}

/// Where the environment has its packages.
fn packages(python: &Path) -> String {
    let lib = std::fs::read_dir(python.join("lib")).expect("it has packages");
    let version = lib.flatten().next().expect("of one version").path();
    version.join("site-packages").display().to_string()
}
