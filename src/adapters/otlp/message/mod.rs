//! The messages of OTLP 1.x, as far as they are used, for both of its encodings.
//!
//! Written by hand instead of taken from the crate `opentelemetry-proto`: that one brings the whole SDK with it and has no
//! lenient JSON. Numbers and names are those of `opentelemetry/proto`, which does not change them any more. What is not
//! named here is skipped when read. A `oneof` of messages is written as so many optional fields: that is the same on the wire.

pub(super) mod logs;
pub(super) mod metrics;
pub(super) mod trace;

use bytes::Bytes;
use prost::{Message, Oneof};
use serde::Deserialize;

use super::json;
use crate::telemetry::{AttributeValue, Attributes};

/// `common.v1.AnyValue`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AnyValue {
    #[prost(oneof = "Value", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub(super) value: Option<Value>,
}

/// What an `AnyValue` has.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Value {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(int64, tag = "3")]
    Int(i64),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(message, tag = "5")]
    List(ArrayValue),
    #[prost(message, tag = "6")]
    Map(KeyValueList),
    #[prost(bytes = "vec", tag = "7")]
    Bytes(Vec<u8>),
}

/// `common.v1.ArrayValue`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ArrayValue {
    #[prost(message, repeated, tag = "1")]
    pub(super) values: Vec<AnyValue>,
}

/// `common.v1.KeyValueList`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct KeyValueList {
    #[prost(message, repeated, tag = "1")]
    pub(super) values: Vec<KeyValue>,
}

/// `common.v1.KeyValue`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct KeyValue {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(message, optional, tag = "2")]
    pub(super) value: Option<AnyValue>,
}

/// `common.v1.InstrumentationScope`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct InstrumentationScope {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) version: String,
}

/// `resource.v1.Resource`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Resource {
    #[prost(message, repeated, tag = "1")]
    pub(super) attributes: Vec<KeyValue>,
}

/// What every `Export…ServiceResponse` is.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) partial_success: Option<PartialSuccess>,
}

/// What every `Export…PartialSuccess` is.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PartialSuccess {
    #[prost(int64, tag = "1")]
    pub(super) rejected: i64,
    #[prost(string, tag = "2")]
    pub(super) error_message: String,
}

/// `google.rpc.Status`, without details.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
}

impl From<AnyValue> for AttributeValue {
    fn from(value: AnyValue) -> Self {
        match value.value {
            None => Self::Empty,
            Some(Value::Text(text)) => Self::Text(text),
            Some(Value::Bool(value)) => Self::Bool(value),
            Some(Value::Int(number)) => Self::Int(number),
            Some(Value::Double(number)) => Self::Double(number),
            Some(Value::Bytes(bytes)) => Self::Bytes(bytes),
            Some(Value::List(list)) => {
                Self::List(list.values.into_iter().map(Self::from).collect())
            }
            Some(Value::Map(map)) => Self::Map(attributes(map.values)),
        }
    }
}

/// Named values as telemetry keeps them.
pub(super) fn attributes(pairs: Vec<KeyValue>) -> Attributes {
    let value = |value: Option<AnyValue>| value.map_or(AttributeValue::Empty, Into::into);
    Attributes(
        pairs
            .into_iter()
            .map(|pair| (pair.key, value(pair.value)))
            .collect(),
    )
}

/// An id of as many bytes as a number has; `None` if it is not that long or nothing but zeros, which means none.
pub(super) fn trace_id(bytes: &Bytes) -> Option<u128> {
    let id = u128::from_be_bytes(bytes.as_ref().try_into().ok()?);
    (id != 0).then_some(id)
}

/// The same for the id of a span.
pub(super) fn span_id(bytes: &Bytes) -> Option<u64> {
    let id = u64::from_be_bytes(bytes.as_ref().try_into().ok()?);
    (id != 0).then_some(id)
}

/// A moment in nanoseconds since 1970; 0 means that it is not known.
pub(super) fn time(nanoseconds: u64) -> Option<jiff::Timestamp> {
    let time = jiff::Timestamp::from_nanosecond(i128::from(nanoseconds)).ok();
    time.filter(|_| nanoseconds != 0)
}

impl<'de> Deserialize<'de> for AnyValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        json::any_value(deserializer)
    }
}
