//! A span that an instrumented service told of itself (OpenTelemetry).

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::attribute::Attributes;
use super::exchange::{SpanId, TraceId};
use crate::stack::ServiceName;

/// One operation of a service, as the service itself tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Its trace.
    pub trace: TraceId,
    /// Its own id.
    pub span: SpanId,
    /// The span it belongs under.
    pub parent: Option<SpanId>,
    /// Who told of it.
    pub service: ServiceName,
    /// Number of the run that told of it, where it is known.
    pub run: Option<u64>,
    /// What it is called.
    pub name: String,
    /// Its side of a call.
    pub kind: SpanKind,
    /// When it began, by the service's clock.
    pub started: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub status: SpanStatus,
    /// What is said of it.
    pub attributes: Attributes,
    /// What happened meanwhile, in the order in which it was sent.
    pub events: Vec<SpanEvent>,
    /// Other spans that it has to do with.
    pub links: Vec<SpanLink>,
    /// What told of it, shared by all spans of one message.
    pub scope: Arc<Scope>,
}

/// Which side of a call a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SpanKind {
    /// None: work inside of the service.
    #[default]
    Internal,
    /// It answers a request.
    Server,
    /// It asks another service.
    Client,
    /// It sends a message that is worked on later.
    Producer,
    /// It works on such a message.
    Consumer,
}

/// How a span ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SpanStatus {
    /// Nothing was said, which means well.
    #[default]
    Unset,
    /// Well, as somebody said.
    Ok,
    /// It failed, with a description that may be empty.
    Error(String),
}

/// Something that happened at one moment of a span.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanEvent {
    /// When, by the service's clock.
    pub at: Timestamp,
    /// What.
    pub name: String,
    /// What is said of it.
    pub attributes: Attributes,
}

/// Another span that a span has to do with, without being its child.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanLink {
    /// The other's trace.
    pub trace: TraceId,
    /// The other.
    pub span: SpanId,
    /// What is said of the relation.
    pub attributes: Attributes,
}

/// The library that told of a span, and what is said of the whole program (the resource).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scope {
    /// The library's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Attributes of the program, its host and so on.
    pub resource: Arc<Attributes>,
}

impl SpanKind {
    /// Its name, lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

impl Span {
    /// When it ended, by the service's clock.
    pub fn ended(&self) -> Timestamp {
        let took = SignedDuration::try_from(self.took).unwrap_or(SignedDuration::MAX);
        self.started.saturating_add(took).unwrap_or(Timestamp::MAX)
    }

    /// Whether it failed.
    pub fn is_error(&self) -> bool {
        matches!(self.status, SpanStatus::Error(_))
    }

    /// The HTTP status it has to do with, by either convention of naming it.
    pub fn http_status(&self) -> Option<u16> {
        let known = ["http.response.status_code", "http.status_code"];
        let code = known.iter().find_map(|name| self.attributes.int(name))?;
        u16::try_from(code).ok()
    }

    /// The HTTP method it has to do with, by either convention of naming it.
    pub fn http_method(&self) -> Option<&str> {
        let known = ["http.request.method", "http.method"];
        known.iter().find_map(|name| self.attributes.text(name))
    }

    /// Bytes of memory that keeping it costs, its place in the store included, but not what it shares with others.
    pub fn footprint(&self) -> usize {
        // The counts of the `Arc`, its place in the ring, and its share of the index by trace.
        const PLACE: usize = 16 + 8 + 64;
        let status = match &self.status {
            SpanStatus::Error(why) => why.capacity(),
            SpanStatus::Unset | SpanStatus::Ok => 0,
        };
        let events = self.events.iter();
        let links = self.links.iter();
        size_of::<Self>()
            + PLACE
            + status
            + self.name.capacity()
            + self.attributes.heap()
            + self.events.capacity() * size_of::<SpanEvent>()
            + events
                .map(|event| event.name.capacity() + event.attributes.heap())
                .sum::<usize>()
            + self.links.capacity() * size_of::<SpanLink>()
            + links.map(|link| link.attributes.heap()).sum::<usize>()
    }
}

impl Scope {
    /// Bytes of memory that keeping it costs, its resource included.
    pub fn footprint(&self) -> usize {
        2 * size_of::<Self>()
            + self.name.capacity()
            + self.version.capacity()
            + self.resource.heap()
    }
}
