//! Bytes from outside made harmless: colour is kept, every other escape and control character is not.
//!
//! The bytes of one line are read as a terminal would read them (Paul Williams' state machine, in `vte`), with four things
//! obeyed: colour (SGR), tab, carriage return and "erase in line", which together make progress bars look right. All
//! else (cursor movements, OSC, DCS, APC, PM, SOS, C0 and C1 controls in either encoding) is left out.

use std::borrow::Cow;

use vte::{Params, ParamsIter, Parser, Perform};

use super::style::{Color, Style, Styled};
use super::width::width;

const TAB_STOP: usize = 8;

/// One line made harmless, with its colours.
pub fn sanitize(bytes: &[u8]) -> Styled {
    if let Some(text) = harmless(bytes) {
        return Styled {
            text: text.to_owned(),
            spans: Vec::new(),
        };
    }
    parsed(bytes)
}

fn parsed(bytes: &[u8]) -> Styled {
    let mut line = Line::default();
    // Decoded before it is parsed, so that a broken character at the very end is seen too.
    Parser::new().advance(&mut line, String::from_utf8_lossy(bytes).as_bytes());
    line.finish()
}

/// One line made harmless, without colours.
pub fn plain(bytes: &[u8]) -> String {
    readable(bytes).into_owned()
}

/// One line made harmless, without colours; borrowed if it is harmless as it is.
pub fn readable(bytes: &[u8]) -> Cow<'_, str> {
    match harmless(bytes) {
        Some(text) => Cow::Borrowed(text),
        None => Cow::Owned(parsed(bytes).text),
    }
}

/// Several lines made harmless, without colours; line ends are kept as `\n`.
pub fn plain_lines(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if number > 0 {
            text.push('\n');
        }
        text.push_str(&plain(line));
    }
    text
}

/// The bytes as text, if there is nothing in them to be removed: most lines need no parser.
fn harmless(bytes: &[u8]) -> Option<&str> {
    if bytes.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        return str::from_utf8(bytes).ok();
    }
    if bytes.iter().any(|byte| *byte < 0x20) {
        return None;
    }
    let text = str::from_utf8(bytes).ok()?;
    text.chars()
        .all(|letter| visible(letter) == Some(letter))
        .then_some(text)
}

/// What has been read of a line, in strokes: each begins at the first column, over what is there already.
#[derive(Default)]
struct Line {
    style: Style,
    done: Vec<Stroke>,
    current: Stroke,
}

#[derive(Default)]
struct Stroke {
    drawn: Styled,
    /// What older strokes left is gone, from this stroke's end on.
    erases: bool,
    /// Columns up to the last tab, so that a line of tabs is not measured again and again.
    measured: (usize, usize),
}

impl Stroke {
    fn column(&mut self) -> usize {
        let (bytes, columns) = self.measured;
        let columns = columns + width(&self.drawn.text[bytes..]);
        self.measured = (self.drawn.text.len(), columns);
        columns
    }
}

impl Line {
    /// The strokes put over each other, from the newest down, each showing only what the newer ones do not cover.
    fn finish(mut self) -> Styled {
        self.carriage_return();
        let mut strokes = self.done.into_iter().rev();
        let Some(newest) = strokes.next() else {
            return Styled::default();
        };
        let (mut seen, mut erased) = (newest.drawn, newest.erases);
        let mut covered = width(&seen.text);
        for stroke in strokes {
            if erased {
                break;
            }
            let columns = width(&stroke.drawn.text);
            if columns > covered {
                seen.append(&stroke.drawn.from_column(covered), 0);
                covered = columns;
            }
            erased = stroke.erases;
        }
        seen
    }

    fn carriage_return(&mut self) {
        let stroke = std::mem::take(&mut self.current);
        // `\r\n` and `\r\r\n` end a line and overwrite nothing.
        if !stroke.drawn.text.is_empty() || stroke.erases {
            self.done.push(stroke);
        }
    }

    fn erase_in_line(&mut self, params: &Params) {
        let what = params.iter().next().map_or(0, |param| param[0]);
        if what == 2 {
            self.current.drawn = Styled::default();
            self.current.measured = (0, 0);
        }
        self.current.erases |= what != 1;
    }
}

impl Perform for Line {
    fn print(&mut self, letter: char) {
        if let Some(shown) = visible(letter) {
            let mut buffer = [0; 4];
            self.current
                .drawn
                .push(shown.encode_utf8(&mut buffer), self.style);
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\t' => {
                let gap = TAB_STOP - self.current.column() % TAB_STOP;
                self.current.drawn.push(&" ".repeat(gap), self.style);
            }
            b'\r' => self.carriage_return(),
            b'\n' => self.current.drawn.push(" ", self.style),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], _ignore: bool, end: char) {
        match (end, intermediates) {
            ('m', []) => apply(&mut self.style, params),
            ('K', []) => self.erase_in_line(params),
            _ => {}
        }
    }
}

/// The letter as it may be drawn: a control character is not, and what turns the reading direction shows itself.
fn visible(letter: char) -> Option<char> {
    match letter {
        // Embeddings, overrides and isolates: they can make a line read as something else.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Some(char::REPLACEMENT_CHARACTER),
        // Line and paragraph separators.
        '\u{2028}' | '\u{2029}' => Some(' '),
        // Direction marks, byte order mark, annotation marks, deprecated format characters.
        '\u{200e}'
        | '\u{200f}'
        | '\u{61c}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{206a}'..='\u{206f}' => None,
        letter if letter.is_control() => None,
        letter => Some(letter),
    }
}

/// Obeys "select graphic rendition" (ECMA-48 8.3.117, colours as in ITU T.416 and as xterm takes them). Blinking and
/// concealing are not obeyed.
fn apply(style: &mut Style, params: &Params) {
    let mut params = params.iter();
    while let Some(param) = params.next() {
        match param {
            [0] => *style = Style::default(),
            [1] => style.bold = true,
            [2] => style.dim = true,
            [3] => style.italic = true,
            [4, 0] | [24] => style.underline = false,
            [4 | 21, ..] => style.underline = true,
            [7] => style.reverse = true,
            [9] => style.strike = true,
            [22] => (style.bold, style.dim) = (false, false),
            [23] => style.italic = false,
            [27] => style.reverse = false,
            [29] => style.strike = false,
            [38, rest @ ..] => style.foreground = color(rest, &mut params).or(style.foreground),
            [48, rest @ ..] => style.background = color(rest, &mut params).or(style.background),
            // The colour of the underline: read, so that its numbers are not taken for something else.
            [58, rest @ ..] => drop(color(rest, &mut params)),
            [39] => style.foreground = None,
            [49] => style.background = None,
            [code] => palette(style, *code),
            _ => {}
        }
    }
}

fn palette(style: &mut Style, code: u16) {
    let bright = if code >= 90 { 8 } else { 0 };
    let indexed = |base: u16| {
        u8::try_from(code - base)
            .ok()
            .map(|n| Color::Indexed(n + bright))
    };
    match code {
        30..=37 => style.foreground = indexed(30),
        40..=47 => style.background = indexed(40),
        90..=97 => style.foreground = indexed(90),
        100..=107 => style.background = indexed(100),
        _ => {}
    }
}

/// The colour after 38, 48 or 58: `5:N`, `2:R:G:B`, `2:SPACE:R:G:B`, or the same spread over the next parameters.
fn color(rest: &[u16], params: &mut ParamsIter<'_>) -> Option<Color> {
    let byte = |value: u16| u8::try_from(value).ok();
    let rgb = |r, g, b| Some(Color::Rgb(byte(r)?, byte(g)?, byte(b)?));
    match rest {
        [5, index, ..] => byte(*index).map(Color::Indexed),
        [2, r, g, b] | [2, _, r, g, b, ..] => rgb(*r, *g, *b),
        [] => {
            let mut next = || params.next().map(|param| param[0]);
            match next()? {
                5 => byte(next()?).map(Color::Indexed),
                2 => {
                    let (r, g, b) = (next()?, next()?, next()?);
                    rgb(r, g, b)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "sanitize_tests.rs"]
mod tests;
