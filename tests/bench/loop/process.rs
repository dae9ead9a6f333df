//! A plain process that is restarted: from the save until the new program answers, against the program's own start.
//!
//! Its only page costs next to nothing, because whoever asks meanwhile takes from the time of the program that starts.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::print::{bar, row};
use super::session::Session;
use super::shop::{Copy, free_port, wait_until};

const STACK: &str = "name = \"NAME\"\n[services.web]\nrun = \"exec python3 -u app.py\"\ndirectory = \"web\"\nports = [\"PORT:8000\"]\nhealth = { http = \"/page\" }\n";

/// A program of the usual kind: what it is made of takes longer to load than to begin.
fn program(greeting: &str) -> String {
    format!(
        r#"import html, http.server, json, os, urllib.request
PAGE = b"{greeting}"
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"#
    )
}

/// Prints how long a save takes until it is served, and how much of that is not the program's own start.
pub(super) fn report(rounds: usize) {
    let copy = Copy::with(STACK, &[("web/app.py", &program("first"))]);
    let mut session = Session::start(&copy, &["--runtime", "process"]);
    session.notice("run-ready", "web");
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let greeting = format!("round {round}");
        let began = Instant::now();
        let file = copy.directory().join("web/app.py");
        fs::write(file, program(&greeting)).expect("it can be written");
        wait_for(copy.port, &greeting);
        ours.push(began.elapsed());
        session.notice("change-live", "web");
        wait_for_the_old_one(&mut session);
        floor.push(own_start(&copy, &greeting));
    }
    session.quit();
    let floor = row("floor: the program's own start", floor);
    let ours = row("process: save until served", ours);
    bar(
        "process: above the program's own start",
        ours - floor,
        40.0,
        "ms",
    );
}

fn wait_for(port: u16, page: &str) {
    wait_until("the new page", || {
        let found = super::http::get([127, 0, 0, 1].into(), port, "/page");
        found.filter(|found| found == page)
    });
}

/// The end of the old program is no part of either.
fn wait_for_the_old_one(session: &mut Session) {
    session.notice("run-exited", "web");
}

/// From starting the program by hand until it answers.
fn own_start(copy: &Copy, page: &str) -> Duration {
    let port = free_port();
    let began = Instant::now();
    let mut child = Command::new("python3")
        .args(["-u", "app.py"])
        .current_dir(copy.directory().join("web"))
        .env("PORT", port.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3 starts");
    wait_for(port, page);
    let took = began.elapsed();
    drop(child.kill());
    drop(child.wait());
    took
}
