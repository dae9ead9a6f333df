//! Which builder an engine has.

use std::fmt;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::ListWorkersRequest;
use tokio::time::timeout;

use super::control;
use crate::adapters::Endpoint;

/// The builder that is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Builder {
    /// BuildKit inside the engine, with file sync.
    BuildKit,
    /// The engine's classic builder, and why not BuildKit.
    Classic { why: String },
}

impl fmt::Display for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuildKit => write!(f, "BuildKit"),
            Self::Classic { why } => write!(f, "classic builder ({why})"),
        }
    }
}

/// How long an engine may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the engine for BuildKit, by speaking to it: an engine that has it switched off or lacks it answers with an error.
pub async fn probe_builder(endpoint: &Endpoint) -> Builder {
    let asking = async {
        let mut control = control::connect(endpoint)
            .await
            .map_err(|error| error.to_string())?;
        let workers = control.list_workers(ListWorkersRequest::default()).await;
        workers.map_err(|status| status.message().to_owned())
    };
    match timeout(PATIENCE, asking).await {
        Ok(Ok(_)) => Builder::BuildKit,
        Ok(Err(why)) => Builder::Classic { why },
        Err(_) => Builder::Classic {
            why: format!("/grpc did not answer within {} s", PATIENCE.as_secs()),
        },
    }
}
