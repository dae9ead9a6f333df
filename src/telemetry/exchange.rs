//! An exchange: one request over an edge, with its answer.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::body::{Body, BodyHead};
use super::grpc;
use crate::stack::ServiceName;

/// A trace's id (W3C Trace Context).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TraceId(pub u128);

/// A span's id (W3C Trace Context).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SpanId(pub u64);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExchangeStatus {
    /// An HTTP answer with this status, and all of it has passed.
    Http(u16),
    /// A gRPC answer with this code, or the code that the caller's deadline made of it.
    Grpc(u16),
    /// The caller went away before the end of the answer.
    CallerLeft,
    /// The callee could not be reached, or broke off.
    Failed(String),
    /// A connection that is not HTTP, or was upgraded, and is closed now.
    Bytes,
    /// Under way.
    Open,
}

impl ExchangeStatus {
    /// Whether the callee is to blame: an answer of 500 and above, the like of gRPC, or none. A caller that leaves is no error.
    pub fn is_error(&self) -> bool {
        match self {
            Self::Http(code) => *code >= 500,
            Self::Grpc(code) => grpc::is_fault(*code),
            Self::Failed(_) => true,
            Self::CallerLeft | Self::Bytes | Self::Open => false,
        }
    }
}

/// Header lines as they came, in their order; one allocation for all of them, because every request has some.
///
/// Bytes that are not UTF-8 are read as Latin-1.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Headers {
    text: String,
    /// For each line: where its name ends and where its value ends.
    ends: Vec<(u32, u32)>,
}

impl Headers {
    /// No lines, with room for `lines` lines of `bytes` bytes in all.
    pub fn with_capacity(lines: usize, bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            ends: Vec::with_capacity(lines),
        }
    }

    /// Adds a line. Lines beyond 4 GiB in all are left out.
    pub fn push(&mut self, name: &str, value: &[u8]) {
        let start = self.text.len();
        self.text.push_str(name);
        let middle = self.text.len();
        match std::str::from_utf8(value) {
            Ok(value) => self.text.push_str(value),
            Err(_) => self.text.extend(value.iter().map(|byte| char::from(*byte))),
        }
        match (u32::try_from(middle), u32::try_from(self.text.len())) {
            (Ok(middle), Ok(end)) => self.ends.push((middle, end)),
            _ => self.text.truncate(start),
        }
    }

    /// The lines, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let mut start = 0;
        self.ends.iter().map(move |&(middle, end)| {
            let (middle, end) = (middle as usize, end as usize);
            let line = (&self.text[start..middle], &self.text[middle..end]);
            start = end;
            line
        })
    }

    /// The first value of this name, whatever its case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of memory beyond the struct itself.
    fn heap(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<(u32, u32)>()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(lines: I) -> Self {
        let mut headers = Self::default();
        for (name, value) in lines {
            headers.push(name.as_ref(), value.as_ref());
        }
        headers
    }
}

/// One request over an edge, with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// Its trace.
    pub trace: TraceId,
    /// Its own span.
    pub span: SpanId,
    /// The span it belongs under, if the request carried one.
    pub parent: Option<SpanId>,
    /// Who called; `None`: somebody on this machine, through the front door.
    pub caller: Option<ServiceName>,
    /// Who was called.
    pub callee: ServiceName,
    /// Number of the run that answered; 0 when none did.
    pub run: u64,
    /// Method (`GET`); `gRPC` for a call of gRPC, `TCP` for bytes, `TLS` for those that begin a TLS session.
    pub method: String,
    /// Path and query; for TLS the name that the caller asked for.
    pub path: String,
    /// How it ended.
    pub status: ExchangeStatus,
    /// When the request's head had come.
    pub started: Timestamp,
    /// Time until the last byte of the answer.
    pub took: Duration,
    /// Time that the request was held because no run was ready.
    pub held: Duration,
    /// Bytes of the request's body; for bytes, of what the caller said.
    pub request_bytes: u64,
    /// Bytes of the answer's body; for bytes, of what the callee said.
    pub response_bytes: u64,
    /// Request headers, secrets masked.
    pub request_headers: Headers,
    /// Answer headers, secrets masked.
    pub response_headers: Headers,
    /// The beginning of the request's body; none of connections of bytes.
    pub request_body: BodyHead,
    /// The beginning of the answer's body.
    pub response_body: BodyHead,
    /// What was done to it on purpose, in words, if a fault was in force.
    pub injected: Option<Box<str>>,
}

impl Exchange {
    /// When its last byte had passed.
    pub fn ended(&self) -> Timestamp {
        let took = jiff::SignedDuration::try_from(self.took).unwrap_or(jiff::SignedDuration::MAX);
        self.started.saturating_add(took).unwrap_or(Timestamp::MAX)
    }

    /// Whether the callee failed it: see [`ExchangeStatus::is_error`].
    pub fn is_error(&self) -> bool {
        self.status.is_error()
    }

    /// What is kept of the request's body; `None` if it had none.
    pub fn asked(&self) -> Option<Body<'_>> {
        body(&self.request_body, &self.request_headers)
    }

    /// What is kept of the answer's body; `None` if it had none.
    pub fn answered(&self) -> Option<Body<'_>> {
        body(&self.response_body, &self.response_headers)
    }

    /// Bytes of memory that keeping it costs, its place in the store included.
    pub fn footprint(&self) -> usize {
        // The counts of the `Arc`, its place in the ring and in the index by trace.
        const PLACE: usize = 16 + 8 + 64;
        let failure = match &self.status {
            ExchangeStatus::Failed(why) => why.capacity(),
            _ => 0,
        };
        size_of::<Self>()
            + PLACE
            + failure
            + self.method.capacity()
            + self.path.capacity()
            + self.request_headers.heap()
            + self.response_headers.heap()
            + self.injected.as_ref().map_or(0, |words| words.len())
            + self.request_body.bytes.len()
            + self.response_body.bytes.len()
    }
}

fn body<'a>(head: &'a BodyHead, headers: &'a Headers) -> Option<Body<'a>> {
    (!head.is_none()).then(|| Body {
        head,
        content_type: headers.get("content-type"),
        encoding: headers.get("content-encoding"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_order_doubles_and_odd_bytes() {
        let mut headers = Headers::with_capacity(3, 20);
        headers.push("Host", b"svc.test");
        headers.push("X-A", b"caf\xe9");
        headers.push("x-a", b"");
        let lines: Vec<_> = headers.iter().collect();
        assert_eq!(lines, [("Host", "svc.test"), ("X-A", "café"), ("x-a", "")]);
        assert_eq!(headers.get("x-A"), Some("café"));
        assert_eq!(headers.get("nothing"), None);
        assert_eq!(headers.len(), 3);
    }

    #[test]
    fn a_kept_body_is_told_with_its_type_and_counted() {
        let mut exchange = super::super::exchange_fixture::exchange(1, 1, None, "web");
        let before = exchange.footprint();
        assert_eq!(exchange.answered(), None);
        exchange.response_headers =
            Headers::from_iter([("Content-Type", "text/plain"), ("content-encoding", "gzip")]);
        let with_headers = exchange.footprint();
        assert!(with_headers > before);
        exchange.response_body.bytes = vec![b'a'; 1000].into();
        assert_eq!(exchange.footprint(), with_headers + 1000);
        let body = exchange.answered().unwrap();
        assert_eq!(
            (body.head.bytes.len(), body.content_type, body.encoding),
            (1000, Some("text/plain"), Some("gzip"))
        );
        assert_eq!(exchange.asked(), None);
    }

    #[test]
    fn only_the_callee_can_be_at_fault() {
        for (status, error) in [
            (ExchangeStatus::Http(499), false),
            (ExchangeStatus::Http(500), true),
            (ExchangeStatus::Grpc(5), false),
            (ExchangeStatus::Grpc(14), true),
            (ExchangeStatus::Failed("refused".into()), true),
            (ExchangeStatus::CallerLeft, false),
            (ExchangeStatus::Bytes, false),
            (ExchangeStatus::Open, false),
        ] {
            assert_eq!(status.is_error(), error, "{status:?}");
        }
    }
}
