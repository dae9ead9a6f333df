//! Text with colours, in terms of no particular terminal library.

use std::borrow::Cow;

use super::width::skip_columns;

/// A colour of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Color {
    /// Of the terminal's palette: 0 to 7 plain, 8 to 15 bright, the rest as xterm has them.
    Indexed(u8),
    /// Red, green and blue.
    Rgb(u8, u8, u8),
}

/// How a piece of text looks. The default is how the terminal looks anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent SGR attribute"
)]
pub struct Style {
    /// Colour of the letters.
    pub foreground: Option<Color>,
    /// Colour behind the letters.
    pub background: Option<Color>,
    /// Bold.
    pub bold: bool,
    /// Dim.
    pub dim: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined.
    pub underline: bool,
    /// Foreground and background exchanged.
    pub reverse: bool,
    /// Struck through.
    pub strike: bool,
}

impl Style {
    /// Whether it says nothing.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// A part of a text that has one style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends, in bytes.
    pub end: usize,
    /// How it looks; never plain.
    pub style: Style,
}

/// Harmless text with its colours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Styled {
    /// The text: one line, without any control character.
    pub text: String,
    /// Its coloured parts, in order, without overlap. What none of them covers is plain.
    pub spans: Vec<Span>,
}

impl Styled {
    /// The text in pieces of one style each.
    pub fn pieces(&self) -> impl Iterator<Item = (&str, Style)> {
        let starts = self.spans.iter().flat_map(|span| {
            let after = (span.end, Style::default());
            [(span.start, span.style), after]
        });
        let mut starts = std::iter::once((0, Style::default()))
            .chain(starts)
            .peekable();
        std::iter::from_fn(move || {
            let (start, style) = starts.next()?;
            let end = starts.peek().map_or(self.text.len(), |next| next.0);
            Some((&self.text[start..end], style))
        })
        .filter(|(piece, _)| !piece.is_empty())
    }

    /// The text from this column on: what is seen after scrolling sideways. A wide character that begins before the
    /// column and ends after it becomes a space.
    #[must_use]
    pub fn from_column(&self, column: usize) -> Cow<'_, Self> {
        if column == 0 {
            return Cow::Borrowed(self);
        }
        let (skipped, padding) = skip_columns(&self.text, column);
        let mut cut = Self {
            text: " ".repeat(padding),
            spans: Vec::new(),
        };
        cut.append(self, skipped);
        Cow::Owned(cut)
    }

    /// A part of the text with its colours; the range is in bytes, on boundaries of letters.
    #[must_use]
    pub fn part(&self, range: std::ops::Range<usize>) -> Self {
        let mut part = Self {
            text: self.text[range.clone()].to_owned(),
            spans: Vec::new(),
        };
        for span in &self.spans {
            let (start, end) = (span.start.max(range.start), span.end.min(range.end));
            if start < end {
                part.cover(start - range.start, end - range.start, span.style);
            }
        }
        part
    }

    /// Adds a piece in this style.
    pub(super) fn push(&mut self, piece: &str, style: Style) {
        let start = self.text.len();
        self.text.push_str(piece);
        self.cover(start, self.text.len(), style);
    }

    /// Adds what `other` has from this byte on.
    pub(super) fn append(&mut self, other: &Self, from: usize) {
        let base = self.text.len();
        self.text.push_str(&other.text[from..]);
        for span in other.spans.iter().filter(|span| span.end > from) {
            let start = base + span.start.max(from) - from;
            self.cover(start, base + span.end - from, span.style);
        }
    }

    fn cover(&mut self, start: usize, end: usize, style: Style) {
        if style.is_plain() || start == end {
            return;
        }
        match self.spans.last_mut() {
            Some(last) if last.end == start && last.style == style => last.end = end,
            _ => self.spans.push(Span { start, end, style }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bold() -> Style {
        Style {
            bold: true,
            ..Style::default()
        }
    }

    #[test]
    fn pieces_cover_the_whole_text() {
        let mut styled = Styled::default();
        styled.push("a", Style::default());
        styled.push("b", bold());
        styled.push("c", bold());
        styled.push("d", Style::default());
        let pieces: Vec<_> = styled.pieces().collect();
        let plain = Style::default();
        assert_eq!(pieces, [("a", plain), ("bc", bold()), ("d", plain)]);
        assert_eq!(
            styled.spans.len(),
            1,
            "neighbours of one style are one span"
        );
    }

    #[test]
    fn a_part_keeps_its_colours() {
        let mut styled = Styled::default();
        styled.push("ab", Style::default());
        styled.push("cd", bold());
        let part = styled.part(1..3);
        assert_eq!(part.text, "bc");
        assert_eq!((part.spans[0].start, part.spans[0].end), (1, 2));
        assert_eq!(styled.part(0..2).spans, []);
    }

    #[test]
    fn scrolling_sideways_keeps_colours_and_halves_no_letter() {
        let mut styled = Styled::default();
        styled.push("日本", Style::default());
        styled.push("go", bold());
        let cut = styled.from_column(1);
        assert_eq!(cut.text, " 本go");
        assert_eq!((cut.spans[0].start, cut.spans[0].end), (4, 6));
        assert_eq!(styled.from_column(5).text, "o");
        assert_eq!(styled.from_column(50).text, "");
        assert_eq!(styled.from_column(0).text, "日本go");
    }
}
