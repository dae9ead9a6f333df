//! `opentelemetry.proto.metrics.v1` and its collector's request.

use prost::Message;
use serde::Deserialize;

use super::{KeyValue, Resource};
use crate::adapters::otlp::json;

/// `collector.metrics.v1.ExportMetricsServiceRequest`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct MetricsRequest {
    #[prost(message, repeated, tag = "1")]
    #[serde(alias = "resource_metrics")]
    pub(in crate::adapters::otlp) resource_metrics: Vec<ResourceMetrics>,
}

/// What one program tells.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct ResourceMetrics {
    #[prost(message, optional, tag = "1")]
    pub(in crate::adapters::otlp) resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    #[serde(alias = "scope_metrics")]
    pub(in crate::adapters::otlp) scope_metrics: Vec<ScopeMetrics>,
}

/// What one library of it tells.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct ScopeMetrics {
    #[prost(message, repeated, tag = "2")]
    pub(in crate::adapters::otlp) metrics: Vec<Metric>,
}

/// A metric: one of its kinds is there.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct Metric {
    #[prost(string, tag = "1")]
    pub(in crate::adapters::otlp) name: String,
    #[prost(string, tag = "3")]
    pub(in crate::adapters::otlp) unit: String,
    #[prost(message, optional, tag = "5")]
    pub(in crate::adapters::otlp) gauge: Option<Gauge>,
    #[prost(message, optional, tag = "7")]
    pub(in crate::adapters::otlp) sum: Option<Sum>,
    #[prost(message, optional, tag = "9")]
    pub(in crate::adapters::otlp) histogram: Option<Histogram>,
    #[prost(message, optional, tag = "10")]
    #[serde(alias = "exponential_histogram")]
    pub(in crate::adapters::otlp) exponential_histogram: Option<ExponentialHistogram>,
    #[prost(message, optional, tag = "11")]
    pub(in crate::adapters::otlp) summary: Option<Summary>,
}

/// Values as they are.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct Gauge {
    #[prost(message, repeated, tag = "1")]
    #[serde(alias = "data_points")]
    pub(in crate::adapters::otlp) data_points: Vec<NumberDataPoint>,
}

/// Values added up; temporality: 1 delta, 2 cumulative.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct Sum {
    #[prost(message, repeated, tag = "1")]
    #[serde(alias = "data_points")]
    pub(in crate::adapters::otlp) data_points: Vec<NumberDataPoint>,
    #[prost(int32, tag = "2")]
    #[serde(
        alias = "aggregation_temporality",
        deserialize_with = "json::temporality"
    )]
    pub(in crate::adapters::otlp) aggregation_temporality: i32,
    #[prost(bool, tag = "3")]
    #[serde(alias = "is_monotonic")]
    pub(in crate::adapters::otlp) is_monotonic: bool,
}

/// Counts between bounds.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct Histogram {
    #[prost(message, repeated, tag = "1")]
    #[serde(alias = "data_points")]
    pub(in crate::adapters::otlp) data_points: Vec<HistogramDataPoint>,
    #[prost(int32, tag = "2")]
    #[serde(
        alias = "aggregation_temporality",
        deserialize_with = "json::temporality"
    )]
    pub(in crate::adapters::otlp) aggregation_temporality: i32,
}

/// Counts between powers.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct ExponentialHistogram {
    #[prost(message, repeated, tag = "1")]
    #[serde(alias = "data_points")]
    pub(in crate::adapters::otlp) data_points: Vec<ExponentialHistogramDataPoint>,
    #[prost(int32, tag = "2")]
    #[serde(
        alias = "aggregation_temporality",
        deserialize_with = "json::temporality"
    )]
    pub(in crate::adapters::otlp) aggregation_temporality: i32,
}

/// Quantiles.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct Summary {
    #[prost(message, repeated, tag = "1")]
    #[serde(alias = "data_points")]
    pub(in crate::adapters::otlp) data_points: Vec<SummaryDataPoint>,
}

/// One number: one of `as_double` and `as_int` is there.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct NumberDataPoint {
    #[prost(fixed64, tag = "2")]
    #[serde(alias = "start_time_unix_nano", deserialize_with = "json::unsigned")]
    pub(in crate::adapters::otlp) start_time_unix_nano: u64,
    #[prost(fixed64, tag = "3")]
    #[serde(alias = "time_unix_nano", deserialize_with = "json::unsigned")]
    pub(in crate::adapters::otlp) time_unix_nano: u64,
    #[prost(double, optional, tag = "4")]
    #[serde(alias = "as_double", deserialize_with = "json::some_double")]
    pub(in crate::adapters::otlp) as_double: Option<f64>,
    #[prost(sfixed64, optional, tag = "6")]
    #[serde(alias = "as_int", deserialize_with = "json::some_signed")]
    pub(in crate::adapters::otlp) as_int: Option<i64>,
    #[prost(message, repeated, tag = "7")]
    pub(in crate::adapters::otlp) attributes: Vec<KeyValue>,
    #[prost(uint32, tag = "8")]
    pub(in crate::adapters::otlp) flags: u32,
}

/// One histogram.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct HistogramDataPoint {
    #[prost(fixed64, tag = "2")]
    #[serde(alias = "start_time_unix_nano", deserialize_with = "json::unsigned")]
    pub(in crate::adapters::otlp) start_time_unix_nano: u64,
    #[prost(fixed64, tag = "3")]
    #[serde(alias = "time_unix_nano", deserialize_with = "json::unsigned")]
    pub(in crate::adapters::otlp) time_unix_nano: u64,
    #[prost(fixed64, repeated, tag = "6")]
    #[serde(alias = "bucket_counts", deserialize_with = "json::unsigned_list")]
    pub(in crate::adapters::otlp) bucket_counts: Vec<u64>,
    #[prost(double, repeated, tag = "7")]
    #[serde(alias = "explicit_bounds", deserialize_with = "json::double_list")]
    pub(in crate::adapters::otlp) explicit_bounds: Vec<f64>,
    #[prost(message, repeated, tag = "9")]
    pub(in crate::adapters::otlp) attributes: Vec<KeyValue>,
    #[prost(uint32, tag = "10")]
    pub(in crate::adapters::otlp) flags: u32,
}

/// One exponential histogram.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct ExponentialHistogramDataPoint {
    #[prost(message, repeated, tag = "1")]
    pub(in crate::adapters::otlp) attributes: Vec<KeyValue>,
    #[prost(fixed64, tag = "2")]
    #[serde(alias = "start_time_unix_nano", deserialize_with = "json::unsigned")]
    pub(in crate::adapters::otlp) start_time_unix_nano: u64,
    #[prost(fixed64, tag = "3")]
    #[serde(alias = "time_unix_nano", deserialize_with = "json::unsigned")]
    pub(in crate::adapters::otlp) time_unix_nano: u64,
    #[prost(sint32, tag = "6")]
    pub(in crate::adapters::otlp) scale: i32,
    #[prost(fixed64, tag = "7")]
    #[serde(alias = "zero_count", deserialize_with = "json::unsigned")]
    pub(in crate::adapters::otlp) zero_count: u64,
    #[prost(message, optional, tag = "8")]
    pub(in crate::adapters::otlp) positive: Option<Buckets>,
    #[prost(message, optional, tag = "9")]
    pub(in crate::adapters::otlp) negative: Option<Buckets>,
    #[prost(uint32, tag = "10")]
    pub(in crate::adapters::otlp) flags: u32,
}

/// Counts from an exponent on.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct Buckets {
    #[prost(sint32, tag = "1")]
    pub(in crate::adapters::otlp) offset: i32,
    #[prost(uint64, repeated, tag = "2")]
    #[serde(alias = "bucket_counts", deserialize_with = "json::unsigned_list")]
    pub(in crate::adapters::otlp) bucket_counts: Vec<u64>,
}

/// One summary.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct SummaryDataPoint {
    #[prost(fixed64, tag = "2")]
    #[serde(alias = "start_time_unix_nano", deserialize_with = "json::unsigned")]
    pub(in crate::adapters::otlp) start_time_unix_nano: u64,
    #[prost(fixed64, tag = "3")]
    #[serde(alias = "time_unix_nano", deserialize_with = "json::unsigned")]
    pub(in crate::adapters::otlp) time_unix_nano: u64,
    #[prost(fixed64, tag = "4")]
    #[serde(deserialize_with = "json::unsigned")]
    pub(in crate::adapters::otlp) count: u64,
    #[prost(message, repeated, tag = "6")]
    #[serde(alias = "quantile_values")]
    pub(in crate::adapters::otlp) quantile_values: Vec<Quantile>,
    #[prost(message, repeated, tag = "7")]
    pub(in crate::adapters::otlp) attributes: Vec<KeyValue>,
    #[prost(uint32, tag = "8")]
    pub(in crate::adapters::otlp) flags: u32,
}

/// One quantile.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::adapters::otlp) struct Quantile {
    #[prost(double, tag = "1")]
    #[serde(deserialize_with = "json::double")]
    pub(in crate::adapters::otlp) quantile: f64,
    #[prost(double, tag = "2")]
    #[serde(deserialize_with = "json::double")]
    pub(in crate::adapters::otlp) value: f64,
}
