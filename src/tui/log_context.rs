//! What is shown around the entries that the filter of the logs lets pass.
//!
//! All entries stand in one order: those that are asked for where their first line stands that passes, the others where
//! their first line of all stands. An entry is shown if it is asked for, or so near to one that is that no more than so many
//! steps lead there. Marks are seen whatever is filtered; they have no context of their own.

use super::log_entries::{Entries, Entry, Reader};
use super::log_view::{just_after, just_before};
use crate::telemetry::{Direction, Filter, Position, Select, Stream};

/// What is shown beside what is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    /// So many entries before and after each that is asked for; more than none.
    pub(super) entries: usize,
    /// What is asked for, without the marks that are seen anyhow.
    pub(super) asked: &'a Filter,
    /// Of which lines there can be any context at all.
    pub(super) all: &'a Filter,
}

/// How many entries more than their context are read at once while what is asked for lies close together.
const AT_ONCE: usize = 16;

impl Reader<'_> {
    /// The nearest entries beyond this position with their context, as they are met. What is asked for is looked for once,
    /// as far as patience lasts; around each of them only a stretch is read.
    pub(super) fn with_context(
        &self,
        context: Context<'_>,
        from: Position,
        limit: usize,
        to: Direction,
    ) -> Entries {
        let asked = self.met(self.select, from, limit, to);
        let mut anchors = asked.entries.iter().map(|entry| entry.at).peekable();
        let (all, steps) = (self.all(context), context.entries);
        let mut owed = self.owed(context, from, to);
        let (mut found, mut at) = (Vec::new(), from);
        while found.len() < limit {
            while anchors
                .next_if(|anchor| !is_beyond(*anchor, at, to))
                .is_some()
            {}
            let Some(anchor) = anchors.peek() else {
                let rest = owed.min(limit - found.len());
                found.extend(self.met(all, at, rest, to).entries);
                break;
            };
            let size = (limit - found.len()).min(4 * steps + AT_ONCE) + steps;
            let stretch = self.met(all, at, size, to).entries;
            let is_last = stretch.len() < size;
            // What is asked for next may need the last of them; it is not known yet.
            let decided = stretch.len() - if is_last { 0 } else { steps };
            let before = found.len();
            choose(context, &stretch, decided, &mut owed, &mut found);
            match stretch.get(decided.wrapping_sub(1)) {
                Some(last) if !is_last => at = last.at,
                _ => break,
            }
            if found.len() == before {
                at = self.short_of(all, *anchor, steps, to, at);
            }
        }
        found.truncate(limit);
        Entries {
            partial: asked.partial && found.len() < limit,
            entries: found,
        }
    }

    fn all<'a>(&'a self, context: Context<'a>) -> Select<'a> {
        Select {
            filter: Some(context.all),
            ..self.select
        }
    }

    /// How many entries beyond a position are the context of one that stands there or on its other side.
    fn owed(&self, context: Context<'_>, from: Position, to: Direction) -> usize {
        let (back, edge) = match to {
            Direction::Back => (Direction::Forward, just_before(from)),
            Direction::Forward => (Direction::Back, just_after(from)),
        };
        let behind = self.met(self.all(context), edge, context.entries, back);
        let nearest = behind
            .entries
            .iter()
            .position(|entry| is_asked(context, entry));
        nearest.map_or(0, |steps| context.entries - steps)
    }

    /// From where the context of what is asked for next is met, if nothing before that is shown.
    fn short_of(
        &self,
        all: Select<'_>,
        anchor: Position,
        steps: usize,
        to: Direction,
        at: Position,
    ) -> Position {
        let (back, step): (_, fn(Position) -> Position) = match to {
            Direction::Back => (Direction::Forward, just_after),
            Direction::Forward => (Direction::Back, just_before),
        };
        let first = self.met(all, anchor, steps, back).entries.pop();
        let from = step(first.map_or(anchor, |first| first.at));
        if is_beyond(from, at, to) { from } else { at }
    }
}

/// Takes those of the first entries of a stretch that are shown.
fn choose(
    context: Context<'_>,
    stretch: &[Entry],
    decided: usize,
    owed: &mut usize,
    found: &mut Vec<Entry>,
) {
    let asked: Vec<bool> = stretch
        .iter()
        .map(|entry| is_asked(context, entry))
        .collect();
    let mut next = None;
    let mut near = vec![false; stretch.len()];
    for at in (0..stretch.len()).rev() {
        if asked[at] {
            next = Some(at);
        }
        near[at] = next.is_some_and(|next| next - at <= context.entries);
    }
    for (at, entry) in stretch.iter().enumerate().take(decided) {
        if near[at] || *owed > 0 || !entry.is_context {
            found.push(entry.clone());
        }
        *owed = if asked[at] {
            context.entries
        } else {
            owed.saturating_sub(1)
        };
    }
}

/// Whether a place is met when one goes on from another.
fn is_beyond(place: Position, from: Position, to: Direction) -> bool {
    match to {
        Direction::Back => place < from,
        Direction::Forward => place > from,
    }
}

/// Whether it passes by itself; a mark is shown anyhow.
fn is_asked(context: Context<'_>, entry: &Entry) -> bool {
    let is_mark = matches!(entry.head().line.stream, Stream::Mark(_));
    !entry.is_context && (!is_mark || context.asked.matches_line(entry.head()))
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;

    use super::*;
    use crate::telemetry::{MarkKind, NewLine, Telemetry};
    use crate::tui::log_view::{LogView, PATIENCE, Source};

    /// Lines of two services: `x` is asked for, `.` is not, `+` goes on the message above, `m` is a mark, `b` of a build.
    fn said(lines: &str) -> Telemetry {
        let telemetry = Telemetry::default();
        for (number, letter) in lines.chars().enumerate() {
            let number = i64::try_from(number).unwrap();
            let (stream, words) = match letter {
                'x' => (Stream::Stdout, format!("INFO {number} wanted")),
                '+' => (Stream::Stdout, format!("    at {number} wanted")),
                '-' => (Stream::Stdout, format!("    at {number}")),
                'm' => (Stream::Mark(MarkKind::Live), format!("{number}")),
                'b' => (Stream::Build, format!("{number} wanted")),
                _ => (Stream::Stdout, format!("INFO {number}")),
            };
            telemetry.logs().push(NewLine {
                service: if number % 3 == 0 { "web" } else { "orders" }.into(),
                run: 1,
                at: Timestamp::UNIX_EPOCH + SignedDuration::from_millis(number / 2),
                stream,
                bytes: words.into_bytes(),
            });
        }
        telemetry
    }

    fn view(steps: usize) -> LogView {
        let mut view = LogView::default();
        view.shown.set("wanted").unwrap();
        while view.shown.around() < steps {
            view.shown.turn_context(true);
        }
        view
    }

    fn source(telemetry: &Telemetry) -> Source<'_> {
        Source {
            telemetry,
            services: &[],
        }
    }

    /// The places of all entries that are to be shown, found by looking at every one of them.
    fn model(telemetry: &Telemetry, view: &LogView) -> Vec<Position> {
        let reader = view.reader(source(telemetry), PATIENCE);
        let Some(context) = view.shown.context() else {
            let entries = reader.after(Position::FIRST, usize::MAX).entries;
            return entries.iter().map(|entry| entry.at).collect();
        };
        let all = reader.met(
            reader.all(context),
            Position::FIRST,
            usize::MAX,
            Direction::Forward,
        );
        let all = all.entries;
        let asked: Vec<usize> = (0..all.len())
            .filter(|at| is_asked(context, &all[*at]))
            .collect();
        let is_shown = |at: &usize| {
            let near = asked.iter().any(|hit| hit.abs_diff(*at) <= context.entries);
            near || !all[*at].is_context
        };
        let shown = (0..all.len()).filter(is_shown);
        shown.map(|at| all[at].at).collect()
    }

    fn places(entries: &Entries) -> Vec<Position> {
        entries.entries.iter().map(|entry| entry.at).collect()
    }

    #[test]
    fn what_lies_around_is_shown_and_what_was_left_out_is_counted() {
        let telemetry = said("..........x..m......b........x.x..");
        let view = view(2);
        let window = view.window(source(&telemetry), 40);
        let words: Vec<String> = window
            .entries
            .iter()
            .map(|entry| String::from_utf8_lossy(&entry.head().line.bytes).into_owned())
            .collect();
        assert_eq!(
            words,
            [
                "INFO 8",
                "INFO 9",
                "INFO 10 wanted",
                "INFO 11",
                "INFO 12",
                "13",
                "INFO 27",
                "INFO 28",
                "INFO 29 wanted",
                "INFO 30",
                "INFO 31 wanted",
                "INFO 32",
                "INFO 33"
            ]
        );
        let context: String = window
            .entries
            .iter()
            .map(|entry| if entry.is_context { '.' } else { 'x' })
            .collect();
        assert_eq!(context, "..x..x..x.x..");
        // A line of a build is not among those that were left out.
        assert_eq!(window.skipped, [0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn what_is_far_away_is_found_and_patience_ends() {
        let far = format!("x{}x{}", ".".repeat(3000), ".".repeat(3000));
        let telemetry = said(&far);
        let view = view(1);
        let reader = view.reader(source(&telemetry), PATIENCE);
        assert_eq!(reader.before(Position::LAST, 10).entries.len(), 5);
        assert_eq!(reader.after(Position::FIRST, 10).entries.len(), 5);
        let reader = view.reader(source(&telemetry), 100);
        let read = reader.before(Position::LAST, 10);
        assert!(read.partial && read.entries.is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

        #[test]
        fn reading_from_anywhere_shows_the_same(
            lines in "[x.+mb-]{0,60}|[x..............m-]{0,120}",
            steps in 1..6_usize,
            limit in 1..40_usize,
            from in any::<proptest::sample::Index>(),
        ) {
            let telemetry = said(&lines);
            let view = view(steps);
            let shown = model(&telemetry, &view);
            let reader = view.reader(source(&telemetry), PATIENCE);
            let mut anywhere: Vec<Position> = shown.iter().flat_map(|at| [just_before(*at), *at, just_after(*at)]).collect();
            anywhere.extend([Position::FIRST, Position::LAST]);
            let from = *from.get(&anywhere);
            let before: Vec<Position> = shown.iter().copied().filter(|at| *at < from).collect();
            let expected = &before[before.len().saturating_sub(limit)..];
            prop_assert_eq!(places(&reader.before(from, limit)), expected);
            let after: Vec<Position> = shown.iter().copied().filter(|at| *at > from).collect();
            let expected = &after[..after.len().min(limit)];
            prop_assert_eq!(places(&reader.after(from, limit)), expected);
        }

        #[test]
        fn what_was_left_out_and_what_is_shown_are_all(lines in "[x...........m]{0,90}", steps in 1..4_usize) {
            let telemetry = said(&lines);
            let view = view(steps);
            let window = view.window(source(&telemetry), 200);
            let shown: u64 = window.entries.iter().map(|entry| entry.lines.len() as u64).sum();
            let skipped: u64 = window.skipped.iter().sum();
            let (first, last) = (window.entries.first(), window.entries.last());
            let ends = first.zip(last).map(|(first, last)| {
                let before = telemetry.logs().ranks(&[], &[first.head().position()])[0];
                let all = lines.chars().count() as u64;
                let newest = last.lines[last.lines.len() - 1].position();
                before + all - telemetry.logs().ranks(&[], &[just_after(newest)])[0]
            });
            if let Some(ends) = ends {
                prop_assert_eq!(shown + skipped + ends, lines.chars().count() as u64);
            }
        }
    }
}
