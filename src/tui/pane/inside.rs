//! What is inside a service: the terminal of a shell, of a command, or of its own program.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;

use super::Scene;
use crate::telemetry::terminals::{Key, Kind, Standing, Terminal};
use crate::text;
use crate::tui::draw::{Title, empty, titled};
use crate::tui::layout::top;
use crate::tui::theme::{Role, Theme};

/// Where the cells of the terminal are: below the title, from edge to edge.
pub(in crate::tui) fn cells(area: Rect) -> Rect {
    top(area, 1).1
}

pub(in crate::tui) fn render(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>, key: &Key) {
    let theme = scene.theme;
    let terminal = scene.telemetry.terminals().get(key);
    let title = Title {
        of: of(key, terminal.as_deref(), scene),
        note: note(terminal.as_deref(), theme),
    };
    let word = match key.kind {
        Kind::Shell => "Shell",
        Kind::Own => "Terminal",
        Kind::Command => "Command",
    };
    titled(frame, area, word, true, title, theme);
    let area = cells(area);
    if let Some(terminal) = terminal {
        draw(frame, area, &terminal, theme);
    } else {
        let words = format!(
            "Nothing is open here: {} does not run any more.",
            key.service
        );
        empty(frame, area, &words, theme);
    }
}

/// Which service, which run, and what runs there.
fn of<'a>(key: &Key, terminal: Option<&Terminal>, scene: Scene<'_>) -> Vec<Span<'a>> {
    let theme = scene.theme;
    let place = scene.state.services.get_index_of(&key.service).unwrap_or(0);
    let mut spans = vec![Span::styled(key.service.to_string(), theme.series(place))];
    let Some(terminal) = terminal else {
        return spans;
    };
    let dim = theme.style(Role::Dim);
    spans.push(Span::styled(format!("  run #{}", terminal.run), dim));
    if let Some(line) = &terminal.line {
        let line = text::plain(line.as_bytes());
        spans.push(Span::styled(format!("  {line}"), theme.style(Role::Text)));
    } else if let Standing::Open(with) = terminal.standing() {
        spans.push(Span::styled(format!("  {with}"), dim));
    }
    spans
}

/// How far up is looked, how it stands, and how to leave.
fn note<'a>(terminal: Option<&Terminal>, theme: &Theme) -> Vec<Span<'a>> {
    let leave = Span::styled("ctrl-] leaves", theme.style(Role::Accent));
    let Some(terminal) = terminal else {
        return vec![leave];
    };
    let mut spans = Vec::new();
    let (scrolled, kept) = terminal.scrolled();
    if scrolled > 0 {
        let words = format!("{scrolled} of {kept} lines up  ");
        spans.push(Span::styled(words, theme.style(Role::Waiting)));
    }
    match terminal.standing() {
        Standing::Opening => spans.push(Span::styled("opening  ", theme.style(Role::Busy))),
        Standing::Ended(_) => {
            spans.push(Span::styled("over  ", theme.style(Role::Dim)));
            let closes = Span::styled("enter or esc closes", theme.style(Role::Accent));
            spans.push(closes);
            return spans;
        }
        Standing::Open(_) => {}
    }
    spans.push(leave);
    spans
}

fn draw(frame: &mut Frame<'_>, area: Rect, terminal: &Terminal, theme: &Theme) {
    let buffer = frame.buffer_mut();
    terminal.cells(|column, row, symbol, style| {
        let (x, y) = (area.x.saturating_add(column), area.y.saturating_add(row));
        // A terminal may have another size until it has been told of this one.
        let wide = u16::try_from(text::width(symbol)).unwrap_or(1).max(1);
        if x.saturating_add(wide) <= area.right() && y < area.bottom() {
            buffer[(x, y)]
                .set_symbol(symbol)
                .set_style(shown(style, theme));
            for covered in x + 1..x + wide {
                buffer[(covered, y)].reset();
            }
        }
    });
    let is_open = matches!(terminal.standing(), Standing::Open(_));
    if let Some((column, row)) = terminal.cursor().filter(|_| is_open) {
        let position = Position::new(area.x + column, area.y + row);
        if area.contains(position) {
            frame.set_cursor_position(position);
        }
    }
}

/// How a program wants a cell to look, as far as the theme and the terminal allow. Grounds are shown as they are: a program
/// that has a terminal draws with them.
fn shown(style: text::Style, theme: &Theme) -> Style {
    let plain = |colour: text::Color| match colour {
        text::Color::Indexed(index) => Color::Indexed(index),
        text::Color::Rgb(red, green, blue) => Color::Rgb(red, green, blue),
    };
    let letters = style.foreground.map(plain);
    let mut shown = match style.background {
        Some(ground) => theme.foreign_ground(letters, plain(ground)),
        None => Style {
            fg: letters.and_then(|letters| theme.foreign(letters)),
            ..Style::new()
        },
    };
    for (is_on, modifier) in [
        (style.bold, Modifier::BOLD),
        (style.italic, Modifier::ITALIC),
        (style.underline, Modifier::UNDERLINED),
        (style.reverse, Modifier::REVERSED),
        (style.strike, Modifier::CROSSED_OUT),
    ] {
        if is_on {
            shown = shown.add_modifier(modifier);
        }
    }
    if style.dim && shown.fg.is_none() && shown.bg.is_none() {
        // The terminal's own dimming may leave too little to read by.
        return shown.patch(theme.style(Role::Dim));
    }
    shown
}
