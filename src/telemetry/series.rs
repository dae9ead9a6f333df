//! Samples over time: CPU, memory, network and disks per service, and the figures that services tell of themselves.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use super::metric_store::Metrics;
use crate::stack::ServiceName;

/// What a service used, at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When.
    pub at: Timestamp,
    /// Share of one core, 1.0 = one core.
    pub cpu: f64,
    /// Memory in bytes.
    pub memory: u64,
    /// What its network brought and took; `None`: nobody counts it for this service.
    pub network: Option<Flow>,
    /// What it read from disks and wrote to them; `None`: nobody counts it for this service.
    pub disk: Option<Flow>,
}

/// Bytes in a second, both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flow {
    /// To the service: received, or read.
    pub inward: u64,
    /// From the service: sent, or written.
    pub outward: u64,
}

impl Flow {
    /// What flowed in a second, of two counts of all bytes so far that were made so many seconds apart. A count that
    /// went back, because what was counted is another one now, is no flow.
    pub fn between(before: Self, after: Self, seconds: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "no negative count comes here, and what is too large is said to be as large as can be"
        )]
        let rate = |before: u64, after: u64| {
            (after.saturating_sub(before) as f64 / seconds.max(0.001)).round() as u64
        };
        Self {
            inward: rate(before.inward, after.inward),
            outward: rate(before.outward, after.outward),
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            inward: self.inward.saturating_add(other.inward),
            outward: self.outward.saturating_add(other.outward),
        }
    }
}

/// What one run uses, to be added to what the service's other runs use.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    /// Share of one core.
    pub cpu: f64,
    /// Memory in bytes.
    pub memory: u64,
    /// Network, as in [`Sample`].
    pub network: Option<Flow>,
    /// Disks, as in [`Sample`].
    pub disk: Option<Flow>,
}

impl Usage {
    /// Both together. What is counted of one of them alone is all that is known.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let both = |a: Option<Flow>, b: Option<Flow>| match (a, b) {
            (Some(a), Some(b)) => Some(a.plus(b)),
            (a, b) => a.or(b),
        };
        Self {
            cpu: self.cpu + other.cpu,
            memory: self.memory.saturating_add(other.memory),
            network: both(self.network, other.network),
            disk: both(self.disk, other.disk),
        }
    }

    /// As a sample of this time.
    pub fn at(self, at: Timestamp) -> Sample {
        Sample {
            at,
            cpu: self.cpu,
            memory: self.memory,
            network: self.network,
            disk: self.disk,
        }
    }
}

/// The newest samples of each service.
#[derive(Debug, Default)]
pub struct Series {
    services: BTreeMap<ServiceName, VecDeque<Sample>>,
    metrics: Metrics,
}

impl Series {
    /// How many samples are kept for a service: ten minutes at one a second.
    pub const KEPT: usize = 600;

    /// Keeps a sample.
    pub fn push(&mut self, service: &ServiceName, sample: Sample) {
        let samples = self.services.entry(service.clone()).or_default();
        samples.push_back(sample);
        if samples.len() > Self::KEPT {
            samples.pop_front();
        }
    }

    /// The samples of a service, the oldest first.
    pub fn of(
        &self,
        service: &ServiceName,
    ) -> impl DoubleEndedIterator<Item = &Sample> + ExactSizeIterator {
        static NONE: VecDeque<Sample> = VecDeque::new();
        self.services.get(service).unwrap_or(&NONE).iter()
    }

    /// The figures that services tell of themselves.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The same, to add to them.
    pub fn metrics_mut(&mut self) -> &mut Metrics {
        &mut self.metrics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(inward: u64, outward: u64) -> Flow {
        Flow { inward, outward }
    }

    #[test]
    fn a_flow_is_what_was_added_in_a_second() {
        let between = |a, b, seconds| Flow::between(a, b, seconds);
        assert_eq!(between(flow(100, 0), flow(300, 50), 2.0), flow(100, 25));
        assert_eq!(between(flow(100, 7), flow(40, 7), 1.0), flow(0, 0));
        assert_eq!(between(flow(0, 0), flow(u64::MAX, 1), 0.0).inward, u64::MAX);
    }

    #[test]
    fn runs_are_added_and_what_is_counted_of_one_alone_counts() {
        let one = Usage {
            cpu: 0.5,
            memory: 10,
            network: Some(flow(1, 2)),
            disk: None,
        };
        let both = one.plus(Usage {
            network: None,
            ..one
        });
        assert_eq!((both.memory, both.network), (20, Some(flow(1, 2))));
        assert_eq!(both.disk, None);
        assert_eq!(one.plus(one).network, Some(flow(2, 4)));
    }
}
