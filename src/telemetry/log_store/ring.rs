//! The lines of one service: what was sealed, wherever it is kept, and what is still open.

use std::collections::VecDeque;
use std::sync::Arc;

use super::block::{Block, Ready, Summary};
use super::segment::{Segment, Spot};
use crate::stack::ServiceName;
use crate::telemetry::level::Level;
use crate::telemetry::log::{Position, Stream};
use crate::telemetry::spread::{Spread, Tally};

/// Blocks that lie one behind the other, and are dropped, written and read as one.
#[derive(Debug)]
pub(super) struct Extent {
    pub(super) summary: Summary,
    /// The blocks, while they are kept in memory.
    memory: Option<Vec<Arc<Block>>>,
    /// What is on disk, from the first block on.
    pub(super) disk: Option<Spot>,
    cost: usize,
    /// The number of its first block among those of the service, and how many it has.
    first: u64,
    count: u64,
    /// How many lines of no build came before it.
    before: u64,
}

/// What a reader takes out under the lock, to look at after it was given back.
#[derive(Debug)]
pub(super) enum Fetched {
    Memory(Vec<Arc<Block>>),
    Disk(Spot),
}

/// The lines of one service, sorted by number and by time at once.
#[derive(Debug)]
pub(super) struct Ring {
    pub(super) service: ServiceName,
    /// Whether these were sent as records: those arrive late, and their times with them.
    pub(super) records: bool,
    pub(super) extents: VecDeque<Extent>,
    open: Block,
    /// Bytes kept in memory.
    pub(super) memory: usize,
    /// Lines that were dropped.
    pub(super) dropped: u64,
    /// How many extents from the oldest on are not in memory any more.
    released: usize,
    /// Blocks that were sealed, and how many of them were written.
    sealed: u64,
    written: u64,
    /// Its files, the oldest first, and how many bytes of each are used.
    segments: VecDeque<(Arc<Segment>, u64)>,
    /// Where the last line stands.
    last: Option<Position>,
    /// How many lines of no build were sealed.
    said: u64,
    /// When lines of no build came.
    pub(super) spread: Spread,
}

/// How many lines of a service stand before a place, as far as that can be told without looking at lines.
#[derive(Debug)]
pub(super) struct Rank {
    /// Lines of no build before the piece in which the place is.
    pub(super) before: u64,
    /// Which piece that is, and what it has; `None`: the place is between two pieces.
    pub(super) within: Option<(usize, Fetched)>,
}

/// A block that is to be written.
#[derive(Debug)]
pub(super) struct Unwritten {
    /// Its number among those of the service.
    pub(super) number: u64,
    /// Whether an extent begins with it.
    pub(super) begins: bool,
    pub(super) block: Arc<Block>,
}

impl Ring {
    pub(super) fn new(service: ServiceName, records: bool) -> Self {
        Self {
            service,
            records,
            extents: VecDeque::new(),
            open: Block::default(),
            memory: 0,
            dropped: 0,
            released: 0,
            sealed: 0,
            written: 0,
            segments: VecDeque::new(),
            last: None,
            said: 0,
            spread: Spread::default(),
        }
    }

    /// Adds a line; tells by how much memory grew.
    pub(super) fn push(&mut self, ready: &Ready, seq: u64) -> usize {
        // Two streams of one service are read by two tasks, and clocks are set back: the order of arrival holds.
        let at = match self.last {
            Some(last) => ready.line.at.max(last.at),
            None => ready.line.at,
        };
        let position = Position { at, seq };
        self.last = Some(position);
        match ready.line.stream {
            Stream::Build => {}
            Stream::Mark(_) => self.spread.add(
                at,
                Tally {
                    marks: 1,
                    ..Tally::default()
                },
            ),
            Stream::Stdout | Stream::Stderr | Stream::Otlp => {
                let is_error = ready.level >= Some(Level::Error);
                self.spread.add(at, Tally::of(is_error));
            }
        }
        let before = self.open.cost();
        self.open.push(ready, position);
        let grown = self.open.cost() - before;
        self.memory += grown;
        grown
    }

    pub(super) fn open_cost(&self) -> usize {
        self.open.cost()
    }

    /// Ends the open block, so that it can be written, as a part of the last extent while that is smaller than this.
    pub(super) fn seal(&mut self, extent: usize) {
        if self.open.is_empty() {
            return;
        }
        let mut block = std::mem::take(&mut self.open);
        block.entries.shrink_to_fit();
        block.text.shrink_to_fit();
        self.sealed += 1;
        let (summary, cost) = (block.summary, block.cost());
        let block = Arc::new(block);
        let before = self.said;
        self.said += summary.said();
        if let Some(last) = self.extents.back_mut()
            && let Some(blocks) = &mut last.memory
            && last.cost + cost <= extent
        {
            blocks.push(block);
            last.summary.extend(&summary);
            last.cost += cost;
            last.count += 1;
            return;
        }
        self.extents.push_back(Extent {
            summary,
            memory: Some(vec![block]),
            disk: None,
            cost,
            first: self.sealed - 1,
            count: 1,
            before,
        });
    }

    /// The sealed blocks that are not written yet.
    pub(super) fn unwritten(&self) -> Vec<Unwritten> {
        let from = self
            .extents
            .partition_point(|extent| extent.first + extent.count <= self.written);
        let extents = self.extents.range(from..);
        let blocks = extents.flat_map(|extent| {
            let blocks = extent.memory.iter().flatten().zip(extent.first..);
            blocks.map(move |(block, number)| Unwritten {
                number,
                begins: number == extent.first,
                block: Arc::clone(block),
            })
        });
        blocks
            .filter(|block| block.number >= self.written)
            .collect()
    }

    /// Takes note of a block that was written.
    pub(super) fn wrote(&mut self, number: u64, spot: Spot) {
        self.written = number + 1;
        match self.segments.back_mut() {
            Some((segment, bytes)) if Arc::ptr_eq(segment, &spot.segment) => *bytes += spot.length,
            _ => self
                .segments
                .push_back((Arc::clone(&spot.segment), spot.length)),
        }
        let at = self
            .extents
            .partition_point(|extent| extent.first + extent.count <= number);
        let Some(extent) = self.extents.get_mut(at) else {
            return;
        };
        match &mut extent.disk {
            Some(disk) => disk.length += spot.length,
            None if extent.first == number => extent.disk = Some(spot),
            // Its beginning was dropped.
            None => {}
        }
    }

    /// Takes the oldest lines out of memory: they are on disk, or they go (if `may_drop`). Tells how many bytes that freed;
    /// `None` if nothing may go.
    pub(super) fn release(&mut self, may_drop: bool) -> Option<usize> {
        let written = self.written;
        let Some(extent) = self.extents.get_mut(self.released) else {
            let freed = self.open.cost();
            if freed == 0 || !may_drop {
                return None;
            }
            self.dropped += u64::from(self.open.summary.lines);
            self.open = Block::default();
            self.memory -= freed;
            return Some(freed);
        };
        let freed = extent.cost;
        if extent.disk.is_some() && extent.first + extent.count <= written {
            extent.memory = None;
            self.released += 1;
        } else if may_drop {
            self.dropped += u64::from(extent.summary.lines);
            self.extents.remove(self.released);
        } else {
            return None;
        }
        self.memory -= freed;
        Some(freed)
    }

    /// Bytes on disk, while there is an older file than that which is being written.
    pub(super) fn droppable(&self) -> u64 {
        match self.segments.len() {
            0 | 1 => 0,
            _ => self.segments.iter().map(|(_, bytes)| bytes).sum(),
        }
    }

    /// Drops the oldest file with its lines. Tells which, its bytes, and the memory that was freed.
    pub(super) fn drop_segment(&mut self) -> Option<(Arc<Segment>, u64, usize)> {
        let (segment, bytes) = self.segments.pop_front()?;
        let mut freed = 0;
        while let Some(extent) = self.extents.front() {
            let here = |spot: &Spot| Arc::ptr_eq(&spot.segment, &segment);
            if !extent.disk.as_ref().is_some_and(here) {
                break;
            }
            self.dropped += u64::from(extent.summary.lines);
            if extent.memory.is_some() {
                freed += extent.cost;
            } else {
                self.released -= 1;
            }
            self.extents.pop_front();
        }
        self.memory -= freed;
        Some((segment, bytes, freed))
    }

    /// Takes over what another session wrote.
    pub(super) fn found(&mut self, summary: Summary, spot: Spot, extent: u64) {
        self.last = Some(summary.last);
        let before = self.said;
        self.said += summary.said();
        if let Some(last) = self.extents.back_mut()
            && let Some(disk) = &mut last.disk
            && Arc::ptr_eq(&disk.segment, &spot.segment)
            && disk.offset + disk.length == spot.offset
            && disk.length + spot.length <= extent
        {
            disk.length += spot.length;
            last.summary.extend(&summary);
            return;
        }
        self.extents.push_back(Extent {
            summary,
            memory: None,
            disk: Some(spot),
            cost: 0,
            first: 0,
            count: 0,
            before,
        });
        self.released = self.extents.len();
    }

    /// How many lines it has.
    pub(super) fn lines(&self) -> u64 {
        let sealed = self.extents.iter().map(|one| u64::from(one.summary.lines));
        sealed.sum::<u64>() + u64::from(self.open.summary.lines)
    }

    /// Where the oldest line that is kept stands.
    pub(super) fn first(&self) -> Option<Position> {
        let first = self.extents.front().map(|extent| extent.summary.first);
        first.or_else(|| (!self.open.is_empty()).then_some(self.open.summary.first))
    }

    /// Where its last line stands.
    pub(super) fn last(&self) -> Option<Position> {
        self.last
    }

    /// How many lines stand before this place, those that were dropped included.
    pub(super) fn rank(&self, place: Position) -> Rank {
        let whole = |before| Rank {
            before,
            within: None,
        };
        if !self.open.is_empty() && self.open.summary.first < place {
            if self.open.summary.last < place {
                return whole(self.said + self.open.summary.said());
            }
            return Rank {
                before: self.said,
                within: Some((
                    self.extents.len(),
                    Fetched::Memory(vec![Arc::new(self.open.clone())]),
                )),
            };
        }
        let end = self
            .extents
            .partition_point(|extent| extent.summary.first < place);
        let Some(at) = end.checked_sub(1) else {
            return whole(self.extents.front().map_or(self.said, |first| first.before));
        };
        let extent = &self.extents[at];
        if extent.summary.last < place {
            return whole(extent.before + extent.summary.said());
        }
        Rank {
            before: extent.before,
            within: extent.fetched().map(|(_, fetched)| (at, fetched)),
        }
    }

    /// The newest lines that begin before this place, or the oldest that end behind it, by this order of places; only those
    /// that may have lines of the run, if one is named. With what is known of them.
    pub(super) fn fetch(
        &self,
        back: bool,
        order: impl Fn(Position) -> Position,
        from: Position,
        run: Option<u64>,
    ) -> Option<(Summary, Fetched)> {
        let fits = |summary: &Summary| run.is_none_or(|run| summary.may_have(run));
        let open = Some(&self.open).filter(|open| !open.is_empty() && fits(&open.summary));
        let copied = |open: &Block| (open.summary, Fetched::Memory(vec![Arc::new(open.clone())]));
        if back {
            if let Some(open) = open.filter(|open| order(open.summary.first) < from) {
                return Some(copied(open));
            }
            let end = self
                .extents
                .partition_point(|extent| order(extent.summary.first) < from);
            let mut before = self.extents.range(..end).rev();
            return before
                .find(|extent| fits(&extent.summary))
                .and_then(Extent::fetched);
        }
        let start = self
            .extents
            .partition_point(|extent| order(extent.summary.last) <= from);
        let mut later = self.extents.range(start..);
        later
            .find(|extent| fits(&extent.summary))
            .and_then(Extent::fetched)
            .or_else(|| {
                open.filter(|open| order(open.summary.last) > from)
                    .map(copied)
            })
    }
}

impl Extent {
    fn fetched(&self) -> Option<(Summary, Fetched)> {
        let fetched = match (&self.memory, &self.disk) {
            (Some(blocks), _) => Fetched::Memory(blocks.clone()),
            (None, Some(spot)) => Fetched::Disk(spot.clone()),
            (None, None) => return None,
        };
        Some((self.summary, fetched))
    }
}

impl Fetched {
    /// The blocks. `None` if they cannot be read any more.
    pub(super) fn blocks(self) -> Option<Vec<Arc<Block>>> {
        match self {
            Self::Memory(blocks) => Some(blocks),
            Self::Disk(spot) => Some(spot.read()?.into_iter().map(Arc::new).collect()),
        }
    }
}
