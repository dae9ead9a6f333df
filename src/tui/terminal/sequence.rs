//! What the sequences mean that a terminal sends: those of xterm, which others follow.

use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

use super::bytes::Told;
use crate::tui::theme::Ground;

/// What a control sequence means, by what stands between `ESC [` and its last byte, and that byte.
pub(super) fn control(parameters: &[u8], last: u8) -> Option<Told> {
    match (parameters, last) {
        ([b'?', rest @ ..], b'n') => return scheme(rest).map(Told::Ground),
        ([b'?', ..], b'c') => return Some(Told::Attributes),
        ([b'<', rest @ ..], b'M' | b'm') => return click(rest, last, 0).map(Told::Event),
        ([b'<'..=b'?', ..], _) => return None,
        (_, b'M') => return click(parameters, last, 32).map(Told::Event),
        ([], b'I') => return Some(Told::Event(Event::FocusGained)),
        ([], b'O') => return Some(Told::Event(Event::FocusLost)),
        _ => {}
    }
    let [first, second, third] = numbers(parameters)?;
    let modifiers = modifiers(second.unwrap_or(1));
    let key = match last {
        b'~' if first == Some(27) => return letter(third?, modifiers),
        b'~' => KeyEvent::new(numbered(first?)?, modifiers),
        b'u' => return letter(first?, modifiers),
        b'Z' => KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT),
        // With any other row this is where the cursor is, which was never asked.
        b'R' if first != Some(1) => return None,
        _ => KeyEvent::new(lettered(last)?, modifiers),
    };
    Some(Told::Event(Event::Key(key)))
}

/// `ESC O` and a letter.
pub(super) fn single_shift(letter: u8) -> Option<Event> {
    let code = match letter {
        b'M' => KeyCode::Enter,
        _ => lettered(letter)?,
    };
    Some(Event::Key(KeyEvent::from(code)))
}

/// `ESC [ [` and a letter: the function keys of Linux' own terminal.
pub(super) fn linux_function(letter: u8) -> Option<Event> {
    let number = letter.checked_sub(b'A').filter(|number| *number < 5)?;
    Some(Event::Key(KeyEvent::from(KeyCode::F(number + 1))))
}

/// `ESC [ M` and three bytes: a click that is told in the oldest way.
pub(super) fn old_click([button, column, row]: [u8; 3]) -> Option<Event> {
    let place = |byte: u8| byte.checked_sub(33).map(u16::from);
    let (kind, modifiers) = button_of(u16::from(button.checked_sub(32)?))?;
    Some(Event::Mouse(MouseEvent {
        kind,
        column: place(column)?,
        row: place(row)?,
        modifiers,
    }))
}

/// `11;rgb:RRRR/GGGG/BBBB`, with one to four hexadecimal digits each (X11's colour names): the background.
pub(super) fn background(answer: &[u8]) -> Option<Ground> {
    let answer = std::str::from_utf8(answer).ok()?;
    let colour = answer.strip_prefix("11;")?;
    let colour = colour
        .strip_prefix("rgb:")
        .or(colour.strip_prefix("rgba:"))?;
    let share = |digits: &str| {
        let most = 16_u32.checked_pow(u32::try_from(digits.len()).ok()?)? - 1;
        let value = u32::from_str_radix(digits, 16).ok()?;
        (most > 0).then(|| f64::from(value) / f64::from(most))
    };
    let mut shares = colour.split('/').map(share);
    let (red, green, blue) = (shares.next()??, shares.next()??, shares.next()??);
    let light = 0.299 * red + 0.587 * green + 0.114 * blue;
    Some(if light > 0.5 {
        Ground::Light
    } else {
        Ground::Dark
    })
}

/// `997;1` or `997;2`: whether the terminal is dark or light now (private mode 2031).
fn scheme(answer: &[u8]) -> Option<Ground> {
    match answer {
        b"997;1" => Some(Ground::Dark),
        b"997;2" => Some(Ground::Light),
        _ => None,
    }
}

/// The first three numbers; what stands behind a colon belongs to the one before, and is of no use here.
fn numbers(parameters: &[u8]) -> Option<[Option<u32>; 3]> {
    let text = std::str::from_utf8(parameters).ok()?;
    let mut found = [None; 3];
    for (place, part) in found.iter_mut().zip(text.split(';')) {
        let number = part.split(':').next().unwrap_or_default();
        *place = if number.is_empty() {
            None
        } else {
            Some(number.parse().ok()?)
        };
    }
    Some(found)
}

/// One more than the sum of 1 for Shift, 2 for Alt, 4 for Control and 8 for Meta.
fn modifiers(told: u32) -> KeyModifiers {
    let bits = told.saturating_sub(1);
    let mut modifiers = KeyModifiers::NONE;
    for (bit, modifier) in [
        (1, KeyModifiers::SHIFT),
        (2, KeyModifiers::ALT),
        (4, KeyModifiers::CONTROL),
        (8, KeyModifiers::SUPER),
    ] {
        if bits & bit != 0 {
            modifiers |= modifier;
        }
    }
    modifiers
}

fn lettered(letter: u8) -> Option<KeyCode> {
    Some(match letter {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P'..=b'S' => KeyCode::F(letter - b'P' + 1),
        _ => return None,
    })
}

fn numbered(number: u32) -> Option<KeyCode> {
    let number = u8::try_from(number).ok()?;
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F(number - 10),
        17..=21 => KeyCode::F(number - 11),
        23..=26 => KeyCode::F(number - 12),
        28..=29 => KeyCode::F(number - 15),
        31..=34 => KeyCode::F(number - 17),
        _ => return None,
    })
}

/// A key told by the number of its character.
fn letter(number: u32, modifiers: KeyModifiers) -> Option<Told> {
    let code = match char::from_u32(number)? {
        '\x1b' => KeyCode::Esc,
        '\r' => KeyCode::Enter,
        '\t' if modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
        '\t' => KeyCode::Tab,
        '\x08' | '\x7f' => KeyCode::Backspace,
        letter if letter.is_control() => return None,
        letter => KeyCode::Char(letter),
    };
    Some(Told::Event(Event::Key(KeyEvent::new(code, modifiers))))
}

/// `BUTTON;COLUMN;ROW`, counted from one; `from` is what the button's number begins at.
fn click(parameters: &[u8], last: u8, from: u16) -> Option<Event> {
    let [button, column, row] = numbers(parameters)?;
    let place = |number: Option<u32>| u16::try_from(number?.checked_sub(1)?).ok();
    let button = u16::try_from(button?).ok()?.checked_sub(from)?;
    let (mut kind, modifiers) = button_of(button)?;
    if let (b'm', MouseEventKind::Down(button)) = (last, kind) {
        kind = MouseEventKind::Up(button);
    }
    Some(Event::Mouse(MouseEvent {
        kind,
        column: place(column)?,
        row: place(row)?,
        modifiers,
    }))
}

/// The two lowest bits are the button, 4 is Shift, 8 Alt, 16 Control, 32 motion, 64 the wheel.
fn button_of(told: u16) -> Option<(MouseEventKind, KeyModifiers)> {
    let moves = told & 32 != 0;
    let kind = match (told & 3 | (told & 0xc0) >> 4, moves) {
        (0, false) => MouseEventKind::Down(MouseButton::Left),
        (1, false) => MouseEventKind::Down(MouseButton::Middle),
        (2, false) => MouseEventKind::Down(MouseButton::Right),
        (0, true) => MouseEventKind::Drag(MouseButton::Left),
        (1, true) => MouseEventKind::Drag(MouseButton::Middle),
        (2, true) => MouseEventKind::Drag(MouseButton::Right),
        (3, false) => MouseEventKind::Up(MouseButton::Left),
        (3..=5, true) => MouseEventKind::Moved,
        (4, false) => MouseEventKind::ScrollUp,
        (5, false) => MouseEventKind::ScrollDown,
        (6, false) => MouseEventKind::ScrollLeft,
        (7, false) => MouseEventKind::ScrollRight,
        _ => return None,
    };
    let mut modifiers = KeyModifiers::NONE;
    for (bit, modifier) in [
        (4, KeyModifiers::SHIFT),
        (8, KeyModifiers::ALT),
        (16, KeyModifiers::CONTROL),
    ] {
        if told & bit != 0 {
            modifiers |= modifier;
        }
    }
    Some((kind, modifiers))
}
