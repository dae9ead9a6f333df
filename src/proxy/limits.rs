//! How long and how much the relay waits, and what it does with a service's requests.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::stack::{Fault, Holding};

/// Bounds of one relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How many requests for one service are held at once, unless its [`Policy`] says otherwise; more are refused with 503.
    pub held: usize,
    /// How long a request is held while no run is ready before it is refused with 503, unless its [`Policy`] says
    /// otherwise.
    pub hold: Duration,
    /// How long a connection to a run that should be there, but refuses, is tried again before the answer is 502.
    pub reach: Duration,
    /// How long one connection to a run may take.
    pub connect: Duration,
    /// How long exchanges under way may still take when the relay is asked to end.
    pub farewell: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            held: 1_000,
            hold: Duration::from_secs(10),
            reach: Duration::from_secs(5),
            connect: Duration::from_secs(3),
            farewell: Duration::from_secs(5),
        }
    }
}

/// What is done with the requests for one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Whether they are traced: `traceparent` set and exchanges recorded. Without, headers pass untouched.
    pub trace: bool,
    /// Values that are masked wherever they occur in what is recorded.
    pub redact: Arc<[String]>,
    /// How long and how many of them are held while no run is ready; `None`: as the relay's [`Limits`] say.
    pub hold: Option<Holding>,
    /// What is done to them on purpose; drawn anew for each exchange when it begins.
    #[serde(default)]
    pub faults: Arc<[Fault]>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            trace: true,
            redact: Arc::default(),
            hold: None,
            faults: Arc::default(),
        }
    }
}
