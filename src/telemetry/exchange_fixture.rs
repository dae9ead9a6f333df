//! Exchanges for tests.

use std::time::Duration;

use jiff::Timestamp;

use super::exchange::{Exchange, ExchangeStatus, Headers, SpanId, TraceId};

/// A `GET /` that `callee` answered with 200 in 10 ms, at the beginning of time.
pub(super) fn exchange(trace: u128, span: u64, parent: Option<u64>, callee: &str) -> Exchange {
    Exchange {
        trace: TraceId(trace),
        span: SpanId(span),
        parent: parent.map(SpanId),
        caller: None,
        callee: callee.into(),
        run: 1,
        method: "GET".into(),
        path: "/".into(),
        status: ExchangeStatus::Http(200),
        started: Timestamp::UNIX_EPOCH,
        took: Duration::from_millis(10),
        held: Duration::ZERO,
        request_bytes: 0,
        response_bytes: 0,
        request_headers: Headers::default(),
        response_headers: Headers::default(),
        request_body: crate::telemetry::BodyHead::default(),
        response_body: crate::telemetry::BodyHead::default(),
        injected: None,
    }
}

/// The same, from `start` to `end` milliseconds.
pub(super) fn timed(
    (trace, span, parent): (u128, u64, Option<u64>),
    callee: &str,
    start: u64,
    end: u64,
) -> Exchange {
    let mut exchange = exchange(trace, span, parent, callee);
    exchange.started = Timestamp::UNIX_EPOCH + Duration::from_millis(start);
    exchange.took = Duration::from_millis(end - start);
    exchange
}
