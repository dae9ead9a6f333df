//! Bounded stores of what services say and do, and the queries over them.
//!
//! Adapters write here directly, past the engine; views read. One lock per store, held for one append or one query of a
//! visible window. What does not fit is dropped from the oldest end and counted; log lines go to the disk first.

mod align;
mod as_edge;
mod as_span;
mod attribute;
mod body;
mod compare;
mod critical;
mod curl;
mod exchange;
#[cfg(test)]
mod exchange_fixture;
mod exchange_rates;
mod exchange_store;
mod filter;
pub mod grpc;
mod held;
mod join;
mod level;
pub mod line;
mod links;
mod log;
mod log_query;
mod log_store;
mod metric;
mod metric_store;
mod repeat;
mod route;
mod search;
mod series;
mod span;
mod span_store;
mod spread;
pub mod terminals;
mod trace;
mod trace_context;
mod trace_finder;
mod trace_lines;
mod trace_list;
mod what;
mod whereabouts;

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use self::terminals::Terminals;
use crate::stack::ServiceName;

pub use align::{Pair, align_traces};
pub use as_edge::{edge_of, put_edge};
pub use as_span::{as_exchange, as_span};
pub use attribute::{AttributeValue, Attributes};
pub use body::{Body, BodyHead};
pub use compare::{Answer, compare};
pub use critical::{critical_path, outlives};
pub use curl::{Curl, curl, quoted};
pub use exchange::{Exchange, ExchangeStatus, Headers, SpanId, TraceId};
pub use exchange_rates::{EdgeRates, Rates};
pub use exchange_store::{Exchanges, Since};
pub use filter::{Filter, FilterError, Remark};
pub use held::{Held, HeldRequests};
pub use join::{Confidence, EdgeKind, Joined, JoinedEdge, Joiner, Rule};
pub use level::Level;
pub use log::{Followed, LogLine, MarkKind, NewLine, Position, Stream, Told};
pub use log_query::{Direction, Page, Select};
pub use log_store::{Archive, Logs, SessionLogs, Spill, SpillError, prune_sessions, sessions};
pub use metric::{Buckets, MetricPoint, MetricValue};
pub use metric_store::{Figure, Metric, Metrics};
pub use repeat::{Repeat, check_of, repeat};
pub use route::{Around, RouteFigures, RouteKey, route};
pub use search::Search;
pub use series::{Flow, Sample, Series, Usage};
pub use span::{Scope, Span, SpanEvent, SpanKind, SpanLink, SpanStatus};
pub use span_store::{Spans, SpansSince};
pub use spread::{Spread, Tally};
pub use trace::{Row, TraceSummary, summarise, summarise_joined, waterfall, waterfall_joined};
pub use trace_context::TraceContext;
pub use trace_finder::{Probes, TraceFinder};
pub use trace_lines::{LinesOfPart, Link, TraceOfLine};
pub use what::What;
pub use whereabouts::Whereabouts;

/// The joiner, and up to where it has read the exchanges.
#[derive(Debug, Default)]
struct Joining {
    joiner: Joiner,
    read: u64,
}

/// The stores of one session. Shared as `Arc<Telemetry>`.
#[derive(Debug)]
pub struct Telemetry {
    logs: Logs,
    exchanges: Mutex<Exchanges>,
    spans: Mutex<Spans>,
    series: Mutex<Series>,
    held: Mutex<HeldRequests>,
    whereabouts: Mutex<Whereabouts>,
    joining: Mutex<Joining>,
    /// Services that are others now than those whose behaviour was learned.
    replaced: Mutex<Vec<ServiceName>>,
    /// When one request alone was let in, as far as the joiner does not know of it yet.
    alone: Mutex<Vec<(Timestamp, Timestamp)>>,
    terminals: Terminals,
    changed: watch::Sender<u64>,
}

impl Telemetry {
    /// Empty stores with these budgets, in bytes; spans get as much as exchanges.
    pub fn new(log_budget: usize, exchange_budget: usize) -> Self {
        Self {
            logs: Logs::new(log_budget),
            exchanges: Mutex::new(Exchanges::new(exchange_budget)),
            spans: Mutex::new(Spans::new(exchange_budget)),
            series: Mutex::new(Series::default()),
            held: Mutex::new(HeldRequests::default()),
            whereabouts: Mutex::default(),
            joining: Mutex::default(),
            replaced: Mutex::default(),
            alone: Mutex::default(),
            terminals: Terminals::default(),
            changed: watch::Sender::new(0),
        }
    }

    /// The log lines.
    pub fn logs(&self) -> &Logs {
        &self.logs
    }

    /// The exchanges. Keep the guard for one append or one query.
    pub fn exchanges(&self) -> MutexGuard<'_, Exchanges> {
        self.exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The spans that services told of. Keep the guard for one message or one query. Who needs the exchanges too takes
    /// their guard first.
    pub fn spans(&self) -> MutexGuard<'_, Spans> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The samples. Keep the guard for one append or one query.
    pub fn series(&self) -> MutexGuard<'_, Series> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The held requests. Keep the guard for one count or one query.
    pub fn held(&self) -> MutexGuard<'_, HeldRequests> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The terminals inside services. They tell of their own changes.
    pub fn terminals(&self) -> &Terminals {
        &self.terminals
    }

    /// Where runs and front doors are found. Keep the guard for one change or one query.
    pub fn whereabouts(&self) -> MutexGuard<'_, Whereabouts> {
        self.whereabouts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether exchanges came that are not joined yet. Waits while others are being joined.
    pub fn has_unjoined(&self) -> bool {
        let joining = self.joining.lock().unwrap_or_else(PoisonError::into_inner);
        self.exchanges().bounds().1 > joining.read
    }

    /// Joins what came since the last time. This may take long, some milliseconds for each call of which it is hard to say
    /// who made it, so it belongs on a thread of its own; the stores are locked only to read and to write what was found.
    /// Gives back whether to ask again soon, even if nothing comes.
    pub fn join(&self, now: Timestamp) -> bool {
        /// Read at once, and then looked at.
        const PORTION: usize = 1024;
        let mut joining = self.joining.lock().unwrap_or_else(PoisonError::into_inner);
        let Joining { joiner, read } = &mut *joining;
        let replaced = std::mem::take(&mut *self.replaced());
        for service in &replaced {
            joiner.forget(service);
        }
        for (from, until) in std::mem::take(&mut *self.alone()) {
            joiner.solo(from, until);
        }
        loop {
            let since = self.exchanges().some_since(*read, PORTION);
            *read = since.cursor;
            since.exchanges.iter().for_each(|one| joiner.push(one));
            let news = joiner.settle(now);
            if !news.is_empty() {
                self.exchanges().joined(&news);
                self.touch();
            }
            if since.exchanges.len() < PORTION {
                return joiner.is_waiting();
            }
        }
    }

    /// What was learned of how this service behaves is to be forgotten: it is another one now.
    pub fn replaced_service(&self, service: &ServiceName) {
        let mut replaced = self.replaced();
        if !replaced.contains(service) {
            replaced.push(service.clone());
        }
    }

    /// From `from` until `until` only one request was let in: whatever began then belongs to it.
    pub fn was_alone(&self, from: Timestamp, until: Timestamp) {
        self.alone().push((from, until));
    }

    fn alone(&self) -> MutexGuard<'_, Vec<(Timestamp, Timestamp)>> {
        self.alone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replaced(&self) -> MutexGuard<'_, Vec<ServiceName>> {
        self.replaced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the readers that something was written. Cheap; many writes may be told of at once.
    pub fn touch(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    /// A receiver that changes whenever something was written.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

impl Telemetry {
    /// The same with another budget for spans, in bytes. Only before anything was kept.
    #[must_use]
    pub fn with_span_budget(self, budget: usize) -> Self {
        Self {
            spans: Mutex::new(Spans::new(budget)),
            ..self
        }
    }
}

impl Telemetry {
    /// The same with these log lines, such as those of a session that has ended.
    #[must_use]
    pub fn with_logs(self, logs: Logs) -> Self {
        Self { logs, ..self }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new(64 << 20, 32 << 20).with_span_budget(64 << 20)
    }
}
