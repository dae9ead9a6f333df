//! Bad input and bad luck without an engine: what the real binary says, and that what can go on goes on.

use std::fs::File;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use serde_json::{Value, json};

use super::session::Session;
use super::shop::{Copy, wait_until};
use super::terminal::Terminal;

const PROCESS: &[&str] = &["--runtime", "process"];

/// A program that answers every request with the status in its first argument.
const SERVER: &str = r"
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(sys.argv[1]))
        self.send_header('content-length', '2')
        self.end_headers()
        self.wfile.write(b'hi')
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(('127.0.0.1', int(os.environ['PORT'])), Answer).serve_forever()
";

const ONE: &str = r#"
name = "NAME"
[services.web]
run = "exec python3 -u server.py 200"
ports = ["PORT:8000"]
health = { http = "/" }
"#;

/// A stack with one service, which answers.
pub(crate) fn one() -> Copy {
    Copy::with(ONE, &[("server.py", SERVER)])
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

fn has_all(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

#[test]
fn a_cycle_an_unknown_service_and_a_port_used_twice_are_named_with_their_places() {
    let cycle = "[services.a]\nrun = \"a\"\ndepends_on = [\"b\"]\n[services.b]\nrun = \"b\"\ndepends_on = [\"c\"]\n\
                 [services.c]\nrun = \"c\"\ndepends_on = [\"a\"]\n";
    let unknown =
        "[services.orders]\nrun = \"a\"\n[services.web]\nrun = \"b\"\ndepends_on = [\"ordres\"]\n";
    let twice = "[services.a]\nrun = \"a\"\nports = [\"8080:1\"]\n[services.b]\nrun = \"b\"\nports = [\"8080:2\"]\n";
    let table: [(&str, &[&str]); 3] = [
        (
            cycle,
            &[
                "boatyard.toml:3:",
                "boatyard.toml:6:",
                "boatyard.toml:9:",
                "help:",
            ],
        ),
        (
            unknown,
            &["boatyard.toml:5:", "ordres", "did you mean \"orders\""],
        ),
        (
            twice,
            &["8080", "boatyard.toml:3:", "boatyard.toml:6:", "help:"],
        ),
    ];
    for (stack, parts) in table {
        let copy = Copy::with(stack, &[]);
        let refused = copy.boatyard(&["check"]).output().expect("the binary runs");
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        has_all(&said(&refused), parts);
    }
}

#[test]
fn a_wrong_save_keeps_the_old_stack_and_the_next_good_one_applies() {
    let copy = one();
    let mut session = Session::start(&copy, PROCESS);
    session.notice("run-ready", "web");
    for (wrong, parts) in [
        ("\n[services.wb", &["boatyard.toml:8:"][..]),
        (
            "\n[services.job]\nrun = \"true\"\ndepends_on = [\"job\"]\n",
            &["boatyard.toml:10:", "job"],
        ),
        ("\n[services.job]\n", &["boatyard.toml:8:", "job"]),
    ] {
        copy.edit("boatyard.toml", |text| text + wrong);
        let refused = session.until("the refusal", |value| value["notice"] == "stack-refused");
        has_all(&refused["problems"].to_string(), parts);
        assert_eq!(copy.get("/").expect("the old stack serves").0, 200);
        let kept = |text: String| text.replace(wrong, "");
        copy.edit("boatyard.toml", kept);
        session.until("the good save", |value| value["notice"] == "stack-reloaded");
    }
    copy.edit("boatyard.toml", |text| {
        text + "\n[services.job]\nrun = \"true\"\n"
    });
    session.until("the good save", |value| {
        value["notice"] == "stack-reloaded" && value["added"] == json!(["job"])
    });
    session.notice("run-exited", "job");
    let starts = session
        .said
        .iter()
        .filter(|value| value["notice"] == "run-started" && value["service"] == "web");
    assert_eq!(starts.count(), 1, "what is right was not touched");
    session.quit();
}

#[test]
fn ports_auto_takes_the_next_free_port_and_says_so() {
    let copy = one();
    let taken = std::net::TcpListener::bind(("127.0.0.1", copy.port)).expect("the port is free");
    let mut session = Session::start(&copy, &["--runtime", "process", "--ports", "auto"]);
    let problem = session.until("the word about the port", |value| {
        value["notice"] == "problem"
    });
    let what = problem["what"].as_str().unwrap_or_default();
    let pid = std::process::id().to_string();
    has_all(
        what,
        &[&format!("127.0.0.1:{} is taken", copy.port), &pid, "web"],
    );
    let other = what.rsplit_once("127.0.0.1:").expect("an address").1;
    let digits: String = other.chars().take_while(char::is_ascii_digit).collect();
    let other: u16 = digits.parse().expect("a port");
    assert!(other > copy.port, "{what}");
    session.notice("run-ready", "web");
    let answer = super::shop::request(other, "GET", "/", "");
    assert_eq!(answer, Some((200, "hi".into())));
    session.quit();
    drop(taken);
}

const NEVER: &str = r#"
name = "NAME"
[services.web]
run = "exec python3 -u server.py 503"
expose = [8000]
health = { http = "/", start_period = "4s" }
[services.shop]
run = "exec sleep 1000"
depends_on = ["web"]
"#;

#[test]
fn a_probe_that_never_succeeds_holds_what_needs_it_and_says_why() {
    let copy = Copy::with(NEVER, &[("server.py", SERVER)]);
    let mut session = Session::start(&copy, PROCESS);
    let health = session.notice("health", "web");
    assert_eq!(health["healthy"], false);
    has_all(&health["said"].to_string(), &["503"]);
    let holds: Vec<String> = session
        .said
        .iter()
        .filter(|value| value["notice"] == "service-held" && value["service"] == "shop")
        .map(|value| value["hold"].to_string())
        .collect();
    let last = holds.last().expect("it is held");
    has_all(last, &["waits for web", "not healthy"]);
    assert!(
        session
            .said
            .iter()
            .all(|value| value["notice"] != "run-started" || value["service"] != "shop"),
        "what waits was not started"
    );
    session.quit();
}

#[test]
fn smoke_fails_with_the_last_answer_of_a_probe_that_never_succeeds() {
    let copy = Copy::with(NEVER, &[("server.py", SERVER)]);
    let output = copy.boatyard(&["smoke"]).args(PROCESS).output();
    let output = output.expect("the binary runs");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    has_all(
        &said(&output),
        &["web", "not healthy", "its probe last said", "503"],
    );
}

#[test]
fn a_crash_is_told_in_words_with_its_last_lines_and_a_growing_delay() {
    let stack = r#"
name = "NAME"
[services.segfault]
run = "echo the last words; kill -SEGV $$$$"
[services.code]
run = "echo no config; exit 78"
"#;
    let copy = Copy::with(stack, &[]);
    let mut session = Session::start(&copy, PROCESS);
    for (service, cause, words) in [
        ("segfault", "SIGSEGV", "the last words"),
        ("code", "78", "no config"),
    ] {
        let wanted = |value: &Value| {
            value["notice"] == "restart-scheduled"
                && value["service"] == service
                && value["attempt"] == 3
        };
        if !session.said.iter().any(wanted) {
            session.until("the third attempt", wanted);
        }
        let of = |notice: &str| -> Vec<&Value> {
            let all = session.said.iter();
            all.filter(|value| value["notice"] == notice && value["service"] == service)
                .collect()
        };
        for exit in of("run-exited") {
            has_all(&exit["cause"].to_string(), &[cause]);
            has_all(&exit["last_lines"].to_string(), &[words]);
        }
        let delays: Vec<u64> = of("restart-scheduled")
            .iter()
            .filter_map(|value| value["ms"].as_u64())
            .take(3)
            .collect();
        assert_eq!(delays, [500, 1000, 2000], "{service}");
    }
    session.quit();
}

#[test]
fn a_flood_of_lines_is_given_whole_or_counted_and_nothing_else_waits() {
    const LINES: u64 = 300_000;
    let stack = format!(
        "{ONE}\n[services.flood]\nrun = \"exec seq -f 'line %.0f of a flood that does not end' {LINES}\"\n\
         depends_on = [\"web\"]\n"
    );
    let copy = Copy::with(&stack, &[("server.py", SERVER)]);
    let mut session = Session::start(&copy, PROCESS);
    session.until("the flood", |value| {
        value["service"] == "flood" && value["notice"] == "log"
    });
    let asked = Instant::now();
    assert_eq!(copy.get("/").expect("the front door answers").0, 200);
    // Generous: other tests share the machine. An answer that waits for the whole flood takes longer.
    assert!(
        asked.elapsed() < Duration::from_secs(4),
        "{:?}",
        asked.elapsed()
    );
    let is_over = |value: &Value| value["notice"] == "run-exited" && value["service"] == "flood";
    if !session.said.iter().any(is_over) {
        session.until("the end of the flood", is_over);
    }
    let mut lines = 0_u64;
    let mut count = |value: &Value| {
        if value["notice"] == "log" && value["service"] == "flood" {
            lines += 1;
        } else if value["notice"] == "dropped" && value["what"] == "log lines" {
            lines += value["count"].as_u64().unwrap_or(0);
        }
        lines >= LINES
    };
    let is_whole = session.said.iter().any(&mut count);
    if !is_whole {
        session.until("every line, given or counted", count);
    }
    let (code, _) = session.quit();
    assert_eq!(code, Some(130));
}

#[test]
fn the_workbench_answers_to_keys_in_a_flood_without_end() {
    let stack = "name = \"NAME\"\n[services.flood]\nrun = \"exec yes flooded\"\n";
    let copy = Copy::with(stack, &[]);
    let mut terminal = Terminal::start(&copy, &["up", "--runtime", "process"], 120, 30);
    terminal.shows(&["flooded", "1 ready"]);
    for _ in 0..3 {
        let pressed = Instant::now();
        terminal.press("?");
        terminal.shows(&["Keys that work here"]);
        terminal.press("\x1b");
        terminal.hides("Keys that work here");
        assert!(
            pressed.elapsed() < Duration::from_secs(3),
            "{:?}",
            pressed.elapsed()
        );
    }
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

/// Prints all that a terminal would act upon, bytes that are no text, and ten million letters in one line.
const ODD: &str = r"
import sys, time
out = sys.stdout.buffer
out.write(b'odd \x1b]0;title\x07\x1b[2J\x1b[5n\x00\xff\xfe\xc3(\x9b31m\x08\x7f tail\n')
out.write(b'\xff\xff\xff\n')
out.write(b'x' * 10_000_000 + b'\n')
out.write(b'\x1b[31mafter\x1b[0m\n')
out.flush()
time.sleep(1000)
";

fn odd() -> Copy {
    let stack = "name = \"NAME\"\n[services.odd]\nrun = \"exec python3 -u odd.py\"\n";
    Copy::with(stack, &[("odd.py", ODD)])
}

#[test]
fn odd_bytes_and_a_line_of_ten_million_letters_are_valid_json_and_whole() {
    let copy = odd();
    let mut session = Session::start(&copy, PROCESS);
    session.until("the last line", |value| {
        value["line"]
            .as_str()
            .is_some_and(|line| line.ends_with("after"))
    });
    let lines: Vec<&str> = session
        .said
        .iter()
        .filter(|value| value["notice"] == "log" && value["service"] == "odd")
        .filter_map(|value| value["line"].as_str())
        .collect();
    assert_eq!(lines.len(), 4, "{:?}", lines.first());
    has_all(lines[0], &["odd ", " tail"]);
    assert_eq!(lines[2].len(), 10_000_000, "the long line is whole");
    for line in lines {
        assert_eq!(line.find(char::is_control), None, "a control character");
    }
    session.quit();
}

#[test]
fn odd_bytes_reach_a_reader_of_lines_as_harmless_text() {
    let copy = odd();
    let mut command = copy.boatyard(&["watch", "--color", "never"]);
    let mut child = command
        .args(PROCESS)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdout = child.stdout.take().expect("stdout is a pipe");
    let (mut text, mut piece) = (Vec::new(), vec![0; 1 << 16]);
    while !text.ends_with(b" after\n") {
        let count = stdout.read(&mut piece).expect("it can be read");
        assert!(
            count > 0,
            "ended early: {:?}",
            String::from_utf8_lossy(&text[..text.len().min(400)])
        );
        text.extend_from_slice(&piece[..count]);
    }
    interrupt(&child);
    stdout.read_to_end(&mut text).expect("it can be read");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    let text = String::from_utf8(text).expect("valid UTF-8");
    let control = text.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(control, None);
    let longest = text
        .lines()
        .map(|line| line.matches('x').count())
        .max()
        .unwrap_or(0);
    assert_eq!(longest, 10_000_000, "the long line is whole");
}

fn interrupt(child: &std::process::Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it is still there");
}

#[test]
fn a_state_folder_that_cannot_be_had_is_named_with_a_remedy() {
    let copy = one();
    let file = copy.directory().join("server.py");
    // Not even the superuser makes a folder in a file or among the kernel's own.
    for state in [file.to_str().expect("UTF-8"), "/sys/boatyard"] {
        for command in ["watch", "smoke"] {
            let mut command = copy.boatyard(&[command]);
            let output = command.args(PROCESS).env("XDG_STATE_HOME", state).output();
            let output = output.expect("the binary runs");
            assert_eq!(output.status.code(), Some(3), "{}", said(&output));
            has_all(
                &said(&output),
                &[state, "cannot lock", "set XDG_STATE_HOME to a folder"],
            );
        }
    }
}

#[test]
fn a_full_disk_is_named_with_what_could_not_be_written() {
    let copy = one();
    for option in ["--junit", "--json"] {
        let mut command = copy.boatyard(&["smoke", option, "/dev/full"]);
        let output = command.args(PROCESS).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        has_all(
            &said(&output),
            &[
                "1 service ready",
                "cannot write the report /dev/full",
                "No space left",
            ],
        );
        assert!(copy.get("/").is_none(), "it was taken down");
    }
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("there is a full device");
    let mut command = copy.boatyard(&["watch"]);
    let status = command.args(PROCESS).stdout(full).status();
    let status = status.expect("the binary runs");
    assert_eq!(status.signal(), None, "{status}");
    assert!(copy.get("/").is_none(), "it was taken down");
}

#[test]
fn a_terminal_that_goes_away_takes_the_stack_down() {
    let copy = one();
    let pair = native_pty_system()
        .openpty(PtySize::default())
        .expect("a terminal can be opened");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_boatyard"));
    command.args(["up", "--runtime", "process", "-C"]);
    command.arg(copy.directory());
    command.env("TERM", "xterm-256color");
    for (name, value) in copy.environment() {
        command.env(name, value);
    }
    let mut child = pair
        .slave
        .spawn_command(command)
        .expect("the binary starts");
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().expect("it can be read");
    let mut keys = pair.master.take_writer().expect("it can be written to");
    let over = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&over);
    let reading = std::thread::spawn(move || {
        let mut piece = [0; 4096];
        while !until.load(Ordering::Acquire) && matches!(reader.read(&mut piece), Ok(1..)) {}
    });
    copy.get_until("/", |status, _| status == 200);
    over.store(true, Ordering::Release);
    // A key has an answer on the screen, which lets the reader see that it is over.
    keys.write_all(b"?")
        .and_then(|()| keys.flush())
        .expect("the terminal takes keys");
    reading.join().expect("the reader ends");
    drop(keys);
    drop(pair.master);
    let status = wait_until("the end of the program", || {
        child.try_wait().expect("it can be waited for")
    });
    assert_eq!(status.exit_code(), 129);
    assert!(copy.get("/").is_none(), "the stack is down");
}
