//! What services do to each other: the newest traces, a line each.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;
use ratatui::widgets::Block;

use super::Scene;
use crate::telemetry::{ExchangeStatus, TraceSummary, What};
use crate::text;
use crate::tui::draw::{Title, empty, spans_width, spread, title};
use crate::tui::layout::Pane;
use crate::tui::theme::{Role, Theme};
use crate::tui::trace_view::{Chosen, TraceView, first_shown};

pub(in crate::tui) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    scene: Scene<'_>,
    view: &TraceView,
    focus: Pane,
) {
    let theme = scene.theme;
    let list = view.listed();
    let body = title(frame, area, Pane::Traces, head(scene, view), focus, theme);
    if list.is_empty() {
        empty(frame, body, &why_empty(scene, view), theme);
        return;
    }
    let chosen = view.index();
    let first = first_shown(chosen, usize::from(body.height), list.len());
    let shown = list.iter().enumerate().skip(first);
    for ((at, trace), row) in shown.zip(body.rows()) {
        if at == chosen && focus == Pane::Traces {
            select(frame, area, row, theme);
        }
        let (mut left, right) = line(scene, trace, row.width);
        if view.marked == Some(trace.trace) {
            left.insert(0, Span::styled("A ", theme.style(Role::Accent).bold()));
        }
        frame.render_widget(spread(left, right, row.width), row);
    }
}

/// What is listed, and whether it follows.
fn head<'a>(scene: Scene<'_>, view: &'a TraceView) -> Title<'a> {
    let theme = scene.theme;
    let mut head = Title::default();
    if !view.filtered().is_empty() {
        head.of = vec![
            Span::styled("only ", theme.style(Role::Dim)),
            Span::styled(view.filtered(), theme.style(Role::Accent)),
        ];
    }
    if view.with_probes {
        let words = Span::styled("  with health questions", theme.style(Role::Dim));
        head.of.push(words);
    }
    let mut note = Vec::new();
    let dropped = scene.telemetry.exchanges().dropped() + scene.telemetry.spans().dropped();
    if dropped > 0 {
        note.push(Span::styled(
            format!("{dropped} older parts dropped   "),
            theme.style(Role::Dim),
        ));
    }
    note.push(match (view.chosen, view.new_above()) {
        (Chosen::Newest, _) => Span::styled("newest first", theme.style(Role::Dim)),
        (Chosen::Trace(_), 0) => Span::styled("paused", theme.style(Role::Waiting)),
        (Chosen::Trace(_), new) => Span::styled(
            format!("paused, {new} new above"),
            theme.style(Role::Waiting),
        ),
    });
    if !view.listed().is_empty() || view.chosen != Chosen::Newest {
        head.note = note;
    }
    head
}

/// Marks a row as the chosen one, from edge to edge of its pane.
pub(in crate::tui) fn select(frame: &mut Frame<'_>, pane: Rect, row: Rect, theme: &Theme) {
    let whole = Rect {
        x: pane.x,
        width: pane.width,
        ..row
    };
    frame.render_widget(Block::new().style(theme.selection()), whole);
    let mark = Rect {
        width: 1.min(whole.width),
        ..whole
    };
    frame.render_widget(Span::styled("▸", theme.style(Role::Accent)), mark);
}

fn why_empty(scene: Scene<'_>, view: &TraceView) -> String {
    if !view.filtered().is_empty() && !view.is_complete() {
        return format!("Looking for “{}” in older requests…", view.filtered());
    }
    if !view.filtered().is_empty() {
        return format!(
            "No request passes “{}”. f changes the filter.",
            view.filtered()
        );
    }
    let known = scene.telemetry.whereabouts();
    let mut doors = scene.state.services.values().flat_map(|service| {
        let ports = service.service.ports.iter();
        ports.map(|port| (&service.service.name, port))
    });
    // Where it is, which may be elsewhere than the stack file says.
    let port = doors.find_map(|(name, port)| {
        let open = known.door(name, port.container).map(|open| open.port());
        port.host.map(|host| open.unwrap_or(host))
    });
    match port {
        Some(port) => format!("No requests yet. Try http://127.0.0.1:{port}/"),
        None => "No requests yet, and no service has a front door (`ports`).".into(),
    }
}

fn line<'a>(scene: Scene<'_>, trace: &TraceSummary, room: u16) -> (Vec<Span<'a>>, Vec<Span<'a>>) {
    let theme = scene.theme;
    let first = &trace.root;
    let (how, what) = asked(first);
    let at = scene.clock.local(trace.started);
    let form = if room < 72 {
        "%H:%M:%S "
    } else {
        "%H:%M:%S%.3f "
    };
    let left = vec![
        Span::styled(at.strftime(form).to_string(), theme.style(Role::Dim)),
        Span::styled(format!("{:<5}", safe(how)), theme.style(Role::Dim)),
        Span::styled(safe(what), theme.style(Role::Text)),
    ];
    let mut right = Vec::new();
    if room >= 56 {
        right = through(trace, theme, usize::from(room) * 2 / 5);
        right.push(Span::raw("  "));
    }
    let (status, style) = status(first, theme);
    right.push(Span::styled(status, style));
    // A call further in that failed is an error of the trace, though the caller may have made good for it.
    let inner = trace.errors > 0 && !first.is_error();
    right.push(if inner {
        Span::styled("✗", theme.style(Role::Failed))
    } else {
        Span::raw(" ")
    });
    let took = format!("{:>8}", text::duration(trace.duration));
    right.push(Span::styled(took, theme.style(Role::Strong).not_bold()));
    (left, right)
}

/// The services it passed, in order.
fn through<'a>(trace: &TraceSummary, theme: &Theme, room: usize) -> Vec<Span<'a>> {
    let mut spans = Vec::new();
    for (at, name) in trace.services.iter().enumerate() {
        if at > 0 {
            spans.push(Span::styled("→", theme.style(Role::Dim)));
        }
        spans.push(Span::styled(name.to_string(), theme.style(Role::Dim)));
    }
    if spans_width(&spans) > room {
        let words = format!("{} services", trace.services.len());
        return vec![Span::styled(words, theme.style(Role::Dim))];
    }
    spans
}

/// How a part of a trace ended, in four columns, with a sign wherever it did not go well.
pub(in crate::tui) fn status(part: &What, theme: &Theme) -> (String, Style) {
    let exchange = match part {
        What::Exchange(exchange) => exchange,
        What::Span(span) => {
            return match span.http_status() {
                Some(code) => http(code, span.is_error(), theme),
                None if span.is_error() => ("✗err".into(), theme.style(Role::Failed).bold()),
                None => ("    ".into(), theme.style(Role::Dim)),
            };
        }
    };
    match &exchange.status {
        ExchangeStatus::Http(code) => http(*code, false, theme),
        ExchangeStatus::Grpc(0) => (" ok ".into(), theme.style(Role::Ready)),
        ExchangeStatus::Grpc(code) if exchange.is_error() => {
            (format!("✗g{code:<2}"), theme.style(Role::Failed).bold())
        }
        ExchangeStatus::Grpc(code) => (format!("!g{code:<2}"), theme.style(Role::Waiting)),
        ExchangeStatus::CallerLeft => ("left".into(), theme.style(Role::Waiting)),
        ExchangeStatus::Failed(_) => ("✗ no".into(), theme.style(Role::Failed).bold()),
        ExchangeStatus::Bytes => (" tcp".into(), theme.style(Role::Dim)),
        ExchangeStatus::Open => (" …  ".into(), theme.style(Role::Busy)),
    }
}

fn http(code: u16, failed: bool, theme: &Theme) -> (String, Style) {
    match code {
        500.. => (format!("✗{code:<3}"), theme.style(Role::Failed).bold()),
        _ if failed => (format!("✗{code:<3}"), theme.style(Role::Failed).bold()),
        400.. => (format!("!{code}"), theme.style(Role::Waiting)),
        _ => (format!(" {code:<3}"), theme.style(Role::Ready)),
    }
}

/// What was asked, in two parts: the method and the path of a request, or the kind and the name of a span.
pub(in crate::tui) fn asked(part: &What) -> (&str, &str) {
    match part {
        What::Exchange(exchange) => (&exchange.method, &exchange.path),
        What::Span(span) => (span.kind.name(), &span.name),
    }
}

/// Text of a request, made harmless and bounded.
pub(in crate::tui) fn safe(said: &str) -> String {
    let bytes = said.as_bytes();
    text::plain(&bytes[..bytes.len().min(1000)])
}
