//! Health probes as the stack file describes them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::CommandWords;

/// How the health of a service is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The question.
    pub probe: Probe,
    /// Time between two questions once the service has been ready.
    pub interval: Duration,
    /// Time after which a question without answer counts as failed.
    pub timeout: Duration,
    /// How many failures in a row make a ready service unhealthy.
    pub retries: u32,
    /// How long after its start a run may fail its probe before it is called unhealthy.
    pub start_period: Duration,
}

impl Health {
    /// A probe with the default schedule: every 10 s, 3 s timeout, 3 retries, 60 s to start.
    pub fn new(probe: Probe) -> Self {
        Self {
            probe,
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(3),
            retries: 3,
            start_period: Duration::from_secs(60),
        }
    }
}

/// One kind of health question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// `GET path`: healthy on 2xx and 3xx.
    Http(HttpProbe),
    /// The port accepts a connection. `None`: the service's own port.
    Tcp { port: Option<u16> },
    /// `grpc.health.v1.Health/Check` answers SERVING. `None`: the service's own port.
    Grpc { port: Option<u16>, service: String },
    /// The command, run inside the service, exits with 0.
    Exec(CommandWords),
    /// A line of the run's output matches this regular expression (once is enough).
    Log(String),
}

/// An HTTP health question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpProbe {
    /// Path and query, beginning with `/`.
    pub path: String,
    /// Port; `None`: the service's own port.
    pub port: Option<u16>,
    /// Accept exactly this status instead of any 2xx or 3xx.
    pub status: Option<u16>,
}
