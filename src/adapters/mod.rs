//! The real world: what performs effects on this machine and reports what happened.

#[cfg(test)]
mod answering;
mod ask;
pub mod build;
pub mod check;
pub mod container;
mod endpoint;
mod exec;
mod flows;
mod health_checks;
mod identity;
pub mod ignore_rules;
mod inside;
pub mod otlp;
pub mod probe;
pub mod process;
pub mod replay;
pub mod state;
pub mod trace_file;
pub mod watch;

use std::sync::Arc;

use tokio::sync::mpsc;

pub use endpoint::{Attached, ByteStream, Endpoint, RawStream};
pub use exec::{Exec, Executed, Executing};
pub use health_checks::{Checked, HealthChecks};
pub use identity::Identity;

use crate::engine::Event;
use crate::runtime::Clock;
use crate::telemetry::Telemetry;

/// What every adapter is given. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Wires {
    /// Where facts go.
    pub events: mpsc::UnboundedSender<Event>,
    /// Where lines and samples go.
    pub telemetry: Arc<Telemetry>,
    /// What time it is.
    pub clock: Clock,
}

impl Wires {
    /// Tells the engine a fact. After the session has ended nobody listens, which is no error.
    pub fn tell(&self, event: Event) {
        drop(self.events.send(event));
    }
}
