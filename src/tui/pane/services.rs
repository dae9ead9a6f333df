//! The services: each with a symbol, a word, and what it is asked and how fast it answers, or what it waits for.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;
use ratatui::widgets::Block;

use super::Scene;
use super::header::WINDOW;
use crate::engine::{ServiceState, Status};
use crate::stack::{ServiceName, WatchMode};
use crate::telemetry::Rates;
use crate::text;
use crate::tui::draw::{Title, empty, spread, title};
use crate::tui::layout::Pane;
use crate::tui::theme::Role;
use crate::tui::trace_view::first_shown;
use crate::tui::words;

/// Names take no more columns than this.
const WIDEST_NAME: usize = 18;

pub(in crate::tui) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    scene: Scene<'_>,
    chosen: usize,
    marked: &[ServiceName],
    focus: Pane,
) {
    let services = &scene.state.services;
    let rows = usize::from(area.height.saturating_sub(1));
    let first = first_shown(chosen, rows, services.len());
    let hidden = services.len().saturating_sub(rows);
    let mut head = Title::default();
    if hidden > 0 {
        let words = format!(
            "{}–{} of {}",
            first + 1,
            services.len().min(first + rows),
            services.len()
        );
        head.note = vec![Span::styled(words, scene.theme.style(Role::Dim))];
    }
    let body = title(frame, area, Pane::Services, head, focus, scene.theme);
    if services.is_empty() {
        let words =
            "The stack has no services. Add one to its stack file: it is read again when saved.";
        empty(frame, body, words, scene.theme);
        return;
    }
    let name_width = services
        .keys()
        .map(|name| text::width(name.as_str()))
        .max()
        .unwrap_or(0)
        .min(WIDEST_NAME);
    let shown = services.values().enumerate().skip(first);
    for ((at, service), row) in shown.zip(body.rows()) {
        // The row's ground reaches from edge to edge.
        let whole = Rect {
            x: area.x,
            width: area.width,
            ..row
        };
        if at == chosen {
            frame.render_widget(Block::new().style(scene.theme.selection()), whole);
        }
        let (mut left, right) = line(scene, service, at, name_width, row.width);
        if marked.contains(&service.service.name) {
            left[1] = Span::styled("◆", scene.theme.style(Role::Accent));
        }
        frame.render_widget(spread(left, right, row.width), row);
        if at == chosen {
            let mark = Span::styled("▸", scene.theme.style(Role::Accent));
            frame.render_widget(
                mark,
                Rect {
                    width: 1.min(area.width),
                    ..whole
                },
            );
        }
    }
}

fn line<'a>(
    scene: Scene<'a>,
    service: &'a ServiceState,
    place: usize,
    name_width: usize,
    room: u16,
) -> (Vec<Span<'a>>, Vec<Span<'a>>) {
    let theme = scene.theme;
    let status = service.status();
    let style = theme.status(status);
    let (standing, age) = words::standing(service, scene.now);
    let name = text::pad(service.service.name.as_str(), name_width);
    let weight = match status {
        Status::Failed { .. } | Status::Unhealthy => style.bold(),
        _ => style,
    };
    let mut left = vec![
        Span::styled(words::symbol(status), weight),
        Span::raw(" "),
        Span::styled(name, theme.series(place).patch(Style::new().bold())),
        Span::raw("  "),
        Span::styled(standing, weight),
    ];
    if service.mode == WatchMode::Manual && service.waiting.is_none() {
        left.push(Span::styled("  manual", theme.style(Role::Dim)));
    }
    let mut right = waiting(scene, service);
    right.extend(match age {
        Some(age) => vec![Span::styled(words::age(age), theme.style(Role::Dim))],
        None if status == Status::Ready && right.is_empty() => figures(scene, service, room),
        None => Vec::new(),
    });
    (left, right)
}

/// Edits that wait to be applied, and requests that are held.
fn waiting<'a>(scene: Scene<'_>, service: &ServiceState) -> Vec<Span<'a>> {
    let held = scene.telemetry.held().of(&service.service.name);
    let held = held.map(|held| format!("held {}", held.now));
    let words = words::edits(service).into_iter().chain(held);
    let style = scene.theme.style(Role::Waiting);
    words
        .map(|words| Span::styled(format!("{words}  "), style))
        .collect()
}

/// How often it is asked and how fast it answers, when there is room and something to tell.
fn figures<'a>(scene: Scene<'_>, service: &ServiceState, room: u16) -> Vec<Span<'a>> {
    let theme = scene.theme;
    let now = scene.clock.timestamp(scene.now);
    let rates = scene
        .telemetry
        .exchanges()
        .rates(&service.service.name, WINDOW, now);
    if rates.requests == 0 || room < 34 {
        return Vec::new();
    }
    let mut spans = Vec::new();
    if rates.errors > 0.0 && room >= 48 {
        let errors = format!("✗ {:.0} %  ", (rates.errors * 100.0).max(1.0));
        spans.push(Span::styled(errors, theme.style(Role::Failed)));
    }
    spans.push(Span::styled(per_second(&rates), theme.style(Role::Text)));
    spans.push(Span::styled("/s", theme.style(Role::Dim)));
    let p95 = format!("{:>8}", text::duration(rates.p95));
    spans.push(Span::styled(p95, theme.style(Role::Dim)));
    spans
}

fn per_second(rates: &Rates) -> String {
    if rates.per_second < 9.95 {
        format!("{:.1}", rates.per_second)
    } else {
        format!("{:.0}", rates.per_second)
    }
}
