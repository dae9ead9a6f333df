//! What process services use: once a second, for the whole tree of each run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use crate::adapters::state::proc::{ProcStat, descendants};
use crate::adapters::{Wires, flows};
use crate::stack::ServiceName;
use crate::telemetry::{Flow, Usage};

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
        for (service, usage) in samples {
            series.push(&service, usage.at(at));
        }
        drop(series);
        wires.telemetry.touch();
    }
}

/// Remembers what each run's tree had used.
#[derive(Debug, Default)]
struct Meter {
    before: BTreeMap<u32, (Instant, Counts)>,
}

impl Meter {
    /// What each service uses. A run seen for the first time has no share of a core yet and is left out. The kernel does
    /// not count what a process sends and receives: its network is this machine's.
    fn read(&mut self, runs: &[(ServiceName, u32)], now: Instant) -> BTreeMap<ServiceName, Usage> {
        let mut samples: BTreeMap<ServiceName, Usage> = BTreeMap::new();
        let mut after = BTreeMap::new();
        for (service, shim) in runs {
            let counts = tree_counts(*shim);
            if let Some((then, before)) = self.before.get(shim) {
                let seconds = now.duration_since(*then).as_secs_f64().max(0.001);
                let ticks = counts.ticks.saturating_sub(before.ticks) as f64;
                let disk = before.disk.zip(counts.disk);
                let usage = Usage {
                    cpu: ticks / rustix::param::clock_ticks_per_second() as f64 / seconds,
                    memory: counts.memory,
                    network: None,
                    disk: disk.map(|(before, after)| Flow::between(before, after, seconds)),
                };
                let sample = samples.entry(service.clone()).or_default();
                *sample = sample.plus(usage);
            }
            after.insert(*shim, (now, counts));
        }
        self.before = after;
        samples
    }
}

/// What the tree of a run had used at one moment.
#[derive(Debug, Clone, Copy)]
struct Counts {
    /// Processor time since its start, in clock ticks.
    ticks: u64,
    /// Resident bytes.
    memory: u64,
    /// Bytes from and to disks since its start, if this user may know.
    disk: Option<Flow>,
}

/// What the tree below a shim has used so far.
///
/// The time of a process that ended moves to the parent that waits for it, and an orphan's to the shim, and so do the bytes
/// it read and wrote; so sums over the tree, shim included, only grow. Pages that processes share are counted once for
/// each of them.
fn tree_counts(shim: u32) -> Counts {
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    let tree = descendants(shim);
    let mut ticks = ProcStat::read(shim).map_or(0, |stat| stat.ticks);
    let mut memory = 0;
    for stat in tree.iter().filter_map(|pid| ProcStat::read(*pid)) {
        ticks += stat.ticks;
        memory += stat.resident_pages * page;
    }
    Counts {
        ticks,
        memory,
        disk: flows::of_processes(std::iter::once(shim).chain(tree)),
    }
}
