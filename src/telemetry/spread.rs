//! How many lines came when: cells of time that grow wider as a session grows longer, so that there are never more of them.

use jiff::Timestamp;

/// Cells at most. Full, each two of them become one.
const CELLS: usize = 512;

/// How many lines, and how many of them tell of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// All of them.
    pub lines: u64,
    /// Those of level error and above.
    pub errors: u64,
    /// Marks, which are none of the lines.
    pub marks: u64,
}

impl Tally {
    /// One line.
    pub fn of(is_error: bool) -> Self {
        Self {
            lines: 1,
            errors: u64::from(is_error),
            marks: 0,
        }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.lines == 0 && self.marks == 0
    }

    /// Takes in what another has.
    pub fn add(&mut self, other: Self) {
        self.lines += other.lines;
        self.errors += other.errors;
        self.marks += other.marks;
    }
}

/// How many lines came in each cell of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spread {
    /// When the first cell begins, in milliseconds of the epoch; what came earlier is counted there.
    start: Option<i64>,
    /// How wide a cell is: the power of two of milliseconds.
    wide: u32,
    cells: Vec<Tally>,
}

impl Spread {
    /// Nothing yet, from this time on.
    pub fn from(start: Timestamp) -> Self {
        Self {
            start: Some(start.as_millisecond()),
            ..Self::default()
        }
    }

    /// Counts what came at this time.
    pub fn add(&mut self, at: Timestamp, these: Tally) {
        let millis = at.as_millisecond();
        let start = *self.start.get_or_insert(millis);
        let since = millis.saturating_sub(start).max(0).unsigned_abs();
        let mut cell = since >> self.wide;
        while cell >= CELLS as u64 {
            self.widen();
            cell = since >> self.wide;
        }
        let cell = usize::try_from(cell).unwrap_or(CELLS - 1);
        if cell >= self.cells.len() {
            self.cells.resize(cell + 1, Tally::default());
        }
        self.cells[cell].add(these);
    }

    fn widen(&mut self) {
        self.wide += 1;
        let pairs = self.cells.chunks(2).map(|pair| {
            let mut both = pair[0];
            both.add(pair.get(1).copied().unwrap_or_default());
            both
        });
        self.cells = pairs.collect();
    }

    /// When the cell begins and ends in which this time is, in milliseconds of the epoch.
    pub fn cell(&self, at: Timestamp) -> (i64, i64) {
        let millis = at.as_millisecond();
        let start = self.start.unwrap_or(millis);
        let width = 1_i64 << self.wide.min(62);
        let begins = start + (millis.saturating_sub(start).max(0) / width) * width;
        (begins, begins.saturating_add(width))
    }

    /// All lines that were counted.
    pub fn total(&self) -> Tally {
        self.cells.iter().fold(Tally::default(), |mut all, cell| {
            all.add(*cell);
            all
        })
    }

    /// Adds what came from `from` to `to`, both in milliseconds of the epoch and included, to rows of equal time; what came
    /// earlier or later is left out.
    pub fn add_to(&self, rows: &mut [Tally], from: i64, to: i64) {
        let Some(start) = self.start else {
            return;
        };
        let span = i128::from(to) - i128::from(from) + 1;
        if rows.is_empty() || span <= 0 {
            return;
        }
        let width = 1_i128 << self.wide;
        for (at, cell) in self
            .cells
            .iter()
            .enumerate()
            .filter(|(_, cell)| !cell.is_empty())
        {
            let begins = i128::from(start) + width * i128::try_from(at).unwrap_or_default();
            // A cell that reaches beyond an end is counted in the row there.
            if begins + width <= i128::from(from) || begins > i128::from(to) {
                continue;
            }
            let since = (begins - i128::from(from)).max(0);
            let row = since * i128::try_from(rows.len()).unwrap_or_default() / span;
            let row = usize::try_from(row).unwrap_or_default().min(rows.len() - 1);
            rows[row].add(*cell);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).expect("a time within bounds")
    }

    #[test]
    fn lines_are_counted_in_rows_of_equal_time() {
        let mut spread = Spread::default();
        for (millis, is_error) in [(1000, false), (1001, true), (1050, false), (1099, false)] {
            spread.add(at(millis), Tally::of(is_error));
        }
        let mut rows = [Tally::default(); 4];
        spread.add_to(&mut rows, 1000, 1099);
        assert_eq!(rows.map(|row| row.lines), [2, 0, 1, 1]);
        assert_eq!(rows.map(|row| row.errors), [1, 0, 0, 0]);
        let mut later = [Tally::default(); 2];
        spread.add_to(&mut later, 1050, 1099);
        assert_eq!(later.map(|row| row.lines), [1, 1]);
    }

    #[test]
    fn a_day_of_lines_takes_no_more_room_than_a_minute() {
        let mut spread = Spread::default();
        for second in 0..86_400 {
            spread.add(at(second * 1000), Tally::of(second % 100 == 0));
        }
        assert!(spread.cells.len() <= CELLS);
        assert_eq!(
            spread.total(),
            Tally {
                lines: 86_400,
                errors: 864,
                marks: 0,
            }
        );
        let mut hours = [Tally::default(); 24];
        spread.add_to(&mut hours, 0, 86_400_000 - 1);
        for hour in hours {
            assert!((3300..3900).contains(&hour.lines), "{hours:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn no_line_is_lost_and_each_is_in_its_cell(
            times in proptest::collection::vec(0..200_000_i64, 1..200),
            rows in 1..80_usize,
        ) {
            let mut spread = Spread::from(at(0));
            for time in &times {
                spread.add(at(*time), Tally::of(time % 3 == 0));
            }
            let mut found = vec![Tally::default(); rows];
            spread.add_to(&mut found, 0, 200_000);
            let lines: u64 = found.iter().map(|row| row.lines).sum();
            prop_assert_eq!(lines, times.len() as u64);
            prop_assert_eq!(spread.total().lines, times.len() as u64);
            for time in times {
                let (begins, ends) = spread.cell(at(time));
                prop_assert!(begins <= time && time < ends);
                let in_cell = spread.cells[usize::try_from(begins >> spread.wide).unwrap()];
                prop_assert!(in_cell.lines > 0);
            }
        }

        #[test]
        fn any_time_can_be_counted(times in proptest::collection::vec(any::<i32>(), 1..40)) {
            let mut spread = Spread::default();
            for time in &times {
                spread.add(at(i64::from(*time) * 100_000), Tally::of(false));
            }
            prop_assert_eq!(spread.total().lines, times.len() as u64);
            prop_assert!(spread.cells.len() <= CELLS);
        }
    }
}
