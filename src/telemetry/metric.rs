//! Points of metrics as services tell them (OpenTelemetry), and what histograms know of their values.

use std::time::Duration;

use jiff::Timestamp;

use crate::stack::ServiceName;

/// One measured point.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricPoint {
    /// Who told of it.
    pub service: ServiceName,
    /// Number of the run that told of it, where it is known.
    pub run: Option<u64>,
    /// What was measured.
    pub name: String,
    /// In which unit (UCUM), empty if none was given.
    pub unit: String,
    /// What tells this point from others of that name, as people read it.
    pub attributes: String,
    /// When.
    pub at: Timestamp,
    /// Since when it was counted, where that is known.
    pub since: Option<Timestamp>,
    /// What came out.
    pub value: MetricValue,
}

/// What came out of a measurement.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricValue {
    /// A value as it is at that moment.
    Gauge(f64),
    /// Something added up: since the point before it, or (`cumulative`) since the beginning.
    Sum {
        /// The sum.
        value: f64,
        /// Whether it only grows, so that its growth is what tells something.
        monotonic: bool,
        /// Since the beginning.
        cumulative: bool,
    },
    /// How many values fell where.
    Histogram {
        /// The counts.
        buckets: Buckets,
        /// Since the beginning.
        cumulative: bool,
    },
    /// Quantiles that the service worked out itself: half of the values, and 95 of 100, are at most this.
    Quantiles {
        /// Half.
        p50: Option<f64>,
        /// 95 of 100.
        p95: Option<f64>,
        /// How many values there have been since the beginning.
        count: u64,
    },
}

/// How many values are at most so large: upper bounds in ascending order, each with how many lie between it and the one
/// before it. The last bound may be infinite.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Buckets(Vec<(f64, u64)>);

/// Bounds that differ by less, in relation to their size, are the same: they are worked out anew for each point.
const SAME: f64 = 1e-9;

impl Buckets {
    /// Most buckets of one point.
    pub const MOST: usize = 4096;

    /// Explicit bounds, and a count for each and one for what lies above all. `None` if they do not fit together.
    pub fn explicit(bounds: &[f64], counts: &[u64]) -> Option<Self> {
        let is_rising = bounds.windows(2).all(|pair| pair[0] < pair[1]);
        if counts.len() != bounds.len() + 1 || counts.len() > Self::MOST || !is_rising {
            return None;
        }
        let bounds = bounds.iter().copied().chain([f64::INFINITY]);
        Some(Self(bounds.zip(counts.iter().copied()).collect()))
    }

    /// Bounds that are powers of 2^(2^-scale), from `offset` on, below and above zero.
    ///
    /// ("Metrics data model: exponential histogram".) `None` if there are too many.
    pub fn exponential(
        scale: i32,
        zeros: u64,
        (below_offset, below): (i32, &[u64]),
        (above_offset, above): (i32, &[u64]),
    ) -> Option<Self> {
        if below.len() + above.len() > Self::MOST {
            return None;
        }
        let exponent = 2_f64.powi(scale.saturating_neg());
        let power =
            |offset: i32, index: usize| ((f64::from(offset) + index as f64) * exponent).exp2();
        // Where a bucket begins that does not begin where the one before it ends, an empty one ends.
        let mut buckets = Vec::with_capacity(below.len() + above.len() + 4);
        if !below.is_empty() {
            buckets.push((-power(below_offset, below.len()), 0));
        }
        for (index, count) in below.iter().enumerate().rev() {
            buckets.push((-power(below_offset, index), *count));
        }
        if !below.is_empty() {
            buckets.push((0.0, 0));
        }
        buckets.push((0.0, zeros));
        if !above.is_empty() {
            buckets.push((power(above_offset, 0), 0));
        }
        for (index, count) in above.iter().enumerate() {
            buckets.push((power(above_offset, index + 1), *count));
        }
        Some(Self(buckets))
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        let counts = self.0.iter();
        counts.fold(0, |all, (_, count)| all.saturating_add(*count))
    }

    /// The value that this share of the values does not exceed, evenly spread within its bucket; `None` without values.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let wanted = share.clamp(0.0, 1.0) * count as f64;
        let (mut passed, mut from) = (0.0, None);
        for (upper, count) in &self.0 {
            let here = *count as f64;
            if here > 0.0 && passed + here >= wanted {
                // What lies below the first bound is taken to begin at zero, what lies above the last to end there.
                let lower = from.unwrap_or_else(|| upper.min(0.0));
                let found = if upper.is_finite() {
                    lower + (upper - lower) * ((wanted - passed) / here)
                } else {
                    lower
                };
                return found.is_finite().then_some(found);
            }
            passed += here;
            from = Some(*upper);
        }
        None
    }

    /// What was added since an earlier point; `None` if it was counted anew since then.
    #[must_use]
    pub fn since(&self, before: &Self) -> Option<Self> {
        let mut earlier = before.0.iter().peekable();
        let (mut now, mut then, mut taken) = (0_u64, 0_u64, 0_u64);
        let mut added = Vec::with_capacity(self.0.len());
        for (upper, count) in &self.0 {
            now = now.saturating_add(*count);
            while let Some((_, count)) = earlier.next_if(|(bound, _)| is_at_most(*bound, *upper)) {
                then = then.saturating_add(*count);
            }
            let all = now.checked_sub(then)?;
            added.push((*upper, all.checked_sub(taken)?));
            taken = all;
        }
        // Values that are beyond all bounds of today were there before and are gone.
        earlier.all(|(_, count)| *count == 0).then_some(Self(added))
    }
}

fn is_at_most(bound: f64, upper: f64) -> bool {
    bound <= upper || (bound - upper).abs() <= SAME * upper.abs()
}

impl MetricPoint {
    /// The time over which it was counted; `None` if that is not known or nothing.
    pub(super) fn span(&self) -> Option<Duration> {
        let span = self.at.duration_since(self.since?);
        Duration::try_from(span).ok().filter(|span| !span.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(found: Option<f64>, wanted: f64) {
        let found = found.unwrap();
        assert!((found - wanted).abs() < 1e-6, "{found} is not {wanted}");
    }

    #[test]
    fn quantiles_of_explicit_buckets() {
        let buckets = Buckets::explicit(&[10.0, 20.0, 40.0], &[10, 10, 0, 0]).unwrap();
        near(buckets.quantile(0.5), 10.0);
        near(buckets.quantile(0.75), 15.0);
        near(buckets.quantile(1.0), 20.0);
        let above = Buckets::explicit(&[10.0], &[1, 99]).unwrap();
        near(above.quantile(0.95), 10.0);
        assert_eq!(
            Buckets::explicit(&[1.0], &[0, 0]).unwrap().quantile(0.5),
            None
        );
        assert_eq!(Buckets::explicit(&[2.0, 1.0], &[1, 1, 1]), None);
        assert_eq!(Buckets::explicit(&[1.0], &[1]), None);
        // Without bounds all is known but the values.
        assert_eq!(
            Buckets::explicit(&[], &[5]).unwrap().quantile(0.5),
            Some(0.0)
        );
    }

    #[test]
    fn quantiles_of_exponential_buckets() {
        // Scale 0: powers of two. Values in (1, 2], (2, 4] and (4, 8].
        let buckets = Buckets::exponential(0, 0, (0, &[]), (0, &[1, 2, 1])).unwrap();
        near(buckets.quantile(0.5), 3.0);
        near(buckets.quantile(1.0), 8.0);
        near(buckets.quantile(0.0), 1.0);
        let around_zero = Buckets::exponential(1, 2, (0, &[1]), (0, &[1])).unwrap();
        assert_eq!(around_zero.count(), 4);
        near(around_zero.quantile(0.5), 0.0);
        near(around_zero.quantile(1.0), 2_f64.sqrt());
    }

    #[test]
    fn what_was_added_since_is_told_also_when_bounds_have_moved_or_merged() {
        let before = Buckets::exponential(1, 0, (0, &[]), (0, &[1, 1, 1, 1])).unwrap();
        let shifted = Buckets::exponential(1, 0, (0, &[]), (-1, &[5, 1, 1, 3, 1])).unwrap();
        let added = shifted.since(&before).unwrap();
        assert_eq!(
            added.0.iter().map(|(_, count)| *count).collect::<Vec<_>>(),
            [0, 0, 5, 0, 0, 2, 0]
        );
        // Scale 0: two of the former buckets in each.
        let merged = Buckets::exponential(0, 0, (0, &[]), (0, &[2, 7])).unwrap();
        let added = merged.since(&before).unwrap();
        assert_eq!(
            added.0.iter().map(|(_, count)| *count).collect::<Vec<_>>(),
            [0, 0, 0, 5]
        );
        assert_eq!(before.since(&merged), None, "counted anew");
    }

    proptest! {
        #[test]
        fn any_counts_give_a_quantile_or_none(
            scale in any::<i32>(), zeros in any::<u64>(), offset in any::<i32>(),
            below in prop::collection::vec(any::<u64>(), 0..9), above in prop::collection::vec(any::<u64>(), 0..9),
            share in any::<f64>(),
        ) {
            let buckets = Buckets::exponential(scale, zeros, (offset, &below), (offset, &above)).unwrap();
            prop_assert!(buckets.quantile(share).is_none_or(f64::is_finite));
            prop_assert!(buckets.since(&Buckets::default()).is_some());
            if let Some(none) = buckets.since(&buckets.clone()) {
                prop_assert_eq!(none.count(), 0);
            }
        }
    }
}
