//! The map of services: in layers from callers to called, with what passes over each edge.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Scene;
use super::header::WINDOW;
use crate::engine::ServiceState;
use crate::stack::ServiceName;
use crate::telemetry::{EdgeRates, Rates};
use crate::text;
use crate::tui::draw::{Title, clip, empty, lines, title};
use crate::tui::layout::Pane;
use crate::tui::service_map::{MapEdge, MapNode, layers};
use crate::tui::theme::{Role, Theme};
use crate::tui::words;

/// A layer needs so many columns to stand beside the others; where there is less room they stand below each other.
const LAYER: u16 = 33;

pub(in crate::tui) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    scene: Scene<'_>,
    scrolled: usize,
    focus: Pane,
) {
    let theme = scene.theme;
    let now = scene.clock.timestamp(scene.now);
    let seen = scene.telemetry.exchanges().edges(WINDOW, now);
    let layers = layers(&scene.state.stack, seen);
    let words = format!(
        "{} s, p50/p95   ▷ not observed   + not declared   ↯ fault on purpose",
        WINDOW.as_secs()
    );
    let head = Title {
        of: vec![Span::styled("map of services", theme.style(Role::Strong))],
        note: vec![Span::styled(words, theme.style(Role::Dim))],
    };
    let body = title(frame, area, Pane::Traces, head, focus, theme);
    if layers.is_empty() {
        empty(frame, body, "The stack has no services.", theme);
        return;
    }
    let count = u16::try_from(layers.len()).unwrap_or(u16::MAX);
    let width = body.width / count;
    if width < LAYER {
        let nodes = layers.iter().flatten();
        let drawn: Vec<Line<'_>> = nodes.flat_map(|one| card(scene, one, body.width)).collect();
        let first = scrolled.min(drawn.len().saturating_sub(usize::from(body.height)));
        lines(frame, body, drawn.into_iter().skip(first));
        return;
    }
    for (layer, at) in layers.iter().zip(0..count) {
        let column = Rect {
            x: body.x + at * width,
            width: width - u16::from(at + 1 < count),
            ..body
        };
        let nodes = layer.iter();
        let drawn: Vec<Line<'_>> = nodes
            .flat_map(|one| card(scene, one, column.width))
            .collect();
        let first = scrolled.min(drawn.len().saturating_sub(usize::from(column.height)));
        lines(frame, column, drawn.into_iter().skip(first));
    }
}

/// A service, what enters it from outside, and its calls.
fn card<'a>(scene: Scene<'_>, node: &MapNode, room: u16) -> Vec<Line<'a>> {
    let theme = scene.theme;
    let room = usize::from(room);
    let place = scene.state.services.get_index_of(&node.name);
    let status = scene
        .state
        .services
        .get(&node.name)
        .map(ServiceState::status);
    let symbol = status.map_or(Span::raw("  "), |status| {
        Span::styled(format!("{} ", words::symbol(status)), theme.status(status))
    });
    let name = theme.series(place.unwrap_or(0)).bold();
    let mut card = vec![Line::from(clip(
        vec![symbol, Span::styled(node.name.to_string(), name)],
        room,
    ))];
    if let Some(entered) = &node.entered {
        let words = Span::styled("⇢ outside ", theme.style(Role::Dim));
        let mut spans = vec![Span::raw(" "), words];
        spans.extend(fault(scene, None, &node.name));
        spans.extend(traffic(entered, theme));
        card.push(Line::from(clip(spans, room)));
    }
    let width = node
        .calls
        .iter()
        .map(|call| text::width(call.callee.as_str()));
    let width = width.max().unwrap_or(0).min(18);
    for (at, call) in node.calls.iter().enumerate() {
        let last = at + 1 == node.calls.len();
        let spans = edge(scene, &node.name, call, width, last);
        card.push(Line::from(clip(spans, room)));
    }
    card.push(Line::default());
    card
}

/// One call: a full arrow if it was seen, a hollow one if the stack file alone says so.
fn edge<'a>(
    scene: Scene<'_>,
    caller: &ServiceName,
    call: &MapEdge,
    width: usize,
    last: bool,
) -> Vec<Span<'a>> {
    let theme = scene.theme;
    let branch = if last { " └" } else { " ├" };
    let arrow = if call.seen.is_some() {
        "─▶ "
    } else {
        "╌▷ "
    };
    let place = scene.state.services.get_index_of(&call.callee);
    let name = text::pad(text::cut(call.callee.as_str(), width), width);
    let mut spans = vec![
        Span::styled(branch, theme.style(Role::Border)),
        Span::styled(arrow, theme.style(Role::Dim)),
        Span::styled(name, theme.series(place.unwrap_or(0))),
        Span::raw(" "),
    ];
    spans.extend(fault(scene, Some(caller), &call.callee));
    match &call.seen {
        None => spans.push(Span::styled(
            "declared, not observed",
            theme.style(Role::Dim),
        )),
        Some(seen) => {
            if !call.declared {
                spans.push(Span::styled("+ ", theme.style(Role::Waiting).bold()));
            }
            spans.extend(traffic(seen, theme));
        }
    }
    spans
}

/// The sign of something that is done on purpose to the requests of an edge.
fn fault<'a>(scene: Scene<'_>, from: Option<&ServiceName>, to: &ServiceName) -> Option<Span<'a>> {
    let mut faults = scene.state.faults.of(to).iter();
    faults
        .any(|fault| fault.concerns(from))
        .then(|| Span::styled("↯ ", scene.theme.style(Role::Waiting).bold()))
}

/// How often, how fast, how well; or how often in all, if nothing passed lately.
fn traffic<'a>(edge: &EdgeRates, theme: &Theme) -> Vec<Span<'a>> {
    let rates = &edge.rates;
    if rates.requests == 0 {
        return vec![Span::styled(
            format!("quiet, {} in all", edge.seen),
            theme.style(Role::Dim),
        )];
    }
    let mut spans = vec![Span::styled(
        format!("{}/s ", per_second(rates)),
        theme.style(Role::Text),
    )];
    if rates.errors > 0.0 {
        spans.push(Span::styled(
            format!("✗{:.0} % ", (rates.errors * 100.0).max(1.0)),
            theme.style(Role::Failed).bold(),
        ));
    }
    spans.push(Span::styled(times(rates), theme.style(Role::Dim)));
    spans
}

/// Both times, the unit once if it is the same.
fn times(rates: &Rates) -> String {
    let (p50, p95) = (text::duration(rates.p50), text::duration(rates.p95));
    match (p50.split_once(' '), p95.split_once(' ')) {
        (Some((half, unit)), Some((_, same))) if unit == same => format!("{half}/{p95}"),
        _ => format!("{p50}/{p95}"),
    }
}

fn per_second(rates: &Rates) -> String {
    if rates.per_second < 9.95 {
        format!("{:.1}", rates.per_second)
    } else {
        format!("{:.0}", rates.per_second)
    }
}
