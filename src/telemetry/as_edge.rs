//! What joining found of an exchange, on the span as which it is written into files, and back: a link that other programs
//! follow, and attributes that say by which rule and how sure.

use super::attribute::{AttributeValue, Attributes};
use super::exchange::{SpanId, TraceId};
use super::join::{Confidence, EdgeKind, Joined, JoinedEdge, Rule};
use super::span::{Span, SpanLink};

const TRACE: &str = "boatyard.joined.trace";
const PARENT: &str = "boatyard.joined.span";
const RULE: &str = "boatyard.joined.rule";
const CONFIDENCE: &str = "boatyard.joined.confidence";
const KIND: &str = "boatyard.joined.kind";

/// Writes an edge onto the span of its exchange.
pub fn put_edge(span: &mut Span, edge: &JoinedEdge, above: TraceId) {
    let text = |text: &str| AttributeValue::Text(text.to_owned());
    let kind = match edge.kind {
        EdgeKind::Child => "child",
        EdgeKind::Link => "link",
    };
    span.links.push(SpanLink {
        trace: above,
        span: edge.parent,
        attributes: Attributes::default(),
    });
    let said = [
        (TRACE, text(&above.to_string())),
        (PARENT, text(&edge.parent.to_string())),
        (RULE, text(edge.rule.name())),
        (CONFIDENCE, AttributeValue::Double(edge.confidence.share())),
        (KIND, text(kind)),
    ];
    let said = said.map(|(name, value)| (name.to_owned(), value));
    // It may come from a file in which another edge stood.
    let attributes = &mut span.attributes.0;
    attributes.retain(|(known, _)| said.iter().all(|(name, _)| name != known));
    span.attributes.0.extend(said);
}

/// The edge that was written onto this span, if one was.
pub fn edge_of(span: &Span) -> Option<Joined> {
    let text = |name| span.attributes.text(name);
    let above = TraceId::parse(text(TRACE)?)?;
    let confidence = match span.attributes.get(CONFIDENCE) {
        Some(AttributeValue::Double(share)) => *share,
        // A whole number is written as one.
        Some(AttributeValue::Int(share)) => *share as f64,
        _ => return None,
    };
    let edge = JoinedEdge {
        parent: SpanId::parse(text(PARENT)?)?,
        rule: Rule::named(text(RULE)?)?,
        // Half of the smallest step: it was written as a decimal number.
        confidence: Confidence::of(confidence + 0.0005),
        kind: match text(KIND)? {
            "link" => EdgeKind::Link,
            _ => EdgeKind::Child,
        },
    };
    if edge.parent == span.span {
        return None;
    }
    Some(Joined {
        span: span.span,
        trace: span.trace,
        edge: Some((edge, above)),
    })
}
