//! What joining needs to know of an exchange, and no more.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use crate::telemetry::exchange::{Exchange, Headers, SpanId, TraceId};

/// Header lines looked at; those beyond are not.
const MOST_HEADERS: usize = 64;
/// Headers kept for each exchange, and values of path and query.
const MOST_TAGS: usize = 16;
const MOST_TOKENS: usize = 8;
/// Bytes of a body that are looked at, and of a value in it at least: short numbers in bodies are amounts, not ids.
const MOST_BODY: usize = 2048;
const SHORTEST_IN_BODY: usize = 6;
/// Bytes of a path that are looked at.
const MOST_PATH: usize = 1024;

/// Headers that carry the id of a request or a trace by convention. Whoever has the same value is of the same trace.
const KNOWN: [&str; 14] = [
    "b3",
    "x-b3-traceid",
    "x-request-id",
    "x-correlation-id",
    "correlation-id",
    "request-id",
    "x-trace-id",
    "uber-trace-id",
    "x-amzn-trace-id",
    "x-cloud-trace-context",
    "x-datadog-trace-id",
    "grpc-trace-bin",
    "x-ot-span-context",
    "sw8",
];

/// Headers of which the same value says nothing, or which the relay itself sets.
const USUAL: [&str; 22] = [
    "host",
    "user-agent",
    "accept",
    "accept-encoding",
    "accept-language",
    "accept-charset",
    "connection",
    "content-type",
    "content-length",
    "transfer-encoding",
    "te",
    "date",
    "expect",
    "cache-control",
    "pragma",
    "origin",
    "referer",
    "cookie",
    "authorization",
    "traceparent",
    "tracestate",
    "grpc-timeout",
];

/// A header's name and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Tag {
    pub(super) name: u32,
    pub(super) value: u32,
}

/// An exchange, as one that its callee was asked or as one that its caller made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fact {
    pub(super) span: SpanId,
    pub(super) trace: TraceId,
    /// The parent that the request named.
    pub(super) named: Option<SpanId>,
    /// In microseconds since 1970.
    pub(super) start: i64,
    pub(super) end: i64,
    /// The operation, even: the lowest bit is left for variants.
    pub(super) op: u32,
    /// Headers that carry ids by convention.
    pub(super) known: Box<[Tag]>,
    /// Other headers.
    pub(super) others: Box<[Tag]>,
    /// Values in path, query and body that look like somebody's id.
    pub(super) tokens: Box<[u32]>,
}

/// 32 bits of a hash that is the same in every run.
fn hash(of: impl std::hash::Hash) -> u32 {
    let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one(of);
    u32::try_from(hash >> 32).unwrap_or(0)
}

impl Fact {
    pub(super) fn of(exchange: &Exchange) -> Self {
        let (known, others) = tags(&exchange.request_headers);
        let (shape, mut tokens) = path(&exchange.path);
        tokens.extend(body(exchange));
        tokens.sort_unstable();
        tokens.dedup();
        Self {
            span: exchange.span,
            trace: exchange.trace,
            named: exchange.parent,
            start: exchange.started.as_microsecond(),
            end: exchange.ended().as_microsecond(),
            op: hash((exchange.callee.as_str(), &exchange.method, shape)) & !1,
            known,
            others,
            tokens: tokens.into(),
        }
    }

    /// By begin; the span makes every order of arrival the same.
    pub(super) fn key(&self) -> (i64, SpanId) {
        (self.start, self.span)
    }
}

fn tags(headers: &Headers) -> (Box<[Tag]>, Box<[Tag]>) {
    let (mut known, mut others) = (Vec::new(), Vec::new());
    for (name, value) in headers.iter().take(MOST_HEADERS) {
        let name = name.to_ascii_lowercase();
        if KNOWN.contains(&name.as_str()) {
            known.push(known_tag(&name, value));
        } else if others.len() < MOST_TAGS && value.len() >= 4 && !usual(&name, value) {
            others.push(Tag {
                name: hash(&name),
                value: hash(value),
            });
        }
    }
    known.sort_unstable();
    known.dedup();
    (known.into(), others.into())
}

fn usual(name: &str, value: &str) -> bool {
    USUAL.contains(&name)
        || name.starts_with("x-forwarded-")
        || name.starts_with("x-b3-")
        || value == "***"
}

/// Zipkin's two forms are one: `b3: TRACE-SPAN-SAMPLED-PARENT` and `X-B3-TraceId: TRACE`, with 64 or 128 bits. Jaeger's
/// `TRACE:SPAN:PARENT:FLAGS`, Google's `TRACE/SPAN;OPTIONS` and Amazon's `Root=TRACE;Parent=SPAN` begin with what the whole
/// trace shares.
fn known_tag(name: &str, value: &str) -> Tag {
    let first = |separators: &[char]| value.split(separators).next().unwrap_or(value).trim();
    match name {
        "b3" | "x-b3-traceid" => Tag {
            name: hash("b3"),
            value: hash(first(&['-']).to_ascii_lowercase().trim_start_matches('0')),
        },
        "uber-trace-id" => Tag {
            name: hash(name),
            value: hash(first(&[':', '%'])),
        },
        "x-cloud-trace-context" => Tag {
            name: hash(name),
            value: hash(first(&['/', ';'])),
        },
        "x-amzn-trace-id" => Tag {
            name: hash(name),
            value: hash(
                value
                    .split(';')
                    .find(|part| part.trim().starts_with("Root="))
                    .unwrap_or(value),
            ),
        },
        _ => Tag {
            name: hash(name),
            value: hash(value.trim()),
        },
    }
}

/// The path with every value replaced, and the values.
fn path(path: &str) -> (String, Vec<u32>) {
    let path = path.get(..MOST_PATH).unwrap_or(path);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut tokens: Vec<u32> = Vec::new();
    let mut add = |value: &str| {
        let token = hash(value);
        if !tokens.contains(&token) {
            tokens.push(token);
        }
    };
    let mut shape = String::with_capacity(path.len());
    for part in path.split('/') {
        if part.is_empty() {
            continue;
        }
        shape.push('/');
        if is_value(part) {
            shape.push('*');
            add(part);
        } else {
            shape.push_str(part);
        }
    }
    for part in query.split('&') {
        let value = part.split_once('=').map_or(part, |(_, value)| value);
        if is_value(value) {
            add(value);
        }
    }
    tokens.truncate(MOST_TOKENS);
    (shape, tokens)
}

/// Values in the beginning of the request's body, unless it is compressed. Whatever its format, ids in it are text.
fn body(exchange: &Exchange) -> Vec<u32> {
    let Some(body) = exchange.asked().filter(|body| body.encoding.is_none()) else {
        return Vec::new();
    };
    let bytes = body.head.bytes.get(..MOST_BODY);
    let cut = bytes.is_some() || body.head.truncated;
    let bytes = bytes.unwrap_or(&body.head.bytes);
    let mut words: Vec<&[u8]> = bytes
        .split(|byte| !byte.is_ascii_alphanumeric() && !b"-_".contains(byte))
        .collect();
    if cut {
        // It may go on.
        words.pop();
    }
    let words = words
        .into_iter()
        .filter_map(|word| std::str::from_utf8(word).ok());
    let long = words.filter(|word| word.len() >= SHORTEST_IN_BODY && is_value(word));
    long.map(hash).take(MOST_TOKENS).collect()
}

/// Whether it is a number or an id rather than a word: digits alone, or 8 letters and more of which several are digits.
/// Short numbers are values, but not rare; how rare is seen later.
fn is_value(part: &str) -> bool {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    let plain = part
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    plain && (digits > 0 && digits == part.len() || part.len() >= 8 && digits >= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_one_operation_whatever_the_values() {
        let shape = |text: &str| path(text).0;
        assert_eq!(shape("/orders/17/lines/4?x=1"), "/orders/*/lines/*");
        assert_eq!(shape("/geo.Geo/Nearby"), "/geo.Geo/Nearby");
        assert_eq!(shape("/v1/b2f5ff47-4367-4e8b"), "/v1/*");
        assert_eq!(path("/orders/17?sku=17&page=tea").1, path("/other/17").1);
        assert!(path("/orders/tea").1.is_empty());
    }

    #[test]
    fn both_forms_of_b3_are_one() {
        let tag = |name: &'static str, value: &'static str| {
            tags(&[(name, value)].into_iter().collect()).0
        };
        let single = tag(
            "b3",
            "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90",
        );
        assert_eq!(
            single,
            tag("X-B3-TraceId", "80f198ee56343ba864fe8b2a57d3eff7")
        );
        assert_eq!(
            tag("X-B3-TraceId", "0000000000000000463ac35c9f6413ad"),
            tag("b3", "463ac35c9f6413ad-a2fb4a1d1a96d312")
        );
        assert_ne!(
            single,
            tag("x-request-id", "80f198ee56343ba864fe8b2a57d3eff7")
        );
        assert!(tag("user-agent", "curl").is_empty());
    }
}
