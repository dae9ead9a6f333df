//! Bad luck with the container engine: an image that nobody has, and an engine that goes away and comes back.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::containers::{Cleaned, docker, engine, left};
use super::session::Session;
use super::shop::Copy;

/// Nobody listens at this registry, so that the engine's refusal is quick and needs no network.
const NOBODY: &str = "localhost:1/nobody/nothing:1";

fn without_base(run: &str) -> Cleaned {
    let stack = format!("name = \"NAME\"\n[services.web]\nbuild = \".\"\n{run}\n");
    let dockerfile = format!("FROM {NOBODY}\nCOPY . /app\n");
    Cleaned(Copy::with(&stack, &[("Dockerfile", &dockerfile)]))
}

#[test]
fn a_base_image_that_cannot_be_had_is_told_and_run_takes_its_place() {
    if !engine() {
        return;
    }
    let copy = without_base("run = \"exec sleep 1000\"");
    let mut session = Session::start(&copy.0, &[]);
    let failed = session.notice("build-failed", "web");
    let message = failed["message"].as_str().unwrap_or_default();
    for part in [NOBODY, "cannot be had", "connection refused"] {
        assert!(message.contains(part), "no {part:?} in {failed}");
    }
    let chosen = session.until("the fallback", |value| {
        value["notice"] == "runtime-chosen" && value["runtime"] == "process"
    });
    assert!(chosen["why"].to_string().contains(NOBODY), "{chosen}");
    session.notice("run-ready", "web");
    session.quit();
}

#[test]
fn smoke_in_containers_fails_with_the_engines_reason_for_a_missing_base_image() {
    if !engine() {
        return;
    }
    let copy = without_base("run = \"exec sleep 1000\"");
    let mut command = copy.0.boatyard(&["smoke", "--runtime", "engine"]);
    let output = command.output().expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in [NOBODY, "cannot be had", "connection refused"] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    assert_eq!(left(&copy.0), Vec::<String>::new());
}

/// A socket that stands between Boatyard and the engine, so that the engine can go away without being touched.
struct Relay {
    path: PathBuf,
    open: Arc<AtomicBool>,
    connections: Arc<Mutex<Vec<UnixStream>>>,
}

impl Relay {
    fn beside(copy: &Copy, engine: PathBuf) -> Self {
        let path = copy.directory().with_file_name("relay.sock");
        let listener = UnixListener::bind(&path).expect("a socket can be made");
        let relay = Self {
            path,
            open: Arc::new(AtomicBool::new(true)),
            connections: Arc::default(),
        };
        let (open, connections) = (Arc::clone(&relay.open), Arc::clone(&relay.connections));
        std::thread::spawn(move || {
            for ours in listener.incoming().map_while(Result::ok) {
                let Ok(theirs) = UnixStream::connect(&engine) else {
                    continue;
                };
                let mut kept = connections.lock().unwrap_or_else(PoisonError::into_inner);
                // Looked at under the lock, so that no connection slips past a cut.
                if open.load(Ordering::SeqCst) {
                    kept.extend([ours.try_clone(), theirs.try_clone()].into_iter().flatten());
                    pass(&ours, &theirs);
                    pass(&theirs, &ours);
                }
            }
        });
        relay
    }

    /// Breaks every connection, and each new one until [`Relay::mend`].
    fn cut(&self) {
        let mut kept = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.open.store(false, Ordering::SeqCst);
        for connection in kept.drain(..) {
            drop(connection.shutdown(Shutdown::Both));
        }
    }

    fn mend(&self) {
        self.open.store(true, Ordering::SeqCst);
    }

    fn address(&self) -> String {
        format!("unix://{}", self.path.display())
    }
}

fn pass(from: &UnixStream, to: &UnixStream) {
    if let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) {
        std::thread::spawn(move || {
            drop(io::copy(&mut from, &mut to));
            drop(to.shutdown(Shutdown::Write));
        });
    }
}

/// The engine's socket, if it is one.
fn socket() -> Option<PathBuf> {
    let asked = docker(&[
        "context",
        "inspect",
        "--format",
        "{{.Endpoints.docker.Host}}",
    ]);
    let found = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    let host = std::env::var("DOCKER_HOST").unwrap_or(found);
    host.strip_prefix("unix://").map(PathBuf::from)
}

const SERVER: &str = r"
import http.server
GREETING = 'before'
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header('content-length', str(len(GREETING)))
        self.end_headers()
        self.wfile.write(GREETING.encode())
http.server.ThreadingHTTPServer(('', 8000), Answer).serve_forever()
";

const STACK: &str = r#"
name = "NAME"
[services.web]
build = "."
ports = ["PORT:8000"]
health = { http = "/" }
"#;

const DOCKERFILE: &str =
    "FROM boatyard-test/python\nCOPY app.py /app.py\nCMD [\"python3\", \"-u\", \"/app.py\"]\n";

#[test]
fn an_engine_that_goes_away_is_found_again_with_its_containers() {
    if !engine() {
        return;
    }
    let Some(socket) = socket() else {
        return;
    };
    let copy = Cleaned(Copy::with(
        STACK,
        &[("app.py", SERVER), ("Dockerfile", DOCKERFILE)],
    ));
    let relay = Relay::beside(&copy.0, socket);
    let mut command = copy.0.boatyard(&["watch", "--json", "--runtime", "engine"]);
    command.env("DOCKER_HOST", relay.address());
    let mut session = Session::of(command);
    session.notice("run-ready", "web");
    let engine_is = |wished: &'static str| {
        move |value: &Value| value["notice"] == "engine" && value["state"] == wished
    };
    relay.cut();
    let lost = session.until("the loss of the engine", engine_is("lost"));
    assert!(lost["detail"] != "", "it says why: {lost}");
    let (status, body) = copy.0.get("/").expect("the container serves on");
    assert_eq!((status, body.as_str()), (200, "before"));
    copy.0
        .edit("app.py", |text| text.replace("'before'", "'after'"));
    session.until("the edit made meanwhile", |value| {
        value["notice"] == "change-seen"
    });
    relay.mend();
    session.until("the engine's return", engine_is("connected"));
    session.notice("change-live", "web");
    copy.0.get_until("/", |_, body| body == "after");
    let runs: Vec<&Value> = session
        .said
        .iter()
        .filter(|value| value["notice"] == "run-started")
        .collect();
    assert_eq!(runs.len(), 2, "the first run, and the edit's: {runs:?}");
    let exited = session.notice("run-exited", "web");
    assert_eq!(exited["run"], 1, "the old program went: {exited}");
    let (code, end) = session.quit();
    assert_eq!(code, Some(130));
    assert_eq!(end["left_behind"], Value::Array(Vec::new()));
    assert_eq!(left(&copy.0), Vec::<String>::new());
}

#[test]
fn a_session_that_ends_while_the_engine_is_made_ready_leaves_no_network() {
    if !engine() {
        return;
    }
    let stack = "name = \"NAME\"\n[services.web]\nrun = \"exec sleep 1000\"\n";
    let copy = Cleaned(Copy::with(stack, &[]));
    // What is waited for comes a little before, while and after the network is made.
    for moment in ["session-started", "run-started", "run-ready", "engine"] {
        let mut session = Session::start(&copy.0, &["--runtime", "process"]);
        session.until(moment, |value| value["notice"] == moment);
        session.quit();
        assert_eq!(left(&copy.0), Vec::<String>::new(), "after {moment}");
    }
    let mut command = copy.0.boatyard(&["watch", "--runtime", "process"]);
    for attempt in 0..3 {
        let full = std::fs::File::options().write(true).open("/dev/full");
        command.stdout(full.expect("there is a full device"));
        command.status().expect("the binary runs");
        assert_eq!(
            left(&copy.0),
            Vec::<String>::new(),
            "after attempt {attempt}"
        );
    }
}
