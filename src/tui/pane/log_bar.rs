//! The scroll bar of the logs: where in time the window is, and beside it how much was said when, where errors, hits and
//! marks are.

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use crate::telemetry::{Spread, Tally};
use crate::tui::log_view::{LogView, Source, Window};
use crate::tui::theme::{Role, Theme};

/// Panes that are narrower have no bar.
const LEAST: u16 = 60;

/// Columns that it takes from the lines of a pane so wide. Its last one stands where there would be none anyhow.
pub(in crate::tui) fn columns(pane: u16) -> u16 {
    if pane < LEAST { 0 } else { 2 }
}

/// What stands in one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Row {
    said: Tally,
    is_hit: bool,
    /// Whether a line was marked by hand.
    is_marked: bool,
    /// Whether lines are in the window that were said then.
    is_seen: bool,
}

/// From when to when the bar reaches, in milliseconds of the epoch, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Axis {
    from: i64,
    to: i64,
    rows: usize,
}

impl Axis {
    fn of(source: Source<'_>, rows: usize) -> Option<Self> {
        let (first, last) = source.telemetry.logs().ends(source.services)?;
        let axis = Self {
            from: first.at.as_millisecond(),
            to: last.at.as_millisecond(),
            rows,
        };
        (rows > 0).then_some(axis)
    }

    /// The row of a time.
    fn row(self, at: Timestamp) -> usize {
        let rows = i128::try_from(self.rows).unwrap_or(1);
        let since = i128::from(at.as_millisecond()) - i128::from(self.from);
        let span = i128::from(self.to) - i128::from(self.from) + 1;
        let row = since.max(0) * rows / span.max(1);
        usize::try_from(row).unwrap_or(0).min(self.rows - 1)
    }

    /// When a row begins.
    fn begins(self, row: usize) -> Option<Timestamp> {
        let span = i128::from(self.to) - i128::from(self.from) + 1;
        let rows = i128::try_from(self.rows).ok()?;
        let since = span * i128::try_from(row.min(self.rows)).ok()? / rows;
        Timestamp::from_millisecond(self.from + i64::try_from(since).ok()?).ok()
    }

    fn spread(self, spread: &Spread) -> Vec<Tally> {
        let mut rows = vec![Tally::default(); self.rows];
        spread.add_to(&mut rows, self.from, self.to);
        rows
    }
}

/// When what stands in this row of the bar began, for a click.
pub(in crate::tui) fn time_of(source: Source<'_>, row: usize, rows: usize) -> Option<Timestamp> {
    Axis::of(source, rows)?.begins(row)
}

/// Draws the bar into two columns.
pub(super) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    source: Source<'_>,
    view: &LogView,
    window: &Window,
    theme: &Theme,
) {
    let Some(axis) = Axis::of(source, usize::from(area.height)) else {
        return;
    };
    let rows = rows(axis, source, view, window);
    let most = rows.iter().map(|row| row.said.lines).max().unwrap_or(0);
    for (row, place) in rows.iter().zip(area.rows()) {
        let ground = if row.is_seen {
            theme.selection()
        } else {
            Style::new()
        };
        let (sign, role) = sign(row);
        let bar = if row.said.errors > 0 {
            Role::Error
        } else {
            Role::Dim
        };
        let spans = ratatui::text::Line::from(vec![
            Span::styled(sign, ground.patch(theme.style(role))),
            Span::styled(bar_of(row.said.lines, most), ground.patch(theme.style(bar))),
        ]);
        frame.render_widget(spans, place);
    }
}

fn rows(axis: Axis, source: Source<'_>, view: &LogView, window: &Window) -> Vec<Row> {
    let mut rows = vec![Row::default(); axis.rows];
    for spread in source.telemetry.logs().spread(source.services) {
        for (row, tally) in rows.iter_mut().zip(axis.spread(&spread)) {
            row.said.add(tally);
        }
    }
    if let Some(passing) = view.density.passing() {
        for (row, tally) in rows.iter_mut().zip(axis.spread(passing)) {
            let marks = row.said.marks;
            row.said = Tally { marks, ..tally };
        }
    }
    if let Some(hits) = view.density.hits() {
        for (row, tally) in rows.iter_mut().zip(axis.spread(hits)) {
            row.is_hit = tally.lines > 0;
        }
    }
    for mark in &view.marks {
        rows[axis.row(mark.at)].is_marked = true;
    }
    if let (Some(first), Some(last)) = (window.entries.first(), window.entries.last()) {
        let (first, last) = (axis.row(first.at.at), axis.row(last.at.at));
        for row in &mut rows[first.min(last)..=last] {
            row.is_seen = true;
        }
    }
    rows
}

/// What the left column shows: the rarest of what there is.
fn sign(row: &Row) -> (&'static str, Role) {
    match row {
        Row {
            is_marked: true, ..
        } => ("◆", Role::Accent),
        Row { is_hit: true, .. } => ("●", Role::Accent),
        row if row.said.errors > 0 => ("!", Role::Error),
        row if row.said.marks > 0 => ("╴", Role::Ready),
        Row { is_seen: true, .. } => ("┃", Role::Text),
        _ => ("│", Role::Border),
    }
}

/// A bar is not full with fewer lines than this: where every row has one, one is not much.
const FULL: u64 = 4;

/// A bar whose length grows with the root of the number, so that little is seen beside much.
fn bar_of(lines: u64, most: u64) -> &'static str {
    const BARS: [&str; 8] = ["▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];
    if lines == 0 || most == 0 {
        return " ";
    }
    let share = (lines as f64 / most.max(FULL) as f64)
        .sqrt()
        .clamp(0.0, 1.0);
    let step = (1..8).rev().find(|step| share > f64::from(*step) / 8.0);
    BARS[step.map_or(0, |step| usize::try_from(step).unwrap_or(0))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_never_empty_and_the_longest_is_full() {
        let bars: Vec<&str> = [0, 1, 10, 250, 500, 1000]
            .into_iter()
            .map(|lines| bar_of(lines, 1000))
            .collect();
        assert_eq!(bars, [" ", "▏", "▏", "▌", "▊", "█"]);
        assert_eq!((bar_of(4, 4), bar_of(1, 1)), ("█", "▌"));
    }

    #[test]
    fn a_row_of_the_bar_begins_where_its_times_do() {
        let axis = Axis {
            from: 1_000,
            to: 10_999,
            rows: 10,
        };
        for row in 0..10 {
            let begins = axis.begins(row).unwrap();
            assert_eq!(axis.row(begins), row);
            let before = begins - jiff::SignedDuration::from_millis(1);
            assert_eq!(axis.row(before), row.saturating_sub(1));
        }
        assert_eq!(axis.row(Timestamp::MAX), 9);
        assert_eq!(axis.row(Timestamp::MIN), 0);
    }
}
