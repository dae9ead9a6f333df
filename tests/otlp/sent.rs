//! What the stock Python SDK sends arrives whole, whichever way it is sent.

use std::path::Path;
use std::process::Command;

use boatyard::telemetry::{AttributeValue, Attributes, Span, SpanStatus, Telemetry, TraceId};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Bench;
use super::corpus::corpus;
use super::otel::python;

/// Sends the client's spans and gives back the truth about them.
fn send(bench: &Bench, python: &Path, client: &Path, arguments: &[&str]) -> Value {
    let truth = tempfile::NamedTempFile::new().expect("a temporary file");
    let ports = bench.receiver.ports();
    let endpoint = if arguments.contains(&"grpc") {
        format!("127.0.0.1:{}", ports.grpc)
    } else {
        format!("http://127.0.0.1:{}/v1/traces", ports.http)
    };
    let sent = Command::new(python.join("bin/python"))
        .arg(client)
        .args(["--endpoint", &endpoint, "--truth"])
        .arg(truth.path())
        .arg("--proto")
        .args(arguments)
        .output()
        .expect("python runs");
    assert!(
        sent.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&sent.stderr)
    );
    serde_json::from_reader(std::fs::File::open(truth.path()).expect("it was written"))
        .expect("it is JSON")
}

fn of_attributes(attributes: &Attributes) -> Value {
    let pairs = attributes.iter();
    Value::Object(
        pairs
            .map(|(name, value)| (name.to_owned(), of_value(value)))
            .collect::<Map<_, _>>(),
    )
}

fn of_value(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Text(text) => json!(text),
        AttributeValue::Bool(value) => json!(value),
        AttributeValue::Int(number) => json!(number),
        AttributeValue::Double(number) => json!(number),
        AttributeValue::List(values) => values.iter().map(of_value).collect(),
        other => panic!("the client sends no {other:?}"),
    }
}

fn nanoseconds(at: Timestamp) -> Value {
    json!(u64::try_from(at.as_nanosecond()).expect("after 1970"))
}

/// A span in the form of the client's truth.
fn told(span: &Span) -> Value {
    let (status, message) = match &span.status {
        SpanStatus::Unset => ("unset", ""),
        SpanStatus::Ok => ("ok", ""),
        SpanStatus::Error(why) => ("error", why.as_str()),
    };
    let events = span.events.iter().map(|event| {
        json!({"name": event.name, "time_ns": nanoseconds(event.at), "attributes": of_attributes(&event.attributes)})
    });
    let links = span.links.iter().map(|link| {
        json!({"trace_id": link.trace.to_string(), "span_id": link.span.to_string(), "attributes": of_attributes(&link.attributes)})
    });
    // What has no name is called so by convention.
    let service = match span.service.as_str() {
        "unknown_service" => "",
        name => name,
    };
    json!({
        "trace_id": span.trace.to_string(),
        "span_id": span.span.to_string(),
        "parent_id": span.parent.map_or(String::new(), |parent| parent.to_string()),
        "service": service,
        "name": span.name,
        "kind": span.kind.name(),
        "status": status,
        "status_message": message,
        "start_ns": nanoseconds(span.started),
        "end_ns": nanoseconds(span.ended()),
        "attributes": of_attributes(&span.attributes),
        "events": events.collect::<Vec<_>>(),
        "links": links.collect::<Vec<_>>(),
    })
}

fn compare(telemetry: &Telemetry, truth: &Value, how: &[&str]) {
    let spans = truth["spans"].as_array().expect("a list");
    assert_eq!(telemetry.spans().len(), spans.len(), "{how:?}");
    for wanted in spans {
        let trace = TraceId::parse(wanted["trace_id"].as_str().expect("text")).expect("an id");
        let kept = telemetry.spans().trace(trace);
        let found = kept
            .iter()
            .find(|span| wanted["span_id"] == span.span.to_string());
        let found = found.unwrap_or_else(|| panic!("{how:?}: lost {wanted}"));
        assert_eq!(told(found), *wanted, "{how:?}");
    }
    let traces = telemetry.traces(100, |_| true);
    assert_eq!(json!(traces.len()), truth["traces"], "{how:?}");
}

#[test]
fn all_spans_arrive_with_all_that_is_said_of_them() {
    let (Some(client), Some(python)) = (corpus("otlp/otel_client.py"), python()) else {
        return;
    };
    for how in [
        &["http-protobuf"][..],
        &["http-protobuf", "--gzip", "--batches", "many"],
        &["http-json", "--batches", "many"],
        &["http-json", "--gzip"],
        &["grpc", "--traces", "5", "--batches", "many"],
        &["grpc", "--gzip"],
    ] {
        let bench = Bench::new();
        let truth = send(&bench, &python, &client, how);
        compare(&bench.telemetry, &truth, how);
    }
}

#[test]
fn either_protocol_is_spoken_on_either_port() {
    let (Some(client), Some(python)) = (corpus("otlp/otel_client.py"), python()) else {
        return;
    };
    let bench = Bench::new();
    let ports = bench.receiver.ports();
    for (protocol, endpoint) in [
        ("grpc", format!("127.0.0.1:{}", ports.http)),
        (
            "http-protobuf",
            format!("http://127.0.0.1:{}/v1/traces", ports.grpc),
        ),
    ] {
        let sent = Command::new(python.join("bin/python"))
            .arg(&client)
            .args([
                "--proto",
                protocol,
                "--endpoint",
                &endpoint,
                "--seed",
                protocol.len().to_string().as_str(),
            ])
            .output()
            .expect("python runs");
        assert!(
            sent.status.success(),
            "{protocol}: {}",
            String::from_utf8_lossy(&sent.stderr)
        );
    }
    assert_eq!(bench.telemetry.spans().len() % 2, 0);
    assert!(bench.telemetry.spans().len() > 20);
}
