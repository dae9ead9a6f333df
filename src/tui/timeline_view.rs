//! What the screen knows of the timeline: which part of the axis is shown, and where on it the person is.

use std::time::Duration;

use super::bins::{Window, next_stop};
use super::timeline::{Row, Timeline};
use crate::engine::Moment;

/// How much time a column may stand for, in milliseconds.
const STEPS: [u64; 26] = [
    10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1_000, 2_000, 3_000, 5_000, 10_000,
    20_000, 30_000, 60_000, 120_000, 180_000, 300_000, 600_000, 1_200_000, 1_800_000,
];
/// As long as nobody has zoomed, a column stands for at most a second.
const AT_MOST: usize = 12;

/// The timeline and where in it the person is.
#[derive(Debug, Default)]
pub(super) struct TimelineView {
    pub(super) record: Timeline,
    /// Which of the steps a column stands for; `None`: as the length of the session has it.
    zoom: Option<usize>,
    /// Where the window begins; `None`: it ends with the present.
    from: Option<Moment>,
    /// Where the person is; `None`: nowhere on the axis.
    cursor: Option<Moment>,
}

fn column(step: usize) -> Duration {
    Duration::from_millis(STEPS[step.min(STEPS.len() - 1)])
}

/// The finest step with which the session so far takes this many columns at most.
fn fitting(now: Moment, columns: usize) -> usize {
    let fits = |step: &usize| now.0.as_nanos() / column(*step).as_nanos() < columns as u128;
    (0..STEPS.len()).find(fits).unwrap_or(STEPS.len() - 1)
}

impl TimelineView {
    fn step(&self, now: Moment, columns: usize) -> usize {
        self.zoom
            .unwrap_or_else(|| fitting(now, columns * 19 / 20).min(AT_MOST))
    }

    /// The part of the axis that is shown in so many columns.
    pub(super) fn window(&self, now: Moment, columns: usize) -> Window {
        let column = column(self.step(now, columns));
        let from = self.from.unwrap_or_else(|| newest(now, column, columns));
        Window {
            from,
            column,
            columns,
        }
    }

    /// Whether the window goes along with the present.
    pub(super) fn is_following(&self) -> bool {
        self.from.is_none()
    }

    /// Where the person is.
    pub(super) fn cursor(&self) -> Option<Moment> {
        self.cursor
    }

    /// Follows the present again.
    pub(super) fn follow(&mut self) {
        (self.from, self.cursor) = (None, None);
    }

    /// Shows less time (or more); what is under the cursor stays where it is.
    pub(super) fn zoom(&mut self, closer: bool, now: Moment, columns: usize) {
        let before = self.window(now, columns);
        let step = self.step(now, columns);
        let step = if closer {
            step.saturating_sub(1)
        } else {
            (step + 1).min(STEPS.len() - 1)
        };
        self.zoom = Some(step);
        let Some(from) = self.from else {
            return;
        };
        let seen = self.cursor.filter(|at| before.column_of(*at).is_some());
        let middle = from + before.until().since(from) / 2;
        let fixed = seen.unwrap_or(middle);
        let place = before.column_of(fixed).unwrap_or(columns / 2);
        let left = column(step).saturating_mul(u32::try_from(place).unwrap_or(0));
        self.show_from(fixed - left, now, columns);
    }

    /// Shows the whole session.
    pub(super) fn zoom_to_all(&mut self, now: Moment, columns: usize) {
        self.zoom = Some(fitting(now, columns));
        self.from = None;
    }

    /// Goes along the axis by half a window.
    pub(super) fn pan(&mut self, right: bool, now: Moment, columns: usize) {
        let window = self.window(now, columns);
        let half = window.until().since(window.from) / 2;
        let from = if right {
            window.from + half
        } else {
            window.from - half
        };
        self.show_from(from, now, columns);
    }

    /// Goes to the beginning.
    pub(super) fn go_to_beginning(&mut self, now: Moment, columns: usize) {
        self.cursor = None;
        self.show_from(Moment::START, now, columns);
    }

    /// The window begins here, or goes along with the present where that would be in it for good.
    fn show_from(&mut self, from: Moment, now: Moment, columns: usize) {
        let column = column(self.step(now, columns));
        let newest = newest(now, column, columns);
        self.from = (from < newest).then_some(from);
    }

    /// Goes to the next event of this service in this direction; whether there is one.
    pub(super) fn go_to_event(
        &mut self,
        row: Option<&Row>,
        right: bool,
        now: Moment,
        columns: usize,
    ) -> bool {
        let window = self.window(now, columns);
        // Whoever comes first to the axis comes from its newest end.
        let at = self.cursor.unwrap_or(now + window.column);
        let next = row.and_then(|row| next_stop(row, window, at, right));
        let Some(next) = next else {
            return false;
        };
        self.cursor = Some(next);
        // What is looked at stays in its place.
        self.from = Some(window.from);
        if window.column_of(next).is_none() {
            let half = u32::try_from(columns / 2).unwrap_or(0);
            self.from = Some(next - window.column.saturating_mul(half));
        }
        true
    }

    /// Puts the cursor into this column.
    pub(super) fn click(&mut self, place: usize, now: Moment, columns: usize) {
        let window = self.window(now, columns);
        let place = u32::try_from(place.min(columns)).unwrap_or(0);
        self.cursor = Some(window.from + window.column.saturating_mul(place));
        self.from = Some(window.from);
    }

    /// After which time the axis looks different by itself.
    pub(super) fn period(&self, now: Moment, columns: usize) -> Option<Duration> {
        let column = self.window(now, columns).column;
        let soon = column.clamp(Duration::from_millis(100), Duration::from_secs(1));
        self.is_following().then_some(soon)
    }
}

/// Where a window begins that ends with the present: at a whole column, so that nothing flickers while it goes along.
fn newest(now: Moment, column: Duration, columns: usize) -> Moment {
    let columns = u128::try_from(columns).unwrap_or(0);
    let passed = now.0.as_nanos() / column.as_nanos() + 1;
    let first = passed.saturating_sub(columns);
    Moment(column.saturating_mul(u32::try_from(first).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: usize = 60;

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    #[test]
    fn a_young_session_is_seen_whole_and_an_old_one_in_seconds() {
        let view = TimelineView::default();
        let young = view.window(at(4_000), COLUMNS);
        assert_eq!(
            (young.from, young.column),
            (at(0), Duration::from_millis(100))
        );
        let old = view.window(at(3_600_000), COLUMNS);
        assert_eq!(old.column, Duration::from_secs(1));
        assert_eq!(old.from, at(3_541_000));
        assert!(old.column_of(at(3_600_000)).is_some(), "now is in it");
    }

    #[test]
    fn panning_to_the_end_follows_again() {
        let (mut view, now) = (TimelineView::default(), at(600_000));
        view.pan(false, now, COLUMNS);
        assert!(!view.is_following());
        let from = view.window(now, COLUMNS).from;
        assert_eq!(view.window(at(900_000), COLUMNS).from, from, "it stays");
        view.pan(true, now, COLUMNS);
        assert!(view.is_following());
        view.go_to_beginning(now, COLUMNS);
        assert_eq!(view.window(now, COLUMNS).from, Moment::START);
    }

    #[test]
    fn zooming_keeps_the_cursor_in_its_place() {
        let (mut view, now) = (TimelineView::default(), at(600_000));
        view.pan(false, now, COLUMNS);
        view.click(20, now, COLUMNS);
        let cursor = view.cursor().unwrap();
        for closer in [true, true, false, false] {
            view.zoom(closer, now, COLUMNS);
            let window = view.window(now, COLUMNS);
            assert_eq!(window.column_of(cursor), Some(20), "{window:?}");
        }
        for _ in 0..40 {
            view.zoom(false, now, COLUMNS);
        }
        for _ in 0..40 {
            view.zoom(true, now, COLUMNS);
        }
        view.zoom_to_all(now, COLUMNS);
        let window = view.window(now, COLUMNS);
        assert!(window.column_of(at(0)).is_some() && window.column_of(now).is_some());
    }
}
