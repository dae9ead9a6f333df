//! Lines packed together, in memory and on disk alike: what each is in one row of bytes, what each says in another.
//!
//! The words stand one after the other with a `\n` behind each, so that a search looks at all of them at once. An entry is a
//! byte of flags, then as varints (LEB128) how far its number, its time (in nanoseconds) and its run are from those of the
//! entry before, and how long it is; then, where it has one, its trace (16 bytes) and span (8 bytes).

use jiff::{SignedDuration, Timestamp};

use crate::stack::ServiceName;
use crate::telemetry::exchange::{SpanId, TraceId};
use crate::telemetry::level::Level;
use crate::telemetry::log::{LogLine, MarkKind, NewLine, Position, Stream};

/// A line with all that is known of it, before it has a number.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    pub(super) line: NewLine,
    pub(super) level: Option<Level>,
    pub(super) of: Option<(TraceId, Option<SpanId>)>,
    /// Whether nothing in it has to be removed before it is shown.
    pub(super) plain: bool,
}

/// What is known of lines without looking at them. Numbers and times both grow from line to line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) lines: u32,
    /// How many of them a build said; known of lines of this session alone.
    pub(super) builds: u32,
    pub(super) first: Position,
    pub(super) last: Position,
    /// The smallest and the greatest number of a run.
    pub(super) runs: (u64, u64),
    /// Whether every line is plain, so that the words can be searched as they stand.
    pub(super) plain: bool,
}

impl Summary {
    const NONE: Self = Self {
        lines: 0,
        builds: 0,
        first: Position::FIRST,
        last: Position::FIRST,
        runs: (u64::MAX, 0),
        plain: true,
    };

    /// Takes in what follows.
    pub(super) fn extend(&mut self, next: &Self) {
        if self.lines == 0 {
            self.first = next.first;
        }
        self.lines = self.lines.saturating_add(next.lines);
        self.builds = self.builds.saturating_add(next.builds);
        self.last = next.last;
        self.runs = (self.runs.0.min(next.runs.0), self.runs.1.max(next.runs.1));
        self.plain &= next.plain;
    }

    /// How many lines it has that no build said.
    pub(super) fn said(&self) -> u64 {
        u64::from(self.lines.saturating_sub(self.builds))
    }

    /// Whether it may have lines of this run.
    pub(super) fn may_have(&self, run: u64) -> bool {
        (self.runs.0..=self.runs.1).contains(&run)
    }
}

/// Lines of one service.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) entries: Vec<u8>,
    pub(super) text: Vec<u8>,
    pub(super) summary: Summary,
    /// Run of the first line: entries tell the difference.
    pub(super) first_run: u64,
    last_run: u64,
}

/// One line of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) position: Position,
    pub(super) run: u64,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) stream: Stream,
    pub(super) plain: bool,
    level: Option<Level>,
    /// Where its trace stands among the entries.
    of: Option<usize>,
}

impl Entry {
    /// Whether the program itself printed it.
    pub(super) fn is_output(&self) -> bool {
        matches!(self.stream, Stream::Stdout | Stream::Stderr)
    }
}

/// The block is not what was written.
#[derive(Debug)]
pub(super) struct Damaged;

/// Reads the entries of a block.
pub(super) struct InTurn<'a> {
    block: &'a Block,
    reader: Reader<'a>,
    position: Position,
    run: u64,
    start: usize,
    lines: usize,
}

impl InTurn<'_> {
    /// The next one; `None` behind the last.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Damaged> {
        let block = self.block;
        if self.reader.at >= block.entries.len() {
            let whole = self.start == block.text.len();
            let whole = whole && self.lines == block.summary.lines as usize;
            return if whole { Ok(None) } else { Err(Damaged) };
        }
        let entry = self.reader.entry(self.position, self.run, self.start);
        let entry = entry.ok_or(Damaged)?;
        if block.text.get(entry.end) != Some(&b'\n') {
            return Err(Damaged);
        }
        (self.position, self.run, self.start) = (entry.position, entry.run, entry.end + 1);
        self.lines += 1;
        Ok(Some(entry))
    }
}

impl Default for Block {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            text: Vec::new(),
            summary: Summary::NONE,
            first_run: 0,
            last_run: 0,
        }
    }
}

impl Block {
    /// A block as it was read.
    pub(super) fn of(entries: Vec<u8>, text: Vec<u8>, summary: Summary, first_run: u64) -> Self {
        Self {
            entries,
            text,
            summary,
            first_run,
            last_run: first_run,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.summary.lines == 0
    }

    /// What it costs to keep, in bytes.
    pub(super) fn cost(&self) -> usize {
        const OVERHEAD: usize = size_of::<Block>() + 4 * size_of::<usize>();
        if self.is_empty() {
            0
        } else {
            self.entries.len() + self.text.len() + OVERHEAD
        }
    }

    /// Adds a line; its place is behind that of the last one.
    pub(super) fn push(&mut self, ready: &Ready, position: Position) {
        let run = ready.line.run;
        if self.is_empty() {
            self.summary.last = position;
            (self.first_run, self.last_run) = (run, run);
        }
        let before = self.summary.last;
        self.entries.push(flags(ready));
        put(&mut self.entries, u128::from(position.seq - before.seq));
        let later = if position.at == before.at {
            0
        } else {
            position.at.as_nanosecond() - before.at.as_nanosecond()
        };
        put(&mut self.entries, later.unsigned_abs());
        put(&mut self.entries, zigzag(self.last_run, run));
        put(&mut self.entries, ready.line.bytes.len() as u128);
        if let Some((trace, span)) = ready.of {
            self.entries.extend_from_slice(&trace.0.to_le_bytes());
            self.entries.push(u8::from(span.is_some()));
            self.entries
                .extend_from_slice(&span.map_or(0, |span| span.0).to_le_bytes());
        }
        self.text.extend_from_slice(&ready.line.bytes);
        self.text.push(b'\n');
        self.last_run = run;
        self.summary.extend(&Summary {
            lines: 1,
            builds: u32::from(ready.line.stream == Stream::Build),
            first: position,
            last: position,
            runs: (run, run),
            plain: ready.plain,
        });
    }

    /// Every entry. `None` if the block is damaged.
    pub(super) fn entries(&self) -> Option<Vec<Entry>> {
        let mut all = Vec::with_capacity((self.summary.lines as usize).min(self.entries.len()));
        let mut entries = self.in_turn();
        while let Some(entry) = entries.next().ok()? {
            all.push(entry);
        }
        Some(all)
    }

    /// One entry after the other.
    pub(super) fn in_turn(&self) -> InTurn<'_> {
        InTurn {
            block: self,
            reader: Reader {
                bytes: &self.entries,
                at: 0,
            },
            position: self.summary.first,
            run: self.first_run,
            start: 0,
            lines: 0,
        }
    }

    /// What a line says.
    pub(super) fn words(&self, entry: &Entry) -> &[u8] {
        &self.text[entry.start..entry.end]
    }

    /// The line itself.
    pub(super) fn line(&self, service: &ServiceName, entry: &Entry) -> LogLine {
        LogLine {
            seq: entry.position.seq,
            level: entry.level,
            of: entry.of.and_then(|at| self.context(at)).map(Box::new),
            line: NewLine {
                service: service.clone(),
                run: entry.run,
                at: entry.position.at,
                stream: entry.stream,
                bytes: self.words(entry).to_vec(),
            },
        }
    }

    fn context(&self, at: usize) -> Option<(TraceId, Option<SpanId>)> {
        let bytes = self.entries.get(at..at + CONTEXT)?;
        let trace = u128::from_le_bytes(bytes[..16].try_into().ok()?);
        let span = u64::from_le_bytes(bytes[17..].try_into().ok()?);
        Some((TraceId(trace), (bytes[16] != 0).then_some(SpanId(span))))
    }
}

/// Bytes of a trace and a span.
const CONTEXT: usize = 16 + 1 + 8;

const STREAMS: [Stream; 8] = [
    Stream::Stdout,
    Stream::Stderr,
    Stream::Build,
    Stream::Otlp,
    Stream::Mark(MarkKind::Started),
    Stream::Mark(MarkKind::Live),
    Stream::Mark(MarkKind::Ended),
    Stream::Mark(MarkKind::Checked),
];

/// Bits 0 to 2: the stream; 3: plain; 4 to 6: the level, 0 being none; 7: a trace follows.
fn flags(ready: &Ready) -> u8 {
    let stream: u8 = match ready.line.stream {
        Stream::Stdout => 0,
        Stream::Stderr => 1,
        Stream::Build => 2,
        Stream::Otlp => 3,
        Stream::Mark(MarkKind::Started) => 4,
        Stream::Mark(MarkKind::Live) => 5,
        Stream::Mark(MarkKind::Ended) => 6,
        Stream::Mark(MarkKind::Checked) => 7,
    };
    let level: u8 = match ready.level {
        None => 0,
        Some(Level::Trace) => 1,
        Some(Level::Debug) => 2,
        Some(Level::Info) => 3,
        Some(Level::Warn) => 4,
        Some(Level::Error) => 5,
        Some(Level::Fatal) => 6,
    };
    stream | u8::from(ready.plain) << 3 | level << 4 | u8::from(ready.of.is_some()) << 7
}

fn put(out: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// The difference of two runs: even if it grows, odd if it shrinks.
fn zigzag(from: u64, to: u64) -> u128 {
    if to >= from {
        u128::from(to - from) << 1
    } else {
        (u128::from(from - to) << 1) - 1
    }
}

fn unzigzag(from: u64, difference: u128) -> Option<u64> {
    let by = u64::try_from((difference >> 1) + (difference & 1)).ok()?;
    if difference & 1 == 0 {
        from.checked_add(by)
    } else {
        from.checked_sub(by)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn number(&mut self) -> Option<u128> {
        let first = self.byte()?;
        let mut number = u128::from(first & 0x7f);
        let (mut byte, mut shift) = (first, 0);
        while byte & 0x80 != 0 {
            byte = self.byte()?;
            shift += 7;
            if shift > 120 {
                return None;
            }
            number |= u128::from(byte & 0x7f) << shift;
        }
        Some(number)
    }

    fn entry(&mut self, before: Position, run: u64, start: usize) -> Option<Entry> {
        let flags = self.byte()?;
        let seq = before.seq.checked_add(self.number()?.try_into().ok()?)?;
        let at = match self.number()? {
            0 => before.at,
            later => later_by(before.at, later)?,
        };
        let run = unzigzag(run, self.number()?)?;
        let end = start.checked_add(self.number()?.try_into().ok()?)?;
        let of = (flags & 0x80 != 0).then_some(self.at);
        if of.is_some() {
            self.at += CONTEXT;
            self.bytes.get(..self.at)?;
        }
        Some(Entry {
            position: Position { at, seq },
            run,
            start,
            end,
            stream: *STREAMS.get(usize::from(flags & 7))?,
            plain: flags & 8 != 0,
            level: match (flags >> 4) & 7 {
                0 => None,
                level => Some(*Level::ALL.get(usize::from(level) - 1)?),
            },
            of,
        })
    }
}

fn later_by(at: Timestamp, nanoseconds: u128) -> Option<Timestamp> {
    let nanoseconds = i128::try_from(nanoseconds).ok()?;
    at.checked_add(SignedDuration::try_from_nanos_i128(nanoseconds)?)
        .ok()
}
