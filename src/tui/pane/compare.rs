//! Two traces side by side, aligned: what took longer, and what only one of them has.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Scene;
use super::traces::{asked, safe, select, status};
use super::waterfall::whole;
use crate::telemetry::{Pair, Row};
use crate::text;
use crate::tui::compare_view::Comparison;
use crate::tui::draw::{Title, clip, empty, lines, spans_width, spread, title};
use crate::tui::layout::{Pane, bottom, top};
use crate::tui::theme::{Role, Theme};
use crate::tui::trace_view::{bar, first_shown};

pub(in crate::tui) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    scene: Scene<'_>,
    view: &Comparison,
    focus: Pane,
) {
    let theme = scene.theme;
    let side = |side: fn(&Pair) -> Option<&Row>| {
        let rows = view.pairs.iter().filter_map(side);
        whole(rows)
    };
    let left = side(|pair| pair.left.as_ref());
    let right = side(|pair| pair.right.as_ref());
    let words = format!(
        "A {} {}  and  B {} {}",
        &view.left.to_string()[..8],
        text::duration(left),
        &view.right.to_string()[..8],
        text::duration(right),
    );
    let head = Title {
        of: vec![Span::styled(words, theme.style(Role::Strong))],
        note: vec![Span::styled(
            difference(left, right),
            theme.style(Role::Dim),
        )],
    };
    let body = title(frame, area, Pane::Traces, head, focus, theme);
    let Some(chosen) = view.pairs.get(view.at) else {
        empty(
            frame,
            body,
            "Neither trace is kept any more. Esc goes back.",
            theme,
        );
        return;
    };
    let wanted = u16::try_from(view.pairs.len() + 1).unwrap_or(u16::MAX);
    let (rows, below) = top(body, wanted.min((body.height * 2 / 3).max(3)));
    draw_pairs(
        frame,
        rows,
        area,
        scene,
        view,
        left.max(right).as_secs_f64(),
    );
    if below.height >= 2 {
        let (details, _) = bottom(below, below.height - 1);
        lines(frame, details, tell(chosen, theme, details.width));
    }
}

/// Columns of a time, with the space before it.
const TIME: usize = 9;

fn draw_pairs(
    frame: &mut Frame<'_>,
    body: Rect,
    pane: Rect,
    scene: Scene<'_>,
    view: &Comparison,
    whole: f64,
) {
    let theme = scene.theme;
    let room = usize::from(body.width);
    let times = if room >= 44 { 3 * TIME + 2 } else { TIME + 2 };
    let words = (room * 2 / 5).clamp(12, 44).min(room);
    let axis = u16::try_from(room.saturating_sub(words + times)).unwrap_or(0);
    let (ruler, body) = top(body, 1);
    let mut names = vec![Span::raw(" ".repeat(words))];
    if room >= 44 {
        names.push(Span::styled(
            format!("{:>TIME$}{:>TIME$}", "A", "B"),
            theme.style(Role::Dim),
        ));
    }
    names.push(Span::styled(
        format!("{:>TIME$}  ", "B − A"),
        theme.style(Role::Dim),
    ));
    names.push(Span::styled("▀ A   ▄ B   █ both", theme.style(Role::Dim)));
    frame.render_widget(Line::from(clip(names, room)), ruler);
    let first = first_shown(view.at, usize::from(body.height), view.pairs.len());
    for ((at, pair), row) in view.pairs.iter().enumerate().skip(first).zip(body.rows()) {
        if at == view.at {
            select(frame, pane, row, theme);
        }
        let mut spans = label(scene, pair, words);
        if room >= 44 {
            for side in [&pair.left, &pair.right] {
                let time = side
                    .as_ref()
                    .map_or("–".into(), |row| text::duration(row.what.took()));
                spans.push(Span::styled(
                    format!("{time:>TIME$}"),
                    theme.style(Role::Text),
                ));
            }
        }
        let (words, role) = verdict(pair);
        spans.push(Span::styled(format!("{words:>TIME$}  "), theme.style(role)));
        let place = pair
            .either()
            .and_then(|row| scene.state.services.get_index_of(row.what.service()));
        let style = theme.series(place.unwrap_or(0));
        spans.push(Span::styled(bars(pair, whole, axis), style));
        frame.render_widget(Line::from(clip(spans, room)), row);
    }
}

fn label<'a>(scene: Scene<'_>, pair: &Pair, room: usize) -> Vec<Span<'a>> {
    let theme = scene.theme;
    let Some(row) = pair.either() else {
        return Vec::new();
    };
    let place = scene.state.services.get_index_of(row.what.service());
    let (how, what) = asked(&row.what);
    let sign = match (&pair.left, &pair.right) {
        (Some(_), None) => Span::styled("A only ", theme.style(Role::Waiting)),
        (None, Some(_)) => Span::styled("B only ", theme.style(Role::Waiting)),
        _ => Span::raw(""),
    };
    let mut spans = clip(
        vec![
            Span::raw("  ".repeat(pair.depth.min(room / 6))),
            sign,
            Span::styled(
                row.what.service().to_string(),
                theme.series(place.unwrap_or(0)).bold(),
            ),
            Span::styled(
                format!("  {} {}", safe(how), safe(what)),
                theme.style(Role::Dim),
            ),
        ],
        room.saturating_sub(1),
    );
    let gap = room.saturating_sub(spans_width(&spans));
    spans.push(Span::raw(" ".repeat(gap)));
    spans
}

/// How much longer the second took; slower by a tenth and a millisecond is worth a sign.
fn verdict(pair: &Pair) -> (String, Role) {
    let (Some(left), Some(right)) = (&pair.left, &pair.right) else {
        return (String::new(), Role::Dim);
    };
    let (left, right) = (left.what.took(), right.what.took());
    let apart = left.abs_diff(right);
    let matters = apart > Duration::from_millis(1) && apart > left / 10;
    let role = match (matters, right > left) {
        (false, _) => Role::Dim,
        (true, true) => Role::Failed,
        (true, false) => Role::Ready,
    };
    (difference(left, right), role)
}

fn difference(left: Duration, right: Duration) -> String {
    let sign = match right.cmp(&left) {
        std::cmp::Ordering::Less => "−",
        std::cmp::Ordering::Equal => "±",
        std::cmp::Ordering::Greater => "+",
    };
    format!("{sign}{}", text::duration(left.abs_diff(right)))
}

/// Both bars in one row: the first in its upper half, the second in its lower half.
fn bars(pair: &Pair, whole: f64, axis: u16) -> String {
    let reach = |row: &Option<Row>| row.as_ref().map_or((0, 0), |row| bar(row, whole, axis));
    let (left, right) = (reach(&pair.left), reach(&pair.right));
    let inside = |(from, to): (u16, u16), at: u16| from <= at && at < to;
    let cell = |at: u16| match (inside(left, at), inside(right, at)) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    };
    (0..axis).map(cell).collect()
}

fn tell<'a>(pair: &Pair, theme: &Theme, room: u16) -> Vec<Line<'a>> {
    let side = |name: &'static str, row: Option<&Row>| {
        let mut spans = vec![Span::styled(format!("{name}  "), theme.style(Role::Dim))];
        match row {
            None => spans.push(Span::styled("has no such call", theme.style(Role::Waiting))),
            Some(row) => {
                let (how, what) = asked(&row.what);
                let (sign, style) = status(&row.what, theme);
                let words = format!(
                    "  {} {}  from {} on, took {}, {} of it itself",
                    safe(how),
                    safe(what),
                    text::duration(row.offset),
                    text::duration(row.what.took()),
                    text::duration(row.self_time),
                );
                spans.push(Span::styled(sign, style));
                spans.push(Span::styled(words, theme.style(Role::Text)));
            }
        }
        spread(spans, Vec::new(), room)
    };
    vec![
        side("A", pair.left.as_ref()),
        side("B", pair.right.as_ref()),
    ]
}
