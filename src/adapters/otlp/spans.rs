//! Spans as telemetry keeps them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::message::trace::{ScopeSpans, Span as Message, Status, TraceRequest};
use super::message::{self, attributes};
use super::origin::{Names, Origin};
use super::store::{Refused, Store};
use crate::telemetry::{Scope, Span, SpanEvent, SpanId, SpanKind, SpanLink, SpanStatus, TraceId};

/// Why a span is refused.
const NO_IDS: &str = "a span needs a trace id of 16 bytes and a span id of 8, not all zero";

/// Keeps the spans of a request; one without ids belongs nowhere and is refused.
pub(super) fn keep(store: &Store, request: TraceRequest) -> Refused {
    let mut refused = Refused::default();
    let mut spans = read(&store.names, request, &mut refused);
    let redactor = store.telemetry.spans().redactor();
    for span in &mut spans {
        span.mask(&redactor);
    }
    store.telemetry.spans().push_all(spans);
    refused
}

/// The spans of a request.
pub(super) fn read(names: &Names, request: TraceRequest, refused: &mut Refused) -> Vec<Span> {
    let mut spans = Vec::new();
    for program in request.resource_spans {
        let origin = names.origin(program.resource);
        for library in program.scope_spans {
            of_library(library, &origin, &mut spans, refused);
        }
    }
    spans
}

fn of_library(library: ScopeSpans, origin: &Origin, spans: &mut Vec<Span>, refused: &mut Refused) {
    let named = library.scope.unwrap_or_default();
    let scope = Arc::new(Scope {
        name: named.name,
        version: named.version,
        resource: Arc::clone(&origin.attributes),
    });
    spans.reserve(library.spans.len());
    for span in library.spans {
        match of_message(span, origin, &scope) {
            Some(span) => spans.push(span),
            None => refused.add(NO_IDS),
        }
    }
}

fn of_message(span: Message, origin: &Origin, scope: &Arc<Scope>) -> Option<Span> {
    let started = message::time(span.start_time_unix_nano).unwrap_or(Timestamp::UNIX_EPOCH);
    let took = span
        .end_time_unix_nano
        .saturating_sub(span.start_time_unix_nano);
    let event = |event: message::trace::Event| SpanEvent {
        at: message::time(event.time_unix_nano).unwrap_or(started),
        name: event.name,
        attributes: attributes(event.attributes),
    };
    let link = |link: message::trace::Link| {
        Some(SpanLink {
            trace: TraceId(message::trace_id(&link.trace_id)?),
            span: SpanId(message::span_id(&link.span_id)?),
            attributes: attributes(link.attributes),
        })
    };
    Some(Span {
        trace: TraceId(message::trace_id(&span.trace_id)?),
        span: SpanId(message::span_id(&span.span_id)?),
        parent: message::span_id(&span.parent_span_id).map(SpanId),
        service: origin.service.clone(),
        run: origin.run,
        name: span.name,
        kind: kind(span.kind),
        started,
        took: Duration::from_nanos(took),
        status: status(span.status),
        attributes: attributes(span.attributes),
        events: span.events.into_iter().map(event).collect(),
        links: span.links.into_iter().filter_map(link).collect(),
        scope: Arc::clone(scope),
    })
}

fn kind(number: i32) -> SpanKind {
    match number {
        2 => SpanKind::Server,
        3 => SpanKind::Client,
        4 => SpanKind::Producer,
        5 => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

fn status(status: Option<Status>) -> SpanStatus {
    let status = status.unwrap_or_default();
    match status.code {
        1 => SpanStatus::Ok,
        2 => SpanStatus::Error(status.message),
        _ => SpanStatus::Unset,
    }
}
