//! Which rows a window of the log has, and which of them are seen.

use std::time::Duration;

use super::log_view::Window;

/// A silence as long as this is told by a row of its own.
const LONG: Duration = Duration::from_secs(10);

/// A row that is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// So many lines were left out, or nothing was said for so long, or both.
    Gap {
        skipped: u64,
        silence: Option<Duration>,
    },
    /// A row of an entry.
    Row { entry: usize, row: usize },
}

/// The rows of a window, whether or not there is room for all.
pub(super) fn slots(window: &Window) -> Vec<Slot> {
    let mut slots = Vec::new();
    let mut last = None;
    for (entry, shown) in window.entries.iter().enumerate() {
        let begins = shown.head().line.at;
        if let Some(last) = last.replace(shown.lines[shown.lines.len() - 1].line.at) {
            let gap = begins.duration_since(last);
            let silence = Duration::try_from(gap).ok().filter(|gap| *gap >= LONG);
            let skipped = window.skipped.get(entry).copied().unwrap_or_default();
            if skipped > 0 || silence.is_some() {
                slots.push(Slot::Gap { skipped, silence });
            }
        }
        slots.extend((0..shown.rows()).map(|row| Slot::Row { entry, row }));
    }
    slots
}

/// Which row is drawn first, of so many in all, so that the cursor's rows are seen (from the first to the last of them)
/// with so many below; without a cursor, so that the end is seen.
pub(super) fn first(total: usize, height: usize, cursor: Option<(usize, usize, usize)>) -> usize {
    let furthest = total.saturating_sub(height);
    match cursor {
        None => furthest,
        Some((first, last, below)) => (last + 1 + below)
            .saturating_sub(height)
            .min(furthest)
            .min(first),
    }
}

/// Which slot the cursor is in.
pub(super) fn of_cursor(slots: &[Slot], window: &Window) -> Option<usize> {
    let cursor = window.cursor?;
    let wanted = Slot::Row {
        entry: cursor.entry,
        row: cursor.row,
    };
    slots.iter().position(|slot| *slot == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_seen_with_what_is_below_it() {
        assert_eq!(first(100, 10, None), 90);
        assert_eq!(first(5, 10, None), 0);
        assert_eq!(first(100, 10, Some((50, 50, 9))), 50, "at the top");
        assert_eq!(first(100, 10, Some((50, 50, 0))), 41, "at the bottom");
        assert_eq!(first(100, 10, Some((50, 52, 0))), 43, "all of its rows");
        assert_eq!(
            first(100, 10, Some((50, 80, 0))),
            50,
            "its beginning, if there is no room for all"
        );
        assert_eq!(first(100, 10, Some((99, 99, 5))), 90, "the window is full");
        assert_eq!(first(100, 0, Some((3, 3, 0))), 3);
    }
}
