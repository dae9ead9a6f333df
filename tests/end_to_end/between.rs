//! What goes from container to container: seen, held and led by a relay of its own, with the real engine.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::containers::{Cleaned, docker, engine, left};
use super::session::Session;
use super::shop::{Copy, request, wait_until};

const ENGINE: &[&str] = &["--runtime", "engine"];
const SERVICES: [&str; 4] = ["web", "orders", "payments", "catalog"];

/// The one container of this copy with this label.
fn container(copy: &Copy, label: &str) -> String {
    let directory = copy.directory().canonicalize().expect("it is there");
    let filters = [
        format!("label=boatyard.directory={}", directory.display()),
        format!("label={label}"),
    ];
    wait_until(&format!("a container with {label}"), || {
        let mut list = vec!["ps", "-q", "--no-trunc"];
        for filter in &filters {
            list.extend(["--filter", filter]);
        }
        let found = String::from_utf8_lossy(&docker(&list).stdout).into_owned();
        found.lines().next().map(str::to_owned)
    })
}

/// What a command inside a service's container prints.
fn inside(copy: &Copy, service: &str, words: &[&str]) -> String {
    let id = container(copy, &format!("boatyard.service={service}"));
    let mut all = vec!["exec", &id];
    all.extend(words);
    let output = docker(&all);
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).trim().to_owned()
}

/// Reads on until so many exchanges of this trace were told, apart from the first.
fn exchanges(session: &mut Session, trace: &Value, count: usize) -> Vec<Value> {
    let is_one = |value: &Value| value["notice"] == "exchange" && value["trace"] == *trace;
    let mut found: Vec<Value> = session
        .said
        .iter()
        .filter(|it| is_one(it))
        .cloned()
        .collect();
    while found.len() < count {
        found.push(session.until("one more exchange of the trace", is_one));
    }
    found
}

fn order(copy: &Copy) -> Option<u16> {
    let answer = request(
        copy.port,
        "POST",
        "/orders",
        r#"{"sku": "tea", "quantity": 2}"#,
    );
    answer.map(|(status, _)| status)
}

#[test]
fn what_goes_between_containers_is_recorded_with_its_caller() {
    if !engine() {
        return;
    }
    let copy = Cleaned(Copy::of("shop"));
    let mut session = Session::start(&copy.0, ENGINE);
    session.all("run-ready", &SERVICES);
    assert_eq!(order(&copy.0), Some(201));
    let front = session.until("the exchange at the front door", |value| {
        value["notice"] == "exchange" && value["caller"].is_null() && value["path"] == "/orders"
    });
    let edges: Vec<String> = exchanges(&mut session, &front["trace"], 4)
        .iter()
        .map(|one| {
            format!(
                "{} {} {} {}",
                one["caller"], one["callee"], one["method"], one["status"]
            )
        })
        .collect();
    for edge in [
        r#""web" "orders" "POST" 201"#,
        r#""orders" "catalog" "GET" 200"#,
        r#""orders" "payments" "POST" 201"#,
        r#"null "web" "POST" 201"#,
    ] {
        assert!(
            edges.iter().any(|found| found == edge),
            "{edge}: {edges:#?}"
        );
    }

    // Past the relay there is the service itself, before and after it was replaced.
    let origin = "import urllib.request as u, socket as s\n\
                  print(u.urlopen('http://orders--origin:8000/healthz').status, s.gethostbyname('orders'))";
    let before = inside(&copy.0, "web", &["python3", "-c", origin]);
    assert!(before.starts_with("200 "), "{before}");
    copy.0
        .edit("orders/app.py", |text| format!("{text}\n# edited\n"));
    session.notice("change-live", "orders");
    session.until("the old run's end", |value| {
        value["notice"] == "run-exited" && value["service"] == "orders"
    });
    for _ in 0..6 {
        assert_eq!(inside(&copy.0, "web", &["python3", "-c", origin]), before);
    }
    session.quit();
    assert_eq!(left(&copy.0), Vec::<String>::new());
}

#[test]
fn a_relay_that_dies_is_replaced_and_the_gap_is_said() {
    if !engine() {
        return;
    }
    let copy = Cleaned(Copy::of("shop"));
    let mut session = Session::start(&copy.0, ENGINE);
    session.all("run-ready", &SERVICES);
    assert_eq!(order(&copy.0), Some(201));
    let relay = container(&copy.0, "boatyard.relay=1");
    assert!(docker(&["kill", &relay]).status.success());
    let gap = session.until("word of the gap", |value| {
        value["notice"] == "problem" && value["what"].to_string().contains("was replaced within")
    });
    assert_eq!(order(&copy.0), Some(201), "{gap}");
    assert_ne!(container(&copy.0, "boatyard.relay=1"), relay);
    let seen = |value: &Value| value["notice"] == "exchange" && value["callee"] == "payments";
    let told = session.said.iter().filter(|value| seen(value)).count();
    if told < 2 {
        session.until("the exchange with payments after the gap", seen);
    }

    // Killed itself, it leaves nothing that the next command does not remove.
    session.signal(rustix::process::Signal::KILL);
    session.child.wait().expect("it ends");
    assert!(copy.0.boatyard(&["down"]).output().is_ok());
    assert_eq!(left(&copy.0), Vec::<String>::new());
}

/// Asks by name, fifty times a second, whatever the answers; says each answer's status, and its body once it changes.
const CALLER: &str = r#"
import threading, time, urllib.request
def ask():
    try:
        with urllib.request.urlopen("http://callee:8000/", timeout=30) as answer:
            print("answer", answer.status, answer.read().decode(), flush=True)
    except Exception as error:
        print("failed", repr(error), flush=True)
began, asked = time.monotonic(), 0
while True:
    asked += 1
    threading.Thread(target=ask).start()
    time.sleep(max(0, began + asked * 0.02 - time.monotonic()))
"#;

const CALLEE: &str = r#"
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Callee(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"edition 0"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, form, *args):
        pass
ThreadingHTTPServer(("0.0.0.0", 8000), Callee).serve_forever()
"#;

const CALLS: &str = r#"
name = "NAME"
[services.callee]
build = "callee"
expose = [8000]
health = { http = "/" }
[services.caller]
image = "boatyard-test/python"
command = ["python3", "-u", "/caller/caller.py"]
volumes = ["./caller:/caller:ro"]
depends_on = { callee = "ready" }
"#;

#[test]
fn no_request_by_name_fails_during_ten_rebuilds_of_the_callee() {
    if !engine() {
        return;
    }
    let dockerfile =
        "FROM boatyard-test/python\nCOPY app.py /app.py\nCMD [\"python3\", \"/app.py\"]\n";
    let files = [
        ("callee/Dockerfile", dockerfile),
        ("callee/app.py", CALLEE),
        ("caller/caller.py", CALLER),
    ];
    let copy = Cleaned(Copy::with(CALLS, &files));
    let mut session = Session::start(&copy.0, ENGINE);
    let says = |edition: usize| {
        move |value: &Value| {
            let line = value["line"].as_str().unwrap_or_default();
            line == format!("answer 200 edition {edition}")
        }
    };
    session.until("the first answer", says(0));
    let mut slowest = Duration::ZERO;
    let is_end = |value: &Value| value["notice"] == "run-exited" && value["service"] == "callee";
    for edition in 1..=10 {
        let before = session.said.len();
        copy.0.edit("callee/app.py", |text| {
            text.replace(
                &format!("edition {}", edition - 1),
                &format!("edition {edition}"),
            )
        });
        session.until("an answer of the new edition", says(edition));
        let began = Instant::now();
        // What a service printed may come later than what happened after it.
        if !session.said[before..].iter().any(is_end) {
            session.until("the old run's end", is_end);
        }
        slowest = slowest.max(began.elapsed());
    }
    let lines = || {
        session
            .said
            .iter()
            .filter_map(|value| value["line"].as_str())
    };
    let failed: Vec<&str> = lines().filter(|line| line.starts_with("failed")).collect();
    let answered = lines()
        .filter(|line| line.starts_with("answer 200"))
        .count();
    assert!(failed.is_empty(), "{answered} answered, and {failed:#?}");
    // Each rebuild takes several of their turns, on whatever machine.
    assert!(answered > 100, "{answered}");
    assert!(
        slowest < Duration::from_secs(4),
        "an old run that nobody asks any more stayed for {slowest:?}"
    );
    session.quit();
}

/// Two that speak first at one port, one that is not traced, and one that asks them all.
const BYTES: &str = r#"
name = "NAME"
[services.first]
image = "boatyard-test/python"
command = ["python3", "-c", "SPEAKS", "first speaks"]
expose = [9000]
[services.second]
image = "boatyard-test/python"
command = ["python3", "-c", "SPEAKS", "second speaks"]
expose = [9000]
[services.plain]
image = "boatyard-test/busybox"
command = ["sh", "-c", "mkdir -p /www; echo plain >/www/x; exec httpd -f -p 7000 -h /www"]
trace = false
[services.late]
image = "boatyard-test/busybox"
command = ["sh", "-c", "mkdir -p /www; echo late >/www/x; exec httpd -f -p 7001 -h /www"]
[services.asker]
image = "boatyard-test/busybox"
command = "sleep 1000"
init = true
"#;

/// Says its word to whoever connects.
const SPEAKS: &str = "import socketserver as s, sys; s.ThreadingTCPServer(('', 9000), \
    type('Speaks', (s.StreamRequestHandler,), {'handle': lambda self: self.wfile.write(sys.argv[1].encode())})).serve_forever()";

fn bytes(before: &str) -> Cleaned {
    let stack = format!("{before}{}", BYTES.trim_start());
    Cleaned(Copy::with(&stack.replace("SPEAKS", SPEAKS), &[]))
}

/// Reads on until a run of each of them listens.
fn listening(session: &mut Session, copy: &Cleaned) {
    session.all("run-ready", &["first", "second", "plain", "late", "asker"]);
    for service in ["first", "second"] {
        wait_until(service, || {
            let line = format!("nc -w 5 {service} 9000 </dev/null");
            let said = inside(&copy.0, "asker", &["sh", "-c", &line]);
            said.ends_with("speaks").then_some(())
        });
    }
}

#[test]
fn protocols_that_say_no_name_share_a_port_and_what_is_not_traced_keeps_its_name() {
    if !engine() {
        return;
    }
    let copy = bytes("");
    let mut session = Session::start(&copy.0, ENGINE);
    listening(&mut session, &copy);
    let ask = |name: &str, port: &str| {
        let line = format!("nc -w 5 {name} {port} </dev/null");
        inside(&copy.0, "asker", &["sh", "-c", &line])
    };
    let get = |name: &str, port: &str| {
        let line =
            format!("printf 'GET /x HTTP/1.0\\r\\n\\r\\n' | nc -w 5 {name} {port} | tail -n 1");
        inside(&copy.0, "asker", &["sh", "-c", &line])
    };
    for _ in 0..3 {
        assert_eq!(ask("first", "9000"), "first speaks");
        assert_eq!(ask("second", "9000"), "second speaks");
    }
    assert_eq!(get("plain", "7000"), "plain");
    // A port that nobody declared is found where its service listens.
    wait_until("the undeclared port", || {
        (get("late", "7001") == "late").then_some(())
    });
    let of = |callee: &'static str| {
        move |value: &Value| value["notice"] == "exchange" && value["callee"] == callee
    };
    for callee in ["first", "second", "late"] {
        let seen = session.said.iter().find(|value| of(callee)(value)).cloned();
        let seen = seen.unwrap_or_else(|| session.until(callee, of(callee)));
        assert_eq!(seen["caller"], "asker", "{seen}");
    }
    assert!(!session.said.iter().any(of("plain")));
    session.quit();
}

#[test]
fn a_whole_stack_can_be_left_alone() {
    if !engine() {
        return;
    }
    let copy = bytes("trace = false\n");
    let mut session = Session::start(&copy.0, ENGINE);
    listening(&mut session, &copy);
    let line = "nc -w 5 first 9000 </dev/null";
    assert_eq!(
        inside(&copy.0, "asker", &["sh", "-c", line]),
        "first speaks"
    );
    let mut list = Command::new("docker");
    let relays = list.args(["ps", "-q", "--filter", "label=boatyard.relay=1", "--filter"]);
    let directory = copy.0.directory().canonicalize().expect("it is there");
    let relays = relays.arg(format!("label=boatyard.directory={}", directory.display()));
    assert!(relays.output().expect("docker runs").stdout.is_empty());
    session.quit();
}
