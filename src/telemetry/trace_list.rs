//! Traces over both stores: what relays saw and what services told of themselves.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::Telemetry;
use super::exchange::{Exchange, SpanId, TraceId};
use super::exchange_store::Exchanges;
use super::join::Joined;
use super::span_store::{OfTrace, Spans};
use super::trace::{Row, TraceSummary, between, summarise_joined, waterfall_joined};
use super::what::What;

/// Spans come this much after their end, at most, as a rule.
const LATE: Duration = Duration::from_secs(5);

impl Telemetry {
    /// The newest `n` traces that pass the filter, by the end of the newest of their exchanges (or spans, where no relay
    /// saw any), the newest first.
    pub fn traces(&self, n: usize, filter: impl Fn(&TraceSummary) -> bool) -> Vec<TraceSummary> {
        let exchanges = self.exchanges();
        let spans = self.spans();
        let seen = exchanges.traces(n, |trace| filter(&with_spans(trace.clone(), &spans)));
        let seen: Vec<_> = seen
            .into_iter()
            .map(|trace| with_spans(trace, &spans))
            .collect();
        let ended = |trace: &TraceSummary| trace.started.saturating_add(trace.duration).ok();
        // What is older than all that have a place in the list is not looked for.
        let oldest = seen.last().filter(|_| seen.len() >= n).and_then(ended);
        let oldest = oldest.and_then(|oldest| oldest.saturating_sub(LATE).ok());
        let unseen = spans
            .newest()
            .take_while(|(_, known)| oldest.is_none_or(|oldest| known.ended >= oldest))
            .filter(|(trace, _)| !exchanges.has(*trace))
            .map(|(trace, known)| of_spans(trace, known))
            .filter(|trace| filter(trace))
            .take(n);
        let (mut seen, mut unseen) = (seen.into_iter().peekable(), unseen.peekable());
        let next = std::iter::from_fn(|| match (seen.peek(), unseen.peek()) {
            (Some(one), Some(other)) if ended(one) < ended(other) => unseen.next(),
            (Some(_), _) => seen.next(),
            (None, _) => unseen.next(),
        });
        next.take(n).collect()
    }

    /// The rows in which a trace is drawn, spans below the exchanges that they belong to; none if it is not (or no longer)
    /// known.
    pub fn waterfall(&self, trace: TraceId) -> Vec<Row> {
        let parts = self.parts(trace);
        let exchanges = self.exchanges();
        waterfall_joined(&parts, |span| exchanges.joined_edge(span))
    }

    /// What a list tells of a trace; `None` if it is not (or no longer) known. The spans are not looked at.
    pub(super) fn summary(&self, trace: TraceId) -> Option<TraceSummary> {
        let exchanges = self.exchanges();
        let parts = exchanges.trace(trace);
        let spans = self.spans();
        match summarise_joined(&parts, |span| exchanges.joined_edge(span)) {
            Some(summary) => Some(with_spans(summary, &spans)),
            None => spans.of(trace).map(|known| of_spans(trace, known)),
        }
    }

    /// How many exchanges and spans of a trace are kept: whether it has to be looked at again.
    pub fn size_of_trace(&self, trace: TraceId) -> (usize, usize) {
        let exchanges = self.exchanges().trace(trace).len();
        (exchanges, self.spans().of(trace).map_or(0, OfTrace::len))
    }

    /// The exchanges and spans of a trace, in no order.
    pub fn parts(&self, trace: TraceId) -> Vec<What> {
        let exchanges = self.exchanges().trace(trace);
        // Exchanges of several traces may have been found to be one.
        let mut traces: HashSet<TraceId> = exchanges.iter().map(|one| one.trace).collect();
        traces.insert(trace);
        let mut parts: Vec<What> = exchanges.into_iter().map(What::Exchange).collect();
        let spans = self.spans();
        for trace in traces {
            parts.extend(spans.trace(trace).into_iter().map(What::Span));
        }
        parts
    }

    /// The edges that joining found between these parts, but for those that an exchange tells itself.
    pub fn edges(&self, parts: &[What]) -> Vec<Joined> {
        let exchanges = || parts.iter().filter_map(What::exchange);
        let traces: HashMap<SpanId, TraceId> =
            exchanges().map(|one| (one.span, one.trace)).collect();
        let store = self.exchanges();
        let edge = |one: &Arc<Exchange>| {
            let edge = store.joined_edge(one.span)?;
            let above = *traces.get(&edge.parent)?;
            (one.parent != Some(edge.parent)).then_some(Joined {
                span: one.span,
                trace: one.trace,
                edge: Some((edge, above)),
            })
        };
        exchanges().filter_map(edge).collect()
    }
}

/// A trace's summary with what its services told of it.
fn with_spans(mut summary: TraceSummary, spans: &Spans) -> TraceSummary {
    let Some(known) = spans.of(summary.trace) else {
        return summary;
    };
    let ended = summary.started.saturating_add(summary.duration);
    let ended = ended.map_or(known.ended, |ended| ended.max(known.ended));
    summary.started = summary.started.min(known.started);
    summary.duration = between(summary.started, ended);
    summary.spans += known.len();
    summary.errors += known.errors;
    for service in &known.services {
        if !summary.services.contains(service) {
            summary.services.push(service.clone());
        }
    }
    summary
}

/// The summary of a trace that no relay saw.
fn of_spans(trace: TraceId, known: &OfTrace) -> TraceSummary {
    TraceSummary {
        trace,
        root: What::Span(known.root.clone()),
        spans: known.len(),
        started: known.started,
        duration: between(known.started, known.ended),
        errors: known.errors,
        services: known.services.clone(),
    }
}

impl Exchanges {
    /// Whether it has any exchange of this trace.
    pub(super) fn has(&self, trace: TraceId) -> bool {
        !self.trace(trace).is_empty()
    }
}
