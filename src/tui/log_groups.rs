//! Which lines are one message, asked of the store in bulk and remembered: a question to the store costs as much for one line
//! as for hundreds.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::stack::ServiceName;
use crate::telemetry::line::{self, Shape};
use crate::telemetry::{LogLine, Position, Select, Stream, Telemetry};
use crate::text;

/// Lines of one message come no farther apart than this.
const TOGETHER: Duration = Duration::from_secs(2);
/// How many lines are looked at first, and at most, to find where a message begins or ends: where another stream says more
/// in between, it begins and ends there.
const FIRST_LOOK: usize = 64;
const LONGEST_LOOK: usize = 2_000;
/// Lines whose messages are remembered, at most.
const REMEMBERED: usize = 8_192;

/// The lines of one message, the oldest first; never none.
pub(super) type Group = Arc<[Arc<LogLine>]>;

/// Messages that can grow no more, by the numbers of their lines.
#[derive(Debug, Default)]
pub(super) struct Groups {
    known: RefCell<HashMap<u64, Group>>,
}

/// Lines of one stream of one run that follow each other, and one among them.
struct Stretch {
    lines: Vec<Arc<LogLine>>,
    own: usize,
    /// Whether there are no lines above, or below, that could be part of it.
    begins: bool,
    ends: bool,
}

impl Groups {
    /// The message to which this line belongs.
    pub(super) fn of(&self, telemetry: &Telemetry, line: &Arc<LogLine>) -> Group {
        if !matches!(line.line.stream, Stream::Stdout | Stream::Stderr) {
            return Arc::new([line.clone()]);
        }
        if let Some(known) = self.known.borrow().get(&line.seq) {
            return known.clone();
        }
        let mut stretch = Stretch {
            lines: vec![line.clone()],
            own: 0,
            begins: false,
            ends: false,
        };
        let mut look = FIRST_LOOK;
        loop {
            stretch.grow(telemetry, look);
            if let Some(found) = self.learn(&stretch) {
                return found;
            }
            look *= 4;
        }
    }

    /// Remembers what a stretch tells; the message of its own line, if that is known now.
    fn learn(&self, stretch: &Stretch) -> Option<Group> {
        let shapes: Vec<Shape> = stretch.lines.iter().map(|line| shape_of(line)).collect();
        let sure = (0..=stretch.own).find(|at| {
            let before = at.checked_sub(1).map(|before| shapes[before]);
            let is_first =
                *at == 0 && (stretch.begins || matches!(shapes[0], Shape::Begins { .. }));
            is_first || before.is_some_and(|before| line::begins(Some(before), shapes[*at]))
        });
        let is_long = stretch.lines.len() > 2 * LONGEST_LOOK;
        let start = sure.or(is_long.then_some(0))?;
        let mut found = None;
        let mut known = self.known.borrow_mut();
        if known.len() > REMEMBERED {
            known.clear();
        }
        for range in line::groups(&shapes[start..]) {
            let range = start + range.start..start + range.end;
            let is_whole = range.end < shapes.len() || stretch.ends || is_long;
            let group = || stretch.lines[range.clone()].into();
            if range.contains(&stretch.own) && is_whole {
                found = Some(group());
            }
            // What ends where the lines end may grow yet.
            if range.end < shapes.len() {
                remember(&mut known, &range, &group());
            }
        }
        found
    }
}

fn remember(known: &mut HashMap<u64, Group>, range: &Range<usize>, group: &Group) {
    debug_assert_eq!(range.len(), group.len());
    known.extend(group.iter().map(|line| (line.seq, group.clone())));
}

impl Stretch {
    /// Takes in more lines above and below.
    fn grow(&mut self, telemetry: &Telemetry, look: usize) {
        let line = self.lines[self.own].clone();
        let services = std::slice::from_ref(&line.line.service);
        if !self.begins {
            self.grow_above(telemetry, services, look);
        }
        if !self.ends {
            self.grow_below(telemetry, services, look);
        }
    }

    fn grow_above(&mut self, telemetry: &Telemetry, services: &[ServiceName], look: usize) {
        let mut above = Vec::new();
        let mut next = self.lines[0].clone();
        let (mut at, mut looked) = (next.position(), 0);
        while above.is_empty() && !self.begins {
            let page = telemetry.page_before(all_of(services), at, look);
            looked += page.lines.len();
            self.begins = page.lines.len() < look || looked > LONGEST_LOOK;
            at = page
                .lines
                .first()
                .map_or(Position::FIRST, |line| line.position());
            for line in page.lines.into_iter().rev() {
                if !is_near(&line, &next) {
                    self.begins = true;
                    break;
                }
                if is_of_one(&line, &next) {
                    next = line.clone();
                    above.push(line);
                }
            }
        }
        self.own += above.len();
        above.reverse();
        self.lines.splice(..0, above);
    }

    fn grow_below(&mut self, telemetry: &Telemetry, services: &[ServiceName], look: usize) {
        let mut last = self.lines[self.lines.len() - 1].clone();
        let (mut at, mut looked) = (last.position(), 0);
        let before = self.lines.len();
        // Another stream may say much meanwhile.
        while self.lines.len() == before && !self.ends {
            let page = telemetry.page_after(all_of(services), at, look);
            looked += page.lines.len();
            self.ends = page.lines.len() < look || looked > LONGEST_LOOK;
            at = page
                .lines
                .last()
                .map_or(Position::LAST, |line| line.position());
            for line in page.lines {
                if !is_near(&last, &line) {
                    self.ends = true;
                    break;
                }
                if is_of_one(&line, &last) {
                    last = line.clone();
                    self.lines.push(line);
                }
            }
        }
    }
}

fn all_of(services: &[ServiceName]) -> Select<'_> {
    Select {
        services,
        filter: None,
        patience: usize::MAX,
    }
}

fn is_of_one(line: &LogLine, other: &LogLine) -> bool {
    (line.line.run, line.line.stream) == (other.line.run, other.line.stream)
}

fn is_near(older: &LogLine, newer: &LogLine) -> bool {
    let apart = newer.line.at.duration_since(older.line.at);
    apart.unsigned_abs() <= TOGETHER
}

fn shape_of(line: &LogLine) -> Shape {
    let bytes = &line.line.bytes;
    line::shape(&text::readable(&bytes[..bytes.len().min(1 << 10)]))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::telemetry::NewLine;

    /// Pushes lines: who says them, how long after the one before, and what; all of them as they are kept.
    fn said(lines: &[(bool, i64, &str)]) -> (Telemetry, Vec<Arc<LogLine>>) {
        let telemetry = Telemetry::default();
        let mut at = Timestamp::UNIX_EPOCH;
        for (is_error, millis, words) in lines {
            at += jiff::SignedDuration::from_millis(*millis);
            telemetry.logs().push(NewLine {
                service: "web".into(),
                run: 1,
                at,
                stream: if *is_error {
                    Stream::Stderr
                } else {
                    Stream::Stdout
                },
                bytes: words.as_bytes().to_vec(),
            });
        }
        let kept = telemetry.latest(Select::default(), lines.len()).lines;
        (telemetry, kept)
    }

    #[test]
    fn a_trace_is_one_even_if_another_stream_speaks_within_it() {
        let (telemetry, kept) = said(&[
            (true, 0, "Traceback (most recent call last):"),
            (false, 1, "INFO something else"),
            (true, 1, "  File \"a.py\", line 1"),
            (true, 1, "ValueError: no"),
            (true, 5_000, "  much later"),
        ]);
        let groups = Groups::default();
        for (line, expected) in kept.iter().zip([3, 1, 3, 3, 1]) {
            assert_eq!(groups.of(&telemetry, line).len(), expected, "{line:?}");
        }
    }

    #[test]
    fn a_message_that_grows_is_asked_for_again() {
        let (telemetry, kept) = said(&[(false, 0, "INFO a"), (false, 0, "ERROR b")]);
        let groups = Groups::default();
        assert_eq!(groups.of(&telemetry, &kept[1]).len(), 1);
        telemetry.logs().push(NewLine {
            bytes: b"  below b".to_vec(),
            ..kept[1].line.clone()
        });
        assert_eq!(groups.of(&telemetry, &kept[1]).len(), 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() })]

        #[test]
        fn whichever_line_is_asked_first_the_groups_are_the_same(
            lines in proptest::collection::vec(
                (any::<bool>(), 0..3i64, "(Traceback \\(most recent call last\\):|  at x|panic: y|main\\.f\\(1\\)|INFO a|ERROR b|Caused by: c|ValueError: d|plain| *|\\})"),
                1..160,
            ),
            first in any::<proptest::sample::Index>(),
        ) {
            let lines: Vec<_> = lines.iter().map(|(error, millis, words)| (*error, millis * 700, words.as_str())).collect();
            let (telemetry, kept) = said(&lines);
            let (one, other) = (Groups::default(), Groups::default());
            one.of(&telemetry, first.get(&kept));
            let numbers = |group: Group| group.iter().map(|line| line.seq).collect::<Vec<_>>();
            for (at, line) in kept.iter().enumerate() {
                let group = numbers(one.of(&telemetry, line));
                prop_assert!(group.contains(&line.seq));
                prop_assert_eq!(&group, &numbers(other.of(&telemetry, line)));
                if at % 16 == 0 {
                    prop_assert_eq!(&group, &numbers(Groups::default().of(&telemetry, line)));
                }
            }
        }
    }
}
