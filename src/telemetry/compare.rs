//! Two answers to the same request, compared: status, headers, and the body by its structure or by its lines.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::body::BodyHead;
use super::exchange::{Exchange, ExchangeStatus, Headers};
use super::repeat::{belongs_to_hop, belongs_to_trace};

/// An answer, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status; `None` if there was none.
    pub status: Option<u16>,
    /// Its headers.
    pub headers: Headers,
    /// The beginning of its body.
    pub body: Vec<u8>,
    /// Whether there is more of its body.
    pub truncated: bool,
}

/// Most differences that are told; the rest is counted.
const MOST: usize = 100;
/// Longest value that is shown, in characters.
const SHOWN: usize = 80;
/// Largest table of two texts' lines in which their common lines are looked for.
const TABLE: usize = 1_000_000;

/// Headers that differ between any two answers.
const VOLATILE: [&str; 12] = [
    "date",
    "age",
    "expires",
    "set-cookie",
    "server-timing",
    "x-response-time",
    "x-runtime",
    "x-process-time",
    "x-served-by",
    "x-envoy-upstream-service-time",
    "retry-after",
    "etag",
];

impl Answer {
    /// The answer of a recorded exchange.
    pub fn of(exchange: &Exchange) -> Self {
        let BodyHead {
            bytes,
            truncated,
            withheld,
        } = &exchange.response_body;
        Self {
            status: match exchange.status {
                ExchangeStatus::Http(status) => Some(status),
                _ => None,
            },
            headers: exchange.response_headers.clone(),
            body: bytes.to_vec(),
            truncated: *truncated || *withheld,
        }
    }
}

/// How `after` differs from `before`, a line each; none: they are the same but for what differs between any two answers
/// (dates, ids of traces, cookies). At most a hundred, and how many more there are.
pub fn compare(before: &Answer, after: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    if before.status != after.status {
        let words = |status: Option<u16>| status.map_or("none".into(), |code| code.to_string());
        found.push(format!(
            "status: {} → {}",
            words(before.status),
            words(after.status)
        ));
    }
    headers(&before.headers, &after.headers, &mut found);
    body(before, after, &mut found);
    let more = found.len().saturating_sub(MOST);
    if more > 0 {
        found.truncate(MOST);
        found.push(format!("and {more} more differences"));
    }
    found
}

fn headers(before: &Headers, after: &Headers, found: &mut Vec<String>) {
    let told = |headers: &Headers| {
        let mut told: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in headers.iter() {
            let name = name.to_ascii_lowercase();
            let is_set_aside = VOLATILE.contains(&name.as_str())
                || belongs_to_hop(headers, &name)
                || belongs_to_trace(&name);
            if !is_set_aside {
                told.entry(name)
                    .and_modify(|known| {
                        known.push_str(", ");
                        known.push_str(value);
                    })
                    .or_insert_with(|| value.to_owned());
            }
        }
        told
    };
    let (before, after) = (told(before), told(after));
    for (name, value) in &before {
        match after.get(name) {
            Some(other) if other == value => {}
            Some(other) => found.push(format!("header {name}: {} → {}", cut(value), cut(other))),
            None => found.push(format!("header {name}: {} → none", cut(value))),
        }
    }
    for (name, value) in &after {
        if !before.contains_key(name) {
            found.push(format!("header {name}: none → {}", cut(value)));
        }
    }
}

fn body(before: &Answer, after: &Answer, found: &mut Vec<String>) {
    // Of a body that was not kept whole, only the beginning can be compared.
    let kept = match (before.truncated, after.truncated) {
        (false, false) => usize::MAX,
        (true, false) => before.body.len(),
        (false, true) => after.body.len(),
        (true, true) => before.body.len().min(after.body.len()),
    };
    let beginning = |body: &'_ [u8]| body[..body.len().min(kept)].to_vec();
    let (one, other) = (beginning(&before.body), beginning(&after.body));
    if one == other {
        return;
    }
    if kept == usize::MAX
        && let (Ok(one), Ok(other)) = (
            serde_json::from_slice::<Json>(&one),
            serde_json::from_slice::<Json>(&other),
        )
    {
        return json("$", &one, &other, found);
    }
    match (std::str::from_utf8(&one), std::str::from_utf8(&other)) {
        (Ok(one), Ok(other)) => lines(one, other, found),
        _ => found.push(format!(
            "body: {} bytes → {} bytes, which are not text",
            before.body.len(),
            after.body.len()
        )),
    }
}

/// The paths at which two values differ.
fn json(path: &str, before: &Json, after: &Json, found: &mut Vec<String>) {
    match (before, after) {
        (Json::Object(before), Json::Object(after)) => {
            for (name, value) in before {
                let path = member(path, name);
                match after.get(name) {
                    Some(other) => json(&path, value, other, found),
                    None => found.push(format!("{path}: {} → none", shown(value))),
                }
            }
            for (name, value) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
                found.push(format!("{}: none → {}", member(path, name), shown(value)));
            }
        }
        (Json::Array(before), Json::Array(after)) => {
            for at in 0..before.len().max(after.len()) {
                let path = format!("{path}[{at}]");
                match (before.get(at), after.get(at)) {
                    (Some(one), Some(other)) => json(&path, one, other, found),
                    (Some(one), None) => found.push(format!("{path}: {} → none", shown(one))),
                    (None, Some(other)) => found.push(format!("{path}: none → {}", shown(other))),
                    (None, None) => {}
                }
            }
        }
        (before, after) if before == after => {}
        (before, after) => found.push(format!("{path}: {} → {}", shown(before), shown(after))),
    }
}

/// A member's path, as `JSONPath` writes it.
fn member(path: &str, name: &str) -> String {
    let is_plain = !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if is_plain {
        format!("{path}.{name}")
    } else {
        format!("{path}[{}]", Json::from(name))
    }
}

fn shown(value: &Json) -> String {
    cut(&value.to_string())
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The lines that went and those that came.
fn lines(before: &str, after: &str, found: &mut Vec<String>) {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (before.lines().collect(), after.lines().collect());
    let same = |(one, other): &(&&str, &&str)| one == other;
    let first = before.iter().zip(&after).take_while(same).count();
    let (one, other) = (&before[first..], &after[first..]);
    let last = one
        .iter()
        .rev()
        .zip(other.iter().rev())
        .take_while(same)
        .count();
    let (one, other) = (&one[..one.len() - last], &other[..other.len() - last]);
    if one.is_empty() && other.is_empty() {
        // They differ in how their lines end.
        found.push("body: only the ends of its lines differ".into());
        return;
    }
    let mut gone = one.iter().enumerate().map(|(at, line)| {
        (
            first + at,
            format!("line {}: - {}", first + at + 1, cut(line)),
        )
    });
    let mut new = other.iter().enumerate().map(|(at, line)| {
        (
            first + at,
            format!("line {}: + {}", first + at + 1, cut(line)),
        )
    });
    for (stays, comes) in steps(one, other) {
        match (stays, comes) {
            (true, true) => drop((gone.next(), new.next())),
            (true, false) => found.extend(gone.next().map(|(_, words)| words)),
            (false, _) => found.extend(new.next().map(|(_, words)| words)),
        }
    }
}

/// How one text becomes the other, line by line: of the first one, of the second one, or of both. The fewest steps, where
/// the texts are not too long for that; else all lines of the first go, and all of the second come.
fn steps(one: &[&str], other: &[&str]) -> Vec<(bool, bool)> {
    let (height, width) = (one.len(), other.len() + 1);
    if (height + 1).saturating_mul(width) > TABLE {
        let gone = one.iter().map(|_| (true, false));
        return gone.chain(other.iter().map(|_| (false, true))).collect();
    }
    // The length of the longest common part of what follows each pair of places.
    let mut common = vec![0_u32; (height + 1) * width];
    for at in (0..height).rev() {
        for to in (0..other.len()).rev() {
            common[at * width + to] = if one[at] == other[to] {
                common[(at + 1) * width + to + 1] + 1
            } else {
                common[(at + 1) * width + to].max(common[at * width + to + 1])
            };
        }
    }
    let (mut at, mut to, mut steps) = (0, 0, Vec::new());
    while at < height || to < other.len() {
        let step = if at < height && to < other.len() && one[at] == other[to] {
            (true, true)
        } else if at < height
            && (to == other.len() || common[(at + 1) * width + to] >= common[at * width + to + 1])
        {
            (true, false)
        } else {
            (false, true)
        };
        at += usize::from(step.0);
        to += usize::from(step.1);
        steps.push(step);
    }
    steps
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        Answer {
            status: Some(status),
            headers: headers.iter().copied().collect(),
            body: body.as_bytes().to_vec(),
            truncated: false,
        }
    }

    #[test]
    fn status_and_headers_but_for_volatile_ones() {
        let before = answer(
            200,
            &[
                ("Date", "a"),
                ("X-A", "1"),
                ("traceparent", "x"),
                ("Gone", "g"),
            ],
            "",
        );
        let after = answer(
            500,
            &[
                ("date", "b"),
                ("x-a", "2"),
                ("Connection", "close"),
                ("new", "n"),
            ],
            "",
        );
        assert_eq!(
            compare(&before, &after),
            [
                "status: 200 → 500",
                "header gone: g → none",
                "header x-a: 1 → 2",
                "header new: none → n"
            ]
        );
        assert_eq!(compare(&before, &before), Vec::<String>::new());
        let none = Answer {
            status: None,
            ..answer(1, &[], "")
        };
        assert_eq!(
            compare(&answer(200, &[], ""), &none),
            ["status: 200 → none"]
        );
    }

    #[test]
    fn json_differs_by_path() {
        let before = answer(
            200,
            &[],
            r#"{"a": {"b": [1, 2, {"c": "x"}]}, "odd key": 1, "gone": null}"#,
        );
        let after = answer(
            200,
            &[],
            r#"{"odd key":2,"a":{"b":[1,3,{"c":"x"},4]},"new":true}"#,
        );
        assert_eq!(
            compare(&before, &after),
            [
                "$.a.b[1]: 2 → 3",
                "$.a.b[3]: none → 4",
                "$.gone: null → none",
                "$[\"odd key\"]: 1 → 2",
                "$.new: none → true"
            ]
        );
        let spaced = answer(200, &[], "{\"a\" : 1}");
        assert_eq!(
            compare(&spaced, &answer(200, &[], "{\"a\":1}")),
            Vec::<String>::new()
        );
    }

    #[test]
    fn text_differs_by_line() {
        let before = answer(200, &[], "one\ntwo\nthree\nfour\n");
        let after = answer(200, &[], "one\n2\nthree\nthree and a half\nfour\n");
        assert_eq!(
            compare(&before, &after),
            ["line 2: - two", "line 2: + 2", "line 4: + three and a half"]
        );
        assert_eq!(
            compare(&answer(200, &[], "a\r\nb"), &answer(200, &[], "a\nb")),
            ["body: only the ends of its lines differ"]
        );
        let mut binary = answer(200, &[], "");
        binary.body = vec![0xff, 0];
        assert_eq!(
            compare(&before, &binary),
            ["body: 19 bytes → 2 bytes, which are not text"]
        );
    }

    #[test]
    fn of_a_body_that_was_cut_off_only_the_beginning_counts() {
        let mut before = answer(200, &[], "{\"a\": 1, \"b");
        before.truncated = true;
        assert_eq!(
            compare(&before, &answer(200, &[], "{\"a\": 1, \"b\": 2}")),
            Vec::<String>::new()
        );
        assert_eq!(
            compare(&before, &answer(200, &[], "{\"a\": 2, \"b\": 2}")).len(),
            2
        );
    }

    #[test]
    fn very_many_differences_are_counted() {
        let list =
            |from: u32| serde_json::to_string(&(from..from + 500).collect::<Vec<_>>()).unwrap();
        let found = compare(&answer(200, &[], &list(0)), &answer(200, &[], &list(1)));
        assert_eq!(
            (found.len(), found[100].as_str()),
            (101, "and 400 more differences")
        );
    }

    proptest! {
        #[test]
        fn steps_lead_from_one_to_the_other(one in prop::collection::vec(0..4_u8, 0..12), other in prop::collection::vec(0..4_u8, 0..12)) {
            let text = |lines: &[u8]| lines.iter().map(u8::to_string).collect::<Vec<_>>();
            let (one, other) = (text(&one), text(&other));
            let (one, other): (Vec<&str>, Vec<&str>) = (one.iter().map(String::as_str).collect(), other.iter().map(String::as_str).collect());
            let steps = steps(&one, &other);
            prop_assert_eq!(steps.iter().filter(|step| step.0).count(), one.len());
            prop_assert_eq!(steps.iter().filter(|step| step.1).count(), other.len());
            let (mut at, mut to) = (0, 0);
            for (stays, comes) in steps {
                if stays && comes {
                    prop_assert_eq!(one[at], other[to]);
                }
                at += usize::from(stays);
                to += usize::from(comes);
            }
        }

        #[test]
        fn any_answers_are_compared(one in prop::collection::vec(any::<u8>(), 0..60), other in prop::collection::vec(any::<u8>(), 0..60), cut in any::<bool>()) {
            let make = |body: &[u8], truncated| Answer { body: body.to_vec(), truncated, ..answer(200, &[], "") };
            let differ = compare(&make(&one, cut), &make(&other, false));
            prop_assert!(one != other || differ.is_empty());
            prop_assert!(differ.len() <= MOST + 1);
        }
    }
}
