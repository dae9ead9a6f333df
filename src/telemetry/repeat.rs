//! A recorded request made ready to be sent again: as a request, or as a smoke check.

use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::exchange::{Exchange, ExchangeStatus, Headers};
use super::trace::waterfall;
use super::what::What;
use crate::stack::{
    Check, CheckKind, HttpExpect, HttpRequest, RequestBody, ServiceName, TraceExpect,
};

/// What stands in place of a secret.
pub(super) const MASK: &str = "***";

/// A request that can be sent again, and what it lacks of the recorded one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// The request; its URL's host is the service that was called, whose front door it means.
    pub request: HttpRequest,
    /// What it lacks, a sentence each: masked headers.
    pub notes: Vec<String>,
}

/// Whether a header belongs to one connection, or is made anew with each message.
pub(super) fn belongs_to_hop(headers: &Headers, name: &str) -> bool {
    const HOP: [&str; 11] = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
        "content-length",
        "http2-settings",
    ];
    let named = |(known, value): (&str, &str)| {
        known.eq_ignore_ascii_case("connection")
            && value
                .split(',')
                .any(|option| option.trim().eq_ignore_ascii_case(name))
    };
    HOP.iter().any(|hop| name.eq_ignore_ascii_case(hop)) || headers.iter().any(named)
}

/// Whether a header says which trace a message belongs to, or names the one request.
pub(super) fn belongs_to_trace(name: &str) -> bool {
    const TRACE: [&str; 9] = [
        "traceparent",
        "tracestate",
        "b3",
        "uber-trace-id",
        "x-amzn-trace-id",
        "x-cloud-trace-context",
        "x-request-id",
        "x-correlation-id",
        "x-trace-id",
    ];
    let name = name.to_ascii_lowercase();
    name.starts_with("x-b3-") || TRACE.contains(&name.as_str())
}

/// The request of an exchange, to be sent again as it was.
///
/// # Errors
/// Why it cannot: it is no HTTP/1.x request, or not all of it was kept.
pub fn repeat(exchange: &Exchange) -> Result<Repeat, String> {
    if !exchange.path.starts_with('/') || matches!(exchange.method.as_str(), "TCP" | "TLS") {
        return Err("it is no HTTP request that could be sent again".into());
    }
    if exchange.method == "gRPC" {
        return Err("calls of gRPC cannot be sent again yet".into());
    }
    if exchange.path.contains(MASK) {
        return Err("its path has masked values".into());
    }
    let headers = &exchange.request_headers;
    let (mut kept, mut notes) = (IndexMap::new(), Vec::new());
    for (name, value) in headers.iter() {
        let is_left_out = name.starts_with(':')
            || name.eq_ignore_ascii_case("host")
            // Answers are to be compared as they are.
            || name.eq_ignore_ascii_case("accept-encoding")
            || belongs_to_hop(headers, name)
            || belongs_to_trace(name);
        if is_left_out {
            continue;
        }
        if value.contains(MASK) {
            notes.push(format!("its {name} is masked and left out"));
            continue;
        }
        kept.entry(name.to_ascii_lowercase())
            .and_modify(|known: &mut String| {
                known.push_str(", ");
                known.push_str(value);
            })
            .or_insert_with(|| value.to_owned());
    }
    let body = body(exchange)?;
    Ok(Repeat {
        request: HttpRequest {
            method: exchange.method.clone(),
            url: format!("http://{}{}", exchange.callee, exchange.path),
            headers: kept,
            body,
        },
        notes,
    })
}

fn body(exchange: &Exchange) -> Result<RequestBody, String> {
    let head = &exchange.request_body;
    if head.truncated || head.withheld || exchange.request_bytes != head.bytes.len() as u64 {
        return Err("not all of its body was kept".into());
    }
    if head.bytes.is_empty() {
        return Ok(RequestBody::Empty);
    }
    match std::str::from_utf8(&head.bytes) {
        Ok(text) if text.contains(MASK) => Err("its body has masked values".into()),
        Ok(text) => Ok(RequestBody::Text(text.to_owned())),
        Err(_) => Err("its body is not text".into()),
    }
}

/// A smoke check that sends the request of an exchange and expects its answer: the status, the simple values of a JSON
/// answer that look as if they were the same the next time, and the services that its trace passed. `parts`: the trace.
///
/// # Errors
/// Why it cannot be one.
pub fn check_of(exchange: &Exchange, parts: &[What]) -> Result<Check, String> {
    if exchange.caller.is_some() {
        return Err("only a request that came in through a front door can become a check".into());
    }
    let ExchangeStatus::Http(status) = exchange.status else {
        return Err("it was not answered".into());
    };
    if exchange.injected.is_some() {
        return Err("a fault was set for it, so that its answer is not what it should be".into());
    }
    let Repeat { mut request, notes } = repeat(exchange)?;
    if let Some(note) = notes.first() {
        return Err(note.clone());
    }
    request.headers.retain(|name, _| is_worth_checking(name));
    if let RequestBody::Text(text) = &request.body
        && request
            .headers
            .get("content-type")
            .is_some_and(|kind| kind == "application/json")
        && let Ok(json) = serde_json::from_str::<Json>(text)
        && is_plain(&json)
    {
        request.headers.shift_remove("content-type");
        request.body = RequestBody::Json(json);
    }
    let through = through(exchange, parts);
    let path = exchange.path.split('?').next().unwrap_or_default();
    Ok(Check {
        name: format!("{} {path} answers {status}", exchange.method),
        kind: CheckKind::Http {
            request,
            expect: HttpExpect {
                status: Some(status),
                json: stable_fields(exchange),
                ..HttpExpect::default()
            },
        },
        retries: 0,
        retry_delay: Duration::from_millis(500),
        timeout: Duration::from_secs(10),
        trace: Some(TraceExpect {
            through,
            errors: (status < 500).then_some(0),
        }),
        faults: Vec::new(),
    })
}

/// Whether a header may change the answer; what browsers send of themselves does not belong into a check.
fn is_worth_checking(name: &str) -> bool {
    const BROWSERS: [&str; 12] = [
        "user-agent",
        "accept-language",
        "cache-control",
        "pragma",
        "dnt",
        "origin",
        "referer",
        "upgrade-insecure-requests",
        "if-none-match",
        "if-modified-since",
        "priority",
        "cookie",
    ];
    !name.starts_with("sec-") && !BROWSERS.contains(&name)
}

/// Whether it is the same in the stack file, which has no null and no number beyond 64 bits.
fn is_plain(json: &Json) -> bool {
    match json {
        Json::Null => false,
        Json::Number(number) => number.is_i64() || number.is_f64(),
        Json::Bool(_) | Json::String(_) => true,
        Json::Array(items) => items.iter().all(is_plain),
        Json::Object(fields) => fields.values().all(is_plain),
    }
}

/// The longest way of exchanges from this one down, each below the one before, as a check's trace wants it.
fn through(exchange: &Exchange, parts: &[What]) -> Vec<ServiceName> {
    let rows = waterfall(parts);
    let Some(at) = rows.iter().position(|row| row.what.span() == exchange.span) else {
        return vec![exchange.callee.clone()];
    };
    let top = rows[at].depth;
    let below = rows[at + 1..].iter().take_while(|row| row.depth > top);
    // The exchanges that the row at hand lies in, with their depths.
    let mut way = vec![(top, exchange.callee.clone())];
    let mut longest = way.clone();
    for row in below {
        let Some(inner) = row.what.exchange() else {
            continue;
        };
        way.retain(|(depth, _)| *depth < row.depth);
        way.push((row.depth, inner.callee.clone()));
        if way.len() > longest.len() {
            longest.clone_from(&way);
        }
    }
    longest.into_iter().map(|(_, service)| service).collect()
}

/// How many fields of an answer a check looks at.
const FIELDS: usize = 4;

/// The first simple fields of a JSON object that do not look like ids, times or secrets.
fn stable_fields(exchange: &Exchange) -> IndexMap<String, Json> {
    let head = &exchange.response_body;
    let is_whole = !head.truncated && !head.withheld;
    let read = is_whole.then(|| serde_json::from_slice::<Json>(&head.bytes).ok());
    let Some(Some(Json::Object(fields))) = read else {
        return IndexMap::new();
    };
    let stable = fields.into_iter().filter(|(name, value)| {
        let is_name = !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !name.starts_with(|c: char| c.is_ascii_digit());
        is_name && !looks_changing(name, value)
    });
    stable
        .take(FIELDS)
        .map(|(name, value)| (format!("$.{name}"), value))
        .collect()
}

/// Whether a value is probably another one the next time.
fn looks_changing(name: &str, value: &Json) -> bool {
    const CHANGING: [&str; 17] = [
        "id",
        "uuid",
        "guid",
        "time",
        "date",
        "at",
        "timestamp",
        "created",
        "updated",
        "modified",
        "expires",
        "token",
        "nonce",
        "hash",
        "etag",
        "ms",
        "seconds",
    ];
    // `orderId`, `order_id`: the last word tells.
    let mut words = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !words.ends_with('_') {
            words.push('_');
        }
        words.push(c.to_ascii_lowercase());
    }
    let named = words.split('_').any(|word| CHANGING.contains(&word));
    match value {
        Json::Bool(_) => named,
        Json::String(text) => {
            let digits = text.chars().filter(char::is_ascii_digit).count();
            named || text.contains(MASK) || text.len() > 64 || digits > 3 || text.contains('\n')
        }
        Json::Number(number) => named || number.as_i64().is_none_or(|n| n.abs() > 9_999),
        Json::Null | Json::Array(_) | Json::Object(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::BodyHead;
    use super::super::exchange_fixture::{exchange, timed};
    use super::*;

    fn order() -> Exchange {
        let mut order = exchange(1, 1, None, "web");
        order.caller = None;
        order.method = "POST".into();
        order.path = "/orders?dry=1".into();
        order.status = ExchangeStatus::Http(201);
        order.request_headers = Headers::from_iter([
            ("Host", "127.0.0.1:8080"),
            ("Content-Type", "application/json"),
            ("User-Agent", "curl/8"),
            ("X-Tenant", "one"),
            ("x-tenant", "two"),
            ("traceparent", "00-…"),
            ("Connection", "X-Hop"),
            ("X-Hop", "1"),
        ]);
        order.request_body.bytes = (*br#"{"sku": "tea", "quantity": 2}"#).into();
        order.request_bytes = order.request_body.bytes.len() as u64;
        order.response_body.bytes =
            br#"{"state":"paid","orderId":17,"total":12,"placed_at":"2026","lines":[1],"ok":true,
            "ref":"a1234","note":null}"#[..]
                .into();
        order
    }

    #[test]
    fn a_request_is_made_ready_without_what_belongs_to_its_connection() {
        let repeat = repeat(&order()).unwrap();
        assert_eq!(repeat.request.url, "http://web/orders?dry=1");
        let headers: Vec<_> = repeat.request.headers.iter().collect();
        let expected = [
            ("content-type", "application/json"),
            ("user-agent", "curl/8"),
            ("x-tenant", "one, two"),
        ];
        assert_eq!(headers.len(), expected.len());
        for ((name, value), known) in headers.into_iter().zip(expected) {
            assert_eq!((name.as_str(), value.as_str()), known);
        }
        assert!(repeat.notes.is_empty());
    }

    #[test]
    fn what_was_not_kept_whole_is_refused_in_words() {
        type Change<'a> = &'a dyn Fn(&mut Exchange);
        let cases: [(Change<'_>, &str); 6] = [
            (
                &|one| one.request_body.truncated = true,
                "not all of its body",
            ),
            (
                &|one| one.request_body.withheld = true,
                "not all of its body",
            ),
            (
                &|one| one.request_body = BodyHead::default(),
                "not all of its body",
            ),
            (&|one| one.path = "/***".into(), "masked"),
            (&|one| one.method = "TCP".into(), "no HTTP request"),
            (&|one| one.method = "gRPC".into(), "gRPC"),
        ];
        for (change, expected) in cases {
            let mut one = order();
            change(&mut one);
            let why = repeat(&one).unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
        let mut masked = order();
        masked.request_headers.push("authorization", b"***");
        let made = repeat(&masked).unwrap();
        assert_eq!(made.notes, ["its authorization is masked and left out"]);
        assert!(!made.request.headers.contains_key("authorization"));
        assert!(
            check_of(&masked, &[])
                .unwrap_err()
                .contains("authorization")
        );
    }

    #[test]
    fn a_check_expects_what_stays_the_same() {
        let check = check_of(&order(), &[]).unwrap();
        assert_eq!(check.name, "POST /orders answers 201");
        let CheckKind::Http { request, expect } = check.kind else {
            panic!("it is a request");
        };
        let names: Vec<_> = request.headers.keys().map(String::as_str).collect();
        assert_eq!(names, ["x-tenant"]);
        assert_eq!(
            request.body,
            RequestBody::Json(serde_json::json!({"sku": "tea", "quantity": 2}))
        );
        assert_eq!(expect.status, Some(201));
        let paths: Vec<_> = expect.json.keys().map(String::as_str).collect();
        let mut sorted = paths.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, ["$.ok", "$.state", "$.total"]);
        let trace = check.trace.unwrap();
        assert_eq!((trace.through.len(), trace.errors), (1, Some(0)));
    }

    #[test]
    fn a_check_goes_the_longest_way_of_its_trace() {
        let one = |span, parent, callee, from, to| {
            What::Exchange(Arc::new(timed((1, span, parent), callee, from, to)))
        };
        let parts = [
            one(1, None, "web", 0, 100),
            one(2, Some(1), "catalog", 5, 20),
            one(3, Some(1), "orders", 30, 90),
            one(4, Some(3), "payments", 40, 60),
            one(5, Some(3), "mail", 70, 80),
        ];
        let check = check_of(&order(), &parts).unwrap();
        let through = check.trace.unwrap().through;
        let names: Vec<_> = through.iter().map(ServiceName::as_str).collect();
        assert_eq!(names, ["web", "orders", "payments"]);
    }

    #[test]
    fn only_a_well_answered_request_of_the_front_door_becomes_a_check() {
        let mut inside = order();
        inside.caller = Some("web".into());
        assert!(check_of(&inside, &[]).unwrap_err().contains("front door"));
        let mut failed = order();
        failed.status = ExchangeStatus::CallerLeft;
        assert!(check_of(&failed, &[]).unwrap_err().contains("not answered"));
        let mut faulty = order();
        faulty.injected = Some("answered 503".into());
        assert!(check_of(&faulty, &[]).unwrap_err().contains("fault"));
    }
}
