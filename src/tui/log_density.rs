//! How the lines of the logs are spread over time: how many pass the filter, and where a search finds something.
//!
//! What all lines are is counted as they come. What a filter and a search find is counted here, the newest first, a step in
//! each frame, and for new lines as they come; so no frame looks at more than some thousand lines.

use super::log_view::{Source, just_after};
use crate::stack::ServiceName;
use crate::telemetry::{Direction, Page, Position, Search, Select, Spread, Stream, Tally};

/// Questions of one step, and how many lines each looks at: with a filter line by line, with a search by blocks.
const QUESTIONS: usize = 8;
const FILTERED: usize = 1_000;
const SEARCHED: usize = 6_000;
/// Hits that one question is told, at most. One in a cell of time is enough, so it goes on behind that.
const HITS: usize = 256;

/// What was counted so far.
#[derive(Debug, Default)]
pub(super) struct Density {
    passing: Option<Count>,
    hits: Option<Count>,
}

/// What one filter, or one search, finds.
#[derive(Debug)]
struct Count {
    /// For what it was begun: services, filter, search.
    of: (Vec<ServiceName>, String, String),
    spread: Spread,
    /// Older lines are looked at from here on; `None`: all were.
    back: Option<Position>,
    /// Newer lines are looked at from here on.
    front: Position,
}

impl Density {
    /// Looks a step further; whether there is more to look at.
    pub(super) fn look(
        &mut self,
        source: Source<'_>,
        select: Select<'_>,
        is_filtered: bool,
        search: Option<(&str, &Search)>,
    ) -> bool {
        let filter = select.filter.map_or("", crate::telemetry::Filter::text);
        let passing = is_filtered.then(|| of(source, filter, ""));
        let hits = search.map(|(text, _)| of(source, filter, text));
        begin(&mut self.passing, source, passing);
        begin(&mut self.hits, source, hits);
        let mut is_more = false;
        if let Some(passing) = &mut self.passing {
            is_more |= passing.look(source, FILTERED, |from, to, patience| {
                let select = Select { patience, ..select };
                match to {
                    Direction::Back => source.telemetry.page_before(select, from, patience),
                    Direction::Forward => source.telemetry.page_after(select, from, patience),
                }
            });
        }
        if let (Some(hits), Some((_, search))) = (&mut self.hits, search) {
            is_more |= hits.look(source, SEARCHED, |from, to, patience| {
                let select = Select { patience, ..select };
                source.telemetry.search_page(select, search, from, to, HITS)
            });
        }
        is_more
    }

    /// When lines came that pass the filter, as far as they were looked at. `None`: nothing is filtered.
    pub(super) fn passing(&self) -> Option<&Spread> {
        self.passing.as_ref().map(|count| &count.spread)
    }

    /// When lines came in which the search finds something; not how many.
    pub(super) fn hits(&self) -> Option<&Spread> {
        self.hits.as_ref().map(|count| &count.spread)
    }
}

fn of(source: Source<'_>, filter: &str, search: &str) -> (Vec<ServiceName>, String, String) {
    let services = source.services.to_vec();
    (services, filter.to_owned(), search.to_owned())
}

/// Begins anew what is counted for something else.
fn begin(
    count: &mut Option<Count>,
    source: Source<'_>,
    of: Option<(Vec<ServiceName>, String, String)>,
) {
    if count.as_ref().map(|count| &count.of) == of.as_ref() {
        return;
    }
    let ends = source.telemetry.logs().ends(source.services);
    *count = of.zip(ends).map(|(of, (first, last))| Count {
        of,
        spread: Spread::from(first.at),
        back: Some(just_after(last)),
        front: last,
    });
}

impl Count {
    /// Looks a step further, first at what came; whether there is more.
    fn look(
        &mut self,
        source: Source<'_>,
        patience: usize,
        ask: impl Fn(Position, Direction, usize) -> Page,
    ) -> bool {
        let Some((_, last)) = source.telemetry.logs().ends(source.services) else {
            return false;
        };
        for _ in 0..QUESTIONS {
            if self.front < last {
                let page = ask(self.front, Direction::Forward, patience);
                self.take(&page);
                self.front = match page.reached {
                    Some(reached) => self.behind(&page, reached, Direction::Forward),
                    None => last.max(self.front),
                };
            } else if let Some(from) = self.back {
                let page = ask(from, Direction::Back, patience);
                self.take(&page);
                self.back = page
                    .reached
                    .map(|reached| self.behind(&page, reached, Direction::Back));
            } else {
                return false;
            }
        }
        self.front < last || self.back.is_some()
    }

    fn take(&mut self, page: &Page) {
        for line in &page.lines {
            if !matches!(line.line.stream, Stream::Mark(_)) {
                let is_error = line.level >= Some(crate::telemetry::Level::Error);
                self.spread.add(line.line.at, Tally::of(is_error));
            }
        }
    }

    /// From where it goes on: behind the cell of time in which the last hit is, if there may be very many in it.
    fn behind(&self, page: &Page, reached: Position, to: Direction) -> Position {
        if page.lines.len() < HITS || self.of.2.is_empty() {
            return reached;
        }
        let (begins, ends) = self.spread.cell(reached.at);
        let edge = match to {
            Direction::Back => begins,
            Direction::Forward => ends,
        };
        let at = jiff::Timestamp::from_millisecond(edge);
        let edge = at.map_or(reached, |at| Position { at, seq: 0 });
        match to {
            Direction::Back => edge.min(reached),
            Direction::Forward => edge.max(reached),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::telemetry::{NewLine, Telemetry};
    use crate::tui::log_view::LogView;

    /// A line each 10 ms; each thousandth is an error.
    fn say(telemetry: &Telemetry, numbers: std::ops::Range<i64>) {
        let line = |number: i64| NewLine {
            service: "web".into(),
            run: 1,
            at: Timestamp::UNIX_EPOCH + SignedDuration::from_millis(number * 10),
            stream: Stream::Stdout,
            bytes: if number % 1000 == 0 {
                format!("ERROR wanted {number}").into_bytes()
            } else {
                format!("INFO {number}").into_bytes()
            },
        };
        telemetry.logs().push_all(numbers.map(line));
    }

    fn rows(spread: &Spread, last: i64) -> [Tally; 10] {
        let mut rows = [Tally::default(); 10];
        spread.add_to(&mut rows, 0, last * 10);
        rows
    }

    #[test]
    fn what_passes_and_what_is_found_is_counted_in_steps_and_as_it_comes() {
        let telemetry = Telemetry::default();
        say(&telemetry, 0..60_000);
        let mut view = LogView::default();
        view.set_filter("wanted or INFO").unwrap();
        let source = Source {
            telemetry: &telemetry,
            services: &[],
        };
        view.search(source, "wanted", 10).unwrap();
        let mut steps = 1;
        while view.look_further(source) {
            steps += 1;
            assert!(steps < 100);
        }
        assert!(steps > 3, "not all at once");
        let all = view.density.passing().unwrap().total();
        assert_eq!((all.lines, all.errors), (60_000, 60));
        let hits = rows(view.density.hits().unwrap(), 60_000);
        assert!(hits.iter().all(|row| row.lines > 0), "{hits:?}");
        say(&telemetry, 60_000..61_000);
        while view.look_further(source) {}
        assert_eq!(view.density.passing().unwrap().total().lines, 61_000);
        view.set_filter("wanted").unwrap();
        while view.look_further(source) {}
        assert_eq!(view.density.passing().unwrap().total().lines, 61);
        view.set_filter("").unwrap();
        view.searching = None;
        assert!(!view.look_further(source));
        assert!(view.density.passing().is_none() && view.density.hits().is_none());
    }

    #[test]
    fn what_is_found_everywhere_is_found_soon() {
        let telemetry = Telemetry::default();
        say(&telemetry, 0..100_000);
        let mut view = LogView::default();
        let source = Source {
            telemetry: &telemetry,
            services: &[],
        };
        view.search(source, "[0-9]", 10).unwrap();
        let mut steps = 0;
        while view.look_further(source) {
            steps += 1;
        }
        assert!(steps < 100, "{steps}");
        let hits = rows(view.density.hits().unwrap(), 100_000);
        assert!(hits.iter().all(|row| row.lines > 0), "{hits:?}");
    }
}
