//! Very many services: all of them in rows, layer by layer, and below them all that is known of the chosen one.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::card::{callers, card, name};
use super::{Scene, put};
use crate::engine::{ServiceState, Status};
use crate::stack::ServiceName;
use crate::text;
use crate::tui::draw::{clip, spans_width};
use crate::tui::layout::{bottom, top};
use crate::tui::service_map::MapNode;
use crate::tui::theme::Role;
use crate::tui::trace_view::first_shown;

/// Names are shown in at most so many columns, the word for the state in so many.
const WIDEST_NAME: usize = 18;
const WORD: usize = 11;

pub(super) fn render(
    frame: &mut Frame<'_>,
    body: Rect,
    scene: Scene<'_>,
    layers: &[Vec<MapNode>],
    chosen: Option<&ServiceName>,
) {
    let details = details(scene, layers, chosen, body.width);
    let wanted = u16::try_from(details.len() + 1).unwrap_or(u16::MAX);
    let (below, above) = bottom(body, wanted.min(body.height / 2));
    let (rows, cursor) = rows(scene, layers, chosen, body.width);
    let first = first_shown(cursor, usize::from(above.height), rows.len());
    for (row, area) in rows.into_iter().skip(first).zip(above.rows()) {
        frame.render_widget(row, area);
    }
    let (rule, below) = top(below, 1);
    let line = "─".repeat(usize::from(rule.width));
    frame.render_widget(Span::styled(line, scene.theme.style(Role::Border)), rule);
    put(frame, below, scene, details);
}

/// The card of the chosen service and its callers.
fn details(
    scene: Scene<'_>,
    layers: &[Vec<MapNode>],
    chosen: Option<&ServiceName>,
    room: u16,
) -> Vec<(bool, Line<'static>)> {
    let mut nodes = layers.iter().enumerate();
    let found = nodes.find_map(|(at, layer)| {
        let node = layer.iter().find(|node| Some(&node.name) == chosen)?;
        Some((at, node))
    });
    let Some((at, node)) = found else {
        return Vec::new();
    };
    let all: Vec<MapNode> = layers.iter().flatten().cloned().collect();
    let mut lines = card(scene, node, at + 1, room);
    lines.extend(callers(scene, &all, &node.name, room));
    let numbered = lines.into_iter().enumerate();
    numbered.map(|(row, line)| (row == 0, line)).collect()
}

/// The services in rows, a layer beginning a new one; and in which row the chosen one is.
fn rows(
    scene: Scene<'_>,
    layers: &[Vec<MapNode>],
    chosen: Option<&ServiceName>,
    room: u16,
) -> (Vec<Line<'static>>, usize) {
    let names = layers.iter().flatten();
    let widest = names.map(|node| text::width(node.name.as_str())).max();
    let widest = widest.unwrap_or(0).min(WIDEST_NAME);
    let cell = 2 + widest + 1 + WORD + 1;
    let front = 3;
    let room = usize::from(room);
    let in_row = (room.saturating_sub(front) / cell).max(1);
    let (mut rows, mut cursor) = (Vec::new(), 0);
    for (at, layer) in layers.iter().enumerate() {
        for (number, chunk) in layer.chunks(in_row).enumerate() {
            let label = if number == 0 {
                format!("{:>2} ", at + 1)
            } else {
                "   ".into()
            };
            let mut line = vec![Span::styled(label, scene.theme.style(Role::Border))];
            for node in chunk {
                let is_chosen = Some(&node.name) == chosen;
                if is_chosen {
                    cursor = rows.len();
                }
                line.extend(one(scene, node, widest, cell, is_chosen));
            }
            rows.push(Line::from(clip(line, room)));
        }
    }
    (rows, cursor)
}

fn one(
    scene: Scene<'_>,
    node: &MapNode,
    widest: usize,
    cell: usize,
    is_chosen: bool,
) -> Vec<Span<'static>> {
    let status = scene
        .state
        .services
        .get(&node.name)
        .map(ServiceState::status);
    let word = status.map_or("unknown", Status::word);
    let mut spans = clip(name(scene, &node.name), widest + 2);
    let gap = (widest + 3).saturating_sub(spans_width(&spans));
    spans.push(Span::raw(" ".repeat(gap)));
    spans.push(Span::styled(
        text::pad(word, WORD),
        scene.theme.style(Role::Dim),
    ));
    if is_chosen {
        for span in &mut spans {
            span.style = span.style.patch(scene.theme.selection());
        }
    }
    let missing = cell.saturating_sub(spans_width(&spans));
    spans.push(Span::raw(" ".repeat(missing)));
    spans
}
