//! Traces as a list: for people, and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::json::time;
use crate::stack::ServiceName;
use crate::telemetry::{ExchangeStatus, Span, TraceSummary, What, grpc};
use crate::text;

/// A line for each trace: when, what, how it ended, how long it took, and which services it passed.
pub fn traces_lines(traces: &[TraceSummary]) -> String {
    let mut out = String::new();
    for trace in traces {
        let services: Vec<&str> = trace.services.iter().map(ServiceName::as_str).collect();
        let errors = match trace.errors {
            0 => String::new(),
            1 => "  1 error".into(),
            many => format!("  {many} errors"),
        };
        let (what, how) = root(&trace.root);
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "{}  {}  {}  {}  {}{}  {}",
            time(trace.started),
            text::readable(what.as_bytes()),
            text::readable(how.as_bytes()),
            text::duration(trace.duration),
            text::readable(services.join("→").as_bytes()),
            errors,
            trace.trace,
        );
    }
    out
}

/// A JSON object a line for each trace.
pub fn traces_json(traces: &[TraceSummary]) -> String {
    let mut out = String::new();
    for trace in traces {
        let (what, how) = root(&trace.root);
        let value: Value = json!({
            "trace": trace.trace.to_string(),
            "started": time(trace.started),
            "ms": trace.duration.as_secs_f64() * 1000.0,
            "root": what,
            "result": how,
            "spans": trace.spans,
            "errors": trace.errors,
            "services": trace.services,
        });
        let _ = writeln!(out, "{value}");
    }
    out
}

/// What a trace began with, and how that ended.
fn root(root: &What) -> (String, String) {
    match root {
        What::Exchange(exchange) => {
            let how = match &exchange.status {
                ExchangeStatus::Http(code) => code.to_string(),
                ExchangeStatus::Grpc(code) => grpc::name(*code).to_owned(),
                ExchangeStatus::CallerLeft => "caller left".into(),
                ExchangeStatus::Failed(why) => format!("failed: {why}"),
                ExchangeStatus::Bytes => "bytes".into(),
                ExchangeStatus::Open => "open".into(),
            };
            (format!("{} {}", exchange.method, exchange.path), how)
        }
        What::Span(span) => (span.name.clone(), of_span(span)),
    }
}

fn of_span(span: &Span) -> String {
    match span.http_status() {
        Some(code) => code.to_string(),
        None if span.is_error() => "error".into(),
        None => "ok".into(),
    }
}
