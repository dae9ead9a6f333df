//! Requests written by hand: the protocol's examples, and what must be refused.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use boatyard::adapters::otlp::{Ports, Receiver, read_json};
use boatyard::telemetry::{Figure, Level, Position, SpanKind, Telemetry, TraceId};
use serde_json::{Value, json};

use super::Bench;
use super::corpus::corpus;

/// One request over HTTP/1.1: the status, and the answer whole.
fn ask(bench: &Bench, head: &str, body: &[u8]) -> (u16, String) {
    let address = (Ipv4Addr::LOCALHOST, bench.receiver.ports().http);
    let mut stream = TcpStream::connect(address).expect("it listens");
    let head = format!(
        "{head}\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("it is read");
    // It may be refused before all of it was sent.
    drop(stream.write_all(body));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    (
        status.unwrap_or_else(|| panic!("no answer: {answer:?}")),
        answer,
    )
}

fn post(bench: &Bench, path: &str, kind: &str, body: &[u8]) -> (u16, String) {
    ask(
        bench,
        &format!("POST {path} HTTP/1.1\r\ncontent-type: {kind}"),
        body,
    )
}

#[test]
fn the_examples_of_the_protocol_are_kept() {
    let Some(folder) = corpus("otlp") else {
        return;
    };
    let bench = Bench::new();
    for (file, path) in [
        ("otlp-example-trace.json", "/v1/traces"),
        ("otlp-example-logs.json", "/v1/logs"),
        ("otlp-example-events.json", "/v1/logs"),
        ("otlp-example-metrics.json", "/v1/metrics"),
    ] {
        let body = std::fs::read(folder.join(file)).expect("it is there");
        let (status, answer) = post(&bench, path, "application/json", &body);
        assert_eq!(status, 200, "{file}: {answer}");
        assert!(answer.ends_with("\r\n\r\n{}"), "{file}: {answer}");
    }
    let trace = TraceId::parse("5B8EFFF798038103D269B633813FC60C").expect("an id");
    let spans = bench.telemetry.spans().trace(trace);
    assert_eq!(
        (spans[0].name.as_str(), spans[0].kind),
        ("I'm a server span", SpanKind::Server)
    );
    assert_eq!(spans[0].attributes.text("my.span.attr"), Some("some value"));
    assert_eq!(spans[0].scope.name, "my.library");
    let service = "my.service".into();
    let lines = bench
        .telemetry
        .logs()
        .after(&[service], Position::FIRST, 100);
    let logged = lines
        .iter()
        .find(|line| line.of.as_ref().is_some_and(|of| of.0 == trace));
    let logged = logged.expect("a record names the trace");
    assert_eq!(logged.level, Some(Level::Info));
    assert!(String::from_utf8_lossy(&logged.line.bytes).starts_with("Example log record"));
    let service = "my.service".into();
    let series = bench.telemetry.series();
    let figures: Vec<(String, Figure)> = series
        .metrics()
        .of(&service)
        .flat_map(|(name, _, metric)| {
            metric
                .figures()
                .map(move |(figure, _)| (name.to_owned(), figure))
        })
        .collect();
    for wanted in [
        ("my.gauge", Figure::Value),
        ("my.histogram", Figure::P95),
        ("my.exponential.histogram", Figure::P50),
    ] {
        assert!(
            figures.contains(&(wanted.0.to_owned(), wanted.1)),
            "{wanted:?} of {figures:?}"
        );
    }
    let text = std::fs::read(folder.join("otlp-example-trace.json")).expect("it is there");
    let (spans, left_out) = read_json(&text).expect("it can be read");
    assert_eq!((spans.len(), left_out), (1, None));
}

#[test]
fn what_is_wrong_is_told_with_the_status_for_it() {
    let bench = Bench::new();
    let large = vec![b' '; 21 << 20];
    let gzip = "application/json\r\ncontent-encoding: gzip";
    for (path, kind, body, status) in [
        ("/v1/traces", "application/json", &b"{"[..], 400),
        ("/v1/traces", "application/x-protobuf", b"\xff\xff", 400),
        ("/v1/traces", "text/plain", b"{}", 415),
        (
            "/v1/traces",
            "application/json\r\ncontent-encoding: br",
            b"{}",
            415,
        ),
        ("/v1/traces", gzip, b"{}", 400),
        ("/v1/traces", "application/json", &large, 413),
        ("/v2/traces", "application/json", b"{}", 404),
        ("/v1/traces", "application/json; charset=utf-8", b"{}", 200),
        ("/v1/logs", "application/x-protobuf", b"", 200),
    ] {
        let (found, answer) = post(&bench, path, kind, body);
        assert_eq!(found, status, "{path} {kind}: {answer}");
    }
    let (status, answer) = ask(&bench, "GET /v1/traces HTTP/1.1", b"");
    assert_eq!(status, 405);
    assert!(answer.to_lowercase().contains("allow: post"), "{answer}");
    let (_, answer) = post(&bench, "/v1/traces", "application/json", b"{");
    let told: Value =
        serde_json::from_str(answer.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
    assert_eq!(told["code"], 3);
    assert!(
        told["message"]
            .as_str()
            .is_some_and(|message| message.contains("EOF")),
        "{told}"
    );
    assert!(bench.telemetry.spans().is_empty());
}

#[test]
fn what_could_not_be_kept_of_a_request_is_told() {
    let bench = Bench::new();
    let span = |trace: &str| json!({"traceId": trace, "spanId": "00f067aa0ba902b7", "name": "x"});
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span("4bf92f3577b34da6a3ce929d0e0e4736"), span("")]}]}]});
    let (status, answer) = post(
        &bench,
        "/v1/traces",
        "application/json",
        body.to_string().as_bytes(),
    );
    assert_eq!(status, 200);
    let told: Value =
        serde_json::from_str(answer.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
    assert_eq!(told["partialSuccess"]["rejectedSpans"], "1");
    assert_eq!(bench.telemetry.spans().len(), 1);
}

#[test]
fn pages_of_this_machine_may_tell_and_others_may_not() {
    let bench = Bench::new();
    let asked = |method: &str, origin: &str| {
        let head = format!(
            "{method} /v1/traces HTTP/1.1\r\ncontent-type: application/json\r\norigin: {origin}"
        );
        ask(&bench, &head, b"{}")
    };
    let (status, answer) = asked("OPTIONS", "http://localhost:8080");
    assert_eq!(status, 204);
    assert!(
        answer.contains("access-control-allow-origin: http://localhost:8080"),
        "{answer}"
    );
    assert!(
        answer.contains("access-control-allow-headers: content-type"),
        "{answer}"
    );
    let (status, answer) = asked("POST", "http://localhost:8080");
    assert_eq!(status, 200);
    assert!(
        answer.contains("access-control-allow-origin: http://localhost:8080"),
        "{answer}"
    );
    for method in ["OPTIONS", "POST"] {
        let (status, answer) = asked(method, "https://example.com");
        assert_eq!(status, 403);
        assert!(!answer.contains("access-control"), "{answer}");
    }
}

#[test]
fn taken_ports_are_left_to_who_has_them() {
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let taken = TcpListener::bind(SocketAddr::new(local, 0)).expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    let wanted = Ports {
        grpc: port,
        http: 0,
    };
    let receiver = Receiver::start(Arc::new(Telemetry::default()), wanted).expect("other ports");
    let ports = receiver.ports();
    assert_ne!(ports.grpc, port);
    for port in [ports.grpc, ports.http] {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
    }
    assert_eq!(receiver.at(local).expect("it is bound"), ports);
}
