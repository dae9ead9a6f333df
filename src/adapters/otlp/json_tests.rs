//! The JSON encoding as it is written by programs of all kinds.

use super::super::message::logs::LogsRequest;
use super::super::message::metrics::MetricsRequest;
use super::super::message::trace::TraceRequest;
use super::*;

fn span(fields: &str) -> Result<super::super::message::trace::Span, String> {
    let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}"#);
    let request: TraceRequest = read(text.as_bytes())?;
    Ok(request.resource_spans[0].scope_spans[0].spans[0].clone())
}

#[test]
fn ids_are_hexadecimal_and_numbers_may_be_text() {
    let one = span(
        r#""traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","kind":2,
           "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,"unknown":{"a":[1]}"#,
    )
    .unwrap();
    assert_eq!(one.trace_id[..2], [0x5b, 0x8e]);
    assert_eq!((one.span_id.len(), one.kind), (8, 2));
    assert_eq!(
        one.end_time_unix_nano - one.start_time_unix_nano,
        1_000_000_000
    );
}

#[test]
fn the_other_ways_that_protocol_buffers_allow_are_read_too() {
    let one = span(
        r#""trace_id":"W47/95gDgQPSabYzgT/GDA==","span_id":"7uGbfsPBsXQ=","parent_span_id":null,"kind":"SPAN_KIND_CLIENT",
           "status":{"code":"STATUS_CODE_ERROR"},"start_time_unix_nano":1e9,"attributes":null"#,
    )
    .unwrap();
    assert_eq!(
        (
            one.trace_id.len(),
            one.span_id.len(),
            one.parent_span_id.len()
        ),
        (16, 8, 0)
    );
    assert_eq!(
        (one.kind, one.status.unwrap().code, one.start_time_unix_nano),
        (3, 2, 1_000_000_000)
    );
}

#[test]
fn values_have_the_types_that_their_names_say() {
    let one = span(
        r#""attributes":[{"key":"t","value":{"stringValue":"x"}},{"key":"i","value":{"intValue":"-42"}},
           {"key":"n","value":{"intValue":7}},{"key":"d","value":{"doubleValue":1}},{"key":"nan","value":{"doubleValue":"NaN"}},
           {"key":"b","value":{"boolValue":false}},{"key":"bytes","value":{"bytesValue":"AP8="}},{"key":"none","value":{}},
           {"key":"list","value":{"arrayValue":{"values":[{"intValue":"1"},{"stringValue":"a"}]}}},
           {"key":"map","value":{"kvlistValue":{"values":[{"key":"k","value":{"boolValue":true}}]}}}]"#,
    )
    .unwrap();
    let attributes = super::super::message::attributes(one.attributes);
    let words: Vec<String> = attributes
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(
        words,
        [
            "t=x",
            "i=-42",
            "n=7",
            "d=1",
            "nan=NaN",
            "b=false",
            "bytes=00ff",
            "none=",
            "list=[1, a]",
            "map={k=true}"
        ]
    );
}

#[test]
fn what_is_wrong_is_refused_in_words() {
    for (fields, part) in [
        (r#""traceId":"xyz""#, "hexadecimal"),
        (r#""startTimeUnixNano":"soon""#, "64-bit"),
        (r#""startTimeUnixNano":-1"#, "64-bit"),
        (r#""kind":[]"#, "SPAN_KIND_"),
        (
            r#""attributes":[{"key":"a","value":{"stringValue":1}}]"#,
            "string",
        ),
        (r#""name":"#, "line 1"),
    ] {
        let error = span(fields).unwrap_err();
        assert!(error.contains(part), "{fields}: {error}");
    }
    let deep = format!("{}{}", r#"{"resourceSpans":"#, "[".repeat(100_000));
    assert!(read::<TraceRequest>(deep.as_bytes()).is_err());
}

#[test]
fn metrics_and_logs_are_read() {
    let metrics: MetricsRequest = read(
        br#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","sum":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA",
            "isMonotonic":true,"dataPoints":[{"asInt":"5","timeUnixNano":"1"},{"asDouble":5,"timeUnixNano":"2"}]},
            "histogram":{"dataPoints":[{"bucketCounts":["1",2],"explicitBounds":[1.5]}]}}]}]}]}"#,
    )
    .unwrap();
    let metric = &metrics.resource_metrics[0].scope_metrics[0].metrics[0];
    let sum = metric.sum.as_ref().unwrap();
    assert_eq!((sum.aggregation_temporality, sum.is_monotonic), (1, true));
    assert_eq!(
        (sum.data_points[0].as_int, sum.data_points[1].as_double),
        (Some(5), Some(5.0))
    );
    assert_eq!(
        metric.histogram.as_ref().unwrap().data_points[0].bucket_counts,
        [1, 2]
    );
    let logs: LogsRequest = read(
        br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":"SEVERITY_NUMBER_WARN","body":{"stringValue":"x"}}]}]}]}"#,
    )
    .unwrap();
    assert_eq!(
        logs.resource_logs[0].scope_logs[0].log_records[0].severity_number,
        13
    );
}
