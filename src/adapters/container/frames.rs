//! The engine's multiplexed output, taken apart in place: `[stream, 0, 0, 0, length: u32 big-endian]`, then the bytes.
//!
//! Source: "Stream format" of the attach endpoint in the Docker Engine API reference.

use crate::telemetry::Stream;

/// Which output a piece belongs to, as an index: 0 stdout, 1 stderr.
pub(super) fn index(stream: Stream) -> usize {
    usize::from(stream == Stream::Stderr)
}

/// Takes a byte stream apart into pieces of stdout and stderr, wherever the reads cut it.
#[derive(Debug)]
pub(super) struct Demux {
    framed: bool,
    header: [u8; 8],
    have: usize,
    left: usize,
    stream: Stream,
    /// Whether nothing of the frame was passed on yet. A read may end with the header.
    begins: bool,
}

impl Demux {
    /// A container with a terminal has one plain stream; without, two in frames.
    pub(super) fn new(tty: bool) -> Self {
        Self {
            framed: !tty,
            header: [0; 8],
            have: 0,
            left: 0,
            stream: Stream::Stdout,
            begins: false,
        }
    }

    /// Passes each piece in `chunk` to `piece`, with whether a frame begins with it.
    pub(super) fn feed(&mut self, mut chunk: &[u8], mut piece: impl FnMut(Stream, bool, &[u8])) {
        if !self.framed {
            piece(Stream::Stdout, true, chunk);
            return;
        }
        while !chunk.is_empty() {
            if self.left == 0 {
                chunk = self.read_header(chunk);
                continue;
            }
            let (now, rest) = chunk.split_at(self.left.min(chunk.len()));
            self.left -= now.len();
            chunk = rest;
            piece(self.stream, std::mem::take(&mut self.begins), now);
        }
    }

    fn read_header<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        let (part, rest) = chunk.split_at((8 - self.have).min(chunk.len()));
        self.header[self.have..self.have + part.len()].copy_from_slice(part);
        self.have += part.len();
        if self.have == 8 {
            self.have = 0;
            self.begins = true;
            let [kind, _, _, _, length @ ..] = self.header;
            self.left = u32::from_be_bytes(length) as usize;
            self.stream = if kind == 2 {
                Stream::Stderr
            } else {
                Stream::Stdout
            };
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        [&[kind, 0, 0, 0], &length[..], bytes].concat()
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_bytes(
            frames in prop::collection::vec((1u8..=2, prop::collection::vec(any::<u8>(), 0..40)), 0..20),
            cut in 1usize..17,
        ) {
            let wire: Vec<u8> = frames.iter().flat_map(|(kind, bytes)| frame(*kind, bytes)).collect();
            let mut found = [Vec::new(), Vec::new()];
            let mut begun = 0;
            let mut demux = Demux::new(false);
            for chunk in wire.chunks(cut) {
                demux.feed(chunk, |stream, begins, bytes| {
                    begun += usize::from(begins);
                    found[index(stream)].extend_from_slice(bytes);
                });
            }
            prop_assert_eq!(begun, frames.iter().filter(|(_, bytes)| !bytes.is_empty()).count());
            for kind in 1..=2u8 {
                let expected: Vec<u8> = frames.iter().filter(|(k, _)| *k == kind).flat_map(|(_, bytes)| bytes.clone()).collect();
                prop_assert_eq!(&found[usize::from(kind - 1)], &expected);
            }
        }

        #[test]
        fn no_bytes_panic(wire in prop::collection::vec(any::<u8>(), 0..200)) {
            Demux::new(false).feed(&wire, |_, _, _| ());
        }
    }

    #[test]
    fn a_terminal_is_passed_as_it_is() {
        let mut found = Vec::new();
        Demux::new(true).feed(&[1, 0, 0, 0, 0, 0, 0, 1, b'x'], |_, _, bytes| {
            found.extend_from_slice(bytes);
        });
        assert_eq!(found.len(), 9);
    }
}
