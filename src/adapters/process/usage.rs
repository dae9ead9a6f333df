//! What process services use: once a second, for the whole tree of each run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use crate::adapters::Wires;
use crate::adapters::state::proc::{ProcStat, descendants};
use crate::stack::ServiceName;
use crate::telemetry::Sample;

/// Time between two samples.
const EVERY: Duration = Duration::from_secs(1);

/// Samples the runs that `runs` names (service and process id of the shim) until it answers `None`.
pub(super) async fn sample_until_over(
    wires: Wires,
    mut runs: impl FnMut() -> Option<Vec<(ServiceName, u32)>> + Send,
) {
    let mut meter = Meter::default();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(runs) = runs() else { return };
        let samples = meter.read(&runs, Instant::now());
        if samples.is_empty() {
            continue;
        }
        let at = wires.clock.timestamp(wires.clock.now());
        let mut series = wires.telemetry.series();
        for (service, cpu, memory) in samples {
            series.push(&service, Sample { at, cpu, memory });
        }
        drop(series);
        wires.telemetry.touch();
    }
}

/// Remembers the processor time of each run's tree.
#[derive(Debug, Default)]
struct Meter {
    before: BTreeMap<u32, (Instant, u64)>,
}

impl Meter {
    /// Share of a core and bytes for each service. A run seen for the first time has no share yet and is left out.
    fn read(&mut self, runs: &[(ServiceName, u32)], now: Instant) -> Samples {
        let mut samples: BTreeMap<ServiceName, (f64, u64)> = BTreeMap::new();
        let mut after = BTreeMap::new();
        for (service, shim) in runs {
            let (ticks, memory) = tree_usage(*shim);
            if let Some((then, ticks_then)) = self.before.get(shim) {
                let seconds = now.duration_since(*then).as_secs_f64().max(0.001);
                let used = ticks.saturating_sub(*ticks_then) as f64;
                let share = used / rustix::param::clock_ticks_per_second() as f64 / seconds;
                let sample = samples.entry(service.clone()).or_default();
                sample.0 += share;
                sample.1 += memory;
            }
            after.insert(*shim, (now, ticks));
        }
        self.before = after;
        samples
            .into_iter()
            .map(|(service, (cpu, memory))| (service, cpu, memory))
            .collect()
    }
}

type Samples = Vec<(ServiceName, f64, u64)>;

/// Clock ticks that the tree below a shim has used so far, and its resident bytes.
///
/// The time of a process that ended moves to the parent that waits for it, and an orphan's to the shim; so the sum over
/// the tree, shim included, only grows. Pages that processes share are counted once for each of them.
fn tree_usage(shim: u32) -> (u64, u64) {
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    let mut ticks = ProcStat::read(shim).map_or(0, |stat| stat.ticks);
    let mut memory = 0;
    for stat in descendants(shim).into_iter().filter_map(ProcStat::read) {
        ticks += stat.ticks;
        memory += stat.resident_pages * page;
    }
    (ticks, memory)
}
