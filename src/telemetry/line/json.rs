//! Lines that are one JSON object, under the names that logging libraries use.

use std::borrow::Cow;

use serde_json::Value;

use super::{Field, Format, Recognised};

/// Names of the time: zap, logrus, pino, bunyan, slog, serilog, ECS, python-json-logger, log4j, and others.
const TIMES: &[&str] = &[
    "time",
    "ts",
    "timestamp",
    "@timestamp",
    "@t",
    "t",
    "datetime",
    "asctime",
    "date",
    "Timestamp",
    "eventTime",
    "timeMillis",
];

/// Names of the message; `event` is structlog's.
const MESSAGES: &[&str] = &[
    "msg",
    "message",
    "@m",
    "@mt",
    "short_message",
    "Message",
    "RenderedMessage",
    "event",
    "text",
    "textPayload",
    "body",
    "MESSAGE",
    "log",
];

/// Names of the level, which the sign beside the line tells already.
const LEVELS: &[&str] = &[
    "level",
    "severity",
    "lvl",
    "log.level",
    "levelname",
    "loglevel",
    "@l",
    "Level",
    "LogLevel",
    "log_level",
    "severity_text",
    "severityText",
];

/// Of a line longer than this only the beginning may be known: an end in its midst is no mistake, in bytes.
const MAY_BE_CUT: usize = 8 << 10;

/// What this object says.
pub(super) fn recognise(text: &str) -> Option<Recognised<'_>> {
    let members = members(text)?;
    let mut found = Recognised {
        format: Format::Json,
        time: None,
        message: Cow::Borrowed(""),
        fields: Vec::new(),
    };
    let time = first_of(&members, TIMES, |_| true);
    let is_text = |raw: &str| raw.starts_with('"');
    let message = first_of(&members, MESSAGES, is_text);
    let level = first_of(&members, LEVELS, |raw| !raw.starts_with('{'));
    for (at, (name, raw)) in members.iter().enumerate() {
        let value = said(raw);
        let place = Some(at);
        if place == time {
            found.time = Some(value);
        } else if place == message {
            found.message = value;
        } else if place != level {
            found.fields.push(Field {
                name: name.clone(),
                value,
            });
        }
    }
    if message.is_none() {
        // The JSON form of Rust's `tracing` has its message among the fields.
        let nested = found.fields.iter().find(|field| field.name == "fields");
        if let Some(message) = nested.and_then(|field| below(&field.value, "message")) {
            found.message = Cow::Owned(message);
        }
    }
    Some(found)
}

/// The place of the member that has the first of these names.
fn first_of(
    members: &[(Cow<'_, str>, &str)],
    names: &[&str],
    fits: impl Fn(&str) -> bool,
) -> Option<usize> {
    names.iter().find_map(|name| {
        members
            .iter()
            .position(|(known, raw)| known == name && fits(raw))
    })
}

/// The value at this path of names below a JSON value.
pub(super) fn below(raw: &str, path: &str) -> Option<String> {
    if !raw.starts_with(['{', '[']) {
        return None;
    }
    let root: Value = serde_json::from_str(raw).ok()?;
    let found = step(&root, path)?;
    Some(match found {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// Names may have dots of their own, so each way of dividing the path is tried, the longest name first.
fn step<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    let member = |name: &str| match value {
        Value::Object(members) => members.get(name),
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    };
    if let Some(found) = member(path) {
        return Some(found);
    }
    let dots = path.rmatch_indices('.');
    dots.map(|(at, _)| (&path[..at], &path[at + 1..]))
        .find_map(|(name, rest)| step(member(name)?, rest))
}

/// A value without its quotes.
fn said(raw: &str) -> Cow<'_, str> {
    let Some(inside) = raw.strip_prefix('"') else {
        return Cow::Borrowed(raw);
    };
    let inside = inside.strip_suffix('"').unwrap_or(inside);
    if !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    // What is escaped may be anything: it is made harmless as any other text from outside.
    match serde_json::from_str::<String>(raw) {
        Ok(text) => Cow::Owned(crate::text::plain(
            text.replace(['\n', '\r', '\t'], " ").as_bytes(),
        )),
        Err(_) => Cow::Borrowed(inside),
    }
}

/// Names and raw values of the outermost object; `None` if the text is not one object.
fn members(text: &str) -> Option<Vec<(Cow<'_, str>, &str)>> {
    let mut rest = text.trim_start().strip_prefix('{')?.trim_start();
    let mut members = Vec::new();
    if let Some(after) = rest.strip_prefix('}') {
        return after.trim().is_empty().then_some(members);
    }
    loop {
        let Some((member, after)) = member(rest) else {
            let is_cut = text.len() >= MAY_BE_CUT && !members.is_empty();
            return is_cut.then_some(members);
        };
        members.push(member);
        let after = after.trim_start();
        match after.chars().next() {
            Some(',') => rest = after[1..].trim_start(),
            Some('}') => return after[1..].trim().is_empty().then_some(members),
            _ => return None,
        }
    }
}

type Member<'a> = (Cow<'a, str>, &'a str);

fn member(text: &str) -> Option<(Member<'_>, &str)> {
    if !text.starts_with('"') {
        return None;
    }
    let (name, after) = text.split_at(string_end(text)?);
    let after = after.trim_start().strip_prefix(':')?.trim_start();
    let (value, after) = after.split_at(value_end(after)?);
    Some(((said(name), value), after))
}

/// Where the string at the beginning ends, its quotes included.
fn string_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Where the value at the beginning ends.
fn value_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    match bytes.first()? {
        b'"' => string_end(text),
        b'{' | b'[' => {
            let (mut at, mut depth) = (0, 0_usize);
            loop {
                match bytes.get(at)? {
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    b'"' => {
                        at += string_end(&text[at..])?;
                        continue;
                    }
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
        }
        _ => {
            let end = text.find([',', '}', ']']).unwrap_or(text.len());
            let word = text[..end].trim_end();
            let is_value = matches!(word, "true" | "false" | "null") || word.parse::<f64>().is_ok();
            is_value.then_some(word.len())
        }
    }
}
