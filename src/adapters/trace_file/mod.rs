//! Files of traces: OTLP's JSON, Jaeger's JSON and HAR, written from what is known and read into the stores.

mod har;
mod jaeger;
mod otlp;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::otlp::FileReader;
use crate::telemetry::{
    Exchange, Joined, Span, SpanId, Telemetry, What, as_exchange, as_span, edge_of, put_edge,
};

/// How a file of traces is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OpenTelemetry: `TracesData` of OTLP, one object.
    Otlp,
    /// What Jaeger's query service gives out and its screen reads.
    Jaeger,
    /// HTTP Archive 1.2, with what it has no place for as OTLP within.
    Har,
}

/// What was read from a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Read {
    /// Exchanges that were kept.
    pub exchanges: usize,
    /// Spans that were kept.
    pub spans: usize,
    /// What had no place in any trace and was left out: spans without ids, entries without a URL, and so on.
    pub refused: u64,
}

/// These exchanges and spans, and the edges that were found between them, as a file's text. Masked values stay masked.
pub fn write(format: Format, parts: &[What], edges: &[Joined]) -> String {
    let value = match format {
        Format::Otlp => otlp::write(spans(parts, edges)),
        Format::Jaeger => jaeger::write(spans(parts, edges)),
        Format::Har => har::write(parts, edges),
    };
    let mut text = serde_json::to_string(&value).unwrap_or_default();
    text.push('\n');
    text
}

/// Keeps what the text of a file has, in whichever of the formats it is. OTLP may be several messages one after another,
/// as the Collector's file exporter writes them, logs and metrics among them.
///
/// # Errors
/// What is wrong with it. What came before the mistake is kept.
pub fn read(text: &[u8], telemetry: &Arc<Telemetry>) -> Result<Read, String> {
    let reader = FileReader::new(Arc::clone(telemetry));
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut all = Read::default();
    let mut found = false;
    for value in serde_json::Deserializer::from_slice(text).into_iter::<Json>() {
        found = true;
        let value = value.map_err(|error| format!("it is not JSON: {error}"))?;
        for value in whole(value) {
            let Read {
                exchanges,
                spans,
                refused,
            } = one(&value, &reader, telemetry)?;
            all.exchanges += exchanges;
            all.spans += spans;
            all.refused += refused;
        }
    }
    telemetry.touch();
    if found {
        Ok(all)
    } else {
        Err("it is empty".into())
    }
}

/// The values of a list, or the value itself.
fn whole(value: Json) -> Vec<Json> {
    match value {
        Json::Array(values) => values,
        other => vec![other],
    }
}

fn one(value: &Json, reader: &FileReader, telemetry: &Telemetry) -> Result<Read, String> {
    // Jaeger 2 wraps OTLP in a result.
    let value = value
        .get("result")
        .filter(|inner| inner.is_object())
        .unwrap_or(value);
    let has = |names: &[&str]| names.iter().any(|name| value.get(name).is_some());
    if has(&["resourceSpans", "resource_spans"]) {
        let (spans, refused) = reader.spans(value)?;
        return Ok(keep(spans, refused, telemetry));
    }
    if has(&[
        "resourceLogs",
        "resource_logs",
        "resourceMetrics",
        "resource_metrics",
    ]) {
        let refused = reader.take(value)?;
        return Ok(Read {
            refused,
            ..Read::default()
        });
    }
    if has(&["log"]) {
        return match value.pointer("/log/_otlp") {
            Some(whole) => {
                let (spans, refused) = reader.spans(whole)?;
                Ok(keep(spans, refused, telemetry))
            }
            None => har::read(value, telemetry),
        };
    }
    if has(&["data", "spans"]) {
        let (spans, refused) = jaeger::read(value)?;
        return Ok(keep(spans, refused, telemetry));
    }
    Err("it is neither OTLP's JSON (resourceSpans), nor Jaeger's (data), nor HAR (log)".into())
}

/// Keeps spans, and exchanges that were written as spans as what they were.
fn keep(read: Vec<Span>, refused: u64, telemetry: &Telemetry) -> Read {
    let mut exchanges: Vec<Exchange> = Vec::new();
    let (mut spans, mut edges) = (Vec::new(), Vec::new());
    for span in read {
        match as_exchange(&span) {
            Some(exchange) => {
                exchanges.push(exchange);
                edges.extend(edge_of(&span));
            }
            None => spans.push(span),
        }
    }
    let kept = Read {
        exchanges: exchanges.len(),
        spans: spans.len(),
        refused,
    };
    // As a session would have kept them: in order of their end.
    exchanges.sort_by_key(Exchange::ended);
    let mut store = telemetry.exchanges();
    for exchange in exchanges {
        store.push(exchange);
    }
    store.joined(&edges);
    drop(store);
    telemetry.spans().push_all(spans);
    kept
}

/// Each part as a span, with the edge that was found for it.
fn spans(parts: &[What], edges: &[Joined]) -> Vec<Span> {
    let edges: HashMap<SpanId, _> = edges
        .iter()
        .filter_map(|joined| Some((joined.span, joined.edge?)))
        .collect();
    let span = |part: &What| match part {
        What::Exchange(exchange) => {
            let mut span = as_span(exchange);
            if let Some((edge, above)) = edges.get(&exchange.span) {
                put_edge(&mut span, edge, *above);
            }
            span
        }
        What::Span(span) => Span::clone(span),
    };
    parts.iter().map(span).collect()
}
