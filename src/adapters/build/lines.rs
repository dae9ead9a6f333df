//! Chunks of output cut into lines.

/// Collects chunks and gives whole lines, without their line ends.
#[derive(Debug, Default)]
pub(super) struct Lines {
    open: Vec<u8>,
}

/// A line longer than this is cut, so that output without line ends cannot fill the memory.
const LONGEST: usize = 16 << 20;

impl Lines {
    /// Takes a chunk; the lines that it ends.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Vec<Vec<u8>> {
        let mut whole = Vec::new();
        let mut pieces = chunk.split(|byte| *byte == b'\n');
        let mut piece = pieces.next();
        while let Some(bytes) = piece {
            piece = pieces.next();
            self.open.extend_from_slice(bytes);
            if piece.is_some() || self.open.len() > LONGEST {
                whole.push(self.take());
            }
        }
        whole
    }

    /// The line that was never ended, if there is one.
    pub(super) fn finish(&mut self) -> Option<Vec<u8>> {
        (!self.open.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> Vec<u8> {
        if self.open.last() == Some(&b'\r') {
            self.open.pop();
        }
        std::mem::take(&mut self.open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_the_chunks_are_cut() {
        let text = b"one\r\n\ntwo three\nlast";
        for size in 1..text.len() {
            let mut lines = Lines::default();
            let mut all: Vec<Vec<u8>> = text
                .chunks(size)
                .flat_map(|chunk| lines.push(chunk))
                .collect();
            all.extend(lines.finish());
            assert_eq!(all, [&b"one"[..], b"", b"two three", b"last"]);
            assert_eq!(lines.finish(), None);
        }
    }
}
