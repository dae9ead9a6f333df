//! Log records as lines.

use std::fmt::Write;

use jiff::Timestamp;

use super::message::logs::{LogRecord, LogsRequest};
use super::message::{self, attributes};
use super::origin::Origin;
use super::store::{Refused, Store};
use crate::telemetry::{AttributeValue, Attributes, Level, NewLine, SpanId, Stream, Told, TraceId};

/// Lines that one record gives at most, its stack trace included.
const LINES: usize = 1000;

/// An attribute of so many lines that it stands below the record.
const BELOW: &str = "exception.stacktrace";

/// Keeps the records of a request.
pub(super) fn keep(store: &Store, request: LogsRequest) -> Refused {
    let mut lines: Vec<(NewLine, Told)> = Vec::new();
    for program in request.resource_logs {
        let origin = store.names.origin(program.resource);
        let records = program
            .scope_logs
            .into_iter()
            .flat_map(|library| library.log_records);
        for record in records {
            told(record, &origin, &mut lines);
        }
    }
    // A store of lines keeps the order of arrival where times go back; within one message they need not.
    lines.sort_by_key(|(line, _)| line.at);
    store.telemetry.logs().push_all_told(lines);
    Refused::default()
}

fn told(record: LogRecord, origin: &Origin, lines: &mut Vec<(NewLine, Told)>) {
    let time = message::time(record.time_unix_nano);
    let at = time.or_else(|| message::time(record.observed_time_unix_nano));
    let at = at.unwrap_or_else(Timestamp::now);
    let trace = message::trace_id(&record.trace_id).map(TraceId);
    let told = Told {
        level: level(record.severity_number).or_else(|| Level::named(&record.severity_text)),
        of: trace.map(|trace| (trace, message::span_id(&record.span_id).map(SpanId))),
    };
    let words = words(record);
    for line in words.lines().take(LINES) {
        let line = NewLine {
            service: origin.service.clone(),
            run: origin.run.unwrap_or(0),
            at,
            stream: Stream::Otlp,
            bytes: line.as_bytes().to_vec(),
        };
        lines.push((line, told));
    }
}

/// The level of a severity ("Logs data model: severity number"); 0 is none.
fn level(number: i32) -> Option<Level> {
    match number {
        1..=4 => Some(Level::Trace),
        5..=8 => Some(Level::Debug),
        9..=12 => Some(Level::Info),
        13..=16 => Some(Level::Warn),
        17..=20 => Some(Level::Error),
        21..=24 => Some(Level::Fatal),
        _ => None,
    }
}

/// What it says and its attributes, as people read it; never nothing.
fn words(record: LogRecord) -> String {
    let body = record
        .body
        .map_or(AttributeValue::Empty, AttributeValue::from);
    let attributes = attributes(record.attributes);
    let mut first = record.event_name;
    if !first.is_empty() {
        first.push(' ');
    }
    let body = body.to_string();
    let (head, rest) = body
        .split_once('\n')
        .map_or((&*body, None), |(head, rest)| (head, Some(rest)));
    first.push_str(head);
    put_attributes(&mut first, &attributes);
    for below in [rest, attributes.text(BELOW)].into_iter().flatten() {
        first.push('\n');
        first.push_str(below);
    }
    if first.is_empty() {
        first.push(' ');
    }
    first
}

fn put_attributes(line: &mut String, attributes: &Attributes) {
    for (name, value) in attributes.iter().filter(|(name, _)| *name != BELOW) {
        if !line.is_empty() {
            line.push(' ');
        }
        // Writing to a string cannot fail.
        let _ = match value {
            AttributeValue::Text(text) if is_plain(text) => write!(line, "{name}={text}"),
            AttributeValue::Text(text) => write!(line, "{name}={text:?}"),
            value => write!(line, "{name}={value}"),
        };
    }
}

/// Whether a text can stand without quotes.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"' || c == '=')
}

#[cfg(test)]
mod tests {
    use super::super::message::{AnyValue, KeyValue, Value};
    use super::*;

    fn text(words: &str) -> AnyValue {
        AnyValue {
            value: Some(Value::Text(words.into())),
        }
    }

    #[test]
    fn a_record_reads_like_a_line() {
        let pair = |key: &str, value: &str| KeyValue {
            key: key.into(),
            value: Some(text(value)),
        };
        let record = LogRecord {
            body: Some(text("order failed\nsecond line")),
            event_name: "order".into(),
            attributes: vec![
                pair("sku", "tea"),
                pair("why", "no \"stock\""),
                pair(BELOW, "Traceback\n  File x"),
            ],
            ..LogRecord::default()
        };
        assert_eq!(
            words(record),
            "order order failed sku=tea why=\"no \\\"stock\\\"\"\nsecond line\nTraceback\n  File x"
        );
        assert_eq!(words(LogRecord::default()), " ");
    }

    #[test]
    fn severities_are_levels() {
        assert_eq!(
            [0, 1, 8, 9, 16, 17, 24, 25].map(level),
            [
                None,
                Some(Level::Trace),
                Some(Level::Debug),
                Some(Level::Info),
                Some(Level::Warn),
                Some(Level::Error),
                Some(Level::Fatal),
                None,
            ]
        );
    }
}
