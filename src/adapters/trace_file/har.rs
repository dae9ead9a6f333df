//! HTTP Archive 1.2: an entry for each HTTP exchange. Beside them stands all that was written as OTLP (`_otlp`: names that
//! begin with a line are free for everybody), which is what is read back; entries of other programs are read themselves.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::otlp::base64;
use super::{Read, otlp, spans};
use crate::adapters::otlp::from_base64;
use crate::stack::ServiceName;
use crate::telemetry::{
    BodyHead, Exchange, ExchangeStatus, Headers, Joined, SpanId, Telemetry, TraceContext, TraceId,
    What,
};

/// Headers whose values are secrets, and what stands in their place.
const SECRET: [&str; 4] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
];
const MASK: &str = "***";

/// The parts.
pub(super) fn write(parts: &[What], edges: &[Joined]) -> Json {
    let exchanges = parts.iter().filter_map(What::exchange);
    let mut http: Vec<&Exchange> = exchanges
        .map(AsRef::as_ref)
        .filter(|exchange| exchange.path.starts_with('/'))
        .collect();
    http.sort_by_key(|exchange| exchange.started);
    json!({
        "log": {
            "version": "1.2",
            "creator": { "name": "boatyard", "version": env!("CARGO_PKG_VERSION") },
            "entries": http.into_iter().map(entry).collect::<Vec<Json>>(),
            "_otlp": otlp::write(spans(parts, edges)),
        }
    })
}

fn entry(exchange: &Exchange) -> Json {
    let millis = |time: Duration| time.as_secs_f64() * 1000.0;
    let (wait, held) = (exchange.took.saturating_sub(exchange.held), exchange.held);
    json!({
        "startedDateTime": exchange.started.to_string(),
        "time": millis(exchange.took),
        "request": request(exchange),
        "response": response(exchange),
        "cache": {},
        "timings": { "blocked": millis(held), "send": 0, "wait": millis(wait), "receive": 0 },
        "_caller": exchange.caller,
        "_callee": exchange.callee,
        "_trace": exchange.trace.to_string(),
        "_span": exchange.span.to_string(),
    })
}

fn request(exchange: &Exchange) -> Json {
    let headers = &exchange.request_headers;
    let host = headers.get("host").unwrap_or(exchange.callee.as_str());
    let (_, query) = exchange.path.split_once('?').unwrap_or_default();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let query: Vec<Json> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            json!({ "name": name, "value": value })
        })
        .collect();
    let method = if exchange.method == "gRPC" {
        "POST"
    } else {
        exchange.method.as_str()
    };
    let mut told = json!({
        "method": method,
        "url": format!("http://{host}{}", exchange.path),
        "httpVersion": version(exchange),
        "cookies": [],
        "headers": lines(headers),
        "queryString": query,
        "headersSize": -1,
        "bodySize": exchange.request_bytes,
    });
    if !exchange.request_body.bytes.is_empty() {
        told["postData"] = json!({
            "mimeType": headers.get("content-type").unwrap_or_default(),
            "text": String::from_utf8_lossy(&exchange.request_body.bytes),
        });
    }
    told
}

fn response(exchange: &Exchange) -> Json {
    let status = match exchange.status {
        ExchangeStatus::Http(status) => status,
        ExchangeStatus::Grpc(_) => 200,
        // As browsers write requests that were not answered.
        _ => 0,
    };
    let why = match &exchange.status {
        ExchangeStatus::Failed(why) => why.as_str(),
        ExchangeStatus::CallerLeft => "the caller left",
        _ => "",
    };
    let headers = &exchange.response_headers;
    let mut content = json!({
        "size": exchange.response_bytes,
        "mimeType": headers.get("content-type").unwrap_or_default(),
    });
    let bytes = &exchange.response_body.bytes;
    if !bytes.is_empty() {
        if let Ok(text) = std::str::from_utf8(bytes) {
            content["text"] = text.into();
        } else {
            content["text"] = base64(bytes).into();
            content["encoding"] = "base64".into();
        }
    }
    if exchange.response_body.truncated {
        content["comment"] = "only the beginning was kept".into();
    }
    json!({
        "status": status,
        "statusText": why,
        "httpVersion": version(exchange),
        "cookies": [],
        "headers": lines(headers),
        "content": content,
        "redirectURL": headers.get("location").unwrap_or_default(),
        "headersSize": -1,
        "bodySize": exchange.response_bytes,
    })
}

fn version(exchange: &Exchange) -> &'static str {
    if exchange.method == "gRPC" {
        "HTTP/2"
    } else {
        "HTTP/1.1"
    }
}

fn lines(headers: &Headers) -> Vec<Json> {
    let lines = headers.iter();
    lines
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect()
}

/// Keeps the entries of another program's file. Secrets in headers are masked, as a relay masks them.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn read(value: &Json, telemetry: &Telemetry) -> Result<Read, String> {
    let entries = value.pointer("/log/entries").and_then(Json::as_array);
    let entries = entries.ok_or("\"log\" has no list of \"entries\"")?;
    let mut read = Read::default();
    let mut exchanges: Vec<Exchange> = entries.iter().filter_map(exchange).collect();
    read.exchanges = exchanges.len();
    read.refused = (entries.len() - exchanges.len()) as u64;
    exchanges.sort_by_key(Exchange::ended);
    let mut store = telemetry.exchanges();
    for exchange in exchanges {
        store.push(exchange);
    }
    Ok(read)
}

fn exchange(entry: &Json) -> Option<Exchange> {
    let text = |path: &str| entry.pointer(path).and_then(Json::as_str);
    let number = |path: &str| entry.pointer(path).and_then(Json::as_f64).unwrap_or(0.0);
    let started: Timestamp = text("/startedDateTime")?.parse().ok()?;
    let url = text("/request/url")?;
    let (_, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = path.split('#').next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let request_headers = headers(entry.pointer("/request/headers"));
    let context = request_headers.get("traceparent");
    let context = context.and_then(|value| TraceContext::parse(value.as_bytes()));
    let status = whole(number("/response/status"));
    let asked = entry.pointer("/request/postData");
    let answered = entry.pointer("/response/content");
    let (request_body, asked_bytes) = body(asked);
    let (response_body, answered_bytes) = body(answered);
    let size = |path: &str, known: usize| whole(number(path).max(known as f64));
    let callee = crate::text::plain(host.as_bytes());
    Some(Exchange {
        trace: context.map_or_else(TraceId::random, |context| context.trace),
        span: SpanId::random(),
        parent: context.map(|context| context.span),
        caller: None,
        callee: ServiceName::new(callee.chars().take(100).collect::<String>()),
        run: 0,
        method: text("/request/method")?.to_owned(),
        path: if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        },
        status: match u16::try_from(status) {
            Ok(status @ 100..=999) => ExchangeStatus::Http(status),
            _ => ExchangeStatus::Failed(unanswered(text("/response/statusText"))),
        },
        started,
        took: Duration::try_from_secs_f64(number("/time").max(0.0) / 1000.0).unwrap_or_default(),
        held: Duration::ZERO,
        request_bytes: size("/request/bodySize", asked_bytes),
        response_bytes: size("/response/content/size", answered_bytes),
        request_headers,
        response_headers: headers(entry.pointer("/response/headers")),
        request_body,
        response_body,
        injected: None,
    })
}

fn unanswered(why: Option<&str>) -> String {
    match why {
        Some(why) if !why.is_empty() => why.to_owned(),
        _ => "it was not answered".into(),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "casts of numbers that are too large, or less than nothing, saturate"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

fn headers(lines: Option<&Json>) -> Headers {
    let lines = lines.and_then(Json::as_array).into_iter().flatten();
    let pair = |line: &Json| {
        let name = line.get("name")?.as_str()?.to_owned();
        let is_secret = SECRET
            .iter()
            .any(|secret| name.eq_ignore_ascii_case(secret));
        let value = if is_secret {
            MASK
        } else {
            line.get("value")?.as_str()?
        };
        Some((name, value.to_owned()))
    };
    lines.filter_map(pair).collect()
}

/// The beginning of a body, and how long its text was.
fn body(content: Option<&Json>) -> (BodyHead, usize) {
    let text = |name: &str| content?.get(name)?.as_str();
    let Some(told) = text("text") else {
        return (BodyHead::default(), 0);
    };
    let decoded = (text("encoding") == Some("base64")).then(|| from_base64(told));
    let mut bytes = match decoded {
        Some(Some(bytes)) => bytes,
        _ => told.as_bytes().to_vec(),
    };
    let length = bytes.len();
    bytes.truncate(BodyHead::MOST);
    let head = BodyHead {
        truncated: bytes.len() < length,
        bytes: bytes.into(),
        withheld: false,
    };
    (head, length)
}
