//! What the screen knows of the trace pane: the list, its filter, and what is open in its place.

use std::collections::HashMap;

use jiff::Timestamp;

use super::compare_view::Comparison;
use super::open_trace::OpenTrace;
use super::pane::Scene;
use crate::engine::State;
use crate::stack::Probe;
use crate::telemetry::{Filter, Probes, Row, TraceFinder, TraceId, TraceSummary};

/// Where in the list the person is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Chosen {
    /// At the newest, whichever it is.
    #[default]
    Newest,
    /// At this one; the list goes on around it.
    Trace(TraceId),
}

/// What stands in the place of the list.
#[derive(Debug, Default)]
pub(super) enum Opened {
    /// Nothing: the list.
    #[default]
    List,
    /// One trace.
    Trace(Box<OpenTrace>),
    /// Two traces side by side.
    Compare(Comparison),
    /// The map of services.
    Map,
}

/// What came of marking a trace.
#[derive(Debug)]
pub(super) enum Marked {
    /// What is to be said of it.
    Said(&'static str),
    /// The two are to be compared.
    Compare(Box<Comparison>),
}

/// The state of the trace pane.
#[derive(Debug)]
pub(super) struct TraceView {
    pub(super) chosen: Chosen,
    finder: TraceFinder,
    /// Whether questions for health are listed too.
    pub(super) with_probes: bool,
    /// The end of the newest trace there was when following ended.
    newest: Option<Timestamp>,
    /// The trace that others are compared with.
    pub(super) marked: Option<TraceId>,
    pub(super) opened: Opened,
}

impl Default for TraceView {
    fn default() -> Self {
        Self {
            chosen: Chosen::default(),
            finder: TraceFinder::new(None, Some(Probes::default())),
            with_probes: false,
            newest: None,
            marked: None,
            opened: Opened::default(),
        }
    }
}

impl TraceView {
    /// Makes what is drawn ready for a frame in which so many rows are seen; whether there is more to look at soon.
    pub(super) fn refresh(&mut self, scene: Scene<'_>, rows: usize) -> bool {
        match &mut self.opened {
            Opened::List => {}
            Opened::Trace(open) => {
                open.refresh(scene.telemetry);
                if open.with_change {
                    open.look_around(scene);
                }
                return false;
            }
            Opened::Compare(comparison) => {
                comparison.refresh(scene.telemetry);
                return false;
            }
            Opened::Map => return false,
        }
        let probes = (!self.with_probes).then(|| probes(scene.state));
        if self.finder.probes() != probes.as_ref() {
            self.finder = TraceFinder::new(self.finder.filter().cloned(), probes);
        }
        let wanted = match self.chosen {
            Chosen::Newest => rows,
            Chosen::Trace(_) => self.index() + 2 * rows,
        };
        self.finder.refresh(scene.telemetry, wanted)
    }

    /// The list as it is drawn, the newest first.
    pub(super) fn listed(&self) -> &[TraceSummary] {
        self.finder.found()
    }

    /// Whether all that is kept was looked at for the list.
    pub(super) fn is_complete(&self) -> bool {
        self.finder.is_complete()
    }

    /// How many of the list came since following ended.
    pub(super) fn new_above(&self) -> usize {
        let Some(newest) = self.newest.filter(|_| self.chosen != Chosen::Newest) else {
            return 0;
        };
        self.listed()
            .partition_point(|trace| ended(trace) > Some(newest))
    }

    /// The filter as typed; empty: none.
    pub(super) fn filtered(&self) -> &str {
        self.finder.filter().map_or("", Filter::text)
    }

    /// Which trace of the list is chosen.
    pub(super) fn index(&self) -> usize {
        let Chosen::Trace(id) = self.chosen else {
            return 0;
        };
        let mut listed = self.listed().iter();
        listed.position(|trace| trace.trace == id).unwrap_or(0)
    }

    /// Goes down (or up, if negative) in the list.
    pub(super) fn go(&mut self, telemetry: &crate::telemetry::Telemetry, by: isize) {
        let at = self.index().saturating_add_signed(by);
        self.finder.refresh(telemetry, at.saturating_add(1));
        let at = moved(self.index(), by, self.listed().len());
        match self.listed().get(at).map(|trace| trace.trace) {
            Some(trace) if at > 0 => self.choose(trace),
            _ => self.follow(),
        }
    }

    /// Chooses this trace, which ends following.
    pub(super) fn choose(&mut self, trace: TraceId) {
        if self.chosen == Chosen::Newest {
            self.newest = self.listed().first().and_then(ended);
        }
        self.chosen = Chosen::Trace(trace);
    }

    /// Follows the newest again.
    pub(super) fn follow(&mut self) {
        self.chosen = Chosen::Newest;
        self.newest = None;
    }

    /// The trace that is open, if one is.
    pub(super) fn open(&self) -> Option<&OpenTrace> {
        match &self.opened {
            Opened::Trace(open) => Some(open),
            Opened::List | Opened::Compare(_) | Opened::Map => None,
        }
    }

    /// The same, to change it.
    pub(super) fn open_mut(&mut self) -> Option<&mut OpenTrace> {
        match &mut self.opened {
            Opened::Trace(open) => Some(open),
            Opened::List | Opened::Compare(_) | Opened::Map => None,
        }
    }

    /// The trace that is open or chosen.
    pub(super) fn current(&self) -> Option<TraceId> {
        let from_list = || self.listed().get(self.index()).map(|trace| trace.trace);
        match &self.opened {
            Opened::Trace(open) => Some(open.trace),
            Opened::Compare(comparison) => Some(comparison.right),
            Opened::List | Opened::Map => from_list(),
        }
    }

    /// Marks the trace that is open or chosen, or compares it with the one that is marked; what was done, in words.
    pub(super) fn mark_or_compare(&mut self) -> Marked {
        let Some(current) = self.current() else {
            return Marked::Said("there is no trace to be marked");
        };
        match self.marked {
            None => {
                self.marked = Some(current);
                Marked::Said("marked; c on another trace compares the two")
            }
            Some(marked) if marked == current => {
                self.marked = None;
                Marked::Said("no longer marked")
            }
            Some(marked) => Marked::Compare(Box::new(Comparison::new(marked, current))),
        }
    }

    /// Lists questions for health too, or leaves them out.
    pub(super) fn toggle_probes(&mut self) -> String {
        self.with_probes = !self.with_probes;
        self.follow();
        if self.with_probes {
            "health questions are listed too".into()
        } else {
            "health questions are left out".into()
        }
    }

    /// Sets the filter; nothing typed takes it away.
    ///
    /// # Errors
    /// What is wrong with it, in one line. The old filter stays.
    pub(super) fn set_filter(&mut self, text: &str) -> Result<(), String> {
        if text.trim() == self.filtered() {
            return Ok(());
        }
        let filter = if text.trim().is_empty() {
            None
        } else {
            Some(Filter::parse(text).map_err(|wrong| wrong.to_string())?)
        };
        self.finder = TraceFinder::new(filter, self.finder.probes().cloned());
        self.follow();
        Ok(())
    }
}

fn ended(trace: &TraceSummary) -> Option<Timestamp> {
    trace.started.saturating_add(trace.duration).ok()
}

/// Where the services of this session are asked for their health.
fn probes(state: &State) -> Probes {
    let services = state.services.iter();
    let paths =
        services.filter_map(
            |(name, service)| match &service.service.health.as_ref()?.probe {
                Probe::Http(http) => Some((name.clone(), http.path.clone())),
                _ => None,
            },
        );
    Probes(paths.collect::<HashMap<_, _>>())
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
