//! What a smoke test says to people and writes as XML.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::fixture::{Page, Session, probed, said, stack, started};
use super::super::{Smoke, json_report};
use super::*;
use crate::corpus::corpus;
use crate::engine::{CheckOutcome, Event, Exit, Options, RuntimeChoice};
use crate::text::Redactor;

fn session(page: &Page, checks: &[&str]) -> Session<Smoke> {
    let options = Options {
        runtime: RuntimeChoice::Process,
        smoke: Some((Duration::from_secs(60), false)),
    };
    Session::new(stack(checks), options, |_, clock| {
        Smoke::new(
            page.out(),
            clock,
            Redactor::new(&["s3cret".to_owned()]),
            false,
        )
    })
}

fn outcome(failures: &[&str], answer: &str) -> CheckOutcome {
    CheckOutcome {
        failures: failures.iter().map(|&failure| failure.into()).collect(),
        took: Duration::from_millis(38),
        answer: answer.into(),
        trace: Some("4bf92f3577b34da6a3ce929d0e0e4736".into()),
    }
}

fn bring_up(session: &mut Session<Smoke>) {
    for (name, millis) in [("orders", 100), ("web", 200)] {
        let run = session.last_run();
        session.tell(millis, started(run));
        session
            .telemetry
            .logs()
            .push(said(name, run.0, millis + 1, "listening"));
        session.tell(millis + 50, probed(run, true, "200 OK"));
    }
}

fn try_check(session: &mut Session<Smoke>, millis: u64, outcome: CheckOutcome) {
    let check = session.last_check();
    session.tell(millis, Event::CheckEnded { check, outcome });
}

/// All that a finished test wrote, without the time that it took in truth.
fn finish(mut session: Session<Smoke>, page: &Page) -> (String, String, String) {
    session.end_all_runs(900);
    let mut report = session.view.report().expect("it is decided");
    drop(session);
    for service in &mut report.services {
        service.ready_ms = service.ready_ms.map(|_| 150);
    }
    (page.text(), junit(&report), json_report(&report))
}

fn all_pass() -> (String, String, String) {
    let page = Page::default();
    let mut session = session(&page, &["an order can be placed", "an order can be placed"]);
    bring_up(&mut session);
    try_check(&mut session, 300, outcome(&[], "201 Created"));
    try_check(&mut session, 350, outcome(&[], "201 Created"));
    finish(session, &page)
}

fn a_check_fails() -> (String, String, String) {
    let page = Page::default();
    let mut session = session(&page, &["an order can be placed", "stock is shown"]);
    bring_up(&mut session);
    let failures = [
        "status: expected 201, found 500",
        "$.state: expected \"paid\", found s3cret & <b>\u{1b}[31m",
    ];
    try_check(
        &mut session,
        300,
        outcome(
            &failures,
            "500 Internal Server Error\n<html>s3cret]]>\u{0}</html>",
        ),
    );
    try_check(&mut session, 350, outcome(&[], "200 OK"));
    finish(session, &page)
}

fn a_service_never_gets_ready() -> (String, String, String) {
    let page = Page::default();
    let mut session = session(&page, &["an order can be placed"]);
    for attempt in 0..3 {
        let (run, millis) = (session.last_run(), 100 + 10_000 * attempt);
        session.tell(millis, started(run));
        session.telemetry.logs().push(said(
            "orders",
            run.0,
            millis + 1,
            "\x1b[31mno database\x1b[0m at s3cret",
        ));
        session.tell(millis + 10, probed(run, false, "connection refused"));
        session.tell(
            millis + 20,
            Event::RunExited {
                run,
                exit: Exit::code(1),
            },
        );
        session.tell(millis + 9000, Event::Deadline);
    }
    finish(session, &page)
}

fn an_interrupted_test() -> (String, String, String) {
    let page = Page::default();
    let mut session = session(&page, &["an order can be placed"]);
    let run = session.last_run();
    session.tell(100, started(run));
    session.tell(
        200,
        Event::Command {
            command: crate::engine::Command::Quit,
        },
    );
    finish(session, &page)
}

#[tokio::test]
async fn what_a_test_says_to_people() {
    // How long a service took is measured by the clock on the wall.
    let ready = regex::Regex::new(r"ready after [0-9.]+ (ms|s)\n").unwrap();
    for (name, (text, _, _)) in [
        ("passed", all_pass()),
        ("check_failed", a_check_fails()),
        ("never_ready", a_service_never_gets_ready()),
        ("interrupted", an_interrupted_test()),
    ] {
        insta::assert_snapshot!(
            format!("summary_{name}"),
            ready.replace_all(&text, "ready after TIME\n")
        );
    }
}

#[tokio::test]
async fn what_a_test_writes_as_xml() {
    for (name, (_, xml, json)) in [
        ("check_failed", a_check_fails()),
        ("never_ready", a_service_never_gets_ready()),
    ] {
        assert!(!xml.contains("s3cret") && !json.contains("s3cret"));
        insta::assert_snapshot!(format!("junit_{name}"), xml);
    }
}

/// A checker among the third-party data, and a Python that has what its checker needs.
fn checker() -> Option<(PathBuf, PathBuf)> {
    let script = corpus("harness/junit_check.py")?;
    let python =
        std::env::var_os("BOATYARD_PYTHON").map_or_else(|| "python3".into(), PathBuf::from);
    let has_modules = Command::new(&python)
        .args(["-c", "import lxml, junitparser"])
        .output();
    let is_able = has_modules.is_ok_and(|output| output.status.success());
    is_able.then_some((script, python))
}

#[expect(clippy::print_stdout, reason = "a skipped test says so")]
#[tokio::test]
async fn the_xml_is_what_ci_systems_read() {
    let Some((script, python)) = checker() else {
        println!("skipped: needs the corpus, and python3 with lxml and junitparser");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (name, (_, xml, _)) in [
        ("passed", all_pass()),
        ("check_failed", a_check_fails()),
        ("never_ready", a_service_never_gets_ready()),
        ("interrupted", an_interrupted_test()),
    ] {
        let file = folder.path().join(format!("{name}.xml"));
        std::fs::write(&file, &xml).unwrap();
        assert_valid(&python, &script, &file, &xml);
    }
}

fn assert_valid(python: &Path, script: &Path, file: &Path, xml: &str) {
    let output = Command::new(python).arg(script).arg(file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{xml}");
}

#[tokio::test]
async fn the_report_survives_what_was_taken_down() {
    let (_, _, json) = a_service_never_gets_ready();
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    let orders = &report["services"][0];
    assert_eq!(orders["ready"], false);
    assert_eq!(orders["probe"], "connection refused");
    assert_eq!(
        orders["last_lines"],
        serde_json::json!(["no database at ***"])
    );
    assert_eq!(report["checks"][0]["result"], "skipped");
}
