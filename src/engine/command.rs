//! What people and programs may ask for.

use serde::{Deserialize, Serialize};

use crate::stack::ServiceName;

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
    /// Stop everything gracefully and end the session.
    Quit,
    /// Kill whatever is still there and end the session.
    Kill,
}
