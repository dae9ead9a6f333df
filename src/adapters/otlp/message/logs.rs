//! `opentelemetry.proto.logs.v1` and its collector's request.

use bytes::Bytes;
use prost::Message;
use serde::Deserialize;

use super::{AnyValue, KeyValue, Resource};
use crate::adapters::otlp::json;

/// `collector.logs.v1.ExportLogsServiceRequest`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct LogsRequest {
    #[prost(message, repeated, tag = "1")]
    #[serde(alias = "resource_logs")]
    pub(in crate::adapters::otlp) resource_logs: Vec<ResourceLogs>,
}

/// What one program tells.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct ResourceLogs {
    #[prost(message, optional, tag = "1")]
    pub(in crate::adapters::otlp) resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    #[serde(alias = "scope_logs")]
    pub(in crate::adapters::otlp) scope_logs: Vec<ScopeLogs>,
}

/// What one library of it tells.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct ScopeLogs {
    #[prost(message, repeated, tag = "2")]
    #[serde(alias = "log_records")]
    pub(in crate::adapters::otlp) log_records: Vec<LogRecord>,
}

/// A log record.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct LogRecord {
    #[prost(fixed64, tag = "1")]
    #[serde(alias = "time_unix_nano", deserialize_with = "json::unsigned")]
    pub(in crate::adapters::otlp) time_unix_nano: u64,
    #[prost(int32, tag = "2")]
    #[serde(alias = "severity_number", deserialize_with = "json::severity")]
    pub(in crate::adapters::otlp) severity_number: i32,
    #[prost(string, tag = "3")]
    #[serde(alias = "severity_text")]
    pub(in crate::adapters::otlp) severity_text: String,
    #[prost(message, optional, tag = "5")]
    pub(in crate::adapters::otlp) body: Option<AnyValue>,
    #[prost(message, repeated, tag = "6")]
    pub(in crate::adapters::otlp) attributes: Vec<KeyValue>,
    #[prost(bytes = "bytes", tag = "9")]
    #[serde(alias = "trace_id", deserialize_with = "json::id")]
    pub(in crate::adapters::otlp) trace_id: Bytes,
    #[prost(bytes = "bytes", tag = "10")]
    #[serde(alias = "span_id", deserialize_with = "json::id")]
    pub(in crate::adapters::otlp) span_id: Bytes,
    #[prost(fixed64, tag = "11")]
    #[serde(alias = "observed_time_unix_nano", deserialize_with = "json::unsigned")]
    pub(in crate::adapters::otlp) observed_time_unix_nano: u64,
    #[prost(string, tag = "12")]
    #[serde(alias = "event_name")]
    pub(in crate::adapters::otlp) event_name: String,
}
