//! All there is to know of one span that a service told of itself.

use ratatui::text::{Line, Span as Words};

use super::Scene;
use super::exchange_details::{pair, spent};
use super::traces::safe;
use crate::telemetry::{AttributeValue, Attributes, Row, Span, SpanStatus};
use crate::text;
use crate::tui::draw::spread;
use crate::tui::theme::{Role, Theme};

/// Events and links that are told at most.
const TOLD: usize = 100;

pub(super) fn tell<'a>(
    scene: Scene<'_>,
    span: &Span,
    row: &Row,
    waited: Option<std::time::Duration>,
    room: u16,
) -> Vec<Line<'a>> {
    let theme = scene.theme;
    let pair = |name: &str, words: &str| pair(name, words, theme, room);
    let run = span.run.map_or(String::new(), |run| format!(" run #{run}"));
    let mut told = vec![
        pair(
            "span",
            &format!("{}{run}  {} {}", span.service, span.kind.name(), span.name),
        ),
        pair(
            "status",
            &match &span.status {
                SpanStatus::Unset => "well".to_owned(),
                SpanStatus::Ok => "ok".to_owned(),
                SpanStatus::Error(why) if why.is_empty() => "failed".to_owned(),
                SpanStatus::Error(why) => format!("failed: {why}"),
            },
        ),
    ];
    let at = scene.clock.local(span.started).strftime("%H:%M:%S%.3f");
    told.push(pair("time", &format!("{at}  {}", spent(row, waited))));
    if row.detached {
        told.push(pair(
            "joined",
            "by the trace alone: the span above it was not seen",
        ));
    }
    if !span.scope.name.is_empty() {
        let scope = &span.scope;
        told.push(pair(
            "told by",
            &format!("{} {}", scope.name, scope.version),
        ));
    }
    told.extend(attributes("·", &span.attributes, theme, room));
    for event in span.events.iter().take(TOLD) {
        let after = event.at.duration_since(span.started);
        let after = std::time::Duration::try_from(after).unwrap_or_default();
        told.push(pair(
            "event",
            &format!("{}  at {}", event.name, text::duration(after)),
        ));
        told.extend(attributes("  ·", &event.attributes, theme, room));
    }
    for link in span.links.iter().take(TOLD) {
        told.push(pair(
            "link",
            &format!("trace {} span {}", link.trace, link.span),
        ));
        told.extend(attributes("  ·", &link.attributes, theme, room));
    }
    told
}

fn attributes<'a>(
    sign: &'static str,
    attributes: &Attributes,
    theme: &Theme,
    room: u16,
) -> Vec<Line<'a>> {
    let line = |(name, value): (&str, &AttributeValue)| {
        let spans = vec![
            Words::styled(sign, theme.style(Role::Accent)),
            Words::styled(format!(" {}: ", safe(name)), theme.style(Role::Dim)),
            Words::styled(safe(&value.to_string()), theme.style(Role::Text)),
        ];
        spread(spans, Vec::new(), room)
    };
    attributes.iter().take(TOLD).map(line).collect()
}
