//! CPU and memory of the stack's containers, once a second, into the series.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::models::ContainerStatsResponse;
use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use super::cgroup::{Meter, Usage};
use super::find::ContainerEngine;
use super::model::{Container, Shared};
use crate::stack::ServiceName;
use crate::telemetry::Sample;

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
        let mut totals: BTreeMap<ServiceName, (f64, u64)> = BTreeMap::new();
        for (_, container) in containers {
            let found = watched
                .entry(container.id.clone())
                .or_insert_with(|| Watched::new(&container));
            let Some((cpu, memory)) = found.look(&shared, &container) else {
                continue;
            };
            let total = totals.entry(container.service.name.clone()).or_default();
            total.0 += cpu;
            total.1 += memory;
        }
        keep(&shared, totals);
    }
}

fn keep(shared: &Shared, totals: BTreeMap<ServiceName, (f64, u64)>) {
    if totals.is_empty() {
        return;
    }
    let at = Timestamp::now();
    {
        let mut series = shared.wires.telemetry.series();
        for (service, (cpu, memory)) in totals {
            series.push(&service, Sample { at, cpu, memory });
        }
    }
    shared.wires.telemetry.touch();
}

/// One container and what it had used the last time.
struct Watched {
    pid: Option<u32>,
    source: Source,
    last: Option<(Instant, Usage)>,
}

/// Where the figures come from.
enum Source {
    Kernel(Meter),
    /// The engine's stream writes the newest figures here.
    Engine(Arc<Mutex<Option<Usage>>>, JoinHandle<()>),
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
            .and_then(|pid| Meter::open(pid, &container.id));
        Self {
            pid: container.pid,
            source: meter.map_or(Source::Unknown, Source::Kernel),
            last: None,
        }
    }

    /// CPU share since the last look, and memory; `None` at the first look.
    fn look(&mut self, shared: &Shared, container: &Container) -> Option<(f64, u64)> {
        if self.pid != container.pid {
            *self = Self::new(container);
        }
        let usage = match &self.source {
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
        let (before, old) = self.last.replace((now, usage))?;
        let passed = now.duration_since(before).as_nanos().max(1) as f64;
        Some((
            usage.cpu.saturating_sub(old.cpu) as f64 / passed,
            usage.memory,
        ))
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
            let usage = usage(&figures);
            *writer.lock().unwrap_or_else(PoisonError::into_inner) = usage;
        }
    });
    Source::Engine(newest, task)
}

fn usage(figures: &ContainerStatsResponse) -> Option<Usage> {
    let memory = figures.memory_stats.as_ref()?;
    let detail = |name: &str| memory.stats.as_ref()?.get(name).copied();
    let cache = detail("inactive_file")
        .or_else(|| detail("total_inactive_file"))
        .unwrap_or(0);
    Some(Usage {
        cpu: figures
            .cpu_stats
            .as_ref()?
            .cpu_usage
            .as_ref()?
            .total_usage?,
        memory: memory.usage?.saturating_sub(cache),
    })
}
