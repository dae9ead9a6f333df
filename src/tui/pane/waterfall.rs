//! One trace: its requests as bars on one axis of time, and all there is to know of the chosen one.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::Scene;
use super::traces::{asked, safe, select, status};
use super::{exchange_details, span_details};
use crate::telemetry::{Level, LogLine, RouteFigures, Row, What, outlives};
use crate::text;
use crate::tui::draw::{Title, clip, empty, lines, title};
use crate::tui::layout::{Pane, bottom, top};
use crate::tui::open_trace::{Item, OpenTrace};
use crate::tui::theme::{Role, Theme};
use crate::tui::trace_view::{bar, first_shown};

pub(in crate::tui) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    scene: Scene<'_>,
    open: &OpenTrace,
    focus: Pane,
) {
    let theme = scene.theme;
    let body = title(frame, area, Pane::Traces, head(open, theme), focus, theme);
    let Some(row) = open.row() else {
        let words = "This trace is not kept any more. Esc goes back to the list.";
        empty(frame, body, words, theme);
        return;
    };
    if let Some(scrolled) = open.details {
        let told = details(scene, open, row, body.width);
        let first = scrolled.min(told.len().saturating_sub(usize::from(body.height)));
        lines(frame, body, told.into_iter().skip(first));
        return;
    }
    let wanted = u16::try_from(open.items.len() + 1).unwrap_or(u16::MAX);
    let (bars, below) = top(body, wanted.min((body.height * 3 / 5).max(3)));
    draw_items(frame, bars, area, scene, open);
    if below.height >= 2 {
        let (below, _) = bottom(below, below.height - 1);
        let mut told = before_and_after(scene, open, below.width);
        told.extend(details(scene, open, row, below.width));
        let hidden = told.len() > usize::from(below.height);
        lines(frame, below, told);
        if hidden {
            let (last, _) = bottom(below, 1);
            let words = Span::styled("… enter shows all", theme.style(Role::Accent));
            let wide = u16::try_from(text::width(&words.content)).unwrap_or(0);
            let (from, wide) = (last.right().saturating_sub(wide + 1), wide + 1);
            let place = Rect {
                x: from.max(last.x),
                width: wide.min(last.width),
                ..last
            };
            let words = Span::styled(format!(" {}", words.content), words.style);
            frame.render_widget(words, place);
        }
    }
}

/// What was asked first, how long it all took, and what is searched for.
fn head<'a>(open: &'a OpenTrace, theme: &Theme) -> Title<'a> {
    let mut head = Title::default();
    let Some(first) = open.rows.first() else {
        return head;
    };
    let (how, what) = asked(&first.what);
    let asked = format!("{} {}", safe(how), safe(what));
    let took = format!("  {}", text::duration(whole(open.rows.iter())));
    head.of = vec![
        Span::styled(asked, theme.style(Role::Strong)),
        Span::styled(took, theme.style(Role::Text)),
    ];
    if let Some((searched, _)) = &open.searched {
        let hits = format!("/{searched}  {} of {}   ", open.hits(), open.rows.len());
        head.note
            .push(Span::styled(hits, theme.style(Role::Accent)));
    }
    let id = open.trace.to_string();
    let words = format!("{}  trace {}…", how_many(&open.rows), &id[..8]);
    head.note.push(Span::styled(words, theme.style(Role::Dim)));
    head
}

/// From the begin of a trace to the end of its last part.
pub(super) fn whole<'a>(rows: impl Iterator<Item = &'a Row>) -> Duration {
    let ends = rows.map(|row| row.offset.saturating_add(row.what.took()));
    ends.max().unwrap_or_default()
}

fn details<'a>(scene: Scene<'_>, open: &OpenTrace, row: &Row, room: u16) -> Vec<Line<'a>> {
    let at = open.items.get(open.at).map(Item::row);
    let waited = at.and_then(|at| open.waited.get(at).copied().flatten());
    let mut told = match &row.what {
        What::Exchange(one) => exchange_details::tell(scene, one, row, waited, room),
        What::Span(span) => span_details::tell(scene, span, row, waited, room),
    };
    if at.is_some_and(|at| outlives(&open.rows, at)) {
        let words = "as a link ↗: its caller had ended before, and did not wait for it";
        let place = told.len().min(3);
        told.insert(
            place,
            exchange_details::pair("joined", words, scene.theme, room),
        );
    }
    told
}

/// The route of the trace before and after the last change, if that is asked for.
fn before_and_after<'a>(scene: Scene<'_>, open: &OpenTrace, room: u16) -> Vec<Line<'a>> {
    let Some(told) = open.change.as_ref().filter(|_| open.with_change) else {
        return Vec::new();
    };
    let theme = scene.theme;
    let pair = |name: &str, words: &str| exchange_details::pair(name, words, theme, room);
    let key = &told.key;
    let mut lines = vec![pair(
        "route",
        &format!("{} {} of {}", key.method, key.route, key.callee),
    )];
    let Some((service, change, live)) = &told.change else {
        lines.push(pair(
            "change",
            "none of its services was changed in this session",
        ));
        return lines;
    };
    let at = scene.clock.local(*live).strftime("%H:%M:%S");
    let figures = |figures: &RouteFigures| match figures.requests {
        0 => "no request".to_owned(),
        requests => format!(
            "p50 {}  p95 {}  {} of {requests} failed",
            text::duration(figures.p50),
            text::duration(figures.p95),
            figures.errors,
        ),
    };
    let more = if told.around.partial {
        ", of the newest"
    } else {
        ""
    };
    let words = format!("#{} of {service}, live at {at}{more}", change.0);
    lines.push(pair("change", &words));
    lines.push(pair("before", &figures(&told.around.before)));
    lines.push(pair("after", &figures(&told.around.after)));
    lines.push(Line::default());
    lines
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

/// How the columns are shared out: words, then status and time, the time of its own where there is room, then the bars.
#[derive(Debug, Clone, Copy)]
struct Columns {
    words: usize,
    own: bool,
    axis: u16,
}

impl Columns {
    fn of(room: u16) -> Self {
        let words = (room * 2 / 5).clamp(14, 48).min(room);
        let own = room >= 100;
        let figures = 16 + if own { 9 } else { 0 };
        Self {
            words: usize::from(words),
            own,
            axis: room.saturating_sub(words + figures),
        }
    }
}

fn draw_items(frame: &mut Frame<'_>, body: Rect, pane: Rect, scene: Scene<'_>, open: &OpenTrace) {
    let theme = scene.theme;
    let columns = Columns::of(body.width);
    let whole = whole(open.rows.iter()).as_secs_f64();
    let (ruler, body) = top(body, 1);
    let names = if columns.own {
        format!("{:>14}{:>8}   ", "took", "itself")
    } else {
        " ".repeat(16)
    };
    let mut scale = vec![
        Span::raw(" ".repeat(columns.words)),
        Span::styled(names, theme.style(Role::Dim)),
    ];
    scale.extend(ticks(whole, columns.axis, theme));
    frame.render_widget(Line::from(clip(scale, usize::from(ruler.width))), ruler);
    let first = first_shown(open.at, usize::from(body.height), open.items.len());
    let shown = open.items.iter().enumerate().skip(first);
    for ((at, item), area) in shown.zip(body.rows()) {
        if at == open.at {
            select(frame, pane, area, theme);
        }
        let spans = match item {
            Item::Part { row, folded } => part(scene, open, *row, *folded, columns, whole),
            Item::Line { row, line } => said(scene, &open.rows[*row], line),
            Item::Note { row, words } => {
                let indent = "  ".repeat(open.rows[*row].depth.min(8) + 1);
                vec![Span::styled(
                    format!("{indent}· {words}"),
                    theme.style(Role::Dim).italic(),
                )]
            }
        };
        frame.render_widget(Line::from(clip(spans, usize::from(area.width))), area);
    }
}

/// A part in one line: what it is, how it ended, how long it took, and its bar.
fn part<'a>(
    scene: Scene<'_>,
    open: &OpenTrace,
    at: usize,
    folded: usize,
    columns: Columns,
    whole: f64,
) -> Vec<Span<'a>> {
    let theme = scene.theme;
    let row = &open.rows[at];
    let mut spans = label(
        scene,
        row,
        folded,
        open.is_hit(row),
        outlives(&open.rows, at),
        columns.words,
    );
    let (status, style) = status(&row.what, theme);
    spans.push(Span::styled(format!("{status} "), style));
    // On the critical path: nothing else was waited for meanwhile.
    let critical = open.waited.get(at).copied().flatten().is_some();
    let mark = if critical { "◆" } else { " " };
    spans.push(Span::styled(mark, theme.style(Role::Accent)));
    let took = format!("{:>8}", text::duration(row.what.took()));
    let weight = theme.style(Role::Text);
    spans.push(Span::styled(
        took,
        if critical { weight.bold() } else { weight },
    ));
    if columns.own {
        let own = format!("{:>8} ", text::duration(row.self_time));
        spans.push(Span::styled(own, theme.style(Role::Dim)));
    }
    spans.push(Span::raw("  "));
    let place = scene.state.services.get_index_of(row.what.service());
    let style = theme.series(place.unwrap_or(0));
    spans.extend(drawn_bar(row, whole, columns.axis, theme, style));
    spans
}

/// A line that a service said meanwhile, in place.
fn said<'a>(scene: Scene<'_>, row: &Row, line: &LogLine) -> Vec<Span<'a>> {
    let theme = scene.theme;
    let indent = "  ".repeat(row.depth.min(8) + 1);
    let after = line.line.at.duration_since(row.what.started());
    let after = Duration::try_from(after).unwrap_or_default();
    let role = match line.level {
        Some(Level::Error | Level::Fatal) => Role::Error,
        Some(Level::Warn) => Role::Warn,
        _ => Role::Text,
    };
    let sign = match line.level {
        Some(Level::Error | Level::Fatal) => "✗ ",
        Some(Level::Warn) => "! ",
        _ => "  ",
    };
    let bytes = &line.line.bytes;
    let words = text::plain(&bytes[..bytes.len().min(1000)]);
    vec![
        Span::styled(format!("{indent}│ "), theme.style(Role::Border)),
        Span::styled(
            format!("+{:<8}", text::duration(after)),
            theme.style(Role::Dim),
        ),
        Span::styled(sign, theme.style(role)),
        Span::styled(words, theme.style(role)),
    ]
}

/// Beginning, middle and end of the axis.
fn ticks<'a>(whole: f64, axis: u16, theme: &Theme) -> Vec<Span<'a>> {
    if axis < 16 {
        return Vec::new();
    }
    let at = |share: f64| text::duration(Duration::from_secs_f64(whole * share));
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

/// How a part hangs below the one above it: by a call that was waited for, by one that was not, by what was only inferred,
/// or by the trace alone (its caller is known, the request it belongs to is not).
fn branch(row: &Row, linked: bool) -> &'static str {
    match row.depth {
        _ if row.detached => "┄ ",
        0 => "",
        _ if linked => "↗ ",
        _ if is_inferred(row) => "≈ ",
        _ => "└ ",
    }
}

/// Whether no service said to which request this one belongs.
fn is_inferred(row: &Row) -> bool {
    row.edge.is_some_and(|edge| !edge.rule.is_told())
}

/// The service and what it was asked, below its caller.
fn label<'a>(
    scene: Scene<'_>,
    row: &Row,
    folded: usize,
    found: bool,
    linked: bool,
    room: usize,
) -> Vec<Span<'a>> {
    let theme = scene.theme;
    let (service, (how, what)) = (row.what.service(), asked(&row.what));
    let place = scene.state.services.get_index_of(service).unwrap_or(0);
    // What a service told of itself is lighter than what it was asked.
    let name = match &row.what {
        What::Exchange(_) => theme.series(place).bold(),
        What::Span(_) => theme.series(place),
    };
    let indent = "  ".repeat(row.depth.min(room / 6));
    let branch = branch(row, linked);
    // The usual way needs no attention, the others are to be read.
    let hung = theme.style(if row.detached || linked || is_inferred(row) {
        Role::Dim
    } else {
        Role::Border
    });
    let (name, sign) = if found {
        (theme.style(Role::Strong).patch(theme.found()), "›")
    } else {
        (name, "")
    };
    let hidden = match folded {
        0 => String::new(),
        folded => format!(" ▸{folded}"),
    };
    let mut spans = clip(
        vec![
            Span::raw(indent),
            Span::styled(branch, hung),
            Span::styled(format!("{sign}{service}"), name),
            Span::styled(hidden, theme.style(Role::Accent).bold()),
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
