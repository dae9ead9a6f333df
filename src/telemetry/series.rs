//! Samples over time: CPU and memory per service, and the figures that services tell of themselves.

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
