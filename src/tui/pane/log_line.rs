//! What one line says, drawn: the message first, then the fields, where the line's form is known; else as it came.

use std::borrow::Cow;

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;

use crate::telemetry::line::{self, Recognised};
use crate::telemetry::{Level, LogLine, Search};
use crate::text::{self, Styled};
use crate::tui::log_view::{Form, LogView};
use crate::tui::theme::{Role, Theme};

/// Of a line longer than this only the beginning is drawn, in bytes; the store keeps all of it.
const DRAWN: usize = 16 << 10;

/// The message of a line without its fields, or all of it if its form is not known.
pub(super) fn message(line: &LogLine, view: &LogView, theme: &Theme) -> Vec<Span<'static>> {
    let bytes = &line.line.bytes;
    let whole = text::sanitize(&bytes[..bytes.len().min(DRAWN)]);
    let found = (view.form == Form::Read)
        .then(|| line::recognise(&whole.text))
        .flatten();
    let found = found.filter(|found| !found.message.is_empty());
    let message = found.map_or_else(
        || plain(whole.text.trim_start()),
        |found| message_of(&found, &whole),
    );
    let search = view.searching.as_ref().map(|searching| &searching.search);
    spans(&message, own_style(line.level, theme), search, theme)
}

/// What a line says, from the column on to which the view is scrolled.
pub(super) fn said(
    line: &LogLine,
    view: &LogView,
    form: Form,
    theme: &Theme,
) -> Vec<Span<'static>> {
    let bytes = &line.line.bytes;
    let drawn = &bytes[..bytes.len().min(DRAWN + view.left * 4)];
    let whole = text::sanitize(drawn);
    let own = own_style(line.level, theme);
    let search = view.searching.as_ref().map(|searching| &searching.search);
    let found = (form == Form::Read)
        .then(|| line::recognise(&whole.text))
        .flatten();
    let found =
        found.filter(|found| search.is_none_or(|search| shows_hits(found, &whole.text, search)));
    let mut said = match found {
        Some(found) => skipped(read(&found, &whole, own, search, theme), view.left),
        None => spans(&whole.from_column(view.left), own, search, theme),
    };
    if drawn.len() < bytes.len() {
        let size = text::bytes(bytes.len() as u64);
        let words = format!(" … {size} in all");
        said.push(Span::styled(words, theme.style(Role::Dim)));
    }
    said
}

fn own_style(level: Option<Level>, theme: &Theme) -> Style {
    match level {
        Some(Level::Error | Level::Fatal) => theme.style(Role::Error),
        Some(Level::Warn) => theme.style(Role::Warn),
        Some(Level::Debug | Level::Trace) => theme.style(Role::Debug),
        Some(Level::Info) | None => theme.style(Role::Text),
    }
}

/// Whether a line that has a hit would still show one, if only its message and its fields were drawn.
fn shows_hits(found: &Recognised<'_>, whole: &str, search: &Search) -> bool {
    let mut parts = found
        .fields
        .iter()
        .flat_map(|field| [&field.name, &field.value]);
    !search.is_in(whole) || search.is_in(&found.message) || parts.any(|part| search.is_in(part))
}

/// The message in the line's own colours, and the fields behind it.
fn read(
    found: &Recognised<'_>,
    whole: &Styled,
    own: Style,
    search: Option<&Search>,
    theme: &Theme,
) -> Vec<Span<'static>> {
    let mut said = spans(&message_of(found, whole), own, search, theme);
    let dim = theme.style(Role::Dim);
    for field in &found.fields {
        let gap = if said.is_empty() { "" } else { "  " };
        said.push(Span::raw(gap));
        said.extend(spans(&plain(&field.name), dim, search, theme));
        let value = &field.value;
        let quoted = value.contains(' ') && !value.starts_with(['{', '[', '"']);
        let (open, close) = if quoted { ("=\"", "\"") } else { ("=", "") };
        said.push(Span::styled(open, dim));
        said.extend(spans(&plain(value), dim, search, theme));
        said.push(Span::styled(close, dim));
    }
    said
}

/// The message in its own colours, if it stands in the line as it is.
fn message_of(found: &Recognised<'_>, whole: &Styled) -> Styled {
    let message = match &found.message {
        Cow::Borrowed(piece) => {
            let start = piece
                .as_ptr()
                .addr()
                .saturating_sub(whole.text.as_ptr().addr());
            let is_inside = whole.text.get(start..start + piece.len()) == Some(*piece);
            is_inside.then(|| whole.part(start..start + piece.len()))
        }
        Cow::Owned(_) => None,
    };
    message.unwrap_or_else(|| plain(&found.message))
}

fn plain(piece: &str) -> Styled {
    Styled {
        text: piece.to_owned(),
        spans: Vec::new(),
    }
}

/// The spans from this column on.
fn skipped(spans: Vec<Span<'static>>, columns: usize) -> Vec<Span<'static>> {
    let mut left = columns;
    let mut kept = Vec::with_capacity(spans.len());
    for span in spans {
        let wide = text::width(&span.content);
        if wide <= left {
            left -= wide;
            continue;
        }
        let rest = plain(&span.content).from_column(left).text.clone();
        left = 0;
        kept.push(Span::styled(rest, span.style));
    }
    kept
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
pub(super) fn wrapped(spans: Vec<Span<'static>>, room: usize) -> Vec<Vec<Span<'static>>> {
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
