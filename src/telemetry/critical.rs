//! The critical path of a trace: at each moment the one part that everything else waited for.

use std::time::Duration;

use super::trace::Row;

/// So much later than its parent a call may end and still have been waited for: clocks differ, and the last byte of an
/// answer may pass before the end of what it came from is written down.
const SLACK: Duration = Duration::from_millis(1);

/// For each row: how long the trace waited for just this one, and nothing below it; `None` if it is not on the critical
/// path. The path is that of the longest root; a call that outlived its parent was not waited for.
pub fn critical_path(rows: &[Row]) -> Vec<Option<Duration>> {
    let mut waited = vec![None; rows.len()];
    let children = children(rows);
    let roots = (0..rows.len()).filter(|index| rows[*index].depth == 0);
    let Some(root) = roots.max_by_key(|index| (!rows[*index].detached, rows[*index].what.took()))
    else {
        return waited;
    };
    let mut open = vec![(root, end(&rows[root]))];
    while let Some((index, until)) = open.pop() {
        let began = rows[index].offset;
        let mut reached = until;
        let mut own = Duration::ZERO;
        let mut below = children[index].clone();
        below.sort_by_key(|child| std::cmp::Reverse(end(&rows[*child])));
        for child in below {
            let ended = end(&rows[child]);
            if ended > reached.saturating_add(SLACK) || reached <= began {
                continue;
            }
            let ended = ended.min(reached);
            own += reached.saturating_sub(ended);
            open.push((child, ended));
            reached = rows[child].offset.min(ended);
        }
        own += reached.saturating_sub(began);
        waited[index] = Some(own);
    }
    waited
}

/// Whether the part in this row outlived the one above it, so that nobody waited for its end: fire and forget.
pub fn outlives(rows: &[Row], index: usize) -> bool {
    let row = &rows[index];
    let above = rows[..index]
        .iter()
        .rev()
        .find(|above| above.depth < row.depth);
    above.is_some_and(|above| row.depth > 0 && end(row) > end(above).saturating_add(SLACK))
}

/// The rows right below each row, by index.
pub(super) fn children(rows: &[Row]) -> Vec<Vec<usize>> {
    let mut children = vec![Vec::new(); rows.len()];
    let mut above: Vec<usize> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        above.truncate(row.depth);
        if let Some(parent) = above.last() {
            children[*parent].push(index);
        }
        above.push(index);
    }
    children
}

fn end(row: &Row) -> Duration {
    row.offset.saturating_add(row.what.took())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::exchange_fixture::timed;
    use super::super::trace::waterfall;
    use super::*;

    /// span, parent, begin and end in ms; what each was waited for, in ms
    fn check(given: &[(u64, Option<u64>, u64, u64)], expected: &[Option<u64>]) {
        let exchanges: Vec<_> = given
            .iter()
            .map(|&(span, parent, start, end)| Arc::new(timed((1, span, parent), "x", start, end)))
            .collect();
        let rows = waterfall(&exchanges);
        let waited = critical_path(&rows);
        let expected: Vec<_> = expected
            .iter()
            .map(|ms| ms.map(Duration::from_millis))
            .collect();
        assert_eq!(waited, expected, "{given:?}");
        let sum: Duration = waited.into_iter().flatten().sum();
        assert_eq!(sum, rows[0].what.took(), "the whole time is told");
    }

    #[test]
    fn only_what_ends_later_outlives() {
        let rows = waterfall(&[
            Arc::new(timed((1, 1, None), "web", 0, 20)),
            Arc::new(timed((1, 2, Some(1)), "mail", 5, 500)),
            Arc::new(timed((1, 3, Some(2)), "db", 6, 400)),
        ]);
        let outliving: Vec<_> = (0..3).map(|index| outlives(&rows, index)).collect();
        assert_eq!(outliving, [false, true, false]);
    }

    #[test]
    fn calls_one_after_another_are_all_on_it() {
        check(
            &[
                (1, None, 0, 100),
                (2, Some(1), 10, 40),
                (3, Some(1), 50, 90),
            ],
            &[Some(30), Some(30), Some(40)],
        );
    }

    #[test]
    fn of_calls_side_by_side_only_the_last_to_end_is_on_it() {
        check(
            &[
                (1, None, 0, 100),
                (2, Some(1), 10, 60),
                (3, Some(1), 10, 90),
                (4, Some(3), 20, 80),
            ],
            &[Some(20), None, Some(20), Some(60)],
        );
    }

    #[test]
    fn what_outlives_its_parent_was_not_waited_for() {
        check(
            &[(1, None, 0, 20), (2, Some(1), 5, 500), (3, Some(1), 6, 10)],
            &[Some(16), None, Some(4)],
        );
    }
}
