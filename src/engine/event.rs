//! What happened: everything the engine is ever told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{BuildId, ChangeId, CheckId, Command, Moment, RunId, SyncId};
use crate::stack::{ServiceName, Stack, Then};

/// One fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A deadline that the engine named has come.
    Deadline,
    /// What is known of the container engine.
    ContainerEngine { link: EngineLink },
    /// A settled set of saved files.
    Changed { change: Change },
    /// What sync rules put into each container of a service whose image lacks it, because it is not of our making; it takes
    /// the place of what was said before. Told once for each set of rules, before anything that changes there.
    Found {
        service: ServiceName,
        files: Vec<(SyncCopy, Then)>,
    },
    /// The stack file was saved and is right.
    StackReloaded { stack: Arc<Stack> },
    /// The stack file was saved and is wrong; the old stack stays.
    StackRefused { problems: Vec<String> },
    /// A build reached another step.
    BuildProgress { build: BuildId, step: BuildStep },
    /// A build made an image.
    BuildFinished {
        build: BuildId,
        image: String,
        cached: bool,
    },
    /// A build ended without an image.
    BuildFailed {
        build: BuildId,
        failure: BuildFailure,
    },
    /// A build that was asked to stop has stopped.
    BuildCancelled { build: BuildId },
    /// A run's program has been started.
    RunStarted { run: RunId, place: Place },
    /// A run could not be started.
    RunFailed { run: RunId, why: StartFailure },
    /// A run has ended; nothing of it is left.
    RunExited { run: RunId, exit: Exit },
    /// A probe was answered, or was not.
    Probed { run: RunId, answer: ProbeAnswer },
    /// Files have been copied into the runs, and what was to follow has been done.
    Synced { sync: SyncId, files: usize },
    /// Files could not be copied, or what was to follow failed.
    SyncFailed { sync: SyncId, why: String },
    /// What runs were given was compared with the image of this build; without `difference` they are the same.
    Compared {
        build: BuildId,
        difference: Option<String>,
    },
    /// A run that has this change answered a request well, for the first time since that change is live.
    FirstAnswer {
        service: ServiceName,
        change: ChangeId,
        run: RunId,
    },
    /// One try of a smoke check has ended.
    CheckEnded {
        check: CheckId,
        outcome: CheckOutcome,
    },
    /// OpenTelemetry is received at these addresses; `taken` says who has the usual ports, if others had to be used.
    OtlpListening {
        grpc: String,
        http: String,
        taken: Vec<String>,
    },
    /// A front door of an isolated copy of the stack is here, which the stack file has at `port`; `variable` is the name under
    /// which scripts find its port.
    FrontDoor {
        service: ServiceName,
        port: u16,
        address: SocketAddr,
        variable: String,
    },
    /// A request was sent again, and its answer was compared with the recorded one.
    Replayed { replay: Replay },
    /// A check was appended to the stack file, at this line.
    CheckSaved {
        check: String,
        file: PathBuf,
        line: usize,
    },
    /// Traces were written into a file.
    TracesExported { file: PathBuf, traces: usize },
    /// Something works less well than it should; it goes on as well as it can.
    Problem { what: String, remedy: String },
    /// A person or a program asks for something.
    Command { command: Command },
}

/// A request that was sent again, and how its answer differs from the recorded one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// Who was asked.
    pub service: ServiceName,
    /// Method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The new answer's status.
    pub status: u16,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// The trace that the new request made, in hexadecimal.
    pub trace: String,
    /// Every way in which the answer is another one now; empty: it is the same.
    pub differences: Vec<String>,
}

/// What is known of the container engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum EngineLink {
    /// Nobody has answered yet.
    Unknown,
    /// It answers.
    Connected {
        name: String,
        version: String,
        builder: String,
    },
    /// None was found; `looked` says where, a line each.
    Missing { looked: Vec<String> },
    /// It answered before, and does not any more.
    Lost { why: String },
}

/// A settled set of saved files, sorted by what it means for whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When the first of its files was saved.
    pub first_save: Moment,
    /// When the last of its files was saved.
    pub last_save: Moment,
    /// The files, for people; at most a few hundred.
    pub paths: Vec<PathBuf>,
    /// What each touched service must do.
    pub actions: Vec<(ServiceName, Action)>,
}

/// What a change asks of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// A new image and new runs.
    Rebuild,
    /// New runs of the same image or program.
    Restart,
    /// Files to copy into the live runs.
    Sync { copies: Vec<SyncCopy>, then: Then },
    /// Files of which it is inferred where they land in a new image: they are copied into the live runs at once, the
    /// program is restarted, and the image is made behind.
    Infer { copies: Vec<SyncCopy> },
}

/// One file to copy into, or to delete from, a live run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncCopy {
    /// The file on this machine; `None`: it is gone and is deleted inside.
    pub from: Option<PathBuf>,
    /// Its absolute path inside.
    pub to: String,
    /// Owner and mode that it gets inside.
    #[serde(default, skip_serializing_if = "Stamp::is_plain")]
    pub stamp: Stamp,
}

impl SyncCopy {
    /// A file that becomes the program's own; without `from` it is deleted.
    pub fn new(from: Option<PathBuf>, to: impl Into<String>) -> Self {
        Self {
            from,
            to: to.into(),
            stamp: Stamp::default(),
        }
    }
}

/// Owner and mode of a file that is copied in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stamp {
    /// `user` or `user:group`, by name or number; `None`: the user that the program runs as.
    pub owner: Option<String>,
    /// Permission bits; `None`: those that it has on this machine.
    pub mode: Option<u32>,
}

impl Stamp {
    /// Whether nothing special is asked for.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// Where a build stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildStep {
    /// Number of the step, from 1.
    pub number: u32,
    /// How many steps there are, as far as is known.
    pub total: u32,
    /// The step as the builder names it.
    pub name: String,
    /// Whether its result came from the cache.
    pub cached: bool,
}

/// Why a build failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildFailure {
    /// The step that failed.
    pub step: Option<String>,
    /// The builder's reason.
    pub message: String,
    /// The last lines of the failing step.
    pub last_lines: Vec<String>,
    /// The base image that could not be had, if that is why.
    pub missing_base: Option<String>,
}

/// Where a started run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Place {
    /// A container. `kept`: its address and name stay when another run takes its place, so that one can start beside it.
    Container {
        id: String,
        name: String,
        kept: bool,
    },
    /// A process.
    Process { pid: u32, port: u16 },
}

/// Why a run could not be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartFailure {
    /// What the engine or the system said, and what to do.
    pub message: String,
    /// The image that could not be had, if that is why: the service may fall back to `run`.
    pub missing_image: Option<String>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Exit {
    /// Exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// Name of the signal that ended it.
    pub signal: Option<String>,
    /// The kernel ended it because it used too much memory.
    pub out_of_memory: bool,
    /// The last lines it printed.
    pub last_lines: Vec<String>,
}

impl Exit {
    /// An end with this code and nothing more to say.
    pub fn code(code: i32) -> Self {
        Self {
            code: Some(code),
            ..Self::default()
        }
    }

    /// Whether it is a success.
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }

    /// The cause in words.
    pub fn cause(&self) -> String {
        match (self.out_of_memory, &self.signal, self.code) {
            (true, ..) => "ran out of memory".into(),
            (_, Some(signal), _) => format!("ended by {signal}"),
            (_, _, Some(0)) => "ended with exit code 0".into(),
            (_, _, Some(127)) => "exit code 127: its command was not found".into(),
            (_, _, Some(126)) => "exit code 126: its command cannot be executed".into(),
            (_, _, Some(code)) => format!("exit code {code}"),
            (_, None, None) => "ended, nobody knows how".into(),
        }
    }
}

/// The answer to one probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeAnswer {
    /// Whether it was the wished one.
    pub healthy: bool,
    /// How long it took.
    pub took: Duration,
    /// What came back, in a few words ("200 OK", "connection refused").
    pub said: String,
}

/// How one try of a smoke check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckOutcome {
    /// Every way in which the answer was not the expected one; empty: passed.
    pub failures: Vec<String>,
    /// How long the request or command took.
    pub took: Duration,
    /// What came back, bounded, for the report.
    pub answer: String,
    /// The trace that the request made, in hexadecimal.
    pub trace: Option<String>,
}
