//! All that was told in the session, the newest last.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;

use super::Scene;
use super::log_line::wrapped;
use crate::stack::ServiceName;
use crate::story::Tone;
use crate::telemetry::Level;
use crate::text;
use crate::tui::draw::{Title, clip, empty, spans_width, title};
use crate::tui::layout::Pane;
use crate::tui::notices::{Entry, Notices};
use crate::tui::theme::{Role, Theme};

/// Names of services take at most so many columns.
const WIDEST_NAME: usize = 16;
/// Columns of the longest word for a kind.
const KIND: usize = 7;

pub(in crate::tui) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    scene: Scene<'_>,
    notices: &Notices,
    focus: Pane,
) {
    let theme = scene.theme;
    let head = head(notices, theme);
    let body = title(frame, area, Pane::Notices, head, focus, theme);
    if notices.passing() == 0 {
        empty(frame, body, &why_empty(notices), theme);
        return;
    }
    let columns = Columns::of(scene, body.width);
    let rows = rows(scene, notices, columns, usize::from(body.height));
    for ((place, line), row) in rows.into_iter().zip(body.rows()) {
        let whole = Rect {
            x: area.x,
            width: area.width,
            ..row
        };
        let is_chosen = place == notices.place();
        if is_chosen {
            frame.render_widget(Block::new().style(theme.selection()), whole);
        }
        frame.render_widget(line, row);
        if is_chosen && !notices.is_following() {
            let first = Rect { width: 1, ..whole };
            frame.render_widget(Span::styled("▸", theme.style(Role::Accent)), first);
        }
    }
}

fn head<'a>(notices: &'a Notices, theme: &Theme) -> Title<'a> {
    let mut of = vec![Span::styled("of the session", theme.style(Role::Dim))];
    if !notices.filtered().is_empty() {
        of = vec![
            Span::styled("only ", theme.style(Role::Dim)),
            Span::styled(notices.filtered(), theme.style(Role::Accent)),
        ];
    }
    let mut note = Vec::new();
    if notices.let_go() > 0 {
        let words = format!("{} oldest let go   ", notices.let_go());
        note.push(Span::styled(words, theme.style(Role::Waiting)));
    }
    note.push(match (notices.is_following(), notices.new_below()) {
        (true, _) => Span::styled("following", theme.style(Role::Dim)),
        (false, 0) => Span::styled("paused", theme.style(Role::Waiting)),
        (false, new) => Span::styled(
            format!("paused, {new} new below"),
            theme.style(Role::Waiting),
        ),
    });
    Title { of, note }
}

fn why_empty(notices: &Notices) -> String {
    if notices.is_empty() {
        return "Nothing has happened yet: whatever does is told here, the newest last.".into();
    }
    let filter = notices.filtered();
    format!("No notice passes “{filter}”. f changes the filter, e shows all again.")
}

/// What there is room for before the sentence.
#[derive(Debug, Clone, Copy)]
struct Columns {
    time: &'static str,
    /// Of names of services; 0: none.
    name: usize,
    /// Whether the word for the kind is shown beside its symbol.
    word: bool,
    room: usize,
}

impl Columns {
    fn of(scene: Scene<'_>, room: u16) -> Self {
        let names = scene.state.services.keys();
        let name = names.map(|name| text::width(name.as_str())).max();
        let name = name.unwrap_or(0).min(WIDEST_NAME);
        let (time, word) = match room {
            0..44 => ("", false),
            44..72 => ("%H:%M:%S ", false),
            72..100 => ("%H:%M:%S ", true),
            _ => ("%H:%M:%S%.3f ", true),
        };
        Self {
            time,
            name: if room < 24 { 0 } else { name },
            word,
            room: usize::from(room),
        }
    }

    /// Everything before the sentence.
    fn front(self, scene: Scene<'_>, entry: &Entry) -> Vec<Span<'static>> {
        let theme = scene.theme;
        let mut spans = Vec::new();
        if !self.time.is_empty() {
            let at = scene.clock.zoned(entry.at).strftime(self.time).to_string();
            spans.push(Span::styled(at, theme.style(Role::Dim)));
        }
        if self.name > 0 {
            let (name, place) = shown_name(scene, &entry.services);
            let name = text::pad(&name, self.name);
            let style = place.map_or(theme.style(Role::Strong), |place| theme.series(place));
            spans.push(Span::styled(name + " ", style));
        }
        let role = match (entry.level >= Level::Error, entry.level >= Level::Warn) {
            (true, _) => Role::Failed,
            (false, true) => Role::Waiting,
            (false, false) => Role::Dim,
        };
        let kind = if self.word {
            format!("{} {:<KIND$} ", entry.kind.symbol(), entry.kind.word())
        } else {
            format!("{} ", entry.kind.symbol())
        };
        spans.push(Span::styled(kind, theme.style(role)));
        spans
    }
}

/// The name of the service, or how many there are; and its place in the stack.
fn shown_name(scene: Scene<'_>, services: &[ServiceName]) -> (String, Option<usize>) {
    match services {
        [] => (String::new(), None),
        [one] => (one.to_string(), scene.state.services.get_index_of(one)),
        many => (format!("{} services", many.len()), None),
    }
}

/// As many rows as there is room for, so that the one the person is at is seen; each with the place it belongs to.
fn rows(
    scene: Scene<'_>,
    notices: &Notices,
    columns: Columns,
    height: usize,
) -> Vec<(usize, Line<'static>)> {
    let drawn = |place: usize| -> Vec<(usize, Line<'static>)> {
        let lines = notices.get(place).map_or(Vec::new(), |(entry, unfolded)| {
            lines(scene, entry, columns, unfolded)
        });
        lines.into_iter().map(|line| (place, line)).collect()
    };
    let at = notices.place();
    let mut rows = drawn(at);
    let (mut above, mut below) = (at, at + 1);
    // First what is wanted below the cursor, then what there is room for above, and what that does not need below again.
    let wanted = (at + 1 + notices.below()).min(notices.passing());
    while below < wanted && rows.len() < height {
        rows.extend(drawn(below));
        below += 1;
    }
    let mut before = 0;
    while above > 0 && rows.len() < height {
        above -= 1;
        let more = drawn(above);
        before += more.len();
        rows.splice(0..0, more);
    }
    while below < notices.passing() && rows.len() < height {
        rows.extend(drawn(below));
        below += 1;
    }
    let too_many = rows.len().saturating_sub(height);
    // What is cut off is above, unless the cursor's own first row would go.
    rows.drain(..too_many.min(before));
    rows.truncate(height);
    rows
}

/// A notice in one row, or with all that belongs to it.
fn lines(scene: Scene<'_>, entry: &Entry, columns: Columns, unfolded: bool) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let front = columns.front(scene, entry);
    let indent = spans_width(&front).min(columns.room);
    let room = columns.room - indent;
    let (sign, role) = match (entry.tone, entry.level >= Level::Error) {
        (Tone::Plain, _) => ("", Role::Text),
        (Tone::Good, _) => ("✓ ", Role::Text),
        (Tone::Bad, true) => ("✗ ", Role::Failed),
        (Tone::Bad, false) => ("✗ ", Role::Waiting),
    };
    let sign_role = if entry.tone == Tone::Good {
        Role::Ready
    } else {
        role
    };
    let mut said = vec![
        Span::styled(sign, theme.style(sign_role)),
        Span::styled(entry.text.clone(), theme.style(role)),
    ];
    let dim = theme.style(Role::Dim);
    if !unfolded {
        match entry.more.as_slice() {
            [] => {}
            [one] => said.push(Span::styled(format!("  {one}"), dim)),
            many => {
                let words = if room < 60 {
                    format!("  +{} lines", many.len())
                } else {
                    format!("  +{} lines, o shows them", many.len())
                };
                said = clip(said, room.saturating_sub(text::width(&words)));
                said.push(Span::styled(words, dim));
            }
        }
        let mut line = front;
        line.extend(said);
        return vec![Line::from(clip(line, columns.room))];
    }
    let width = room.max(1);
    let more = entry.more.iter();
    let more = more.flat_map(|line| wrapped(vec![Span::styled(line.clone(), dim)], width));
    let said: Vec<_> = wrapped(said, width).into_iter().chain(more).collect();
    let mut front = Some(front);
    let row = |spans: Vec<Span<'static>>| {
        let mut line = front
            .take()
            .unwrap_or_else(|| vec![Span::raw(" ".repeat(indent))]);
        line.extend(spans);
        Line::from(clip(line, columns.room))
    };
    said.into_iter().map(row).collect()
}
