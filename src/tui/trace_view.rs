//! What the screen knows of the trace pane: the list, its filter, and the trace that is open.

use std::time::{Duration, Instant};

use crate::telemetry::{Filter, Row, Telemetry, TraceId, TraceSummary};

/// Where in the list the person is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Chosen {
    /// At the newest, whichever it is.
    #[default]
    Newest,
    /// At this one; the list goes on around it.
    Trace(TraceId),
}

/// A trace that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpenTrace {
    pub(super) trace: TraceId,
    /// Which of its rows is chosen.
    pub(super) row: usize,
}

/// The state of the trace pane.
#[derive(Debug, Default)]
pub(super) struct TraceView {
    pub(super) chosen: Chosen,
    filter: Option<Filter>,
    /// The list as it is drawn, the newest first.
    pub(super) listed: Vec<TraceSummary>,
    /// When it was made, by which filter.
    listed_at: Option<(Instant, String)>,
    pub(super) open: Option<OpenTrace>,
}

/// A filtered list is made at most this often.
const FILTERED_AGAIN: Duration = Duration::from_millis(300);
/// Traces of which the list is made at most.
const LISTED: usize = 500;

impl TraceView {
    /// Makes the list for a frame in which so many of it are seen.
    ///
    /// A filter may have to look at everything that is kept, while the relay waits to add to it: so not in every frame.
    pub(super) fn refresh(&mut self, telemetry: &Telemetry, rows: usize) {
        let is_fresh = self.listed_at.as_ref().is_some_and(|(at, filtered)| {
            !filtered.is_empty() && filtered == self.filtered() && at.elapsed() < FILTERED_AGAIN
        });
        if is_fresh || self.open.is_some() {
            return;
        }
        let wanted = match self.chosen {
            Chosen::Newest => rows,
            Chosen::Trace(_) => LISTED,
        };
        self.list(telemetry, wanted);
    }

    /// Makes the list, of so many traces.
    fn list(&mut self, telemetry: &Telemetry, wanted: usize) {
        let filter = self.filter.as_ref();
        self.listed = telemetry.traces(wanted, |trace| {
            filter.is_none_or(|filter| filter.matches_part(&trace.root))
        });
        self.listed_at = Some((Instant::now(), self.filtered().to_owned()));
    }

    /// The filter as typed; empty: none.
    pub(super) fn filtered(&self) -> &str {
        self.filter.as_ref().map_or("", Filter::text)
    }

    /// Which trace of the list is chosen.
    pub(super) fn index(&self) -> usize {
        let Chosen::Trace(id) = self.chosen else {
            return 0;
        };
        let mut listed = self.listed.iter();
        listed.position(|trace| trace.trace == id).unwrap_or(0)
    }

    /// Goes down (or up, if negative) in the list, or in the trace that is open.
    pub(super) fn go(&mut self, telemetry: &Telemetry, by: isize) {
        if let Some(open) = &mut self.open {
            let rows = telemetry.waterfall(open.trace).len();
            open.row = moved(open.row, by, rows);
            return;
        }
        self.list(telemetry, LISTED);
        let at = moved(self.index(), by, self.listed.len());
        self.chosen = match self.listed.get(at) {
            Some(trace) if at > 0 => Chosen::Trace(trace.trace),
            _ => Chosen::Newest,
        };
    }

    /// Opens the trace that is chosen.
    pub(super) fn open_chosen(&mut self) {
        if let Some(trace) = self.current() {
            self.chosen = Chosen::Trace(trace);
            self.open = Some(OpenTrace { trace, row: 0 });
        }
    }

    /// The trace that is open or chosen.
    pub(super) fn current(&self) -> Option<TraceId> {
        let from_list = || self.listed.get(self.index()).map(|trace| trace.trace);
        self.open.map(|open| open.trace).or_else(from_list)
    }

    /// Sets the filter; nothing typed takes it away.
    ///
    /// # Errors
    /// What is wrong with it, in one line. The old filter stays.
    pub(super) fn set_filter(&mut self, text: &str) -> Result<(), String> {
        self.filter = if text.trim().is_empty() {
            None
        } else {
            let filter = Filter::parse(text).map_err(|wrong| wrong.to_string())?;
            Some(filter)
        };
        Ok(())
    }
}

/// An index moved within bounds.
pub(super) fn moved(at: usize, by: isize, len: usize) -> usize {
    at.saturating_add_signed(by).min(len.saturating_sub(1))
}

/// The part of a long list to draw so that this index is seen, and stays put while it need not move.
pub(super) fn first_shown(at: usize, rows: usize, len: usize) -> usize {
    if len <= rows {
        return 0;
    }
    at.saturating_sub(rows.saturating_sub(1) * 2 / 3)
        .min(len - rows)
}

/// The columns from which to which a bar reaches, on an axis of so many for `whole` seconds: at least one, if there are
/// any.
pub(super) fn bar(row: &Row, whole: f64, columns: u16) -> (u16, u16) {
    let place = |seconds: f64| {
        let share = if whole > 0.0 { seconds / whole } else { 0.0 };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the number of columns"
        )]
        let place = (share.clamp(0.0, 1.0) * f64::from(columns)).round() as u16;
        place
    };
    let start = row.offset.as_secs_f64();
    let from = place(start).min(columns.saturating_sub(1));
    let to = place(start + row.what.took().as_secs_f64());
    (from, to.max(from + 1).min(columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_stays_inside() {
        assert_eq!(moved(0, -1, 5), 0);
        assert_eq!(moved(4, 3, 5), 4);
        assert_eq!(moved(0, 1, 0), 0);
        assert_eq!(moved(2, isize::MIN, 5), 0);
    }

    #[test]
    fn the_chosen_row_is_always_seen() {
        for len in 0..30 {
            for rows in 1..12 {
                for at in 0..len {
                    let first = first_shown(at, rows, len);
                    assert!(first <= at && at < first + rows, "{at} of {len} in {rows}");
                    assert!(len <= rows || first + rows <= len, "no empty rows");
                }
            }
        }
    }
}
