//! Exchanges as OpenTelemetry spans, for files that other programs read, and back without loss.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

use super::attribute::{AttributeValue, Attributes};
use super::body::BodyHead;
use super::exchange::{Exchange, ExchangeStatus, Headers};
use super::grpc;
use super::span::{Scope, Span, SpanKind, SpanStatus};
use crate::stack::ServiceName;

/// What tells an exchange from what services tell of themselves.
const MARK: &str = "boatyard.exchange";

/// The exchange as a server span of its callee. What is masked stays masked. Besides the attributes that other programs
/// know (semantic conventions for HTTP and RPC) it has all that the exchange is made of, named `boatyard.…`.
pub fn as_span(exchange: &Exchange) -> Span {
    let mut attributes = Attributes::default();
    known_to_others(exchange, &mut attributes);
    own(exchange, &mut attributes);
    let resource = [("service.name", text(exchange.callee.as_str()))];
    let route = exchange.path.split('?').next().unwrap_or_default();
    let name = format!("{} {route}", exchange.method);
    Span {
        trace: exchange.trace,
        span: exchange.span,
        parent: exchange.parent,
        service: exchange.callee.clone(),
        run: None,
        name: name.trim_end().to_owned(),
        kind: SpanKind::Server,
        started: exchange.started,
        took: exchange.took,
        status: match &exchange.status {
            status if !status.is_error() => SpanStatus::Unset,
            ExchangeStatus::Failed(why) => SpanStatus::Error(why.clone()),
            ExchangeStatus::Grpc(code) => SpanStatus::Error(grpc::name(*code).into()),
            ExchangeStatus::Http(code) => SpanStatus::Error(code.to_string()),
            ExchangeStatus::CallerLeft | ExchangeStatus::Bytes | ExchangeStatus::Open => {
                SpanStatus::Unset
            }
        },
        attributes,
        events: Vec::new(),
        links: Vec::new(),
        scope: Arc::new(Scope {
            name: "boatyard".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            resource: Arc::new(resource.into_iter().collect()),
        }),
    }
}

/// The exchange that was written as this span; `None`: it is a span.
pub fn as_exchange(span: &Span) -> Option<Exchange> {
    let attributes = &span.attributes;
    if attributes.get(MARK) != Some(&AttributeValue::Bool(true)) {
        return None;
    }
    let own = |name: &str| attributes.text(&format!("boatyard.{name}"));
    let number = |name: &str| {
        let number = attributes
            .int(name)
            .and_then(|number| number.try_into().ok());
        number.unwrap_or(0_u64)
    };
    let code = |name: &str| u16::try_from(number(name)).unwrap_or(0);
    let failure = own("failure").unwrap_or_default();
    Some(Exchange {
        trace: span.trace,
        span: span.span,
        parent: span.parent,
        caller: own("caller").map(ServiceName::new),
        callee: span.service.clone(),
        run: number("boatyard.run"),
        method: own("method")?.to_owned(),
        path: own("path").unwrap_or_default().to_owned(),
        status: match own("status")? {
            "http" => ExchangeStatus::Http(code("http.response.status_code")),
            "grpc" => ExchangeStatus::Grpc(code("rpc.grpc.status_code")),
            "caller-left" => ExchangeStatus::CallerLeft,
            "bytes" => ExchangeStatus::Bytes,
            "open" => ExchangeStatus::Open,
            _ => ExchangeStatus::Failed(failure.to_owned()),
        },
        started: span.started,
        took: span.took,
        held: Duration::from_nanos(number("boatyard.held_ns")),
        request_bytes: number("http.request.body.size"),
        response_bytes: number("http.response.body.size"),
        request_headers: headers(attributes.get("boatyard.request.headers")),
        response_headers: headers(attributes.get("boatyard.response.headers")),
        request_body: body(attributes, "request"),
        response_body: body(attributes, "response"),
        injected: own("injected").map(Into::into),
    })
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::Text(text.to_owned())
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn put(attributes: &mut Attributes, name: &str, value: AttributeValue) {
    attributes.0.push((name.to_owned(), value));
}

fn known_to_others(exchange: &Exchange, out: &mut Attributes) {
    if exchange.path.starts_with('/') {
        let (path, query) = exchange
            .path
            .split_once('?')
            .unwrap_or((&exchange.path, ""));
        match exchange.method.as_str() {
            "gRPC" => put(out, "rpc.system", text("grpc")),
            method => put(out, "http.request.method", text(method)),
        }
        put(out, "url.path", text(path));
        if !query.is_empty() {
            put(out, "url.query", text(query));
        }
    }
    match exchange.status {
        ExchangeStatus::Http(code) => {
            put(out, "http.response.status_code", number(u64::from(code)));
        }
        ExchangeStatus::Grpc(code) => put(out, "rpc.grpc.status_code", number(u64::from(code))),
        _ => {}
    }
    put(
        out,
        "http.request.body.size",
        number(exchange.request_bytes),
    );
    put(
        out,
        "http.response.body.size",
        number(exchange.response_bytes),
    );
}

fn own(exchange: &Exchange, out: &mut Attributes) {
    put(out, MARK, AttributeValue::Bool(true));
    if let Some(caller) = &exchange.caller {
        put(out, "boatyard.caller", text(caller.as_str()));
    }
    put(out, "boatyard.method", text(&exchange.method));
    put(out, "boatyard.path", text(&exchange.path));
    let (status, failure) = match &exchange.status {
        ExchangeStatus::Http(_) => ("http", None),
        ExchangeStatus::Grpc(_) => ("grpc", None),
        ExchangeStatus::CallerLeft => ("caller-left", None),
        ExchangeStatus::Failed(why) => ("failed", Some(why)),
        ExchangeStatus::Bytes => ("bytes", None),
        ExchangeStatus::Open => ("open", None),
    };
    put(out, "boatyard.status", text(status));
    if let Some(failure) = failure {
        put(out, "boatyard.failure", text(failure));
    }
    put(out, "boatyard.run", number(exchange.run));
    if !exchange.held.is_zero() {
        let nanos = u64::try_from(exchange.held.as_nanos()).unwrap_or(u64::MAX);
        put(out, "boatyard.held_ns", number(nanos));
    }
    if let Some(injected) = &exchange.injected {
        put(out, "boatyard.injected", text(injected));
    }
    let messages = [
        ("request", &exchange.request_headers, &exchange.request_body),
        (
            "response",
            &exchange.response_headers,
            &exchange.response_body,
        ),
    ];
    for (which, headers, body) in messages {
        if !headers.is_empty() {
            let lines = headers.iter();
            let lines = lines.map(|(name, value)| text(&format!("{name}: {value}")));
            let name = format!("boatyard.{which}.headers");
            put(out, &name, AttributeValue::List(lines.collect()));
        }
        if !body.bytes.is_empty() {
            let value = match std::str::from_utf8(&body.bytes) {
                Ok(known) => text(known),
                Err(_) => AttributeValue::Bytes(body.bytes.to_vec()),
            };
            put(out, &format!("boatyard.{which}.body"), value);
        }
        for (what, is) in [("truncated", body.truncated), ("withheld", body.withheld)] {
            if is {
                let name = format!("boatyard.{which}.body.{what}");
                put(out, &name, AttributeValue::Bool(true));
            }
        }
    }
}

/// Header lines, also where a format without lists has them as JSON.
fn headers(value: Option<&AttributeValue>) -> Headers {
    let lines: Vec<String> = match value {
        Some(AttributeValue::List(values)) => values.iter().map(ToString::to_string).collect(),
        Some(AttributeValue::Text(text)) => match serde_json::from_str(text) {
            Ok(Json::Array(values)) => {
                let texts = values.iter().filter_map(Json::as_str);
                texts.map(Into::into).collect()
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let pairs = lines.iter().map(|line| {
        // Names of HTTP/2's own begin with a colon.
        let colon = line
            .match_indices(": ")
            .map(|(at, _)| at)
            .find(|at| *at > 0);
        colon.map_or((line.as_str(), ""), |at| (&line[..at], &line[at + 2..]))
    });
    pairs.collect()
}

fn body(attributes: &Attributes, which: &str) -> BodyHead {
    let is = |what: &str| {
        let name = format!("boatyard.{which}.body.{what}");
        attributes.get(&name) == Some(&AttributeValue::Bool(true))
    };
    let mut bytes = match attributes.get(&format!("boatyard.{which}.body")) {
        Some(AttributeValue::Text(text)) => text.as_bytes().to_vec(),
        Some(AttributeValue::Bytes(bytes)) => bytes.clone(),
        _ => Vec::new(),
    };
    let is_long = bytes.len() > BodyHead::MOST;
    bytes.truncate(BodyHead::MOST);
    BodyHead {
        bytes: bytes.into(),
        truncated: is("truncated") || is_long,
        withheld: is("withheld"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::exchange_fixture::exchange;
    use super::*;

    #[test]
    fn an_exchange_comes_back_as_it_was() {
        let mut one = exchange(7, 9, Some(8), "orders");
        one.caller = Some("web".into());
        one.path = "/orders?a=1&b=2".into();
        one.held = Duration::from_nanos(1_234_567);
        one.took = Duration::from_nanos(9_876_543_211);
        one.run = 4;
        one.request_headers =
            Headers::from_iter([("Host", "orders"), ("x-a", "b: c"), ("x-e", "")]);
        one.request_body.bytes = (*b"tea").into();
        one.response_body = BodyHead {
            bytes: (*b"\xff\x00").into(),
            truncated: true,
            withheld: false,
        };
        one.injected = Some("200 ms later".into());
        for status in [
            ExchangeStatus::Http(503),
            ExchangeStatus::Grpc(14),
            ExchangeStatus::CallerLeft,
            ExchangeStatus::Failed("broke off".into()),
            ExchangeStatus::Bytes,
            ExchangeStatus::Open,
        ] {
            one.status = status;
            let span = as_span(&one);
            assert_eq!(span.is_error(), one.is_error(), "{:?}", one.status);
            assert_eq!(as_exchange(&span), Some(one.clone()));
        }
        one.status = ExchangeStatus::Http(201);
        let span = as_span(&one);
        assert_eq!(
            (span.http_status(), span.http_method()),
            (Some(201), Some(one.method.as_str()))
        );
        assert_eq!(span.attributes.text("url.query"), Some("a=1&b=2"));
        let mut other = span;
        other.attributes.0.retain(|(name, _)| name != MARK);
        assert_eq!(as_exchange(&other), None);
    }
}
