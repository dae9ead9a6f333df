//! What the stack's containers use, once a second, into the series.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::models::{ContainerBlkioStats, ContainerNetworkStats, ContainerStatsResponse};
use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use super::cgroup::{Counts, Meter};
use super::find::ContainerEngine;
use super::model::{Container, Shared};
use crate::stack::{ServiceName, Space};
use crate::telemetry::{Flow, Usage};

/// Time between two samples.
const EVERY: Duration = Duration::from_secs(1);

/// Samples every container of the session once a second, for ever. Where the kernel's files cannot be read, the engine is
/// asked.
pub(super) async fn sample(shared: Arc<Shared>) {
    let mut watched: HashMap<String, Watched> = HashMap::new();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let containers = shared.containers();
        watched.retain(|id, _| containers.iter().any(|(_, container)| container.id == *id));
        let mut totals: BTreeMap<ServiceName, Usage> = BTreeMap::new();
        for (_, container) in containers {
            let found = watched
                .entry(container.id.clone())
                .or_insert_with(|| Watched::new(&container));
            let Some(usage) = found.look(&shared, &container) else {
                continue;
            };
            let total = totals.entry(container.service.name.clone()).or_default();
            *total = total.plus(usage);
        }
        keep(&shared, totals);
    }
}

fn keep(shared: &Shared, totals: BTreeMap<ServiceName, Usage>) {
    if totals.is_empty() {
        return;
    }
    let at = Timestamp::now();
    {
        let mut series = shared.wires.telemetry.series();
        for (service, usage) in totals {
            series.push(&service, usage.at(at));
        }
    }
    shared.wires.telemetry.touch();
}

/// One container and what it had used the last time.
struct Watched {
    pid: Option<u32>,
    source: Source,
    last: Option<(Instant, Counts)>,
}

/// Where the figures come from.
enum Source {
    Kernel(Meter),
    /// The engine's stream writes the newest figures here.
    Engine(Arc<Mutex<Option<Counts>>>, JoinHandle<()>),
    /// Nothing yet: the engine did not answer when it was asked.
    Unknown,
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Self::Engine(_, task) = self {
            task.abort();
        }
    }
}

impl Watched {
    fn new(container: &Container) -> Self {
        let meter = container
            .pid
            .and_then(|pid| Meter::open(pid, &container.id, has_network(container)));
        Self {
            pid: container.pid,
            source: meter.map_or(Source::Unknown, Source::Kernel),
            last: None,
        }
    }

    /// What it used since the last look; `None` at the first look.
    fn look(&mut self, shared: &Shared, container: &Container) -> Option<Usage> {
        if self.pid != container.pid {
            *self = Self::new(container);
        }
        let counts = match &self.source {
            Source::Kernel(meter) => meter.read(),
            Source::Engine(_, task) if task.is_finished() => {
                self.source = Source::Unknown;
                None
            }
            Source::Engine(newest, _) => *newest.lock().unwrap_or_else(PoisonError::into_inner),
            Source::Unknown => {
                if let Some(engine) = shared.link.engine() {
                    self.source = follow(engine, container.id.clone());
                }
                None
            }
        }?;
        let now = Instant::now();
        let (before, old) = self.last.replace((now, counts))?;
        Some(used(old, counts, now.duration_since(before)))
    }
}

/// Whether it has a network of its own, or another container's, as opposed to this machine's.
fn has_network(container: &Container) -> bool {
    let mode = container.service.container.network_mode.as_ref();
    !mode.is_some_and(Space::is_host)
}

/// What was used between two looks.
fn used(before: Counts, after: Counts, passed: Duration) -> Usage {
    let flow = |before: Option<Flow>, after: Option<Flow>| {
        Some(Flow::between(before?, after?, passed.as_secs_f64()))
    };
    Usage {
        cpu: after.cpu.saturating_sub(before.cpu) as f64 / passed.as_nanos().max(1) as f64,
        memory: after.memory,
        network: flow(before.network, after.network),
        disk: flow(before.disk, after.disk),
    }
}

/// Follows the engine's own figures for a container.
fn follow(engine: ContainerEngine, id: String) -> Source {
    let newest = Arc::new(Mutex::new(None));
    let writer = newest.clone();
    let task = tokio::spawn(async move {
        let options = StatsOptionsBuilder::default().stream(true).build();
        let mut stats = Box::pin(engine.client.stats(&id, Some(options)));
        while let Some(Ok(figures)) = stats.next().await {
            let counts = counts(&figures);
            *writer.lock().unwrap_or_else(PoisonError::into_inner) = counts;
        }
    });
    Source::Engine(newest, task)
}

fn counts(figures: &ContainerStatsResponse) -> Option<Counts> {
    let memory = figures.memory_stats.as_ref()?;
    let detail = |name: &str| memory.stats.as_ref()?.get(name).copied();
    let cache = detail("inactive_file")
        .or_else(|| detail("total_inactive_file"))
        .unwrap_or(0);
    Some(Counts {
        cpu: figures
            .cpu_stats
            .as_ref()?
            .cpu_usage
            .as_ref()?
            .total_usage?,
        memory: memory.usage?.saturating_sub(cache),
        network: figures.networks.as_ref().and_then(network),
        disk: figures.blkio_stats.as_ref().and_then(disk),
    })
}

/// Over all its networks. One that lives in another's namespace is told of none.
fn network(networks: &HashMap<String, ContainerNetworkStats>) -> Option<Flow> {
    let one = |network: &ContainerNetworkStats| Flow {
        inward: network.rx_bytes.unwrap_or(0),
        outward: network.tx_bytes.unwrap_or(0),
    };
    networks.values().map(one).reduce(Flow::plus)
}

/// Over all devices.
fn disk(disks: &ContainerBlkioStats) -> Option<Flow> {
    let entries = disks.io_service_bytes_recursive.as_ref()?;
    let of = |kind: &str| {
        let same = entries.iter().filter(|entry| {
            let op = entry.op.as_deref();
            op.is_some_and(|op| op.eq_ignore_ascii_case(kind))
        });
        same.filter_map(|entry| entry.value).sum()
    };
    Some(Flow {
        inward: of("read"),
        outward: of("write"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_figures_are_read() {
        let figures = serde_json::json!({
            "cpu_stats": { "cpu_usage": { "total_usage": 500 } },
            "memory_stats": { "usage": 100, "stats": { "inactive_file": 40 } },
            "networks": { "eth0": { "rx_bytes": 7, "tx_bytes": 1 }, "eth1": { "rx_bytes": 3, "tx_bytes": 2 } },
            "blkio_stats": { "io_service_bytes_recursive": [
                { "major": 8, "minor": 0, "op": "Read", "value": 10 },
                { "major": 8, "minor": 0, "op": "write", "value": 5 },
                { "major": 8, "minor": 0, "op": "Total", "value": 15 },
            ] },
        });
        let figures: ContainerStatsResponse = serde_json::from_value(figures).unwrap();
        let flow = |inward, outward| Some(Flow { inward, outward });
        assert_eq!(
            counts(&figures),
            Some(Counts {
                cpu: 500,
                memory: 60,
                network: flow(10, 3),
                disk: flow(10, 5),
            })
        );
        assert_eq!(counts(&ContainerStatsResponse::default()), None);
    }

    #[test]
    fn what_is_not_counted_at_both_looks_is_not_known() {
        let look = |cpu, network| Counts {
            cpu,
            memory: 7,
            network,
            disk: None,
        };
        let flow = |inward| Some(Flow { inward, outward: 0 });
        let second = Duration::from_secs(1);
        let used = |before, after| used(before, after, second);
        let known = used(look(0, flow(10)), look(500_000_000, flow(30)));
        assert_eq!(
            (known.cpu, known.network, known.disk),
            (0.5, flow(20), None)
        );
        assert_eq!(used(look(0, None), look(0, flow(30))).network, None);
    }
}
