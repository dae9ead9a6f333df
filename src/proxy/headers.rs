//! Headers: which of them belong to one connection only, which trace they name, and what is kept of them.

use hyper::HeaderMap;
use hyper::header::{
    CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING,
    UPGRADE,
};

use crate::telemetry::{Headers, SpanId, TraceContext};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// What is shown in place of a secret.
const MASK: &str = "***";

/// Headers whose values are secrets.
const SECRET: [&str; 4] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
];

/// Removes what belongs to one connection only (RFC 9110, section 7.6.1), and gives back the protocols to which the
/// message asks to upgrade. That trailers are welcome is passed on, because they are.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) -> Option<HeaderValue> {
    let options = connection_options(headers);
    let upgrades = options.contains(&UPGRADE);
    let upgrade = headers.remove(UPGRADE).filter(|_| upgrades);
    let trailers = headers
        .get_all(TE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"));
    for option in &options {
        headers.remove(option);
    }
    for name in [
        CONNECTION,
        KEEP_ALIVE,
        PROXY_CONNECTION,
        TE,
        TRANSFER_ENCODING,
    ] {
        headers.remove(name);
    }
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    upgrade
}

/// Asks for an upgrade, or grants it.
pub(super) fn set_upgrade(headers: &mut HeaderMap, protocols: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocols);
}

/// The names in `Connection`. Those that no sender may name there, because the message would change its meaning, are left out.
fn connection_options(headers: &HeaderMap) -> Vec<HeaderName> {
    const NEVER: [&str; 5] = ["close", "host", "content-length", "authorization", "cookie"];
    if !headers.contains_key(CONNECTION) {
        return Vec::new();
    }
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|option| HeaderName::from_bytes(option.trim().as_bytes()).ok())
        .filter(|option| !NEVER.contains(&option.as_str()))
        .collect()
}

/// Whether an answer's body is a stream of events, which may go on for ever.
pub(super) fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with(b"text/event-stream"))
}

/// Continues the trace that the request names, or begins one: sets the exchange's own span as the callee's parent, and
/// gives it back with the span that it belongs under. `tracestate` belongs to the trace it came with and goes with it.
pub(super) fn continue_trace(headers: &mut HeaderMap) -> (TraceContext, Option<SpanId>) {
    let named = {
        let mut values = headers.get_all(TRACEPARENT).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => TraceContext::parse(value.as_bytes()),
            _ => None,
        }
    };
    let own = named.map_or_else(TraceContext::begin, TraceContext::child);
    if named.is_none() {
        headers.remove(TRACESTATE);
    }
    if let Ok(value) = HeaderValue::from_bytes(&own.header()) {
        headers.insert(TRACEPARENT, value);
    }
    (own, named.map(|parent| parent.span))
}

/// What is kept of a message's headers: secrets masked, `redact`ed values too.
pub(super) fn kept(headers: &HeaderMap, redact: &[String]) -> Headers {
    let bytes = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    let mut kept = Headers::with_capacity(headers.len(), bytes);
    for (name, value) in headers {
        if SECRET.contains(&name.as_str()) || *name == PROXY_AUTHORIZATION {
            kept.push(name.as_str(), MASK.as_bytes());
        } else if redact.is_empty() {
            kept.push(name.as_str(), value.as_bytes());
        } else {
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            kept.push(name.as_str(), masked(text, redact).as_bytes());
        }
    }
    kept
}

/// The text with every value that is to be redacted masked.
pub(super) fn masked(mut text: String, redact: &[String]) -> String {
    for secret in redact.iter().filter(|secret| !secret.is_empty()) {
        if text.contains(secret.as_str()) {
            text = text.replace(secret.as_str(), MASK);
        }
    }
    text
}

/// The bytes with every value that is to be redacted masked.
pub(super) fn mask_bytes(bytes: Vec<u8>, redact: &[String]) -> Vec<u8> {
    match String::from_utf8(bytes) {
        Ok(text) => masked(text, redact).into_bytes(),
        Err(other) => redact
            .iter()
            .filter(|secret| !secret.is_empty())
            .fold(other.into_bytes(), |bytes, secret| {
                mask_one(bytes, secret.as_bytes())
            }),
    }
}

/// Masks what may be the beginning of a secret at the very end of bytes that are cut off there.
pub(super) fn mask_cut_off(bytes: &mut Vec<u8>, redact: &[String]) {
    let begun = redact.iter().filter_map(|secret| {
        let secret = secret.as_bytes();
        let most = secret.len().saturating_sub(1).min(bytes.len());
        (1..=most)
            .rev()
            .find(|length| bytes.ends_with(&secret[..*length]))
    });
    if let Some(length) = begun.max() {
        bytes.truncate(bytes.len() - length);
        bytes.extend_from_slice(MASK.as_bytes());
    }
}

fn mask_one(bytes: Vec<u8>, secret: &[u8]) -> Vec<u8> {
    let find = |bytes: &[u8]| {
        bytes
            .windows(secret.len())
            .position(|window| window == secret)
    };
    let Some(mut at) = find(&bytes) else {
        return bytes;
    };
    let (mut masked, mut rest) = (Vec::with_capacity(bytes.len()), &bytes[..]);
    loop {
        masked.extend_from_slice(&rest[..at]);
        masked.extend_from_slice(MASK.as_bytes());
        rest = &rest[at + secret.len()..];
        match find(rest) {
            Some(next) => at = next,
            None => break,
        }
    }
    masked.extend_from_slice(rest);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        lines.iter().map(line).collect()
    }

    fn text(headers: &HeaderMap) -> Vec<String> {
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            format!("{name}: {}", value.to_str().unwrap())
        };
        headers.iter().map(line).collect()
    }

    #[test]
    fn what_belongs_to_one_connection_goes() {
        let mut headers = map(&[
            ("host", "svc"),
            ("connection", "X-Secret, close, Host"),
            ("x-secret", "s"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "gzip, trailers;q=1"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("content-length", "5"),
        ]);
        assert_eq!(strip_hop_by_hop(&mut headers), None);
        assert_eq!(text(&headers), ["host: svc", "content-length: 5"]);
    }

    #[test]
    fn trailers_and_upgrades_are_asked_for_anew() {
        let mut headers = map(&[
            ("te", "gzip, Trailers"),
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
        ]);
        let upgrade = strip_hop_by_hop(&mut headers).unwrap();
        set_upgrade(&mut headers, upgrade);
        assert_eq!(
            text(&headers),
            ["te: trailers", "connection: upgrade", "upgrade: websocket"]
        );
    }

    #[test]
    fn a_trace_is_continued_or_begun() {
        const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let mut headers = map(&[("traceparent", GOOD), ("tracestate", "a=1")]);
        let (own, parent) = continue_trace(&mut headers);
        assert_eq!(parent, Some(SpanId(0x00f0_67aa_0ba9_02b7)));
        assert_eq!(own.trace.to_string(), GOOD[3..35]);
        assert_eq!(headers["traceparent"], own.to_string());
        assert_eq!(headers["tracestate"], "a=1");
        for bad in [
            map(&[("tracestate", "a=1")]),
            map(&[
                ("traceparent", GOOD),
                ("traceparent", GOOD),
                ("tracestate", "a=1"),
            ]),
        ] {
            let mut headers = bad;
            let (own, parent) = continue_trace(&mut headers);
            assert_eq!((parent, own.flags), (None, 1));
            assert_eq!(text(&headers), [format!("traceparent: {own}")]);
        }
    }

    #[test]
    fn secrets_are_not_kept() {
        let headers = map(&[
            ("authorization", "Bearer t"),
            ("cookie", "a=b"),
            ("set-cookie", "c"),
            ("x-key", "my-hunter2!"),
        ]);
        let kept = kept(&headers, &["hunter2".into(), String::new()]);
        assert!(
            kept.iter()
                .all(|(_, value)| value == MASK || value == "my-***!"),
            "{kept:?}"
        );
    }
}
