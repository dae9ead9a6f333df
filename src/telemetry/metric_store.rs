//! The metrics of one session: the newest figures of each series, a bounded number of series.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::metric::{Buckets, MetricPoint, MetricValue};
use crate::stack::ServiceName;

/// What a figure of a series tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// The value itself.
    Value,
    /// How much was added in a second.
    Rate,
    /// Half of the values were at most this.
    P50,
    /// 95 of 100 values were at most this.
    P95,
}

impl Figure {
    /// Its name, as people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Value => "",
            Self::Rate => "/s",
            Self::P50 => "p50",
            Self::P95 => "p95",
        }
    }
}

/// Which series: of whom, of what, told apart by what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    service: ServiceName,
    name: String,
    attributes: String,
    run: Option<u64>,
}

/// One series.
#[derive(Debug)]
pub struct Metric {
    /// In which unit (UCUM), empty if none was given.
    pub unit: String,
    figures: Vec<(Figure, VecDeque<(Timestamp, f64)>)>,
    /// When its newest point was measured, and when it came (the newest of all points that had come by then).
    newest: Timestamp,
    last: Last,
}

/// What the next point is compared with.
#[derive(Debug, Default)]
enum Last {
    #[default]
    None,
    Sum(f64),
    Buckets(Buckets),
    Count(u64),
}

/// The metrics of one session.
#[derive(Debug, Default)]
pub struct Metrics {
    series: BTreeMap<Key, Metric>,
    /// The newest time of any point.
    newest: Option<Timestamp>,
    refused: u64,
    /// When a place for a new series was looked for in vain.
    full_at: Option<Timestamp>,
}

/// A series that told nothing for so long makes room for a new one.
const STALE: Duration = Duration::from_secs(60);
/// Bytes of a series' name and attributes at most.
const LONGEST: usize = 4096;

impl Metrics {
    /// How many series are kept.
    pub const MOST: usize = 1000;
    /// How many points of each figure are kept: 25 minutes at one in five seconds.
    pub const KEPT: usize = 300;

    /// Keeps what a point tells. False if there was no place for it, or if it was not newer than the one before it.
    pub fn push(&mut self, point: MetricPoint) -> bool {
        let kept = self.try_push(point).is_some();
        self.refused += u64::from(!kept);
        kept
    }

    /// How many points had no place.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The series of a service by name and attributes.
    pub fn of(&self, service: &ServiceName) -> impl Iterator<Item = (&str, &str, &Metric)> {
        let first = Key {
            service: service.clone(),
            name: String::new(),
            attributes: String::new(),
            run: None,
        };
        let from = self.series.range(first..);
        let own = from.take_while(move |(key, _)| key.service == *service);
        own.map(|(key, metric)| (key.name.as_str(), key.attributes.as_str(), metric))
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    fn try_push(&mut self, point: MetricPoint) -> Option<()> {
        if point.name.len() + point.attributes.len() > LONGEST {
            return None;
        }
        let now = self.newest.map_or(point.at, |newest| newest.max(point.at));
        self.newest = Some(now);
        let key = Key {
            service: point.service.clone(),
            name: point.name.clone(),
            attributes: point.attributes.clone(),
            run: point.run,
        };
        if !self.series.contains_key(&key) {
            self.make_room(now)?;
        }
        let metric = self.series.entry(key).or_insert_with(|| Metric {
            unit: point.unit.chars().take(32).collect(),
            figures: Vec::new(),
            newest: Timestamp::MIN,
            last: Last::None,
        });
        metric.push(point)
    }

    /// Makes room for another series, if there is none, in place of the one that told nothing for the longest time.
    fn make_room(&mut self, now: Timestamp) -> Option<()> {
        if self.series.len() < Self::MOST {
            return Some(());
        }
        let is_old =
            |at: Timestamp, age| now.duration_since(at) > jiff::SignedDuration::from_secs(age);
        // Whoever floods it with new series must not make it look through all of them for each.
        if self.full_at.is_some_and(|at| !is_old(at, 1)) {
            return None;
        }
        let oldest = self.series.iter().min_by_key(|(_, metric)| metric.newest);
        let stale =
            oldest.filter(|(_, metric)| is_old(metric.newest, STALE.as_secs().cast_signed()));
        let Some(key) = stale.map(|(key, _)| key.clone()) else {
            self.full_at = Some(now);
            return None;
        };
        self.series.remove(&key);
        Some(())
    }
}

impl Metric {
    /// The figures it has, each with its points, the oldest first.
    pub fn figures(&self) -> impl Iterator<Item = (Figure, &VecDeque<(Timestamp, f64)>)> {
        self.figures
            .iter()
            .map(|(figure, points)| (*figure, points))
    }

    /// When its newest point was measured.
    pub fn newest(&self) -> Timestamp {
        self.newest
    }

    fn push(&mut self, point: MetricPoint) -> Option<()> {
        if point.at <= self.newest {
            return None;
        }
        let since_last = Duration::try_from(point.at.duration_since(self.newest)).ok();
        let counted_anew = point.since.is_some_and(|since| since > self.newest);
        let (at, whole) = (point.at, point.span());
        self.newest = at;
        // What is counted since the beginning is compared with the point before it, unless it began again since.
        let begins = counted_anew || matches!(self.last, Last::None);
        let since_last = if begins { whole } else { since_last };
        match point.value {
            MetricValue::Gauge(value) => self.put(Figure::Value, at, Some(value)),
            MetricValue::Sum {
                value,
                monotonic: false,
                cumulative,
            } => {
                let before = if cumulative { 0.0 } else { self.last.sum() };
                self.last = Last::Sum(before + value);
                self.put(Figure::Value, at, Some(before + value));
            }
            MetricValue::Sum {
                value,
                cumulative: false,
                ..
            } => self.put_rate(at, value, whole),
            MetricValue::Sum { value, .. } => {
                // A counter that went back began anew.
                let before = if counted_anew { 0.0 } else { self.last.sum() };
                let before = if before <= value { before } else { 0.0 };
                self.last = Last::Sum(value);
                self.put_rate(at, value - before, since_last);
            }
            MetricValue::Histogram {
                buckets,
                cumulative: false,
            } => self.put_quantiles(at, &buckets, whole),
            MetricValue::Histogram { buckets, .. } => {
                let added = match &self.last {
                    Last::Buckets(before) if !counted_anew => buckets.since(before),
                    _ => None,
                };
                self.put_quantiles(at, added.as_ref().unwrap_or(&buckets), since_last);
                self.last = Last::Buckets(buckets);
            }
            MetricValue::Quantiles { p50, p95, count } => {
                let before = match self.last {
                    Last::Count(before) if before <= count && !counted_anew => before,
                    _ => 0,
                };
                self.last = Last::Count(count);
                self.put(Figure::P50, at, p50);
                self.put(Figure::P95, at, p95);
                self.put_rate(at, (count - before) as f64, since_last);
            }
        }
        Some(())
    }

    fn put_quantiles(&mut self, at: Timestamp, buckets: &Buckets, over: Option<Duration>) {
        self.put(Figure::P50, at, buckets.quantile(0.5));
        self.put(Figure::P95, at, buckets.quantile(0.95));
        self.put_rate(at, buckets.count() as f64, over);
    }

    /// So much was added in this time; nothing is told where that is not known.
    fn put_rate(&mut self, at: Timestamp, added: f64, over: Option<Duration>) {
        let rate = over.map(|over| added / over.as_secs_f64());
        self.put(Figure::Rate, at, rate);
    }

    fn put(&mut self, figure: Figure, at: Timestamp, value: Option<f64>) {
        let Some(value) = value.filter(|value| value.is_finite()) else {
            return;
        };
        let place = self.figures.iter().position(|(known, _)| *known == figure);
        let place = place.unwrap_or_else(|| {
            self.figures.push((figure, VecDeque::new()));
            self.figures.len() - 1
        });
        let points = &mut self.figures[place].1;
        points.push_back((at, value));
        if points.len() > Metrics::KEPT {
            points.pop_front();
        }
    }
}

impl Last {
    fn sum(&self) -> f64 {
        match self {
            Self::Sum(value) => *value,
            Self::None | Self::Buckets(_) | Self::Count(_) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn point(name: &str, seconds: i64, value: MetricValue) -> MetricPoint {
        MetricPoint {
            service: "web".into(),
            run: None,
            name: name.into(),
            unit: "By".into(),
            attributes: String::new(),
            at: at(seconds),
            since: Some(at(100)),
            value,
        }
    }

    fn told(metrics: &Metrics, figure: Figure) -> Vec<f64> {
        let web = "web".into();
        let figures: Vec<_> = metrics
            .of(&web)
            .flat_map(|(_, _, metric)| metric.figures())
            .collect();
        let wanted = figures.iter().filter(|(known, _)| *known == figure);
        wanted
            .flat_map(|(_, points)| points.iter().map(|(_, value)| *value))
            .collect()
    }

    #[test]
    fn counters_tell_their_growth_and_survive_a_restart() {
        let mut metrics = Metrics::default();
        let sum = |value| MetricValue::Sum {
            value,
            monotonic: true,
            cumulative: true,
        };
        for (seconds, value) in [(110, 20.0), (120, 70.0), (130, 5.0)] {
            assert!(metrics.push(point("requests", seconds, sum(value))));
        }
        assert_eq!(told(&metrics, Figure::Rate), [2.0, 5.0, 0.5]);
        let mut anew = point("requests", 150, sum(100.0));
        anew.since = Some(at(140));
        metrics.push(anew);
        assert_eq!(told(&metrics, Figure::Rate), [2.0, 5.0, 0.5, 10.0]);
        assert!(
            !metrics.push(point("requests", 150, sum(1.0))),
            "sent again"
        );
        assert_eq!(metrics.refused(), 1);
    }

    #[test]
    fn what_goes_up_and_down_is_a_value_and_what_is_sent_as_difference_is_added_up_or_is_a_rate() {
        let mut metrics = Metrics::default();
        let sum = |value, monotonic, cumulative| MetricValue::Sum {
            value,
            monotonic,
            cumulative,
        };
        for (seconds, value) in [(110, 5.0), (120, -2.0)] {
            metrics.push(point("queue", seconds, sum(value, false, false)));
            metrics.push(point("open", seconds, sum(value, false, true)));
        }
        metrics.push(point("requests", 120, sum(40.0, true, false)));
        assert_eq!(told(&metrics, Figure::Value), [5.0, -2.0, 5.0, 3.0]);
        assert_eq!(told(&metrics, Figure::Rate), [2.0]);
    }

    #[test]
    fn histograms_tell_quantiles_of_what_was_added() {
        let mut metrics = Metrics::default();
        for (seconds, counts) in [(110, [10, 0, 0]), (120, [10, 20, 0])] {
            let buckets = Buckets::explicit(&[10.0, 20.0], &counts).unwrap();
            let value = MetricValue::Histogram {
                buckets,
                cumulative: true,
            };
            metrics.push(point("latency", seconds, value));
        }
        assert_eq!(told(&metrics, Figure::P50), [5.0, 15.0]);
        assert_eq!(told(&metrics, Figure::P95), [9.5, 19.5]);
        assert_eq!(told(&metrics, Figure::Rate), [1.0, 2.0]);
    }

    #[test]
    fn series_and_points_are_bounded_and_what_has_no_place_is_counted() {
        let mut metrics = Metrics::default();
        for n in 0..Metrics::MOST + 50 {
            metrics.push(point(&format!("m{n}"), 110, MetricValue::Gauge(1.0)));
        }
        assert_eq!((metrics.len(), metrics.refused()), (Metrics::MOST, 50));
        for seconds in 0..400 {
            metrics.push(point("m1", 1000 + seconds, MetricValue::Gauge(1.0)));
        }
        assert!(
            metrics.push(point("new", 2000, MetricValue::Gauge(7.0))),
            "in place of a stale one"
        );
        assert_eq!(metrics.len(), Metrics::MOST);
        let web = "web".into();
        let (_, _, m1) = metrics.of(&web).find(|(name, _, _)| *name == "m1").unwrap();
        assert_eq!(m1.figures().next().unwrap().1.len(), Metrics::KEPT);
        metrics.push(point("nan", 3000, MetricValue::Gauge(f64::NAN)));
        assert!(
            !told(&metrics, Figure::Value)
                .iter()
                .any(|value| value.is_nan())
        );
    }
}
