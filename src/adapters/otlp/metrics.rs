//! Metrics as series.

use super::message::metrics::{
    Buckets as ExponentialBuckets, ExponentialHistogramDataPoint, HistogramDataPoint, Metric,
    MetricsRequest, NumberDataPoint, SummaryDataPoint,
};
use super::message::{self, KeyValue, attributes};
use super::origin::Origin;
use super::store::{Refused, Store};
use crate::telemetry::{AttributeValue, Buckets, MetricPoint, MetricValue};

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: i32 = 2;
/// A point that says only that there is nothing to say.
const NO_VALUE: u32 = 1;

/// What all points of a metric have in common.
struct About<'a> {
    origin: &'a Origin,
    name: &'a str,
    unit: &'a str,
}

/// What every point has, whatever it measures.
struct Point {
    attributes: Vec<KeyValue>,
    since: u64,
    at: u64,
    flags: u32,
    /// `None` if it makes no sense.
    value: Option<MetricValue>,
}

/// Keeps the points of a request; those that make no sense and those without a place are refused.
pub(super) fn keep(store: &Store, request: MetricsRequest) -> Refused {
    let (mut points, mut refused) = (Vec::new(), Refused::default());
    for program in request.resource_metrics {
        let origin = store.names.origin(program.resource);
        for metric in program
            .scope_metrics
            .into_iter()
            .flat_map(|library| library.metrics)
        {
            of_metric(metric, &origin, &mut points, &mut refused);
        }
    }
    points.sort_by_key(|point| point.at);
    let mut series = store.telemetry.series();
    for point in points {
        if !series.metrics_mut().push(point) {
            refused
                .add("a point was not newer than the one before it, or there are too many series");
        }
    }
    refused
}

fn of_metric(
    metric: Metric,
    origin: &Origin,
    points: &mut Vec<MetricPoint>,
    refused: &mut Refused,
) {
    let about = About {
        origin,
        name: &metric.name,
        unit: &metric.unit,
    };
    let mut measured: Vec<Point> = Vec::new();
    if let Some(gauge) = metric.gauge {
        measured.extend(
            gauge
                .data_points
                .into_iter()
                .map(|point| number(point, MetricValue::Gauge)),
        );
    }
    if let Some(sum) = metric.sum {
        let (monotonic, cumulative) = (sum.is_monotonic, sum.aggregation_temporality == CUMULATIVE);
        let value = |value| MetricValue::Sum {
            value,
            monotonic,
            cumulative,
        };
        measured.extend(
            sum.data_points
                .into_iter()
                .map(|point| number(point, value)),
        );
    }
    if let Some(histogram) = metric.histogram {
        let cumulative = histogram.aggregation_temporality == CUMULATIVE;
        let points = histogram.data_points.into_iter();
        measured.extend(points.map(|point| explicit(point, cumulative)));
    }
    if let Some(histogram) = metric.exponential_histogram {
        let cumulative = histogram.aggregation_temporality == CUMULATIVE;
        let points = histogram.data_points.into_iter();
        measured.extend(points.map(|point| exponential(point, cumulative)));
    }
    if let Some(summary) = metric.summary {
        measured.extend(summary.data_points.into_iter().map(quantiles));
    }
    for point in measured {
        about.put(point, points, refused);
    }
}

impl About<'_> {
    fn put(&self, point: Point, points: &mut Vec<MetricPoint>, refused: &mut Refused) {
        if point.flags & NO_VALUE != 0 {
            return;
        }
        let (Some(value), Some(at)) = (point.value, message::time(point.at)) else {
            refused.add("a point needs a time, a value, and buckets that fit its bounds");
            return;
        };
        points.push(MetricPoint {
            service: self.origin.service.clone(),
            run: self.origin.run,
            name: self.name.to_owned(),
            unit: self.unit.to_owned(),
            attributes: words(point.attributes),
            at,
            since: message::time(point.since),
            value,
        });
    }
}

/// Attributes in the order of their names, so that one series is always the same.
fn words(pairs: Vec<KeyValue>) -> String {
    let mut pairs = attributes(pairs).0;
    pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
    let words = pairs
        .iter()
        .map(|(name, value): &(String, AttributeValue)| format!("{name}={value}"));
    words.collect::<Vec<_>>().join(" ")
}

fn number(point: NumberDataPoint, value: impl FnOnce(f64) -> MetricValue) -> Point {
    let number = point
        .as_double
        .or_else(|| point.as_int.map(|number| number as f64));
    Point {
        attributes: point.attributes,
        since: point.start_time_unix_nano,
        at: point.time_unix_nano,
        flags: point.flags,
        value: number.map(value),
    }
}

fn explicit(point: HistogramDataPoint, cumulative: bool) -> Point {
    // No counts at all is allowed, and tells nothing that is shown.
    let buckets = Buckets::explicit(&point.explicit_bounds, &point.bucket_counts);
    Point {
        attributes: point.attributes,
        since: point.start_time_unix_nano,
        at: point.time_unix_nano,
        flags: point.flags | u32::from(point.bucket_counts.is_empty()),
        value: buckets.map(|buckets| MetricValue::Histogram {
            buckets,
            cumulative,
        }),
    }
}

fn exponential(point: ExponentialHistogramDataPoint, cumulative: bool) -> Point {
    let side = |buckets: &'_ Option<ExponentialBuckets>| {
        let buckets = buckets.as_ref();
        buckets.map_or((0, Vec::new()), |buckets| {
            (buckets.offset, buckets.bucket_counts.clone())
        })
    };
    let (below, above) = (side(&point.negative), side(&point.positive));
    let buckets = Buckets::exponential(
        point.scale,
        point.zero_count,
        (below.0, &below.1),
        (above.0, &above.1),
    );
    Point {
        attributes: point.attributes,
        since: point.start_time_unix_nano,
        at: point.time_unix_nano,
        flags: point.flags,
        value: buckets.map(|buckets| MetricValue::Histogram {
            buckets,
            cumulative,
        }),
    }
}

fn quantiles(point: SummaryDataPoint) -> Point {
    let of = |share: f64| {
        let mut known = point.quantile_values.iter();
        let found = known.find(|known| (known.quantile - share).abs() < 1e-9);
        found.map(|known| known.value)
    };
    let value = MetricValue::Quantiles {
        p50: of(0.5),
        p95: of(0.95),
        count: point.count,
    };
    Point {
        since: point.start_time_unix_nano,
        at: point.time_unix_nano,
        flags: point.flags,
        attributes: point.attributes,
        value: Some(value),
    }
}
