//! Log lines: a bounded ring per service, merged in time order when read.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use super::exchange::{SpanId, TraceId};
use super::level::Level;
use crate::stack::ServiceName;
use crate::text::{self, Redactor};

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A build of the service.
    Build,
    /// A log record that the service sent by OpenTelemetry.
    Otlp,
    /// A mark that Boatyard set: a run began, a build went live.
    Mark(MarkKind),
}

impl Stream {
    /// Its name, lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Build => "build",
            Self::Otlp => "otlp",
            Self::Mark(_) => "mark",
        }
    }
}

/// What a mark stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkKind {
    /// A run began.
    Started,
    /// A run took over.
    Live,
    /// A run ended.
    Ended,
}

/// A line to be kept.
#[derive(Debug, Clone)]
pub struct NewLine {
    /// Who said it.
    pub service: ServiceName,
    /// Number of the run (or build) that said it.
    pub run: u64,
    /// When.
    pub at: Timestamp,
    /// On which stream.
    pub stream: Stream,
    /// What, as it came, without its line end.
    pub bytes: Vec<u8>,
}

/// What a log record says of itself, beside its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// How serious it is; `None`: read from the line, as for any other.
    pub level: Option<Level>,
    /// The trace and the span in which it was written.
    pub of: Option<(TraceId, Option<SpanId>)>,
}

/// A kept line.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// Position among all lines of the session, in the order in which they came; grows by one each.
    pub seq: u64,
    /// How serious it says it is.
    pub level: Option<Level>,
    /// The trace and the span in which it was written, where the program itself told them.
    pub of: Option<Box<(TraceId, Option<SpanId>)>>,
    /// The line. Its time is never before that of the service's line before it (of the same kind: printed, or sent as a record).
    pub line: NewLine,
}

/// Where a line stands in time among the lines of all services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// When it was said.
    pub at: Timestamp,
    /// Decides between lines of one moment.
    pub seq: u64,
}

impl Position {
    /// Before all lines.
    pub const FIRST: Self = Self {
        at: Timestamp::MIN,
        seq: 0,
    };
    /// After all lines.
    pub const LAST: Self = Self {
        at: Timestamp::MAX,
        seq: u64::MAX,
    };
}

impl LogLine {
    /// Where it stands in time.
    pub fn position(&self) -> Position {
        Position {
            at: self.line.at,
            seq: self.seq,
        }
    }

    /// What it costs to keep, in bytes.
    fn cost(&self) -> usize {
        const OVERHEAD: usize = size_of::<LogLine>() + 4 * size_of::<usize>();
        const CONTEXT: usize = size_of::<(TraceId, Option<SpanId>)>();
        self.line.bytes.len() + OVERHEAD + self.of.as_ref().map_or(0, |_| CONTEXT)
    }
}

/// The lines of one session.
#[derive(Debug)]
pub struct Logs {
    budget: usize,
    kept: usize,
    next_seq: u64,
    dropped: u64,
    /// Whether a ring holds what was sent as records: those arrive late, and their times with them.
    services: BTreeMap<(ServiceName, bool), Ring>,
    redactor: Redactor,
}

/// The lines of one service: sorted by number and by time at once.
#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<Arc<LogLine>>,
    bytes: usize,
    dropped: u64,
}

/// Lines that came since a follower last looked.
#[derive(Debug, Clone, Default)]
pub struct Followed {
    /// The lines, in the order in which they came.
    pub lines: Vec<Arc<LogLine>>,
    /// Where to go on.
    pub next: u64,
    /// Lines that had been dropped before they could be read.
    pub missed: u64,
}

impl Logs {
    /// No lines; at most `budget` bytes in all.
    pub fn new(budget: usize) -> Self {
        Self {
            budget,
            kept: 0,
            next_seq: 0,
            dropped: 0,
            services: BTreeMap::new(),
            redactor: Redactor::default(),
        }
    }

    /// From now on masks these secrets in every line before it is kept.
    pub fn mask(&mut self, redactor: Redactor) {
        self.redactor = redactor;
    }

    /// Keeps a line; the oldest lines of the fullest service go if there is no room. Tells the line's number.
    pub fn push(&mut self, line: NewLine) -> u64 {
        self.push_told(line, Told::default())
    }

    /// The same for a line of which more is known.
    pub fn push_told(&mut self, mut line: NewLine, told: Told) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        line.bytes = self.redactor.bytes(line.bytes);
        let level = match line.stream {
            Stream::Mark(_) => None,
            _ => told.level.or_else(|| Level::of_line(&line.bytes)),
        };
        let of = told.of.map(Box::new);
        let key = (line.service.clone(), line.stream == Stream::Otlp);
        let ring = self.services.entry(key).or_default();
        // Two streams of one service are read by two tasks, and clocks are set back: the order of arrival holds.
        if let Some(last) = ring.lines.back() {
            line.at = line.at.max(last.line.at);
        }
        let line = LogLine {
            seq,
            level,
            of,
            line,
        };
        self.kept += line.cost();
        ring.bytes += line.cost();
        ring.lines.push_back(Arc::new(line));
        while self.kept > self.budget && self.drop_oldest() {}
        seq
    }

    fn drop_oldest(&mut self) -> bool {
        let fullest = self.services.values_mut().max_by_key(|ring| ring.bytes);
        let Some((ring, oldest)) = fullest.and_then(|ring| {
            let oldest = ring.lines.pop_front()?;
            Some((ring, oldest))
        }) else {
            return false;
        };
        ring.bytes -= oldest.cost();
        ring.dropped += 1;
        self.kept -= oldest.cost();
        self.dropped += 1;
        true
    }

    /// How many lines of this service were dropped.
    pub fn dropped(&self, service: &ServiceName) -> u64 {
        let own = self
            .services
            .iter()
            .filter(|((name, _), _)| name == service);
        own.map(|(_, ring)| ring.dropped).sum()
    }

    /// How many lines of all services were dropped.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped
    }

    /// The number that the next line gets: where a follower begins that wants only what is new.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// At most `limit` lines from this number on, in the order in which they came.
    pub fn since(&self, seq: u64, limit: usize) -> Followed {
        let tails = self.services.values().map(|ring| ring.since(seq)).collect();
        let merged = merge(tails, |line| Reverse(line.seq));
        let lines: Vec<_> = merged.take(limit).cloned().collect();
        let next = match lines.last() {
            Some(last) if lines.len() == limit => last.seq + 1,
            _ => self.next_seq.max(seq),
        };
        Followed {
            missed: (next - seq).saturating_sub(lines.len() as u64),
            next,
            lines,
        }
    }

    /// The lines of one run from this number on, the oldest first, and where to go on.
    pub fn of_run_since(&self, service: &ServiceName, run: u64, seq: u64) -> Followed {
        let lines = self
            .services
            .get(&(service.clone(), false))
            .into_iter()
            .flat_map(|ring| ring.since(seq));
        Followed {
            lines: lines
                .filter(|line| line.line.run == run && line.is_output())
                .cloned()
                .collect(),
            next: self.next_seq.max(seq),
            missed: 0,
        }
    }

    /// The last lines that a run printed, made harmless, for a report.
    pub fn run_tail(&self, service: &ServiceName, run: u64, limit: usize) -> Vec<String> {
        let lines = self
            .services
            .get(&(service.clone(), false))
            .into_iter()
            .flat_map(|ring| ring.lines.iter().rev());
        let mut tail: Vec<String> = lines
            .filter(|line| line.line.run == run && line.is_output())
            .take(limit)
            .map(|line| text::plain(&line.line.bytes))
            .collect();
        tail.reverse();
        tail
    }

    /// At most `limit` lines of these services (none named: of all) before this position, the newest first.
    pub fn before(
        &self,
        services: &[ServiceName],
        position: Position,
        limit: usize,
    ) -> Vec<Arc<LogLine>> {
        let heads = self.chosen(services).map(|ring| {
            let end = ring
                .lines
                .partition_point(|line| line.position() < position);
            ring.lines.range(..end).rev()
        });
        merge(heads.collect(), LogLine::position)
            .take(limit)
            .cloned()
            .collect()
    }

    /// At most `limit` lines of these services (none named: of all) after this position, the oldest first.
    pub fn after(
        &self,
        services: &[ServiceName],
        position: Position,
        limit: usize,
    ) -> Vec<Arc<LogLine>> {
        let tails = self.chosen(services).map(|ring| {
            let start = ring
                .lines
                .partition_point(|line| line.position() <= position);
            ring.lines.range(start..)
        });
        merge(tails.collect(), |line| Reverse(line.position()))
            .take(limit)
            .cloned()
            .collect()
    }

    fn chosen(&self, services: &[ServiceName]) -> impl Iterator<Item = &Ring> {
        let rings = self.services.iter();
        rings
            .filter(|((name, _), _)| services.is_empty() || services.contains(name))
            .map(|(_, ring)| ring)
    }
}

impl LogLine {
    /// Whether the program itself printed it.
    fn is_output(&self) -> bool {
        matches!(self.line.stream, Stream::Stdout | Stream::Stderr)
    }
}

impl Ring {
    fn since(&self, seq: u64) -> impl Iterator<Item = &Arc<LogLine>> {
        let start = self.lines.partition_point(|line| line.seq < seq);
        self.lines.range(start..)
    }
}

/// Sorted sequences as one, the greatest key first.
fn merge<'a, K: Ord>(
    mut sources: Vec<impl Iterator<Item = &'a Arc<LogLine>>>,
    key: impl Fn(&LogLine) -> K,
) -> impl Iterator<Item = &'a Arc<LogLine>> {
    let mut heads: Vec<_> = sources.iter_mut().map(Iterator::next).collect();
    let keyed = heads.iter().enumerate();
    let mut order: BinaryHeap<(K, usize)> = keyed
        .filter_map(|(index, head)| head.map(|line| (key(line), index)))
        .collect();
    std::iter::from_fn(move || {
        let (_, index) = order.pop()?;
        let next = sources[index].next();
        if let Some(line) = next {
            order.push((key(line), index));
        }
        std::mem::replace(&mut heads[index], next)
    })
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
