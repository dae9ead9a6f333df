//! An exchange while it is under way: begun with the request's head, handed on when it has ended, however it ended.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyper::HeaderMap;
use jiff::Timestamp;

use super::headers::{kept, masked};
use super::target::Edge;
use crate::telemetry::{Exchange, ExchangeStatus, Headers, SpanId, Telemetry, TraceContext};

/// Where ended exchanges go. Called from the relay's tasks, so it must not wait.
#[derive(Clone)]
pub(super) struct Recorder {
    record: Arc<dyn Fn(Exchange) + Send + Sync>,
    /// Whether the relay breaks off what is still under way.
    over: Arc<AtomicBool>,
}

impl Recorder {
    pub(super) fn new(record: impl Fn(Exchange) + Send + Sync + 'static) -> Self {
        Self {
            record: Arc::new(record),
            over: Arc::default(),
        }
    }

    /// One for another relay, to the same place.
    pub(super) fn for_another(&self) -> Self {
        Self {
            record: Arc::clone(&self.record),
            over: Arc::default(),
        }
    }

    /// From now on it is the relay that breaks exchanges off, not their callers.
    pub(super) fn set_over(&self) {
        self.over.store(true, Ordering::Release);
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

/// A recorder that keeps exchanges in the session's store.
pub fn into_store(telemetry: Arc<Telemetry>) -> impl Fn(Exchange) + Clone + Send + Sync + 'static {
    move |exchange| {
        telemetry.exchanges().push(exchange);
        telemetry.touch();
    }
}

/// What a request's head tells.
pub(super) struct Opening<'a> {
    pub(super) edge: &'a Edge,
    pub(super) context: TraceContext,
    pub(super) parent: Option<SpanId>,
    pub(super) method: &'a str,
    pub(super) path: String,
    pub(super) headers: Headers,
    pub(super) redact: Arc<[String]>,
}

/// An exchange under way. Dropped, it is one whose caller left, or which the relay's end broke off.
#[derive(Debug)]
pub(super) struct Recording {
    recorder: Recorder,
    /// Taken when it is handed on.
    exchange: Option<Box<Exchange>>,
    began: Instant,
    redact: Arc<[String]>,
    /// Bytes of the request's body that have passed.
    pub(super) asked: Arc<AtomicU64>,
}

impl Recording {
    pub(super) fn begin(recorder: &Recorder, opening: Opening<'_>) -> Self {
        let Opening {
            edge,
            context,
            parent,
            method,
            path,
            headers,
            redact,
        } = opening;
        let exchange = Exchange {
            trace: context.trace,
            span: context.span,
            parent,
            caller: edge.caller.clone(),
            callee: edge.callee.clone(),
            run: 0,
            method: method.to_owned(),
            path: masked(path, &redact),
            status: ExchangeStatus::Open,
            started: Timestamp::now(),
            took: Duration::ZERO,
            held: Duration::ZERO,
            request_bytes: 0,
            response_bytes: 0,
            request_headers: headers,
            response_headers: Headers::default(),
        };
        Self {
            recorder: recorder.clone(),
            exchange: Some(Box::new(exchange)),
            began: Instant::now(),
            redact,
            asked: Arc::default(),
        }
    }

    /// It was held for this long.
    pub(super) fn held(&mut self, held: Duration) {
        self.change(|exchange| exchange.held = held);
    }

    /// This run has it now.
    pub(super) fn given_to(&mut self, run: u64) {
        self.change(|exchange| exchange.run = run);
    }

    /// The head of the answer has come.
    pub(super) fn answered(&mut self, headers: &HeaderMap) {
        let headers = kept(headers, &self.redact);
        self.change(|exchange| exchange.response_headers = headers);
    }

    /// This much of the answer's body has passed.
    pub(super) fn answered_so_far(&mut self, bytes: u64) {
        self.change(|exchange| exchange.response_bytes = bytes);
    }

    /// Hands it on.
    pub(super) fn end(mut self, status: ExchangeStatus, response_bytes: u64) {
        self.answered_so_far(response_bytes);
        self.hand_on(status);
    }

    /// Forgets it: it was none after all.
    pub(super) fn discard(mut self) {
        self.exchange = None;
    }

    fn change(&mut self, change: impl FnOnce(&mut Exchange)) {
        if let Some(exchange) = &mut self.exchange {
            change(exchange);
        }
    }

    fn hand_on(&mut self, status: ExchangeStatus) {
        if let Some(mut exchange) = self.exchange.take() {
            exchange.status = status;
            exchange.took = self.began.elapsed();
            exchange.request_bytes = self.asked.load(Ordering::Relaxed);
            (self.recorder.record)(*exchange);
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let status = if self.recorder.over.load(Ordering::Acquire) {
            ExchangeStatus::Failed("the relay was closed before the end of the answer".into())
        } else {
            ExchangeStatus::CallerLeft
        };
        self.hand_on(status);
    }
}
