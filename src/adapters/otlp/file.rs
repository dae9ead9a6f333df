//! Messages of OTLP that stand in files.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value as Json;

use super::json;
use super::message::trace::TraceRequest;
use super::spans;
use super::store::{Encoding, Refused, Signal, Store};
use crate::telemetry::{Span, Telemetry};

/// Reads messages of OTLP's JSON as the receiver reads them.
#[derive(Debug)]
pub struct FileReader(Store);

impl FileReader {
    /// Reads into these stores.
    pub fn new(telemetry: Arc<Telemetry>) -> Self {
        Self(Store::new(telemetry))
    }

    /// The spans of a message, which are not kept, and how many it had that belong nowhere.
    ///
    /// # Errors
    /// What is wrong with the message.
    pub fn spans(&self, message: &Json) -> Result<(Vec<Span>, u64), String> {
        let Self(store) = self;
        let request: TraceRequest = json::read(message.to_string().as_bytes())?;
        let mut refused = Refused::default();
        let spans = spans::read(&store.names, request, &mut refused);
        Ok((spans, refused.count))
    }

    /// Keeps a message of logs or metrics; how much of it could not be kept.
    ///
    /// # Errors
    /// What is wrong with the message.
    pub fn take(&self, message: &Json) -> Result<u64, String> {
        let Self(store) = self;
        let is_logs = ["resourceLogs", "resource_logs"]
            .iter()
            .any(|name| message.get(name).is_some());
        let signal = if is_logs {
            Signal::Logs
        } else {
            Signal::Metrics
        };
        let body = Bytes::from(message.to_string());
        let refused = store.take(signal, Encoding::Json, body)?;
        Ok(refused.count)
    }
}

/// Base64 (RFC 4648) in either alphabet, padded or not; `None`: it is none.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    json::base64(text.as_bytes())
}
