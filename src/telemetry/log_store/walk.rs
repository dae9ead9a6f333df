//! Going through lines of several services in one order, a piece of each at a time.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

use jiff::{SignedDuration, Timestamp};

use super::block::{Block, Entry, Summary};
use super::ring::Fetched;
use super::{Logs, find};
use crate::stack::ServiceName;
use crate::telemetry::log::{LogLine, Position};
use crate::telemetry::search::Search;

/// In which order lines are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::telemetry) enum Order {
    /// By time.
    Time,
    /// As they came.
    Arrival,
}

impl Order {
    /// The place of a line in this order.
    pub(super) fn of(self, position: Position) -> Position {
        match self {
            Self::Time => position,
            Self::Arrival => Position {
                at: Timestamp::UNIX_EPOCH,
                ..position
            },
        }
    }
}

/// What one step meets.
#[derive(Debug)]
pub(in crate::telemetry) enum Met {
    /// A line, which is the next.
    Line(Arc<LogLine>),
    /// So many lines were looked at, and those that are wanted among them will be met.
    Looked(usize),
    /// Lines that were not looked at, because that was not wished; from here one goes on.
    Unread(Position),
}

/// A cursor over the lines of several services.
#[derive(Debug)]
pub(in crate::telemetry) struct Walk<'a> {
    logs: &'a Logs,
    order: Order,
    back: bool,
    from: Position,
    /// The lines that were kept when it began have smaller numbers.
    until: u64,
    run: Option<u64>,
    search: Option<&'a Search>,
    sources: Vec<Source>,
}

/// The lines of one service.
#[derive(Debug)]
struct Source {
    ring: usize,
    service: ServiceName,
    /// Up to where it was looked at, in the order of the walk.
    from: Position,
    /// What comes next and was not looked at.
    unread: Option<(Summary, Fetched)>,
    /// What was looked at, and in it what is to be met; the next is the last.
    blocks: Vec<Arc<Block>>,
    wanted: Vec<(usize, Entry)>,
}

/// Some lines of a service that are to be looked at.
#[derive(Debug)]
struct Piece {
    lines: usize,
    fetched: Fetched,
    /// Up to where the service was looked at before.
    from: Position,
}

/// So many pieces a thread are taken out at once to be counted in: each has up to a mebibyte.
const PIECES: usize = 4;

impl<'a> Walk<'a> {
    /// From this place on, which itself is not met.
    pub(in crate::telemetry) fn new(
        logs: &'a Logs,
        order: Order,
        back: bool,
        from: Position,
    ) -> Self {
        Self::over(logs, order, back, from, None, |_, _| true)
    }

    /// Only what one run printed, in the order in which it came.
    pub(super) fn of_run(
        logs: &'a Logs,
        service: &ServiceName,
        run: u64,
        back: bool,
        from: Position,
    ) -> Self {
        Self::over(
            logs,
            Order::Arrival,
            back,
            from,
            Some(run),
            |name, records| name == service && !records,
        )
    }

    fn over(
        logs: &'a Logs,
        order: Order,
        back: bool,
        from: Position,
        run: Option<u64>,
        chosen: impl Fn(&ServiceName, bool) -> bool,
    ) -> Self {
        let inner = logs.shared.lock();
        let rings = inner.rings.iter().enumerate();
        let sources = rings
            .filter(|(_, ring)| chosen(&ring.service, ring.records))
            .map(|(index, ring)| Source {
                ring: index,
                service: ring.service.clone(),
                from,
                unread: ring.fetch(back, |position| order.of(position), from, run),
                blocks: Vec::new(),
                wanted: Vec::new(),
            });
        Self {
            logs,
            order,
            back,
            from,
            until: inner.next_seq,
            run,
            search: None,
            sources: sources.collect(),
        }
    }

    /// Only lines of these services; none named: of all.
    #[must_use]
    pub(in crate::telemetry) fn only(mut self, services: &[ServiceName]) -> Self {
        if !services.is_empty() {
            self.sources
                .retain(|source| services.contains(&source.service));
        }
        self
    }

    /// Only lines that the search finds.
    #[must_use]
    pub(in crate::telemetry) fn searching(mut self, search: &'a Search) -> Self {
        self.search = Some(search);
        self
    }

    /// The number that the next line had when this began.
    pub(super) fn until(&self) -> u64 {
        self.until
    }

    pub(in crate::telemetry) fn is_searching(&self) -> bool {
        self.search.is_some()
    }

    /// What is met next; `None` at the end. More lines are only looked at if that is wished.
    pub(in crate::telemetry) fn step(&mut self, may_look: bool) -> Option<Met> {
        let (index, is_read, next) = self.next_source()?;
        if !is_read {
            let reached = self.before(next);
            // Who goes on from where he was would go round in circles.
            return Some(if may_look || reached == self.from {
                Met::Looked(self.look(index))
            } else {
                Met::Unread(reached)
            });
        }
        let source = &mut self.sources[index];
        let (block, entry) = source.wanted.pop()?;
        let line = source.blocks[block].line(&source.service, &entry);
        Some(Met::Line(Arc::new(line)))
    }

    /// The number of lines that are met until the end of what was looked at last, without making them.
    fn count_wanted(&mut self) -> usize {
        let wanted = self.sources.iter_mut().map(|source| {
            let count = source.wanted.len();
            source.wanted.clear();
            count
        });
        wanted.sum()
    }

    /// All lines that are left.
    pub(super) fn lines(&mut self) -> impl Iterator<Item = Arc<LogLine>> {
        std::iter::from_fn(move || {
            loop {
                if let Met::Line(line) = self.step(true)? {
                    return Some(line);
                }
            }
        })
    }

    /// The place from which one goes on, if this comes next.
    fn before(&self, next: Position) -> Position {
        if self.back {
            just_after(next).min(self.from)
        } else {
            just_before(next).max(self.from)
        }
    }

    /// Which service has what comes next, whether that was looked at, and where it stands.
    fn next_source(&self) -> Option<(usize, bool, Position)> {
        let mut best: Option<(usize, bool, Position)> = None;
        for (index, source) in self.sources.iter().enumerate() {
            let Some((is_read, position)) = source.next(self.order, self.back) else {
                continue;
            };
            let is_better = best.is_none_or(|(_, _, other)| {
                let (own, other) = (self.order.of(position), self.order.of(other));
                if self.back { own > other } else { own < other }
            });
            if is_better {
                best = Some((index, is_read, position));
            }
        }
        best
    }

    /// Looks at the next piece of a service. Tells how many lines it has.
    fn look(&mut self, index: usize) -> usize {
        let Some(piece) = self.take(index) else {
            return 0;
        };
        let lines = piece.lines;
        let (blocks, mut wanted) = self.look_at(piece);
        if !self.back {
            wanted.reverse();
        }
        let source = &mut self.sources[index];
        (source.blocks, source.wanted) = (blocks, wanted);
        lines
    }

    /// How many lines are met until so many lines were looked at, and how many of these are left to be looked at. Several
    /// threads look at different pieces.
    pub(in crate::telemetry) fn count(&mut self, mut patience: usize) -> (usize, usize) {
        let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
        let mut count = self.count_wanted();
        loop {
            let mut pieces = Vec::new();
            while pieces.len() < workers * PIECES && patience > 0 {
                let Some(piece) = self.next_source().and_then(|(index, ..)| self.take(index))
                else {
                    break;
                };
                patience = patience.saturating_sub(piece.lines);
                pieces.push(piece);
            }
            if pieces.is_empty() {
                return (count, patience);
            }
            count += self.count_in(pieces, workers);
        }
    }

    fn count_in(&self, pieces: Vec<Piece>, workers: usize) -> usize {
        if pieces.len() < workers {
            return pieces.into_iter().map(|it| self.look_at(it).1.len()).sum();
        }
        let left = Mutex::new(pieces);
        let work = || {
            let mut count = 0;
            loop {
                let piece = left.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let Some(piece) = piece else {
                    return count;
                };
                count += self.look_at(piece).1.len();
            }
        };
        std::thread::scope(|scope| {
            // Where no thread can be had, this one does all of it.
            let other = |_| Builder::new().spawn_scoped(scope, work).ok();
            let others: Vec<_> = (1..workers).filter_map(other).collect();
            let own = work();
            let counted = others
                .into_iter()
                .map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            counted.sum::<usize>() + own
        })
    }

    /// What is to be met in a piece, in the order in which it stands there.
    fn look_at(&self, piece: Piece) -> (Vec<Arc<Block>>, Vec<(usize, Entry)>) {
        let Some(blocks) = piece.fetched.blocks() else {
            self.lost(piece.lines);
            return Default::default();
        };
        let mut wanted = Vec::new();
        for (number, block) in blocks.iter().enumerate() {
            match self.wanted_in(block, piece.from) {
                Some(found) => wanted.extend(found.into_iter().map(|entry| (number, entry))),
                None => self.lost(block.summary.lines as usize),
            }
        }
        (blocks, wanted)
    }

    /// The next piece of a service; the one after it is taken out of the store.
    fn take(&mut self, index: usize) -> Option<Piece> {
        let source = &mut self.sources[index];
        let (summary, fetched) = source.unread.take()?;
        let piece = Piece {
            lines: summary.lines as usize,
            fetched,
            from: source.from,
        };
        let next = if self.back {
            summary.first
        } else {
            summary.last
        };
        let order = self.order;
        self.sources[index].from = order.of(next);
        let inner = self.logs.shared.lock();
        let ring = &inner.rings[self.sources[index].ring];
        let unread = ring.fetch(self.back, |place| order.of(place), order.of(next), self.run);
        drop(inner);
        // What came meanwhile belongs to the next walk.
        self.sources[index].unread = unread.filter(|(next, _)| next.first.seq < self.until);
        Some(piece)
    }

    fn lost(&self, lines: usize) {
        let unreadable = &self.logs.shared.unreadable;
        unreadable.fetch_add(lines as u64, Ordering::Relaxed);
    }

    /// The lines of a block that are to be met, in its order. `None` if it is damaged.
    fn wanted_in(&self, block: &Block, from: Position) -> Option<Vec<Entry>> {
        let mut entries = match self.search {
            None => block.entries()?,
            Some(search) => find::among(search, block)?,
        };
        entries.retain(|entry| self.is_wanted(entry, from));
        Some(entries)
    }

    fn is_wanted(&self, entry: &Entry, from: Position) -> bool {
        let place = self.order.of(entry.position);
        let is_ahead = if self.back {
            place < from
        } else {
            place > from
        };
        let of_run = self
            .run
            .is_none_or(|run| entry.run == run && entry.is_output());
        is_ahead && of_run && entry.position.seq < self.until
    }
}

impl Source {
    /// Whether what comes next was looked at, and where it stands, or where it can stand at the earliest.
    fn next(&self, order: Order, back: bool) -> Option<(bool, Position)> {
        if let Some((_, entry)) = self.wanted.last() {
            return Some((true, entry.position));
        }
        let (summary, _) = self.unread.as_ref()?;
        // A part of it may have been met already, before it grew.
        let next = match back {
            true if order.of(summary.last) < self.from => summary.last,
            true => just_before(self.from),
            false if order.of(summary.first) > self.from => summary.first,
            false => just_after(self.from),
        };
        Some((false, next))
    }
}

fn just_after(position: Position) -> Position {
    match position.seq.checked_add(1) {
        Some(seq) => Position { seq, ..position },
        None => position,
    }
}

fn just_before(position: Position) -> Position {
    if let Some(seq) = position.seq.checked_sub(1) {
        return Position { seq, ..position };
    }
    let earlier = position.at.checked_sub(SignedDuration::from_nanos(1));
    earlier.map_or(Position::FIRST, |at| Position { at, seq: u64::MAX })
}
