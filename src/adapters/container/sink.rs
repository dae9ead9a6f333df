//! Pieces of a run's output become whole lines in the log store, in the order in which they came.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::frames::index;
use crate::stack::ServiceName;
use crate::telemetry::{NewLine, Stream, Telemetry};

/// A line longer than this is stored in pieces of this size, so that one endless line cannot take all memory.
pub(super) const LONGEST_LINE: usize = 16 << 20;

/// How many of a run's last lines are kept for its end.
const LAST_LINES: usize = 20;

/// How much of each of the last lines is kept.
const LAST_LINE_BYTES: usize = 2 << 10;

/// Silence that is long enough to put a checkpoint into: far longer than the engine needs from reading a line to
/// stamping it.
const SILENCE: SignedDuration = SignedDuration::from_millis(200);

/// Where a run's output goes, and how far it has come.
#[derive(Debug)]
pub(super) struct Sink {
    telemetry: Arc<Telemetry>,
    service: ServiceName,
    run: u64,
    partial: [Vec<u8>; 2],
    batch: Vec<NewLine>,
    last: LastLines,
    last_chunk: Option<Timestamp>,
    position: Position,
    /// Whether this machine's clock is the engine's, so that checkpoints can be taken.
    clock_is_engines: bool,
}

/// How much has come since a moment in which nothing was on its way: what a gap is filled from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// The moment; `None`: the program's first start.
    pub since: Option<Timestamp>,
    /// Bytes of stdout and stderr that came after it.
    pub bytes: [u64; 2],
}

impl Sink {
    pub(super) fn new(
        telemetry: Arc<Telemetry>,
        service: ServiceName,
        run: u64,
        clock_is_engines: bool,
    ) -> Self {
        Self {
            telemetry,
            service,
            run,
            partial: [Vec::new(), Vec::new()],
            batch: Vec::new(),
            last: LastLines::default(),
            last_chunk: None,
            position: Position::default(),
            clock_is_engines,
        }
    }

    /// How far the output has come.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// The program is about to be started again in the same container: what it said before, which has been finished, lies
    /// before `since`.
    pub(super) fn begin_again(&mut self, since: Timestamp) {
        self.position = Position {
            since: Some(since),
            bytes: [0; 2],
        };
        self.last_chunk = None;
    }

    /// A read has returned at this time: perhaps a good place for a checkpoint.
    pub(super) fn chunk_begins(&mut self, now: Timestamp) {
        if let Some(last) = self.last_chunk.replace(now) {
            let silence = now.duration_since(last);
            let whole = self.partial.iter().all(Vec::is_empty);
            if self.clock_is_engines && whole && silence >= SILENCE {
                self.position = Position {
                    since: Some(last + silence / 2),
                    bytes: [0; 2],
                };
            }
        }
    }

    /// Something came that was not announced by [`Sink::chunk_begins`], so how long it was silent is not known.
    pub(super) fn forget_silence(&mut self) {
        self.last_chunk = None;
    }

    /// A piece of one stream. Whole lines in it wait for [`Sink::commit`].
    pub(super) fn take(&mut self, stream: Stream, mut bytes: &[u8], at: Timestamp) {
        let which = index(stream);
        self.position.bytes[which] += bytes.len() as u64;
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            bytes = &rest[1..];
            self.end_line(which, stream, line, at);
        }
        if bytes.is_empty() {
            return;
        }
        self.partial[which].extend_from_slice(bytes);
        while self.partial[which].len() >= LONGEST_LINE {
            let rest = self.partial[which].split_off(LONGEST_LINE);
            let piece = std::mem::replace(&mut self.partial[which], rest);
            self.keep(stream, piece, at);
        }
    }

    /// Hands the whole lines to the store: one lock and one touch.
    pub(super) fn commit(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let from = self.batch.len().saturating_sub(LAST_LINES);
        for line in &self.batch[from..] {
            self.last.keep(&line.bytes);
        }
        self.telemetry.logs().push_all(self.batch.drain(..));
        self.telemetry.touch();
    }

    /// The output has ended: what has no line end is a line too.
    pub(super) fn finish(&mut self, at: Timestamp) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = std::mem::take(&mut self.partial[index(stream)]);
            if !rest.is_empty() {
                self.keep(stream, rest, at);
            }
        }
        self.commit();
    }

    /// Something that the run's reader must be told about its output.
    pub(super) fn say(&mut self, text: &str) {
        let line = format!("boatyard: {text}").into_bytes();
        self.keep(Stream::Stderr, line, Timestamp::now());
        self.commit();
    }

    /// The last lines of both streams, as text.
    pub(super) fn last_lines(&self) -> Vec<String> {
        self.last.shown()
    }

    fn end_line(&mut self, which: usize, stream: Stream, line: &[u8], at: Timestamp) {
        let mut whole = std::mem::take(&mut self.partial[which]);
        if whole.is_empty() {
            whole = line.to_vec();
        } else {
            whole.extend_from_slice(line);
        }
        if whole.last() == Some(&b'\r') {
            whole.pop();
        }
        self.keep(stream, whole, at);
    }

    fn keep(&mut self, stream: Stream, bytes: Vec<u8>, at: Timestamp) {
        self.batch.push(NewLine {
            service: self.service.clone(),
            run: self.run,
            at,
            stream,
            bytes,
        });
    }
}

/// The last lines of a run, in buffers that are used again.
#[derive(Debug, Default)]
struct LastLines {
    lines: VecDeque<Vec<u8>>,
}

impl LastLines {
    fn keep(&mut self, line: &[u8]) {
        let mut buffer = if self.lines.len() < LAST_LINES {
            Vec::new()
        } else {
            self.lines.pop_front().unwrap_or_default()
        };
        buffer.clear();
        buffer.extend_from_slice(&line[..line.len().min(LAST_LINE_BYTES)]);
        self.lines.push_back(buffer);
    }

    fn shown(&self) -> Vec<String> {
        self.lines
            .iter()
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect()
    }
}

#[cfg(test)]
#[path = "sink_tests.rs"]
mod tests;
