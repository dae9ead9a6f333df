//! What the log pane shows in one piece: a line, or the lines of one message, folded or not.
//!
//! An entry stands where its first line stands that the filter lets pass. So whether a line makes an entry can be told
//! from its own group alone, and reading goes on from any position in either direction.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::stack::ServiceName;
use crate::telemetry::line::{self, Format, Shape};
use crate::telemetry::{LogLine, Position, Select, Stream, Telemetry};
use crate::text;

/// Lines of one message come no farther apart than this.
const TOGETHER: Duration = Duration::from_secs(2);
/// How many lines are looked at first, and at most, to find where a message begins or ends.
const FIRST_LOOK: usize = 4;
const LONGEST_LOOK: usize = 2_000;

/// Which entries are shown in full.
#[derive(Debug, Clone, Default)]
pub(super) struct Folding {
    /// Whether entries are shown in full that were not turned one by one.
    all: bool,
    /// Numbers of the first lines of those that were.
    turned: HashSet<u64>,
}

impl Folding {
    pub(super) fn is_open(&self, seq: u64) -> bool {
        self.all != self.turned.contains(&seq)
    }

    pub(super) fn turn(&mut self, seq: u64) {
        if !self.turned.remove(&seq) {
            self.turned.insert(seq);
        }
    }

    pub(super) fn set_all(&mut self, open: bool) {
        self.all = open;
        self.turned.clear();
    }
}

/// What is shown in one piece.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Its lines, the oldest first; never none.
    pub(super) lines: Vec<Arc<LogLine>>,
    /// Where it stands.
    pub(super) at: Position,
    /// Whether it is shown in full.
    pub(super) open: bool,
}

impl Entry {
    pub(super) fn head(&self) -> &Arc<LogLine> {
        &self.lines[0]
    }

    /// The rows that it takes, each of a line or a part of one.
    pub(super) fn rows(&self) -> usize {
        match (self.open, self.lines.len()) {
            (false, _) => 1,
            (true, 1) => 1 + json_of(self.head()).map_or(0, |json| super::body::json(&json).len()),
            (true, lines) => lines,
        }
    }

    /// The line that stands in this row.
    pub(super) fn line(&self, row: usize) -> &Arc<LogLine> {
        if self.open && self.lines.len() > 1 {
            self.lines.get(row).unwrap_or(self.head())
        } else {
            self.head()
        }
    }

    /// Whether there is something to be unfolded.
    pub(super) fn unfolds(&self) -> bool {
        self.lines.len() > 1 || json_of(self.head()).is_some()
    }
}

/// The text of a line that is a JSON object.
pub(super) fn json_of(line: &LogLine) -> Option<String> {
    let begins = line
        .line
        .bytes
        .iter()
        .find(|byte| !byte.is_ascii_whitespace());
    if begins != Some(&b'{') {
        return None;
    }
    let text = text::readable(&line.line.bytes);
    let found = line::recognise(&text)?;
    (found.format == Format::Json).then(|| text.into_owned())
}

/// Reads entries from the store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) telemetry: &'a Telemetry,
    pub(super) select: Select<'a>,
    pub(super) folding: &'a Folding,
}

/// Entries that were asked for.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// The oldest first.
    pub(super) entries: Vec<Entry>,
    /// Whether more may be there than was looked at.
    pub(super) partial: bool,
}

impl Reader<'_> {
    /// The entries before this position that are nearest to it.
    pub(super) fn before(&self, before: Position, limit: usize) -> Entries {
        let mut found = Vec::new();
        let mut select = self.select;
        let mut at = before;
        while found.len() < limit {
            let wanted = limit - found.len();
            let page = self.telemetry.page_before(select, at, wanted);
            found.extend(page.lines.iter().rev().filter_map(|line| self.entry(line)));
            let (Some(reached), true) = (page.reached, page.lines.len() == wanted) else {
                found.truncate(limit);
                found.reverse();
                return Entries {
                    entries: found,
                    partial: page.reached.is_some(),
                };
            };
            at = reached;
            select.patience = select.patience.saturating_sub(wanted).max(1);
        }
        found.truncate(limit);
        found.reverse();
        Entries {
            entries: found,
            partial: false,
        }
    }

    /// The entries after this position that are nearest to it.
    pub(super) fn after(&self, after: Position, limit: usize) -> Entries {
        let mut found = Vec::new();
        let mut select = self.select;
        let mut at = after;
        while found.len() < limit {
            let wanted = limit - found.len();
            let page = self.telemetry.page_after(select, at, wanted);
            found.extend(page.lines.iter().filter_map(|line| self.entry(line)));
            let (Some(reached), true) = (page.reached, page.lines.len() == wanted) else {
                return Entries {
                    entries: found,
                    partial: page.reached.is_some(),
                };
            };
            at = reached;
            select.patience = select.patience.saturating_sub(wanted).max(1);
        }
        Entries {
            entries: found,
            partial: false,
        }
    }

    /// The entry in which this line is, wherever that stands.
    pub(super) fn entry_of(&self, line: &Arc<LogLine>) -> Entry {
        let lines = self.group(line);
        let at = lines.iter().find(|line| self.passes(line));
        let at = at.map_or(line.position(), |line| line.position());
        let open = self.folding.is_open(lines[0].seq);
        Entry { lines, at, open }
    }

    /// The entry that stands where this line stands, if one does.
    fn entry(&self, line: &Arc<LogLine>) -> Option<Entry> {
        let entry = self.entry_of(line);
        (entry.at == line.position()).then_some(entry)
    }

    fn passes(&self, line: &LogLine) -> bool {
        let filter = self.select.filter;
        filter.is_none_or(|filter| filter.matches_line(line))
    }

    /// The lines of the message to which this line belongs.
    fn group(&self, line: &Arc<LogLine>) -> Vec<Arc<LogLine>> {
        if !matches!(line.line.stream, Stream::Stdout | Stream::Stderr) {
            return vec![line.clone()];
        }
        let services = std::slice::from_ref(&line.line.service);
        let mut lines = self.back_to_beginning(services, line);
        let own = lines.len() - 1;
        let mut look = FIRST_LOOK;
        loop {
            let shapes: Vec<Shape> = lines.iter().map(|line| shape_of(line)).collect();
            let found = line::groups(&shapes)
                .into_iter()
                .find(|group| group.contains(&own));
            let group = found.unwrap_or(own..own + 1);
            let is_whole = group.end < lines.len() || lines.len() > LONGEST_LOOK;
            let more = if is_whole {
                Vec::new()
            } else {
                self.below(services, &lines[lines.len() - 1], look)
            };
            if more.is_empty() {
                return lines.drain(group).collect();
            }
            lines.extend(more);
            look *= 4;
        }
    }

    /// The line and those above it, up to one with which a message surely begins.
    fn back_to_beginning(
        &self,
        services: &[ServiceName],
        line: &Arc<LogLine>,
    ) -> Vec<Arc<LogLine>> {
        let mut lines = vec![line.clone()];
        let mut look = FIRST_LOOK;
        let mut shape = shape_of(line);
        'looking: while lines.len() < LONGEST_LOOK && !matches!(shape, Shape::Begins { .. }) {
            let oldest = lines[lines.len() - 1].clone();
            let select = plain(services);
            let page = self.telemetry.page_before(select, oldest.position(), look);
            for above in page.lines.iter().rev() {
                if !is_of_one(above, line) {
                    continue;
                }
                if !is_near(above, &lines[lines.len() - 1]) {
                    break 'looking;
                }
                let before = shape_of(above);
                if line::begins(Some(before), shape) {
                    break 'looking;
                }
                lines.push(above.clone());
                shape = before;
            }
            if page.lines.len() < look {
                break;
            }
            look *= 4;
        }
        lines.reverse();
        lines
    }

    /// Lines below this one that may go on with it.
    fn below(
        &self,
        services: &[ServiceName],
        line: &Arc<LogLine>,
        look: usize,
    ) -> Vec<Arc<LogLine>> {
        let mut last = line.clone();
        let mut at = line.position();
        let mut found = Vec::new();
        loop {
            let page = self.telemetry.page_after(plain(services), at, look);
            for below in &page.lines {
                at = below.position();
                if !is_near(&last, below) {
                    return found;
                }
                if is_of_one(below, line) {
                    last = below.clone();
                    found.push(below.clone());
                }
            }
            // Another stream may say much meanwhile.
            if !found.is_empty() || page.lines.len() < look {
                return found;
            }
        }
    }
}

fn plain(services: &[ServiceName]) -> Select<'_> {
    Select {
        services,
        filter: None,
        patience: LONGEST_LOOK,
    }
}

fn is_of_one(line: &LogLine, other: &LogLine) -> bool {
    (line.line.run, line.line.stream) == (other.line.run, other.line.stream)
}

fn is_near(older: &LogLine, newer: &LogLine) -> bool {
    newer.line.at.duration_since(older.line.at).unsigned_abs() <= TOGETHER
}

fn shape_of(line: &LogLine) -> Shape {
    let bytes = &line.line.bytes;
    line::shape(&text::readable(&bytes[..bytes.len().min(1 << 10)]))
}
