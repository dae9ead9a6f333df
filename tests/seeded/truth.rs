//! What is really there, known without asking the engine: builds, runs, saved files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use boatyard::engine::{BuildId, Moment, RunId};
use boatyard::stack::{Condition, Runtime, Service, ServiceName, Then};

/// Everything that is there.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    /// Builds that were asked for and have not been answered.
    pub(crate) builds: BTreeMap<BuildId, BuildTruth>,
    /// Every run that was ever asked for.
    pub(crate) runs: BTreeMap<RunId, RunTruth>,
    /// Those of them that have not ended, as far as the engine was told.
    pub(crate) there: BTreeSet<RunId>,
    /// Which saves each image has, by its name: all up to this number.
    pub(crate) images: BTreeMap<String, u64>,
    /// What was saved for each service, in order; the number of a save is its place, from 1.
    pub(crate) saves: BTreeMap<ServiceName, Vec<Save>>,
    /// Jobs whose newest run has ended well.
    pub(crate) completed: BTreeMap<ServiceName, RunId>,
    /// Services the files of whose sync rules were told.
    pub(crate) found: BTreeSet<ServiceName>,
    /// Where requests go.
    pub(crate) routes: BTreeMap<ServiceName, Vec<RunId>>,
}

/// A build under way.
#[derive(Debug)]
pub(crate) struct BuildTruth {
    pub(crate) service: Arc<Service>,
    pub(crate) saves: u64,
    pub(crate) cancelled: bool,
}

/// A run.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(crate) struct RunTruth {
    pub(crate) service: Arc<Service>,
    pub(crate) runtime: Runtime,
    /// Saves that the files had when it was started.
    pub(crate) started_with: u64,
    /// Saves that its image has.
    pub(crate) image: u64,
    /// Saves that were copied into it.
    pub(crate) synced: BTreeSet<u64>,
    /// Saves that were copied into it otherwise than its image will have them.
    pub(crate) amiss: BTreeSet<u64>,
    /// Whether the engine was told that it has started.
    pub(crate) started: bool,
    /// Whether its name and address stay when another run takes its place.
    pub(crate) kept: bool,
    /// Whether a sync is starting its program again.
    pub(crate) restarting: bool,
    /// Whether the engine was told that it takes requests, and has no reason to think otherwise.
    pub(crate) ready: bool,
    /// Failures of its probe in a row that the engine was told of.
    pub(crate) failures: u32,
    /// Whether it was asked to stop.
    pub(crate) stopping: bool,
    /// Whether the engine was told that it has ended.
    pub(crate) gone: bool,
    /// Whether it has ended, told or not.
    pub(crate) dead: bool,
    pub(crate) calm: bool,
    pub(crate) probed: bool,
}

/// A saved file.
#[derive(Debug, Clone)]
pub(crate) struct Save {
    pub(crate) at: Moment,
    pub(crate) kind: SaveKind,
    /// It could not be copied, and nothing else can bring it.
    pub(crate) lost: bool,
    /// Nothing is done about it until a person asks for it.
    pub(crate) waits: bool,
}

/// What a save asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SaveKind {
    Rebuild,
    Restart,
    Sync(Then),
    /// A file that lands where it is inferred to land; or it does not.
    Infer {
        rightly: bool,
    },
}

impl Truth {
    pub(crate) fn saves_of(&self, service: &ServiceName) -> u64 {
        self.saves
            .get(service)
            .map_or(0, |saves| saves.len() as u64)
    }

    /// The runs of a service that are there and were not asked to stop.
    pub(crate) fn live<'a>(
        &'a self,
        service: &'a ServiceName,
    ) -> impl Iterator<Item = (&'a RunId, &'a RunTruth)> {
        self.present(service).filter(|(_, run)| !run.stopping)
    }

    /// The runs of a service that have not ended, as far as the engine was told.
    pub(crate) fn present<'a>(
        &'a self,
        service: &'a ServiceName,
    ) -> impl Iterator<Item = (&'a RunId, &'a RunTruth)> {
        let there = self.there.iter().map(|run| (run, &self.runs[run]));
        there.filter(move |(_, run)| run.service.name == *service)
    }

    /// Whether a service is as a dependent needs it.
    pub(crate) fn is_met(&self, on: &ServiceName, condition: Condition) -> bool {
        let has_completed = self.completed.contains_key(on);
        match condition {
            Condition::Started => has_completed || self.live(on).any(|(_, run)| run.started),
            Condition::Ready => self.live(on).any(|(_, run)| run.ready && run.is_well()),
            Condition::Completed => has_completed,
        }
    }

    /// What was saved for a service so far is of no matter any more.
    pub(crate) fn forget_saves(&mut self, service: &ServiceName) {
        for save in self.saves.get_mut(service).into_iter().flatten() {
            save.lost = true;
        }
    }

    /// The first save that a run has otherwise than an image of all saves up to `until` has it.
    pub(crate) fn has_amiss(&self, run: RunId, until: u64) -> Option<u64> {
        let run = &self.runs[&run];
        let wrong = run.amiss.iter().copied();
        wrong
            .filter(|save| *save <= until && *save > run.image)
            .min()
    }

    /// The first save up to `until` that this run does not have.
    pub(crate) fn lacks(&self, run: RunId, until: Moment) -> Option<u64> {
        let run = &self.runs[&run];
        let saves = self.saves.get(&run.service.name)?;
        let numbered = (1_u64..).zip(saves);
        let mut missing = numbered.filter(|(number, save)| {
            save.at <= until && !save.lost && !save.waits && !run.has(*number, &save.kind)
        });
        missing.next().map(|(number, _)| number)
    }
}

impl RunTruth {
    fn is_well(&self) -> bool {
        let retries = self
            .service
            .health
            .as_ref()
            .map_or(1, |health| health.retries);
        self.service.health.is_none() || self.failures < retries
    }

    /// Whether it has this save.
    pub(crate) fn has(&self, number: u64, kind: &SaveKind) -> bool {
        let since_start = self.started_with >= number;
        if self.runtime == Runtime::Process {
            return since_start || *kind == SaveKind::Sync(Then::Nothing);
        }
        let is_copied = self.synced.contains(&number);
        match (kind, self.service.build.is_some()) {
            (SaveKind::Rebuild, true) => self.image >= number,
            (SaveKind::Sync(_) | SaveKind::Infer { .. }, true) => self.image >= number || is_copied,
            (SaveKind::Sync(_), false) => is_copied,
            (SaveKind::Restart, _) | (SaveKind::Rebuild | SaveKind::Infer { .. }, false) => {
                since_start
            }
        }
    }
}
