//! Questions that the engine and its views ask the state.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use super::turn::millis;
use super::{
    Action, Ahead, BuildId, BuildState, Changes, Crashes, EngineLink, Given, Goal, LiveSummary,
    Moment, PendingEdits, Phase, Run, RunHealth, RunId, RunPhase, ServiceState, State, Wanted,
};
use crate::stack::{Condition, Runtime, Service, ServiceName, Then};

/// How many builds run at once when the stack file does not say.
const DEFAULT_BUILDS: usize = 2;

impl State {
    /// The service that this run belongs to, and the run's place in its list.
    pub(super) fn find_run(&mut self, run: RunId) -> Option<(&mut ServiceState, usize)> {
        self.services.values_mut().find_map(|service| {
            let index = service.runs.iter().position(|other| other.id == run)?;
            Some((service, index))
        })
    }

    /// The service for which this build is being made.
    pub(super) fn find_build(&mut self, build: BuildId) -> Option<&mut ServiceState> {
        self.services
            .values_mut()
            .find(|service| service.building() == Some(build))
    }

    /// Whether one more build may start.
    pub fn has_build_slot(&self) -> bool {
        let running = self
            .services
            .values()
            .filter(|service| service.building().is_some());
        let allowed = match self.stack.max_builds {
            0 => DEFAULT_BUILDS,
            allowed => allowed,
        };
        running.count() < allowed
    }

    /// Whether the container engine answers.
    pub fn is_engine_connected(&self) -> bool {
        matches!(self.engine_link, EngineLink::Connected { .. })
    }

    /// Whether services are kept up, as opposed to being stopped.
    pub fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    /// Whether this is a smoke test.
    pub fn is_smoke(&self) -> bool {
        matches!(self.goal, Goal::Smoke(_))
    }

    /// A service that depends on this one and still has runs.
    pub(super) fn live_dependent(&self, name: &ServiceName) -> Option<&ServiceName> {
        self.services
            .iter()
            .find(|(_, other)| {
                !other.runs.is_empty() && other.service.depends_on.contains_key(name)
            })
            .map(|(dependent, _)| dependent)
    }
}

impl ServiceState {
    /// A service that has not begun.
    pub fn new(service: Arc<Service>) -> Self {
        Self {
            mode: service.watch_mode,
            service,
            wanted: Wanted::Up,
            runtime: None,
            no_container: None,
            generation: 1,
            content: 1,
            fresh: false,
            build: BuildState::NotNeeded,
            image: None,
            runs: Vec::new(),
            hold: None,
            crashes: Crashes::default(),
            completed: None,
            last_exit: None,
            starts: 0,
            ends: 0,
            start_failure: None,
            start_failures: 0,
            pending: None,
            live_up_to: None,
            sync: None,
            image_lacks_sync: false,
            live_times: Vec::new(),
            changes: Changes::default(),
            waiting: None,
            sync_queue: VecDeque::new(),
            ahead: Ahead::default(),
            given: IndexMap::new(),
            givings: 0,
            found: false,
            followed: BTreeMap::new(),
            routing: None,
        }
    }

    /// How many runs it should have.
    pub fn replicas(&self) -> usize {
        self.service.replicas.max(1) as usize
    }

    /// The build under way.
    pub fn building(&self) -> Option<BuildId> {
        match self.build {
            BuildState::Building { build, .. } => Some(build),
            _ => None,
        }
    }

    /// Whether it needs an image of its own making.
    pub fn needs_build(&self) -> bool {
        self.runtime == Some(Runtime::Container) && self.service.build.is_some()
    }

    /// Whether a container of it would lack files that sync rules are to put into it, because nobody has said yet which.
    pub fn awaits_files(&self) -> bool {
        !self.found && self.runtime == Some(Runtime::Container) && self.service.lacks_files()
    }

    /// Whether the image of the newest content is there, or none is needed.
    pub fn has_image(&self) -> bool {
        !self.needs_build()
            || self
                .image
                .as_ref()
                .is_some_and(|image| image.content == self.content)
    }

    /// Whether it is as a dependent wants it that waits for this.
    pub fn meets(&self, condition: Condition) -> bool {
        super::decide::is_met(self, condition)
    }

    /// Whether its runs were given files that its newest image lacks, or may lack.
    pub fn is_ahead(&self) -> bool {
        !self.ahead.paths.is_empty()
    }

    /// Whether its image of the newest content could not be made.
    pub fn has_failed_build(&self) -> bool {
        matches!(self.build, BuildState::Failed { content, .. } if content == self.content)
    }

    /// Whether this run has the newest content and settings.
    pub fn is_current(&self, run: &Run) -> bool {
        run.generation == self.generation && Some(run.runtime) == self.runtime
    }

    /// Its runs that were not asked to stop.
    pub fn live(&self) -> impl DoubleEndedIterator<Item = &Run> {
        self.runs.iter().filter(|run| !run.phase.is_stopping())
    }

    /// The run into which somebody is let who wants to be inside: the newest that is up.
    pub fn entrance(&self) -> Option<&Run> {
        self.live()
            .filter(|run| run.phase.is_up())
            .max_by_key(|run| run.id)
    }

    /// Its live runs that have the newest content and settings.
    pub fn current(&self) -> impl DoubleEndedIterator<Item = &Run> {
        self.live().filter(|run| self.is_current(run))
    }

    /// Its live runs that have older content or settings.
    pub fn outdated(&self) -> impl DoubleEndedIterator<Item = &Run> {
        self.live().filter(|run| !self.is_current(run))
    }

    /// Whether every wanted run is of the newest content and takes requests, and nothing older does.
    pub fn is_all_current(&self) -> bool {
        let serving = self.current().filter(|run| run.phase.is_serving()).count();
        serving >= self.replicas() && self.outdated().next().is_none()
    }

    /// Whether the program of this run is being started again by a sync: until that is done, nothing it says counts.
    pub(super) fn is_restarting(&self, run: RunId) -> bool {
        self.sync
            .as_ref()
            .is_some_and(|sync| sync.then == Then::Restart && sync.runs.contains(&run))
    }

    /// Whether it is a job that has ended well.
    pub fn has_completed(&self) -> bool {
        self.completed
            .as_ref()
            .is_some_and(|completion| completion.exit.is_success())
    }

    /// The time within which so many of 100 of its changes of this session were live; `None`: there was none.
    pub fn live_within(&self, percent: usize) -> Option<Duration> {
        let mut times = self.live_times.clone();
        times.sort_unstable();
        let place = (times.len() * percent).div_ceil(100).max(1) - 1;
        times.get(place).copied()
    }

    /// How fast its changes went live in this session.
    pub(super) fn live_summary(&self) -> Option<LiveSummary> {
        Some(LiveSummary {
            service: self.service.name.clone(),
            live: self.live_times.len(),
            p50_ms: millis(self.live_within(50)?),
            p95_ms: millis(self.live_within(95)?),
        })
    }

    /// Forgets ends and failures, so that it is started at once.
    pub(super) fn forgive(&mut self) {
        self.crashes = Crashes::default();
        self.start_failure = None;
        self.start_failures = 0;
        self.completed = None;
    }

    /// Forgets ends and failures but not a completion: a job does not run again for this.
    pub(super) fn forgive_unless_completed(&mut self) {
        let completed = self.completed.take().filter(|done| done.exit.is_success());
        self.forgive();
        self.completed = completed;
    }

    /// Adds these saves to those that are not served yet.
    pub(super) fn add_edits(&mut self, edits: PendingEdits) {
        self.pending = Some(match self.pending {
            Some(earlier) => earlier.and_then(edits),
            None => edits,
        });
    }

    /// A service with an image and no build has no other place to which synced files could go for a later container.
    pub(super) fn remember(&mut self, actions: &[Action]) {
        if self.service.build.is_some() || self.service.image.is_none() {
            return;
        }
        self.givings += 1;
        for action in actions {
            let Action::Sync { copies, then } = action else {
                continue;
            };
            for copy in copies {
                let given = Given {
                    copy: copy.clone(),
                    then: then.clone(),
                    giving: self.givings,
                };
                self.given.insert(copy.to.clone(), given);
            }
        }
    }

    /// From now on a run must be newer than every run there is.
    pub(super) fn want_new_runs(&mut self) {
        self.generation += 1;
        self.sync_queue.clear();
        self.ahead = Ahead::default();
        self.changes.overtake_older();
        self.forgive();
        if let Some(pending) = &mut self.pending {
            pending.generation = Some(self.generation);
        }
    }

    /// From now on an image must be newer than every image there is, and so must a run.
    pub(super) fn want_new_image(&mut self) {
        self.content += 1;
        self.image_lacks_sync = false;
        self.want_new_runs();
    }
}

impl Run {
    /// Whether its readiness is a matter of its probe.
    pub(super) fn is_probed(&self) -> bool {
        self.service.health.is_some()
    }

    /// Whether its address and name stay when another run takes its place.
    pub(super) fn is_kept(&self) -> bool {
        matches!(self.place, Some(super::Place::Container { kept: true, .. }))
    }

    /// Forgets what the probe said, so that it has to become healthy again.
    pub(super) fn forget_health(&mut self) {
        self.health = RunHealth::default();
        self.told_late = false;
    }
}

impl RunPhase {
    /// Whether it takes requests.
    pub fn is_serving(self) -> bool {
        matches!(self, Self::Ready { .. } | Self::Unhealthy { .. })
    }

    /// Whether its program has been started and was not asked to stop.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Probing { .. }) || self.is_serving()
    }

    /// Whether it was asked to stop.
    pub fn is_stopping(self) -> bool {
        matches!(self, Self::Stopping { .. })
    }
}

impl State {
    /// From now on everything is stopped, or killed.
    pub(super) fn wind_down(&mut self, now: Moment, kill: bool) {
        let since = match self.phase {
            Phase::Stopping { since, .. } => since,
            Phase::Running | Phase::Ended => now,
        };
        self.phase = Phase::Stopping { since, kill };
        for service in self.services.values_mut() {
            if service.wanted == Wanted::Up {
                service.wanted = Wanted::Stopped;
            }
        }
    }
}

impl PendingEdits {
    /// These edits and newer ones.
    pub(super) fn and_then(self, newer: Self) -> Self {
        Self {
            first_save: self.first_save.min(newer.first_save),
            newest_first_save: newer.newest_first_save,
            last_save: self.last_save.max(newer.last_save),
            newest: self.newest.max(newer.newest),
            generation: newer.generation.or(self.generation),
        }
    }
}

impl RunHealth {
    /// What the probe said last, in words.
    pub fn last_said(&self) -> String {
        self.last
            .as_ref()
            .map_or_else(|| "no answer yet".into(), |(_, answer)| answer.said.clone())
    }
}

impl Runtime {
    /// The word for people and programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Process => "process",
        }
    }
}

impl super::Place {
    /// Where the run is, for people.
    pub fn shown(&self) -> String {
        match self {
            Self::Container { name, .. } => name.clone(),
            Self::Process { pid, port } => format!("pid {pid}, port {port}"),
        }
    }
}
