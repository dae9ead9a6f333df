//! What joining says of an exchange: who caused it, by which rule, and how sure that is.

use std::fmt;

use crate::telemetry::exchange::{SpanId, TraceId};

/// Why an exchange is taken to belong under another, the surest rule first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The service passed the trace context on (`traceparent`).
    Context,
    /// The service passed another header on: `b3`, `x-request-id`, or one that it was seen to pass on.
    Header,
    /// The service's own OpenTelemetry spans lead from one to the other.
    OpenTelemetry,
    /// Nothing else was in flight at the caller.
    Contained,
    /// Both carry the same rare value in path, query or body.
    Token,
    /// It is the likeliest of those in flight, from how long after what the caller makes which call.
    Assigned,
    /// Only one request was let in at the time.
    Solo,
}

impl Rule {
    /// In one or two words, as it is shown.
    pub fn words(self) -> &'static str {
        match self {
            Self::Context => "trace context",
            Self::Header => "same header",
            Self::OpenTelemetry => "own spans",
            Self::Contained => "only one in flight",
            Self::Token => "same value",
            Self::Assigned => "by its timing",
            Self::Solo => "recorded alone",
        }
    }

    /// Every rule and its name, as files have it.
    const NAMES: [(Self, &'static str); 7] = [
        (Self::Context, "context"),
        (Self::Header, "header"),
        (Self::OpenTelemetry, "own-spans"),
        (Self::Contained, "contained"),
        (Self::Token, "token"),
        (Self::Assigned, "timing"),
        (Self::Solo, "alone"),
    ];

    /// Its name, as files have it.
    pub fn name(self) -> &'static str {
        let mut all = Self::NAMES.iter();
        all.find(|(rule, _)| *rule == self)
            .map_or("", |(_, name)| name)
    }

    /// The rule of this name.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::NAMES.iter();
        all.find(|(_, known)| *known == name).map(|(rule, _)| *rule)
    }

    /// Whether the services themselves say so; otherwise it is inferred, and to be drawn as such.
    pub fn is_told(self) -> bool {
        matches!(self, Self::Context | Self::Header | Self::OpenTelemetry)
    }
}

/// How sure an edge is, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Confidence(u16);

impl Confidence {
    /// No doubt.
    pub const CERTAIN: Self = Self(1000);

    /// From 0 to 1; anything else is clamped.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped before"
    )]
    pub fn of(share: f64) -> Self {
        Self((share.clamp(0.0, 1.0) * 1000.0) as u16)
    }

    /// From 0 to 1.
    pub fn share(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

impl fmt::Display for Confidence {
    /// In percent, without the sign.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0 / 10)
    }
}

/// How an exchange belongs to the one that caused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeKind {
    /// The parent waited for it.
    Child,
    /// The parent was answered first: fire and forget.
    Link,
}

/// The edge from an exchange to the one that caused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinedEdge {
    /// The exchange that caused it.
    pub parent: SpanId,
    /// Why.
    pub rule: Rule,
    /// How sure.
    pub confidence: Confidence,
    /// Whether the parent waited.
    pub kind: EdgeKind,
}

/// News about an exchange: its edge is another one now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    /// The exchange.
    pub span: SpanId,
    /// The trace that it came with.
    pub trace: TraceId,
    /// Its edge, and the trace that the parent came with; `None`: nobody caused it, as far as is known.
    pub edge: Option<(JoinedEdge, TraceId)>,
}
