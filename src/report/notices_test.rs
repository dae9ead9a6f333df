//! Holds `docs/notices.md` to the truth.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::fixture::{Page, Session, exchange, said, span, stack};
use super::{CheckReport, CheckResult, Json, ServiceReport, SmokeReport, json_report};
use crate::engine::{Notice, Options, Verdict};
use crate::text::Redactor;

const DOCUMENT: &str = include_str!("../../docs/notices.md");

/// The examples in fences of this kind.
fn examples(fence: &str) -> Vec<Value> {
    let mut blocks = DOCUMENT.split("\n```");
    blocks.next();
    // Every second piece is inside a fence.
    let inside = blocks.step_by(2);
    let wanted =
        inside.filter_map(|block| block.split_once('\n').filter(|(kind, _)| *kind == fence));
    wanted
        .map(|(_, text)| {
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
        })
        .collect()
}

/// The examples of notices of the engine.
pub(super) fn documented() -> Vec<Notice> {
    let all = examples("json").into_iter();
    let of_engine =
        all.filter(|example| !matches!(kind(example).as_str(), "log" | "exchange" | "span"));
    of_engine.map(parse).collect()
}

/// The notice that an example shows. Its one moment is printed as a time of day, and read as none.
fn parse(mut example: Value) -> Notice {
    if let Some(last_save) = example.get_mut("last_save") {
        last_save.as_str().unwrap().parse::<Timestamp>().unwrap();
        *last_save = json!({"secs": 0, "nanos": 0});
    }
    let kind = kind(&example);
    serde_json::from_value(example).unwrap_or_else(|error| panic!("{kind}: {error}"))
}

fn kind(example: &Value) -> String {
    example["notice"]
        .as_str()
        .expect("a notice has a kind")
        .to_owned()
}

/// The kinds that there are, as the deserializer names them when it meets an unknown one.
fn kinds() -> BTreeSet<String> {
    let error = serde_json::from_value::<Notice>(json!({"notice": "?"}))
        .unwrap_err()
        .to_string();
    error
        .split('`')
        .skip(3)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_notice_has_an_example() {
    let mut expected = kinds();
    assert!(
        expected.contains("session-started") && expected.contains("session-ended"),
        "{expected:?}"
    );
    expected.extend(["log", "exchange", "span"].map(str::to_owned));
    let documented: BTreeSet<String> = examples("json").iter().map(kind).collect();
    assert_eq!(documented, expected);
    for kind in &expected {
        assert!(
            DOCUMENT.contains(&format!("\n`{kind}`: ")),
            "{kind} is not described"
        );
    }
}

#[test]
fn every_example_is_what_would_be_printed() {
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<BTreeSet<_>>()
    };
    for example in examples("json") {
        let at: Timestamp = example["at"].as_str().unwrap().parse().unwrap();
        assert_eq!(example["at"], format!("{at:.3}"));
        let kind = kind(&example);
        if matches!(kind.as_str(), "log" | "exchange" | "span") {
            continue;
        }
        let documented = keys(&example);
        let mut printed = keys(&serde_json::to_value(parse(example)).unwrap());
        printed.insert("at".into());
        assert_eq!(documented, printed, "{kind}");
    }
}

#[tokio::test]
async fn lines_and_exchanges_have_the_documented_fields() {
    let page = Page::default();
    let mut session = Session::new(stack(&[]), Options::default(), |telemetry, clock| {
        Json::new(page.out(), telemetry, clock, Redactor::default(), true)
    });
    session.telemetry.logs().push(said("web", 1, 1, "hello"));
    session.telemetry.exchanges().push(exchange(2));
    session.telemetry.spans().push_all([span(2)]);
    session.show(3, vec![]);
    drop(session);
    let text = page.text();
    let printed: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for wanted in ["log", "exchange", "span"] {
        let is_it = |value: &&Value| value["notice"] == wanted;
        let keys = |value: &Value| {
            value
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        let documented = examples("json");
        let example = documented.iter().find(is_it).unwrap();
        assert_eq!(
            keys(printed.iter().find(is_it).unwrap()),
            keys(example),
            "{wanted}"
        );
    }
}

#[test]
fn the_report_has_the_documented_shape() {
    let report = SmokeReport {
        stack: "shop".into(),
        began: "2026-03-18T14:03:20.000Z".into(),
        ms: 4210,
        verdict: Verdict::Failed,
        why: Some("1 of 1 checks failed: an order can be placed".into()),
        services: vec![ServiceReport {
            service: "web".into(),
            ready: true,
            ready_ms: Some(812),
            status: "ready".into(),
            failure: None,
            probe: Some("200 OK".into()),
            last_lines: vec![],
        }],
        checks: vec![CheckReport {
            check: "an order can be placed".into(),
            result: CheckResult::Failed,
            ms: 38,
            tries: 3,
            failures: vec!["status: expected 201, found 500 Internal Server Error".into()],
            answer: "500 Internal Server Error\n".into(),
            trace: Some("4bf92f3577b34da6a3ce929d0e0e4736".into()),
        }],
        left_behind: vec![],
    };
    let written: Value = serde_json::from_str(&json_report(&report)).unwrap();
    assert_eq!(examples("json report"), [written]);
}
