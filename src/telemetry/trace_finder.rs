//! The list of traces as it is looked at: kept up with what comes, filled from what is kept, both in bounded steps.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use jiff::Timestamp;

use super::Telemetry;
use super::exchange::TraceId;
use super::filter::Filter;
use super::trace::TraceSummary;
use super::what::What;
use crate::stack::ServiceName;

/// Exchanges (and as many spans) that one step looks at, at most.
const PATIENCE: u64 = 20_000;
/// Traces that are listed at most.
const MOST: usize = 5_000;

/// Which requests are questions for health, so that they can be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probes(pub HashMap<ServiceName, String>);

impl Probes {
    /// Whether this is such a question: of the path at which its callee's health is asked, or by the protocol of gRPC.
    pub fn is_one(&self, part: &What) -> bool {
        let What::Exchange(one) = part else {
            return false;
        };
        if one.path.starts_with("/grpc.health.v1.Health/") {
            return true;
        }
        let path = one.path.split('?').next().unwrap_or_default();
        matches!(one.method.as_str(), "GET" | "HEAD")
            && self.0.get(&one.callee).is_some_and(|known| known == path)
    }
}

/// A list of traces, the newest first, of those that pass a filter.
#[derive(Debug, Default)]
pub struct TraceFinder {
    filter: Option<Filter>,
    /// What is left out; `None`: nothing.
    probes: Option<Probes>,
    found: Vec<TraceSummary>,
    known: HashSet<TraceId>,
    exchanges: Lane,
    spans: Lane,
    visited: u64,
}

/// How far one of the two stores was looked at.
#[derive(Debug, Clone, Copy, Default)]
struct Lane {
    /// What stands from here on is new; `None`: nothing was looked at yet.
    newer: Option<u64>,
    /// What stands before was not looked at.
    older: u64,
    /// How many traces it gave.
    gave: usize,
    /// Whether there is something older that was not looked at.
    more: bool,
}

#[derive(Debug, Clone, Copy)]
enum Store {
    Exchanges,
    Spans,
}

impl TraceFinder {
    /// A list that is empty until [`Self::refresh`].
    pub fn new(filter: Option<Filter>, probes: Option<Probes>) -> Self {
        Self {
            filter,
            probes,
            ..Self::default()
        }
    }

    /// The filter.
    pub fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    /// What is left out.
    pub fn probes(&self) -> Option<&Probes> {
        self.probes.as_ref()
    }

    /// The traces found so far, the newest first.
    pub fn found(&self) -> &[TraceSummary] {
        &self.found
    }

    /// How many positions of the stores were looked at in all.
    pub fn visited(&self) -> u64 {
        self.visited
    }

    /// Looks at what came, and at older ones until there are `wanted`; whether it should go on, because its patience ended.
    pub fn refresh(&mut self, telemetry: &Telemetry, wanted: usize) -> bool {
        let wanted = wanted.min(MOST);
        self.let_go(telemetry);
        let mut more = false;
        for store in [Store::Exchanges, Store::Spans] {
            self.newer(telemetry, store);
            more |= self.older(telemetry, store, wanted);
        }
        if self.found.len() > MOST {
            for gone in self.found.drain(MOST..) {
                self.known.remove(&gone.trace);
            }
        }
        more
    }

    /// Whether all that is kept was looked at.
    pub fn is_complete(&self) -> bool {
        !self.exchanges.more && !self.spans.more
    }

    /// The oldest are not kept for ever.
    fn let_go(&mut self, telemetry: &Telemetry) {
        while let Some(last) = self.found.last() {
            if telemetry.knows(last.trace) {
                return;
            }
            self.known.remove(&last.trace);
            self.found.pop();
        }
    }

    fn newer(&mut self, telemetry: &Telemetry, store: Store) {
        let (_, next) = bounds(telemetry, store);
        let lane = *self.lane(store);
        let Some(newer) = lane.newer else {
            *self.lane(store) = Lane {
                newer: Some(next),
                older: next,
                ..lane
            };
            return;
        };
        if next.saturating_sub(newer) > PATIENCE {
            // A flood: what is listed is far behind, so the list begins anew.
            self.found.clear();
            self.known.clear();
            (self.exchanges, self.spans) = (Lane::default(), Lane::default());
            self.newer(telemetry, Store::Exchanges);
            self.newer(telemetry, Store::Spans);
            return;
        }
        self.visited += next.saturating_sub(newer);
        for (_, trace) in newest_in(telemetry, store, newer..next) {
            let gave = self.look(telemetry, trace);
            self.lane(store).gave += usize::from(gave);
        }
        self.lane(store).newer = Some(next);
    }

    fn older(&mut self, telemetry: &Telemetry, store: Store, wanted: usize) -> bool {
        let (first, _) = bounds(telemetry, store);
        let mut patience = PATIENCE;
        loop {
            let lane = *self.lane(store);
            let more = lane.older > first;
            self.lane(store).more = more;
            if !more || lane.gave >= wanted || patience == 0 {
                return more && lane.gave < wanted;
            }
            let missing = u64::try_from(wanted - lane.gave).unwrap_or(PATIENCE);
            let step = missing.saturating_mul(4).clamp(64, 1024).min(patience);
            let start = lane.older.saturating_sub(step).max(first);
            let mut reached = start;
            for (position, trace) in newest_in(telemetry, store, start..lane.older) {
                if self.lane(store).gave >= wanted {
                    reached = position + 1;
                    break;
                }
                let gave = !self.known.contains(&trace) && self.look(telemetry, trace);
                self.lane(store).gave += usize::from(gave);
            }
            self.visited += lane.older - reached;
            patience -= (lane.older - reached).min(patience);
            self.lane(store).older = reached;
        }
    }

    /// Looks at a trace, which gets its place in the list, another one, or none; whether it is new there.
    fn look(&mut self, telemetry: &Telemetry, trace: TraceId) -> bool {
        let Some(summary) = telemetry.summary(trace) else {
            return false;
        };
        let was_known = self.known.remove(&summary.trace);
        if was_known {
            self.found.retain(|known| known.trace != summary.trace);
        }
        let hidden = self.probes.as_ref();
        let filter = self.filter.as_ref().filter(|filter| !filter.is_empty());
        let passes = filter.is_none_or(|filter| filter.matches_trace(&telemetry.parts(trace)));
        if !passes || hidden.is_some_and(|probes| probes.is_one(&summary.root)) {
            return false;
        }
        let ended = ended(&summary);
        let place = self
            .found
            .partition_point(|known| self::ended(known) > ended);
        self.known.insert(summary.trace);
        self.found.insert(place, summary);
        !was_known
    }

    fn lane(&mut self, store: Store) -> &mut Lane {
        match store {
            Store::Exchanges => &mut self.exchanges,
            Store::Spans => &mut self.spans,
        }
    }
}

/// When the last part of a trace ended.
pub(super) fn ended(trace: &TraceSummary) -> Timestamp {
    let ended = trace.started.saturating_add(trace.duration);
    ended.unwrap_or(Timestamp::MAX)
}

fn bounds(telemetry: &Telemetry, store: Store) -> (u64, u64) {
    match store {
        Store::Exchanges => telemetry.exchanges().bounds(),
        Store::Spans => telemetry.spans().bounds(),
    }
}

/// The traces whose newest exchange (or span) stands here, the newest first.
fn newest_in(telemetry: &Telemetry, store: Store, positions: Range<u64>) -> Vec<(u64, TraceId)> {
    match store {
        Store::Spans => telemetry.spans().newest_in(positions),
        Store::Exchanges => {
            let exchanges = telemetry.exchanges();
            let newest = exchanges.range(positions).rev();
            newest
                .filter(|(position, one)| exchanges.is_newest(one.trace, *position))
                .map(|(position, one)| (position, one.trace))
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::exchange::ExchangeStatus;
    use super::super::exchange_fixture::timed;
    use super::*;

    fn push(telemetry: &Telemetry, n: u64, code: u16, path: &str) {
        for (span, parent, callee) in [(2 * n, Some(2 * n + 1), "orders"), (2 * n + 1, None, "web")]
        {
            let mut one = timed(
                (u128::from(n) + 1, span + 1, parent.map(|span| span + 1)),
                callee,
                n,
                n + 5,
            );
            one.path = path.into();
            if callee == "orders" {
                one.status = ExchangeStatus::Http(code);
            }
            telemetry.exchanges().push(one);
        }
    }

    fn ids(finder: &TraceFinder) -> Vec<u128> {
        finder.found().iter().map(|trace| trace.trace.0).collect()
    }

    fn only(text: &str) -> TraceFinder {
        TraceFinder::new(Some(Filter::parse(text).unwrap()), None)
    }

    #[test]
    fn a_hundred_thousand_exchanges_cost_no_more_than_what_is_seen() {
        let telemetry = Telemetry::new(1 << 20, 256 << 20);
        for n in 0..50_000 {
            push(&telemetry, n, 200, "/");
        }
        let mut finder = TraceFinder::new(None, None);
        assert!(!finder.refresh(&telemetry, 20));
        assert_eq!(ids(&finder).len(), 20);
        assert_eq!(ids(&finder)[0], 50_000);
        assert!(finder.visited() <= 80, "{}", finder.visited());
        let before = finder.visited();
        for n in 50_000..50_003 {
            push(&telemetry, n, 200, "/");
        }
        finder.refresh(&telemetry, 20);
        assert_eq!(finder.visited() - before, 6, "only what is new");
        assert_eq!(ids(&finder)[..4], [50_003, 50_002, 50_001, 50_000]);
        finder.refresh(&telemetry, 20);
        assert_eq!(finder.visited() - before, 6, "nothing is new");
    }

    #[test]
    fn a_filter_that_finds_little_looks_at_each_once_and_in_bounded_steps() {
        let telemetry = Telemetry::new(1 << 20, 256 << 20);
        for n in 0..50_000 {
            push(&telemetry, n, if n == 7 { 503 } else { 200 }, "/");
        }
        let mut finder = only("status>=500");
        let mut steps = 0;
        while finder.refresh(&telemetry, 20) {
            steps += 1;
            assert!(finder.visited() <= steps * PATIENCE);
        }
        assert_eq!(ids(&finder), [8]);
        assert!(finder.is_complete());
        assert_eq!(finder.visited(), 100_000);
        finder.refresh(&telemetry, 20);
        assert_eq!(finder.visited(), 100_000);
    }

    #[test]
    fn a_trace_that_grows_is_judged_again() {
        let telemetry = Telemetry::default();
        telemetry
            .exchanges()
            .push(timed((1, 12, Some(11)), "orders", 2, 8));
        let mut finder = only("not callee=web");
        finder.refresh(&telemetry, 5);
        assert_eq!(ids(&finder), [1]);
        telemetry
            .exchanges()
            .push(timed((1, 11, None), "web", 0, 10));
        finder.refresh(&telemetry, 5);
        assert_eq!(ids(&finder), Vec::<u128>::new(), "denied is denied of all");
        let mut both = only("callee=orders and ms<8 and not status>=500");
        both.refresh(&telemetry, 5);
        assert_eq!(ids(&both), [1]);
        let mut apart = only("callee=orders and ms>8");
        apart.refresh(&telemetry, 5);
        assert_eq!(ids(&apart), Vec::<u128>::new(), "one part must be both");
    }

    #[test]
    fn probes_are_left_out_and_what_is_gone_goes() {
        let telemetry = Telemetry::new(1 << 20, 20_000);
        push(&telemetry, 1, 200, "/healthz");
        push(&telemetry, 2, 200, "/orders");
        let probes = Probes(HashMap::from([("web".into(), "/healthz".into())]));
        let mut finder = TraceFinder::new(None, Some(probes));
        finder.refresh(&telemetry, 10);
        assert_eq!(ids(&finder), [3]);
        for n in 10..100 {
            push(&telemetry, n, 200, "/orders");
        }
        finder.refresh(&telemetry, 10);
        assert!(
            finder
                .found()
                .iter()
                .all(|trace| telemetry.knows(trace.trace))
        );
        assert_eq!(ids(&finder)[0], 100);
    }
}
