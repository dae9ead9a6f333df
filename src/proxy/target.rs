//! Who calls whom, and how a run is reached.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::stack::ServiceName;

/// One edge: who calls whom, at which of the callee's ports.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Edge {
    /// The caller; `None`: a front door.
    pub caller: Option<ServiceName>,
    /// The callee.
    pub callee: ServiceName,
    /// The callee's container port; 0 for its only one.
    pub port: u16,
}

/// How a run is reached from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// At its own address, at the container's port numbers.
    Host(IpAddr),
    /// At one address for each container port.
    Ports(BTreeMap<u16, SocketAddr>),
    /// At one address, whatever the port: a process.
    Only(SocketAddr),
}

impl Reach {
    /// The address for this container port.
    pub fn at(&self, port: u16) -> Option<SocketAddr> {
        match self {
            Self::Host(address) => (port != 0).then(|| SocketAddr::new(*address, port)),
            Self::Ports(ports) if port == 0 => ports.values().next().copied(),
            Self::Ports(ports) => ports.get(&port).copied(),
            Self::Only(address) => Some(*address),
        }
    }
}

/// A run that takes requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its number.
    pub run: u64,
    /// How it is reached.
    pub reach: Reach,
}

/// Where requests for a service go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Nowhere yet: they wait, bounded in number and time.
    Hold,
    /// Nowhere: they are answered with 503 and this reason.
    Refuse(String),
    /// To these runs in turn. None is as [`Target::Hold`].
    Runs(Vec<Upstream>),
}
