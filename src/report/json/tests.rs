//! What programs are told of a session.

use super::super::fixture::{Page, Session, exchange, probed, said, stack, started};
use super::*;
use crate::engine::{ChangeId, Event, Moment, Options, RunId, RuntimeChoice, Stages};

fn session(page: &Page, logs: bool) -> Session<Json> {
    let options = Options {
        runtime: RuntimeChoice::Process,
        smoke: None,
    };
    Session::new(stack(&[]), options, |telemetry, clock| {
        Json::new(
            page.out(),
            telemetry,
            clock,
            Redactor::new(&["s3cret".to_owned()]),
            logs,
        )
    })
}

#[tokio::test]
async fn a_session_in_json() {
    let page = Page::default();
    let mut session = session(&page, true);
    let run = session.last_run();
    session.tell(5, started(run));
    session.telemetry.logs().push(said(
        "orders",
        run.0,
        20,
        "{\"level\":\"warn\",\"msg\":\"\x1b[31ms3cret\x1b[0m\"}",
    ));
    session.telemetry.exchanges().push(exchange(30));
    session.tell(90, probed(run, true, "200 OK"));
    let live = Notice::ChangeLive {
        service: "orders".into(),
        run,
        change: ChangeId(1),
        ms: 184,
        last_save: Moment::from_millis(100),
        way: Some("restart".into()),
        reused: false,
        overtaken: 0,
        waited_ms: None,
        stages: Stages::default(),
        p50_ms: 184,
        p95_ms: 184,
    };
    session.show(284, vec![live]);
    drop(session);
    let text = page.text();
    for line in text.lines() {
        assert!(line.starts_with("{\"at\":\"2026-03-18T14:03:20."), "{line}");
        serde_json::from_str::<Value>(line).unwrap();
    }
    assert!(!text.contains("s3cret"));
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn logs_can_be_left_out() {
    let page = Page::default();
    let mut session = session(&page, false);
    session.telemetry.logs().push(said("orders", 1, 1, "hello"));
    let run = RunId(9);
    session.tell(
        2,
        Event::RunExited {
            run,
            exit: crate::engine::Exit::code(0),
        },
    );
    session.show(
        3,
        vec![Notice::GaveUp {
            service: "orders".into(),
            attempts: 3,
        }],
    );
    drop(session);
    assert!(!page.text().contains("hello") && page.text().contains("gave-up"));
}
