//! What the screen knows of the log pane: whose lines, where in them, filtered how, searched for what.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::stack::ServiceName;
use crate::telemetry::{Direction, Filter, LogLine, Position, Search, Select, Telemetry};

/// Whose lines are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Scope {
    /// Those of the chosen service.
    #[default]
    Chosen,
    /// Those of all, in the order of time.
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
        /// The line the person is at.
        cursor: Position,
        /// How many lines are shown below it.
        below: usize,
        /// The newest line there was when following ended.
        newest: Position,
    },
}

/// What long lines do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Fold {
    /// They are cut at the pane's edge.
    #[default]
    Cut,
    /// They go on in the next row.
    Wrap,
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
    counted: Option<(u64, Instant)>,
}

/// The state of the log pane.
#[derive(Debug)]
pub(super) struct LogView {
    pub(super) scope: Scope,
    pub(super) place: Place,
    pub(super) fold: Fold,
    /// Columns scrolled to the right.
    pub(super) left: usize,
    pub(super) searching: Option<Searching>,
    /// The filter as typed; empty: none.
    pub(super) filtered: String,
    /// The filter as it is asked: builds have a pane of their own, and marks are seen whatever is filtered.
    filter: Option<Filter>,
}

impl Default for LogView {
    fn default() -> Self {
        Self {
            scope: Scope::default(),
            place: Place::default(),
            fold: Fold::default(),
            left: 0,
            searching: None,
            filtered: String::new(),
            filter: Filter::parse(NO_BUILDS).ok(),
        }
    }
}

/// What is always filtered.
const NO_BUILDS: &str = "stream!=build";

/// The lines to be drawn.
#[derive(Debug, Default)]
pub(super) struct Window {
    pub(super) lines: Vec<Arc<LogLine>>,
    /// Which of them the person is at.
    pub(super) cursor: Option<usize>,
    /// How many came since following ended.
    pub(super) new: usize,
    /// Whether there are more lines than were looked at, so that some may be missing.
    pub(super) partial: bool,
}

/// More new lines than this are not counted out: "999+" says enough.
const MANY: usize = 1000;
/// Lines that one question of a frame looks at, at most: a few milliseconds.
const PATIENCE: usize = 50_000;
/// The hits of a search are counted at most this often.
pub(super) const COUNTED_AGAIN: Duration = Duration::from_millis(300);
/// Lines that one search, asked for by a key, looks at.
const LONG_PATIENCE: usize = 2_000_000;

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
            Scope::Merged => Vec::new(),
        }
    }

    /// The lines to be drawn in so many rows.
    pub(super) fn window(&self, source: Source<'_>, rows: usize) -> Window {
        let select = self.select(source, PATIENCE);
        let Place::Paused {
            cursor,
            below,
            newest,
        } = self.place
        else {
            let page = source.telemetry.latest(select, rows);
            let partial = page.lines.len() < rows && page.reached.is_some();
            return Window {
                lines: page.lines,
                partial,
                ..Window::default()
            };
        };
        let below = below.min(rows.saturating_sub(1));
        let after = source.telemetry.page_after(select, cursor, below).lines;
        // What is missing below is made good above, so that the window is always full.
        let above = rows.saturating_sub(after.len());
        let mut lines = source
            .telemetry
            .page_before(select, just_after(cursor), above)
            .lines;
        let at = lines.len().checked_sub(1);
        lines.extend(after);
        let missing = rows.saturating_sub(lines.len());
        if let Some(last) = lines.last().filter(|_| missing > 0) {
            let last = last.position();
            lines.extend(source.telemetry.page_after(select, last, missing).lines);
        }
        let new = source
            .telemetry
            .page_after(select, newest, MANY)
            .lines
            .len();
        Window {
            lines,
            cursor: at,
            new,
            partial: false,
        }
    }

    /// The line the person is at: the newest while following.
    pub(super) fn current(&self, source: Source<'_>) -> Option<Arc<LogLine>> {
        let select = self.select(source, PATIENCE);
        let before = match self.place {
            Place::Following => Position::LAST,
            Place::Paused { cursor, .. } => just_after(cursor),
        };
        source.telemetry.page_before(select, before, 1).lines.pop()
    }

    /// Goes up by so many lines; the window moves along if `scroll`, else only when its edge is reached.
    pub(super) fn up(&mut self, source: Source<'_>, lines: usize, rows: usize, scroll: bool) {
        let Some((cursor, below, newest)) = self.pause(source) else {
            return;
        };
        let select = self.select(source, PATIENCE);
        let page = source.telemetry.page_before(select, cursor, lines);
        let Some(first) = page.lines.first() else {
            self.place = paused(cursor, rows.saturating_sub(1), newest);
            return;
        };
        let below = if scroll {
            below
        } else {
            below + page.lines.len()
        };
        self.place = paused(first.position(), below.min(rows.saturating_sub(1)), newest);
    }

    /// Goes down by so many lines; at the end it follows again.
    pub(super) fn down(&mut self, source: Source<'_>, lines: usize, rows: usize, scroll: bool) {
        let Place::Paused {
            cursor,
            below,
            newest,
        } = self.place
        else {
            return;
        };
        let select = self.select(source, PATIENCE);
        let page = source.telemetry.page_after(select, cursor, lines);
        match page.lines.last() {
            Some(last) if page.lines.len() == lines || page.reached.is_some() => {
                let below = if scroll {
                    below
                } else {
                    below.saturating_sub(page.lines.len())
                };
                self.place = paused(last.position(), below.min(rows.saturating_sub(1)), newest);
            }
            _ => self.place = Place::Following,
        }
    }

    /// Goes to the oldest line.
    pub(super) fn top(&mut self, source: Source<'_>, rows: usize) {
        let Some((cursor, _, newest)) = self.pause(source) else {
            return;
        };
        let select = self.select(source, LONG_PATIENCE);
        let first = source
            .telemetry
            .page_after(select, Position::FIRST, 1)
            .lines;
        let cursor = first.first().map_or(cursor, |line| line.position());
        self.place = paused(cursor, rows.saturating_sub(1), newest);
    }

    /// Follows again.
    pub(super) fn follow(&mut self) {
        self.place = Place::Following;
    }

    /// Puts the cursor at a row of the window as it is drawn.
    pub(super) fn point_at(&mut self, source: Source<'_>, line: &LogLine, below: usize) {
        if let Some((_, _, newest)) = self.pause(source) {
            self.place = paused(line.position(), below, newest);
        }
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
            self.go_to_hit(source, Direction::Back, rows);
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

    /// Goes to the next hit in this direction; whether there is one.
    pub(super) fn go_to_hit(
        &mut self,
        source: Source<'_>,
        direction: Direction,
        rows: usize,
    ) -> bool {
        let Some(searching) = &self.searching else {
            return false;
        };
        let from = match self.place {
            Place::Following => Position::LAST,
            Place::Paused { cursor, .. } => cursor,
        };
        let select = self.select(source, LONG_PATIENCE);
        let page = source
            .telemetry
            .search(select, &searching.search, from, direction);
        let Some(found) = page.lines.first() else {
            return false;
        };
        let found = found.position();
        if let Some((_, _, newest)) = self.pause(source) {
            self.place = paused(found, rows / 2, newest);
        }
        true
    }

    /// Sets the filter; nothing typed takes it away.
    ///
    /// # Errors
    /// What is wrong with it, in one line. The old filter stays.
    pub(super) fn set_filter(&mut self, text: &str) -> Result<(), String> {
        let asked = if text.trim().is_empty() {
            NO_BUILDS.to_owned()
        } else {
            // First alone, so that a message tells the place in what was typed.
            Filter::parse(text).map_err(|wrong| wrong.to_string())?;
            format!("{NO_BUILDS} and (({text}) or stream=mark)")
        };
        self.filter = Some(Filter::parse(&asked).map_err(|wrong| wrong.to_string())?);
        text.trim().clone_into(&mut self.filtered);
        if let Some(searching) = &mut self.searching {
            searching.counted = None;
        }
        Ok(())
    }

    fn is_hit(&self, line: &LogLine) -> bool {
        let text = crate::text::readable(&line.line.bytes);
        let searching = self.searching.as_ref();
        searching.is_some_and(|searching| searching.search.is_in(&text))
    }

    fn select<'a>(&'a self, source: Source<'a>, patience: usize) -> Select<'a> {
        Select {
            services: source.services,
            filter: self.filter.as_ref(),
            patience,
        }
    }

    /// Where the person is, after following has ended; `None` if there is no line.
    fn pause(&self, source: Source<'_>) -> Option<(Position, usize, Position)> {
        match self.place {
            Place::Paused {
                cursor,
                below,
                newest,
            } => Some((cursor, below, newest)),
            Place::Following => {
                let newest = self.current(source)?.position();
                Some((newest, 0, newest))
            }
        }
    }
}

fn paused(cursor: Position, below: usize, newest: Position) -> Place {
    Place::Paused {
        cursor,
        below,
        newest,
    }
}

/// The position before which a line and all older ones stand.
fn just_after(position: Position) -> Position {
    Position {
        seq: position.seq.saturating_add(1),
        ..position
    }
}
