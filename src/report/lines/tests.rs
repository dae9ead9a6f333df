//! What people are told of a session.

use std::path::PathBuf;
use std::time::Duration;

use super::super::fixture::{Page, Session, probed, said, stack, started};
use super::super::notices_test::documented;
use super::*;
use crate::engine::{
    Action, BuildId, Change, ChangeId, Command, EngineLink, Event, Exit, LiveSummary, Moment,
    Options, RunId, RuntimeChoice, Stages, Verdict,
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
async fn every_documented_notice_has_a_sentence() {
    let page = Page::default();
    let mut session = session(&page, false, false);
    session.show(0, documented());
    drop(session);
    insta::assert_snapshot!(page.text());
}

#[tokio::test]
async fn sentences_take_in_what_was_told_before() {
    let page = Page::default();
    let mut session = session(&page, false, false);
    let (orders, build): (ServiceName, _) = ("orders".into(), BuildId(7));
    let step = |step, cached| Notice::BuildOutput {
        service: "orders".into(),
        build,
        step,
        of: 7,
        name: format!("RUN step {step}"),
        cached,
    };
    let finished = |build, cached| Notice::BuildFinished {
        service: "orders".into(),
        build,
        ms: 1234,
        image: "x".into(),
        cached,
    };
    let saved = Notice::ChangeSeen {
        services: vec![orders.clone(), "web".into()],
        paths: vec!["/shop/a.py".into(), "/shop/b.py".into()],
        first_save_ms_ago: 20,
    };
    let live = Notice::ChangeLive {
        service: orders,
        run: RunId(3),
        change: ChangeId(2),
        ms: 184,
        last_save: Moment::START,
        way: Some("build".into()),
        reused: false,
        overtaken: 1,
        waited_ms: None,
        stages: Stages {
            settled: Some(16),
            build_started: Some(17),
            built: Some(101),
            started: Some(150),
            ready: Some(183),
            ..Stages::default()
        },
        p50_ms: 184,
        p95_ms: 201,
    };
    session.show(0, vec![saved, step(1, true), step(2, true), step(3, false)]);
    session.show(
        1,
        vec![finished(build, false), finished(BuildId(8), true), live],
    );
    drop(session);
    let text = page.text();
    let told: Vec<&str> = text.lines().skip(4).collect();
    assert_eq!(
        told,
        [
            "       ▸ saved: a.py and 1 more (orders, web)",
            "orders ▸ step 3/7 RUN step 3",
            "orders ✓ build #7 ready in 1.2 s (2 of 7 steps cached)",
            "orders ✓ build #8 ready in 1.2 s (already built)",
            "orders ✓ live in 184 ms (settled 16, built 101, started 150, ready 183, with 1 earlier change): a.py and 1 more",
        ]
    );
}

/// A reader that has gone away.
struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
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
        changes: vec![LiveSummary {
            service: "web".into(),
            live: 12,
            p50_ms: 180,
            p95_ms: 410,
        }],
    };
    session.show(total + 1, vec![ended]);
    drop(session);
    let text = page.text();
    let lines = text.lines().filter(|line| line.ends_with("│ x")).count();
    assert_eq!(lines as u64, total);
    assert!(
        text.contains("session ended\n")
            && text
                .trim_end()
                .ends_with("web: 12 changes live, half within 180 ms, 95 of 100 within 410 ms"),
        "the end comes last"
    );
}
