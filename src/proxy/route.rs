//! Where requests for a service go at this moment.

use std::collections::HashMap;

use tokio::sync::watch;

use crate::stack::{Reach, ServiceName};

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
    /// To these runs in turn.
    Runs(Vec<Upstream>),
}

/// The routes of all services. Shared as `Arc<Routes>`.
#[derive(Debug, Default)]
pub struct Routes {
    services: std::sync::Mutex<HashMap<ServiceName, watch::Sender<Target>>>,
}

impl Routes {
    /// Sets where requests for this service go from now on; held requests go on at once.
    pub fn set(&self, service: &ServiceName, target: Target) {
        self.sender(service).send_replace(target);
    }

    /// Follows where requests for this service go.
    pub fn follow(&self, service: &ServiceName) -> watch::Receiver<Target> {
        self.sender(service).subscribe()
    }

    fn sender(&self, service: &ServiceName) -> watch::Sender<Target> {
        let mut services = self
            .services
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        services
            .entry(service.clone())
            .or_insert_with(|| watch::Sender::new(Target::Hold))
            .clone()
    }
}
