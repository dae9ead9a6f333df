//! How much, how fast and how well a service answers: counts and times a second, kept apart from the exchanges themselves
//! so that they stay right when a flood has pushed the exchanges out.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::exchange::{Exchange, ExchangeStatus};
use crate::stack::ServiceName;

/// Seconds that are kept.
const KEPT: i64 = 120;

/// Steps in each doubling of the time, so a time is known to within 1/16.
const STEPS: usize = 8;

/// Doublings from 1 µs up to 2²⁷ µs, which is more than two minutes; what takes longer counts as that.
const DOUBLINGS: usize = 27;

/// What a service did in a window of time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rates {
    /// Requests that ended, per second.
    pub per_second: f64,
    /// Requests that ended in the window.
    pub requests: u64,
    /// Share of them that the callee failed, 0 to 1.
    pub errors: f64,
    /// Half of them took at most this long.
    pub p50: Duration,
    /// 95 of 100 took at most this long.
    pub p95: Duration,
}

/// What passed over one edge.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeRates {
    /// Who called; `None`: somebody on this machine, through a front door.
    pub caller: Option<ServiceName>,
    /// Who was called.
    pub callee: ServiceName,
    /// All exchanges of the session, connections of bytes among them.
    pub seen: u64,
    /// What it did in the window.
    pub rates: Rates,
}

/// Who calls a service, and how often; [`MOST_CALLERS`] are told apart.
#[derive(Debug, Default)]
pub(super) struct Callee {
    /// All that it was asked.
    pub(super) all: Seconds,
    callers: Vec<(Option<ServiceName>, u64, Seconds)>,
}

/// Callers of one service that are told apart: more services no stack has.
const MOST_CALLERS: usize = 200;

impl Callee {
    /// Counts an exchange of this callee.
    pub(super) fn count(&mut self, exchange: &Exchange) {
        self.all.count(exchange);
        let known = self.callers.iter_mut();
        let mut known = known.filter(|(caller, ..)| *caller == exchange.caller);
        if let Some((_, seen, seconds)) = known.next() {
            *seen += 1;
            seconds.count(exchange);
        } else if self.callers.len() < MOST_CALLERS {
            let mut seconds = Seconds::default();
            seconds.count(exchange);
            self.callers.push((exchange.caller.clone(), 1, seconds));
        }
    }

    /// Its edges.
    pub(super) fn edges(
        &self,
        callee: &ServiceName,
        window: Duration,
        now: Timestamp,
    ) -> impl Iterator<Item = EdgeRates> {
        self.callers
            .iter()
            .map(move |(caller, seen, seconds)| EdgeRates {
                caller: caller.clone(),
                callee: callee.clone(),
                seen: *seen,
                rates: seconds.rates(window, now),
            })
    }
}

/// The seconds of one service.
#[derive(Debug, Default)]
pub(super) struct Seconds(VecDeque<Second>);

#[derive(Debug)]
struct Second {
    at: i64,
    errors: u64,
    times: Histogram,
}

/// Counts by time in log-linear steps: [`STEPS`] of equal width in each doubling.
#[derive(Debug, Clone)]
struct Histogram {
    counts: Box<[u32; STEPS * DOUBLINGS]>,
    total: u64,
}

impl Seconds {
    /// Counts an exchange at the second in which it ended. Connections of bytes have no time to answer and do not count.
    pub(super) fn count(&mut self, exchange: &Exchange) {
        if matches!(
            exchange.status,
            ExchangeStatus::Bytes | ExchangeStatus::Open
        ) {
            return;
        }
        let Some(second) = self.at(exchange.ended().as_second()) else {
            return;
        };
        second.errors += u64::from(exchange.is_error());
        second.times.count(exchange.took);
    }

    /// The second of this number, made if it is new; `None` if it is too old.
    fn at(&mut self, at: i64) -> Option<&mut Second> {
        let newest = self.0.back().map_or(at, |second| second.at.max(at));
        while self
            .0
            .front()
            .is_some_and(|second| second.at <= newest - KEPT)
        {
            self.0.pop_front();
        }
        if at <= newest - KEPT {
            return None;
        }
        let place = self.0.partition_point(|second| second.at < at);
        if self.0.get(place).is_none_or(|second| second.at != at) {
            self.0.insert(
                place,
                Second {
                    at,
                    errors: 0,
                    times: Histogram::new(),
                },
            );
        }
        self.0.get_mut(place)
    }

    /// What was counted in the `window` that ends with the second of `now`.
    pub(super) fn rates(&self, window: Duration, now: Timestamp) -> Rates {
        let length = i64::try_from(window.as_secs())
            .unwrap_or(KEPT)
            .clamp(1, KEPT);
        let now = now.as_second();
        let mut times = Histogram::new();
        let mut errors = 0;
        let counted = |second: &&Second| (now - length < second.at) && second.at <= now;
        for second in self.0.iter().filter(counted) {
            times.add(&second.times);
            errors += second.errors;
        }
        if times.total == 0 {
            return Rates::default();
        }
        Rates {
            per_second: times.total as f64 / length as f64,
            requests: times.total,
            errors: errors as f64 / times.total as f64,
            p50: times.quantile(50),
            p95: times.quantile(95),
        }
    }
}

impl Histogram {
    fn new() -> Self {
        Self {
            counts: Box::new([0; STEPS * DOUBLINGS]),
            total: 0,
        }
    }

    fn count(&mut self, time: Duration) {
        self.counts[step_of(time)] += 1;
        self.total += 1;
    }

    fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts.iter()) {
            *mine += theirs;
        }
        self.total += other.total;
    }

    /// The middle of the step in which `percent` of all are reached.
    fn quantile(&self, percent: u64) -> Duration {
        let wanted = (self.total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let reached = self.counts.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        });
        middle_of(reached.unwrap_or(0))
    }
}

fn step_of(time: Duration) -> usize {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
    let doubling = micros.ilog2() as usize;
    if doubling >= DOUBLINGS {
        return STEPS * DOUBLINGS - 1;
    }
    let above = u128::from(micros - (1 << doubling)) * STEPS as u128;
    doubling * STEPS + usize::try_from(above >> doubling).unwrap_or(0)
}

fn middle_of(step: usize) -> Duration {
    let base = f64::from(1_u32 << (step / STEPS));
    let width = base / STEPS as f64;
    Duration::from_secs_f64((base + width * ((step % STEPS) as f64 + 0.5)) / 1e6)
}

#[cfg(test)]
mod tests {
    use super::super::exchange_fixture::exchange;
    use super::*;

    fn filled(times: impl IntoIterator<Item = (i64, u64, u16)>) -> Seconds {
        let mut seconds = Seconds::default();
        for (at, micros, status) in times {
            let mut exchange = exchange(1, 1, None, "orders");
            exchange.took = Duration::from_micros(micros);
            exchange.started = Timestamp::from_second(at).unwrap();
            exchange.status = ExchangeStatus::Http(status);
            seconds.count(&exchange);
        }
        seconds
    }

    #[test]
    fn quantiles_are_right_within_a_sixteenth() {
        let seconds = filled((1..=1000).map(|n| (1000, n * 100, 200)));
        let rates = seconds.rates(
            Duration::from_secs(10),
            Timestamp::from_second(1000).unwrap(),
        );
        assert_eq!((rates.requests, rates.errors), (1000, 0.0));
        assert!((rates.per_second - 100.0).abs() < 1e-9);
        for (got, exact) in [(rates.p50, 0.05), (rates.p95, 0.095)] {
            assert!(
                (got.as_secs_f64() / exact - 1.0).abs() < 1.0 / 16.0,
                "{got:?} for {exact} s"
            );
        }
    }

    #[test]
    fn every_time_falls_into_a_step_that_holds_it() {
        let mut micros = 1_u64;
        while micros < 100_000_000 {
            let middle = middle_of(step_of(Duration::from_micros(micros))).as_secs_f64() * 1e6;
            assert!(
                (middle / micros as f64 - 1.0).abs() <= 1.0 / 8.0 + 1e-9 || micros < 8,
                "{micros} in {middle}"
            );
            micros += 1 + micros / 7;
        }
        assert_eq!(step_of(Duration::MAX), STEPS * DOUBLINGS - 1);
        assert_eq!(step_of(Duration::ZERO), 0);
    }

    #[test]
    fn only_the_window_counts_and_old_seconds_go() {
        let seconds = filled([
            (100, 10, 500),
            (195, 10, 500),
            (199, 10, 200),
            (200, 10, 503),
            (5, 10, 500),
        ]);
        let at = |now| seconds.rates(Duration::from_secs(2), Timestamp::from_second(now).unwrap());
        assert_eq!((at(200).requests, at(200).errors), (2, 0.5));
        assert_eq!(at(197), Rates::default());
        assert_eq!(at(196).requests, 1);
        assert_eq!(seconds.0.front().map(|second| second.at), Some(100));
        let moved = filled([(100, 10, 200), (300, 10, 200)]);
        assert_eq!(moved.0.len(), 1);
    }

    #[test]
    fn late_ends_find_their_second() {
        let seconds = filled([(10, 5, 200), (12, 5, 200), (11, 5, 200), (12, 5, 200)]);
        let counts: Vec<_> = seconds
            .0
            .iter()
            .map(|second| (second.at, second.times.total))
            .collect();
        assert_eq!(counts, [(10, 1), (11, 1), (12, 2)]);
    }
}
