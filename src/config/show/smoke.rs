//! One smoke check as a table of the stack file's keys.

use serde_json::Value as Json;
use toml::{Table, Value};

use crate::stack::{
    Check, CheckKind, CommandExpect, HttpExpect, HttpRequest, RequestBody, ServiceName,
};

use super::super::duration;
use super::fault;
use super::put::Put;
use super::service::command;

/// The check's keys and values.
pub(super) fn table(check: &Check) -> Value {
    let mut out = Table::new();
    out.put("name", check.name.as_str());
    match &check.kind {
        CheckKind::Http { request, expect } => {
            out.put("request", self::request(request));
            out.put("expect", answer(expect));
        }
        CheckKind::Command {
            command: words,
            inside,
            expect,
        } => {
            out.put("command", command(words));
            out.put_some("inside", inside.as_ref().map(ServiceName::as_str));
            out.put("expect", end(expect));
        }
    }
    out.put("retries", i64::from(check.retries));
    out.put("retry_delay", duration::show(check.retry_delay));
    out.put("timeout", duration::show(check.timeout));
    if let Some(trace) = &check.trace {
        let mut table = Table::new();
        let through = trace.through.iter().map(|name| Value::from(name.as_str()));
        table.put_filled("through", through.collect());
        table.put_some("errors", trace.errors.map(i64::from));
        out.put("trace", table);
    }
    out.put_filled("faults", check.faults.iter().map(fault::of_check).collect());
    Value::Table(out)
}

fn request(request: &HttpRequest) -> Table {
    let mut out = Table::new();
    out.put("method", request.method.as_str());
    out.put("url", request.url.as_str());
    out.put_texts("headers", request.headers.iter());
    match &request.body {
        RequestBody::Empty => {}
        RequestBody::Text(text) => out.put("body", text.as_str()),
        RequestBody::Json(json) => out.put("json", from_json(json)),
    }
    out
}

fn answer(expect: &HttpExpect) -> Table {
    let mut out = Table::new();
    out.put_some("status", expect.status.map(i64::from));
    out.put_texts("headers", expect.headers.iter());
    out.put_some("body", expect.body.as_deref());
    out.put_some("body_matches", expect.body_matches.as_deref());
    let json = expect.json.iter();
    let json: Table = json
        .map(|(path, value)| (path.clone(), from_json(value)))
        .collect();
    if !json.is_empty() {
        out.put("json", json);
    }
    out.put_some("within", expect.within.map(duration::show));
    out
}

fn end(expect: &CommandExpect) -> Table {
    let mut out = Table::new();
    out.put("code", i64::from(expect.code));
    out.put_some("stdout", expect.stdout.as_deref());
    out.put_some("stdout_matches", expect.stdout_matches.as_deref());
    out.put_some("stderr", expect.stderr.as_deref());
    out
}

/// JSON as TOML, which has no null: that becomes an empty text.
fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(""),
        Json::Bool(yes) => Value::from(*yes),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::from(whole),
            None => Value::from(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::Array(items.iter().map(from_json).collect()),
        Json::Object(entries) => Value::Table(
            entries
                .iter()
                .map(|(key, value)| (key.clone(), from_json(value)))
                .collect(),
        ),
    }
}
