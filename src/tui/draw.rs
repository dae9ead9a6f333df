//! Small things that every pane draws with: titles, lines with two ends, words for empty panes, sparklines.

use std::borrow::Cow;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::layout::{Pane, top};
use super::theme::{Role, Theme};
use crate::text::{cut, truncate, width};

/// What stands in the first line of a pane.
#[derive(Debug, Default)]
pub(super) struct Title<'a> {
    /// What it is about: a service, a trace.
    pub(super) of: Vec<Span<'a>>,
    /// How it stands, at the right end.
    pub(super) note: Vec<Span<'a>>,
}

/// Draws a pane's title over a rule and returns the area below it.
///
/// The pane in focus is told by a heavy rule and a mark, not by colour alone.
pub(super) fn title(
    frame: &mut Frame<'_>,
    area: Rect,
    pane: Pane,
    title: Title<'_>,
    focus: Pane,
    theme: &Theme,
) -> Rect {
    titled(frame, area, pane.word(), pane == focus, title, theme)
}

/// The same for what is no pane of its own: with this word, worked in or not.
pub(super) fn titled(
    frame: &mut Frame<'_>,
    area: Rect,
    word: &'static str,
    focused: bool,
    title: Title<'_>,
    theme: &Theme,
) -> Rect {
    let (line, body) = top(area, 1);
    let (mark, dash, role) = if focused {
        ("▌", "━", Role::Accent)
    } else {
        (" ", "─", Role::Border)
    };
    let name = if focused { Role::Accent } else { Role::Text };
    let name = theme.style(name).patch(weight());
    let mut left = vec![
        Span::styled(mark, theme.style(role)),
        Span::styled(word, name),
        Span::raw(" "),
    ];
    if !title.of.is_empty() {
        left.push(Span::raw(" "));
        left.extend(title.of);
        left.push(Span::raw(" "));
    }
    let mut right = title.note;
    if !right.is_empty() {
        right.insert(0, Span::raw(" "));
        right.push(Span::raw(" "));
    }
    let room = usize::from(line.width);
    let left = clip(left, room.saturating_sub(spans_width(&right)));
    let gap = room.saturating_sub(spans_width(&left) + spans_width(&right));
    let mut spans = left;
    spans.push(Span::styled(dash.repeat(gap), theme.style(role)));
    spans.extend(clip(right, room));
    frame.render_widget(Line::from(spans), line);
    Rect {
        x: body.x + u16::from(body.width > 2),
        width: body_width(body.width),
        ..body
    }
}

/// Columns of the area below a title, of a pane that is so wide.
pub(super) fn body_width(pane: u16) -> u16 {
    pane - u16::from(pane > 2) - u16::from(pane > 24)
}

fn weight() -> Style {
    Style::new().bold()
}

/// A line whose left part is cut to make room for its right part.
pub(super) fn spread<'a>(left: Vec<Span<'a>>, right: Vec<Span<'a>>, room: u16) -> Line<'a> {
    let room = usize::from(room);
    let right_width = spans_width(&right);
    if right_width >= room {
        return Line::from(clip(left, room));
    }
    let space = usize::from(right_width > 0);
    let mut spans = clip(left, room - right_width - space);
    let gap = room - right_width - spans_width(&spans);
    spans.push(Span::raw(" ".repeat(gap)));
    spans.extend(right);
    Line::from(spans)
}

/// A sentence in rows of at most so many columns, as far as its words fit; its last two words, a time and its unit, stay
/// together.
pub(super) fn by_words(sentence: &str, room: usize) -> Vec<String> {
    let mut words: Vec<&str> = sentence.split(' ').collect();
    let unit = words.len().checked_sub(2).filter(|at| {
        let starts = words[*at].starts_with(|letter: char| letter.is_ascii_digit());
        starts && words[at + 1].len() < 3
    });
    let together;
    if let Some(at) = unit {
        together = words[at..].join(" ");
        words.truncate(at);
        words.push(&together);
    }
    let mut rows: Vec<String> = Vec::new();
    for word in words {
        match rows.last_mut() {
            Some(row) if width(row) + 1 + width(word) <= room => {
                row.push(' ');
                row.push_str(word);
            }
            _ => rows.push(word.to_owned()),
        }
    }
    rows
}

/// How many columns these spans take.
pub(super) fn spans_width(spans: &[Span<'_>]) -> usize {
    spans.iter().map(|span| width(&span.content)).sum()
}

/// The spans, cut with `…` if they are wider than this.
pub(super) fn clip(spans: Vec<Span<'_>>, room: usize) -> Vec<Span<'_>> {
    if spans_width(&spans) <= room {
        return spans;
    }
    let mut left = room;
    let mut kept = Vec::with_capacity(spans.len());
    for span in spans {
        let wide = width(&span.content);
        if wide < left {
            left -= wide;
            kept.push(span);
            continue;
        }
        // Something follows, or this does not fit: either way the ellipsis must.
        let cut = truncated(&span.content, left);
        kept.push(Span::styled(cut, span.style));
        break;
    }
    kept
}

fn truncated(content: &str, room: usize) -> String {
    if room == 0 {
        return String::new();
    }
    match truncate(content, room, "…") {
        Cow::Borrowed(whole) if width(whole) == room => {
            format!("{}…", cut(whole, room - 1))
        }
        other => other.into_owned(),
    }
}

/// Why there is nothing to see, and what would change that.
pub(super) fn empty(frame: &mut Frame<'_>, area: Rect, words: &str, theme: &Theme) {
    let area = if area.height > 3 {
        top(area, 1).1
    } else {
        area
    };
    let words = Paragraph::new(words)
        .style(theme.style(Role::Dim))
        .wrap(Wrap { trim: true });
    frame.render_widget(words, area);
}

/// Draws lines from the top of an area, as many as fit.
pub(super) fn lines<'a>(
    frame: &mut Frame<'_>,
    area: Rect,
    lines: impl IntoIterator<Item = Line<'a>>,
) {
    for (line, row) in lines.into_iter().zip(area.rows()) {
        frame.render_widget(line, row);
    }
}

/// The newest values as a row of bars, the newest at the right, scaled to `full` or to their own highest.
pub(super) fn sparkline(values: &[f64], room: usize, full: f64) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let shown = &values[values.len().saturating_sub(room)..];
    let highest = shown.iter().copied().fold(full, f64::max);
    let bar = |value: &f64| {
        let share = if highest > 0.0 { value / highest } else { 0.0 };
        let step = (0..7)
            .rev()
            .find(|step| share > (f64::from(*step) + 0.5) / 7.5);
        BARS[step.map_or(0, |step| usize::try_from(step + 1).unwrap_or(0))]
    };
    shown.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &Line<'_>) -> String {
        line.spans
            .iter()
            .map(|span| span.content.as_ref())
            .collect()
    }

    #[test]
    fn a_line_gives_way_on_the_left() {
        let spread = |left: &'static str, right: &'static str, room| {
            text(&spread(vec![left.into()], vec![right.into()], room))
        };
        assert_eq!(spread("web", "38 ms", 12), "web    38 ms");
        assert_eq!(spread("a long name", "38 ms", 12), "a lon… 38 ms");
        assert_eq!(spread("日本語の名前", "1 ms", 12), "日本語… 1 ms");
        assert_eq!(spread("web", "38 ms", 4), "web");
        assert_eq!(spread("web", "38 ms", 0), "");
    }

    #[test]
    fn clipping_tells_that_something_is_missing() {
        let spans = || vec![Span::raw("ab"), Span::raw("cd"), Span::raw("ef")];
        let clipped = |room| text(&Line::from(clip(spans(), room)));
        assert_eq!(clipped(6), "abcdef");
        assert_eq!(clipped(5), "abcd…");
        assert_eq!(clipped(4), "abc…");
        assert_eq!(clipped(1), "…");
        assert_eq!(clipped(0), "");
    }

    #[test]
    fn bars_follow_their_values() {
        assert_eq!(sparkline(&[0.0, 1.0, 4.0, 8.0], 10, 8.0), "▁▂▅█");
        assert_eq!(sparkline(&[8.0, 0.0, 0.0], 2, 0.0), "▁▁");
        assert_eq!(sparkline(&[], 5, 1.0), "");
        assert_eq!(sparkline(&[f64::NAN, 3.0], 5, 1.0), "▁█");
    }
}
