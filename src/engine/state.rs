//! All that the engine knows. Views read it; only the engine writes it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Serialize};

use super::{
    BuildFailure, BuildId, BuildStep, ChangeId, Changes, CheckId, CheckOutcome, EngineLink, Exit,
    Faults, Hold, Moment, Place, ProbeAnswer, RunId, StartFailure, SyncCopy, SyncId, TerminalSize,
    Verdict, WaitingEdits,
};
use crate::stack::{
    Check, Health, Network, Runtime, Service, ServiceName, Stack, Then, Volume, WatchMode,
};

/// The truth of a session.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// What should run.
    pub stack: Arc<Stack>,
    /// What each service is at, in the order of the stack file.
    pub services: IndexMap<ServiceName, ServiceState>,
    /// Where the session stands.
    pub phase: Phase,
    /// What the session is for.
    pub goal: Goal,
    /// Which runtime was asked for.
    pub wanted_runtime: RuntimeChoice,
    /// The container engine.
    pub engine_link: EngineLink,
    /// Problems of the stack file that was saved last, if it was refused.
    pub stack_problems: Vec<String>,
    /// What was first said of the networks and volumes that all services share: they are made but once.
    pub shared: Shared,
    /// Whether the world has been told of this stack: what to watch, which doors to make.
    pub prepared: bool,
    /// How large the terminals of runs are to be.
    pub terminal: TerminalSize,
    /// Whether the world has been told of that size.
    pub terminal_told: bool,
    /// Since when edits of all services wait, if they do.
    pub hold: Option<Moment>,
    /// The stack file as it was saved last while edits waited.
    pub waiting_stack: Option<Arc<Stack>>,
    /// What is done to requests on purpose.
    pub faults: Faults,
    /// Whether front doors are to let one request in at a time.
    pub solo: Switch,
}

/// Networks and volumes by their keys.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shared {
    /// Networks as they were first defined.
    pub networks: IndexMap<String, Network>,
    /// Volumes as they were first defined.
    pub volumes: IndexMap<String, Volume>,
}

/// Something that is on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Switch {
    /// Whether it is to be on.
    pub on: bool,
    /// Whether the world was told that it is on.
    pub told: bool,
}

/// Where the session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Services are kept up.
    Running,
    /// Everything is being stopped.
    Stopping { since: Moment, kill: bool },
    /// Nothing is left.
    Ended,
}

/// What a session is for.
#[derive(Debug, Clone, PartialEq)]
pub enum Goal {
    /// Keep the stack up until told otherwise.
    Serve,
    /// Bring it up, check it, take it down.
    Smoke(Smoke),
}

/// A smoke test under way.
#[derive(Debug, Clone, PartialEq)]
pub struct Smoke {
    /// How much time there is for all of it.
    pub time: Duration,
    /// When everything must be done.
    pub deadline: Moment,
    /// The checks, in order.
    pub checks: Vec<CheckState>,
    /// Stay up after the checks until interrupted.
    pub keep: bool,
    /// The verdict, once there is one, and why.
    pub verdict: Option<(Verdict, Option<String>)>,
}

/// One smoke check and how it went.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckState {
    /// The check.
    pub spec: Arc<Check>,
    /// How it went so far.
    pub progress: CheckProgress,
    /// How often it was tried.
    pub tries: u32,
}

/// How a smoke check goes.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckProgress {
    /// Not yet tried, or to be tried again at this moment.
    Waiting { not_before: Moment },
    /// Being tried.
    Running { check: CheckId },
    /// Done; passed if the outcome has no failures.
    Done { outcome: CheckOutcome },
}

/// Which runtime the command line asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimeChoice {
    /// Containers where an engine answers, else processes.
    #[default]
    Auto,
    /// Containers only.
    Engine,
    /// Processes only.
    Process,
}

/// What one service is at.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceState {
    /// Its definition.
    pub service: Arc<Service>,
    /// Whether it should be up.
    pub wanted: Wanted,
    /// What it runs as; `None` until the container engine is known.
    pub runtime: Option<Runtime>,
    /// Why it cannot be a container although an engine answers: its image or base image cannot be had.
    pub no_container: Option<String>,
    /// Number of the newest content and settings that a run should have.
    pub generation: u64,
    /// Number of the newest content that an image should have.
    pub content: u64,
    /// The next build must not take an image that was already made of the same content.
    pub fresh: bool,
    /// Where its image stands.
    pub build: BuildState,
    /// The newest image that was made, and of which content.
    pub image: Option<Image>,
    /// Its runs, the oldest first.
    pub runs: Vec<Run>,
    /// What it waits for, if it waits.
    pub hold: Option<Held>,
    /// Ends in a row without having been ready long.
    pub crashes: Crashes,
    /// How a job ended, a service that ended with 0, or one that is never started again by itself.
    pub completed: Option<Completion>,
    /// How the newest run ended that ended by itself.
    pub last_exit: Option<(Moment, RunId, Exit)>,
    /// How many of its runs were started in this session.
    pub starts: u64,
    /// How many of them ended by themselves.
    pub ends: u64,
    /// Of what it is restarted with, the generation that served when its newest run began.
    pub followed: BTreeMap<ServiceName, u64>,
    /// Why the newest run could not be started.
    pub start_failure: Option<(Moment, StartFailure)>,
    /// Starts in a row that failed.
    pub start_failures: u32,
    /// Saved files that are not yet served.
    pub pending: Option<PendingEdits>,
    /// Newest save that is served by a ready run.
    pub live_up_to: Option<Moment>,
    /// A sync under way.
    pub sync: Option<Syncing>,
    /// Files were synced that the image lacks: a new container needs a new image first.
    pub image_lacks_sync: bool,
    /// Times from save to live of this session, in order; the newest ones.
    pub live_times: Vec<Duration>,
    /// Its newest changes, and how far each came.
    pub changes: Changes,
    /// Whether saved files are acted upon at once.
    pub mode: WatchMode,
    /// Saved files that are not acted upon until somebody asks for it.
    pub waiting: Option<WaitingEdits>,
    /// Changes that wait to be synced.
    pub sync_queue: VecDeque<QueuedSync>,
    /// What the live runs were given ahead of their image, because it was inferred where it lands.
    pub ahead: Ahead,
    /// What was ever synced into a service that has an image and no build, by path inside: a new container needs it again.
    pub given: IndexMap<String, Given>,
    /// How often something was added to that.
    pub givings: u64,
    /// Whether the files of its sync rules are known, as far as a container of it needs them from the beginning.
    pub found: bool,
    /// Where its requests go, as it was last said; `None`: nothing was said yet.
    pub routing: Option<Routing>,
}

/// Where the requests for a service go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Routing {
    /// They wait.
    Hold,
    /// To these runs in turn.
    Runs(Vec<RunId>),
    /// They are refused, for this reason.
    Refuse(String),
}

/// Whether a service should be up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Yes.
    Up,
    /// A person stopped it.
    Stopped,
    /// It left the stack file.
    Removed,
}

/// Where a service's image stands.
#[derive(Debug, Clone, PartialEq)]
pub enum BuildState {
    /// It has no build, or runs as a process.
    NotNeeded,
    /// An image is wanted and nothing is under way.
    Wanted,
    /// It is being made.
    Building {
        build: BuildId,
        content: u64,
        since: Moment,
        step: Option<BuildStep>,
        cancelling: bool,
    },
    /// It is there.
    Built {
        build: BuildId,
        took: Duration,
        cached: bool,
    },
    /// It could not be made.
    Failed {
        build: BuildId,
        content: u64,
        at: Moment,
        failure: BuildFailure,
    },
}

/// An image that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its name or id, as the engine takes it.
    pub name: String,
    /// Number of the content it was made of.
    pub content: u64,
}

/// One life of one service instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// Which replica it is, from 0.
    pub replica: u32,
    /// What it runs as.
    pub runtime: Runtime,
    /// The definition it was started with.
    pub service: Arc<Service>,
    /// Number of the content and settings it has.
    pub generation: u64,
    /// The newest giving ([`ServiceState::givings`]) whose files it was started with.
    pub given: u64,
    /// When it was asked for.
    pub asked: Moment,
    /// How far it is.
    pub phase: RunPhase,
    /// Where it is, once started.
    pub place: Option<Place>,
    /// When it took requests first.
    pub ready_at: Option<Moment>,
    /// What its probe said.
    pub health: RunHealth,
    /// The probe that is being asked, and whether calmly; `None`: none.
    pub probe: Option<(Health, bool)>,
    /// It has been told that it is not healthy in its time to start.
    pub told_late: bool,
    /// It must be asked to stop once more, because the engine went away meanwhile.
    pub stop_again: bool,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunPhase {
    /// Asked for.
    Starting,
    /// Started, not yet healthy.
    Probing { since: Moment },
    /// Takes requests.
    Ready { since: Moment },
    /// Was ready, and its probe fails now.
    Unhealthy { since: Moment },
    /// Asked to stop.
    Stopping { since: Moment, killed: bool },
}

/// What a run's probe said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunHealth {
    /// The last answer and when it came.
    pub last: Option<(Moment, ProbeAnswer)>,
    /// Failures since the last success.
    pub failures: u32,
    /// Questions asked in all.
    pub asked: u64,
    /// The newest answers, the oldest first: healthy or not, and how long it took.
    pub history: VecDeque<(bool, Duration)>,
}

/// A hold and since when.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// What it waits for.
    pub hold: Hold,
    /// Since when.
    pub since: Moment,
}

/// Ends in a row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Crashes {
    /// How many.
    pub count: u32,
    /// When it may be started again.
    pub not_before: Option<Moment>,
    /// Left alone until something changes.
    pub gave_up: bool,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// When.
    pub at: Moment,
    /// The run that ended.
    pub run: RunId,
    /// Which generation it was.
    pub generation: u64,
    /// How.
    pub exit: Exit,
}

/// Saved files that are not yet served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingEdits {
    /// The first save of the earliest change that is not served: how long what runs has been behind.
    pub first_save: Moment,
    /// The first save of the newest change: the time from save to live counts from here, because the earlier
    /// ones are overtaken and never run by themselves.
    pub newest_first_save: Moment,
    /// The last save.
    pub last_save: Moment,
    /// The newest change among them.
    pub newest: ChangeId,
    /// The generation that has them; `None`: a sync brings them.
    pub generation: Option<u64>,
}

/// What live runs were given ahead of their image.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ahead {
    /// The paths inside, each once; empty: the runs have what their image has.
    pub paths: IndexSet<String>,
    /// The build whose image is being compared with them, and of which content it is.
    pub comparing: Option<(BuildId, u64)>,
}

/// A sync under way.
#[derive(Debug, Clone, PartialEq)]
pub struct Syncing {
    /// Its number.
    pub sync: SyncId,
    /// When it began.
    pub since: Moment,
    /// The saves it brings; `None`: it brings a new container what its predecessor had.
    pub edits: Option<PendingEdits>,
    /// The runs it goes to.
    pub runs: Vec<RunId>,
    /// The generation of these runs.
    pub generation: u64,
    /// What follows the copying.
    pub then: Then,
}

/// A file that the image lacks.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// The file.
    pub copy: SyncCopy,
    /// What followed when it was synced.
    pub then: Then,
    /// The giving that brought it, counted from 1.
    pub giving: u64,
}

/// A change that waits to be synced.
#[derive(Debug, Clone, PartialEq)]
pub struct QueuedSync {
    /// Files to copy.
    pub copies: Vec<SyncCopy>,
    /// What follows.
    pub then: Then,
    /// The saves it brings; `None`: it brings a new container what its predecessor had.
    pub edits: Option<PendingEdits>,
}
