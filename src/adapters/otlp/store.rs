//! Requests read and kept: the one place where messages become telemetry.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use serde::de::DeserializeOwned;

use super::message::logs::LogsRequest;
use super::message::metrics::MetricsRequest;
use super::message::trace::TraceRequest;
use super::origin::Names;
use super::{json, logs, metrics, spans};
use crate::telemetry::Telemetry;

/// What a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Logs,
    Metrics,
}

/// How a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Protobuf,
    Json,
}

/// What of a request could not be kept.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Refused {
    /// How many of its spans, log records or points.
    pub(super) count: u64,
    /// Why, of the first.
    pub(super) why: String,
}

impl Refused {
    pub(super) fn add(&mut self, why: &str) {
        self.count += 1;
        if self.why.is_empty() {
            why.clone_into(&mut self.why);
        }
    }
}

/// Where requests go.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) names: Names,
}

impl Store {
    pub(super) fn new(telemetry: Arc<Telemetry>) -> Self {
        Self {
            telemetry,
            names: Names::default(),
        }
    }

    /// Keeps what a request carries.
    ///
    /// # Errors
    /// The request cannot be read: what is wrong with it. Nothing of it was kept.
    pub(super) fn take(
        &self,
        signal: Signal,
        encoding: Encoding,
        body: Bytes,
    ) -> Result<Refused, String> {
        let refused = match signal {
            Signal::Traces => spans::keep(self, read::<TraceRequest>(encoding, body)?),
            Signal::Logs => logs::keep(self, read::<LogsRequest>(encoding, body)?),
            Signal::Metrics => metrics::keep(self, read::<MetricsRequest>(encoding, body)?),
        };
        self.telemetry.touch();
        Ok(refused)
    }
}

fn read<M: Message + Default + DeserializeOwned>(
    encoding: Encoding,
    body: Bytes,
) -> Result<M, String> {
    match encoding {
        Encoding::Protobuf => M::decode(body).map_err(|error| error.to_string()),
        Encoding::Json => json::read(&body),
    }
}
