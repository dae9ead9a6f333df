//! Exchanges: one request over an edge, with its answer.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::stack::ServiceName;

/// A trace's id (W3C Trace Context).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub u128);

/// A span's id (W3C Trace Context).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExchangeStatus {
    /// An HTTP answer with this status.
    Http(u16),
    /// The caller went away before the answer.
    CallerLeft,
    /// The callee could not be reached, or broke off.
    Failed(String),
    /// A connection that is not HTTP, or was upgraded, and is closed now.
    Bytes,
    /// Under way.
    Open,
}

/// One request over an edge, with its answer.
#[derive(Debug, Clone)]
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
    /// Method (`GET`); `TCP` for bytes.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// How it ended.
    pub status: ExchangeStatus,
    /// When the request's head had come.
    pub started: Timestamp,
    /// Time until the last byte of the answer.
    pub took: Duration,
    /// Time that the request was held because no run was ready.
    pub held: Duration,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer's body.
    pub response_bytes: u64,
    /// Request headers, secrets masked.
    pub request_headers: Vec<(String, String)>,
    /// Answer headers, secrets masked.
    pub response_headers: Vec<(String, String)>,
}

/// The exchanges of one session, the newest kept.
#[derive(Debug)]
pub struct Exchanges {
    budget: usize,
    ring: VecDeque<Arc<Exchange>>,
    dropped: u64,
}

impl Exchanges {
    /// None; at most about `budget` bytes.
    pub fn new(budget: usize) -> Self {
        Self {
            budget,
            ring: VecDeque::new(),
            dropped: 0,
        }
    }

    /// Keeps an exchange that has ended.
    pub fn push(&mut self, exchange: Exchange) {
        self.ring.push_back(Arc::new(exchange));
        if self.ring.len() > self.budget / 1024 {
            self.ring.pop_front();
            self.dropped += 1;
        }
    }
}
