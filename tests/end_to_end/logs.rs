//! `boatyard logs --last`: what a session said is read again, however the session ended.

use serde_json::Value;

use super::containers::{docker, left};
use super::session::Session;
use super::shop::{Copy, wait_until};

const STACK: &str = r#"name = "NAME"
redact = ["API_KEY"]
[services.talker]
environment = { API_KEY = "s3cret" }
run = "printf 'first \\033[31mred\\033[0m\\033]0;title\\007 line\\n'; echo second token=$$API_KEY line; echo Third line; exec sleep 1000"
[services.quiet]
run = "echo quiet words; exec sleep 1000"
"#;

fn read(copy: &Copy, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut all = vec!["logs"];
    all.extend(arguments);
    let output = copy.boatyard(&all).output().expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn the_lines_of_a_session_are_read_while_it_runs_and_after_it_was_killed() {
    let copy = Copy::with(STACK, &[]);
    let (code, _, why) = read(&copy, &["--last"]);
    assert_eq!(code, Some(3), "{why}");
    assert!(why.contains("has left log lines"), "{why}");

    let mut session = Session::start(&copy, &["--runtime", "process"]);
    session.all("run-ready", &["talker", "quiet"]);
    let said = wait_until("the lines on disk", || {
        let (_, said, _) = read(&copy, &["--last"]);
        (said.contains("Third") && said.contains("quiet words")).then_some(said)
    });
    assert!(said.contains("talker │ first red line\n"), "{said}");
    assert!(said.contains("second token=*** line"), "{said}");

    if docker(&["version"]).status.success() {
        let is_up = |it: &Value| it["notice"] == "engine" && it["state"] == "connected";
        if !session.said.iter().any(is_up) {
            session.until("the engine", is_up);
        }
        assert_eq!(left(&copy), [""; 0], "processes need nothing of the engine");
    }
    session.child.kill().expect("it is there");
    session.child.wait().expect("it ends");
    let after = read(&copy, &["--last"]).1;
    assert!(said.lines().all(|line| after.contains(line)), "{after}");
    let (code, tail, _) = read(&copy, &["--last", "talker", "--tail", "1"]);
    assert_eq!((code, tail.as_str()), (Some(0), "talker │ Third line\n"));
    let found = read(&copy, &["--last", "--grep", "^(FIRST|THIRD)", "--json"]).1;
    assert_eq!(found, "", "an upper-case letter asks for just that");
    let found = read(&copy, &["--last", "--grep", "^(first|third)", "--json"]).1;
    let rows: Vec<Value> = found
        .lines()
        .map(|row| serde_json::from_str(row).expect("a row is JSON"))
        .collect();
    let lines: Vec<&str> = rows.iter().filter_map(|row| row["line"].as_str()).collect();
    assert_eq!(lines, ["first red line", "Third line"]);
    assert_eq!(rows[0]["notice"], "log");
    let recent = read(&copy, &["--last", "--since", "1h", "--timestamps", "quiet"]).1;
    assert!(
        recent.ends_with("quiet words\n") && recent.contains(':'),
        "{recent}"
    );
}

#[test]
fn what_cannot_be_asked_for_is_said() {
    let copy = Copy::with(STACK, &[]);
    for (arguments, code, why) in [
        (&["--last", "--grep", "a("][..], 2, "unclosed group"),
        (&["--last", "--since", "noon"], 2, "10m"),
        (&["talker"], 2, "--last"),
    ] {
        let (exit, _, said) = read(&copy, arguments);
        assert_eq!(exit, Some(code), "{said}");
        assert!(said.contains(why), "{said}");
    }
}
