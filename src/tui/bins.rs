//! The timeline in columns: which sign stands where for the events of one service. Pure.

use std::time::Duration;

use super::timeline::{Event, PIECE, Row, What};
use crate::engine::Moment;

/// A part of the axis of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Where it begins.
    pub(super) from: Moment,
    /// How much time one column stands for; never zero.
    pub(super) column: Duration,
    /// How many columns there are.
    pub(super) columns: usize,
}

/// What stands in one column. What comes later here goes before what comes earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Sign {
    Nothing,
    Wait,
    Ready,
    Starting,
    Unhealthy,
    Build,
    Held,
    Live,
    Saved,
    /// Fewer than ten errors in the logs.
    Errors,
    ManyErrors,
    Failed,
}

/// Errors in one column from which on they are many.
const MANY: u32 = 10;

/// The two lanes of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lanes {
    /// Changes, builds, errors.
    pub(super) upper: Vec<Sign>,
    /// Runs and what they wait for.
    pub(super) lower: Vec<Sign>,
    /// Behind which columns of the upper lane a build failed.
    pub(super) failed_builds: Vec<usize>,
}

impl Window {
    /// The number of the column that this moment falls into, counted from the beginning of the session.
    fn absolute(&self, at: Moment) -> u128 {
        at.0.as_nanos() / self.column.as_nanos().max(1)
    }

    /// The column that this moment falls into; `None`: none of the window.
    pub(super) fn column_of(&self, at: Moment) -> Option<usize> {
        let column = self.absolute(at).checked_sub(self.absolute(self.from))?;
        let column = usize::try_from(column).ok()?;
        (column < self.columns).then_some(column)
    }

    /// The columns, both included, that an event is seen in.
    pub(super) fn columns_of(&self, event: &Event, now: Moment) -> Option<(usize, usize)> {
        let until = event.until.unwrap_or(now).max(event.from);
        let (first, last) = (self.absolute(event.from), self.absolute(until));
        let begin = self.absolute(self.from);
        let end = begin + self.columns as u128;
        if self.columns == 0 || last < begin || first >= end {
            return None;
        }
        let place = |at: u128| usize::try_from(at.clamp(begin, end - 1) - begin).unwrap_or(0);
        Some((place(first), place(last)))
    }

    /// Where it ends.
    pub(super) fn until(&self) -> Moment {
        let columns = u32::try_from(self.columns).unwrap_or(u32::MAX);
        self.from + self.column.saturating_mul(columns)
    }
}

/// The signs of a service in this window.
pub(super) fn lanes(row: &Row, window: Window, now: Moment) -> Lanes {
    let mut lanes = Lanes {
        upper: vec![Sign::Nothing; window.columns],
        lower: vec![Sign::Nothing; window.columns],
        failed_builds: Vec::new(),
    };
    for event in &row.events {
        let Some((first, last)) = window.columns_of(event, now) else {
            continue;
        };
        let is_upper = matches!(event.what, What::Saved | What::Live | What::Build { .. });
        let lane = if is_upper {
            &mut lanes.upper
        } else {
            &mut lanes.lower
        };
        for column in &mut lane[first..=last] {
            *column = sign(event.what).max(*column);
        }
        if matches!(event.what, What::Build { failed: true, .. }) {
            lanes.upper[last] = Sign::Failed;
            lanes.failed_builds.push(last);
        }
    }
    for (column, count) in errors(row, window) {
        let sign = if count >= MANY {
            Sign::ManyErrors
        } else {
            Sign::Errors
        };
        lanes.upper[column] = sign.max(lanes.upper[column]);
    }
    lanes
}

/// Both lanes in one, where there is no room for two.
pub(super) fn merged(lanes: &Lanes) -> Vec<Sign> {
    let both = lanes.upper.iter().zip(&lanes.lower);
    both.map(|(upper, lower)| *upper.max(lower)).collect()
}

fn sign(what: What) -> Sign {
    match what {
        What::Wait => Sign::Wait,
        What::Saved => Sign::Saved,
        What::Live => Sign::Live,
        What::Build { .. } => Sign::Build,
        What::Starting(_) => Sign::Starting,
        What::Ready(_) => Sign::Ready,
        What::Unhealthy(_) => Sign::Unhealthy,
        What::Failed => Sign::Failed,
        What::Held => Sign::Held,
    }
}

/// How many errors there are in which columns.
fn errors(row: &Row, window: Window) -> Vec<(usize, u32)> {
    let first = row.errors.partition_point(|(at, _)| *at < window.from);
    let mut found: Vec<(usize, u32)> = Vec::new();
    for (at, count) in row.errors.range(first..) {
        let Some(column) = window.column_of(*at) else {
            break;
        };
        match found.last_mut() {
            Some((last, sum)) if *last == column => *sum = sum.saturating_add(*count),
            _ => found.push((column, *count)),
        }
    }
    found
}

/// What stands at this moment: how many errors, and the events, the most telling first.
pub(super) fn at(row: &Row, window: Window, at: Moment, now: Moment) -> (u32, Vec<&Event>) {
    let here = Window {
        from: at,
        columns: 1,
        ..window
    };
    let seen = row.events.iter();
    let seen = seen.filter(|event| here.columns_of(event, now).is_some());
    let mut seen: Vec<&Event> = seen.collect();
    // What begins or ends here tells more than what goes on, and what does just now more than what does nearby.
    seen.sort_by_key(|event| {
        let is_edge = here.column_of(event.from).is_some();
        let failed = matches!(event.what, What::Build { failed: true, .. });
        let sign = if failed {
            Sign::Failed
        } else {
            sign(event.what)
        };
        std::cmp::Reverse((is_edge, event.from == at, sign))
    });
    // Errors are counted from the beginning of their piece of time, or of the column where that is the shorter one.
    let piece = window.column.min(PIECE);
    let number = at.0.as_nanos() / piece.as_nanos().max(1);
    let here = Window {
        from: Moment(piece.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX))),
        ..here
    };
    let errors = errors(row, here).iter().map(|(_, count)| *count).sum();
    (errors, seen)
}

/// The next moment in this direction, in another column than this one, at which something begins.
pub(super) fn next_stop(row: &Row, window: Window, from: Moment, forward: bool) -> Option<Moment> {
    let here = window.absolute(from);
    let begins = row.events.iter().map(|event| event.from);
    let ends = row.events.iter().filter_map(|event| {
        // That something failed is seen at its end.
        let failed = matches!(event.what, What::Build { failed: true, .. });
        event.until.filter(|_| failed)
    });
    let errors = row.errors.iter().map(|(at, _)| *at);
    let stops = begins.chain(ends).chain(errors);
    if forward {
        stops.filter(|at| window.absolute(*at) > here).min()
    } else {
        stops.filter(|at| window.absolute(*at) < here).max()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::{BuildId, RunId};
    use crate::tui::goal::Goal;

    fn event(from: u64, until: Option<u64>, what: What) -> Event {
        Event {
            from: Moment::from_millis(from),
            until: until.map(Moment::from_millis),
            what,
            words: String::new(),
            goal: Goal::Nowhere,
        }
    }

    fn row(events: Vec<Event>, errors: &[(u64, u32)]) -> Row {
        let errors = errors.iter();
        Row {
            events: events.into(),
            let_go: 0,
            errors: errors
                .map(|(at, count)| (Moment::from_millis(*at), *count))
                .collect(),
        }
    }

    fn window(from: u64, column: u64, columns: usize) -> Window {
        Window {
            from: Moment::from_millis(from),
            column: Duration::from_millis(column),
            columns,
        }
    }

    fn drawn(signs: &[Sign]) -> String {
        let letter = |sign: &Sign| match sign {
            Sign::Nothing => ' ',
            Sign::Wait => '.',
            Sign::Ready => '_',
            Sign::Starting => 's',
            Sign::Unhealthy => 'u',
            Sign::Build => 'b',
            Sign::Held => 'h',
            Sign::Live => 'l',
            Sign::Saved => 'v',
            Sign::Errors => 'e',
            Sign::ManyErrors => 'E',
            Sign::Failed => 'x',
        };
        signs.iter().map(letter).collect()
    }

    fn story() -> Row {
        let build = |number, failed| What::Build {
            build: BuildId(number),
            failed,
        };
        let run = RunId(1);
        row(
            vec![
                event(0, Some(300), build(1, false)),
                event(300, Some(500), What::Wait),
                event(500, Some(700), What::Starting(run)),
                event(700, None, What::Ready(run)),
                event(1_000, Some(1_000), What::Saved),
                event(1_000, Some(1_400), build(2, true)),
            ],
            &[(1_500, 3), (1_700, 4), (1_800, 12)],
        )
    }

    #[test]
    fn every_event_has_its_columns() {
        let lanes = lanes(&story(), window(0, 100, 20), Moment::from_millis(1_900));
        assert_eq!(drawn(&lanes.upper), "bbbb      vbbbxe eE ");
        assert_eq!(drawn(&lanes.lower), "   ..sss____________");
        assert_eq!(lanes.failed_builds, [14]);
        assert_eq!(drawn(&merged(&lanes)), "bbbb.sss__vbbbxe_eE_");
    }

    #[test]
    fn nothing_is_drawn_before_it_began_or_after_now() {
        let lanes = lanes(&story(), window(1_200, 100, 10), Moment::from_millis(1_500));
        assert_eq!(drawn(&lanes.upper), "bbxe eE   ");
        assert_eq!(drawn(&lanes.lower), "____      ");
    }

    #[test]
    fn the_cursor_goes_from_event_to_event() {
        let (row, window) = (story(), window(0, 100, 20));
        let mut stops = Vec::new();
        let mut at = Moment::START;
        while let Some(next) = next_stop(&row, window, at, true) {
            stops.push(next.0.as_millis());
            at = next;
        }
        assert_eq!(stops, [300, 500, 700, 1_000, 1_400, 1_500, 1_700, 1_800]);
        let back = next_stop(&row, window, Moment::from_millis(1_000), false);
        assert_eq!(back, Some(Moment::from_millis(700)));
        let (errors, seen) = super::at(&row, window, Moment::from_millis(1_000), at);
        let seen: Vec<What> = seen.iter().map(|event| event.what).collect();
        assert_eq!((errors, seen.len(), seen[1]), (0, 3, What::Saved));
        assert_eq!(super::at(&row, window, Moment::from_millis(1_799), at).0, 4);
    }

    fn any_event() -> impl Strategy<Value = Event> {
        let what = prop::sample::select(vec![
            What::Wait,
            What::Saved,
            What::Live,
            What::Failed,
            What::Held,
            What::Ready(RunId(1)),
            What::Unhealthy(RunId(1)),
            What::Build {
                build: BuildId(1),
                failed: true,
            },
        ]);
        let time = prop_oneof![0..5_000_u64, Just(u64::MAX), Just(0)];
        (time.clone(), prop::option::of(time), what)
            .prop_map(|(from, until, what)| event(from, until, what))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_events_fit_any_window(
            events in prop::collection::vec(any_event(), 0..20),
            errors in prop::collection::vec((0..6_000_u64, 1..20_u32), 0..20),
            from in prop_oneof![0..6_000_u64, Just(u64::MAX)],
            column in prop_oneof![Just(0_u64), 1..900_u64, Just(u64::MAX)],
            columns in 0..70_usize,
            now in prop_oneof![0..6_000_u64, Just(u64::MAX)],
        ) {
            let mut errors = errors;
            errors.sort_unstable();
            let row = row(events, &errors);
            let (window, now) = (window(from, column, columns), Moment::from_millis(now));
            let lanes = lanes(&row, window, now);
            prop_assert_eq!((lanes.upper.len(), lanes.lower.len()), (columns, columns));
            prop_assert_eq!(merged(&lanes).len(), columns);
            prop_assert!(lanes.failed_builds.iter().all(|at| *at < columns));
            let _ = window.until();
            for forward in [true, false] {
                let _ = next_stop(&row, window, Moment::from_millis(from), forward);
            }
            let _ = at(&row, window, Moment::from_millis(from), now);
        }

        #[test]
        fn whatever_happened_within_the_window_is_seen(
            events in prop::collection::vec(any_event(), 1..20),
            column in 1..900_u64,
        ) {
            let row = row(events, &[]);
            let window = window(0, column, 5_000);
            let now = Moment::from_millis(4_999);
            let lanes = lanes(&row, window, now);
            for event in &row.events {
                if let Some(at) = window.column_of(event.from) {
                    let seen = lanes.upper[at].max(lanes.lower[at]);
                    prop_assert!(seen >= sign(event.what));
                }
            }
        }
    }
}
