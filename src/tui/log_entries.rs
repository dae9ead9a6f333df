//! What the log pane shows in one piece: a line, or the lines of one message, folded or not.
//!
//! An entry stands where its first line stands that the filter lets pass. So whether a line makes an entry can be told
//! from its own group alone, and reading goes on from any position in either direction.

use std::collections::HashSet;
use std::sync::Arc;

use super::log_context::Context;
use super::log_groups::{Group, Groups};
use crate::telemetry::line::{self, Format};
use crate::telemetry::{Direction, LogLine, Position, Select, Telemetry};
use crate::text;

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
    pub(super) lines: Group,
    /// Where it stands.
    pub(super) at: Position,
    /// Whether it is shown in full.
    pub(super) open: bool,
    /// Whether it is shown for the sake of others only: the filter lets none of its lines pass.
    pub(super) is_context: bool,
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

    /// Which of its lines are seen while it is folded: those that tell most.
    pub(super) fn telling(&self) -> Vec<usize> {
        let lines = self.lines.iter();
        let lines: Vec<_> = lines.map(|line| text::readable(&line.line.bytes)).collect();
        let lines: Vec<&str> = lines.iter().map(|line| &**line).collect();
        line::telling(&lines)
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
    pub(super) groups: &'a Groups,
    /// What is shown beside what is asked for.
    pub(super) context: Option<Context<'a>>,
}

/// Entries that were asked for.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// The oldest first; as they were met, where that is said.
    pub(super) entries: Vec<Entry>,
    /// Whether more may be there than was looked at.
    pub(super) partial: bool,
}

impl Reader<'_> {
    /// The entries before this position that are nearest to it.
    pub(super) fn before(&self, before: Position, limit: usize) -> Entries {
        let mut read = self.read(before, limit, Direction::Back);
        read.entries.reverse();
        read
    }

    /// The entries after this position that are nearest to it.
    pub(super) fn after(&self, after: Position, limit: usize) -> Entries {
        self.read(after, limit, Direction::Forward)
    }

    fn read(&self, from: Position, limit: usize, to: Direction) -> Entries {
        match self.context {
            Some(context) => self.with_context(context, from, limit, to),
            None => self.met(self.select, from, limit, to),
        }
    }

    /// The nearest entries beyond this position, made of lines that are selected, as they are met.
    pub(super) fn met(
        &self,
        mut select: Select<'_>,
        from: Position,
        limit: usize,
        to: Direction,
    ) -> Entries {
        let mut found = Vec::new();
        let mut at = from;
        while found.len() < limit {
            let wanted = limit - found.len();
            let mut page = match to {
                Direction::Back => self.telemetry.page_before(select, at, wanted),
                Direction::Forward => self.telemetry.page_after(select, at, wanted),
            };
            if to == Direction::Back {
                page.lines.reverse();
            }
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

    /// The entry in which this line is, wherever that stands: where its first line stands that is asked for, or else its first
    /// line of all.
    pub(super) fn entry_of(&self, line: &Arc<LogLine>) -> Entry {
        let lines = self.groups.of(self.telemetry, line);
        let asked = lines.iter().find(|line| self.passes(line));
        let at = asked.unwrap_or(&lines[0]).position();
        Entry {
            at,
            open: self.folding.is_open(lines[0].seq),
            is_context: asked.is_none(),
            lines,
        }
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
}
