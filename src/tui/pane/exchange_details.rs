//! All there is to know of one request: who, how it ended, its times, heads and bodies.

use ratatui::text::{Line, Span};

use super::Scene;
use super::traces::safe;
use crate::telemetry::{Body, Exchange, ExchangeStatus, Headers, Row, grpc};
use crate::text;
use crate::tui::body;
use crate::tui::draw::{clip, spread};
use crate::tui::theme::{Role, Theme};

/// A name and what there is to say, in a line.
pub(super) fn pair<'a>(name: &str, words: &str, theme: &Theme, room: u16) -> Line<'a> {
    let name = Span::styled(format!("{name:<10}"), theme.style(Role::Dim));
    let words = Span::styled(safe(words), theme.style(Role::Text));
    spread(vec![name, words], Vec::new(), room)
}

/// How a part's time was spent: by itself, and on the critical path.
pub(super) fn spent(row: &Row, waited: Option<std::time::Duration>) -> String {
    let mut words = format!("took {}", text::duration(row.what.took()));
    // Where no call of its own was seen, nothing is known of what it did itself.
    if row.self_time < row.what.took() {
        words = format!("{words}, {} of it itself", text::duration(row.self_time));
    }
    match waited {
        Some(waited) if waited.is_zero() => words + ", ◆ on the critical path",
        Some(waited) => format!("{words}, ◆ {} of the critical path", text::duration(waited)),
        None => words,
    }
}

pub(super) fn tell<'a>(
    scene: Scene<'_>,
    exchange: &Exchange,
    row: &Row,
    waited: Option<std::time::Duration>,
    room: u16,
) -> Vec<Line<'a>> {
    let theme = scene.theme;
    let pair = |name: &str, words: &str| pair(name, words, theme, room);
    let caller = exchange
        .caller
        .as_ref()
        .map_or("this machine".to_owned(), ToString::to_string);
    let at = scene.clock.local(exchange.started);
    let asked = format!(
        "{caller} → {}  {} {}",
        exchange.callee, exchange.method, exchange.path
    );
    let mut times = format!("{}  {}", at.strftime("%H:%M:%S%.3f"), spent(row, waited));
    if !exchange.held.is_zero() {
        times = format!(
            "{times}, held {} for a ready run",
            text::duration(exchange.held)
        );
    }
    let sizes = format!(
        "{} asked, {} answered",
        text::bytes(exchange.request_bytes),
        text::bytes(exchange.response_bytes)
    );
    let mut told = vec![
        pair("request", &asked),
        pair("answer", &answer(exchange)),
        pair("time", &times),
        pair("size", &sizes),
    ];
    if let Some(fault) = &exchange.injected {
        told.push(pair("fault", fault));
    }
    if row.detached {
        told.push(pair(
            "joined",
            "by the trace alone: the request above it was not seen",
        ));
    }
    if let Some(edge) = row.edge.filter(|edge| !edge.rule.is_told()) {
        let words = format!(
            "≈ inferred: {}, {} % sure",
            edge.rule.words(),
            edge.confidence
        );
        told.push(pair("joined", &words));
    }
    told.extend(head("→", &exchange.request_headers, theme, room));
    told.extend(content("→", exchange.asked(), theme, room));
    told.extend(head("←", &exchange.response_headers, theme, room));
    told.extend(content("←", exchange.answered(), theme, room));
    told
}

fn answer(exchange: &Exchange) -> String {
    let run = exchange.run;
    match &exchange.status {
        ExchangeStatus::Failed(why) => format!("none: {why}"),
        ExchangeStatus::CallerLeft => "the caller left before its end".into(),
        ExchangeStatus::Http(code) => format!("{code} by run #{run}"),
        ExchangeStatus::Grpc(code) => format!("gRPC {code} {} by run #{run}", grpc::name(*code)),
        ExchangeStatus::Bytes => "a connection of bytes, closed".into(),
        ExchangeStatus::Open => "under way".into(),
    }
}

fn head<'a>(sign: &'static str, headers: &Headers, theme: &Theme, room: u16) -> Vec<Line<'a>> {
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

fn content<'a>(
    sign: &'static str,
    body: Option<Body<'_>>,
    theme: &Theme,
    room: u16,
) -> Vec<Line<'a>> {
    let Some(body) = body else {
        return Vec::new();
    };
    let line = |line: body::Told| {
        let mut spans = vec![
            Span::styled(sign, theme.style(Role::Accent)),
            Span::raw(" "),
        ];
        let pieces = line.into_iter();
        spans.extend(pieces.map(|(role, piece)| Span::styled(piece, theme.style(role))));
        Line::from(clip(spans, usize::from(room)))
    };
    body::told(&body).into_iter().map(line).collect()
}
