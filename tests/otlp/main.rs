//! OTLP from real clients over real sockets: the stock Python SDK, plain HTTP, and what no client should send.

mod sent;
mod wire;

#[path = "../support/corpus.rs"]
mod corpus;
#[path = "../support/otel.rs"]
mod otel;

use std::sync::Arc;

use boatyard::adapters::otlp::{Ports, Receiver};
use boatyard::telemetry::Telemetry;

/// A receiver at free ports, and where it keeps what it gets.
pub(crate) struct Bench {
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) receiver: Receiver,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let telemetry = Arc::new(Telemetry::default());
        let ports = Ports { grpc: 0, http: 0 };
        Self {
            receiver: Receiver::start(Arc::clone(&telemetry), ports).expect("free ports"),
            telemetry,
        }
    }
}
