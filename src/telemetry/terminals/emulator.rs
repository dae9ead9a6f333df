//! The terminal that a program inside a service believes it has: cells, a cursor, and what went out at the top.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alacritty_terminal::event::{Event, EventListener};
use alacritty_terminal::grid::{Dimensions, Scroll};
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::term::{Config, Osc52, Term, TermMode};
use alacritty_terminal::vte::ansi::{Color, NamedColor, Processor, Timeout};

use super::Size;
use super::filter::Filter;
use crate::text::{self, Style};

/// So many lines are kept of what went out at the top.
const KEPT: usize = 10_000;

/// What a program asked of its terminal, as far as it concerns who types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent mode of a terminal"
)]
pub struct Modes {
    /// Arrow keys are sent as `ESC O` (DECCKM).
    pub application_cursor: bool,
    /// Pastes are put in brackets (2004).
    pub bracketed_paste: bool,
    /// It has the whole screen for itself (1049): what goes out at the top is not kept.
    pub alternate: bool,
    /// The wheel is sent as arrow keys while it has the whole screen (1007).
    pub alternate_scroll: bool,
    /// Clicks are reported (1000), and drawing the mouse (1002), and every move (1003).
    pub clicks: bool,
    pub drags: bool,
    pub moves: bool,
    /// Reports of the mouse are written in decimal numbers (1006).
    pub decimal_mouse: bool,
}

/// One terminal and its scrollback.
pub(super) struct Emulator {
    term: Term<Answers>,
    parser: Processor<AtOnce>,
    filter: Filter,
    answers: Answers,
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emulator").finish_non_exhaustive()
    }
}

/// What the terminal answers to the program's questions (where is the cursor, what are you).
#[derive(Debug, Clone, Default)]
struct Answers(Arc<Mutex<Vec<u8>>>);

impl EventListener for Answers {
    fn send_event(&self, event: Event) {
        // Nothing else that a program wishes is granted: no title, no clipboard, no bell.
        if let Event::PtyWrite(answer) = event {
            let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            answers.extend_from_slice(answer.as_bytes());
        }
    }
}

/// What a program draws is shown as it comes: frames are apart from each other anyway.
#[derive(Debug, Default)]
struct AtOnce;

impl Timeout for AtOnce {
    fn set_timeout(&mut self, _: Duration) {}
    fn clear_timeout(&mut self) {}
    fn pending_timeout(&self) -> bool {
        false
    }
}

impl Dimensions for Size {
    fn total_lines(&self) -> usize {
        self.screen_lines()
    }

    fn screen_lines(&self) -> usize {
        usize::from(self.rows.max(1))
    }

    fn columns(&self) -> usize {
        // A wide letter must fit.
        usize::from(self.columns.max(2))
    }
}

impl Emulator {
    pub(super) fn new(size: Size) -> Self {
        let answers = Answers::default();
        let config = Config {
            scrolling_history: KEPT,
            osc52: Osc52::Disabled,
            ..Config::default()
        };
        Self {
            term: Term::new(config, &size, answers.clone()),
            parser: Processor::new(),
            filter: Filter::default(),
            answers,
        }
    }

    /// Takes in what the program printed; what it is to be answered.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let seen = self.filter.pass(bytes);
        self.parser.advance(&mut self.term, &seen);
        self.stay_in_view();
        let mut answers = self
            .answers
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *answers)
    }

    pub(super) fn resize(&mut self, size: Size) {
        self.term.resize(size);
        self.stay_in_view();
    }

    /// Lines that are looked at may have gone: the emulator does not always take note of that.
    fn stay_in_view(&mut self) {
        let (scrolled, kept) = self.scrolled();
        if scrolled > kept {
            self.term.scroll_display(Scroll::Delta(0));
        }
    }

    /// Looks so many lines further up, or down if negative.
    pub(super) fn scroll(&mut self, lines: i32) {
        self.term.scroll_display(Scroll::Delta(lines));
    }

    /// Looks at the oldest line that is kept, or at the newest again.
    pub(super) fn scroll_to_end(&mut self, top: bool) {
        let end = if top { Scroll::Top } else { Scroll::Bottom };
        self.term.scroll_display(end);
    }

    /// How many lines up is looked, and how many are kept there.
    pub(super) fn scrolled(&self) -> (usize, usize) {
        let grid = self.term.grid();
        (grid.display_offset(), grid.history_size())
    }

    pub(super) fn modes(&self) -> Modes {
        let mode = *self.term.mode();
        Modes {
            application_cursor: mode.contains(TermMode::APP_CURSOR),
            bracketed_paste: mode.contains(TermMode::BRACKETED_PASTE),
            alternate: mode.contains(TermMode::ALT_SCREEN),
            alternate_scroll: mode.contains(TermMode::ALTERNATE_SCROLL),
            clicks: mode.intersects(TermMode::MOUSE_MODE),
            drags: mode.intersects(TermMode::MOUSE_DRAG | TermMode::MOUSE_MOTION),
            moves: mode.contains(TermMode::MOUSE_MOTION),
            decimal_mouse: mode.contains(TermMode::SGR_MOUSE),
        }
    }

    /// Column and row of the cursor, if it is to be seen.
    pub(super) fn cursor(&self) -> Option<(u16, u16)> {
        // Not what the emulator itself would draw: that takes for granted that a wide letter stands before its second half,
        // which a program may have deleted.
        let grid = self.term.grid();
        let point = grid.cursor.point;
        if !self.term.mode().contains(TermMode::SHOW_CURSOR) {
            return None;
        }
        let on_second_half = grid[point].flags.contains(Flags::WIDE_CHAR_SPACER);
        let column = point.column.0.saturating_sub(usize::from(on_second_half));
        let row = i64::from(point.line.0) + i64::try_from(grid.display_offset()).ok()?;
        let row = u16::try_from(row).ok()?;
        let is_seen = usize::from(row) < self.term.screen_lines();
        is_seen.then_some((u16::try_from(column).ok()?, row))
    }

    /// The column of the cursor, seen or not.
    pub(super) fn column(&self) -> usize {
        self.term.grid().cursor.point.column.0
    }

    /// Every cell that is looked at: column, row, what stands in it (a wide letter has the next cell too), and how.
    pub(super) fn cells(&self, mut each: impl FnMut(u16, u16, &str, Style)) {
        let grid = self.term.grid();
        let offset = i32::try_from(grid.display_offset()).unwrap_or(i32::MAX);
        let mut symbol = String::new();
        for indexed in grid.display_iter() {
            let cell = indexed.cell;
            if cell
                .flags
                .intersects(Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER)
            {
                continue;
            }
            let row = indexed.point.line.0.saturating_add(offset);
            let (Ok(row), Ok(column)) = (u16::try_from(row), u16::try_from(indexed.point.column.0))
            else {
                continue;
            };
            symbol.clear();
            symbol.push(shown(cell));
            symbol.extend(cell.zerowidth().into_iter().flatten());
            each(column, row, &symbol, style(cell));
        }
    }
}

/// The letter of a cell: never a control character.
fn shown(cell: &Cell) -> char {
    if cell.flags.contains(Flags::HIDDEN) || cell.c.is_control() {
        ' '
    } else {
        cell.c
    }
}

fn style(cell: &Cell) -> Style {
    let flags = cell.flags;
    Style {
        foreground: colour(cell.fg),
        background: colour(cell.bg),
        bold: flags.contains(Flags::BOLD),
        dim: flags.contains(Flags::DIM) || is_dim(cell.fg),
        italic: flags.contains(Flags::ITALIC),
        underline: flags.intersects(Flags::ALL_UNDERLINES),
        reverse: flags.contains(Flags::INVERSE),
        strike: flags.contains(Flags::STRIKEOUT),
    }
}

fn colour(colour: Color) -> Option<text::Color> {
    match colour {
        Color::Spec(rgb) => Some(text::Color::Rgb(rgb.r, rgb.g, rgb.b)),
        Color::Indexed(index) => Some(text::Color::Indexed(index)),
        Color::Named(named) => {
            let plain = match named {
                NamedColor::DimBlack => 0,
                NamedColor::DimRed => 1,
                NamedColor::DimGreen => 2,
                NamedColor::DimYellow => 3,
                NamedColor::DimBlue => 4,
                NamedColor::DimMagenta => 5,
                NamedColor::DimCyan => 6,
                NamedColor::DimWhite => 7,
                other => other as usize,
            };
            // Beyond the sixteen: the terminal's own foreground, background and cursor.
            u8::try_from(plain)
                .ok()
                .filter(|plain| *plain < 16)
                .map(text::Color::Indexed)
        }
    }
}

fn is_dim(colour: Color) -> bool {
    matches!(colour, Color::Named(named) if (NamedColor::DimBlack as usize..=NamedColor::DimWhite as usize).contains(&(named as usize)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn emulator(columns: u16, rows: u16) -> Emulator {
        Emulator::new(Size { columns, rows })
    }

    fn text(emulator: &Emulator) -> Vec<String> {
        let mut rows: Vec<String> = Vec::new();
        emulator.cells(|_, row, symbol, _| {
            rows.resize(rows.len().max(usize::from(row) + 1), String::new());
            rows[usize::from(row)].push_str(symbol);
        });
        rows.iter().map(|row| row.trim_end().to_owned()).collect()
    }

    #[test]
    fn what_goes_out_at_the_top_is_kept_and_looked_at() {
        let mut emulator = emulator(10, 3);
        for number in 1..=20_u8 {
            emulator.feed(format!("\r\nline {number}").as_bytes());
        }
        assert_eq!(text(&emulator), ["line 18", "line 19", "line 20"]);
        emulator.scroll(2);
        assert_eq!(text(&emulator), ["line 16", "line 17", "line 18"]);
        assert_eq!((emulator.scrolled().0, emulator.cursor()), (2, None));
        emulator.feed(b"\r\nmore");
        assert_eq!(
            text(&emulator)[0],
            "line 16",
            "it stays where it is looked at"
        );
        emulator.scroll_to_end(false);
        assert_eq!(emulator.cursor(), Some((4, 2)));
    }

    #[test]
    fn no_more_than_so_many_lines_are_kept() {
        let mut emulator = emulator(20, 2);
        for _ in 0..12 {
            emulator.feed("line\r\n".repeat(1000).as_bytes());
        }
        assert_eq!(emulator.scrolled().1, KEPT);
    }

    #[test]
    fn questions_are_answered_and_wishes_are_not_granted() {
        let mut emulator = emulator(20, 5);
        assert_eq!(emulator.feed(b"ab\x1b[6n"), b"\x1b[1;3R");
        assert_eq!(emulator.feed(b"\x1b[c"), b"\x1b[?6c");
        assert_eq!(emulator.feed(b"\x1b[5n"), b"\x1b[0n");
        let wishes = b"\x1b]0;title\x07\x1b]52;c;?\x07\x1b]11;?\x1b\\\x1b[21t\x07";
        assert_eq!(emulator.feed(wishes), b"");
    }

    #[test]
    fn modes_wide_letters_and_colours_are_as_asked_for() {
        let mut emulator = emulator(20, 3);
        emulator.feed("\x1b[?1h\x1b[?2004h\x1b[?1000h\x1b[?1006h日x\x1b[1;31mr".as_bytes());
        let modes = emulator.modes();
        assert!(modes.application_cursor && modes.bracketed_paste && modes.clicks);
        assert!(modes.decimal_mouse && !modes.drags && !modes.alternate);
        let mut seen = Vec::new();
        emulator.cells(|column, row, symbol, style| {
            if symbol != " " {
                seen.push((column, row, symbol.to_owned(), style.bold, style.foreground));
            }
        });
        assert_eq!(
            seen,
            [
                (0, 0, "日".to_owned(), false, None),
                (2, 0, "x".to_owned(), false, None),
                (3, 0, "r".to_owned(), true, Some(text::Color::Indexed(1))),
            ]
        );
        emulator.feed(b"\x1b[?1049h");
        assert!(emulator.modes().alternate);
        emulator.resize(Size {
            columns: 40,
            rows: 10,
        });
        emulator.feed(b"\x1b[?1049l");
        assert_eq!(text(&emulator)[0], "日xr");
    }

    #[test]
    fn nothing_is_looked_at_that_is_not_kept() {
        let mut emulator = emulator(10, 3);
        emulator.feed(b"1\r\n2\r\n3\r\n4\r\n5");
        emulator.scroll(10);
        for _ in 0..5 {
            emulator.feed(b"\x1b[2;1H\x1b[M");
        }
        let (scrolled, kept) = emulator.scrolled();
        assert!(scrolled <= kept, "{scrolled} of {kept}");
        assert_eq!(text(&emulator).len(), 3);
    }

    #[test]
    fn half_a_letter_at_the_edge_is_no_trouble() {
        let mut emulator = emulator(10, 2);
        emulator.feed("日\r\x1b[P".as_bytes());
        assert_eq!(emulator.cursor(), Some((0, 0)));
    }

    #[test]
    fn lines_drawn_with_the_old_character_set_are_lines() {
        let mut emulator = emulator(10, 1);
        emulator.feed(b"\x1b(0lqk\x1b(Blqk");
        assert_eq!(text(&emulator), ["┌─┐lqk"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_bytes_and_no_size_break_it(
            parts in prop::collection::vec(prop_oneof![
                prop::collection::vec(any::<u8>(), 0..20),
                "\x1b\\[[?>]?[0-9]{0,5}(;[0-9]{0,3}){0,3}[@-~]".prop_map(String::into_bytes),
                "[日a\u{301}🦀\u{200d}\t\r\n\u{8}]{0,9}".prop_map(String::into_bytes),
                "\x1b[78DEHMc=>#(][0B8]?".prop_map(String::into_bytes),
            ], 0..30),
            sizes in prop::collection::vec((0..30_u16, 0..12_u16, -20..20_i32), 1..6),
        ) {
            let mut emulator = emulator(sizes[0].0, sizes[0].1);
            for (at, part) in parts.iter().enumerate() {
                emulator.feed(part);
                if at % 5 == 4 {
                    let (columns, rows, scroll) = sizes[at / 5 % sizes.len()];
                    emulator.resize(Size { columns, rows });
                    emulator.scroll(scroll);
                }
                emulator.cursor();
                emulator.cells(|_, _, symbol, _| assert!(!symbol.contains(char::is_control)));
            }
        }
    }
}
