//! Who calls whom, and where requests go.

use serde::{Deserialize, Serialize};

use crate::stack::{Reach, ServiceName};

/// One edge: who calls whom, at which of the callee's ports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    /// The caller; `None`: a front door.
    pub caller: Option<ServiceName>,
    /// The callee.
    pub callee: ServiceName,
    /// The callee's container port; 0 for its only one.
    pub port: u16,
}

/// A run that takes requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// Its number.
    pub run: u64,
    /// How it is reached.
    pub reach: Reach,
}

/// Where requests for a service go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// Nowhere yet: they wait, bounded in number and time.
    Hold,
    /// Nowhere: they are answered with 503 and this reason.
    Refuse(String),
    /// To these runs in turn. None is as [`Target::Hold`].
    Runs(Vec<Upstream>),
}
