//! An exchange while it is under way: begun with the request's head, handed on when it has ended, however it ended.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hyper::HeaderMap;
use jiff::Timestamp;

use super::bodies::Bodies;
use super::headers::{kept, masked};
use super::solo::Inside;
use super::target::Edge;
use crate::telemetry::{
    BodyHead, Exchange, ExchangeStatus, Headers, SpanId, Telemetry, TraceContext, grpc,
};

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
    pub(super) inside: Option<Inside>,
}

/// An exchange under way. Dropped, it is one whose caller left, or which the relay's end broke off.
#[derive(Debug)]
pub(super) struct Recording {
    recorder: Recorder,
    /// Taken when it is handed on.
    exchange: Option<Box<Exchange>>,
    began: Instant,
    redact: Arc<[String]>,
    /// As long as it is inside, if it came through a front door.
    inside: Option<Inside>,
    /// How long the caller of a gRPC call is willing to wait.
    deadline: Option<Duration>,
    /// What has passed of its bodies.
    pub(super) bodies: Arc<Bodies>,
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
            inside,
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
            request_body: BodyHead::default(),
            response_body: BodyHead::default(),
            injected: None,
        };
        Self {
            recorder: recorder.clone(),
            exchange: Some(Box::new(exchange)),
            began: Instant::now(),
            redact,
            inside,
            deadline: None,
            bodies: Arc::default(),
        }
    }

    /// It is a gRPC call whose caller waits for so long.
    pub(super) fn ends_within(&mut self, deadline: Option<Duration>) {
        self.deadline = deadline;
    }

    /// It is this kind of exchange after all, and goes there.
    pub(super) fn called(&mut self, method: &str, path: &str) {
        let path = masked(path.to_owned(), &self.redact);
        self.change(|exchange| {
            method.clone_into(&mut exchange.method);
            exchange.path = path;
        });
    }

    /// It may go on for ever, so nobody waits until it has left.
    pub(super) fn goes_on(&mut self) {
        self.inside = None;
    }

    /// It was held for this long.
    pub(super) fn held(&mut self, held: Duration) {
        self.change(|exchange| exchange.held = held);
    }

    /// This is done to it on purpose.
    pub(super) fn injected(&mut self, words: &str) {
        self.change(|exchange| exchange.injected = Some(words.into()));
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

    /// Hands it on.
    pub(super) fn end(mut self, status: ExchangeStatus) {
        self.hand_on(status);
    }

    /// Forgets it: it was none after all.
    pub(super) fn discard(mut self) {
        self.exchange = None;
    }

    /// Whether the caller's time is over, as the caller sees it, whose clock began a little earlier.
    pub(super) fn is_past_deadline(&self) -> bool {
        const EARLIER: Duration = Duration::from_millis(10);
        self.deadline
            .is_some_and(|deadline| self.began.elapsed() + EARLIER + deadline / 50 >= deadline)
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
            let Bodies { asked, answered } = &*self.bodies;
            exchange.request_bytes = asked.bytes();
            exchange.response_bytes = answered.bytes();
            exchange.request_body = asked.take(&exchange.request_headers, &self.redact);
            exchange.response_body = answered.take(&exchange.response_headers, &self.redact);
            self.inside = None;
            (self.recorder.record)(*exchange);
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let status = if self.recorder.over.load(Ordering::Acquire) {
            ExchangeStatus::Failed("the relay was closed before the end of the answer".into())
        } else if self.is_past_deadline() {
            // The caller cancels a call whose time is over, and that is how it ended for the caller.
            ExchangeStatus::Grpc(grpc::DEADLINE_EXCEEDED)
        } else {
            ExchangeStatus::CallerLeft
        };
        self.hand_on(status);
    }
}
