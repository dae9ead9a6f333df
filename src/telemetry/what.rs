//! A part of a trace: an exchange that a relay saw, or a span that a service told of itself.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::exchange::{Exchange, SpanId, TraceId};
use super::span::Span;
use crate::stack::ServiceName;

/// A part of a trace. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// What a relay saw.
    Exchange(Arc<Exchange>),
    /// What a service told of itself.
    Span(Arc<Span>),
}

impl What {
    /// Its trace.
    pub fn trace(&self) -> TraceId {
        match self {
            Self::Exchange(exchange) => exchange.trace,
            Self::Span(span) => span.trace,
        }
    }

    /// Its own id.
    pub fn span(&self) -> SpanId {
        match self {
            Self::Exchange(exchange) => exchange.span,
            Self::Span(span) => span.span,
        }
    }

    /// The id that it belongs under.
    pub fn parent(&self) -> Option<SpanId> {
        match self {
            Self::Exchange(exchange) => exchange.parent,
            Self::Span(span) => span.parent,
        }
    }

    /// Who was called, or who told of it.
    pub fn service(&self) -> &ServiceName {
        match self {
            Self::Exchange(exchange) => &exchange.callee,
            Self::Span(span) => &span.service,
        }
    }

    /// When it began.
    pub fn started(&self) -> Timestamp {
        match self {
            Self::Exchange(exchange) => exchange.started,
            Self::Span(span) => span.started,
        }
    }

    /// How long it took.
    pub fn took(&self) -> Duration {
        match self {
            Self::Exchange(exchange) => exchange.took,
            Self::Span(span) => span.took,
        }
    }

    /// When it ended.
    pub fn ended(&self) -> Timestamp {
        match self {
            Self::Exchange(exchange) => exchange.ended(),
            Self::Span(span) => span.ended(),
        }
    }

    /// Whether the callee failed it, or it says that it failed.
    pub fn is_error(&self) -> bool {
        match self {
            Self::Exchange(exchange) => exchange.is_error(),
            Self::Span(span) => span.is_error(),
        }
    }

    /// The exchange, if it is one.
    pub fn exchange(&self) -> Option<&Arc<Exchange>> {
        match self {
            Self::Exchange(exchange) => Some(exchange),
            Self::Span(_) => None,
        }
    }
}

impl From<Arc<Exchange>> for What {
    fn from(exchange: Arc<Exchange>) -> Self {
        Self::Exchange(exchange)
    }
}

impl From<Arc<Span>> for What {
    fn from(span: Arc<Span>) -> Self {
        Self::Span(span)
    }
}
