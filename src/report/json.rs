//! For programs: one JSON object a line, as `docs/notices.md` describes.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::feed::Feed;
use super::sink::Sink;
use crate::engine::{Notice, Noticed};
use crate::runtime::{Clock, Input, Shown, View};
use crate::telemetry::{
    AttributeValue, Exchange, ExchangeStatus, LogLine, Span, SpanStatus, Stream, Telemetry, grpc,
};
use crate::text::{self, Redactor};

/// The view of `boatyard watch --json`.
#[derive(Debug)]
pub struct Json {
    sink: Sink,
    feed: Feed,
    clock: Clock,
    redactor: Redactor,
    logs: bool,
}

impl Json {
    /// A view that writes to `out`, from a thread of its own; with `log` notices only if `logs`.
    pub fn new(
        out: Box<dyn Write + Send>,
        telemetry: Arc<Telemetry>,
        clock: Clock,
        redactor: Redactor,
        logs: bool,
    ) -> Self {
        Self {
            sink: Sink::new(out),
            feed: Feed::new(telemetry),
            clock,
            redactor,
            logs,
        }
    }
}

impl View for Json {
    fn show(&mut self, shown: &Shown<'_>) {
        let news = self.feed.news(shown.notices, &self.sink);
        let mut rows: Vec<(Timestamp, Value)> = Vec::new();
        if self.logs {
            // Marks are for reading by eye: the notices say the same.
            let said = news
                .lines
                .iter()
                .filter(|line| !matches!(line.line.stream, Stream::Mark(_)));
            rows.extend(said.map(|line| (line.line.at, log(line))));
        }
        let exchanges = news.exchanges.iter();
        rows.extend(exchanges.map(|exchange| (exchange.ended(), of_exchange(exchange))));
        let spans = news.spans.iter();
        rows.extend(spans.map(|span| (span.ended(), of_span(span))));
        let now = self.clock.timestamp(self.clock.now());
        rows.extend(
            news.held
                .iter()
                .map(|told| (now, of_notice(told, &self.clock))),
        );
        for (what, count) in news.missed.into_iter().filter(|(_, count)| *count > 0) {
            let dropped = Notice::Dropped {
                service: None,
                what: what.into(),
                count,
            };
            rows.push((now, of_notice(&dropped, &self.clock)));
        }
        for Noticed { at, notice } in shown.notices {
            rows.push((self.clock.timestamp(*at), of_notice(notice, &self.clock)));
        }
        rows.sort_by_key(|(at, _)| *at);
        let mut text = Vec::new();
        for (at, mut value) in rows {
            mask(&mut value, &self.redactor);
            write_row(&mut text, at, value);
        }
        self.sink.write(text);
    }

    async fn next_input(&mut self) -> Input {
        self.feed.next_input(&self.sink).await
    }
}

/// A time as every report writes it: RFC 3339, milliseconds, UTC.
pub(super) fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// A duration in whole milliseconds.
pub(super) fn whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Masks secrets in every text within.
pub(super) fn mask(value: &mut Value, redactor: &Redactor) {
    match value {
        Value::String(text) => {
            if let std::borrow::Cow::Owned(masked) = redactor.text(text) {
                *text = masked;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| mask(value, redactor)),
        Value::Object(values) => values.values_mut().for_each(|value| mask(value, redactor)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `at` and `notice` come first, the rest by name.
#[derive(Serialize)]
struct Row<'a> {
    at: &'a str,
    notice: &'a str,
    #[serde(flatten)]
    rest: &'a Map<String, Value>,
}

fn write_row(out: &mut Vec<u8>, at: Timestamp, value: Value) {
    let Value::Object(mut rest) = value else {
        return;
    };
    let notice = rest.remove("notice");
    let row = Row {
        at: &time(at),
        notice: notice.as_ref().and_then(Value::as_str).unwrap_or_default(),
        rest: &rest,
    };
    // Writing into memory does not fail, and keys are texts.
    drop(serde_json::to_writer(&mut *out, &row));
    out.push(b'\n');
}

fn of_notice(notice: &Notice, clock: &Clock) -> Value {
    let mut value = serde_json::to_value(notice).unwrap_or_default();
    if let Notice::ChangeLive { last_save, .. } = notice {
        value["last_save"] = time(clock.timestamp(*last_save)).into();
    }
    value
}

/// The row of a log line, secrets masked.
pub(super) fn log_row(line: &LogLine, redactor: &Redactor) -> Vec<u8> {
    let mut value = log(line);
    mask(&mut value, redactor);
    let mut row = Vec::new();
    write_row(&mut row, line.line.at, value);
    row
}

fn log(line: &LogLine) -> Value {
    json!({
        "notice": "log",
        "service": line.line.service,
        "run": line.line.run,
        "stream": line.line.stream.name(),
        "level": line.level.map(crate::telemetry::Level::name),
        "line": text::readable(&line.line.bytes),
    })
}

fn of_exchange(exchange: &Exchange) -> Value {
    let status = match exchange.status {
        ExchangeStatus::Http(code) => Some(code),
        _ => None,
    };
    let code = match exchange.status {
        ExchangeStatus::Grpc(code) => Some(code),
        _ => None,
    };
    let failure = match &exchange.status {
        ExchangeStatus::Failed(why) => Some(why.as_str()),
        ExchangeStatus::CallerLeft => Some("the caller left"),
        ExchangeStatus::Grpc(code) if *code != 0 => Some(grpc::name(*code)),
        ExchangeStatus::Http(_)
        | ExchangeStatus::Grpc(_)
        | ExchangeStatus::Bytes
        | ExchangeStatus::Open => None,
    };
    let mut told = json!({
        "notice": "exchange",
        "caller": exchange.caller,
        "callee": exchange.callee,
        "run": exchange.run,
        "method": exchange.method,
        "path": text::readable(exchange.path.as_bytes()),
        "status": status,
        "failure": failure,
        "started": time(exchange.started),
        "ms": exchange.took.as_secs_f64() * 1000.0,
        "held_ms": whole_millis(exchange.held),
        "fault": exchange.injected,
        "request_bytes": exchange.request_bytes,
        "response_bytes": exchange.response_bytes,
        "trace": exchange.trace.to_string(),
        "span": exchange.span.to_string(),
        "parent": exchange.parent.map(|parent| parent.to_string()),
    });
    if let Some(code) = code {
        told["grpc_status"] = code.into();
    }
    told
}

fn of_span(span: &Span) -> Value {
    let (status, failure) = match &span.status {
        SpanStatus::Unset => ("unset", None),
        SpanStatus::Ok => ("ok", None),
        SpanStatus::Error(why) => ("error", Some(text::readable(why.as_bytes()))),
    };
    let attributes = span.attributes.iter();
    let attributes = attributes.map(|(name, value)| (name.to_owned(), of_value(value)));
    json!({
        "notice": "span",
        "service": span.service,
        "run": span.run,
        "name": text::readable(span.name.as_bytes()),
        "kind": span.kind.name(),
        "status": status,
        "failure": failure,
        "started": time(span.started),
        "ms": span.took.as_secs_f64() * 1000.0,
        "attributes": attributes.collect::<Map<String, Value>>(),
        "trace": span.trace.to_string(),
        "span": span.span.to_string(),
        "parent": span.parent.map(|parent| parent.to_string()),
    })
}

/// A value as JSON has it; what JSON has no form for is written as text.
fn of_value(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Empty => Value::Null,
        AttributeValue::Text(text) => Value::String(text.clone()),
        AttributeValue::Bool(value) => Value::Bool(*value),
        AttributeValue::Int(number) => (*number).into(),
        AttributeValue::Double(number) if number.is_finite() => (*number).into(),
        AttributeValue::Double(_) | AttributeValue::Bytes(_) => Value::String(value.to_string()),
        AttributeValue::List(values) => values.iter().map(of_value).collect(),
        AttributeValue::Map(attributes) => {
            let pairs = attributes.iter();
            let pairs = pairs.map(|(name, value)| (name.to_owned(), of_value(value)));
            Value::Object(pairs.collect())
        }
    }
}

#[cfg(test)]
mod tests;
