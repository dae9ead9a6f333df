//! Cutting what a terminal gets into lines.

/// A line longer than this is cut.
const LONGEST: usize = 16 << 20;

/// Cuts bytes into lines. `\r\n` and `\n` end a line; of a line that was overwritten after a lone `\r` (a progress bar)
/// the last state is kept.
#[derive(Debug, Default)]
pub(super) struct LineCutter {
    pending: Vec<u8>,
    /// The last byte was a `\r`, whose meaning the next byte tells.
    carriage: bool,
    /// The beginning of this line was given out already.
    flushed: bool,
}

impl LineCutter {
    /// Takes bytes and gives out each line that they end.
    pub(super) fn cut(&mut self, bytes: &[u8], mut line: impl FnMut(Vec<u8>)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            self.take(text);
            if ends {
                self.carriage = false;
                let text = std::mem::take(&mut self.pending);
                if !(std::mem::take(&mut self.flushed) && text.is_empty()) {
                    line(text);
                }
            } else if self.pending.len() >= LONGEST {
                line(std::mem::take(&mut self.pending));
                self.flushed = true;
            }
        }
    }

    fn take(&mut self, text: &[u8]) {
        // A terminal's own `\n` → `\r\n` may follow a `\r` that the program wrote, so several can stand together.
        let kept = text.iter().rposition(|byte| *byte != b'\r');
        let Some(last) = kept else {
            self.carriage |= !text.is_empty();
            return;
        };
        let (body, tail) = text.split_at(last + 1);
        let overwritten = body.iter().rposition(|byte| *byte == b'\r');
        if overwritten.is_some() || self.carriage {
            self.pending.clear();
        }
        let shown = overwritten.map_or(body, |carriage| &body[carriage + 1..]);
        self.pending.extend_from_slice(shown);
        self.carriage = !tail.is_empty();
    }

    /// Whether there is the beginning of a line.
    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Gives out the beginning of a line that nobody ended: a prompt, or the last words.
    pub(super) fn flush(&mut self) -> Option<Vec<u8>> {
        let text = std::mem::take(&mut self.pending);
        self.carriage = false;
        if text.is_empty() {
            return None;
        }
        self.flushed = true;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the text whole, and byte by byte: both must give these lines.
    fn check(text: &str, expected: &[&str]) {
        for size in [text.len().max(1), 1, 2, 3] {
            let mut cutter = LineCutter::default();
            let mut lines = Vec::new();
            for chunk in text.as_bytes().chunks(size) {
                cutter.cut(chunk, |line| lines.push(String::from_utf8(line).unwrap()));
            }
            lines.extend(cutter.flush().map(|line| String::from_utf8(line).unwrap()));
            assert_eq!(lines, expected, "{text:?} in pieces of {size}");
        }
    }

    #[test]
    fn lines_are_cut_as_a_terminal_shows_them() {
        check("", &[]);
        check("a\r\nb\r\n", &["a", "b"]);
        check("a\nb", &["a", "b"]);
        check("\r\n\r\n", &["", ""]);
        check("10%\r20%\rdone\r\n", &["done"]);
        check("10%\r20%\r", &["20%"]);
        check("text\r\r\n", &["text"]);
        check("\x1b[31mred\x1b[0m\r\n", &["\x1b[31mred\x1b[0m"]);
        check("a\0b\r\n", &["a\0b"]);
    }

    #[test]
    fn a_prompt_is_given_out_once() {
        let mut cutter = LineCutter::default();
        let mut lines = Vec::new();
        cutter.cut(b"Continue? ", |line| lines.push(line));
        assert!(cutter.has_pending());
        lines.extend(cutter.flush());
        cutter.cut(b"\r\nyes\r\n", |line| lines.push(line));
        assert_eq!(lines, [b"Continue? ".to_vec(), b"yes".to_vec()]);
    }

    #[test]
    fn an_endless_line_is_cut() {
        let mut cutter = LineCutter::default();
        let mut lengths = Vec::new();
        let chunk = vec![b'x'; 1 << 20];
        for _ in 0..17 {
            cutter.cut(&chunk, |line| lengths.push(line.len()));
        }
        assert_eq!(lengths, [LONGEST]);
    }
}
