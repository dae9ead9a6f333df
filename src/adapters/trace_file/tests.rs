//! Files of traces, written and read back.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{Format, Read, read};
use crate::corpus::corpus;
use crate::telemetry::{
    AttributeValue, Attributes, BodyHead, Confidence, EdgeKind, Exchange, ExchangeStatus, Headers,
    Joined, JoinedEdge, Rule, Scope, Span, SpanEvent, SpanId, SpanKind, SpanLink, SpanStatus,
    Telemetry, TraceId, What,
};

const FORMATS: [Format; 3] = [Format::Otlp, Format::Jaeger, Format::Har];

/// Without edges between them.
fn write(format: Format, parts: &[What]) -> String {
    super::write(format, parts, &[])
}

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(1_780_000_000_000_000_000 + i128::from(nanos)).unwrap()
}

fn exchange(trace: u128, span: u64, parent: Option<u64>, callee: &str) -> Exchange {
    Exchange {
        trace: TraceId(trace),
        span: SpanId(span),
        parent: parent.map(SpanId),
        caller: parent.map(|_| "web".into()),
        callee: callee.into(),
        run: 3,
        method: "POST".into(),
        path: "/orders?a=1&b=x%20y".into(),
        status: ExchangeStatus::Http(201),
        started: at(i64::try_from(span).unwrap() * 1_001),
        took: Duration::from_nanos(38_500_123),
        held: Duration::from_nanos(7),
        request_bytes: 13,
        response_bytes: 99_999,
        request_headers: Headers::from_iter([
            ("Host", "127.0.0.1:8080"),
            ("authorization", "***"),
            ("content-type", "application/json"),
        ]),
        response_headers: Headers::from_iter([
            ("location", "/orders/17"),
            ("x-a", "1"),
            ("x-a", "2"),
        ]),
        request_body: BodyHead {
            bytes: (*b"{\"key\":\"***\"}").into(),
            ..BodyHead::default()
        },
        response_body: BodyHead {
            bytes: (*b"\x00\xff").into(),
            truncated: true,
            withheld: false,
        },
        injected: Some("200 ms later".into()),
    }
}

fn span() -> Span {
    let resource = [
        ("service.name", AttributeValue::Text("orders".into())),
        ("boatyard.run", AttributeValue::Int(3)),
    ];
    Span {
        trace: TraceId(1),
        span: SpanId(0xabc),
        parent: Some(SpanId(2)),
        service: "orders".into(),
        run: Some(3),
        name: "charge <card>".into(),
        kind: SpanKind::Client,
        started: at(5_004),
        took: Duration::from_nanos(1_234_567),
        status: SpanStatus::Error("declined".into()),
        attributes: [
            ("text", AttributeValue::Text("a \"b\"".into())),
            ("yes", AttributeValue::Bool(true)),
            ("int", AttributeValue::Int(-9_007_199_254_740_993)),
            ("double", AttributeValue::Double(72.5)),
            ("bytes", AttributeValue::Bytes(vec![0, 1, 254])),
        ]
        .into_iter()
        .collect(),
        events: vec![SpanEvent {
            at: at(6_000),
            name: "retry".into(),
            attributes: [("n", AttributeValue::Int(1))].into_iter().collect(),
        }],
        links: vec![SpanLink {
            trace: TraceId(77),
            span: SpanId(78),
            attributes: Attributes::default(),
        }],
        scope: Arc::new(Scope {
            name: "lib".into(),
            version: "1.2".into(),
            resource: Arc::new(resource.into_iter().collect()),
        }),
    }
}

fn parts() -> Vec<What> {
    let mut tcp = exchange(2, 9, None, "db");
    tcp.method = "TCP".into();
    tcp.path = String::new();
    tcp.status = ExchangeStatus::Bytes;
    tcp.injected = None;
    let mut failed = exchange(1, 3, Some(1), "mail");
    failed.status = ExchangeStatus::Failed("connection refused".into());
    let mut call = exchange(1, 4, Some(1), "stock");
    call.method = "gRPC".into();
    call.status = ExchangeStatus::Grpc(14);
    let exchanges = [
        exchange(1, 1, None, "web"),
        exchange(1, 2, Some(1), "orders"),
        failed,
        call,
        tcp,
    ];
    let exchanges = exchanges
        .into_iter()
        .map(|one| What::Exchange(Arc::new(one)));
    exchanges.chain([What::Span(Arc::new(span()))]).collect()
}

/// What the stores have, in a known order.
fn kept(telemetry: &Telemetry) -> Vec<What> {
    let exchanges = telemetry.exchanges().since(0).exchanges;
    let spans = telemetry.spans().since(0).spans;
    let exchanges = exchanges.into_iter().map(What::Exchange);
    sorted(exchanges.chain(spans.into_iter().map(What::Span)).collect())
}

fn sorted(mut parts: Vec<What>) -> Vec<What> {
    parts.sort_by_key(|part| (part.trace(), part.span()));
    parts
}

fn reread(text: &str) -> (Read, Vec<What>) {
    let telemetry = Arc::new(Telemetry::default());
    let read = read(text.as_bytes(), &telemetry).unwrap_or_else(|why| panic!("{why}: {text}"));
    let kept = kept(&telemetry);
    (read, kept)
}

#[test]
fn what_is_written_is_read_back_in_every_format() {
    for format in FORMATS {
        let text = write(format, &parts());
        let (read, kept) = reread(&text);
        let counts = (read.exchanges, read.spans, read.refused);
        assert_eq!(counts, (5, 1, 0), "{format:?}");
        assert_eq!(kept, sorted(parts()), "{format:?}");
        // And once more, from what was read.
        assert_eq!(reread(&write(format, &kept)).1, kept, "{format:?}");
    }
}

#[test]
fn edges_that_were_found_are_read_back_in_every_format() {
    let exchange = |trace, span, parent, callee| {
        let one = exchange(trace, span, parent, callee);
        What::Exchange(Arc::new(one))
    };
    let parts = [
        exchange(1, 1, None, "web"),
        exchange(2, 2, None, "orders"),
        exchange(3, 3, None, "mail"),
        exchange(1, 4, Some(1), "stock"),
    ];
    let joined = |span, trace, parent, above, rule, share, kind| {
        let edge = JoinedEdge {
            parent: SpanId(parent),
            rule,
            confidence: Confidence::of(share),
            kind,
        };
        Joined {
            span: SpanId(span),
            trace: TraceId(trace),
            edge: Some((edge, TraceId(above))),
        }
    };
    let found = [
        joined(2, 2, 1, 1, Rule::Assigned, 0.997, EdgeKind::Child),
        joined(3, 3, 2, 2, Rule::Solo, 1.0, EdgeKind::Link),
    ];
    let known = Telemetry::default();
    let mut store = known.exchanges();
    parts
        .iter()
        .filter_map(What::exchange)
        .for_each(|one| store.push(Exchange::clone(one)));
    // What an exchange says itself is no news.
    let told = joined(4, 1, 1, 1, Rule::Context, 1.0, EdgeKind::Child);
    store.joined(&[found[0], found[1], told]);
    drop(store);
    let whole = known.parts(TraceId(3));
    assert_eq!(whole.len(), 4, "they are one trace");
    assert_eq!(known.edges(&whole), found);
    for format in FORMATS {
        let text = super::write(format, &whole, &known.edges(&whole));
        let again = Arc::new(Telemetry::default());
        read(text.as_bytes(), &again).unwrap_or_else(|why| panic!("{why}: {text}"));
        let whole = again.parts(TraceId(3));
        assert_eq!(whole.len(), 4, "{format:?}");
        assert_eq!(again.edges(&whole), found, "{format:?}");
    }
    let jaeger: Json = serde_json::from_str(&super::write(Format::Jaeger, &whole, &found)).unwrap();
    let references = &jaeger["data"][1]["spans"][0]["references"];
    assert_eq!(references[0]["refType"], "FOLLOWS_FROM");
    assert_eq!(references[0]["spanID"], "0000000000000001");
}

#[test]
fn masked_values_stay_masked_and_nothing_else_appears() {
    for format in FORMATS {
        let text = write(format, &parts());
        assert!(
            text.contains("***") && !text.contains("hunter2"),
            "{format:?}"
        );
    }
}

#[test]
fn others_find_what_they_look_for() {
    let otlp: Json = serde_json::from_str(&write(Format::Otlp, &parts())).unwrap();
    let first = &otlp["resourceSpans"][0];
    assert_eq!(
        first["resource"]["attributes"][0],
        json!({"key": "service.name", "value": {"stringValue": "web"}})
    );
    let span = &first["scopeSpans"][0]["spans"][0];
    assert_eq!(span["traceId"], "00000000000000000000000000000001");
    assert_eq!(
        (&span["kind"], &span["name"]),
        (&json!(2), &json!("POST /orders"))
    );
    let jaeger: Json = serde_json::from_str(&write(Format::Jaeger, &parts())).unwrap();
    let trace = &jaeger["data"][0];
    assert_eq!(
        trace["spans"][1]["references"][0]["spanID"],
        "0000000000000001"
    );
    let process = trace["spans"][1]["processID"].as_str().unwrap();
    assert_eq!(trace["processes"][process]["serviceName"], "orders");
    let har: Json = serde_json::from_str(&write(Format::Har, &parts())).unwrap();
    let entries = har["log"]["entries"].as_array().unwrap();
    // Bytes are no HTTP.
    assert_eq!(
        (har["log"]["version"].as_str(), entries.len()),
        (Some("1.2"), 4)
    );
    let entry = &entries[0];
    assert_eq!(
        entry["request"]["url"],
        "http://127.0.0.1:8080/orders?a=1&b=x%20y"
    );
    assert_eq!(
        entry["request"]["queryString"][1],
        json!({"name": "b", "value": "x%20y"})
    );
    assert_eq!(entry["response"]["content"]["encoding"], "base64");
    assert_eq!(entry["response"]["redirectURL"], "/orders/17");
    for required in [
        "startedDateTime",
        "time",
        "request",
        "response",
        "cache",
        "timings",
    ] {
        assert!(entry.get(required).is_some(), "{required}");
    }
}

#[test]
fn jaeger_as_its_query_service_and_old_clients_write_it() {
    let old = json!({
        "data": [{
            "traceID": "b1",
            "spans": [
                {
                    "traceID": "b1", "spanID": "2", "parentSpanID": "1", "operationName": "get",
                    "startTime": 1_485_467_191_639_875_u64, "duration": 5, "processID": "p1",
                    "tags": [
                        {"key": "error", "type": "bool", "value": true},
                        {"key": "span.kind", "type": "string", "value": "client"},
                        {"key": "n", "type": "int64", "value": "12"},
                        {"key": "blob", "type": "binary", "value": "AAAwOQ=="}
                    ],
                    "logs": [{"timestamp": 1_485_467_191_639_876_u64, "fields": [{"key": "event", "type": "string", "value": "x"}]}]
                },
                {"spanID": "3"},
                {"traceID": "0", "spanID": "3"}
            ],
            "processes": {"p1": {"serviceName": "service-x", "tags": []}}
        }]
    });
    let (read, kept) = reread(&old.to_string());
    assert_eq!((read.spans, read.refused), (1, 2));
    let What::Span(span) = &kept[0] else {
        panic!("it is a span");
    };
    assert_eq!(
        (span.trace, span.span, span.parent),
        (TraceId(0xb1), SpanId(2), Some(SpanId(1)))
    );
    assert_eq!(
        (span.service.as_str(), span.kind),
        ("service-x", SpanKind::Client)
    );
    assert!(span.is_error() && span.took == Duration::from_micros(5));
    assert_eq!(span.attributes.int("n"), Some(12));
    assert_eq!(
        span.attributes.get("blob"),
        Some(&AttributeValue::Bytes(vec![0, 0, 0x30, 0x39]))
    );
    assert_eq!(span.events[0].name, "x");
    // One trace alone, as it is saved from the screen.
    assert_eq!(reread(&old["data"][0].to_string()).0, read);
}

#[test]
fn an_archive_of_a_browser_is_exchanges_without_secrets() {
    let har = json!({"log": {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": [
        {
            "startedDateTime": "2026-03-18T14:03:21.111+01:00", "time": 38.5,
            "request": {
                "method": "POST", "url": "https://user@shop.example:8443/a?b=1#top", "httpVersion": "h2", "cookies": [],
                "headers": [
                    {"name": "Cookie", "value": "id=hunter2"},
                    {"name": "traceparent", "value": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
                ],
                "queryString": [], "postData": {"mimeType": "text/plain", "text": "tea"}, "headersSize": -1, "bodySize": 3
            },
            "response": {"status": 201, "statusText": "", "headers": [], "content": {"size": 2, "mimeType": "", "text": "b2s=", "encoding": "base64"}}
        },
        {"startedDateTime": "2026-03-18T14:03:22Z", "time": -1, "request": {"method": "GET", "url": "http://gone.example"},
         "response": {"status": 0, "statusText": "blocked"}},
        {"startedDateTime": "never"}
    ]}});
    let telemetry = Arc::new(Telemetry::default());
    let read = read(har.to_string().as_bytes(), &telemetry).unwrap();
    assert_eq!((read.exchanges, read.refused), (2, 1));
    let exchanges = telemetry.exchanges().since(0).exchanges;
    let post = &exchanges[0];
    assert_eq!(
        (post.callee.as_str(), post.path.as_str()),
        ("shop.example:8443", "/a?b=1")
    );
    assert_eq!(post.trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(
        (post.status.clone(), post.took),
        (ExchangeStatus::Http(201), Duration::from_micros(38_500))
    );
    assert_eq!(
        (&*post.request_body.bytes, &*post.response_body.bytes),
        (&b"tea"[..], &b"ok"[..])
    );
    assert_eq!(post.request_headers.get("cookie"), Some("***"));
    assert_eq!(
        exchanges[1].status,
        ExchangeStatus::Failed("blocked".into())
    );
    assert_eq!(exchanges[1].path, "/");
}

#[test]
fn messages_one_after_another_and_lists_of_them() {
    let text = write(Format::Otlp, &parts());
    let (read, _) = reread(&format!("\u{feff}{text}\n{text}"));
    assert_eq!((read.exchanges, read.spans), (10, 2));
    assert_eq!(reread(&format!("[{text}]")).0.spans, 1);
    assert_eq!(reread(&format!("{{\"result\": {text}}}")).0.spans, 1);
}

#[test]
fn files_that_are_none_are_said_to_be_none() {
    for (text, expected) in [
        ("", "empty"),
        ("no", "not JSON"),
        ("{}", "neither"),
        ("[1]", "neither"),
        ("{\"data\": 1}", "not a list"),
        ("{\"data\": [{}]}", "\"spans\""),
        ("{\"log\": {}}", "\"entries\""),
        ("{\"resourceSpans\": 1}", "invalid type"),
    ] {
        let why = read(text.as_bytes(), &Arc::new(Telemetry::default())).unwrap_err();
        assert!(why.contains(expected), "{text}: {why}");
    }
}

#[test]
fn examples_of_the_protocol_and_of_jaeger() {
    let cases = [
        ("otlp/otlp-example-trace.json", 1),
        ("otlp/jaeger-fixture-example_trace.json", 5),
        ("otlp/jaeger-fixture-otel_traces_01.json", 0),
        ("otlp/otlp-example-logs.json", 0),
        ("otlp/otlp-example-events.json", 0),
        ("otlp/otlp-example-metrics.json", 0),
    ];
    for (file, spans) in cases {
        let Some(path) = corpus(file) else {
            return;
        };
        let telemetry = Arc::new(Telemetry::default());
        let text = std::fs::read(path).unwrap();
        let read = read(&text, &telemetry).unwrap_or_else(|why| panic!("{file}: {why}"));
        assert_eq!(read.refused, 0, "{file}");
        if spans > 0 {
            assert_eq!(read.spans, spans, "{file}");
        }
        let kept = kept(&telemetry);
        let is_of_spans = file.contains("trace");
        assert_eq!(kept.is_empty(), !is_of_spans, "{file}");
        if is_of_spans {
            // What they say goes through OTLP unchanged, and through Jaeger's format but for links' attributes.
            assert_eq!(reread(&write(Format::Otlp, &kept)).1, kept, "{file}");
            let ids = |parts: &[What]| {
                parts
                    .iter()
                    .map(|part| (part.span(), part.parent()))
                    .collect::<Vec<_>>()
            };
            assert_eq!(
                ids(&reread(&write(Format::Jaeger, &kept)).1),
                ids(&kept),
                "{file}"
            );
        }
        if file.ends_with("logs.json") {
            assert!(telemetry.logs().next_seq() > 0, "{file}");
        }
    }
}

proptest! {
    #[test]
    fn any_values_go_through_otlp(values in prop::collection::vec(value(3), 0..6)) {
        let mut one = span();
        one.attributes = Attributes(values.into_iter().enumerate().map(|(at, value)| (format!("a{at}"), value)).collect());
        let parts = [What::Span(Arc::new(one))];
        prop_assert_eq!(&reread(&write(Format::Otlp, &parts)).1[..], &parts[..]);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60), cut in 0..4000_usize, with in any::<u8>()) {
        let telemetry = Arc::new(Telemetry::default());
        drop(read(&bytes, &telemetry));
        for format in FORMATS {
            let mut text = write(format, &parts()).into_bytes();
            let at = cut % text.len();
            text[at] = with;
            drop(read(&text, &telemetry));
        }
    }
}

fn value(depth: u32) -> BoxedStrategy<AttributeValue> {
    let leaf = prop_oneof![
        Just(AttributeValue::Empty),
        any::<String>().prop_map(AttributeValue::Text),
        any::<bool>().prop_map(AttributeValue::Bool),
        any::<i64>().prop_map(AttributeValue::Int),
        (-1_000_000..1_000_000_i32).prop_map(|n| AttributeValue::Double(f64::from(n) / 64.0)),
        prop::collection::vec(any::<u8>(), 0..9).prop_map(AttributeValue::Bytes),
    ];
    leaf.prop_recursive(depth, 12, 4, |inner| {
        let pair = ("[a-z]{1,4}", inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(AttributeValue::List),
            prop::collection::vec(pair, 0..4)
                .prop_map(|pairs| AttributeValue::Map(Attributes(pairs))),
        ]
    })
    .boxed()
}
