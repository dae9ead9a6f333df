//! The times of day along the axis.

use jiff::Timestamp;

use crate::runtime::Clock;
use crate::text;
use crate::tui::bins::Window;

/// Milliseconds between two labels.
const BETWEEN: [i64; 18] = [
    100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000,
    900_000, 1_800_000, 3_600_000, 10_800_000, 21_600_000,
];
/// Columns that a label and the space behind it take at least.
const LABEL: i64 = 12;

/// The labels in their places; they stand at whole seconds, minutes or hours of the day.
pub(super) fn line(clock: &Clock, window: Window) -> String {
    let column = i64::try_from(window.column.as_millis())
        .unwrap_or(i64::MAX)
        .max(1);
    let wide = |between: &&i64| **between / column >= LABEL;
    let Some(between) = BETWEEN.iter().find(wide).copied() else {
        return String::new();
    };
    let form = if between < 1_000 {
        "%H:%M:%S%.1f"
    } else {
        "%H:%M:%S"
    };
    let from = clock.timestamp(window.from).as_millisecond();
    let mut line = String::new();
    // The first whole label that begins in the window.
    let mut at = from
        .div_euclid(between)
        .saturating_add(1)
        .saturating_mul(between);
    if from.rem_euclid(between) == 0 {
        at = from;
    }
    loop {
        let place = usize::try_from(at.saturating_sub(from) / column).unwrap_or(usize::MAX);
        let Ok(time) = Timestamp::from_millisecond(at) else {
            break;
        };
        let label = format!("╷{}", clock.local(time).strftime(form));
        if place.saturating_add(text::width(&label)) > window.columns {
            break;
        }
        let gap = place.saturating_sub(text::width(&line));
        line.push_str(&" ".repeat(gap));
        line.push_str(&label);
        at = at.saturating_add(between);
    }
    line
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::engine::Moment;

    fn clock() -> Clock {
        Clock::fixed("2026-03-18T14:03:20.4Z".parse().expect("a right time"))
    }

    fn drawn(from: u64, column: u64, columns: usize) -> String {
        let window = Window {
            from: Moment::from_millis(from),
            column: Duration::from_millis(column),
            columns,
        };
        line(&clock(), window)
    }

    #[test]
    fn labels_stand_at_whole_times() {
        assert_eq!(drawn(0, 100, 40), format!("{:16}╷14:03:22", ""));
        assert_eq!(drawn(600, 1_000, 20), format!("{:9}╷14:03:30", ""));
        assert_eq!(drawn(0, 10, 20), "╷14:03:20.4");
        assert_eq!(drawn(0, 10, 5), "");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn labels_never_leave_the_window(
            from in prop_oneof![0..100_000_000_u64, Just(u64::MAX)],
            column in prop_oneof![1..2_000_000_u64, Just(u64::MAX)],
            columns in 0..200_usize,
        ) {
            prop_assert!(text::width(&drawn(from, column, columns)) <= columns);
        }
    }
}
