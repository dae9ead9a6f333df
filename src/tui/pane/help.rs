//! The keys that work here, made from the table.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear};

use crate::text;
use crate::tui::draw::{by_words, lines, spread};
use crate::tui::keys::{Keymap, Where};
use crate::tui::layout::top;
use crate::tui::theme::{Role, Theme};

/// Columns of the keys of a row.
const KEYS: usize = 18;
/// Columns of a row: at least so many where there are two beside each other, and at most so many.
const LEAST: u16 = 54;
const MOST: u16 = 84;

pub(in crate::tui) fn render(
    frame: &mut Frame<'_>,
    screen: Rect,
    (keymap, places): (&Keymap, &[Where]),
    scrolled: usize,
    theme: &Theme,
) {
    let two = screen.width >= LEAST * 2 + 6;
    let room = if two {
        (screen.width - 6) / 2
    } else {
        screen.width.saturating_sub(4)
    };
    let column = room.min(longest(keymap, places));
    let mut blocks = blocks(keymap, places, column, theme);
    if !keymap.problems.is_empty() {
        blocks.insert(0, problems(keymap, column, theme));
    }
    let rows: usize = blocks.iter().map(Vec::len).sum();
    let (left, right) = if two {
        halves(&blocks, rows)
    } else {
        (blocks.concat(), Vec::new())
    };
    let height = u16::try_from(left.len().max(right.len()))
        .unwrap_or(u16::MAX)
        .saturating_add(3);
    let width = if two { column * 2 + 6 } else { column + 4 };
    let area = centred(screen, width, height);
    let is_cut = height > area.height;
    let hint = if is_cut {
        "↑ ↓ scroll   Esc closes"
    } else {
        "Esc closes"
    };
    let body = panel(frame, area, " Keys that work here", hint, theme);
    let last = left
        .len()
        .max(right.len())
        .saturating_sub(usize::from(body.height));
    let from = scrolled.min(last);
    let (first, second) = columns(body, two);
    lines(frame, first, left.into_iter().skip(from));
    lines(frame, second, right.into_iter().skip(from));
}

/// What is wrong with the person's own keys, in rows.
fn problems<'a>(keymap: &Keymap, column: u16, theme: &Theme) -> Vec<Line<'a>> {
    let heading = "Your own keys: what is wrong with their file";
    let mut block = vec![Line::from(Span::styled(
        heading,
        theme.style(Role::Failed).bold(),
    ))];
    for problem in &keymap.problems {
        let rows = by_words(problem, usize::from(column));
        block.extend(
            rows.into_iter()
                .map(|row| Line::from(Span::styled(row, theme.style(Role::Text)))),
        );
    }
    block.push(Line::default());
    block
}

/// Columns of the longest row.
fn longest(keymap: &Keymap, places: &[Where]) -> u16 {
    let bindings = keymap.working(places).into_iter();
    let words = bindings.map(|binding| text::width(binding.words)).max();
    let most = u16::try_from(KEYS + words.unwrap_or(0)).unwrap_or(MOST);
    most.clamp(LEAST, MOST)
}

/// One block for each place: its heading, and its keys. What is long goes on in a row below.
fn blocks<'a>(keymap: &Keymap, places: &[Where], column: u16, theme: &Theme) -> Vec<Vec<Line<'a>>> {
    let room = usize::from(column).saturating_sub(KEYS).max(1);
    let bindings = keymap.working(places);
    let block = |place: &Where| {
        let here = bindings.iter().filter(|binding| binding.at == *place);
        let rows = here.flat_map(|binding| {
            let mut keys = format!("{:<KEYS$}", binding.keys.join(" "));
            by_words(binding.words, room).into_iter().map(move |words| {
                let keys = std::mem::replace(&mut keys, " ".repeat(KEYS));
                spread(
                    vec![
                        Span::styled(keys, theme.style(Role::Accent)),
                        Span::styled(words, theme.style(Role::Text)),
                    ],
                    Vec::new(),
                    column,
                )
            })
        });
        let heading = Line::from(Span::styled(place.words(), theme.style(Role::Strong)));
        let mut block = vec![heading];
        block.extend(rows);
        block.push(Line::default());
        block
    };
    places
        .iter()
        .map(block)
        .filter(|block| block.len() > 2)
        .collect()
}

/// The rows in two columns of about the same length; a block may be continued in the second.
fn halves<'a>(blocks: &[Vec<Line<'a>>], rows: usize) -> (Vec<Line<'a>>, Vec<Line<'a>>) {
    let mut all = blocks.concat();
    let right = all.split_off(rows.div_ceil(2).min(all.len()));
    (all, right)
}

fn columns(body: Rect, two: bool) -> (Rect, Rect) {
    if !two {
        return (body, Rect::ZERO);
    }
    let half = body.width / 2;
    let first = Rect {
        width: half,
        ..body
    };
    let second = Rect {
        x: body.x + half,
        width: body.width - half,
        ..body
    };
    (first, second)
}

/// An area of this size in the middle of the screen, as far as it fits.
pub(in crate::tui) fn centred(screen: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(screen.width), height.min(screen.height));
    Rect {
        x: screen.x + (screen.width - width) / 2,
        y: screen.y + (screen.height - height) / 3,
        width,
        height,
    }
}

/// A panel over whatever is there, with a heading; returns the area for its content.
pub(in crate::tui) fn panel(
    frame: &mut Frame<'_>,
    area: Rect,
    heading: &str,
    hint: &str,
    theme: &Theme,
) -> Rect {
    frame.render_widget(Clear, area);
    frame.render_widget(
        Block::new().style(theme.base().patch(theme.surface())),
        area,
    );
    let (title, rest) = top(area, 1);
    let heading = vec![Span::styled(
        heading.to_owned(),
        theme.style(Role::Accent).bold(),
    )];
    let hint = vec![Span::styled(format!("{hint} "), theme.style(Role::Dim))];
    frame.render_widget(spread(heading, hint, title.width), title);
    let (rule, rest) = top(rest, 1);
    let line = Span::styled(
        "━".repeat(usize::from(rule.width)),
        theme.style(Role::Accent),
    );
    frame.render_widget(line, rule);
    let margin = u16::from(rest.width > 4) * 2;
    Rect {
        x: rest.x + margin,
        width: rest.width - margin,
        ..rest
    }
}
