//! Requests from bytes to what is kept of them, whatever the bytes.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;

use super::message::trace::{ResourceSpans, ScopeSpans, Span as SpanMessage, TraceRequest};
use super::message::{AnyValue, KeyValue, Resource, Value};
use super::store::{Encoding, Signal, Store};
use crate::telemetry::{Level, Position, Telemetry, TraceId};

const SIGNALS: [Signal; 3] = [Signal::Traces, Signal::Logs, Signal::Metrics];
const ENCODINGS: [Encoding; 2] = [Encoding::Protobuf, Encoding::Json];

fn store() -> Store {
    Store::new(Arc::new(Telemetry::default()))
}

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue {
            value: Some(Value::Text(value.into())),
        }),
    }
}

fn request(resource: Vec<KeyValue>, ids: &[(u128, u64)]) -> TraceRequest {
    let span = |&(trace, span): &(u128, u64)| SpanMessage {
        trace_id: Bytes::copy_from_slice(&trace.to_be_bytes()),
        span_id: Bytes::copy_from_slice(&span.to_be_bytes()),
        name: "x".into(),
        attributes: vec![text("k", "v")],
        ..SpanMessage::default()
    };
    TraceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: resource,
            }),
            scope_spans: vec![ScopeSpans {
                scope: None,
                spans: ids.iter().map(span).collect(),
            }],
        }],
    }
}

#[test]
fn a_run_is_known_by_what_it_was_given_whatever_it_calls_itself() {
    let store = store();
    let resource = vec![
        text("service.name", "checkout-svc"),
        text("boatyard.service", "orders"),
        text("boatyard.run", "7"),
    ];
    let body = request(resource, &[(1, 2)]).encode_to_vec();
    store
        .take(Signal::Traces, Encoding::Protobuf, body.into())
        .unwrap();
    let spans = store.telemetry.spans().trace(TraceId(1));
    assert_eq!(
        (spans[0].service.as_str(), spans[0].run),
        ("orders", Some(7))
    );
    assert_eq!(
        spans[0].scope.resource.text("service.name"),
        Some("checkout-svc")
    );
}

#[test]
fn spans_without_ids_are_refused_and_the_others_kept() {
    let store = store();
    let body = request(Vec::new(), &[(1, 1), (0, 2), (3, 0), (4, 4)]).encode_to_vec();
    let refused = store
        .take(Signal::Traces, Encoding::Protobuf, body.into())
        .unwrap();
    assert_eq!((refused.count, store.telemetry.spans().len()), (2, 2));
    assert!(refused.why.contains("trace id"));
}

#[test]
fn records_of_one_message_stand_in_the_order_of_their_times() {
    let store = store();
    let body = br#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"web"}}]},
        "scopeLogs":[{"logRecords":[
            {"timeUnixNano":"3000000000","severityNumber":17,"body":{"stringValue":"later"},
             "traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"},
            {"timeUnixNano":"1000000000","severityText":"Warning","body":{"stringValue":"first"}}]}]}]}"#;
    store
        .take(Signal::Logs, Encoding::Json, Bytes::from_static(body))
        .unwrap();
    let lines = store
        .telemetry
        .logs()
        .after(&["web".into()], Position::FIRST, 9);
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                String::from_utf8_lossy(&line.line.bytes).into_owned(),
                line.level.map(Level::name),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("first".into(), Some("warn")),
            ("later".to_owned(), Some("error"))
        ]
    );
    let (trace, span) = **lines[1].of.as_ref().unwrap();
    assert_eq!(trace.to_string(), "5b8efff798038103d269b633813fc60c");
    assert_eq!(span.unwrap().to_string(), "eee19b7ec3c1b174");
}

proptest! {
    #[test]
    fn any_bytes_are_kept_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let store = store();
        for signal in SIGNALS {
            for encoding in ENCODINGS {
                drop(store.take(signal, encoding, Bytes::from(bytes.clone())));
            }
        }
    }

    #[test]
    fn any_json_is_kept_or_refused(text in "[{}\\[\\]\":,a-zA-Z0-9.\\-]{0,80}") {
        let store = store();
        for signal in SIGNALS {
            for outer in ["resourceSpans", "resourceLogs", "resourceMetrics"] {
                let text = format!("{{\"{outer}\":[{text}]}}");
                drop(store.take(signal, Encoding::Json, Bytes::from(text)));
            }
        }
    }

    #[test]
    fn a_message_with_wrong_bytes_is_kept_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let store = store();
        let mut body = request(vec![text("service.name", "web")], &[(1, 1), (1, 2)]).encode_to_vec();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        for signal in SIGNALS {
            drop(store.take(signal, Encoding::Protobuf, Bytes::from(body.clone())));
        }
    }

    #[test]
    fn any_metric_is_a_figure_or_refused(value in any::<f64>(), time in any::<u64>(), since in any::<u64>(), kind in 0..3_i32, grows in any::<bool>()) {
        let store = store();
        let text = serde_json::json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m", "sum": {
            "aggregationTemporality": kind, "isMonotonic": grows,
            "dataPoints": [{"asDouble": value, "timeUnixNano": time, "startTimeUnixNano": since}]}}]}]}]});
        store.take(Signal::Metrics, Encoding::Json, Bytes::from(text.to_string())).unwrap();
        let series = store.telemetry.series();
        let service = "unknown_service".into();
        for (_, _, metric) in series.metrics().of(&service) {
            prop_assert!(metric.figures().all(|(_, points)| points.iter().all(|(_, value)| value.is_finite())));
        }
    }
}
