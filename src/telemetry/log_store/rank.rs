//! How many lines stand before a place, and how lines are spread over time: answered from what is known of whole pieces.

use std::collections::BTreeMap;

use super::Logs;
use super::ring::Fetched;
use crate::stack::ServiceName;
use crate::telemetry::log::{Position, Stream};
use crate::telemetry::spread::Spread;

/// Places that lie in one piece.
struct Within {
    fetched: Fetched,
    /// Which of the places that were asked for.
    asked: Vec<usize>,
}

impl Logs {
    /// How many lines of these services (none named: of all), but for those of builds, came before each of these places;
    /// those that were dropped included. Only the pieces in which the places lie are looked at.
    pub fn ranks(&self, services: &[ServiceName], places: &[Position]) -> Vec<u64> {
        let mut ranks = vec![0; places.len()];
        let mut pieces: BTreeMap<(usize, usize), Within> = BTreeMap::new();
        if places.is_empty() {
            return ranks;
        }
        let inner = self.shared.lock();
        for (index, ring) in inner.rings.iter().enumerate() {
            if !services.is_empty() && !services.contains(&ring.service) {
                continue;
            }
            for (asked, place) in places.iter().enumerate() {
                let rank = ring.rank(*place);
                ranks[asked] += rank.before;
                if let Some((piece, fetched)) = rank.within {
                    let within = pieces.entry((index, piece)).or_insert(Within {
                        fetched,
                        asked: Vec::new(),
                    });
                    within.asked.push(asked);
                }
            }
        }
        drop(inner);
        for within in pieces.into_values() {
            within.count(places, &mut ranks);
        }
        ranks
    }

    /// When lines of these services (none named: of all), but for those of builds, came. Those that were dropped are among
    /// them.
    pub fn spread(&self, services: &[ServiceName]) -> Vec<Spread> {
        let inner = self.shared.lock();
        let rings = inner.rings.iter();
        let chosen = rings.filter(|ring| services.is_empty() || services.contains(&ring.service));
        chosen.map(|ring| ring.spread.clone()).collect()
    }

    /// Where the oldest line that is kept of these services (none named: of all) stands, and the newest.
    pub fn ends(&self, services: &[ServiceName]) -> Option<(Position, Position)> {
        let inner = self.shared.lock();
        let rings = inner.rings.iter();
        let chosen = rings.filter(|ring| services.is_empty() || services.contains(&ring.service));
        let ends = chosen.filter_map(|ring| Some((ring.first()?, ring.last()?)));
        ends.reduce(|(first, last), (other, newer)| (first.min(other), last.max(newer)))
    }
}

impl Within {
    /// Adds to each place how many lines of the piece stand before it.
    fn count(mut self, places: &[Position], ranks: &mut [u64]) {
        self.asked.sort_unstable_by_key(|asked| places[*asked]);
        let (mut before, mut next) = (0, 0);
        for block in self.fetched.blocks().unwrap_or_default() {
            let mut entries = block.in_turn();
            // What is damaged is counted as far as it is whole.
            while let Ok(Some(entry)) = entries.next() {
                while let Some(asked) = self.asked.get(next) {
                    if entry.position < places[*asked] {
                        break;
                    }
                    ranks[*asked] += before;
                    next += 1;
                }
                if next == self.asked.len() {
                    return;
                }
                before += u64::from(entry.stream != Stream::Build);
            }
        }
        for asked in &self.asked[next..] {
            ranks[*asked] += before;
        }
    }
}
