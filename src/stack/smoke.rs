//! Smoke checks as the stack file describes them.

use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{CommandWords, ServiceFault, ServiceName};

/// One `[[smoke]]` check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What the check shows, as a person says it.
    pub name: String,
    /// The question and the expected answer.
    pub kind: CheckKind,
    /// How often a failing check is tried again.
    pub retries: u32,
    /// Time between two tries.
    pub retry_delay: Duration,
    /// Time after which one try counts as failed.
    pub timeout: Duration,
    /// What the request's trace must look like.
    pub trace: Option<TraceExpect>,
    /// Faults that are in force while it is tried.
    #[serde(default)]
    pub faults: Vec<ServiceFault>,
}

/// A request with an expected answer, or a command with an expected end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "there are a handful of them")]
pub enum CheckKind {
    /// An HTTP request.
    Http {
        request: HttpRequest,
        expect: HttpExpect,
    },
    /// A command run on this machine in the stack's folder, or inside `inside`.
    Command {
        command: CommandWords,
        inside: Option<ServiceName>,
        expect: CommandExpect,
    },
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// Method, upper case.
    pub method: String,
    /// URL; a host that is a service's name means that service's front door.
    pub url: String,
    /// Headers to send.
    pub headers: IndexMap<String, String>,
    /// Body to send.
    pub body: RequestBody,
}

/// A request's body.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestBody {
    /// None.
    #[default]
    Empty,
    /// Text as it stands.
    Text(String),
    /// JSON, sent with `content-type: application/json`.
    Json(serde_json::Value),
}

/// The answer that a request must get. What is `None` or empty is not looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HttpExpect {
    /// Status code.
    pub status: Option<u16>,
    /// Headers and a regular expression each value must match.
    pub headers: IndexMap<String, String>,
    /// A text that the body must contain.
    pub body: Option<String>,
    /// A regular expression that the body must match.
    pub body_matches: Option<String>,
    /// `JSONPath` (RFC 9535) and the value found there.
    pub json: IndexMap<String, serde_json::Value>,
    /// The answer must be complete in this time.
    pub within: Option<Duration>,
}

/// The end that a command must come to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CommandExpect {
    /// Exit code.
    pub code: i32,
    /// A text that stdout must contain.
    pub stdout: Option<String>,
    /// A regular expression that stdout must match.
    pub stdout_matches: Option<String>,
    /// A text that stderr must contain.
    pub stderr: Option<String>,
}

/// What the trace of a check's request must look like.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TraceExpect {
    /// Services that the request passed, in this order.
    pub through: Vec<ServiceName>,
    /// Greatest number of failed exchanges in the trace.
    pub errors: Option<u32>,
}
