//! What is to be done: the only way in which the engine touches the world.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    BuildId, ChangeId, CheckId, Inside, RunId, SyncCopy, SyncId, TerminalSize, TraceFormat,
};
use crate::stack::{Check, Fault, HttpRequest, Runtime, Service, ServiceName, Stack, Then};

/// One thing to do. Each is answered by an event that carries the same number, however it ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "kebab-case")]
pub enum Effect {
    /// Watch what matters to this stack and make its front doors and edges; sent at start and after each reload.
    Prepare { stack: Arc<Stack> },
    /// From now on this service runs as this: what is watched and how others reach it depend on it.
    UseRuntime {
        service: ServiceName,
        runtime: Runtime,
    },
    /// Make an image. Answered by `BuildFinished`, `BuildFailed` or `BuildCancelled`.
    StartBuild {
        build: BuildId,
        service: Arc<Service>,
        fresh: bool,
    },
    /// Stop making an image. Answered by `BuildCancelled`, or by its end if that came first.
    CancelBuild { build: BuildId },
    /// Start a run. Answered by `RunStarted` or `RunFailed`; later, once, by `RunExited`.
    StartRun(StartRun),
    /// Let a run finish its requests, ask it to stop, and kill it after `grace`. Answered by `RunExited`. `replaced`: the service
    /// goes on with another run.
    StopRun {
        run: RunId,
        grace: Duration,
        replaced: bool,
    },
    /// Kill a run at once. Answered by `RunExited`.
    KillRun { run: RunId },
    /// Send requests for this service to these runs; to none: hold them.
    Route {
        service: ServiceName,
        runs: Vec<RunId>,
    },
    /// Refuse requests for this service, for this reason, instead of holding them.
    Refuse { service: ServiceName, why: String },
    /// From now on do this, and nothing else, to requests for this service.
    SetFaults {
        service: ServiceName,
        faults: Vec<Fault>,
    },
    /// Front doors let one request in at a time, or as many as come.
    SetSolo { on: bool },
    /// Ask after a run's health until it ends: fast until `settle` is sent. Answered by `Probed`, again and again.
    Probe { run: RunId, service: Arc<Service> },
    /// From now on ask calmly, every `interval` (`calm`), or fast again.
    PaceProbe { run: RunId, calm: bool },
    /// Copy files into live runs. Answered by `Synced` or `SyncFailed`.
    Sync {
        sync: SyncId,
        runs: Vec<RunId>,
        copies: Vec<SyncCopy>,
        then: Then,
    },
    /// Compare what these runs have at these paths with what an image has there, made by this build. Answered by `Compared`.
    CompareImage {
        build: BuildId,
        service: Arc<Service>,
        image: String,
        runs: Vec<RunId>,
        paths: Vec<String>,
    },
    /// Tell when one of these runs has answered a request well that it was given from now on. Answered by `FirstAnswer`,
    /// once, if anybody asks; the next one of the same service takes its place.
    AwaitAnswer {
        service: ServiceName,
        change: ChangeId,
        runs: Vec<RunId>,
    },
    /// Try a smoke check once. Answered by `CheckEnded`.
    RunCheck { check: CheckId, spec: Arc<Check> },
    /// Send a request again and compare its answer with that of a recorded exchange. Answered by `Replayed` or `Problem`.
    Replay {
        trace: String,
        span: String,
        request: HttpRequest,
    },
    /// Append a check to the stack file. Answered by `CheckSaved` or `Problem`.
    SaveCheck { check: Box<Check> },
    /// Write these traces, or all, into a file. Answered by `TracesExported` or `Problem`.
    Export {
        traces: Vec<String>,
        format: TraceFormat,
        file: PathBuf,
    },
    /// Open a terminal inside a run. What comes of it is seen there, and the engine does not wait for it.
    GoInside {
        service: ServiceName,
        run: RunId,
        what: Inside,
    },
    /// Give the terminals of all runs, and of those to come, this size.
    Resize(TerminalSize),
    /// The service left the stack: close its doors and forget it.
    Forget { service: ServiceName },
}

/// A run to be started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartRun {
    /// Its number.
    pub run: RunId,
    /// What is run.
    pub service: Arc<Service>,
    /// Which of the service's replicas, from 0.
    pub replica: u32,
    /// What it runs as.
    pub runtime: Runtime,
    /// The image, for a container.
    pub image: Option<String>,
    /// A run that is on its way out, whose container or port the new one replaces.
    pub replaces: Option<RunId>,
    /// Files that its image lacks: they are in their places before its program starts.
    pub given: Vec<SyncCopy>,
}
