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
    /// Whether it is so near to its limit that one should know.
    pub(super) is_near: bool,
    /// The newest values, the oldest first.
    pub(super) values: Vec<f64>,
    /// A value of this size fills at least a part of the picture.
    least: f64,
}

/// Which of the gauges is meant, by its place among them.
pub(super) const NAMES: [&str; 6] = ["cpu", "memory", "received", "sent", "read", "written"];

/// So much of a limit is near to it.
const NEAR: f64 = 0.9;
/// Values that are kept of each gauge: more than any picture has columns.
const LONGEST: usize = 128;

impl Gauge {
    /// The same with a limit in words, of which so much is used.
    fn of(self, used: f64, limit: String) -> Self {
        Self {
            limit: Some(limit),
            is_near: used >= NEAR,
            ..self
        }
    }

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
        let all = series.of(&service.service.name);
        let older = all.len().saturating_sub(LONGEST);
        all.skip(older).copied().collect()
    };
    let Some(last) = samples.last() else {
        return Vec::new();
    };
    let gauge = |place: usize, newest, least, of: &dyn Fn(&Sample) -> f64| Gauge {
        name: NAMES[place],
        newest,
        limit: None,
        is_near: false,
        values: samples.iter().map(of).collect(),
        least,
    };
    let flow = |place, of: fn(&Sample) -> Option<Flow>, way: fn(Flow) -> u64, why| {
        let newest = of(last).map(way).map(rate).ok_or(why);
        gauge(place, newest, 4096.0, &|sample| {
            of(sample).map_or(0.0, |flow| way(flow) as f64)
        })
    };
    let (cpu_limit, memory_limit) = limits(service);
    let cpu = gauge(0, Ok(share(last.cpu)), 0.1, &|sample| sample.cpu);
    let memory = Ok(text::bytes(last.memory));
    let memory = gauge(1, memory, 1.0, &|sample| sample.memory as f64);
    let (network, disk) = (why_no_network(service), NO_DISK);
    vec![
        match cpu_limit {
            Some(limit) => cpu.of(last.cpu / limit, core_words(limit)),
            None => cpu,
        },
        match memory_limit {
            Some(limit) => {
                let share = last.memory as f64 / limit as f64;
                let words = format!("{} ({:.0} %)", text::bytes(limit), share * 100.0);
                memory.of(share, words)
            }
            None => memory,
        },
        flow(2, |sample| sample.network, |flow| flow.inward, network),
        flow(3, |sample| sample.network, |flow| flow.outward, network),
        flow(4, |sample| sample.disk, |flow| flow.inward, disk),
        flow(5, |sample| sample.disk, |flow| flow.outward, disk),
    ]
}

/// How many cores and bytes all containers of a service may have together, where they are limited.
fn limits(service: &ServiceState) -> (Option<f64>, Option<u64>) {
    if service.runtime != Some(Runtime::Container) {
        return (None, None);
    }
    let up = service.runs.iter().filter(|run| run.phase.is_up()).count();
    let up = u32::try_from(up).unwrap_or(u32::MAX).max(1);
    let memory = service.service.container.limits.memory;
    let memory = memory.and_then(|limit| u64::try_from(limit).ok());
    let memory = memory.filter(|limit| *limit > 0);
    (
        cores(service).map(|cores| cores * f64::from(up)),
        memory.map(|limit| limit.saturating_mul(u64::from(up))),
    )
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
    use crate::engine::{Moment, Run, RunHealth, RunId, RunPhase, ServiceState};
    use crate::stack::Service;

    fn run(service: &ServiceState, id: u64) -> Run {
        Run {
            id: RunId(id),
            replica: 0,
            runtime: Runtime::Container,
            service: Arc::clone(&service.service),
            generation: 1,
            given: 0,
            asked: Moment::START,
            phase: RunPhase::Ready {
                since: Moment::START,
            },
            place: None,
            ready_at: None,
            health: RunHealth::default(),
            probe: None,
            told_late: false,
            stop_again: false,
        }
    }

    #[test]
    fn what_is_near_its_limit_is_known_and_limits_are_for_all_runs() {
        let telemetry = Telemetry::default();
        let mut service = Service::named("web");
        service.container.limits.memory = Some(100 << 20);
        service.container.limits.nano_cpus = Some(1_000_000_000);
        let mut service = ServiceState::new(Arc::new(service));
        service.runtime = Some(Runtime::Container);
        assert_eq!(gauges(&telemetry, &service), []);
        service.runs.push(run(&service, 1));
        assert_eq!(gauges(&telemetry, &service), []);
        let usage = crate::telemetry::Usage {
            cpu: 0.5,
            memory: 95 << 20,
            network: None,
            disk: Some(Flow::default()),
        };
        let sample = usage.at(jiff::Timestamp::UNIX_EPOCH);
        telemetry.series().push(&"web".into(), sample);
        let words = |gauge: &Gauge| (gauge.limit.clone().unwrap_or_default(), gauge.is_near);
        let told = gauges(&telemetry, &service);
        assert_eq!(words(&told[0]), ("1 core".into(), false));
        assert_eq!(words(&told[1]), ("100 MB (95 %)".into(), true));
        assert_eq!(told[4].newest, Ok("0 B/s".into()));
        assert!(told[2].newest.is_err());
        service.runs.push(run(&service, 2));
        let told = gauges(&telemetry, &service);
        assert_eq!(words(&told[0]), ("2 cores".into(), false));
        assert_eq!(words(&told[1]), ("200 MB (48 %)".into(), false));
    }

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
