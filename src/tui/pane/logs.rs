//! What services say: the visible window of the log store, with times, levels, marks and hits.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;

use super::Scene;
use crate::engine::TerminalSize;
use crate::stack::ServiceName;
use crate::telemetry::{Level, LogLine, MarkKind, Search, Stream};
use crate::text::{self, Styled};
use crate::tui::draw::{Title, clip, empty, spans_width, title};
use crate::tui::layout::Pane;
use crate::tui::log_view::{Fold, LogView, Place, Scope, Source, Window};
use crate::tui::theme::{Role, Theme};
use crate::tui::words;

/// Of a line longer than this only the beginning is drawn, in bytes; the store keeps all of it.
const DRAWN: usize = 16 << 10;

pub(in crate::tui) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    scene: Scene<'_>,
    view: &LogView,
    chosen: Option<&ServiceName>,
    focus: Pane,
) {
    let services = view.services(chosen);
    let source = Source {
        telemetry: scene.telemetry,
        services: &services,
    };
    let rows = usize::from(area.height.saturating_sub(1));
    let window = view.window(source, rows);
    let head = head(scene, view, chosen, &window);
    let body = title(frame, area, Pane::Logs, head, focus, scene.theme);
    if window.lines.is_empty() {
        let words = why_empty(scene, view, chosen, window.partial);
        empty(frame, body, &words, scene.theme);
        return;
    }
    let names = scene.state.services.keys();
    let lines = Lines {
        scene,
        names: names
            .map(|name| text::width(name.as_str()))
            .max()
            .unwrap_or(0),
        view,
        room: usize::from(body.width),
    };
    let drawn = lines.fitting(&window, usize::from(body.height));
    for ((line, is_cursor), row) in drawn.into_iter().zip(body.rows()) {
        if is_cursor {
            let whole = Rect {
                x: area.x,
                width: area.width,
                ..row
            };
            frame.render_widget(Block::new().style(scene.theme.selection()), whole);
            let mark = Span::styled("▸", scene.theme.style(Role::Accent));
            let first = Rect {
                width: 1.min(whole.width),
                ..whole
            };
            frame.render_widget(mark, first);
        }
        frame.render_widget(line, row);
    }
}

fn head<'a>(
    scene: Scene<'a>,
    view: &'a LogView,
    chosen: Option<&'a ServiceName>,
    window: &Window,
) -> Title<'a> {
    let theme = scene.theme;
    let mut of = match (view.scope, chosen) {
        (Scope::Chosen, Some(name)) => {
            let place = scene.state.services.get_index_of(name).unwrap_or(0);
            vec![Span::styled(name.as_str(), theme.series(place).bold())]
        }
        _ => vec![Span::styled("all services", theme.style(Role::Strong))],
    };
    if !view.filtered.is_empty() {
        of.push(Span::styled("  only ", theme.style(Role::Dim)));
        of.push(Span::styled(
            view.filtered.as_str(),
            theme.style(Role::Accent),
        ));
    }
    let mut note = Vec::new();
    if let Some(searching) = &view.searching {
        let hits = hits(searching.hits, searching.complete);
        note.push(Span::styled(
            format!("/{}  ", searching.text),
            theme.style(Role::Accent),
        ));
        note.push(Span::styled(format!("{hits}   "), theme.style(Role::Dim)));
    }
    let dropped = match (view.scope, chosen) {
        (Scope::Chosen, Some(name)) => scene.telemetry.logs().dropped(name),
        _ => scene.telemetry.logs().dropped_in_all(),
    };
    if dropped > 0 {
        note.push(Span::styled(
            format!("{dropped} oldest dropped   "),
            theme.style(Role::Waiting),
        ));
    }
    note.push(match (view.place, window.new) {
        (Place::Following, _) => Span::styled("following", theme.style(Role::Dim)),
        (Place::Paused { .. }, 0) => Span::styled("paused", theme.style(Role::Waiting)),
        (Place::Paused { .. }, new @ 1..1000) => Span::styled(
            format!("paused, {new} new below"),
            theme.style(Role::Waiting),
        ),
        (Place::Paused { .. }, _) => {
            Span::styled("paused, 999+ new below", theme.style(Role::Waiting))
        }
    });
    Title { of, note }
}

/// How many lines a search is in.
pub(in crate::tui) fn hits(hits: usize, complete: bool) -> String {
    match (hits, complete) {
        (0, true) => "no line has it".into(),
        (1, true) => "1 line has it".into(),
        (hits, true) => format!("{hits} lines"),
        (hits, false) => format!("{hits}+ lines"),
    }
}

fn why_empty(
    scene: Scene<'_>,
    view: &LogView,
    chosen: Option<&ServiceName>,
    partial: bool,
) -> String {
    if partial {
        return format!(
            "None of the newest lines passes “{}”; / searches in all.",
            view.filtered
        );
    }
    if !view.filtered.is_empty() {
        return format!("No line passes “{}”. f changes the filter.", view.filtered);
    }
    let service = chosen.and_then(|name| scene.state.services.get(name));
    match (view.scope, service) {
        (Scope::Chosen, Some(service)) => {
            let standing = words::sentence(service, scene.now);
            let name = &service.service.name;
            format!("{name} has said nothing yet ({standing}).")
        }
        _ => "Nobody has said anything yet.".into(),
    }
}

/// How the lines of one frame are drawn.
/// The room that one line of a service has in this area, and how many lines: what its program should think it writes on.
/// Names of services, which only come when all are shown together, are not counted: they would change it all the time.
pub(in crate::tui) fn room(area: Rect) -> TerminalSize {
    let (_, time) = time_form(area.width);
    let before = time + SIGN;
    TerminalSize {
        columns: area.width.saturating_sub(before).max(1),
        rows: area.height.saturating_sub(1).max(1),
    }
}

/// Columns of the sign of a level, and the space after it.
const SIGN: u16 = 2;

/// How the time of a line is shown, as far as there is room for it, and how many columns that takes.
fn time_form(room: u16) -> (&'static str, u16) {
    match room {
        0..40 => ("", 0),
        40..64 => ("%H:%M:%S ", 9),
        _ => ("%H:%M:%S%.3f ", 13),
    }
}

struct Lines<'a> {
    scene: Scene<'a>,
    /// Columns of the longest name of a service.
    names: usize,
    view: &'a LogView,
    room: usize,
}

impl Lines<'_> {
    /// The rows that fit, so that the cursor (or else the end) is seen.
    fn fitting(&self, window: &Window, height: usize) -> Vec<(Line<'static>, bool)> {
        let mut rows = Vec::new();
        let mut cursor_end = None;
        for (at, line) in window.lines.iter().enumerate() {
            let is_cursor = window.cursor == Some(at);
            let drawn = self.rows(line);
            rows.extend(drawn.into_iter().map(|row| (row, is_cursor)));
            if is_cursor {
                cursor_end = Some(rows.len());
            }
        }
        // Wrapped lines take more rows than there are: what is farthest from the cursor goes.
        let surplus = rows.len().saturating_sub(height);
        let last_start = cursor_end.map_or(surplus, |end| surplus.min(end.saturating_sub(1)));
        rows.drain(..last_start);
        rows.truncate(height);
        rows
    }

    fn rows(&self, line: &LogLine) -> Vec<Line<'static>> {
        if let Stream::Mark(kind) = line.line.stream {
            return vec![self.mark(line, kind)];
        }
        let before = self.before(line);
        let said = self.said(line);
        let room = self.room.saturating_sub(spans_width(&before)).max(1);
        match self.view.fold {
            Fold::Cut => {
                let mut spans = before;
                spans.extend(clip(said, room));
                vec![Line::from(spans)]
            }
            Fold::Wrap => {
                let indent = Span::raw(" ".repeat(spans_width(&before)));
                let mut wrapped = wrapped(said, room).into_iter();
                let mut first = before;
                first.extend(wrapped.next().unwrap_or_default());
                let rest = wrapped.map(|spans| {
                    let mut row = vec![indent.clone()];
                    row.extend(spans);
                    Line::from(row)
                });
                std::iter::once(Line::from(first)).chain(rest).collect()
            }
        }
    }

    /// Time, service and level, as far as there is room.
    fn before(&self, line: &LogLine) -> Vec<Span<'static>> {
        let theme = self.scene.theme;
        let at = self.scene.clock.local(line.line.at);
        let (form, _) = time_form(u16::try_from(self.room).unwrap_or(u16::MAX));
        let mut spans: Vec<Span<'static>> = (!form.is_empty())
            .then(|| Span::styled(at.strftime(form).to_string(), theme.style(Role::Dim)))
            .into_iter()
            .collect();
        if self.view.scope == Scope::Merged {
            let name = &line.line.service;
            let place = self.scene.state.services.get_index_of(name).unwrap_or(0);
            let columns = self.names.min(self.room / 5);
            let name = format!("{} ", text::pad(name.as_str(), columns));
            spans.push(Span::styled(name, theme.series(place)));
        }
        spans.push(sign(line, theme));
        spans.push(Span::raw(" "));
        spans
    }

    fn said(&self, line: &LogLine) -> Vec<Span<'static>> {
        let theme = self.scene.theme;
        let bytes = &line.line.bytes;
        let drawn = &bytes[..bytes.len().min(DRAWN + self.view.left * 4)];
        let whole = text::sanitize(drawn);
        let shown = whole.from_column(self.view.left);
        let own = match line.level {
            Some(Level::Error | Level::Fatal) => theme.style(Role::Error),
            Some(Level::Warn) => theme.style(Role::Warn),
            Some(Level::Debug | Level::Trace) => theme.style(Role::Debug),
            Some(Level::Info) | None => theme.style(Role::Text),
        };
        let search = self
            .view
            .searching
            .as_ref()
            .map(|searching| &searching.search);
        let mut spans = spans(&shown, own, search, theme);
        if drawn.len() < bytes.len() {
            let size = text::bytes(bytes.len() as u64);
            spans.push(Span::styled(
                format!(" … {size} in all"),
                theme.style(Role::Dim),
            ));
        }
        spans
    }

    /// A rule across the pane with what began or ended there.
    fn mark(&self, line: &LogLine, kind: MarkKind) -> Line<'static> {
        let theme = self.scene.theme;
        let at = self
            .scene
            .clock
            .local(line.line.at)
            .strftime("%H:%M:%S")
            .to_string();
        let role = match kind {
            MarkKind::Started => Role::Busy,
            MarkKind::Live => Role::Ready,
            MarkKind::Ended => Role::Waiting,
        };
        let mut words = text::plain(&line.line.bytes);
        if words.is_empty() {
            let what = match kind {
                MarkKind::Started => "begins",
                MarkKind::Live => "is live",
                MarkKind::Ended => "has ended",
            };
            words = format!("run #{} {what}", line.line.run);
        }
        if self.view.scope == Scope::Merged {
            words = format!("{}: {words}", line.line.service);
        }
        let spans = clip(
            vec![
                Span::styled("── ", theme.style(Role::Border)),
                Span::styled(format!("{at} "), theme.style(Role::Dim)),
                Span::styled(words, theme.style(role)),
                Span::raw(" "),
            ],
            self.room,
        );
        let rest = self.room - spans_width(&spans);
        let mut line = Line::from(spans);
        line.push_span(Span::styled("─".repeat(rest), theme.style(Role::Border)));
        line
    }
}

/// One letter for the level, so that colour is not needed to see it; a dot for standard error.
fn sign(line: &LogLine, theme: &Theme) -> Span<'static> {
    match (line.level, line.line.stream) {
        (Some(Level::Fatal), _) => Span::styled("F", theme.style(Role::Error).bold()),
        (Some(Level::Error), _) => Span::styled("E", theme.style(Role::Error).bold()),
        (Some(Level::Warn), _) => Span::styled("W", theme.style(Role::Warn).bold()),
        (_, Stream::Stderr) => Span::styled("·", theme.style(Role::Dim)),
        (Some(Level::Info), _) => Span::styled(" ", theme.style(Role::Info)),
        _ => Span::raw(" "),
    }
}

/// A line's text in its own colours where it has some, with hits of the search marked.
fn spans(
    styled: &Styled,
    own: Style,
    search: Option<&Search>,
    theme: &Theme,
) -> Vec<Span<'static>> {
    let found: Vec<_> = search.map_or(Vec::new(), |search| search.all_in(&styled.text).collect());
    let mut spans = Vec::new();
    let mut at = 0;
    for (piece, style) in styled.pieces() {
        let style = own.patch(foreign(style, theme));
        let end = at + piece.len();
        let mut done = at;
        for hit in found.iter().filter(|hit| hit.start < end && hit.end > at) {
            let (from, to) = (hit.start.max(done), hit.end.min(end));
            if from > done {
                spans.push(Span::styled(styled.text[done..from].to_owned(), style));
            }
            if to > from {
                let marked = theme.style(Role::Strong).patch(theme.found());
                spans.push(Span::styled(styled.text[from..to].to_owned(), marked));
            }
            done = to.max(done);
        }
        if done < end {
            spans.push(Span::styled(styled.text[done..end].to_owned(), style));
        }
        at = end;
    }
    spans
}

/// A style that a service chose, as far as it may be shown.
fn foreign(style: text::Style, theme: &Theme) -> Style {
    let colour = |colour: Option<text::Color>| {
        let colour = match colour? {
            text::Color::Indexed(index) => Color::Indexed(index),
            text::Color::Rgb(red, green, blue) => Color::Rgb(red, green, blue),
        };
        theme.foreign(colour)
    };
    let mut shown = Style::new();
    // A ground that a service chose may make any letter unreadable: it is shown as weight.
    let heavy = style.bold || style.reverse || style.background.is_some();
    if let Some(colour) = colour(style.foreground) {
        shown = shown.fg(colour);
    }
    for (is_on, modifier) in [
        (heavy, Modifier::BOLD),
        (style.italic, Modifier::ITALIC),
        (style.underline, Modifier::UNDERLINED),
        (style.strike, Modifier::CROSSED_OUT),
    ] {
        if is_on {
            shown = shown.add_modifier(modifier);
        }
    }
    if style.dim && style.foreground.is_none() {
        shown = shown.patch(theme.style(Role::Dim));
    }
    shown
}

/// The spans in rows of at most so many columns.
fn wrapped(spans: Vec<Span<'static>>, room: usize) -> Vec<Vec<Span<'static>>> {
    let mut rows = vec![Vec::new()];
    let mut left = room;
    for span in spans {
        let mut rest = span.content.as_ref();
        while !rest.is_empty() {
            let mut piece = text::cut(rest, left);
            if piece.is_empty() && left == room {
                // Wider than a whole row: it is drawn anyhow, and cut by the pane.
                piece = &rest[..rest.chars().next().map_or(rest.len(), char::len_utf8)];
            }
            if !piece.is_empty() {
                if let Some(row) = rows.last_mut() {
                    row.push(Span::styled(piece.to_owned(), span.style));
                }
                left = left.saturating_sub(text::width(piece));
                rest = &rest[piece.len()..];
            }
            if !rest.is_empty() {
                rows.push(Vec::new());
                left = room;
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapping_loses_nothing() {
        let spans = vec![Span::raw("abcdef"), Span::raw("日本語"), Span::raw("gh")];
        let rows: Vec<String> = wrapped(spans, 4)
            .iter()
            .map(|row| row.iter().map(|span| span.content.as_ref()).collect())
            .collect();
        assert_eq!(rows, ["abcd", "ef日", "本語", "gh"]);
        assert_eq!(wrapped(vec![Span::raw("日本")], 1).len(), 2);
    }
}
