//! Questions about log lines as views ask them: pages, searches, counts.
//!
//! A question takes blocks of lines out of the store and looks at them after its lock was given back, so an expensive one
//! never makes a service's output wait. A search looks at whole blocks at once; only what it finds becomes lines.

use std::sync::Arc;

use super::Telemetry;
use super::filter::Filter;
use super::log::{LogLine, Position};
use super::log_store::{Met, Order, Walk};
use super::search::Search;
use crate::stack::ServiceName;

/// Which lines are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Select<'a> {
    /// Of these services; none named: of all.
    pub services: &'a [ServiceName],
    /// Those that the filter lets pass.
    pub filter: Option<&'a Filter>,
    /// How many lines may be looked at before the answer is given with what was found. A search may look at some thousands
    /// more, the rest of a block.
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
        let walk = self.walk(select, before, Direction::Back);
        let mut page = page(walk, select, before, limit);
        page.lines.reverse();
        page
    }

    /// The lines after this position that are nearest to it.
    pub fn page_after(&self, select: Select<'_>, after: Position, limit: usize) -> Page {
        let walk = self.walk(select, after, Direction::Forward);
        page(walk, select, after, limit)
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
        self.search_page(select, search, from, direction, 1)
    }

    /// At most `limit` lines beyond this position that the search finds, in the order in which they are met.
    pub fn search_page(
        &self,
        select: Select<'_>,
        search: &Search,
        from: Position,
        direction: Direction,
        limit: usize,
    ) -> Page {
        let walk = self.walk(select, from, direction).searching(search);
        page(walk, select, from, limit)
    }

    /// How many lines the search finds, and whether patience lasted to the end.
    pub fn count_matches(&self, select: Select<'_>, search: &Search) -> (usize, bool) {
        let (count, reached) = self.count_before(select, search, Position::LAST);
        (count, reached.is_none())
    }

    /// How many lines before this position the search finds, as far as patience lasts; and from where one goes on counting, if
    /// it did not last to the end.
    pub fn count_before(
        &self,
        select: Select<'_>,
        search: &Search,
        position: Position,
    ) -> (usize, Option<Position>) {
        let mut walk = self
            .walk(select, position, Direction::Back)
            .searching(search);
        let (mut count, mut patience) = (0, select.patience);
        if select.filter.is_none() {
            (count, patience) = walk.count(patience);
        }
        loop {
            match walk.step(patience > 0) {
                Some(Met::Line(line)) => count += usize::from(passes(select, &line)),
                Some(Met::Looked(lines)) => patience = patience.saturating_sub(lines),
                Some(Met::Unread(reached)) => return (count, Some(reached)),
                None => return (count, None),
            }
        }
    }

    fn walk<'a>(&'a self, select: Select<'_>, from: Position, direction: Direction) -> Walk<'a> {
        let back = direction == Direction::Back;
        Walk::new(self.logs(), Order::Time, back, from).only(select.services)
    }
}

/// Lines in the order in which they are met, until there are `limit` of them or patience ends.
fn page(mut walk: Walk<'_>, select: Select<'_>, from: Position, limit: usize) -> Page {
    let mut page = Page {
        lines: Vec::new(),
        reached: Some(from),
    };
    let mut patience = select.patience;
    let is_search = walk.is_searching();
    while page.lines.len() < limit && (is_search || patience > 0) {
        match walk.step(patience > 0) {
            Some(Met::Line(line)) => {
                page.reached = Some(line.position());
                patience = patience.saturating_sub(usize::from(!is_search));
                if passes(select, &line) {
                    page.lines.push(line);
                }
            }
            Some(Met::Looked(lines)) if is_search => patience = patience.saturating_sub(lines),
            Some(Met::Looked(_)) => {}
            Some(Met::Unread(reached)) => {
                page.reached = Some(reached);
                break;
            }
            None => {
                page.reached = None;
                break;
            }
        }
    }
    page
}

fn passes(select: Select<'_>, line: &LogLine) -> bool {
    select.filter.is_none_or(|filter| filter.matches_line(line))
}
