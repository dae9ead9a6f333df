//! A request's body on its way to the callee: counted, and kept back until the callee wants it.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

use super::bodies::Bodies;
use super::fault::Paced;
use super::wire::WireState;

/// How long a body waits for `100 Continue` from a callee that may not know it (RFC 9110, section 10.1.1, wants a bound).
const PATIENCE: Duration = Duration::from_secs(1);

/// The body of a request.
#[derive(Debug)]
pub(super) struct Asked {
    /// `None`: there is none.
    body: Option<Paced>,
    passed: Option<Arc<Bodies>>,
    wire: Option<Arc<WireState>>,
    gate: Option<(Arc<Gate>, Pin<Box<Sleep>>)>,
}

/// Keeps a body back whose caller said `Expect: 100-continue`.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: AtomicU8,
    waker: AtomicWaker,
}

impl Gate {
    const SHUT: u8 = 0;
    const OPEN: u8 = 1;
    const NEVER: u8 = 2;

    /// The callee wants the body.
    pub(super) fn open(&self) {
        self.set(Self::OPEN);
    }

    /// The exchange has ended, so the body is no longer wanted if it was not before.
    pub(super) fn shut_for_good(&self) {
        self.set(Self::NEVER);
    }

    /// Whether the callee never wanted the body.
    pub(super) fn is_shut(&self) -> bool {
        self.state.load(Ordering::Acquire) != Self::OPEN
    }

    fn set(&self, state: u8) {
        let (acquired, released) = (Ordering::Acquire, Ordering::AcqRel);
        // It is decided once.
        let _ = self
            .state
            .compare_exchange(Self::SHUT, state, released, acquired);
        self.waker.wake();
    }
}

impl Asked {
    /// The body of this request, at so many bytes a second if that is bounded.
    pub(super) fn new(body: Incoming, bandwidth: Option<u64>, wire: &Arc<WireState>) -> Self {
        if body.is_end_stream() {
            wire.asked();
            return Self::empty();
        }
        Self {
            body: Some(Paced::new(body, bandwidth)),
            passed: None,
            wire: Some(Arc::clone(wire)),
            gate: None,
        }
    }

    /// No body.
    pub(super) fn empty() -> Self {
        Self {
            body: None,
            passed: None,
            wire: None,
            gate: None,
        }
    }

    /// Adds up its bytes here.
    pub(super) fn count_in(&mut self, passed: &Arc<Bodies>) {
        self.passed = Some(Arc::clone(passed));
    }

    /// Keeps it back until the gate is opened.
    pub(super) fn wait_for(&mut self, gate: &Arc<Gate>) {
        self.gate = Some((Arc::clone(gate), Box::pin(sleep(PATIENCE))));
    }

    fn poll_gate(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unwanted>> {
        let Some((gate, patience)) = &mut self.gate else {
            return Poll::Ready(Ok(()));
        };
        gate.waker.register(cx.waker());
        match gate.state.load(Ordering::Acquire) {
            Gate::NEVER => return Poll::Ready(Err(Unwanted)),
            Gate::OPEN => {}
            _ => {
                ready!(patience.as_mut().poll(cx));
                gate.open();
            }
        }
        self.gate = None;
        Poll::Ready(Ok(()))
    }

    /// All of it has been read.
    fn end(&mut self) {
        self.body = None;
        if let Some(wire) = self.wire.take() {
            wire.asked();
        }
    }
}

impl Body for Asked {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        ready!(self.poll_gate(cx))?;
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
        let ended = frame.is_none() || body.is_end_stream();
        if let (Some(Ok(frame)), Some(passed)) = (&frame, &self.passed) {
            passed.asked.pass(frame.data_ref().map_or(&[], |data| data));
        }
        if ended {
            self.end();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // hyper reads no further than a known length, so a body may be complete without having said so.
        let complete = self.body.as_ref().is_none_or(Body::is_end_stream);
        match self.wire.take() {
            Some(wire) if complete => wire.asked(),
            Some(wire) => wire.leave_unread(),
            None => {}
        }
    }
}

/// The callee answered without wanting the body.
#[derive(Debug, thiserror::Error)]
#[error("the callee did not want the request's body")]
struct Unwanted;
