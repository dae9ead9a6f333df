//! The palette: a line to type in, and what it finds.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Span;
use ratatui::widgets::Block;

use super::help::{centred, panel};
use crate::tui::draw::{empty, spread};
use crate::tui::layout::top;
use crate::tui::palette::Found;
use crate::tui::prompt::Line;
use crate::tui::theme::{Role, Theme};
use crate::tui::trace_view::first_shown;

/// Rows of what is found.
const ROWS: u16 = 12;

/// What a list to choose from says of itself.
#[derive(Debug)]
pub(in crate::tui) struct Words {
    title: &'static str,
    keys: &'static str,
    /// What it says if nothing is found.
    nothing: &'static str,
}

/// Of everything that can be done.
pub(in crate::tui) const ACTIONS: Words = Words {
    title: " Find an action",
    keys: "Enter does it   Esc closes",
    nothing: "No action is called so.",
};

/// Of filters and searches.
pub(in crate::tui) const NAMED: Words = Words {
    title: " Filters and searches",
    keys: "Enter uses it   Ctrl-D forgets it",
    nothing: "None is called so, or has that in it.",
};

pub(in crate::tui) fn render(
    frame: &mut Frame<'_>,
    screen: Rect,
    said: &Words,
    line: &Line,
    found: &[Found],
    chosen: usize,
    theme: &Theme,
) {
    let area = centred(screen, 64, ROWS + 5);
    let body = panel(frame, area, said.title, said.keys, theme);
    let (input, body) = top(body, 1);
    let (before, after) = line.parts();
    let text = theme.style(Role::Strong);
    let typed = vec![
        Span::styled(": ", theme.style(Role::Accent).bold()),
        Span::styled(before, text),
        Span::styled("▏", theme.style(Role::Accent)),
        Span::styled(after, text),
    ];
    frame.render_widget(spread(typed, Vec::new(), input.width), input);
    let (_, body) = top(body, u16::from(body.height > 3));
    let chosen = chosen.min(found.len().saturating_sub(1));
    if found.is_empty() {
        empty(frame, body, said.nothing, theme);
        return;
    }
    let first = first_shown(chosen, usize::from(body.height), found.len());
    for ((at, found), row) in found.iter().enumerate().skip(first).zip(body.rows()) {
        if at == chosen {
            let whole = Rect {
                x: area.x,
                width: area.width,
                ..row
            };
            frame.render_widget(Block::new().style(theme.selection()), whole);
            let mark = Rect {
                width: 1.min(whole.width),
                ..whole
            };
            frame.render_widget(Span::styled("▸", theme.style(Role::Accent)), mark);
        }
        let key = Span::styled(format!("{}  ", found.key), theme.style(Role::Accent));
        frame.render_widget(spread(words(found, theme), vec![key], row.width), row);
    }
}

/// The words, with the letters that were typed standing out.
fn words<'a>(found: &Found, theme: &Theme) -> Vec<Span<'a>> {
    let letters = found.words.chars().enumerate();
    letters
        .map(|(at, letter)| {
            let is_hit = u32::try_from(at).is_ok_and(|at| found.hits.contains(&at));
            let style = if is_hit {
                theme.style(Role::Accent).bold().underlined()
            } else {
                theme.style(Role::Text)
            };
            Span::styled(letter.to_string(), style)
        })
        .collect()
}
