//! An answer compared with the expected one. Every difference is told, with what was expected and what was found.

use regex::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::adapters::Executed;
use crate::adapters::ask::{Answer, status_words};
use crate::stack::{CommandExpect, HttpExpect};
use crate::text::{self, Redactor};

/// Of what was found, this many columns are shown.
const SHOWN: usize = 200;

/// Shows what was found, without secrets and not too long.
pub(super) struct Snippets<'a> {
    redactor: &'a Redactor,
}

impl<'a> Snippets<'a> {
    pub(super) fn new(redactor: &'a Redactor) -> Self {
        Self { redactor }
    }

    fn of(&self, bytes: &[u8]) -> String {
        let plain = text::plain(&bytes[..bytes.len().min(16 * SHOWN)]);
        let masked = self.redactor.text(plain.trim());
        if masked.is_empty() {
            return "nothing".into();
        }
        format!("{:?}", text::truncate(&masked, SHOWN, "…"))
    }

    fn of_json(&self, value: &Value) -> String {
        let json = value.to_string();
        let masked = self.redactor.text(&json);
        text::truncate(&masked, SHOWN, "…").into_owned()
    }
}

/// How an HTTP answer differs from the expected one; how long it took is not looked at here.
pub(super) fn http(expect: &HttpExpect, answer: &Answer, snippets: &Snippets<'_>) -> Vec<String> {
    let mut failures = Vec::new();
    if let Some(status) = expect.status
        && status != answer.status.as_u16()
    {
        let found = status_words(answer.status);
        failures.push(format!("status: expected {status}, found {found}"));
    }
    for (name, pattern) in &expect.headers {
        failures.extend(header(name, pattern, answer, snippets));
    }
    failures.extend(contains(
        "body",
        expect.body.as_deref(),
        &answer.body,
        snippets,
    ));
    failures.extend(matches(
        "body",
        expect.body_matches.as_deref(),
        &answer.body,
        snippets,
    ));
    if !expect.json.is_empty() {
        if let Ok(body) = serde_json::from_slice::<Value>(&answer.body) {
            let pairs = expect.json.iter();
            failures.extend(pairs.filter_map(|(path, wanted)| json(path, wanted, &body, snippets)));
        } else {
            let found = snippets.of(&answer.body);
            failures.push(format!("body: expected JSON, found {found}"));
        }
    }
    if answer.cut && !failures.is_empty() {
        let read = text::bytes(answer.body.len() as u64);
        failures.push(format!("only the first {read} of the body were read"));
    }
    failures
}

/// How a command's end differs from the expected one.
pub(super) fn command(
    expect: &CommandExpect,
    ended: &Executed,
    snippets: &Snippets<'_>,
) -> Vec<String> {
    let mut failures = Vec::new();
    if ended.code != expect.code {
        failures.push(format!(
            "exit code: expected {}, found {}",
            expect.code, ended.code
        ));
    }
    failures.extend(contains(
        "stdout",
        expect.stdout.as_deref(),
        &ended.stdout,
        snippets,
    ));
    failures.extend(matches(
        "stdout",
        expect.stdout_matches.as_deref(),
        &ended.stdout,
        snippets,
    ));
    failures.extend(contains(
        "stderr",
        expect.stderr.as_deref(),
        &ended.stderr,
        snippets,
    ));
    failures
}

fn header(name: &str, pattern: &str, answer: &Answer, snippets: &Snippets<'_>) -> Option<String> {
    let Ok(wanted) = Regex::new(pattern) else {
        return Some(format!(
            "header {name}: {pattern:?} is no regular expression"
        ));
    };
    let mut values = answer.headers.get_all(name).iter().peekable();
    if values.peek().is_none() {
        return Some(format!(
            "header {name}: expected to match {pattern:?}, found no such header"
        ));
    }
    let differs = |value: &&hyper::header::HeaderValue| {
        !wanted.is_match(&String::from_utf8_lossy(value.as_bytes()))
    };
    let other = values.find(differs)?;
    let found = snippets.of(other.as_bytes());
    Some(format!(
        "header {name}: expected to match {pattern:?}, found {found}"
    ))
}

fn contains(
    what: &str,
    wanted: Option<&str>,
    found: &[u8],
    snippets: &Snippets<'_>,
) -> Option<String> {
    let wanted = wanted?;
    if String::from_utf8_lossy(found).contains(wanted) {
        return None;
    }
    Some(format!(
        "{what}: expected to contain {wanted:?}, found {}",
        snippets.of(found)
    ))
}

fn matches(
    what: &str,
    pattern: Option<&str>,
    found: &[u8],
    snippets: &Snippets<'_>,
) -> Option<String> {
    let pattern = pattern?;
    match Regex::new(pattern) {
        Err(_) => Some(format!("{what}: {pattern:?} is no regular expression")),
        Ok(wanted) if wanted.is_match(&String::from_utf8_lossy(found)) => None,
        Ok(_) => Some(format!(
            "{what}: expected to match {pattern:?}, found {}",
            snippets.of(found)
        )),
    }
}

/// A path that finds one value must find the wanted one; a path that finds several must find the wanted list.
fn json(path: &str, wanted: &Value, body: &Value, snippets: &Snippets<'_>) -> Option<String> {
    let query = match JsonPath::parse(path) {
        Ok(query) => query,
        Err(error) => return Some(format!("{path} is no JSONPath: {error}")),
    };
    let found = query.query(body).all();
    let wanted_shown = snippets.of_json(wanted);
    match found.as_slice() {
        [] => Some(format!("{path}: expected {wanted_shown}, found nothing")),
        [one] if same(one, wanted) => None,
        [one] => Some(format!(
            "{path}: expected {wanted_shown}, found {}",
            snippets.of_json(one)
        )),
        several => {
            let several = Value::Array(several.iter().map(|&value| value.clone()).collect());
            let found = snippets.of_json(&several);
            (!same(&several, wanted))
                .then(|| format!("{path}: expected {wanted_shown}, found {found}"))
        }
    }
}

/// Equality as people mean it: `1` and `1.0` are the same number.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let is_in_b = |(key, value)| b.get(key).is_some_and(|other| same(value, other));
            a.len() == b.len() && a.iter().all(is_in_b)
        }
        _ => one == other,
    }
}
