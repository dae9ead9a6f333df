//! What a service uses, in words and numbers to draw: CPU, memory, network, disk.

use crate::engine::ServiceState;
use crate::stack::{Runtime, Space};
use crate::telemetry::{Flow, Sample, Telemetry};
use crate::text;

/// One thing that is measured of a service.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gauge {
    /// What is measured.
    pub(super) name: &'static str,
    /// The newest value in words, or why there is none.
    pub(super) newest: Result<String, &'static str>,
    /// The limit in words, if there is one.
    pub(super) limit: Option<String>,
    /// The values, the oldest first.
    pub(super) values: Vec<f64>,
    /// A value of this size fills at least a part of the picture.
    least: f64,
}

/// Which of the gauges is meant, by its place among them.
pub(super) const NAMES: [&str; 6] = ["cpu", "memory", "received", "sent", "read", "written"];

impl Gauge {
    /// The value that fills a picture of so many columns: a steady value is drawn half high, because a solid bar would shout.
    pub(super) fn full(&self, columns: usize) -> f64 {
        let newest = self.values.iter().rev().take(columns);
        newest.copied().fold(self.least, f64::max) * 1.8
    }
}

/// What is measured of a service that runs, in the order of [`NAMES`]; nothing before its first sample.
pub(super) fn gauges(telemetry: &Telemetry, service: &ServiceState) -> Vec<Gauge> {
    if service.runs.is_empty() {
        return Vec::new();
    }
    let samples: Vec<Sample> = {
        let series = telemetry.series();
        series.of(&service.service.name).copied().collect()
    };
    let Some(last) = samples.last() else {
        return Vec::new();
    };
    let limits = &service.service.container.limits;
    let is_container = service.runtime == Some(Runtime::Container);
    let memory_limit = limits.memory.filter(|_| is_container);
    let cpu_limit = cores(service).filter(|_| is_container);
    let gauge = |place: usize, newest, limit, least, of: &dyn Fn(&Sample) -> f64| Gauge {
        name: NAMES[place],
        newest,
        limit,
        values: samples.iter().map(of).collect(),
        least,
    };
    let memory = u64::try_from(memory_limit.unwrap_or(0))
        .ok()
        .filter(|limit| *limit > 0);
    let flow = |place, of: fn(&Sample) -> Option<Flow>, way: fn(Flow) -> u64, why| {
        let newest = of(last).map(way).map(rate).ok_or(why);
        gauge(place, newest, None, 4096.0, &|sample| {
            of(sample).map_or(0.0, |flow| way(flow) as f64)
        })
    };
    let (network, disk) = (why_no_network(service), NO_DISK);
    vec![
        gauge(
            0,
            Ok(share(last.cpu)),
            cpu_limit.map(core_words),
            0.1,
            &|sample| sample.cpu,
        ),
        gauge(
            1,
            Ok(text::bytes(last.memory)),
            memory.map(|limit| {
                let share = last.memory as f64 / limit as f64;
                format!("{} ({:.0} %)", text::bytes(limit), share * 100.0)
            }),
            1.0,
            &|sample| sample.memory as f64,
        ),
        flow(2, |sample| sample.network, |flow| flow.inward, network),
        flow(3, |sample| sample.network, |flow| flow.outward, network),
        flow(4, |sample| sample.disk, |flow| flow.inward, disk),
        flow(5, |sample| sample.disk, |flow| flow.outward, disk),
    ]
}

/// Why nothing is known of disks.
const NO_DISK: &str = "not known: this kernel does not count it, or this user may not read it";

/// Why nothing is known of the network.
fn why_no_network(service: &ServiceState) -> &'static str {
    let mode = service.service.container.network_mode.as_ref();
    if service.runtime == Some(Runtime::Process) {
        "not counted: a process shares this machine's network"
    } else if mode.is_some_and(Space::is_host) {
        "not counted: it shares this machine's network"
    } else {
        "not known: this kernel or engine does not tell"
    }
}

/// How much of the processor a container may have, in cores.
pub(super) fn cores(service: &ServiceState) -> Option<f64> {
    /// The kernel's own period, in microseconds.
    const PERIOD: i64 = 100_000;
    let limits = &service.service.container.limits;
    let asked = limits.nano_cpus.map(|nanos| nanos as f64 / 1e9);
    let quota = limits.cpu_quota.filter(|quota| *quota > 0);
    let quota = quota.map(|quota| quota as f64 / limits.cpu_period.unwrap_or(PERIOD).max(1) as f64);
    asked.or(quota).filter(|cores| *cores > 0.0)
}

/// `1 core`, `0.5 cores`.
pub(super) fn core_words(cores: f64) -> String {
    let number = (cores * 100.0).round() / 100.0;
    if (number - 1.0).abs() < f64::EPSILON {
        "1 core".into()
    } else {
        format!("{number} cores")
    }
}

/// A share of a core, as people read it; what is little is told with a tenth.
fn share(cpu: f64) -> String {
    let percent = cpu * 100.0;
    if percent > 0.0 && percent < 9.95 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0} %")
    }
}

/// Bytes in a second.
fn rate(bytes: u64) -> String {
    format!("{}/s", text::bytes(bytes))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::ServiceState;
    use crate::stack::Service;

    #[test]
    fn shares_and_cores_are_short() {
        assert_eq!(share(0.0), "0 %");
        assert_eq!(share(0.034), "3.4 %");
        assert_eq!(share(1.5), "150 %");
        assert_eq!(core_words(1.0), "1 core");
        assert_eq!(core_words(0.5), "0.5 cores");
        assert_eq!(rate(1536), "1.5 KB/s");
    }

    #[test]
    fn a_quota_is_a_limit_in_cores() {
        let mut service = Service::named("web");
        let limits = &mut service.container.limits;
        limits.cpu_quota = Some(50_000);
        assert_eq!(
            cores(&ServiceState::new(Arc::new(service.clone()))),
            Some(0.5)
        );
        service.container.limits.cpu_period = Some(25_000);
        assert_eq!(
            cores(&ServiceState::new(Arc::new(service.clone()))),
            Some(2.0)
        );
        service.container.limits.nano_cpus = Some(1_500_000_000);
        assert_eq!(
            cores(&ServiceState::new(Arc::new(service.clone()))),
            Some(1.5)
        );
        service.container.limits = crate::stack::Limits {
            cpu_quota: Some(-1),
            ..Default::default()
        };
        assert_eq!(cores(&ServiceState::new(Arc::new(service))), None);
    }
}
