//! What people and programs are told: the public story of a session. Documented in `docs/notices.md`.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{BuildId, ChangeId, Moment, Replay, RunId};
use crate::stack::ServiceName;

/// A notice and when it was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Noticed {
    /// When.
    pub at: Moment,
    /// What.
    #[serde(flatten)]
    pub notice: Notice,
}

/// One thing to tell. Times are in whole milliseconds (`ms`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "kebab-case")]
pub enum Notice {
    /// The session has begun.
    SessionStarted {
        stack: String,
        services: Vec<ServiceName>,
    },
    /// The container engine was found, is missing, or went away.
    Engine { state: String, detail: String },
    /// What a service runs as, and why.
    RuntimeChosen {
        service: ServiceName,
        runtime: String,
        why: String,
    },
    /// A service waits, and for what.
    ServiceHeld { service: ServiceName, hold: String },
    /// A settled set of saved files.
    ChangeSeen {
        services: Vec<ServiceName>,
        paths: Vec<PathBuf>,
        first_save_ms_ago: u64,
    },
    /// The stack file was read again: what differs.
    StackReloaded {
        added: Vec<ServiceName>,
        removed: Vec<ServiceName>,
        changed: Vec<ServiceName>,
    },
    /// The stack file was saved and is wrong; the old stack stays.
    StackRefused { problems: Vec<String> },
    /// A build has begun.
    BuildStarted {
        service: ServiceName,
        build: BuildId,
    },
    /// A build reached another step.
    BuildOutput {
        service: ServiceName,
        build: BuildId,
        step: u32,
        of: u32,
        name: String,
        cached: bool,
    },
    /// A build was stopped because newer edits made it stale, or on request.
    BuildCancelled {
        service: ServiceName,
        build: BuildId,
        why: String,
    },
    /// A build made an image.
    BuildFinished {
        service: ServiceName,
        build: BuildId,
        ms: u64,
        image: String,
        cached: bool,
    },
    /// A build ended without an image.
    BuildFailed {
        service: ServiceName,
        build: BuildId,
        ms: u64,
        step: Option<String>,
        message: String,
        last_lines: Vec<String>,
    },
    /// Files were copied into live runs.
    Synced {
        service: ServiceName,
        files: usize,
        ms: u64,
    },
    /// Files could not be copied, or what was to follow failed.
    SyncFailed { service: ServiceName, why: String },
    /// An image was made of files that live runs had been given already: it has just these (no `difference`), or the runs
    /// are replaced.
    ImageCompared {
        service: ServiceName,
        build: BuildId,
        files: usize,
        difference: Option<String>,
    },
    /// A run's program was started.
    RunStarted {
        service: ServiceName,
        run: RunId,
        runtime: String,
        place: String,
    },
    /// A run could not be started.
    RunFailed {
        service: ServiceName,
        run: RunId,
        message: String,
    },
    /// A run takes requests.
    RunReady {
        service: ServiceName,
        run: RunId,
        ms: u64,
    },
    /// A run has ended.
    RunExited {
        service: ServiceName,
        run: RunId,
        code: Option<i32>,
        signal: Option<String>,
        cause: String,
        expected: bool,
        last_lines: Vec<String>,
    },
    /// A service that ended will be started again.
    RestartScheduled {
        service: ServiceName,
        attempt: u32,
        ms: u64,
    },
    /// A service is replaced because one that it follows was.
    RestartFollows {
        service: ServiceName,
        on: ServiceName,
    },
    /// A service ended too often and is left alone until something changes.
    GaveUp { service: ServiceName, attempts: u32 },
    /// The health of a run changed.
    Health {
        service: ServiceName,
        run: RunId,
        healthy: bool,
        said: String,
    },
    /// The saved files are served by a ready run.
    ChangeLive {
        service: ServiceName,
        run: RunId,
        change: ChangeId,
        ms: u64,
        last_save: Moment,
        /// What brought it, in a word, and whether an image that was there already was taken.
        way: Option<String>,
        reused: bool,
        /// Changes before it that never ran by themselves.
        overtaken: usize,
        /// How long it waited to be applied, if it did: `ms` counts from then.
        waited_ms: Option<u64>,
        stages: Stages,
        /// Half of this service's changes of the session, and 95 of 100 of them, were live within this time.
        p50_ms: u64,
        p95_ms: u64,
    },
    /// A run that has a live change answered well for the first time.
    ChangeServed {
        service: ServiceName,
        run: RunId,
        change: ChangeId,
        ms: u64,
    },
    /// Edits are acted upon at once, when asked, or not while all wait; `service` is `None` for all services.
    Mode {
        service: Option<ServiceName>,
        mode: String,
    },
    /// A service (`None`: the stack file) was saved, and so many edits of it wait now.
    EditsWait {
        service: Option<ServiceName>,
        edits: u32,
        why: String,
    },
    /// The edits that waited are applied.
    EditsApplied {
        service: Option<ServiceName>,
        edits: u32,
    },
    /// So many requests for a service have been held for a while.
    RequestsHeld {
        service: ServiceName,
        held: usize,
        ms: u64,
    },
    /// No request for the service is held any more; how many were at most, and for how long some were.
    RequestsReleased {
        service: ServiceName,
        most: usize,
        ms: u64,
    },
    /// OpenTelemetry is received at these addresses, by either protocol at each; `taken` says who has the usual ports, if
    /// others had to be used.
    OtlpListening {
        grpc: String,
        http: String,
        taken: Vec<String>,
    },
    /// A front door of an isolated copy of the stack is here, which the stack file has at `port`; `variable` is the name under
    /// which its port is exported.
    FrontDoor {
        service: ServiceName,
        port: u16,
        address: SocketAddr,
        variable: String,
    },
    /// This is done to requests for the service on purpose from now on, and nothing else; in words.
    FaultsSet {
        service: ServiceName,
        faults: Vec<String>,
    },
    /// Nothing is done to requests for the service on purpose any more.
    FaultsCleared { service: ServiceName },
    /// Front doors let one request in at a time from now on, or as many as come.
    Solo { on: bool },
    /// A request was sent again. Without `differences` the answer was the recorded one, but for what differs between any two.
    Replayed(Replay),
    /// A check was appended to the stack file, at this line.
    CheckSaved {
        check: String,
        file: PathBuf,
        line: usize,
    },
    /// Traces were written into a file.
    TracesExported { file: PathBuf, traces: usize },
    /// Something works less well than it should, and what to do about it.
    Problem { what: String, remedy: String },
    /// Something was lost, and how much.
    Dropped {
        service: Option<ServiceName>,
        what: String,
        count: u64,
    },
    /// A smoke check passed.
    CheckPassed {
        check: String,
        ms: u64,
        tries: u32,
        trace: Option<String>,
    },
    /// A smoke check failed.
    CheckFailed {
        check: String,
        ms: u64,
        tries: u32,
        failures: Vec<String>,
        answer: String,
        trace: Option<String>,
    },
    /// The session has ended.
    SessionEnded {
        verdict: Verdict,
        why: Option<String>,
        left_behind: Vec<String>,
        /// How fast changes went live, for each service that had any.
        changes: Vec<LiveSummary>,
    },
}

/// The stages of a change, in milliseconds from its first save, or from when it was asked to be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stages {
    /// Nothing more was saved, and the engine was told.
    pub settled: Option<u64>,
    /// Its build began.
    pub build_started: Option<u64>,
    /// Its image was there.
    pub built: Option<u64>,
    /// Its files began to be copied.
    pub sync_started: Option<u64>,
    /// Its files were copied.
    pub synced: Option<u64>,
    /// Its runs had started.
    pub started: Option<u64>,
    /// Its runs were ready.
    pub ready: Option<u64>,
}

/// How fast the changes of one service went live in a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSummary {
    /// The service.
    pub service: ServiceName,
    /// How many of its changes count.
    pub live: usize,
    /// Half of them were live within this time.
    pub p50_ms: u64,
    /// 95 of 100 were live within this time.
    pub p95_ms: u64,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// All went well.
    Passed,
    /// A build, a run or a check failed.
    Failed,
    /// Somebody ended it before it was done.
    Interrupted,
}
