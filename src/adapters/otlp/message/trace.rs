//! `opentelemetry.proto.trace.v1` and its collector's request.

use bytes::Bytes;
use prost::Message;
use serde::Deserialize;

use super::{InstrumentationScope, KeyValue, Resource};
use crate::adapters::otlp::json;

/// `collector.trace.v1.ExportTraceServiceRequest`; also `TracesData`, what files have.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct TraceRequest {
    #[prost(message, repeated, tag = "1")]
    #[serde(alias = "resource_spans")]
    pub(in crate::adapters::otlp) resource_spans: Vec<ResourceSpans>,
}

/// What one program tells.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    pub(in crate::adapters::otlp) resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    #[serde(alias = "scope_spans")]
    pub(in crate::adapters::otlp) scope_spans: Vec<ScopeSpans>,
}

/// What one library of it tells.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    pub(in crate::adapters::otlp) scope: Option<InstrumentationScope>,
    #[prost(message, repeated, tag = "2")]
    pub(in crate::adapters::otlp) spans: Vec<Span>,
}

/// A span.
#[expect(
    clippy::struct_field_names,
    reason = "the protocol's names, which its JSON has too"
)]
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct Span {
    #[prost(bytes = "bytes", tag = "1")]
    #[serde(alias = "trace_id", deserialize_with = "json::id")]
    pub(in crate::adapters::otlp) trace_id: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    #[serde(alias = "span_id", deserialize_with = "json::id")]
    pub(in crate::adapters::otlp) span_id: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    #[serde(alias = "parent_span_id", deserialize_with = "json::id")]
    pub(in crate::adapters::otlp) parent_span_id: Bytes,
    #[prost(string, tag = "5")]
    pub(in crate::adapters::otlp) name: String,
    #[prost(int32, tag = "6")]
    #[serde(deserialize_with = "json::span_kind")]
    pub(in crate::adapters::otlp) kind: i32,
    #[prost(fixed64, tag = "7")]
    #[serde(alias = "start_time_unix_nano", deserialize_with = "json::unsigned")]
    pub(in crate::adapters::otlp) start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    #[serde(alias = "end_time_unix_nano", deserialize_with = "json::unsigned")]
    pub(in crate::adapters::otlp) end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    pub(in crate::adapters::otlp) attributes: Vec<KeyValue>,
    #[prost(message, repeated, tag = "11")]
    pub(in crate::adapters::otlp) events: Vec<Event>,
    #[prost(message, repeated, tag = "13")]
    pub(in crate::adapters::otlp) links: Vec<Link>,
    #[prost(message, optional, tag = "15")]
    pub(in crate::adapters::otlp) status: Option<Status>,
}

/// An event of a span.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct Event {
    #[prost(fixed64, tag = "1")]
    #[serde(alias = "time_unix_nano", deserialize_with = "json::unsigned")]
    pub(in crate::adapters::otlp) time_unix_nano: u64,
    #[prost(string, tag = "2")]
    pub(in crate::adapters::otlp) name: String,
    #[prost(message, repeated, tag = "3")]
    pub(in crate::adapters::otlp) attributes: Vec<KeyValue>,
}

/// A link of a span.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct Link {
    #[prost(bytes = "bytes", tag = "1")]
    #[serde(alias = "trace_id", deserialize_with = "json::id")]
    pub(in crate::adapters::otlp) trace_id: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    #[serde(alias = "span_id", deserialize_with = "json::id")]
    pub(in crate::adapters::otlp) span_id: Bytes,
    #[prost(message, repeated, tag = "4")]
    pub(in crate::adapters::otlp) attributes: Vec<KeyValue>,
}

/// How a span ended: 1 ok, 2 error.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct Status {
    #[prost(string, tag = "2")]
    pub(in crate::adapters::otlp) message: String,
    #[prost(int32, tag = "3")]
    #[serde(deserialize_with = "json::status_code")]
    pub(in crate::adapters::otlp) code: i32,
}
