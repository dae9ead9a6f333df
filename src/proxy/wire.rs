//! The caller's side of an HTTP connection: what hyper reads from and writes to.
//!
//! It does five things that hyper's server does not: it gives back the bytes that were read to recognise the protocol,
//! notices requests that tell their length twice, passes on interim answers (1xx), lets a caller that has only
//! half-closed have its answer, and lets a caller that is still sending read the answer before the connection is closed.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::framing::Framing;
use super::sockets::{self, Peer};

/// How soon, and then how often, a caller that has half-closed is looked at again.
const LOOK_FIRST: Duration = Duration::from_millis(20);
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long a caller that is still sending may take to read the last answer.
const LINGER: Duration = Duration::from_secs(2);

/// What the exchange on a connection is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// There is none.
    Idle,
    /// Its request is still coming.
    Asking,
    /// Its request is complete and its answer is not.
    Answering,
    /// Its answer is an event stream, which may go on for ever.
    Streaming,
}

/// What the connection's parts tell each other.
#[derive(Debug, Default)]
pub(super) struct WireState {
    phase: AtomicU8,
    /// How many exchanges have begun.
    begun: AtomicU64,
    /// Whether what the caller says is HTTP no longer.
    upgraded: AtomicBool,
    /// Whether a request was answered before all of it had been read.
    unread: AtomicBool,
    /// Whether a request was seen that tells its length twice.
    ambiguous: AtomicBool,
    /// Whether the connection is to be reset instead of closed.
    aborted: AtomicBool,
    interim: Mutex<VecDeque<u8>>,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl WireState {
    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Idle,
            1 => Phase::Asking,
            2 => Phase::Answering,
            _ => Phase::Streaming,
        }
    }

    /// An exchange begins.
    pub(super) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::AcqRel);
        self.set_phase(Phase::Asking);
    }

    /// The connection is one of bytes from now on.
    pub(super) fn upgrade(&self) {
        self.upgraded.store(true, Ordering::Release);
    }

    fn is_upgraded(&self) -> bool {
        self.upgraded.load(Ordering::Acquire)
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
        if phase == Phase::Idle {
            self.reader.wake();
        }
    }

    /// The request is complete.
    pub(super) fn asked(&self) {
        let (asking, answering) = (Phase::Asking as u8, Phase::Answering as u8);
        // Of an exchange that has been answered already, nothing changes.
        let _ = self
            .phase
            .compare_exchange(asking, answering, Ordering::AcqRel, Ordering::Acquire);
    }

    /// The rest of the request will not be read.
    pub(super) fn leave_unread(&self) {
        self.unread.store(true, Ordering::Release);
    }

    /// The connection is broken off on purpose: its caller is to see a reset.
    pub(super) fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
    }

    /// Whether a request on this connection told its length twice.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.ambiguous.load(Ordering::Acquire)
    }

    /// Passes on an interim answer as soon as the connection stands between two messages.
    pub(super) fn send_interim(&self, head: &[u8]) {
        let mut interim = self.interim.lock().unwrap_or_else(PoisonError::into_inner);
        interim.extend(head);
        self.writer.wake();
    }
}

/// The caller's connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    read_before: Bytes,
    framing: Framing,
    state: Arc<WireState>,
    caller: Option<Peer>,
    /// Interim answers that are being written, and what of a message hyper may have written in part.
    interim: VecDeque<u8>,
    between_messages: bool,
    half_closed: Option<Pin<Box<Sleep>>>,
    lingering: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    /// Wraps a connection of which these bytes have been read already.
    pub(super) fn new(stream: TcpStream, read_before: Bytes, state: Arc<WireState>) -> Self {
        Self {
            caller: Peer::of(&stream),
            stream,
            read_before,
            framing: Framing::default(),
            state,
            interim: VecDeque::new(),
            between_messages: true,
            half_closed: None,
            lingering: None,
        }
    }

    /// Whether the end of the caller's bytes is to be kept from hyper, which would take it for a caller that left.
    ///
    /// While an answer is awaited, the end may be a half-close. On this machine the kernel knows whether a process
    /// still holds the other socket; of other machines it cannot be known, and answering is never wrong.
    fn hides_end(&mut self, cx: &mut Context<'_>) -> bool {
        // The end may come with the request, before hyper has handed that on.
        let is_owed = self.framing.heads() > self.state.begun.load(Ordering::Acquire);
        let is_open = is_owed || matches!(self.state.phase(), Phase::Answering | Phase::Streaming);
        if !is_open || self.state.is_upgraded() {
            return false;
        }
        self.state.reader.register(cx.waker());
        loop {
            let next = match &mut self.half_closed {
                None => LOOK_FIRST,
                Some(look) => match look.as_mut().poll(cx) {
                    Poll::Pending => return true,
                    Poll::Ready(()) => LOOK_AGAIN,
                },
            };
            if self.caller.as_ref().is_some_and(sockets::is_gone) {
                return false;
            }
            self.half_closed = Some(Box::pin(sleep(next)));
        }
    }

    /// Writes interim answers if nothing else is half written.
    fn poll_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        {
            let mut queued = self
                .state
                .interim
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if self.between_messages {
                self.interim.append(&mut queued);
            } else {
                // The answer has begun, so it is too late for them; they are hints by definition.
                queued.clear();
            }
        }
        while !self.interim.is_empty() {
            let (head, _) = self.interim.as_slices();
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, head))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.interim.drain(..written);
        }
        Poll::Ready(Ok(()))
    }

    /// Reads and forgets what the caller still sends, so that closing does not reset the connection under its answer
    /// (RFC 9112, section 9.6).
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self
            .lingering
            .get_or_insert_with(|| Box::pin(sleep(LINGER)));
        if deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut scratch = [0; 8 << 10];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.state.aborted.load(Ordering::Acquire) {
            // A socket that refuses it is closed the usual way.
            drop(self.stream.set_zero_linger());
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.read_before.has_remaining() {
            let length = self.read_before.len().min(buffer.remaining());
            buffer.put_slice(&self.read_before.split_to(length));
        } else {
            ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        }
        let read = &buffer.filled()[before..];
        if !self.state.is_upgraded() && self.framing.follow(read) {
            self.state.ambiguous.store(true, Ordering::Release);
        }
        if read.is_empty() && buffer.remaining() > 0 && self.hides_end(cx) {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_interim(cx))?;
        self.between_messages = false;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_interim(cx))?;
        self.between_messages = false;
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper calls this only when it has written all it has. Between two exchanges, and until an answer begins, that is
    /// the place for interim answers; within an answer's body there are none.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.between_messages = true;
        self.state.writer.register(cx.waker());
        ready!(self.poll_interim(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        if self.state.unread.load(Ordering::Acquire) {
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}
