//! Traces as Jaeger's query service gives them out: spans with typed tags, in microseconds, and the processes that told of them.
//!
//! It has no lists and no nanoseconds: lists become JSON, and what microseconds cannot say is kept in tags.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::otlp::base64;
use crate::adapters::otlp::from_base64;
use crate::telemetry::{
    AttributeValue, Attributes, Scope, Span, SpanEvent, SpanId, SpanKind, SpanLink, SpanStatus,
    TraceId,
};

/// Tags for what microseconds cannot say: nanoseconds beyond them, of the beginning and of the length.
const BEGAN: &str = "boatyard.start_ns";
const TOOK: &str = "boatyard.took_ns";

/// The spans, trace by trace.
pub(super) fn write(spans: Vec<Span>) -> Json {
    let mut traces: Vec<(TraceId, Vec<Span>)> = Vec::new();
    for span in spans {
        match traces.iter_mut().find(|(trace, _)| *trace == span.trace) {
            Some((_, known)) => known.push(span),
            None => traces.push((span.trace, vec![span])),
        }
    }
    let data: Vec<Json> = traces.into_iter().map(of_trace).collect();
    json!({ "data": data, "total": data.len(), "limit": 0, "offset": 0, "errors": null })
}

fn of_trace((trace, spans): (TraceId, Vec<Span>)) -> Json {
    let mut processes: Vec<(Json, String)> = Vec::new();
    let mut told = Vec::with_capacity(spans.len());
    for span in &spans {
        let resource = span.scope.resource.iter();
        let tags: Vec<Json> = resource
            .filter(|(name, value)| {
                *name != "service.name" || value.to_string() != span.service.as_str()
            })
            .map(|(name, value)| tag(name, value))
            .collect();
        let process = json!({ "serviceName": span.service, "tags": tags });
        let known = processes.iter().find(|(known, _)| *known == process);
        let name = known.map_or_else(
            || format!("p{}", processes.len() + 1),
            |(_, name)| name.clone(),
        );
        if known.is_none() {
            processes.push((process, name.clone()));
        }
        told.push(of_span(span, &name));
    }
    let processes: serde_json::Map<String, Json> = processes
        .into_iter()
        .map(|(process, name)| (name, process))
        .collect();
    json!({ "traceID": trace.to_string(), "spans": told, "processes": processes, "warnings": null })
}

fn of_span(span: &Span, process: &str) -> Json {
    let mut references: Vec<Json> = Vec::new();
    if let Some(parent) = span.parent {
        references.push(reference("CHILD_OF", span.trace, parent));
    }
    let links = span.links.iter();
    references.extend(links.map(|link| reference("FOLLOWS_FROM", link.trace, link.span)));
    let log = |event: &SpanEvent| {
        let name = AttributeValue::Text(event.name.clone());
        let mut fields = vec![tag("event", &name)];
        fields.extend(
            event
                .attributes
                .iter()
                .map(|(name, value)| tag(name, value)),
        );
        json!({ "timestamp": micros(event.at), "fields": fields })
    };
    json!({
        "traceID": span.trace.to_string(),
        "spanID": span.span.to_string(),
        "operationName": span.name,
        "references": references,
        "startTime": micros(span.started),
        "duration": u64::try_from(span.took.as_micros()).unwrap_or(u64::MAX),
        "tags": tags(span),
        "logs": span.events.iter().map(log).collect::<Vec<Json>>(),
        "processID": process,
        "warnings": null,
    })
}

fn reference(kind: &str, trace: TraceId, span: SpanId) -> Json {
    json!({ "refType": kind, "traceID": trace.to_string(), "spanID": span.to_string() })
}

fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

fn tags(span: &Span) -> Vec<Json> {
    let mut tags: Vec<Json> = span
        .attributes
        .iter()
        .map(|(name, value)| tag(name, value))
        .collect();
    let mut text = |name: &str, value: &str| {
        if !value.is_empty() {
            tags.push(tag(name, &AttributeValue::Text(value.into())));
        }
    };
    text("span.kind", span.kind.name());
    text("otel.scope.name", &span.scope.name);
    text("otel.scope.version", &span.scope.version);
    match &span.status {
        SpanStatus::Unset => {}
        SpanStatus::Ok => text("otel.status_code", "OK"),
        SpanStatus::Error(why) => {
            text("otel.status_code", "ERROR");
            text("otel.status_description", why);
            tags.push(tag("error", &AttributeValue::Bool(true)));
        }
    }
    let began = span.started.as_nanosecond().rem_euclid(1000);
    for (name, nanos) in [
        (BEGAN, began),
        (TOOK, i128::from(span.took.subsec_nanos() % 1000)),
    ] {
        if nanos != 0 {
            let nanos = i64::try_from(nanos).unwrap_or(0);
            tags.push(tag(name, &AttributeValue::Int(nanos)));
        }
    }
    tags
}

fn tag(name: &str, value: &AttributeValue) -> Json {
    let (kind, value) = match value {
        AttributeValue::Bool(yes) => ("bool", json!(yes)),
        AttributeValue::Int(number) => ("int64", json!(number)),
        AttributeValue::Double(number) => ("float64", json!(number)),
        AttributeValue::Bytes(bytes) => ("binary", json!(base64(bytes))),
        AttributeValue::Text(text) => ("string", json!(text)),
        other => ("string", json!(plain(other).to_string())),
    };
    json!({ "key": name, "type": kind, "value": value })
}

/// The value as plain JSON.
fn plain(value: &AttributeValue) -> Json {
    match value {
        AttributeValue::Empty => Json::Null,
        AttributeValue::Text(text) => json!(text),
        AttributeValue::Bool(yes) => json!(yes),
        AttributeValue::Int(number) => json!(number),
        AttributeValue::Double(number) => json!(number),
        AttributeValue::Bytes(bytes) => json!(base64(bytes)),
        AttributeValue::List(values) => values.iter().map(plain).collect(),
        AttributeValue::Map(map) => {
            let pairs = map.iter();
            Json::Object(
                pairs
                    .map(|(name, value)| (name.to_owned(), plain(value)))
                    .collect(),
            )
        }
    }
}

/// The spans of a file: an answer of the query service, or one trace of it; and how many belong nowhere.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn read(value: &Json) -> Result<(Vec<Span>, u64), String> {
    let (mut spans, mut refused) = (Vec::new(), 0);
    let traces = match value.get("data") {
        Some(Json::Array(traces)) => traces.iter().collect(),
        Some(Json::Null) => Vec::new(),
        Some(_) => return Err("\"data\" is not a list of traces".into()),
        None => vec![value],
    };
    for trace in traces {
        let scopes = processes(trace);
        let of_trace = trace.get("spans").and_then(Json::as_array);
        for one in of_trace.ok_or("a trace has no list of \"spans\"")? {
            match span(one, &scopes) {
                Some(span) => spans.push(span),
                None => refused += 1,
            }
        }
    }
    Ok((spans, refused))
}

/// The service and the resource of each process.
type Processes = HashMap<String, (String, Arc<Attributes>)>;

fn processes(trace: &Json) -> Processes {
    let known = trace.get("processes").and_then(Json::as_object);
    let known = known.into_iter().flatten();
    known
        .map(|(name, process)| (name.clone(), of_process(process)))
        .collect()
}

fn of_process(process: &Json) -> (String, Arc<Attributes>) {
    let service = process.get("serviceName").and_then(Json::as_str);
    let service = service
        .filter(|name| !name.is_empty())
        .unwrap_or("unknown_service");
    let name = (
        "service.name".to_owned(),
        AttributeValue::Text(service.into()),
    );
    let tags = attributes(process.get("tags"));
    let name = Some(name).filter(|_| tags.get("service.name").is_none());
    let all = name.into_iter().chain(tags.0);
    (service.to_owned(), Arc::new(Attributes(all.collect())))
}

fn span(told: &Json, processes: &Processes) -> Option<Span> {
    let text = |name: &str| told.get(name).and_then(Json::as_str);
    let trace = TraceId(hex(text("traceID")?, 32)?);
    let span = SpanId(u64::try_from(hex(text("spanID")?, 16)?).ok()?);
    // Spans of old clients carry their process themselves.
    let (service, resource) = match text("processID").and_then(|name| processes.get(name)) {
        Some((service, resource)) => (service.clone(), Arc::clone(resource)),
        None => of_process(told.get("process").unwrap_or(&Json::Null)),
    };
    let mut attributes = attributes(told.get("tags"));
    let mut take = |name: &str| {
        let at = attributes.0.iter().position(|(known, _)| known == name)?;
        Some(attributes.0.remove(at).1)
    };
    let kind = take("span.kind").map(|kind| kind_of(&kind.to_string()));
    let scope = Scope {
        name: take("otel.scope.name")
            .or_else(|| take("otel.library.name"))
            .map_or_else(String::new, |name| name.to_string()),
        version: take("otel.scope.version")
            .or_else(|| take("otel.library.version"))
            .map_or_else(String::new, |version| version.to_string()),
        resource,
    };
    let mut nanos = |name: &str| match take(name) {
        Some(AttributeValue::Int(number)) => u64::try_from(number).unwrap_or(0) % 1000,
        _ => 0,
    };
    let (began, took) = (nanos(BEGAN), nanos(TOOK));
    let status = status(&mut take);
    let (parent, links) = references(told, trace);
    let micros = |name: &str| {
        told.get(name)
            .and_then(Json::as_f64)
            .unwrap_or(0.0)
            .max(0.0)
    };
    let service = crate::text::plain(service.as_bytes());
    let run = scope.resource.int("boatyard.run");
    Some(Span {
        trace,
        span,
        parent,
        service: crate::stack::ServiceName::new(service.chars().take(100).collect::<String>()),
        run: run.and_then(|run| run.try_into().ok()),
        name: text("operationName").unwrap_or_default().to_owned(),
        kind: kind.unwrap_or_default(),
        started: moment(micros("startTime"), began),
        took: Duration::from_micros(whole(micros("duration"))) + Duration::from_nanos(took),
        status,
        attributes,
        events: events(told.get("logs")),
        links,
        scope: Arc::new(scope),
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "casts of numbers that are too large saturate"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

fn moment(micros: f64, nanos: u64) -> Timestamp {
    let nanos = i128::from(whole(micros)) * 1000 + i128::from(nanos);
    Timestamp::from_nanosecond(nanos).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn kind_of(name: &str) -> SpanKind {
    match name {
        "server" => SpanKind::Server,
        "client" => SpanKind::Client,
        "producer" => SpanKind::Producer,
        "consumer" => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

fn status(take: &mut impl FnMut(&str) -> Option<AttributeValue>) -> SpanStatus {
    let code = take("otel.status_code").map(|code| code.to_string());
    let why = take("otel.status_description").map(|why| why.to_string());
    match code.as_deref() {
        Some("OK") => return SpanStatus::Ok,
        Some("ERROR") => {
            drop(take("error"));
            return SpanStatus::Error(why.unwrap_or_default());
        }
        _ => {}
    }
    match take("error") {
        Some(AttributeValue::Bool(true)) => SpanStatus::Error(why.unwrap_or_default()),
        Some(AttributeValue::Text(text)) if text == "true" => {
            SpanStatus::Error(why.unwrap_or_default())
        }
        _ => SpanStatus::Unset,
    }
}

/// The parent, and the links: what follows from others, and what belongs under spans of other traces.
fn references(told: &Json, trace: TraceId) -> (Option<SpanId>, Vec<SpanLink>) {
    let (mut parent, mut links) = (None, Vec::new());
    let all = told.get("references").and_then(Json::as_array);
    for one in all.into_iter().flatten() {
        let text = |name: &str| one.get(name).and_then(Json::as_str).unwrap_or_default();
        let ids = hex(text("traceID"), 32).zip(hex(text("spanID"), 16));
        let Some((of, span)) = ids.and_then(|(of, span)| Some((of, u64::try_from(span).ok()?)))
        else {
            continue;
        };
        if text("refType") == "CHILD_OF" && of == trace.0 && parent.is_none() {
            parent = Some(SpanId(span));
        } else {
            links.push(SpanLink {
                trace: TraceId(of),
                span: SpanId(span),
                attributes: Attributes::default(),
            });
        }
    }
    // Spans of old clients name it directly.
    let direct = told.get("parentSpanID").and_then(Json::as_str);
    let direct = direct.and_then(|text| u64::try_from(hex(text, 16)?).ok());
    (parent.or(direct.map(SpanId)), links)
}

fn events(logs: Option<&Json>) -> Vec<SpanEvent> {
    let logs = logs.and_then(Json::as_array).into_iter().flatten();
    let event = |log: &Json| {
        let mut attributes = attributes(log.get("fields"));
        let at = attributes.0.iter().position(|(name, _)| name == "event");
        let name = at.map(|at| attributes.0.remove(at).1.to_string());
        let micros = log.get("timestamp").and_then(Json::as_f64).unwrap_or(0.0);
        SpanEvent {
            at: moment(micros.max(0.0), 0),
            name: name.unwrap_or_else(|| "log".into()),
            attributes,
        }
    };
    logs.map(event).collect()
}

fn attributes(tags: Option<&Json>) -> Attributes {
    let tags = tags.and_then(Json::as_array).into_iter().flatten();
    let pair = |tag: &Json| {
        let name = tag.get("key")?.as_str()?.to_owned();
        let kind = tag.get("type").and_then(Json::as_str).unwrap_or("");
        Some((name, value(kind, tag.get("value").unwrap_or(&Json::Null))))
    };
    Attributes(tags.filter_map(pair).collect())
}

/// The value of a tag; numbers and booleans may be written as text.
fn value(kind: &str, told: &Json) -> AttributeValue {
    let text = told.as_str();
    let read = match kind {
        "bool" => {
            let yes = told.as_bool().or_else(|| text?.parse().ok());
            yes.map(AttributeValue::Bool)
        }
        "int64" | "long" => {
            let number = told.as_i64().or_else(|| text?.parse().ok());
            number.map(AttributeValue::Int)
        }
        "float64" | "double" => {
            let number = told.as_f64().or_else(|| text?.parse().ok());
            number.map(AttributeValue::Double)
        }
        "binary" => text.and_then(from_base64).map(AttributeValue::Bytes),
        _ => None,
    };
    read.unwrap_or_else(|| match told {
        Json::String(text) => AttributeValue::Text(text.clone()),
        Json::Bool(yes) => AttributeValue::Bool(*yes),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => AttributeValue::Int(number),
            (None, number) => AttributeValue::Double(number.unwrap_or_default()),
        },
        Json::Null => AttributeValue::Empty,
        other => AttributeValue::Text(other.to_string()),
    })
}

/// An id of at most so many hexadecimal digits: Jaeger leaves leading zeros out. Zero is none.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_id = (1..=digits).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    let id = u128::from_str_radix(text, 16).ok().filter(|_| is_id)?;
    (id != 0).then_some(id)
}
