//! Finding requests that tell their length twice, by `Content-Length` and by `Transfer-Encoding`.
//!
//! hyper lets the latter win and hides the former (RFC 9112, section 6.3, allows it). A relay that refuses is safer:
//! such a request is how one request is smuggled inside another. So the heads are looked at as their bytes pass; hyper
//! alone decides what a request is, and this only ever adds a refusal.

/// Of a line, as much is kept as a header that matters may have.
const LINE: usize = 256;

/// Follows a caller's bytes from head to head.
#[derive(Debug, Default)]
pub(super) struct Framing {
    at: At,
    line: Vec<u8>,
    /// Of the head that is being read.
    head: Head,
    /// How many heads have been read to their end.
    heads: u64,
}

#[derive(Debug, Default)]
enum At {
    #[default]
    Head,
    Body(u64),
    ChunkSize,
    Chunk(u64),
    Trailers,
    /// Where the next head begins is not known: hyper refuses this connection anyway.
    Lost,
}

#[derive(Debug, Default)]
struct Head {
    begun: bool,
    length: Option<u64>,
    chunked: bool,
}

impl Framing {
    /// Follows these bytes; whether a request among them tells its length twice.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) -> bool {
        let mut twice = false;
        while !bytes.is_empty() {
            match &mut self.at {
                At::Lost => return twice,
                At::Body(left) | At::Chunk(left) if *left > 0 => {
                    let passed = (*left).min(bytes.len() as u64);
                    *left -= passed;
                    bytes = &bytes[usize::try_from(passed).unwrap_or(bytes.len())..];
                }
                At::Body(_) => self.at = At::Head,
                At::Head | At::ChunkSize | At::Chunk(_) | At::Trailers => {
                    let end = bytes.iter().position(|byte| *byte == b'\n');
                    let piece = &bytes[..end.unwrap_or(bytes.len())];
                    let room = LINE.saturating_sub(self.line.len()).min(piece.len());
                    self.line.extend_from_slice(&piece[..room]);
                    bytes = &bytes[end.map_or(bytes.len(), |end| end + 1)..];
                    if end.is_some() {
                        let line = std::mem::take(&mut self.line);
                        twice |= self.line_ended(line.trim_ascii_end());
                        self.line = line;
                        self.line.clear();
                    }
                }
            }
        }
        twice
    }

    /// How many heads have passed to their end.
    pub(super) fn heads(&self) -> u64 {
        self.heads
    }

    fn line_ended(&mut self, line: &[u8]) -> bool {
        match &self.at {
            At::Head if line.is_empty() => return self.head_ended(),
            At::Head => self.header(line),
            At::ChunkSize => self.chunk(line),
            At::Chunk(_) => self.at = At::ChunkSize,
            At::Trailers if line.is_empty() => self.at = At::Head,
            At::Trailers | At::Body(_) | At::Lost => {}
        }
        false
    }

    fn header(&mut self, line: &[u8]) {
        self.head.begun = true;
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.head.chunked = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let length = std::str::from_utf8(value)
                .ok()
                .and_then(|value| value.parse().ok());
            self.head.length = Some(length.unwrap_or(0));
        }
    }

    fn head_ended(&mut self) -> bool {
        if !self.head.begun {
            return false;
        }
        self.heads += 1;
        let Head {
            length, chunked, ..
        } = std::mem::take(&mut self.head);
        self.at = match length {
            _ if chunked => At::ChunkSize,
            Some(length) => At::Body(length),
            None => At::Head,
        };
        chunked && length.is_some()
    }

    fn chunk(&mut self, line: &[u8]) {
        let digits = line
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        let size = std::str::from_utf8(&line[..digits]).ok();
        self.at = match size.and_then(|size| u64::from_str_radix(size, 16).ok()) {
            Some(0) => At::Trailers,
            Some(size) => At::Chunk(size),
            None => At::Lost,
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const SIZED: &str = "POST / HTTP/1.1\r\nContent-Length: 21\r\n\r\nTransfer-Encoding: x\n";
    const CHUNKED: &str = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n14;x=y\r\nContent-Length: 3\r\n\n\r\n0\r\nT: 1\r\n\r\n";
    const TWICE: &str =
        "POST / HTTP/1.1\r\ncontent-length:0\r\nTRANSFER-ENCODING: chunked\r\n\r\n0\r\n\r\n";

    fn twice(pieces: &[&str]) -> bool {
        Framing::default().follow(pieces.concat().as_bytes())
    }

    #[test]
    fn heads_are_counted_when_they_have_ended() {
        let mut framing = Framing::default();
        framing.follow([PLAIN, SIZED, "\r\n", CHUNKED].concat().as_bytes());
        assert_eq!(framing.heads(), 3);
        framing.follow(&PLAIN.as_bytes()[..PLAIN.len() - 1]);
        assert_eq!(framing.heads(), 3);
        framing.follow(b"\n");
        assert_eq!(framing.heads(), 4);
    }

    #[test]
    fn only_a_head_that_has_both_is_found() {
        assert!(!twice(&[
            PLAIN, SIZED, CHUNKED, "\r\n", SIZED, PLAIN, CHUNKED, PLAIN
        ]));
        for before in [PLAIN, SIZED, CHUNKED] {
            assert!(twice(&[before, TWICE]), "after {before:?}");
            assert!(!twice(&[before, "GET /", TWICE.split_at(30).0]));
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_bytes_are_cut(
            which in prop::collection::vec(0..4_usize, 0..6),
            cuts in prop::collection::vec(1..40_usize, 1..60),
        ) {
            let pieces: Vec<&str> = which.iter().map(|&n| [PLAIN, SIZED, CHUNKED, TWICE][n]).collect();
            let text = pieces.concat();
            let mut rest = text.as_bytes();
            let (mut framing, mut found) = (Framing::default(), false);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, others) = rest.split_at(rest.len().min(*cut));
                found |= framing.follow(piece);
                rest = others;
            }
            prop_assert_eq!(found, which.contains(&3));
        }

        #[test]
        fn any_bytes_are_followed(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            Framing::default().follow(&bytes);
        }
    }
}
