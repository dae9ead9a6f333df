//! What a run says first on a connection on which HTTP/2 was begun: its SETTINGS, if it speaks HTTP/2 at all
//! (RFC 9113, section 3.4).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// Length of a frame's head.
const HEAD: usize = 9;
/// Of the settings as much is read: no more than these are known.
const MOST: usize = HEAD + 6 * 32;
const SETTINGS: u8 = 4;
const ENABLE_CONNECT_PROTOCOL: u16 = 8;

/// What came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Greeting {
    /// SETTINGS, and whether extended CONNECT (RFC 8441) is offered.
    Http2 { connect: bool },
    /// Something else.
    Other,
    /// Not enough yet to be sure.
    Unsure,
}

/// Reads a greeting.
pub(in crate::proxy) fn greeting(bytes: &[u8]) -> Greeting {
    /// The bytes of a SETTINGS frame's head that are always the same; the others are its length.
    const FIXED: [Option<u8>; HEAD] = {
        let zero = Some(0);
        [
            zero,
            None,
            None,
            Some(SETTINGS),
            zero,
            zero,
            zero,
            zero,
            zero,
        ]
    };
    let differs = |(byte, fixed): (&u8, &Option<u8>)| fixed.is_some_and(|fixed| fixed != *byte);
    if bytes.iter().zip(&FIXED).any(differs) {
        return Greeting::Other;
    }
    let Some((head, payload)) = bytes.split_at_checked(HEAD) else {
        return Greeting::Unsure;
    };
    let length = usize::from(u16::from_be_bytes([head[1], head[2]]));
    if length % 6 != 0 {
        return Greeting::Other;
    }
    let wanted = length.min(MOST - HEAD);
    let Some(settings) = payload.get(..wanted) else {
        return Greeting::Unsure;
    };
    let connect = settings.chunks_exact(6).any(|setting| {
        setting[..2] == ENABLE_CONNECT_PROTOCOL.to_be_bytes() && setting[2..] == [0, 0, 0, 1]
    });
    Greeting::Http2 { connect }
}

/// A connection to a run that tells what came first.
#[derive(Debug)]
pub(super) struct Greeted {
    stream: TcpStream,
    first: Vec<u8>,
    tell: Option<oneshot::Sender<Greeting>>,
}

impl Greeted {
    pub(super) fn new(stream: TcpStream, tell: oneshot::Sender<Greeting>) -> Self {
        Self {
            stream,
            first: Vec::new(),
            tell: Some(tell),
        }
    }

    fn look(&mut self, read: &[u8]) {
        let room = MOST.saturating_sub(self.first.len()).min(read.len());
        self.first.extend_from_slice(&read[..room]);
        let greeting = greeting(&self.first);
        if greeting != Greeting::Unsure
            && let Some(tell) = self.tell.take()
        {
            // Nobody may want to know any more.
            let _ = tell.send(greeting);
            self.first = Vec::new();
        }
    }
}

impl AsyncRead for Greeted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if self.tell.is_some() {
            self.look(&buffer.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Greeted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: Greeting = Greeting::Http2 { connect: false };

    #[test]
    fn settings_are_told_from_everything_else() {
        for (bytes, expected) in [
            (&b""[..], Greeting::Unsure),
            (b"\0\0\0\x04\0\0\0\0", Greeting::Unsure),
            (b"\0\0\0\x04\0\0\0\0\0", PLAIN),
            (b"\0\0\x06\x04\0\0\0\0\0", Greeting::Unsure),
            (b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64", PLAIN),
            (
                b"\0\0\x06\x04\0\0\0\0\0\0\x08\0\0\0\x01",
                Greeting::Http2 { connect: true },
            ),
            (b"\0\0\x06\x04\0\0\0\0\0\0\x08\0\0\0\0", PLAIN),
            (b"\0\0\x05\x04\0\0\0\0\0", Greeting::Other),
            (b"\0\0\0\x04\x01\0\0\0\0", Greeting::Other),
            (b"\0\0\0\x06\0\0\0\0\0", Greeting::Other),
            (b"HTTP/1.1 400 Bad Request\r\n", Greeting::Other),
            (b"J\0\0\0\x0a8.0.36", Greeting::Other),
            (b"220 mail\r\n", Greeting::Other),
        ] {
            assert_eq!(greeting(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn more_bytes_never_change_its_mind(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40),
                prop::collection::vec(any::<u8>(), 0..400)
                    .prop_map(|rest| [&b"\0\0\x3c\x04\0\0\0\0\0"[..], &rest].concat()),
            ],
            cut in 0..400_usize,
        ) {
            let early = greeting(&bytes[..cut.min(bytes.len())]);
            prop_assert!(early == Greeting::Unsure || early == greeting(&bytes));
        }
    }
}
