//! Log lines: a bounded ring per service, merged in time order when read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use crate::stack::ServiceName;

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A build of the service.
    Build,
    /// A mark that Boatyard set: a run began, a build went live.
    Mark(MarkKind),
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

/// A kept line.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// Position among all lines of the session; grows by one each.
    pub seq: u64,
    /// The line.
    pub line: NewLine,
}

/// The lines of one session.
#[derive(Debug)]
pub struct Logs {
    budget: usize,
    next_seq: u64,
    services: BTreeMap<ServiceName, Ring>,
}

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
            next_seq: 0,
            services: BTreeMap::new(),
        }
    }

    /// Keeps a line; the oldest line of the fullest service goes if there is no room.
    pub fn push(&mut self, line: NewLine) {
        let seq = self.next_seq;
        self.next_seq += 1;
        let ring = self.services.entry(line.service.clone()).or_default();
        ring.bytes += line.bytes.len();
        ring.lines.push_back(Arc::new(LogLine { seq, line }));
        let mut total: usize = self.services.values().map(|ring| ring.bytes).sum();
        while total > self.budget {
            let Some(fullest) = self.services.values_mut().max_by_key(|ring| ring.bytes) else {
                return;
            };
            let Some(oldest) = fullest.lines.pop_front() else {
                return;
            };
            fullest.bytes -= oldest.line.bytes.len();
            fullest.dropped += 1;
            total -= oldest.line.bytes.len();
        }
    }

    /// At most `limit` lines from this number on, in the order in which they came.
    pub fn since(&self, seq: u64, limit: usize) -> Followed {
        let mut lines: Vec<_> = self
            .services
            .values()
            .flat_map(|ring| ring.lines.iter().filter(|line| line.seq >= seq).cloned())
            .collect();
        lines.sort_by_key(|line| line.seq);
        lines.truncate(limit);
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

    /// How many lines of this service were dropped.
    pub fn dropped(&self, service: &ServiceName) -> u64 {
        self.services.get(service).map_or(0, |ring| ring.dropped)
    }
}
