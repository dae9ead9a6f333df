//! How many lines were left out between two entries.

use std::cell::RefCell;
use std::collections::HashMap;

use super::log_entries::Entry;
use super::log_view::Source;
use crate::stack::ServiceName;
use crate::telemetry::Position;

/// Places that are remembered, at most.
const REMEMBERED: usize = 8_192;

/// Places among all lines that were asked for. What is older than a line never changes, or only where a record comes late.
#[derive(Debug, Default)]
pub(super) struct Skips {
    known: RefCell<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Of these services.
    services: Vec<ServiceName>,
    /// How many lines stand before a place.
    ranks: HashMap<Position, u64>,
}

impl Skips {
    /// How many lines stand between each entry and the one before it and belong to neither, nor to another of them; none
    /// before the first.
    pub(super) fn before(&self, source: Source<'_>, entries: &[Entry]) -> Vec<u64> {
        let mut known = self.known.borrow_mut();
        if known.services != source.services || known.ranks.len() > REMEMBERED {
            known.services = source.services.to_vec();
            known.ranks.clear();
        }
        let places = entries.iter().map(|entry| entry.at);
        let new: Vec<Position> = places
            .filter(|place| !known.ranks.contains_key(place))
            .collect();
        let ranks = source.telemetry.logs().ranks(source.services, &new);
        known.ranks.extend(new.into_iter().zip(ranks));
        let rank = |entry: &Entry| known.ranks.get(&entry.at).copied().unwrap_or_default();
        let mut own: Vec<Position> = entries
            .iter()
            .flat_map(|entry| entry.lines.iter().map(|line| line.position()))
            .collect();
        own.sort_unstable();
        let own = |from: Position, to: Position| {
            let shown = own.partition_point(|place| *place < to)
                - own.partition_point(|place| *place < from);
            u64::try_from(shown).unwrap_or_default()
        };
        let between = entries.windows(2).map(|pair| {
            let all = rank(&pair[1]).saturating_sub(rank(&pair[0]));
            all.saturating_sub(own(pair[0].at, pair[1].at))
        });
        let first = entries.first().map(|_| 0);
        first.into_iter().chain(between).collect()
    }
}
