//! Moving about in the log pane: by rows, to the ends, to hits, errors and marks, and to a time.

use std::sync::Arc;

use jiff::Timestamp;

use super::log_entries::Entry;
use super::log_view::{LONG_PATIENCE, LogView, PATIENCE, Place, Source, just_after, just_before};
use crate::telemetry::{Direction, Filter, LogLine, Position, Select};

/// Lines of one message that are passed over on the way to the next one, at most.
const MANY: usize = 2_000;
/// Entries of which a hit is looked for in the context at once, and how often.
const AT_ONCE: usize = 200;
const PAGES: usize = 50;

impl LogView {
    /// Goes up by so many rows; the window moves along if `scroll`, else only when its edge is reached.
    pub(super) fn up(&mut self, source: Source<'_>, by: usize, rows: usize, scroll: bool) {
        let reader = self.reader(source, PATIENCE);
        let Some((entry, row, below)) = self.at(&reader) else {
            return;
        };
        let newest = self.newest(&entry);
        let row = row.min(entry.rows() - 1);
        let (mut at, mut to, mut left) = (entry.at, row.saturating_sub(by), by.saturating_sub(row));
        if left > 0 {
            for above in reader.before(entry.at, left).entries.iter().rev() {
                at = above.at;
                to = above.rows().saturating_sub(left);
                left = left.saturating_sub(above.rows());
                if left == 0 {
                    break;
                }
            }
        }
        let moved = by - left;
        let below = match (moved, scroll) {
            (0, _) => rows,
            (_, true) => below,
            (moved, false) => below + moved,
        };
        self.pause_at(at, to, below.min(rows.saturating_sub(1)), newest);
    }

    /// Goes down by so many rows; at the end it follows again.
    pub(super) fn down(&mut self, source: Source<'_>, by: usize, rows: usize, scroll: bool) {
        let Place::Paused { newest, .. } = self.place else {
            return;
        };
        let reader = self.reader(source, PATIENCE);
        let Some((entry, row, below)) = self.at(&reader) else {
            return;
        };
        let within = entry.rows().saturating_sub(row + 1);
        let (mut at, mut to, mut left) =
            (entry.at, row + by.min(within), by.saturating_sub(within));
        if left > 0 {
            let read = reader.after(entry.at, left);
            for next in &read.entries {
                at = next.at;
                to = left.min(next.rows()) - 1;
                left = left.saturating_sub(next.rows());
                if left == 0 {
                    break;
                }
            }
            if left > 0 && !read.partial {
                self.follow();
                return;
            }
        }
        let below = if scroll {
            below
        } else {
            below.saturating_sub(by - left)
        };
        self.pause_at(at, to, below.min(rows.saturating_sub(1)), newest);
    }

    /// Goes to the oldest line.
    pub(super) fn top(&mut self, source: Source<'_>, rows: usize) {
        let reader = self.reader(source, LONG_PATIENCE);
        let first = reader.after(Position::FIRST, 1).entries.pop();
        let Some((current, _, _)) = self.at(&reader) else {
            return;
        };
        let newest = self.newest(&current);
        let at = first.map_or(current.at, |first| first.at);
        self.pause_at(at, 0, rows.saturating_sub(1), newest);
    }

    /// Puts the cursor at a line, and shows so many rows below it.
    pub(super) fn point_at(&mut self, source: Source<'_>, line: &Arc<LogLine>, below: usize) {
        let reader = self.reader(source, PATIENCE);
        let newest = self.newest_of(source);
        let entry = reader.entry_of(line);
        let place = entry.lines.iter().position(|other| other.seq == line.seq);
        let row = place.unwrap_or(0);
        let is_hidden = !entry.open && row > 0 && !entry.telling().contains(&row);
        let (at, open) = (entry.at, entry.open || is_hidden);
        if is_hidden {
            let head = entry.head().seq;
            self.folding.turn(head);
        }
        let several = open && entry.lines.len() > 1;
        self.pause_at(at, if several { row } else { 0 }, below, newest);
    }

    /// Puts the cursor at a row of an entry as it is drawn.
    pub(super) fn point_at_row(
        &mut self,
        source: Source<'_>,
        at: Position,
        row: usize,
        below: usize,
    ) {
        let newest = self.newest_of(source);
        self.pause_at(at, row, below, newest);
    }

    /// Goes to the next hit in this direction; whether there is one.
    pub(super) fn go_to_hit(&mut self, source: Source<'_>, to: Direction, rows: usize) -> bool {
        let Some(searching) = &self.searching else {
            return false;
        };
        let from = self.edge(source, to);
        let select = self.select(source, LONG_PATIENCE);
        let page = source.telemetry.search(select, &searching.search, from, to);
        match self.hit_around(source, from, to, page.lines.first()) {
            Some(line) => self.go_to_first(source, &[line], rows),
            None => self.go_to_first(source, &page.lines, rows),
        }
    }

    /// A hit in what is shown around what the filter lets pass, if it comes before this line.
    fn hit_around(
        &self,
        source: Source<'_>,
        from: Position,
        to: Direction,
        before: Option<&Arc<LogLine>>,
    ) -> Option<Arc<LogLine>> {
        self.shown.context()?;
        let reader = self.reader(source, PATIENCE);
        let is_beyond = |one: Position, other: Position| match to {
            Direction::Back => one < other,
            Direction::Forward => one > other,
        };
        let mut at = from;
        for _ in 0..PAGES {
            let mut entries = match to {
                Direction::Back => reader.before(at, AT_ONCE).entries,
                Direction::Forward => reader.after(at, AT_ONCE).entries,
            };
            if to == Direction::Back {
                entries.reverse();
            }
            for entry in &entries {
                if before.is_some_and(|line| is_beyond(entry.at, line.position())) {
                    return None;
                }
                let mut lines: Vec<_> = entry.lines.iter().collect();
                if to == Direction::Back {
                    lines.reverse();
                }
                let is_next =
                    |line: &&&Arc<LogLine>| is_beyond(line.position(), from) && self.is_hit(line);
                if let Some(line) = lines.iter().find(is_next) {
                    return Some(Arc::clone(line));
                }
            }
            at = entries.last()?.at;
        }
        None
    }

    /// Goes to the next line in this direction that is shown and passes this filter; whether there is one.
    pub(super) fn go_to_passing(
        &mut self,
        source: Source<'_>,
        filter: &str,
        to: Direction,
        rows: usize,
    ) -> bool {
        let filter = self.shown.narrowed(filter);
        let reader = self.reader(source, PATIENCE);
        let here = match self.place {
            Place::Following => None,
            Place::Paused { .. } => self.at(&reader).map(|(entry, _, _)| entry.at),
        };
        let mut from = self.edge(source, to);
        // Several lines of one message may pass: it is gone to once.
        for _ in 0..MANY {
            let Some(line) = passing(source, filter.as_ref(), from, to).pop() else {
                return false;
            };
            let entry = reader.entry_of(&line);
            if Some(entry.at) != here {
                self.point_at_row(source, entry.at, 0, rows / 2);
                return true;
            }
            from = line.position();
        }
        false
    }

    /// Goes to the next mark in this direction, one made by hand or one of what began and ended; whether there is one.
    pub(super) fn go_to_mark(&mut self, source: Source<'_>, to: Direction, rows: usize) -> bool {
        let filter = self.shown.narrowed("stream=mark");
        let from = self.edge(source, to);
        let told = passing(source, filter.as_ref(), from, to);
        let told = told.first().map(|line| line.position());
        let by_hand = match to {
            Direction::Back => self.marks.range(..from).next_back(),
            Direction::Forward => self.marks.range(just_after(from)..).next(),
        };
        let nearest = match to {
            Direction::Back => told.max(by_hand.copied()),
            Direction::Forward => told.into_iter().chain(by_hand.copied()).min(),
        };
        let Some(nearest) = nearest else {
            return false;
        };
        self.point_at_row(source, nearest, 0, rows / 2);
        true
    }

    /// Goes to the first entry that is not older than this moment, or to the newest.
    pub(super) fn go_to_time(&mut self, source: Source<'_>, at: Timestamp, rows: usize) {
        let before = just_before(Position { at, seq: 0 });
        let reader = self.reader(source, LONG_PATIENCE);
        let found = reader.after(before, 1).entries.pop();
        match found.map(|entry| entry.at) {
            Some(at) => self.point_at_row(source, at, 0, rows.saturating_sub(1)),
            None => self.follow(),
        }
    }

    /// Marks the entry by hand, or takes its mark away.
    pub(super) fn turn_mark(&mut self, source: Source<'_>) -> Option<bool> {
        let (entry, _, _) = self.at(&self.reader(source, PATIENCE))?;
        let is_new = self.marks.insert(entry.at);
        if !is_new {
            self.marks.remove(&entry.at);
        }
        Some(is_new)
    }

    /// Shows an entry in full, or folds it; whether there is something to be unfolded.
    pub(super) fn turn(&mut self, source: Source<'_>, rows: usize) -> bool {
        let Some((entry, _, below)) = self.at(&self.reader(source, PATIENCE)) else {
            return false;
        };
        if !entry.unfolds() {
            return false;
        }
        let newest = self.newest(&entry);
        self.folding.turn(entry.head().seq);
        // As much of it is shown as there is room for.
        let open = Entry {
            open: !entry.open,
            ..entry
        };
        let below = below.max((open.rows() - 1).min(rows.saturating_sub(1)));
        self.pause_at(open.at, 0, below, newest);
        true
    }

    /// From where the next line is looked for: beyond the row, or beyond the whole entry if it is folded.
    fn edge(&self, source: Source<'_>, to: Direction) -> Position {
        if self.place == Place::Following {
            return Position::LAST;
        }
        let Some((entry, row, _)) = self.at(&self.reader(source, PATIENCE)) else {
            return Position::LAST;
        };
        let line = match (entry.open, to) {
            (true, _) => entry.line(row),
            (false, Direction::Back) => entry.head(),
            (false, Direction::Forward) => entry.lines.last().unwrap_or(entry.head()),
        };
        line.position()
    }

    fn go_to_first(&mut self, source: Source<'_>, lines: &[Arc<LogLine>], rows: usize) -> bool {
        let Some(found) = lines.first() else {
            return false;
        };
        self.point_at(source, found, rows / 2);
        true
    }

    /// The newest line there was when following ended, or is now.
    fn newest(&self, current: &Entry) -> Position {
        match self.place {
            Place::Paused { newest, .. } => newest,
            Place::Following => current
                .lines
                .last()
                .map_or(current.at, |line| line.position()),
        }
    }

    fn newest_of(&self, source: Source<'_>) -> Position {
        let current = self.at(&self.reader(source, PATIENCE));
        current.map_or(Position::LAST, |(entry, _, _)| self.newest(&entry))
    }

    fn pause_at(&mut self, cursor: Position, row: usize, below: usize, newest: Position) {
        self.place = Place::Paused {
            cursor,
            row,
            below,
            newest,
        };
    }
}

/// The next line that this filter lets pass.
fn passing(
    source: Source<'_>,
    filter: Option<&Filter>,
    from: Position,
    to: Direction,
) -> Vec<Arc<LogLine>> {
    let select = Select {
        services: source.services,
        filter,
        patience: LONG_PATIENCE,
    };
    match to {
        Direction::Back => source.telemetry.page_before(select, from, 1).lines,
        Direction::Forward => source.telemetry.page_after(select, from, 1).lines,
    }
}
