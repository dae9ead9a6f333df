//! Keys, clicks and pastes as the bytes that a program on a terminal reads: what xterm sends.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use crate::telemetry::terminals::Modes;

/// Of a paste no more than this is passed on, in bytes.
const LONGEST_PASTE: usize = 1 << 20;

/// What a program reads when this key is pressed; `None` for a key that terminals send nothing for.
pub(super) fn key(key: KeyEvent, modes: Modes) -> Option<Vec<u8>> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    let mut bytes = Vec::new();
    let with_alt = |bytes: &mut Vec<u8>, more: &[u8]| {
        if alt {
            bytes.push(0x1b);
        }
        bytes.extend_from_slice(more);
    };
    match key.code {
        KeyCode::Char(letter) if control => with_alt(&mut bytes, &[control_byte(letter)?]),
        KeyCode::Char(letter) => {
            with_alt(&mut bytes, letter.encode_utf8(&mut [0; 4]).as_bytes());
        }
        KeyCode::Enter => with_alt(&mut bytes, b"\r"),
        KeyCode::Tab => with_alt(&mut bytes, b"\t"),
        KeyCode::BackTab => bytes.extend_from_slice(b"\x1b[Z"),
        KeyCode::Backspace => with_alt(&mut bytes, if control { b"\x08" } else { b"\x7f" }),
        KeyCode::Esc => with_alt(&mut bytes, b"\x1b"),
        code => bytes = named(code, key.modifiers, modes)?,
    }
    Some(bytes)
}

/// The control character of a letter. The terminal's own events name the last four by digits.
fn control_byte(letter: char) -> Option<u8> {
    Some(match letter.to_ascii_lowercase() {
        letter @ 'a'..='z' => u8::try_from(letter).ok()? & 0x1f,
        ' ' | '@' | '2' => 0x00,
        '[' | '3' => 0x1b,
        '\\' | '4' => 0x1c,
        ']' | '5' => 0x1d,
        '^' | '6' => 0x1e,
        '_' | '/' | '7' => 0x1f,
        '?' | '8' => 0x7f,
        _ => return None,
    })
}

/// Keys that send a sequence. With a modifier, it stands as a second number (xterm's PC-style function keys).
fn named(code: KeyCode, modifiers: KeyModifiers, modes: Modes) -> Option<Vec<u8>> {
    let mut modifier = 1;
    for (flag, weight) in [
        (KeyModifiers::SHIFT, 1),
        (KeyModifiers::ALT, 2),
        (KeyModifiers::CONTROL, 4),
    ] {
        if modifiers.contains(flag) {
            modifier += weight;
        }
    }
    let letter = match code {
        KeyCode::Up => Some('A'),
        KeyCode::Down => Some('B'),
        KeyCode::Right => Some('C'),
        KeyCode::Left => Some('D'),
        KeyCode::End => Some('F'),
        KeyCode::Home => Some('H'),
        KeyCode::F(number @ 1..=4) => Some(char::from(b'P' + number - 1)),
        _ => None,
    };
    if let Some(letter) = letter {
        let is_function = matches!(code, KeyCode::F(_));
        return Some(if modifier > 1 {
            format!("\x1b[1;{modifier}{letter}").into_bytes()
        } else if is_function || modes.application_cursor {
            format!("\x1bO{letter}").into_bytes()
        } else {
            format!("\x1b[{letter}").into_bytes()
        });
    }
    let number = match code {
        KeyCode::Insert => 2,
        KeyCode::Delete => 3,
        KeyCode::PageUp => 5,
        KeyCode::PageDown => 6,
        KeyCode::F(number @ 5..=12) => [15, 17, 18, 19, 20, 21, 23, 24][usize::from(number - 5)],
        _ => return None,
    };
    Some(if modifier > 1 {
        format!("\x1b[{number};{modifier}~").into_bytes()
    } else {
        format!("\x1b[{number}~").into_bytes()
    })
}

/// What a program reads when this is pasted. In brackets nothing may look like their end; without, lines end as Enter does.
pub(super) fn paste(text: &str, modes: Modes) -> Vec<u8> {
    let mut end = text.len().min(LONGEST_PASTE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text[..end].replace("\r\n", "\r").replace('\n', "\r");
    if !modes.bracketed_paste {
        return text.into_bytes();
    }
    let text = text.replace('\x1b', "");
    format!("\x1b[200~{text}\x1b[201~").into_bytes()
}

/// What a program reads of the mouse at this cell of its own (from 0), if it asked for it.
pub(super) fn mouse(mouse: MouseEvent, column: u16, row: u16, modes: Modes) -> Option<Vec<u8>> {
    if !modes.clicks {
        return None;
    }
    let button = |button| match button {
        MouseButton::Left => 0,
        MouseButton::Middle => 1,
        MouseButton::Right => 2,
    };
    let (code, is_release) = match mouse.kind {
        MouseEventKind::Down(which) => (button(which), false),
        MouseEventKind::Up(which) => (button(which), true),
        MouseEventKind::Drag(which) if modes.drags => (button(which) + 32, false),
        MouseEventKind::Moved if modes.moves => (35, false),
        MouseEventKind::ScrollUp => (64, false),
        MouseEventKind::ScrollDown => (65, false),
        _ => return None,
    };
    let mut code: u8 = code;
    for (flag, weight) in [
        (KeyModifiers::SHIFT, 4),
        (KeyModifiers::ALT, 8),
        (KeyModifiers::CONTROL, 16),
    ] {
        if mouse.modifiers.contains(flag) {
            code += weight;
        }
    }
    if modes.decimal_mouse {
        let last = if is_release { 'm' } else { 'M' };
        let (column, row) = (u32::from(column) + 1, u32::from(row) + 1);
        return Some(format!("\x1b[<{code};{column};{row}{last}").into_bytes());
    }
    // One byte each: what lies further out cannot be said.
    let cell = |at: u16| u8::try_from(u32::from(at) + 33).ok();
    let code = if is_release { 3 } else { code };
    Some(vec![0x1b, b'[', b'M', code + 32, cell(column)?, cell(row)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(code: KeyCode, modifiers: KeyModifiers, modes: Modes) -> String {
        let bytes = key(KeyEvent::new(code, modifiers), modes).unwrap_or_default();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn keys_are_what_xterm_sends() {
        use KeyCode::{Backspace, Char, Delete, Enter, Esc, F, Home, Left, PageUp, Tab, Up};
        let (none, control, alt) = (KeyModifiers::NONE, KeyModifiers::CONTROL, KeyModifiers::ALT);
        for (code, modifiers, sent) in [
            (Char('a'), none, "a"),
            (Char('é'), none, "é"),
            (Char('c'), control, "\x03"),
            (Char('4'), control, "\x1c"),
            (Char(' '), control, "\0"),
            (Char('b'), alt, "\x1bb"),
            (Enter, none, "\r"),
            (Tab, none, "\t"),
            (Backspace, none, "\x7f"),
            (Esc, none, "\x1b"),
            (Up, none, "\x1b[A"),
            (Left, control, "\x1b[1;5D"),
            (Home, none, "\x1b[H"),
            (Delete, none, "\x1b[3~"),
            (PageUp, KeyModifiers::SHIFT, "\x1b[5;2~"),
            (F(1), none, "\x1bOP"),
            (F(12), none, "\x1b[24~"),
            (F(40), none, ""),
        ] {
            assert_eq!(pressed(code, modifiers, Modes::default()), sent, "{code:?}");
        }
        let application = Modes {
            application_cursor: true,
            ..Modes::default()
        };
        assert_eq!(pressed(Up, none, application), "\x1bOA");
        assert_eq!(pressed(Up, control, application), "\x1b[1;5A");
    }

    #[test]
    fn a_paste_cannot_leave_its_brackets() {
        let bracketed = Modes {
            bracketed_paste: true,
            ..Modes::default()
        };
        assert_eq!(paste("a\nb\r\nc", Modes::default()), b"a\rb\rc");
        assert_eq!(
            paste("ls\x1b[201~\nrm", bracketed),
            b"\x1b[200~ls[201~\rrm\x1b[201~"
        );
        assert!(paste(&"é".repeat(LONGEST_PASTE), Modes::default()).len() <= LONGEST_PASTE);
    }

    #[test]
    fn the_mouse_is_told_as_it_was_asked_for() {
        let event = |kind| MouseEvent {
            kind,
            column: 0,
            row: 0,
            modifiers: KeyModifiers::NONE,
        };
        let down = event(MouseEventKind::Down(MouseButton::Left));
        let up = event(MouseEventKind::Up(MouseButton::Left));
        let asked = Modes {
            clicks: true,
            ..Modes::default()
        };
        let decimal = Modes {
            decimal_mouse: true,
            ..asked
        };
        assert_eq!(mouse(down, 3, 4, Modes::default()), None);
        assert_eq!(
            mouse(down, 3, 4, decimal).as_deref(),
            Some(&b"\x1b[<0;4;5M"[..])
        );
        assert_eq!(
            mouse(up, 3, 4, decimal).as_deref(),
            Some(&b"\x1b[<0;4;5m"[..])
        );
        assert_eq!(mouse(down, 3, 4, asked).as_deref(), Some(&b"\x1b[M $%"[..]));
        assert_eq!(mouse(up, 3, 4, asked).as_deref(), Some(&b"\x1b[M#$%"[..]));
        assert_eq!(mouse(down, 300, 4, asked), None);
        assert_eq!(mouse(event(MouseEventKind::Moved), 1, 1, decimal), None);
    }
}
