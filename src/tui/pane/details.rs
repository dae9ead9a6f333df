//! All about the chosen service, in sections.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;

use super::Scene;
use crate::engine::ServiceState;
use crate::text;
use crate::tui::details::{self, Section, Source};
use crate::tui::details_view::{DetailsView, MARGIN, Row, label_width, rows};
use crate::tui::draw::{Title, body_width, clip, empty, title};
use crate::tui::layout::Pane;
use crate::tui::theme::{Role, Theme};
use crate::tui::trace_view::first_shown;

/// Pictures begin so many columns right of their values, if those are not longer.
const GAUGE: usize = 10;

impl<'a> From<Scene<'a>> for Source<'a> {
    fn from(scene: Scene<'a>) -> Self {
        Self {
            state: scene.state,
            telemetry: scene.telemetry,
            clock: scene.clock,
            now: scene.now,
        }
    }
}

/// ```text
/// ▌Details  orders ━━━━━━━━━━━━━━━━━━━━━━━━━━ i all services' use
///   Now
/// ▸   state      ● ready
///     run #2     ready since 14:03:21
///
///   Environment
///     LOG_LEVEL  debug
/// ```
pub(in crate::tui) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    scene: Scene<'_>,
    service: Option<(usize, &ServiceState)>,
    view: &DetailsView,
    focus: Pane,
) {
    let theme = scene.theme;
    let room = body_width(area.width);
    let shown = usize::from(area.height.saturating_sub(1));
    let sections = service.map(|(_, service)| details::sections(scene.into(), service));
    let sections = sections.unwrap_or_default();
    let rows = rows(&sections, usize::from(room));
    let first = first_row(&rows, view.cursor, shown);
    let mut head = Title::default();
    if let Some((at, service)) = service {
        let name = service.service.name.as_str();
        head.of = vec![Span::styled(name, theme.series(at).bold())];
        head.note = note((first, shown, rows.len()), room, theme);
    }
    let body = title(frame, area, Pane::Details, head, focus, theme);
    if sections.is_empty() {
        empty(frame, body, "The stack has no services.", theme);
        return;
    }
    let labels = labels(&sections, usize::from(room));
    let chosen = clamped(&rows, view.cursor);
    for (row, place) in rows.iter().skip(first).zip(body.rows()) {
        let is_chosen = matches!(row, Row::Piece { fact, .. } if *fact == chosen);
        if is_chosen && focus == Pane::Details {
            let whole = Rect {
                x: area.x,
                width: area.width,
                ..place
            };
            frame.render_widget(Block::new().style(theme.selection()), whole);
        }
        let line = line(row, &sections, &labels, is_chosen, view, theme);
        let line = Line::from(clip(line, usize::from(place.width)));
        frame.render_widget(line, place);
    }
}

/// Which part of the lines is seen, and what the same key leads to.
fn note<'a>((first, shown, all): (usize, usize, usize), room: u16, theme: &Theme) -> Vec<Span<'a>> {
    let mut words = "i  what all use".to_owned();
    if all > shown && room >= 60 {
        let last = (first + shown).min(all);
        words = format!("{}–{last} of {all}   {words}", first + 1);
    }
    vec![Span::styled(words, theme.style(Role::Dim))]
}

/// Which row of all is the first that is shown, so that the chosen fact is seen.
fn first_row(rows: &[Row<'_>], cursor: usize, shown: usize) -> usize {
    let cursor = clamped(rows, cursor);
    let is_it = |row: &Row<'_>| matches!(row, Row::Piece { fact, .. } if *fact == cursor);
    let at = rows.iter().position(is_it).unwrap_or(0);
    first_shown(at, shown, rows.len())
}

/// The cursor within what there is.
fn clamped(rows: &[Row<'_>], cursor: usize) -> usize {
    let last = rows.iter().rev().find_map(|row| match row {
        Row::Piece { fact, .. } => Some(*fact),
        Row::Space | Row::Title(_) => None,
    });
    cursor.min(last.unwrap_or(0))
}

/// The fact in this line of the pane, below its title.
pub(in crate::tui) fn fact_at(
    sections: &[Section],
    view: &DetailsView,
    (room, shown): (usize, usize),
    line: usize,
) -> Option<usize> {
    let rows = rows(sections, room);
    let first = first_row(&rows, view.cursor, shown);
    match rows.get(first + line)? {
        Row::Piece { fact, .. } => Some(*fact),
        Row::Space | Row::Title(_) => None,
    }
}

/// For each fact, how wide the labels of its section are.
fn labels(sections: &[Section], room: usize) -> Vec<usize> {
    let widths = sections.iter().flat_map(|section| {
        let width = label_width(section, room);
        section.facts.iter().map(move |_| width)
    });
    widths.collect()
}

fn line<'a>(
    row: &Row<'_>,
    sections: &[Section],
    labels: &[usize],
    is_chosen: bool,
    view: &DetailsView,
    theme: &Theme,
) -> Vec<Span<'a>> {
    match row {
        Row::Space => Vec::new(),
        Row::Title(words) => vec![Span::styled(*words, theme.style(Role::Strong))],
        Row::Piece {
            fact,
            first,
            label,
            piece,
        } => {
            let mark = if is_chosen && *first { "▸ " } else { "  " };
            let label = text::plain(label.as_bytes());
            let width = labels.get(*fact).copied().unwrap_or(1);
            let gap = width.saturating_sub(text::width(&label)).max(2);
            let facts = sections.iter().flat_map(|section| &section.facts);
            let told = facts.clone().nth(*fact);
            let role = told.map_or(Role::Text, |told| told.role);
            debug_assert_eq!(text::width(mark), MARGIN);
            let mut spans = vec![
                Span::styled(mark, theme.style(Role::Accent)),
                Span::styled(label, theme.style(Role::Dim)),
                Span::raw(" ".repeat(gap)),
                Span::styled(piece.clone(), theme.style(role)),
            ];
            if let Some(picture) = told.map(|told| &told.picture).filter(|it| !it.is_empty()) {
                let gap = GAUGE.saturating_sub(text::width(piece)).max(1);
                spans.push(Span::raw(" ".repeat(gap)));
                spans.push(Span::styled(picture.clone(), theme.style(Role::Dim)));
            }
            let is_hit =
                !view.searched.is_empty() && told.is_some_and(|told| told.has(&view.searched));
            if is_hit {
                for span in &mut spans[1..] {
                    span.style = span.style.underlined();
                }
            }
            spans
        }
    }
}
