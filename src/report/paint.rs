//! Colours for lines, as a terminal takes them; none where none are wanted.

use crate::text::{Color, Style, Styled};

/// Puts colours around text, or leaves it as it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    /// Whether there is colour at all.
    pub(super) on: bool,
}

/// A style of this colour.
pub(super) fn colored(index: u8) -> Style {
    Style {
        foreground: Some(Color::Indexed(index)),
        ..Style::default()
    }
}

/// A style that stands back.
pub(super) fn dim() -> Style {
    Style {
        dim: true,
        ..Style::default()
    }
}

/// A style that stands out.
pub(super) fn bold() -> Style {
    Style {
        bold: true,
        ..Style::default()
    }
}

impl Paint {
    /// The text in this style.
    pub(super) fn text(self, text: &str, style: Style) -> String {
        let mut painted = String::with_capacity(text.len() + 8);
        self.push(&mut painted, text, style);
        painted
    }

    /// A line of a service with its own colours.
    pub(super) fn styled(self, line: &Styled) -> String {
        let mut painted = String::with_capacity(line.text.len() + 8 * line.spans.len());
        for (piece, style) in line.pieces() {
            self.push(&mut painted, piece, style);
        }
        painted
    }

    fn push(self, painted: &mut String, text: &str, style: Style) {
        if !self.on || style.is_plain() || text.is_empty() {
            painted.push_str(text);
            return;
        }
        painted.push_str("\x1b[");
        painted.push_str(&codes(style));
        painted.push('m');
        painted.push_str(text);
        painted.push_str("\x1b[0m");
    }
}

fn codes(style: Style) -> String {
    let attributes = [
        (style.bold, 1),
        (style.dim, 2),
        (style.italic, 3),
        (style.underline, 4),
        (style.reverse, 7),
        (style.strike, 9),
    ];
    let set = attributes.iter().filter(|(is_set, _)| *is_set);
    let mut codes: Vec<String> = set.map(|(_, code)| code.to_string()).collect();
    codes.extend(style.foreground.map(|color| color_code(color, 30)));
    codes.extend(style.background.map(|color| color_code(color, 40)));
    codes.join(";")
}

fn color_code(color: Color, base: u16) -> String {
    match color {
        Color::Indexed(index @ 0..8) => (base + u16::from(index)).to_string(),
        Color::Indexed(index @ 8..16) => (base + 52 + u16::from(index)).to_string(),
        Color::Indexed(index) => format!("{};5;{index}", base + 8),
        Color::Rgb(r, g, b) => format!("{};2;{r};{g};{b}", base + 8),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::sanitize;

    #[test]
    fn without_colour_only_the_text_is_left() {
        let line = sanitize(b"\x1b[1;31mred\x1b[0m plain");
        assert_eq!(Paint { on: false }.styled(&line), "red plain");
        assert_eq!(
            Paint { on: true }.styled(&line),
            "\x1b[1;31mred\x1b[0m plain"
        );
    }

    proptest! {
        #[test]
        fn what_is_painted_reads_back_the_same(bytes in "[\\x1b\\[0-9;mab ]{0,40}") {
            let line = sanitize(bytes.as_bytes());
            let painted = Paint { on: true }.styled(&line);
            prop_assert_eq!(sanitize(painted.as_bytes()), line);
        }
    }
}
