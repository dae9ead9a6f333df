//! `--isolated`: a second copy of a stack beside the first, from the same folder.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::bad_luck::one;
use super::session::Session;
use super::shop::request;

fn answers(port: u16) -> bool {
    request(port, "GET", "/", "") == Some((200, "hi".into()))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn a_copy_runs_beside_the_first_and_tells_where_it_is() {
    let copy = one();
    let mut first = Session::start(&copy, &["--runtime", "process"]);
    first.notice("run-ready", "web");
    let mut second = Session::start(&copy, &["--runtime", "process", "--isolated=review"]);
    let door = second.notice("front-door", "web");
    assert_eq!(door["port"], copy.port);
    assert_eq!(
        text(&door["variable"]),
        format!("BOATYARD_WEB_{}", copy.port)
    );
    let port = text(&door["address"]).strip_prefix("127.0.0.1:");
    let port: u16 = port.and_then(|port| port.parse().ok()).expect("a port");
    assert_ne!(port, copy.port);
    second.notice("run-ready", "web");
    assert!(answers(port) && answers(copy.port));
    let began = |session: &Session| {
        let mut began = session.said.iter();
        let began = began.find(|it| it["notice"] == "session-started");
        text(&began.expect("it began")["stack"]).to_owned()
    };
    assert_eq!(began(&second), format!("{}-review", began(&first)));

    // The stack file is read again as a copy, too: what is added has a free port.
    copy.edit("boatyard.toml", |text| {
        text.replace("health =", "environment = { MORE = \"1\" }\nhealth =")
    });
    second.until("the file is read again", |it| {
        it["notice"] == "stack-reloaded"
    });
    second.notice("run-ready", "web");
    assert!(answers(port));
    second.quit();
    assert!(answers(copy.port), "the first goes on");
    first.quit();
}

#[test]
fn people_get_lines_for_their_shell_first() {
    let copy = one();
    let mut command: Command = copy.boatyard(&["watch", "--runtime", "process", "--isolated"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let stdout = child.stdout.take().expect("stdout is a pipe");
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let expected = format!("export BOATYARD_WEB_{}=", copy.port);
    let told = lines.find(|line| line.contains(&format!("{} → 127.0.0.1:", copy.port)));
    let pid = rustix::process::Pid::from_child(&child);
    let ended = rustix::process::kill_process(pid, rustix::process::Signal::INT);
    // What it still says must not block it.
    let said = lines.count();
    drop(child.wait());
    ended.expect("it is still there");
    assert!(first.starts_with(&expected), "{first}");
    assert!(told.is_some(), "no map among {said} lines");
}

#[test]
fn a_name_that_names_nothing_is_refused() {
    let copy = one();
    let output = copy
        .boatyard(&["down", "--isolated=No Name"])
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--isolated=review"), "{said}");
}
