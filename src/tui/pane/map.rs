//! The graph of services: in layers from callers to called, with how each is and what passes over each edge.

mod card;
mod grid;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;

use super::Scene;
use super::header::WINDOW;
use crate::stack::ServiceName;
use crate::tui::draw::{Title, empty, lines, title};
use crate::tui::layout::Pane;
use crate::tui::service_map::{MapNode, layers};
use crate::tui::theme::Role;
use crate::tui::trace_view::first_shown;

/// A layer needs so many columns to stand beside the others.
const LAYER: u16 = 33;

/// The services in layers, as they are drawn now.
fn layered(scene: Scene<'_>) -> Vec<Vec<MapNode>> {
    let now = scene.clock.timestamp(scene.now);
    let seen = scene.telemetry.exchanges().edges(WINDOW, now);
    layers(&scene.state.stack, seen)
}

/// ```text
///  layers side by side               in columns                       too many: a list, and the chosen one
/// ┌───────────┬──────────┬────────┐ ┌──────────────┬───────────────┐ ┌──────────────────────────────────┐
/// │ web       │ orders   │ db     │ │ web          │ seed          │ │ 1 ● web ready   ● admin ready    │
/// │  └─▶ …    │  └─▶ …   │        │ │  └─▶ …       │  └─▶ …        │ │ 2 ● orders …    ◌ seed …         │
/// │           │ seed     │        │ │ orders       │ db            │ ├──────────────────────────────────┤
/// │           │  └─▶ …   │        │ │  ├─▶ …       │               │ │ orders, its edges and callers    │
/// └───────────┴──────────┴────────┘ └──────────────┴───────────────┘ └──────────────────────────────────┘
/// ```
pub(in crate::tui) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    scene: Scene<'_>,
    chosen: Option<&ServiceName>,
    focus: Pane,
) {
    let theme = scene.theme;
    let layers = layered(scene);
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
    if width >= LAYER {
        side_by_side(frame, body, scene, &layers, chosen, width);
    } else if !in_columns(frame, body, scene, &layers, chosen) {
        grid::render(frame, body, scene, &layers, chosen);
    }
}

/// Each layer in a column of its own, scrolled so that the chosen service is seen.
fn side_by_side(
    frame: &mut Frame<'_>,
    body: Rect,
    scene: Scene<'_>,
    layers: &[Vec<MapNode>],
    chosen: Option<&ServiceName>,
    width: u16,
) {
    for ((at, layer), left) in layers.iter().enumerate().zip((0..).step_by(width.into())) {
        let last = at + 1 == layers.len();
        let column = Rect {
            x: body.x + left,
            width: width - u16::from(!last),
            ..body
        };
        let mut drawn: Vec<(bool, Line<'_>)> = Vec::new();
        let mut cursor = 0;
        for node in layer {
            let is_chosen = Some(&node.name) == chosen;
            if is_chosen {
                cursor = drawn.len();
            }
            for (row, line) in card::card(scene, node, at + 1, column.width)
                .into_iter()
                .enumerate()
            {
                drawn.push((is_chosen && row == 0, line));
            }
            drawn.push((false, Line::default()));
        }
        let first = first_shown(cursor, usize::from(column.height), drawn.len());
        put(frame, column, scene, drawn.into_iter().skip(first));
    }
}

/// Draws lines, some of them on the ground of what is chosen.
fn put<'a>(
    frame: &mut Frame<'_>,
    area: Rect,
    scene: Scene<'_>,
    drawn: impl IntoIterator<Item = (bool, Line<'a>)>,
) {
    for ((is_chosen, line), row) in drawn.into_iter().zip(area.rows()) {
        if is_chosen {
            let ground = Block::new().style(scene.theme.selection());
            frame.render_widget(ground, row);
        }
        lines(frame, row, [line]);
    }
}

/// All cards one after another in as many columns as there are; whether they fit.
fn in_columns(
    frame: &mut Frame<'_>,
    body: Rect,
    scene: Scene<'_>,
    layers: &[Vec<MapNode>],
    chosen: Option<&ServiceName>,
) -> bool {
    let columns = (body.width / LAYER).max(1);
    let width = body.width / columns;
    let cards: Vec<(bool, Vec<Line<'_>>)> = layers
        .iter()
        .enumerate()
        .flat_map(|(at, layer)| layer.iter().map(move |node| (at, node)))
        .map(|(at, node)| {
            let card = card::card(scene, node, at + 1, width - u16::from(columns > 1));
            (Some(&node.name) == chosen, card)
        })
        .collect();
    let heights: Vec<usize> = cards.iter().map(|(_, card)| card.len()).collect();
    let Some((places, space)) = flow(&heights, columns.into(), body.height.into()) else {
        return false;
    };
    let mut drawn: Vec<Vec<(bool, Line<'_>)>> = (0..columns).map(|_| Vec::new()).collect();
    for (column, (is_chosen, card)) in places.into_iter().zip(cards) {
        let column = &mut drawn[column];
        if space > 0 && !column.is_empty() {
            column.push((false, Line::default()));
        }
        let lines = card.into_iter().enumerate();
        column.extend(lines.map(|(row, line)| (is_chosen && row == 0, line)));
    }
    for (column, left) in drawn.into_iter().zip((0..).step_by(width.into())) {
        let area = Rect {
            x: body.x + left,
            width: width - u16::from(columns > 1),
            ..body
        };
        put(frame, area, scene, column);
    }
    true
}

/// In which column each of these cards stands, in their order, and how many empty lines are between two; `None` if they
/// do not fit. Columns are as even as can be.
fn flow(heights: &[usize], columns: usize, height: usize) -> Option<(Vec<usize>, usize)> {
    let packed = |limit: usize, space: usize| -> Option<Vec<usize>> {
        let (mut column, mut taken) = (0, 0);
        let mut places = Vec::with_capacity(heights.len());
        for card in heights {
            let wanted = if taken == 0 {
                *card
            } else {
                taken + space + card
            };
            if wanted <= limit {
                taken = wanted;
            } else {
                column += usize::from(taken > 0);
                taken = *card;
            }
            if column >= columns || taken > limit {
                return None;
            }
            places.push(column);
        }
        Some(places)
    };
    [1, 0].into_iter().find_map(|space| {
        let places = (0..=height).find_map(|limit| packed(limit, space))?;
        Some((places, space))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cards_stand_with_space_where_there_is_room() {
        assert_eq!(flow(&[2, 2, 2], 1, 8), Some((vec![0, 0, 0], 1)));
        assert_eq!(flow(&[2, 2, 2], 1, 7), Some((vec![0, 0, 0], 0)));
        assert_eq!(flow(&[2, 2, 2], 1, 5), None);
        assert_eq!(flow(&[3, 2, 2], 2, 20), Some((vec![0, 1, 1], 1)));
        assert_eq!(flow(&[], 1, 0), Some((vec![], 1)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_column_is_too_high(
            heights in prop::collection::vec(1..9_usize, 0..60),
            columns in 1..5_usize,
            height in 0..60_usize,
        ) {
            if let Some((places, space)) = flow(&heights, columns, height) {
                prop_assert_eq!(places.len(), heights.len());
                prop_assert!(places.is_sorted());
                for column in 0..columns {
                    let cards = places.iter().zip(&heights).filter(|(place, _)| **place == column);
                    let taken: Vec<usize> = cards.map(|(_, height)| *height).collect();
                    let whole = taken.iter().sum::<usize>() + space * taken.len().saturating_sub(1);
                    prop_assert!(whole <= height);
                }
            }
        }
    }
}
