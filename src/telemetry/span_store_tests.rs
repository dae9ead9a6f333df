//! The ring of spans, and traces over both stores.

use std::time::Duration;

use proptest::prelude::*;

use super::super::exchange_fixture::timed;
use super::super::{
    AttributeValue, Attributes, Filter, Row, SpanEvent, SpanId, SpanKind, Telemetry, TraceSummary,
};
use super::*;

fn span(
    trace: u128,
    id: u64,
    parent: Option<u64>,
    service: &str,
    (start, end): (u64, u64),
) -> Span {
    Span {
        trace: TraceId(trace),
        span: SpanId(id),
        parent: parent.map(SpanId),
        service: service.into(),
        run: None,
        name: format!("n{id}"),
        kind: SpanKind::Server,
        started: Timestamp::UNIX_EPOCH + Duration::from_millis(start),
        took: Duration::from_millis(end - start),
        status: SpanStatus::Unset,
        attributes: Attributes::default(),
        events: Vec::new(),
        links: Vec::new(),
        scope: Arc::default(),
    }
}

fn drawn(rows: &[Row]) -> Vec<String> {
    let row = |row: &Row| {
        let mark = if row.detached { "?" } else { "" };
        let sign = if row.what.exchange().is_some() {
            "="
        } else {
            ""
        };
        let indent = "  ".repeat(row.depth);
        format!(
            "{indent}{sign}{}{mark} {}",
            row.what.service(),
            row.self_time.as_millis()
        )
    };
    rows.iter().map(row).collect()
}

#[test]
fn the_newest_win_and_the_others_are_counted() {
    let one = span(1, 1, None, "web", (0, 1)).footprint();
    let mut spans = Spans::new(10 * one + Scope::default().footprint());
    for n in 0..25 {
        spans.push_all([span(n, 7, None, "web", (0, 1))]);
    }
    assert_eq!(spans.len() as u64 + spans.dropped(), 25);
    assert!(spans.used() <= 10 * one + Scope::default().footprint());
    assert!(spans.trace(TraceId(0)).is_empty());
    assert_eq!(spans.trace(TraceId(24)).len(), 1);
    assert_eq!(spans.by_trace.len(), spans.len());
    let mut huge = span(99, 1, None, "web", (0, 1));
    huge.name = "x".repeat(20 * one);
    spans.push_all([huge]);
    assert_eq!((spans.len(), spans.dropped()), (1, 25));
}

#[test]
fn a_trace_that_loses_its_oldest_spans_keeps_no_memory_of_them() {
    let mut spans = Spans::new(1);
    let mut root = span(1, 1, None, "web", (0, 9));
    root.status = SpanStatus::Error("why".into());
    spans.push_all([root, span(1, 2, Some(1), "orders", (1, 2))]);
    let known = spans.of(TraceId(1)).unwrap();
    assert_eq!(
        (known.len(), known.errors, known.root.span),
        (1, 0, SpanId(2))
    );
}

#[test]
fn what_a_message_shares_is_charged_once() {
    let scope = Arc::new(Scope {
        name: "x".repeat(10_000),
        ..Scope::default()
    });
    let shared = |id| Span {
        scope: Arc::clone(&scope),
        ..span(1, id, None, "web", (0, 1))
    };
    let mut spans = Spans::new(1 << 20);
    spans.push_all([shared(1), shared(2), shared(3)]);
    assert!((10_000..20_000).contains(&spans.used()), "{}", spans.used());
}

#[test]
fn a_follower_gets_each_once_and_what_is_sent_again_is_drawn_once() {
    let mut spans = Spans::new(1 << 20);
    spans.push_all([span(1, 1, None, "web", (0, 9))]);
    let first = spans.since(0);
    spans.push_all([
        span(1, 1, None, "web", (0, 9)),
        span(1, 2, Some(1), "web", (2, 3)),
    ]);
    assert_eq!(
        (first.spans.len(), spans.since(first.cursor).spans.len()),
        (1, 2)
    );
    assert_eq!(spans.since(u64::MAX).spans, []);
    assert_eq!(spans.trace(TraceId(1)).len(), 2);
}

#[test]
fn traces_are_met_newest_first_whether_few_or_many() {
    for each in [1, 20] {
        let mut spans = Spans::new(1 << 20);
        for n in 0..10_u64 {
            let of_one = (0..each).map(|id| span(n.into(), id + 1, None, "web", (n, n + 1)));
            spans.push_all(of_one);
        }
        spans.push_all([span(4, 99, None, "web", (50, 51))]);
        let met: Vec<u128> = spans.newest().map(|(trace, _)| trace.0).collect();
        assert_eq!(met, [4, 9, 8, 7, 6, 5, 3, 2, 1, 0], "{each} spans each");
    }
}

#[test]
fn secrets_are_masked_however_deep() {
    let nested = AttributeValue::List(vec![AttributeValue::Map(
        [("k", AttributeValue::Text("a hunter2".into()))]
            .into_iter()
            .collect(),
    )]);
    let token = AttributeValue::List(vec![AttributeValue::Text("Bearer t".into())]);
    let mut one = span(1, 1, None, "web", (0, 1));
    one.attributes = [
        ("deep", nested),
        ("http.request.header.authorization", token),
    ]
    .into_iter()
    .collect();
    one.name = "GET /hunter2".into();
    one.status = SpanStatus::Error("hunter2".into());
    one.events = vec![SpanEvent {
        at: Timestamp::UNIX_EPOCH,
        name: "hunter2".into(),
        attributes: [("m", AttributeValue::Text("hunter2".into()))]
            .into_iter()
            .collect(),
    }];
    one.mask(&Redactor::new(&["hunter2".into()]));
    let told = format!("{one:?}");
    assert!(
        !told.contains("hunter2") && !told.contains("Bearer"),
        "{told}"
    );
}

/// A request through the front door: the relay's exchanges, and what both services tell of it.
fn shop(telemetry: &Telemetry, order: &[usize]) {
    for place in order {
        match place {
            0 => telemetry
                .exchanges()
                .push(timed((7, 1, None), "web", 0, 100)),
            1 => telemetry
                .exchanges()
                .push(timed((7, 4, Some(3)), "orders", 22, 58)),
            2 => telemetry
                .spans()
                .push_all([span(7, 2, Some(1), "web", (2, 98))]),
            3 => telemetry
                .spans()
                .push_all([span(7, 3, Some(2), "web", (20, 60))]),
            _ => telemetry
                .spans()
                .push_all([span(7, 5, Some(4), "orders", (25, 55))]),
        }
    }
}

#[test]
fn spans_hang_under_exchanges_and_exchanges_under_spans() {
    let telemetry = Telemetry::default();
    shop(&telemetry, &[0, 1, 2, 3, 4]);
    let expected = [
        "=web 4",
        "  web 56",
        "    web 4",
        "      =orders 6",
        "        orders 30",
    ];
    assert_eq!(drawn(&telemetry.waterfall(TraceId(7))), expected);
    let listed = telemetry.traces(10, |_| true);
    let [
        TraceSummary {
            spans: 5,
            errors: 0,
            root,
            services,
            ..
        },
    ] = listed.as_slice()
    else {
        panic!("{listed:?}");
    };
    assert_eq!((root.span(), services.len()), (SpanId(1), 2));
}

#[test]
fn traces_that_no_relay_saw_are_listed_among_the_others() {
    let telemetry = Telemetry::default();
    telemetry
        .exchanges()
        .push(timed((1, 1, None), "web", 0, 10));
    let mut failed = span(2, 2, Some(9), "worker", (5, 20));
    failed.status = SpanStatus::Error(String::new());
    telemetry
        .spans()
        .push_all([failed, span(2, 9, None, "worker", (4, 30))]);
    telemetry
        .exchanges()
        .push(timed((3, 3, None), "web", 31, 40));
    let ids = |filter: &str, n: usize| {
        let filter = Filter::parse(filter).unwrap();
        let listed = telemetry.traces(n, |trace| filter.matches_part(&trace.root));
        listed.iter().map(|trace| trace.trace.0).collect::<Vec<_>>()
    };
    assert_eq!(ids("", 10), [3, 2, 1]);
    assert_eq!(ids("", 2), [3, 2]);
    assert_eq!(ids("service=worker", 10), [2]);
    let worker = &telemetry.traces(2, |_| true)[1];
    assert_eq!(
        (worker.errors, worker.spans, worker.root.span()),
        (1, 2, SpanId(9))
    );
    assert_eq!(worker.duration, Duration::from_millis(26));
}

proptest! {
    #[test]
    fn any_order_of_arrival_gives_the_same_waterfall(order in Just(vec![0, 1, 2, 3, 4]).prop_shuffle()) {
        let (sorted, shuffled) = (Telemetry::default(), Telemetry::default());
        shop(&sorted, &[0, 1, 2, 3, 4]);
        shop(&shuffled, &order);
        prop_assert_eq!(drawn(&sorted.waterfall(TraceId(7))), drawn(&shuffled.waterfall(TraceId(7))));
    }

    #[test]
    fn any_trees_of_both_kinds_give_the_same_rows_in_any_order(
        parts in prop::collection::vec((any::<bool>(), prop::option::of(0..12_u64), 0..40_u64, 0..40_u64), 1..12),
        keys in prop::collection::vec(any::<u64>(), 12),
    ) {
        let mut order: Vec<usize> = (0..parts.len()).collect();
        let fill = |order: &[usize]| {
            let telemetry = Telemetry::default();
            for &at in order {
                let (is_span, parent, start, long) = parts[at];
                let id = at as u64;
                if is_span {
                    telemetry.spans().push_all([span(1, id, parent, "x", (start, start + long))]);
                } else {
                    telemetry.exchanges().push(timed((1, id, parent), "x", start, start + long));
                }
            }
            telemetry.waterfall(TraceId(1))
        };
        let sorted = fill(&order);
        order.sort_by_key(|at| keys[*at]);
        let shuffled = fill(&order);
        prop_assert_eq!(sorted.len(), parts.len());
        prop_assert_eq!(drawn(&sorted), drawn(&shuffled));
        let ids = |rows: &[Row]| rows.iter().map(|row| row.what.span()).collect::<Vec<_>>();
        prop_assert_eq!(ids(&sorted), ids(&shuffled));
    }
}
