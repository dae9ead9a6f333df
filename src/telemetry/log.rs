//! Log lines, and what is known of each.

use std::sync::Arc;

use jiff::Timestamp;

use super::exchange::{SpanId, TraceId};
use super::level::Level;
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
    /// A smoke check passed or failed.
    Checked,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
