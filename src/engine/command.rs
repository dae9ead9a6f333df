//! What people and programs may ask for.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::stack::{Callers, Check, Fault, HttpRequest, ServiceName, WatchMode};

/// A request to the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Command {
    /// Replace the runs of a service.
    Restart { service: ServiceName },
    /// Build its image again and replace its runs.
    Rebuild { service: ServiceName },
    /// Stop its runs and leave it stopped.
    Stop { service: ServiceName },
    /// Start it (again); a job runs once more.
    Start { service: ServiceName },
    /// Edits of all services, and of the stack file, wait from now on; or they wait no longer, and what was saved
    /// meanwhile is applied, but for what services of mode `manual` have.
    Hold { on: bool },
    /// From now on, act upon the saved files of a service at once, or when asked. What waits is applied if it is at once.
    SetMode {
        service: ServiceName,
        mode: WatchMode,
    },
    /// Apply the edits that wait: of this service, or of all and of the stack file.
    Flush { service: Option<ServiceName> },
    /// From now on do this to requests for a service, in place of what is done to requests of the same callers, until it is
    /// cleared, the stack file says otherwise, or the session ends.
    SetFault { service: ServiceName, fault: Fault },
    /// Do nothing more to requests for a service from these callers, whatever the stack file says; of `None`: from any.
    ClearFaults {
        service: ServiceName,
        from: Option<Callers>,
    },
    /// From now on front doors let one request in at a time, so that what belongs to it is certain; or as many as come.
    Solo { on: bool },
    /// Send a recorded request again, edited or not, and compare the answer with that of the exchange with this trace and
    /// span (hexadecimal). The URL's host is the service.
    Replay {
        trace: String,
        span: String,
        request: HttpRequest,
    },
    /// Append a check to the stack file.
    SaveCheck { check: Box<Check> },
    /// Write these traces (hexadecimal), or all that are known, into a file.
    Export {
        traces: Vec<String>,
        format: TraceFormat,
        file: PathBuf,
    },
    /// Be inside the run of a service that is the newest, through a terminal (`telemetry::terminals`).
    GoInside { service: ServiceName, what: Inside },
    /// Stop everything gracefully and end the session.
    Quit,
    /// Kill whatever is still there and end the session.
    Kill,
    /// What services say is shown in this much room: their terminals are to be as large.
    Resize(TerminalSize),
}

/// What somebody is inside a run for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Inside {
    /// To work in a shell.
    Shell,
    /// To see and type into the terminal of its program.
    Own,
    /// To run one command line.
    Command { line: String },
}

/// How a file of traces is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraceFormat {
    /// OpenTelemetry's JSON.
    Otlp,
    /// What Jaeger reads.
    Jaeger,
    /// HTTP Archive 1.2.
    Har,
}

/// Width and height of a terminal, in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

impl Default for TerminalSize {
    /// What programs find where no screen shows them.
    fn default() -> Self {
        Self {
            columns: 120,
            rows: 40,
        }
    }
}
