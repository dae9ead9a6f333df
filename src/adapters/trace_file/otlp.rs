//! Traces as OTLP's JSON (`TracesData`): ids in hexadecimal, 64-bit integers as text.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use crate::stack::ServiceName;
use crate::telemetry::{AttributeValue, Attributes, Scope, Span, SpanKind, SpanStatus};

/// The spans, those of one program and library together.
pub(super) fn write(spans: Vec<Span>) -> Json {
    let mut groups: Vec<(ServiceName, Arc<Scope>, Vec<Json>)> = Vec::new();
    let mut known: HashMap<(ServiceName, *const Scope), usize> = HashMap::new();
    for span in spans {
        let told = of_span(&span);
        // Those of one message share their scope; others are compared.
        let key = (span.service.clone(), Arc::as_ptr(&span.scope));
        let is_same = |(service, scope, _): &(ServiceName, Arc<Scope>, Vec<Json>)| {
            *service == span.service && *scope == span.scope
        };
        let at = known.get(&key).copied();
        if let Some(at) = at.or_else(|| groups.iter().position(is_same)) {
            known.insert(key, at);
            groups[at].2.push(told);
        } else {
            known.insert(key, groups.len());
            groups.push((span.service, span.scope, vec![told]));
        }
    }
    let resource = |(service, scope, spans): (ServiceName, Arc<Scope>, Vec<Json>)| {
        json!({
            "resource": { "attributes": attributes(&named(&scope.resource, &service)) },
            "scopeSpans": [{
                "scope": { "name": scope.name, "version": scope.version },
                "spans": spans,
            }],
        })
    };
    let resources: Vec<Json> = groups.into_iter().map(resource).collect();
    json!({ "resourceSpans": resources })
}

/// The resource, which says at least which service it is.
fn named(resource: &Attributes, service: &ServiceName) -> Attributes {
    let mut keys = ["boatyard.service", "service.name"].iter();
    let said = keys.find_map(|key| resource.text(key));
    let mut whole = resource.clone();
    if said != Some(service.as_str()) {
        let value = AttributeValue::Text(service.to_string());
        whole.0.retain(|(key, _)| key != "boatyard.service");
        whole.0.insert(0, ("boatyard.service".into(), value));
    }
    whole
}

fn of_span(span: &Span) -> Json {
    let kind = match span.kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    };
    let event = |event: &crate::telemetry::SpanEvent| {
        json!({
            "timeUnixNano": nanos(event.at),
            "name": event.name,
            "attributes": attributes(&event.attributes),
        })
    };
    let link = |link: &crate::telemetry::SpanLink| {
        json!({
            "traceId": link.trace.to_string(),
            "spanId": link.span.to_string(),
            "attributes": attributes(&link.attributes),
        })
    };
    let mut told = json!({
        "traceId": span.trace.to_string(),
        "spanId": span.span.to_string(),
        "name": span.name,
        "kind": kind,
        "startTimeUnixNano": nanos(span.started),
        "endTimeUnixNano": ended(span),
        "attributes": attributes(&span.attributes),
        "status": match &span.status {
            SpanStatus::Unset => json!({}),
            SpanStatus::Ok => json!({ "code": 1 }),
            SpanStatus::Error(why) => json!({ "code": 2, "message": why }),
        },
    });
    if let Some(parent) = span.parent {
        told["parentSpanId"] = parent.to_string().into();
    }
    if !span.events.is_empty() {
        told["events"] = span.events.iter().map(event).collect();
    }
    if !span.links.is_empty() {
        told["links"] = span.links.iter().map(link).collect();
    }
    told
}

/// Nanoseconds since 1970, as text; none before that.
fn nanos(at: Timestamp) -> String {
    at.as_nanosecond().max(0).to_string()
}

/// The end, exactly as long after the beginning as the span took.
fn ended(span: &Span) -> String {
    let began = u128::try_from(span.started.as_nanosecond()).unwrap_or(0);
    let longest = Duration::from_nanos(u64::MAX);
    (began + span.took.min(longest).as_nanos()).to_string()
}

fn attributes(attributes: &Attributes) -> Json {
    let pair =
        |(name, value): (&str, &AttributeValue)| json!({ "key": name, "value": of_value(value) });
    attributes.iter().map(pair).collect()
}

fn of_value(value: &AttributeValue) -> Json {
    match value {
        AttributeValue::Empty => Json::Object(Map::new()),
        AttributeValue::Text(text) => json!({ "stringValue": text }),
        AttributeValue::Bool(yes) => json!({ "boolValue": yes }),
        AttributeValue::Int(number) => json!({ "intValue": number.to_string() }),
        AttributeValue::Double(number) if number.is_finite() => json!({ "doubleValue": number }),
        // As the JSON encoding of Protocol Buffers writes them.
        AttributeValue::Double(number) if number.is_nan() => json!({ "doubleValue": "NaN" }),
        AttributeValue::Double(number) if *number > 0.0 => json!({ "doubleValue": "Infinity" }),
        AttributeValue::Double(_) => json!({ "doubleValue": "-Infinity" }),
        AttributeValue::Bytes(bytes) => json!({ "bytesValue": base64(bytes) }),
        AttributeValue::List(values) => {
            let values: Vec<Json> = values.iter().map(of_value).collect();
            json!({ "arrayValue": { "values": values } })
        }
        AttributeValue::Map(map) => json!({ "kvlistValue": { "values": attributes(map) } }),
    }
}

/// Base64 (RFC 4648) with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            if at <= group.len() {
                let letter = (bits >> (18 - 6 * at) & 63) as usize;
                text.push(char::from(LETTERS[letter]));
            } else {
                text.push('=');
            }
        }
    }
    text
}
