//! One end of an HTTP/2 connection, frame by frame: just enough to move bodies and to keep to the other end's windows.

use std::io::{Read, Write};
use std::net::TcpStream;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
/// Size of a frame, and of a window, that every peer takes.
const FRAME: usize = 16_384;
const WINDOW: i64 = 65_535;

/// One end of a connection that has one stream at a time.
pub(crate) struct Peer {
    socket: TcpStream,
    /// What may still be sent on the connection, and on its stream.
    connection: i64,
    stream: i64,
    initial: i64,
}

impl Peer {
    pub(crate) fn new(mut socket: TcpStream, is_client: bool) -> Self {
        socket.set_nodelay(true).unwrap();
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        if is_client {
            socket.write_all(preface).unwrap();
        } else {
            let mut said = [0; 24];
            socket.read_exact(&mut said).unwrap();
            assert_eq!(&said, preface);
        }
        let mut peer = Self {
            socket,
            connection: WINDOW,
            stream: WINDOW,
            initial: WINDOW,
        };
        peer.send(SETTINGS, 0, 0, &[]);
        peer
    }

    /// Begins a message with these encoded headers.
    pub(crate) fn begin(&mut self, stream: u32, headers: &[u8]) {
        self.stream = self.initial;
        self.send(HEADERS, END_HEADERS, stream, headers);
    }

    /// Sends a body; the most that `look` said meanwhile.
    pub(crate) fn give(&mut self, stream: u32, body: usize, look: impl Fn() -> usize) -> usize {
        let piece = vec![0xa5; FRAME];
        let (mut left, mut most) = (body, 0);
        while left > 0 {
            let length = left.min(FRAME);
            let wanted = i64::try_from(length).unwrap();
            while self.connection.min(self.stream) < wanted {
                self.read().expect("the window opens");
            }
            left -= length;
            let flags = if left == 0 { END_STREAM } else { 0 };
            self.send(DATA, flags, stream, &piece[..length]);
            self.connection -= wanted;
            self.stream -= wanted;
            if left % (1 << 20) == 0 {
                most = most.max(look());
            }
        }
        most
    }

    /// Takes a whole body.
    pub(crate) fn take(&mut self, stream: u32, body: usize) {
        let mut left = body;
        while left > 0 {
            let (kind, payload) = self.read().expect("the body is complete");
            if kind == DATA && !payload.is_empty() {
                assert!(payload == [0xa5; FRAME][..payload.len()]);
                left -= payload.len();
                let more = u32::try_from(payload.len()).unwrap().to_be_bytes();
                self.send(WINDOW_UPDATE, 0, 0, &more);
                self.send(WINDOW_UPDATE, 0, stream, &more);
            }
        }
    }

    /// The next frame's kind and payload, what belongs to the connection done; `None` at its end.
    pub(crate) fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 9];
        self.socket.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (kind, flags) = (head[3], head[4]);
        let of_connection = head[5..] == [0; 4];
        let mut payload = vec![0; length];
        self.socket.read_exact(&mut payload).ok()?;
        let number = |bytes: &[u8]| i64::from(u32::from_be_bytes(bytes.try_into().unwrap()));
        match kind {
            SETTINGS if flags & ACK == 0 => {
                for setting in payload.chunks(6).filter(|setting| setting[..2] == [0, 4]) {
                    self.stream += number(&setting[2..]) - self.initial;
                    self.initial = number(&setting[2..]);
                }
                self.send(SETTINGS, ACK, 0, &[]);
            }
            PING if flags & ACK == 0 => self.send(PING, ACK, 0, &payload),
            WINDOW_UPDATE if of_connection => self.connection += number(&payload),
            WINDOW_UPDATE => self.stream += number(&payload),
            _ => {}
        }
        Some((kind, payload))
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        // The other end may have gone already, as far as acknowledgements go.
        drop(self.socket.write_all(&[&head[..], payload].concat()));
    }
}
