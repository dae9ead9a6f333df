//! An answer's body on its way to the caller, and what has to happen when its last byte has passed or it broke off.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::asked::Gate;
use super::fault::Paced;
use super::link::{Link, Links};
use super::live::InFlight;
use super::record::Recording;
use super::wire::{Phase, WireState};
use crate::telemetry::ExchangeStatus;

/// The body of an answer.
pub(super) enum Answer {
    /// The relay's own words; `None` once they are taken.
    Own(Option<Bytes>),
    /// The callee's.
    Relayed(Box<Relayed>),
}

/// A callee's body.
pub(super) struct Relayed {
    body: Paced,
    status: u16,
    passage: Option<Passage>,
}

/// The exchange on the caller's connection; there is none when this is dropped.
pub(super) struct Turn(Arc<WireState>);

/// What an exchange holds until its end.
pub(super) struct Passage {
    pub(super) recording: Option<Recording>,
    pub(super) link: Link,
    pub(super) links: Arc<Links>,
    /// Dropped early for what may go on for ever.
    pub(super) in_flight: Option<InFlight>,
    pub(super) gate: Option<Arc<Gate>>,
    pub(super) turn: Turn,
}

impl Turn {
    pub(super) fn begin(wire: &Arc<WireState>) -> Self {
        wire.begin();
        Self(Arc::clone(wire))
    }

    pub(super) fn wire(&self) -> &Arc<WireState> {
        &self.0
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.set_phase(Phase::Idle);
    }
}

impl Passage {
    /// Ends it. The link is kept for the next request if this one was complete in both directions.
    fn end(self, status: ExchangeStatus) {
        let Self {
            recording,
            link,
            links,
            in_flight,
            gate,
            turn,
        } = self;
        let complete = matches!(status, ExchangeStatus::Http(_));
        let unwanted = gate.is_some_and(|gate| {
            gate.shut_for_good();
            gate.is_shut()
        });
        if complete && !unwanted {
            links.keep(link);
        }
        if let Some(recording) = recording {
            recording.end(status);
        }
        drop((in_flight, turn));
    }
}

impl Relayed {
    /// The body at so many bytes a second, if that is bounded.
    pub(super) fn new(
        body: Incoming,
        bandwidth: Option<u64>,
        status: u16,
        passage: Passage,
    ) -> Self {
        Self {
            body: Paced::new(body, bandwidth),
            status,
            passage: Some(passage),
        }
    }

    fn end(&mut self, status: ExchangeStatus) {
        if let Some(passage) = self.passage.take() {
            passage.end(status);
        }
    }

    /// Whoever drops the answer before its end has left; the recording knows who that was.
    fn break_off(&mut self) {
        if let Some(passage) = self.passage.take()
            && let Some(gate) = &passage.gate
        {
            gate.shut_for_good();
        }
    }

    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && let Some(recording) = self.passage.as_ref().and_then(|one| one.recording.as_ref())
        {
            recording.bodies.answered.pass(data);
        }
        match &frame {
            Some(Err(error)) => {
                let words = format!(
                    "answered {}, then broke off: {}",
                    self.status,
                    root_cause(error)
                );
                self.end(ExchangeStatus::Failed(words));
            }
            None => self.end(ExchangeStatus::Http(self.status)),
            Some(Ok(_)) if self.body.is_end_stream() => self.end(ExchangeStatus::Http(self.status)),
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        // hyper reads no further than a known length, so a body may be complete without having said so.
        if self.body.is_end_stream() {
            self.end(ExchangeStatus::Http(self.status));
        } else {
            self.break_off();
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut *self {
            Self::Own(words) => Poll::Ready(words.take().map(|words| Ok(Frame::data(words)))),
            Self::Relayed(relayed) => relayed.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(words) => words.as_ref().is_none_or(Bytes::is_empty),
            Self::Relayed(relayed) => relayed.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(words) => {
                SizeHint::with_exact(words.as_ref().map_or(0, |words| words.len() as u64))
            }
            Self::Relayed(relayed) => relayed.body.size_hint(),
        }
    }
}

/// The innermost cause, which names what happened on the socket.
pub(super) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
