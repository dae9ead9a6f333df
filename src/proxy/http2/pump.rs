//! One direction of a stream: data as fast as the receiver takes it, then trailers.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream};
use hyper::HeaderMap;

use crate::proxy::bodies::{Bodies, Tally};
use crate::proxy::fault::Pace;

/// Moves a body from one stream to another.
///
/// What the sender may send is given back to it only when the receiver has taken it, so no more than the sender's
/// window is ever held here.
pub(super) struct Pump {
    from: RecvStream,
    pub(super) to: SendStream<Bytes>,
    /// Data that the receiver has no room for yet.
    waiting: Bytes,
    begun: bool,
    counted: Option<(Arc<Bodies>, Way)>,
    /// How fast it may pass, if that is bounded, and how much may pass at once.
    pace: Option<Pace>,
    allowed: usize,
}

/// Which body it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    Up,
    Down,
}

/// How a direction ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// All of it has been given to the receiver, with these trailers.
    Complete(Option<HeaderMap>),
    /// The sender reset the stream, or broke off.
    Sender(h2::Error),
    /// The receiver wants no more; the reason, if it told one.
    Receiver(Option<Reason>),
}

impl Pump {
    pub(super) fn new(
        from: RecvStream,
        to: SendStream<Bytes>,
        counted: Option<(Arc<Bodies>, Way)>,
    ) -> Self {
        Self {
            from,
            to,
            waiting: Bytes::new(),
            begun: false,
            counted,
            pace: None,
            allowed: 0,
        }
    }

    /// The same at so many bytes a second, if that is bounded.
    pub(super) fn at(mut self, bandwidth: Option<u64>) -> Self {
        self.pace = bandwidth.map(Pace::new);
        self
    }

    /// Gives the sender's side back if nothing of it has been taken.
    pub(super) fn into_untouched(self) -> Option<RecvStream> {
        (!self.begun).then_some(self.from)
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        loop {
            if let Poll::Ready(reset) = self.to.poll_reset(cx) {
                return Poll::Ready(Ended::Receiver(reset.ok()));
            }
            if !self.waiting.is_empty() {
                if let Some(ended) = ready!(self.poll_give(cx)) {
                    return Poll::Ready(ended);
                }
                continue;
            }
            match ready!(self.from.poll_data(cx)) {
                Some(Ok(data)) => {
                    self.begun = true;
                    if let Some(tally) = self.tally() {
                        tally.pass(&data);
                    }
                    self.waiting = data;
                    // Otherwise empty data is nothing to pass on.
                    if self.waiting.is_empty() && self.from.is_end_stream() {
                        return Poll::Ready(self.give(Bytes::new(), true));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Ended::Sender(error)),
                None => return self.poll_trailers(cx),
            }
        }
    }

    /// Gives the receiver as much as it has room for; how that ended the direction, if it did.
    fn poll_give(&mut self, cx: &mut Context<'_>) -> Poll<Option<Ended>> {
        ready!(self.poll_allowed(cx));
        self.to
            .reserve_capacity(self.allowed.min(self.waiting.len()));
        while self.to.capacity() == 0 {
            if !matches!(ready!(self.to.poll_capacity(cx)), Some(Ok(_))) {
                return Poll::Ready(Some(Ended::Receiver(None)));
            }
        }
        let room = self.to.capacity().min(self.waiting.len()).min(self.allowed);
        self.allowed -= room;
        let piece = self.waiting.split_to(room);
        let is_last = self.waiting.is_empty() && self.from.is_end_stream();
        let ended = self.give(piece, is_last);
        // It fails only for a stream that is over, which is noticed above.
        drop(self.from.flow_control().release_capacity(room));
        let goes_on = matches!(ended, Ended::Complete(_)) && !is_last;
        Poll::Ready((!goes_on).then_some(ended))
    }

    /// Ready when some of what waits may pass.
    fn poll_allowed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.allowed == 0 {
            self.allowed = match &mut self.pace {
                Some(pace) => ready!(pace.poll_room(self.waiting.len(), cx)),
                None => self.waiting.len(),
            };
        }
        Poll::Ready(())
    }

    fn give(&mut self, data: Bytes, is_last: bool) -> Ended {
        match self.to.send_data(data, is_last) {
            Ok(()) => Ended::Complete(None),
            Err(error) => Ended::Receiver(error.reason()),
        }
    }

    fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        Poll::Ready(match ready!(self.from.poll_trailers(cx)) {
            Ok(Some(trailers)) => match self.to.send_trailers(trailers.clone()) {
                Ok(()) => Ended::Complete(Some(trailers)),
                Err(error) => Ended::Receiver(error.reason()),
            },
            Ok(None) => self.give(Bytes::new(), true),
            Err(error) => Ended::Sender(error),
        })
    }

    fn tally(&self) -> Option<&Tally> {
        let (bodies, way) = self.counted.as_ref()?;
        Some(match way {
            Way::Up => &bodies.asked,
            Way::Down => &bodies.answered,
        })
    }
}
