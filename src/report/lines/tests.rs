use std::path::PathBuf;
use std::time::Duration;

use super::super::fixture::{Page, Session, probed, said, stack, started};
use super::*;
use crate::engine::{
    Action, BuildId, Change, Command, EngineLink, Event, Exit, Moment, Options, RunId,
    RuntimeChoice, Verdict,
};
use crate::telemetry::NewLine;

fn session(page: &Page, color: bool, with_time: bool) -> Session<Lines> {
    let options = Options {
        runtime: RuntimeChoice::Process,
        smoke: None,
    };
    Session::new(stack(&[]), options, |telemetry, clock| {
        let redactor = Redactor::new(&["s3cret".to_owned()]);
        let options = LinesOptions { color, logs: true };
        let lines = Lines::new(page.out(), telemetry, clock, redactor, options);
        if with_time { lines.with_time() } else { lines }
    })
}

fn a_day<V: View>(session: &mut Session<V>) {
    session.tell(
        1,
        Event::ContainerEngine {
            link: EngineLink::Missing { looked: vec![] },
        },
    );
    let orders = session.last_run();
    session.tell(5, started(orders));
    session.telemetry.logs().push(said(
        "orders",
        orders.0,
        20,
        "\x1b[32mINFO\x1b[0m listening \x1b[2Jon 8000",
    ));
    session
        .telemetry
        .logs()
        .push(said("orders", orders.0, 21, "WARN token s3cret is weak"));
    session.tell(60, probed(orders, false, "connection refused"));
    session.tell(90, probed(orders, true, "200 OK"));
    let web = session.last_run();
    session.tell(95, started(web));
    session.tell(120, probed(web, true, "200 OK"));
    session.telemetry.logs().push(NewLine {
        stream: Stream::Stderr,
        ..said("web", web.0, 130, "error: no such table")
    });
    session.tell(
        200,
        Event::Changed {
            change: Change {
                first_save: Moment::from_millis(150),
                last_save: Moment::from_millis(180),
                paths: vec![PathBuf::from("/shop/web/app.py")],
                actions: vec![("web".into(), Action::Restart)],
            },
        },
    );
    let second = session.last_run();
    session.tell(210, started(second));
    session.tell(334, probed(second, true, "200 OK"));
    session.tell(
        340,
        Event::RunExited {
            run: web,
            exit: Exit {
                signal: Some("SIGTERM".into()),
                ..Exit::default()
            },
        },
    );
    session.tell(
        900,
        Event::RunExited {
            run: orders,
            exit: Exit {
                last_lines: vec!["MemoryError s3cret".into()],
                ..Exit::code(1)
            },
        },
    );
    session.tell(
        950,
        Event::Command {
            command: Command::Quit,
        },
    );
    session.end_all_runs(990);
}

#[tokio::test]
async fn a_session_in_plain_lines() {
    let page = Page::default();
    let mut session = session(&page, false, true);
    a_day(&mut session);
    drop(session);
    insta::assert_snapshot!(page.text());
}

#[tokio::test]
async fn a_session_in_colour() {
    let page = Page::default();
    let mut session = session(&page, true, false);
    a_day(&mut session);
    drop(session);
    let text = page.text();
    assert!(!text.contains("s3cret") && !text.contains("\x1b[2J"));
    insta::assert_snapshot!(text.replace('\x1b', "^"));
}

#[tokio::test]
async fn every_kind_of_notice_has_a_sentence() {
    let page = Page::default();
    let mut session = session(&page, false, false);
    let (orders, build, run): (ServiceName, _, _) = ("orders".into(), BuildId(7), RunId(3));
    let step = |step, cached| Notice::BuildOutput {
        service: "orders".into(),
        build,
        step,
        of: 7,
        name: format!("RUN step {step}"),
        cached,
    };
    session.show(
        0,
        vec![
            Notice::Engine {
                state: "connected".into(),
                detail: "Docker 28".into(),
            },
            Notice::RuntimeChosen {
                service: orders.clone(),
                runtime: "container".into(),
                why: "an engine answers".into(),
            },
            Notice::ServiceHeld {
                service: orders.clone(),
                hold: "waits for db: not healthy yet".into(),
            },
            Notice::StackReloaded {
                added: vec!["a".into(), "b".into()],
                removed: vec![],
                changed: vec!["web".into()],
            },
            Notice::StackRefused {
                problems: vec!["boatyard.toml:3:1: unknown key".into()],
            },
            Notice::BuildStarted {
                service: orders.clone(),
                build,
            },
            step(1, true),
            step(2, true),
            step(3, true),
            step(4, false),
            Notice::BuildFinished {
                service: orders.clone(),
                build,
                ms: 1234,
                image: "x".into(),
                cached: false,
            },
            Notice::BuildFinished {
                service: orders.clone(),
                build: BuildId(8),
                ms: 5,
                image: "x".into(),
                cached: true,
            },
            Notice::BuildCancelled {
                service: orders.clone(),
                build,
                why: "newer edits".into(),
            },
            Notice::BuildFailed {
                service: orders.clone(),
                build,
                ms: 900,
                step: Some("RUN make".into()),
                message: "exit code 2".into(),
                last_lines: vec!["make: *** no rule".into()],
            },
            Notice::Synced {
                service: orders.clone(),
                files: 1,
                ms: 12,
            },
            Notice::SyncFailed {
                service: orders.clone(),
                why: "disk full".into(),
            },
            Notice::RunFailed {
                service: orders.clone(),
                run,
                message: "port 8080 is taken".into(),
            },
            Notice::RunExited {
                service: orders.clone(),
                run,
                code: Some(0),
                signal: None,
                cause: "ended by itself".into(),
                expected: true,
                last_lines: vec![],
            },
            Notice::RestartScheduled {
                service: orders.clone(),
                attempt: 2,
                ms: 400,
            },
            Notice::GaveUp {
                service: orders.clone(),
                attempts: 10,
            },
            Notice::Health {
                service: orders.clone(),
                run,
                healthy: false,
                said: "timed out after 3 s".into(),
            },
            Notice::Health {
                service: orders.clone(),
                run,
                healthy: true,
                said: "200 OK".into(),
            },
            Notice::ChangeSeen {
                services: vec![orders.clone(), "web".into()],
                paths: vec!["/shop/a.py".into(), "/shop/b.py".into()],
                first_save_ms_ago: 20,
            },
            Notice::ChangeLive {
                service: orders,
                run,
                ms: 184,
                last_save: Moment::START,
            },
            Notice::Dropped {
                service: None,
                what: "log lines".into(),
                count: 12,
            },
            Notice::CheckPassed {
                check: "an order".into(),
                ms: 38,
                tries: 1,
                trace: None,
            },
            Notice::CheckFailed {
                check: "stock".into(),
                ms: 38,
                tries: 3,
                failures: vec!["status: expected 200, found 500".into()],
                answer: String::new(),
                trace: None,
            },
            Notice::SessionEnded {
                verdict: Verdict::Failed,
                why: Some("orders: it failed".into()),
                left_behind: vec!["container x".into()],
            },
        ],
    );
    drop(session);
    insta::assert_snapshot!(page.text());
}

#[tokio::test]
async fn new_lines_wake_the_view_and_a_gone_reader_ends_the_session() {
    let page = Page::default();
    let mut session = session(&page, false, false);
    let patience = Duration::from_secs(10);
    // What was there at the beginning has been shown.
    session.show(0, vec![]);
    let telemetry = Arc::clone(&session.telemetry);
    let (input, ()) = tokio::join!(
        tokio::time::timeout(patience, session.view.next_input()),
        async move {
            telemetry.logs().push(said("web", 1, 1, "hello"));
            telemetry.touch();
        }
    );
    assert_eq!(input.unwrap(), Input::Show);

    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let options = LinesOptions {
        color: false,
        logs: true,
    };
    let telemetry = Arc::clone(&session.telemetry);
    let mut view = Lines::new(
        Box::new(Gone),
        telemetry,
        session.clock.clone(),
        Redactor::default(),
        options,
    );
    view.sink.write(b"text".to_vec());
    let quit = async { while view.next_input().await != Input::Command(Command::Quit) {} };
    tokio::time::timeout(patience, quit)
        .await
        .expect("it asks to quit");
}

#[tokio::test]
async fn a_flood_is_shown_whole_or_counted() {
    let page = Page::default();
    let mut session = session(&page, false, false);
    let total = 30_000;
    for number in 0..total {
        session.telemetry.logs().push(said("web", 1, number, "x"));
    }
    let ended = Notice::SessionEnded {
        verdict: Verdict::Passed,
        why: None,
        left_behind: vec![],
    };
    session.show(total + 1, vec![ended]);
    drop(session);
    let text = page.text();
    let lines = text.lines().filter(|line| line.ends_with("│ x")).count();
    assert_eq!(lines as u64, total);
    assert!(
        text.trim_end().ends_with("session ended"),
        "the end comes last"
    );
}
