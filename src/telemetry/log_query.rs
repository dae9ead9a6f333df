//! Questions about log lines as views ask them: pages, searches, counts.
//!
//! A question looks at the store in short steps: a step takes some lines out under the lock, and they are judged after it
//! was given back. So an expensive filter never makes a service's output wait.

use std::sync::Arc;

use super::Telemetry;
use super::filter::Filter;
use super::log::{LogLine, Position};
use super::search::Search;
use crate::stack::ServiceName;
use crate::text;

/// Lines that one step takes at most.
const STEP: usize = 4096;

/// Which lines are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Select<'a> {
    /// Of these services; none named: of all.
    pub services: &'a [ServiceName],
    /// Those that the filter lets pass.
    pub filter: Option<&'a Filter>,
    /// How many lines may be looked at before the answer is given with what was found.
    pub patience: usize,
}

impl Default for Select<'_> {
    fn default() -> Self {
        Self {
            services: &[],
            filter: None,
            patience: 200_000,
        }
    }
}

/// Lines that were asked for.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The lines, the oldest first.
    pub lines: Vec<Arc<LogLine>>,
    /// The line up to which was looked, this one included; `None`: up to the end of what is kept. From here one goes on.
    pub reached: Option<Position>,
}

/// In which direction one goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To older lines.
    Back,
    /// To newer lines.
    Forward,
}

impl Telemetry {
    /// The newest lines.
    pub fn latest(&self, select: Select<'_>, limit: usize) -> Page {
        self.page_before(select, Position::LAST, limit)
    }

    /// The lines before this position that are nearest to it.
    pub fn page_before(&self, select: Select<'_>, before: Position, limit: usize) -> Page {
        let mut page = self.walk(select, before, Direction::Back, limit, |_| true);
        page.lines.reverse();
        page
    }

    /// The lines after this position that are nearest to it.
    pub fn page_after(&self, select: Select<'_>, after: Position, limit: usize) -> Page {
        self.walk(select, after, Direction::Forward, limit, |_| true)
    }

    /// The next line beyond this position that the search finds: none in the page if there is none, or if
    /// patience ended first (then it says where).
    pub fn search(
        &self,
        select: Select<'_>,
        search: &Search,
        from: Position,
        direction: Direction,
    ) -> Page {
        self.walk(select, from, direction, 1, |line| found_in(search, line))
    }

    /// How many lines the search finds, and whether patience lasted to the end.
    pub fn count_matches(&self, select: Select<'_>, search: &Search) -> (usize, bool) {
        let mut count = 0;
        let counted = self.walk(select, Position::LAST, Direction::Back, 1, |line| {
            count += usize::from(found_in(search, line));
            false
        });
        (count, counted.reached.is_none())
    }

    /// Lines in the order in which they are met, until there are `limit` of them or patience ends.
    fn walk(
        &self,
        select: Select<'_>,
        from: Position,
        direction: Direction,
        limit: usize,
        mut wanted: impl FnMut(&LogLine) -> bool,
    ) -> Page {
        let mut page = Page {
            lines: Vec::new(),
            reached: Some(from),
        };
        let (mut at, mut patience) = (from, select.patience);
        let mut step = limit.clamp(1, STEP);
        while page.lines.len() < limit && patience > 0 {
            step = step.min(patience);
            let lines = match direction {
                Direction::Back => self.logs().before(select.services, at, step),
                Direction::Forward => self.logs().after(select.services, at, step),
            };
            patience -= step;
            let was_last = lines.len() < step;
            for line in lines {
                if page.lines.len() == limit {
                    return page;
                }
                at = line.position();
                page.reached = Some(at);
                let passes = select
                    .filter
                    .is_none_or(|filter| filter.matches_line(&line));
                if passes && wanted(&line) {
                    page.lines.push(line);
                }
            }
            if was_last {
                page.reached = None;
                return page;
            }
            step = (step * 4).min(STEP);
        }
        page
    }
}

fn found_in(search: &Search, line: &LogLine) -> bool {
    search.is_in(&text::readable(&line.line.bytes))
}
