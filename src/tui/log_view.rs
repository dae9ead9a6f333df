//! What the screen knows of the log pane: whose lines, where in them, filtered how, searched for what.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use jiff::SignedDuration;

use super::log_density::Density;
use super::log_entries::{Entry, Folding, Reader};
use super::log_groups::Groups;
use super::log_shown::ShownLines;
use super::log_skips::Skips;
use crate::stack::ServiceName;
use crate::telemetry::{LogLine, Position, Search, Select, Telemetry};

/// Whose lines are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Scope {
    /// Those of the chosen service.
    #[default]
    Chosen,
    /// Those of the marked services, or of all if none is marked, in the order of time.
    Merged,
}

/// Which lines are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Place {
    /// The newest.
    #[default]
    Following,
    /// Those around a line.
    Paused {
        /// Where the entry stands that the person is at.
        cursor: Position,
        /// Which of its rows.
        row: usize,
        /// How many rows are shown below it.
        below: usize,
        /// The newest line there was when following ended.
        newest: Position,
    },
}

/// What long lines do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fold {
    /// They are cut at the pane's edge.
    #[default]
    Cut,
    /// They go on in the next row.
    Wrap,
}

/// How what a line says is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Form {
    /// Message first, then the fields, where the line's form is known.
    #[default]
    Read,
    /// As it came.
    Raw,
}

/// What stands before a line of its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Times {
    /// When it came.
    #[default]
    Clock,
    /// How long after the one above it.
    Since,
    /// Nothing.
    Hidden,
}

/// A search, and what it finds.
#[derive(Debug, Clone)]
pub(super) struct Searching {
    /// As typed.
    pub(super) text: String,
    pub(super) search: Search,
    /// How many lines it is in.
    pub(super) hits: usize,
    /// Whether all lines were looked at.
    pub(super) complete: bool,
    /// Which lines were counted: the next number there was, and when.
    pub(super) counted: Option<(u64, Instant)>,
}

/// The state of the log pane.
#[derive(Debug, Default)]
pub(super) struct LogView {
    pub(super) scope: Scope,
    /// The services that were marked to be read together.
    pub(super) marked: Vec<ServiceName>,
    pub(super) place: Place,
    pub(super) fold: Fold,
    pub(super) form: Form,
    pub(super) times: Times,
    /// Which messages of several lines are shown in full.
    pub(super) folding: Folding,
    groups: Groups,
    /// Columns scrolled to the right.
    pub(super) left: usize,
    pub(super) searching: Option<Searching>,
    /// Lines that were marked by hand.
    pub(super) marks: BTreeSet<Position>,
    /// Where the choice of several entries began.
    pub(super) anchor: Option<Position>,
    /// Which lines are shown.
    pub(super) shown: ShownLines,
    /// When what is filtered and searched for came.
    pub(super) density: Density,
    /// Places of entries among all lines, to tell how many were left out between two.
    skips: Skips,
}

/// What is to be drawn.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The oldest first; they may take more rows than there are.
    pub(super) entries: Vec<Entry>,
    /// Which of them the person is at, in which of its rows, and how many rows are wanted below.
    pub(super) cursor: Option<Cursor>,
    /// How many lines came since following ended.
    pub(super) new: usize,
    /// Whether there are more lines than were looked at, so that some may be missing.
    pub(super) partial: bool,
    /// How many lines were left out just before each entry, where that is told.
    pub(super) skipped: Vec<u64>,
}

/// Where in a window the person is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) entry: usize,
    pub(super) row: usize,
    pub(super) below: usize,
}

/// More new lines than this are not counted out: "999+" says enough.
const MANY: usize = 1000;
/// Lines that one question of a frame looks at, at most: a few milliseconds.
pub(super) const PATIENCE: usize = 50_000;
/// The hits of a search are counted at most this often.
pub(super) const COUNTED_AGAIN: Duration = Duration::from_millis(300);
/// Lines that one search, asked for by a key, looks at.
pub(super) const LONG_PATIENCE: usize = 2_000_000;

/// The lines a view looks at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) telemetry: &'a Telemetry,
    /// Of these services; none: of all.
    pub(super) services: &'a [ServiceName],
}

impl LogView {
    /// The services whose lines are shown; none: all.
    pub(super) fn services(&self, chosen: Option<&ServiceName>) -> Vec<ServiceName> {
        match self.scope {
            Scope::Chosen => chosen.cloned().into_iter().collect(),
            Scope::Merged => self.marked.clone(),
        }
    }

    /// Marks a service to be read with the other marked ones, or takes the mark away.
    pub(super) fn mark_service(&mut self, name: &ServiceName) {
        match self.marked.iter().position(|marked| marked == name) {
            Some(at) => drop(self.marked.remove(at)),
            None => self.marked.push(name.clone()),
        }
        self.scope = if self.marked.is_empty() {
            Scope::Chosen
        } else {
            Scope::Merged
        };
        self.follow();
    }

    /// What is to be drawn in so many rows.
    pub(super) fn window(&self, source: Source<'_>, rows: usize) -> Window {
        let reader = self.reader(source, PATIENCE);
        let (Place::Paused { newest, .. }, Some((entry, row, below))) =
            (self.place, self.at(&reader))
        else {
            let read = reader.before(Position::LAST, rows);
            return Window {
                partial: read.partial && read.entries.len() < rows,
                skipped: self.skipped(source, &read.entries),
                entries: read.entries,
                ..Window::default()
            };
        };
        let row = row.min(entry.rows() - 1);
        let below = below.min(rows.saturating_sub(1));
        let after = reader.after(entry.at, below).entries;
        // What is missing below is made good above, so that the window is always full.
        let above = rows.saturating_sub(after.len() + entry.rows().min(row + 1));
        let mut entries = reader.before(entry.at, above).entries;
        let at = entries.len();
        entries.push(entry);
        entries.extend(after);
        let missing = rows.saturating_sub(entries.len());
        if let Some(last) = entries.last().map(|last| last.at).filter(|_| missing > 0) {
            entries.extend(reader.after(last, missing).entries);
        }
        let select = self.select(source, PATIENCE);
        let new = source.telemetry.page_after(select, newest, MANY);
        Window {
            skipped: self.skipped(source, &entries),
            entries,
            cursor: Some(Cursor {
                entry: at,
                row,
                below,
            }),
            new: new.lines.len(),
            partial: false,
        }
    }

    /// How many lines were left out before each entry but the first; told where context is shown.
    pub(super) fn skipped(&self, source: Source<'_>, entries: &[Entry]) -> Vec<u64> {
        if self.shown.context().is_none() {
            return Vec::new();
        }
        self.skips.before(source, entries)
    }

    /// The entry the person is at, the row in it, and the rows below; the newest entry while following.
    pub(super) fn at(&self, reader: &Reader<'_>) -> Option<(Entry, usize, usize)> {
        let (before, row, below) = match self.place {
            Place::Following => (Position::LAST, 0, 0),
            Place::Paused {
                cursor, row, below, ..
            } => (just_after(cursor), row, below),
        };
        let nearest = reader.before(before, 1).entries.pop();
        // Nothing above: the filter was changed, and only later lines pass it.
        let nearest = nearest.or_else(|| reader.after(before, 1).entries.into_iter().next())?;
        Some((nearest, row, below))
    }

    /// The line the person is at: the newest while following.
    pub(super) fn current(&self, source: Source<'_>) -> Option<Arc<LogLine>> {
        let (entry, row, _) = self.at(&self.reader(source, PATIENCE))?;
        Some(entry.line(row).clone())
    }

    /// Follows again.
    pub(super) fn follow(&mut self) {
        self.place = Place::Following;
        self.anchor = None;
    }

    /// Searches for what was typed, from the line the person is at back to older ones.
    ///
    /// # Errors
    /// What is wrong with the pattern, in one line.
    pub(super) fn search(
        &mut self,
        source: Source<'_>,
        text: &str,
        rows: usize,
    ) -> Result<(), String> {
        self.searching = None;
        if text.is_empty() {
            return Ok(());
        }
        let search = Search::regex(text).or_else(|wrong| Search::text(text).map_err(|_| wrong))?;
        self.searching = Some(Searching {
            text: text.to_owned(),
            search,
            hits: 0,
            complete: false,
            counted: None,
        });
        self.count(source);
        let on_it = self.current(source).is_some_and(|line| self.is_hit(&line));
        if !on_it {
            self.go_to_hit(source, crate::telemetry::Direction::Back, rows);
        }
        Ok(())
    }

    /// Counts the hits again if lines came, but not in every frame; whether it should be asked to again soon.
    pub(super) fn count(&mut self, source: Source<'_>) -> bool {
        let Some(searching) = &self.searching else {
            return false;
        };
        let next = source.telemetry.logs().next_seq();
        match searching.counted {
            Some((counted, _)) if counted == next => return false,
            Some((_, at)) if at.elapsed() < COUNTED_AGAIN => return true,
            _ => {}
        }
        let select = self.select(source, PATIENCE * 2);
        let counted = source.telemetry.count_matches(select, &searching.search);
        if let Some(searching) = &mut self.searching {
            (searching.hits, searching.complete) = counted;
            searching.counted = Some((next, Instant::now()));
        }
        false
    }

    /// Counts a step further when what is filtered and searched for came; whether there is more to be counted.
    pub(super) fn look_further(&mut self, source: Source<'_>) -> bool {
        let mut density = std::mem::take(&mut self.density);
        let searching = self.searching.as_ref();
        let is_more = density.look(
            source,
            self.select(source, PATIENCE),
            !self.shown.typed().is_empty(),
            searching.map(|searching| (searching.text.as_str(), &searching.search)),
        );
        self.density = density;
        is_more
    }

    /// Sets the filter; nothing typed takes it away.
    ///
    /// # Errors
    /// What is wrong with it, in one line. The old filter stays.
    pub(super) fn set_filter(&mut self, text: &str) -> Result<(), String> {
        self.shown.set(text)?;
        if let Some(searching) = &mut self.searching {
            searching.counted = None;
        }
        Ok(())
    }

    pub(super) fn is_hit(&self, line: &LogLine) -> bool {
        let text = crate::text::readable(&line.line.bytes);
        let searching = self.searching.as_ref();
        searching.is_some_and(|searching| searching.search.is_in(&text))
    }

    pub(super) fn select<'a>(&'a self, source: Source<'a>, patience: usize) -> Select<'a> {
        Select {
            services: source.services,
            filter: self.shown.filter(),
            patience,
        }
    }

    pub(super) fn reader<'a>(&'a self, source: Source<'a>, patience: usize) -> Reader<'a> {
        Reader {
            telemetry: source.telemetry,
            select: self.select(source, patience),
            folding: &self.folding,
            groups: &self.groups,
            context: self.shown.context(),
        }
    }
}

/// The position before which a line and all older ones stand.
pub(super) fn just_after(position: Position) -> Position {
    Position {
        seq: position.seq.saturating_add(1),
        ..position
    }
}

/// The position behind which a line and all newer ones stand.
pub(super) fn just_before(position: Position) -> Position {
    if let Some(seq) = position.seq.checked_sub(1) {
        return Position { seq, ..position };
    }
    let earlier = position.at.checked_sub(SignedDuration::from_nanos(1));
    earlier.map_or(Position::FIRST, |at| Position { at, seq: u64::MAX })
}
