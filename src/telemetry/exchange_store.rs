//! The exchanges of one session: a ring bounded by bytes, indexed by trace.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::exchange::{Exchange, SpanId, TraceId};
use super::exchange_rates::{Callee, EdgeRates, Rates};
use super::join::{Joined, JoinedEdge};
use super::links::Links;
use super::trace::{Row, TraceSummary, summarise_joined, waterfall_joined};
use crate::stack::ServiceName;

/// The exchanges of one session, the newest kept.
#[derive(Debug)]
pub struct Exchanges {
    budget: usize,
    used: usize,
    ring: VecDeque<Arc<Exchange>>,
    /// Position of the ring's first exchange among all of the session; also how many were dropped.
    first: u64,
    /// Positions of a trace's exchanges, the oldest first.
    by_trace: HashMap<TraceId, VecDeque<u64>>,
    rates: HashMap<ServiceName, Callee>,
    links: Links,
    /// How many never came here.
    lost: u64,
}

/// What came since a follower last asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// The exchanges, the oldest first.
    pub exchanges: Vec<Arc<Exchange>>,
    /// What to ask with next time.
    pub cursor: u64,
    /// How many came and were dropped again in between.
    pub missed: u64,
    /// How many of the session never came to the store, because more happened than could be told.
    pub lost: u64,
}

impl Exchanges {
    /// None; at most `budget` bytes by [`Exchange::footprint`], but always the newest one.
    pub fn new(budget: usize) -> Self {
        Self {
            budget,
            used: 0,
            ring: VecDeque::new(),
            first: 0,
            by_trace: HashMap::new(),
            rates: HashMap::new(),
            links: Links::default(),
            lost: 0,
        }
    }

    /// Takes in what joining found. What is no longer kept is left alone.
    pub fn joined(&mut self, news: &[Joined]) {
        for one in news {
            let above = one.edge.map_or(one.trace, |(_, above)| above);
            if self.by_trace.contains_key(&one.trace) && self.by_trace.contains_key(&above) {
                self.links.set(one);
            } else {
                self.links.forget(one.span, one.trace);
            }
        }
    }

    /// Keeps an exchange that has ended; the oldest go if there is no room.
    pub fn push(&mut self, exchange: Exchange) {
        match self.rates.get_mut(&exchange.callee) {
            Some(callee) => callee.count(&exchange),
            None => self
                .rates
                .entry(exchange.callee.clone())
                .or_default()
                .count(&exchange),
        }
        let position = self.next();
        self.by_trace
            .entry(exchange.trace)
            .or_default()
            .push_back(position);
        self.used += exchange.footprint();
        self.ring.push_back(Arc::new(exchange));
        while self.used > self.budget && self.ring.len() > 1 {
            self.drop_oldest();
        }
    }

    /// So many exchanges have happened that nobody can tell of any more.
    pub fn lose(&mut self, exchanges: u64) {
        self.lost += exchanges;
    }

    /// The newest `n` that pass the filter, the newest first.
    pub fn latest(&self, filter: impl Fn(&Exchange) -> bool, n: usize) -> Vec<Arc<Exchange>> {
        let newest = self.ring.iter().rev();
        newest.filter(|one| filter(one)).take(n).cloned().collect()
    }

    /// All exchanges of the trace that this one is, or is part of since it was joined, in order of their end.
    pub fn trace(&self, trace: TraceId) -> Vec<Arc<Exchange>> {
        let parts = self.links.parts(self.root(trace));
        let of_part = |part| self.by_trace.get(part).into_iter().flatten();
        let mut positions: Vec<u64> = parts.iter().flat_map(of_part).copied().collect();
        if parts.len() > 1 {
            positions.sort_unstable();
        }
        let kept = positions.into_iter().filter_map(|at| self.at(at).cloned());
        kept.collect()
    }

    /// The trace that this one is part of since it was joined; itself if it was not.
    pub fn root(&self, trace: TraceId) -> TraceId {
        self.links.root(trace)
    }

    /// The edge that joining found for an exchange.
    pub fn joined_edge(&self, span: SpanId) -> Option<JoinedEdge> {
        self.links.edge(span)
    }

    /// What came since `cursor`, which an earlier call gave; 0: everything that is kept.
    pub fn since(&self, cursor: u64) -> Since {
        self.some_since(cursor, usize::MAX)
    }

    /// The oldest `most` of them.
    pub(super) fn some_since(&self, cursor: u64, most: usize) -> Since {
        let from = cursor.clamp(self.first, self.next());
        let skip = usize::try_from(from - self.first).unwrap_or(usize::MAX);
        let exchanges: Vec<_> = self.ring.iter().skip(skip).take(most).cloned().collect();
        Since {
            cursor: from + exchanges.len() as u64,
            exchanges,
            missed: from.saturating_sub(cursor),
            lost: self.lost,
        }
    }

    /// What a service was asked in the `window` (whole seconds, at most 120) that ends with the second of `now`.
    pub fn rates(&self, service: &ServiceName, window: Duration, now: Timestamp) -> Rates {
        let callee = self.rates.get(service);
        callee.map_or_else(Rates::default, |callee| callee.all.rates(window, now))
    }

    /// Every edge that was ever seen, in the order of names, with what passed over it in a window as for [`Self::rates`].
    pub fn edges(&self, window: Duration, now: Timestamp) -> Vec<EdgeRates> {
        let callees = self.rates.iter();
        let mut edges: Vec<_> = callees
            .flat_map(|(name, callee)| callee.edges(name, window, now))
            .collect();
        edges.sort_by(|one, other| (&one.caller, &one.callee).cmp(&(&other.caller, &other.callee)));
        edges
    }

    /// Positions of the oldest that is kept and of the next that comes.
    pub(super) fn bounds(&self) -> (u64, u64) {
        (self.first, self.next())
    }

    /// Those at these positions, as far as they are kept, the oldest first.
    pub(super) fn range(
        &self,
        positions: Range<u64>,
    ) -> impl DoubleEndedIterator<Item = (u64, &Arc<Exchange>)> {
        let from = positions.start.max(self.first);
        positions
            .filter(move |position| *position >= from)
            .filter_map(|position| Some((position, self.at(position)?)))
    }

    /// Whether the one at this position is the newest of its trace.
    pub(super) fn is_newest(&self, trace: TraceId, position: u64) -> bool {
        let positions = self.by_trace.get(&trace);
        positions.and_then(VecDeque::back) == Some(&position)
    }

    /// Those of a service, called or calling, that were under way at this time: of at most `patience` that are looked at.
    pub(super) fn under_way(
        &self,
        service: &ServiceName,
        at: Timestamp,
        patience: usize,
    ) -> Vec<Arc<Exchange>> {
        // They stand in the order of their ends.
        let from = self.ring.partition_point(|one| one.ended() < at);
        let later = self.ring.iter().skip(from).take(patience);
        later
            .filter(|one| one.started <= at && one.callee == *service)
            .cloned()
            .collect()
    }

    /// The newest `n` traces that pass the filter, the one with the newest exchange first.
    pub fn traces(&self, n: usize, filter: impl Fn(&TraceSummary) -> bool) -> Vec<TraceSummary> {
        let mut seen = HashSet::new();
        let newest = self.ring.iter().rev();
        newest
            .filter(|one| seen.insert(self.root(one.trace)))
            .filter_map(|one| {
                summarise_joined(&self.trace(one.trace), |span| self.links.edge(span))
            })
            .filter(|trace| filter(trace))
            .take(n)
            .collect()
    }

    /// The rows in which a trace is drawn; none if it is not (or no longer) known.
    pub fn waterfall(&self, trace: TraceId) -> Vec<Row> {
        waterfall_joined(&self.trace(trace), |span| self.links.edge(span))
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// How many had to go.
    pub fn dropped(&self) -> u64 {
        self.first
    }

    /// Bytes in use, of the budget.
    pub fn used(&self) -> usize {
        self.used
    }

    /// The position that the next one gets.
    fn next(&self) -> u64 {
        self.first + self.ring.len() as u64
    }

    fn at(&self, position: u64) -> Option<&Arc<Exchange>> {
        let index = position.checked_sub(self.first)?;
        self.ring.get(usize::try_from(index).ok()?)
    }

    fn drop_oldest(&mut self) {
        let Some(oldest) = self.ring.pop_front() else {
            return;
        };
        self.first += 1;
        self.used -= oldest.footprint();
        self.links.forget(oldest.span, oldest.trace);
        if let Some(positions) = self.by_trace.get_mut(&oldest.trace) {
            positions.pop_front();
            if positions.is_empty() {
                self.by_trace.remove(&oldest.trace);
                self.links.forget_fragment(oldest.trace);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::exchange::ExchangeStatus;
    use super::super::exchange_fixture::{exchange, timed};
    use super::*;

    fn spans(exchanges: &[Arc<Exchange>]) -> Vec<u64> {
        exchanges.iter().map(|one| one.span.0).collect()
    }

    #[test]
    fn the_newest_win_and_the_others_are_counted() {
        let one = exchange(1, 1, None, "web").footprint();
        let mut store = Exchanges::new(10 * one);
        for n in 0..25 {
            store.push(exchange(n, u64::try_from(n).unwrap(), None, "web"));
        }
        assert_eq!((store.len(), store.dropped()), (10, 15));
        assert!(store.used() <= 10 * one);
        assert!(store.trace(TraceId(14)).is_empty());
        assert_eq!(spans(&store.trace(TraceId(15))), [15]);
        assert_eq!(store.by_trace.len(), 10);
        let mut huge = exchange(99, 99, None, "web");
        huge.path = "x".repeat(20 * one);
        store.push(huge);
        assert_eq!(spans(&store.latest(|_| true, 5)), [99]);
    }

    #[test]
    fn latest_is_filtered_and_newest_first() {
        let mut store = Exchanges::new(1 << 20);
        for n in 1..=20 {
            let callee = if n % 2 == 0 { "orders" } else { "web" };
            store.push(exchange(u128::from(n), n, None, callee));
        }
        let orders = |one: &Exchange| one.callee.as_str() == "orders";
        assert_eq!(spans(&store.latest(orders, 3)), [20, 18, 16]);
    }

    #[test]
    fn a_follower_gets_each_once_and_learns_what_it_missed() {
        let one = exchange(1, 1, None, "web").footprint();
        let mut store = Exchanges::new(4 * one);
        store.push(exchange(1, 1, None, "web"));
        let first = store.since(0);
        assert_eq!((spans(&first.exchanges), first.missed), (vec![1], 0));
        assert_eq!(store.since(first.cursor).exchanges, []);
        for span in 2..=9 {
            store.push(exchange(1, span, None, "web"));
        }
        let second = store.since(first.cursor);
        assert_eq!(
            (spans(&second.exchanges), second.missed),
            (vec![6, 7, 8, 9], 4)
        );
        assert_eq!(store.since(u64::MAX).exchanges, []);
        assert_eq!(spans(&store.trace(TraceId(1))), [6, 7, 8, 9]);
    }

    #[test]
    fn traces_are_listed_once_by_their_newest_exchange() {
        let mut store = Exchanges::new(1 << 20);
        store.push(timed((1, 12, Some(11)), "orders", 2, 8));
        store.push(timed((2, 21, None), "web", 3, 4));
        store.push(timed((1, 11, None), "web", 0, 10));
        let mut failed = timed((3, 31, None), "web", 20, 30);
        failed.status = ExchangeStatus::Failed("refused".into());
        store.push(failed);
        let ids = |traces: Vec<TraceSummary>| {
            traces.iter().map(|trace| trace.trace.0).collect::<Vec<_>>()
        };
        assert_eq!(ids(store.traces(10, |_| true)), [3, 1, 2]);
        assert_eq!(ids(store.traces(1, |trace| trace.errors == 0)), [1]);
        assert_eq!(store.waterfall(TraceId(1)).len(), 2);
        assert_eq!(store.waterfall(TraceId(4)), []);
    }

    #[test]
    fn rates_outlive_the_ring() {
        let mut store = Exchanges::new(1);
        for n in 0..100 {
            store.push(timed((n, 1, None), "web", 0, 20));
        }
        let now = Timestamp::UNIX_EPOCH;
        let rates = store.rates(&"web".into(), Duration::from_secs(10), now);
        assert_eq!((store.len(), rates.requests), (1, 100));
        assert_eq!(
            store.rates(&"nobody".into(), Duration::from_secs(10), now),
            Rates::default()
        );
    }

    #[test]
    fn a_hundred_thousand_are_looked_up_by_trace_without_a_walk() {
        let mut store = Exchanges::new(256 << 20);
        for n in 0..100_000_u32 {
            let trace = u128::from(n / 4);
            store.push(exchange(trace, u64::from(n), None, "web"));
        }
        for trace in 0..25_000_u128 {
            let found = store.trace(TraceId(trace));
            assert_eq!(found.len(), 4);
            assert!(
                found
                    .iter()
                    .all(|one| one.trace == TraceId(trace) && one.span != SpanId(u64::MAX))
            );
        }
    }
}
