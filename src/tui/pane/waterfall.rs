//! One trace: its requests as bars on one axis of time, and all there is to know of the chosen one.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;

use super::Scene;
use super::span_details;
use super::traces::{asked, safe, status};
use crate::telemetry::{Exchange, ExchangeStatus, Headers, Row, What, grpc};
use crate::text;
use crate::tui::draw::{Title, clip, empty, lines, spread, title};
use crate::tui::layout::{Pane, bottom, top};
use crate::tui::theme::{Role, Theme};
use crate::tui::trace_view::{OpenTrace, bar, first_shown};

pub(in crate::tui) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    scene: Scene<'_>,
    open: OpenTrace,
    focus: Pane,
) {
    let theme = scene.theme;
    let rows = scene.telemetry.waterfall(open.trace);
    let whole = rows
        .iter()
        .map(|row| row.offset.saturating_add(row.what.took()))
        .max()
        .unwrap_or_default();
    let mut head = Title::default();
    if let Some(first) = rows.first() {
        let (how, what) = asked(&first.what);
        head.of = vec![
            Span::styled(
                format!("{} {}", safe(how), safe(what)),
                theme.style(Role::Strong),
            ),
            Span::styled(
                format!("  {}", text::duration(whole)),
                theme.style(Role::Text),
            ),
        ];
        let id = open.trace.to_string();
        let words = format!("{}  trace {}…", how_many(&rows), &id[..8]);
        head.note = vec![Span::styled(words, theme.style(Role::Dim))];
    }
    let body = title(frame, area, Pane::Traces, head, focus, theme);
    let chosen = open.row.min(rows.len().saturating_sub(1));
    let Some(row) = rows.get(chosen) else {
        empty(
            frame,
            body,
            "This trace is not kept any more. Esc goes back to the list.",
            theme,
        );
        return;
    };
    let wanted = u16::try_from(rows.len() + 1).unwrap_or(u16::MAX);
    let (bars, below) = top(body, wanted.min((body.height * 3 / 5).max(3)));
    draw_bars(frame, bars, area, scene, &rows, chosen, whole.as_secs_f64());
    if below.height >= 2 {
        let (details, _) = bottom(below, below.height - 1);
        let told = match &row.what {
            What::Exchange(exchange) => tell(scene, exchange, row, details.width),
            What::Span(span) => span_details::tell(scene, span, row, details.width),
        };
        lines(frame, details, told);
    }
}

/// How many requests a relay saw, and how many spans services told of.
fn how_many(rows: &[Row]) -> String {
    let requests = rows.iter().filter(|row| row.what.exchange().is_some());
    let requests = requests.count();
    let count = |count: usize, what: &str| {
        let many = if count == 1 { "" } else { "s" };
        format!("{count} {what}{many}")
    };
    match (requests, rows.len() - requests) {
        (0, spans) => count(spans, "span"),
        (requests, 0) => count(requests, "request"),
        (requests, spans) => format!("{}, {}", count(requests, "request"), count(spans, "span")),
    }
}

fn draw_bars(
    frame: &mut Frame<'_>,
    body: Rect,
    pane: Rect,
    scene: Scene<'_>,
    rows: &[Row],
    chosen: usize,
    whole: f64,
) {
    let theme = scene.theme;
    // Words, then status and time in 14 columns, then the bars in the rest.
    let words = (body.width * 2 / 5).clamp(14, 48).min(body.width);
    let axis = body.width.saturating_sub(words + 15);
    let (ruler, body) = top(body, 1);
    let mut scale = vec![Span::raw(" ".repeat(usize::from(words) + 15))];
    scale.extend(ticks(whole, axis, theme));
    frame.render_widget(Line::from(scale), ruler);
    let first = first_shown(chosen, usize::from(body.height), rows.len());
    for ((at, row), area) in rows.iter().enumerate().skip(first).zip(body.rows()) {
        if at == chosen {
            let across = Rect {
                x: pane.x,
                width: pane.width,
                ..area
            };
            frame.render_widget(Block::new().style(theme.selection()), across);
            let mark = Rect {
                width: 1.min(pane.width),
                ..across
            };
            frame.render_widget(Span::styled("▸", theme.style(Role::Accent)), mark);
        }
        let mut spans = label(scene, row, usize::from(words));
        let (status, style) = status(&row.what, theme);
        spans.push(Span::styled(format!("{status} "), style));
        let took = format!("{:>8}  ", text::duration(row.what.took()));
        spans.push(Span::styled(took, theme.style(Role::Text)));
        let place = scene
            .state
            .services
            .get_index_of(row.what.service())
            .unwrap_or(0);
        spans.extend(drawn_bar(row, whole, axis, theme, theme.series(place)));
        frame.render_widget(Line::from(clip(spans, usize::from(area.width))), area);
    }
}

/// Beginning, middle and end of the axis.
fn ticks<'a>(whole: f64, axis: u16, theme: &Theme) -> Vec<Span<'a>> {
    if axis < 16 {
        return Vec::new();
    }
    let at = |share: f64| text::duration(std::time::Duration::from_secs_f64(whole * share));
    let (middle, end) = (at(0.5), at(1.0));
    let axis = usize::from(axis);
    let before = (axis / 2).saturating_sub(1);
    let between = axis.saturating_sub(1 + before + middle.chars().count() + end.chars().count());
    let words = format!(
        "0{}{middle}{}{end}",
        " ".repeat(before),
        " ".repeat(between)
    );
    vec![Span::styled(words, theme.style(Role::Dim))]
}

/// The service and what it was asked, below its caller.
fn label<'a>(scene: Scene<'_>, row: &Row, room: usize) -> Vec<Span<'a>> {
    let theme = scene.theme;
    let (service, (how, what)) = (row.what.service(), asked(&row.what));
    let place = scene.state.services.get_index_of(service).unwrap_or(0);
    // What a service told of itself is lighter than what it was asked.
    let name = match &row.what {
        What::Exchange(_) => theme.series(place).bold(),
        What::Span(_) => theme.series(place),
    };
    let indent = "  ".repeat(row.depth.min(room / 6));
    let branch = match (row.depth, row.detached) {
        // Its caller is known, the request it belongs to is not: joined by nothing but the trace.
        (_, true) => "┄ ",
        (0, false) => "",
        (_, false) => "└ ",
    };
    let mut spans = clip(
        vec![
            Span::styled(format!("{indent}{branch}"), theme.style(Role::Border)),
            Span::styled(service.to_string(), name),
            Span::styled(
                format!("  {} {}", safe(how), safe(what)),
                theme.style(Role::Dim),
            ),
        ],
        room.saturating_sub(1),
    );
    let gap = room.saturating_sub(crate::tui::draw::spans_width(&spans));
    spans.push(Span::raw(" ".repeat(gap)));
    spans
}

/// A bar; the part in which it was held is drawn low.
fn drawn_bar<'a>(row: &Row, whole: f64, axis: u16, theme: &Theme, style: Style) -> Vec<Span<'a>> {
    let (from, to) = bar(row, whole, axis);
    let took = row.what.took().as_secs_f64();
    let held = row
        .what
        .exchange()
        .map_or(0.0, |one| one.held.as_secs_f64());
    let share = if took > 0.0 { held / took } else { 0.0 };
    // What a service told of itself is drawn thinner than what a relay saw.
    let block = if row.what.exchange().is_some() {
        "▆"
    } else {
        "▄"
    };
    // At most as many columns as the bar has.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded by the bar"
    )]
    let held = (share.clamp(0.0, 1.0) * f64::from(to - from)) as u16;
    let times = |what: &str, count: u16| what.repeat(usize::from(count));
    vec![
        Span::raw(times(" ", from)),
        Span::styled(times("▂", held), theme.style(Role::Waiting)),
        Span::styled(times(block, to - from - held), style),
    ]
}

/// All there is to know of one request.
fn tell<'a>(scene: Scene<'_>, exchange: &Exchange, row: &Row, room: u16) -> Vec<Line<'a>> {
    let theme = scene.theme;
    let pair = |name: &str, words: &str| {
        let name = Span::styled(format!("{name:<10}"), theme.style(Role::Dim));
        let words = Span::styled(safe(words), theme.style(Role::Text));
        spread(vec![name, words], Vec::new(), room)
    };
    let caller = exchange
        .caller
        .as_ref()
        .map_or("this machine".to_owned(), ToString::to_string);
    let at = scene
        .clock
        .local(exchange.started)
        .strftime("%H:%M:%S%.3f")
        .to_string();
    let mut told = vec![pair(
        "request",
        &format!(
            "{caller} → {}  {} {}",
            exchange.callee, exchange.method, exchange.path
        ),
    )];
    let answer = match &exchange.status {
        ExchangeStatus::Failed(why) => format!("none: {why}"),
        ExchangeStatus::CallerLeft => "the caller left before its end".into(),
        ExchangeStatus::Http(code) => format!("{code} by run #{}", exchange.run),
        ExchangeStatus::Grpc(code) => {
            format!("gRPC {code} {} by run #{}", grpc::name(*code), exchange.run)
        }
        ExchangeStatus::Bytes => "a connection of bytes, closed".into(),
        ExchangeStatus::Open => "under way".into(),
    };
    told.push(pair("answer", &answer));
    let mut times = format!("{at}  took {}", text::duration(exchange.took));
    // Where no call of its own was seen, nothing is known of what it did itself: calls between containers are not seen.
    if row.self_time < exchange.took {
        times = format!("{times}, {} of it itself", text::duration(row.self_time));
    }
    if !exchange.held.is_zero() {
        times = format!(
            "{times}, held {} for a ready run",
            text::duration(exchange.held)
        );
    }
    told.push(pair("time", &times));
    let sizes = format!(
        "{} asked, {} answered",
        text::bytes(exchange.request_bytes),
        text::bytes(exchange.response_bytes)
    );
    told.push(pair("size", &sizes));
    if row.detached {
        told.push(pair(
            "joined",
            "by the trace alone: the request above it was not seen",
        ));
    }
    told.extend(headers("→", &exchange.request_headers, theme, room));
    told.extend(headers("←", &exchange.response_headers, theme, room));
    told
}

fn headers<'a>(sign: &'static str, headers: &Headers, theme: &Theme, room: u16) -> Vec<Line<'a>> {
    let line = |(name, value): (&str, &str)| {
        let spans = vec![
            Span::styled(sign, theme.style(Role::Accent)),
            Span::styled(format!(" {}: ", safe(name)), theme.style(Role::Dim)),
            Span::styled(safe(value), theme.style(Role::Text)),
        ];
        spread(spans, Vec::new(), room)
    };
    headers.iter().map(line).collect()
}
