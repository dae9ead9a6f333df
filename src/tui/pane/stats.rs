//! What all services use, a row each, and below them the chosen one in pictures.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;

use super::Scene;
use crate::engine::ServiceState;
use crate::text;
use crate::tui::draw::{Title, clip, empty, sparkline, title};
use crate::tui::layout::{Pane, top};
use crate::tui::theme::{Role, Theme};
use crate::tui::trace_view::first_shown;
use crate::tui::use_of::{self, Gauge, NAMES};
use crate::tui::words;

/// Columns of mark, symbol and the spaces behind them.
const MARK: usize = 4;
/// Names take no more columns than this.
const WIDEST_NAME: usize = 18;
/// Columns of the figures: cpu, memory (with a sign where the limit is near), then four rates.
const FIGURES: [usize; 6] = [6, 8, 9, 9, 9, 9];
/// A picture in the table is at least this wide, and at most that.
const PICTURE: (usize, usize) = (5, 14);
/// Rows of the chosen service below the table: a space, its name, its gauges.
const CHOSEN: u16 = 2 + 6;

/// ```text
/// ▌Use  5 services ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ i all about orders
///     service    cpu           memory        received  sent     read  written
///   ● web        3.4 %  ▁▂▃▁▂  41 MB  ▄▄▄▄▄  1.2 KB/s  3 KB/s   0 B/s  0 B/s
/// ▸ ● orders     …
///
///   orders
///     cpu        3.4 %     ▁▂▃▁▂▁▂▁▁▂▃  of 2 cores
/// ```
pub(in crate::tui) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    scene: Scene<'_>,
    chosen: usize,
    focus: Pane,
) {
    let theme = scene.theme;
    let services = &scene.state.services;
    let all: Vec<(&ServiceState, Vec<Gauge>)> = services
        .values()
        .map(|service| (service, use_of::gauges(scene.telemetry, service)))
        .collect();
    let head = heading(scene, chosen);
    let body = title(frame, area, Pane::Details, head, focus, theme);
    if all.is_empty() {
        empty(frame, body, "The stack has no services.", theme);
        return;
    }
    let columns = Columns::fitting(&all, usize::from(body.width));
    let (header, rest) = top(body, 1);
    let (list, rest) = top(rest, list_rows(body.height, all.len()));
    frame.render_widget(Line::from(columns.header(theme)), header);
    let first = first_shown(chosen, usize::from(list.height), all.len());
    for ((at, (service, gauges)), row) in all.iter().enumerate().skip(first).zip(list.rows()) {
        if at == chosen {
            let whole = Rect {
                x: area.x,
                width: area.width,
                ..row
            };
            frame.render_widget(Block::new().style(theme.selection()), whole);
        }
        let line = columns.line(scene, (at, at == chosen), service, gauges);
        frame.render_widget(Line::from(clip(line, usize::from(row.width))), row);
    }
    let has_room = rest.height >= CHOSEN;
    if let Some((service, gauges)) = all.get(chosen).filter(|_| has_room) {
        below(frame, top(rest, 1).1, (scene, chosen), service, gauges);
    }
}

/// Rows of the list of so many services, in a pane that has so many below its title: all of them, or as many as fit, with
/// the chosen one below if some of them fit then too.
fn list_rows(height: u16, services: usize) -> u16 {
    let rows = u16::try_from(services).unwrap_or(u16::MAX);
    let room = height.saturating_sub(1);
    if room >= CHOSEN + rows.min(4) {
        rows.min(room - CHOSEN)
    } else {
        rows.min(room)
    }
}

/// The service in this line of a pane that has so many rows below its title.
pub(in crate::tui) fn service_at(
    (rows, chosen, services): (usize, usize, usize),
    line: usize,
) -> Option<usize> {
    let shown = usize::from(list_rows(u16::try_from(rows).unwrap_or(u16::MAX), services));
    let row = line.checked_sub(1).filter(|row| *row < shown)?;
    let at = first_shown(chosen, shown, services) + row;
    (at < services).then_some(at)
}

fn heading<'a>(scene: Scene<'_>, chosen: usize) -> Title<'a> {
    let theme = scene.theme;
    let mut head = Title {
        of: vec![Span::styled("what all use", theme.style(Role::Text))],
        ..Title::default()
    };
    if let Some((name, _)) = scene.state.services.get_index(chosen) {
        let words = format!("i  all about {name}");
        head.note = vec![Span::styled(words, theme.style(Role::Dim))];
    }
    head
}

/// Which figures the table has, and how wide the pictures beside them are.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Columns {
    name: usize,
    /// Columns of the picture behind each figure that is shown; 0: none.
    pictures: Vec<usize>,
}

impl Columns {
    /// As many figures as there is room for, then pictures for as many of them as there is room for.
    fn fitting(all: &[(&ServiceState, Vec<Gauge>)], room: usize) -> Self {
        let names = all.iter().map(|(service, _)| service.service.name.as_str());
        let widest = names
            .map(text::width)
            .max()
            .unwrap_or(0)
            .max("service".len());
        let name = widest.min(WIDEST_NAME).min((room / 3).max(7));
        let mut left = room.saturating_sub(MARK + name);
        let mut shown = 0;
        // Both ways of the network belong together, and so do both of the disks.
        for widths in [&FIGURES[..1], &FIGURES[1..2], &FIGURES[2..4], &FIGURES[4..]] {
            let wanted: usize = widths.iter().map(|width| width + 1).sum();
            let Some(rest) = left.checked_sub(wanted) else {
                break;
            };
            left = rest;
            shown += widths.len();
        }
        let mut pictures = vec![0; shown];
        let with = (left / (PICTURE.0 + 1)).min(shown);
        for picture in pictures.iter_mut().take(with) {
            *picture = (left / with - 1).min(PICTURE.1);
        }
        Self { name, pictures }
    }

    fn header<'a>(&self, theme: &Theme) -> Vec<Span<'a>> {
        let name = text::pad("service", self.name);
        let mut words = format!("{}{name}", " ".repeat(MARK));
        for ((name, width), picture) in NAMES.iter().zip(FIGURES).zip(&self.pictures) {
            let behind = if *picture > 0 { picture + 1 } else { 0 };
            words = format!("{words} {name:>width$}{}", " ".repeat(behind));
        }
        vec![Span::styled(words, theme.style(Role::Dim))]
    }

    fn line<'a>(
        &self,
        scene: Scene<'a>,
        (at, is_chosen): (usize, bool),
        service: &'a ServiceState,
        gauges: &[Gauge],
    ) -> Vec<Span<'a>> {
        let theme = scene.theme;
        let status = service.status();
        let mark = if is_chosen { "▸ " } else { "  " };
        let name = text::pad(service.service.name.as_str(), self.name);
        let mut spans = vec![
            Span::styled(mark, theme.style(Role::Accent)),
            Span::styled(words::symbol(status), theme.status(status)),
            Span::raw(" "),
            Span::styled(name, theme.series(at).bold()),
        ];
        if gauges.is_empty() {
            let words = if service.runs.is_empty() {
                format!("  {}", words::sentence(service, scene.now))
            } else {
                "  nothing measured yet".to_owned()
            };
            spans.push(Span::styled(words, theme.style(Role::Dim)));
        }
        for ((gauge, width), picture) in gauges.iter().zip(FIGURES).zip(&self.pictures) {
            let (newest, role) = match &gauge.newest {
                Ok(newest) if gauge.is_near => (format!("!{newest}"), Role::Failed),
                Ok(newest) => (newest.clone(), Role::Text),
                Err(_) => ("–".to_owned(), Role::Dim),
            };
            let figure = format!(" {newest:>width$}");
            spans.push(Span::styled(figure, theme.style(role)));
            if *picture > 0 {
                let bars = match gauge.newest {
                    Ok(_) => sparkline(&gauge.values, *picture, gauge.full(*picture)),
                    Err(_) => String::new(),
                };
                let words = format!(" {bars:<picture$}");
                spans.push(Span::styled(words, theme.style(Role::Dim)));
            }
        }
        spans
    }
}

/// The chosen service's gauges, a line each, with pictures as wide as there is room.
fn below(
    frame: &mut Frame<'_>,
    area: Rect,
    (scene, at): (Scene<'_>, usize),
    service: &ServiceState,
    gauges: &[Gauge],
) {
    let theme = scene.theme;
    let (head, list) = top(area, 1);
    let name = service.service.name.as_str();
    let head_line = Line::from(vec![
        Span::raw("  "),
        Span::styled(name, theme.series(at).bold()),
        Span::styled(
            format!("  {}", words::sentence(service, scene.now)),
            theme.style(Role::Dim),
        ),
    ]);
    frame.render_widget(head_line, head);
    let limits = gauges.iter().filter_map(|gauge| gauge.limit.as_ref());
    let limit = limits
        .map(|limit| text::width(limit) + 5)
        .max()
        .unwrap_or(0);
    let fixed = MARK + 10 + 10 + limit;
    let room = usize::from(list.width).saturating_sub(fixed).min(120);
    for (gauge, row) in gauges.iter().zip(list.rows()) {
        let mut spans = vec![
            Span::raw(" ".repeat(MARK)),
            Span::styled(format!("{:<10}", gauge.name), theme.style(Role::Dim)),
        ];
        match &gauge.newest {
            Ok(newest) => {
                let role = if gauge.is_near {
                    Role::Failed
                } else {
                    Role::Text
                };
                let bars = sparkline(&gauge.values, room, gauge.full(room));
                spans.extend([
                    Span::styled(format!("{newest:<9} "), theme.style(role)),
                    Span::styled(bars, theme.style(Role::Dim)),
                ]);
                if let Some(limit) = &gauge.limit {
                    let words = format!("  of {limit}");
                    spans.push(Span::styled(words, theme.style(Role::Dim)));
                }
            }
            Err(why) => spans.push(Span::styled(*why, theme.style(Role::Dim))),
        }
        frame.render_widget(Line::from(clip(spans, usize::from(row.width))), row);
    }
}
