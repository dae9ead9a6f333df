//! What people and programs are told: the public story of a session. Documented in `docs/notices.md`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{BuildId, Moment, RunId};
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
        ms: u64,
        last_save: Moment,
    },
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
    },
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
