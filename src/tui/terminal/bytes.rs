//! What a terminal sends, cut into keys, clicks, pastes and answers, however it arrives in pieces.
//!
//! Pure: bytes in, [`Told`] out. An answer of the terminal is not taken for keys, unless its pieces come further apart than whoever
//! reads waits for.

use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use super::sequence;
use crate::tui::theme::Ground;

/// What a terminal told.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    /// A key, a click, a paste, the focus.
    Event(Event),
    /// It is dark or light.
    Ground(Ground),
    /// It told what it is (DA1): all that it was asked before is answered.
    Attributes,
}

/// How long what follows `ESC` may take: terminals send a sequence at once, and `esc` itself is to be answered within a frame.
const ESCAPE: Duration = Duration::from_millis(8);
/// How long the rest of an answer or a paste may take.
const REST: Duration = Duration::from_secs(1);

/// Longer sequences are none that are known here.
const LONGEST_SEQUENCE: usize = 64;
/// Of an answer no more than this is kept.
const LONGEST_STRING: usize = 4096;
/// Of a paste no more than this is kept, in bytes.
const LONGEST_PASTE: usize = 4 << 20;

const PASTE_END: &[u8] = b"\x1b[201~";

/// What has arrived and is not yet whole.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pending: Vec<u8>,
    /// What has been pasted, while a paste is under way.
    paste: Option<Vec<u8>>,
}

/// What stands at the beginning of some bytes.
enum Piece {
    /// Nothing whole.
    Unfinished,
    /// So many bytes, and what they tell.
    Whole(usize, Option<Told>),
    /// So many bytes, after which a paste begins.
    PasteBegins(usize),
}

impl Reader {
    /// Takes in some bytes; all that they complete goes to `told`.
    pub(super) fn take(&mut self, bytes: &[u8], told: &mut Vec<Told>) {
        self.pending.extend_from_slice(bytes);
        loop {
            if self.paste.is_some() && !self.read_paste(told) {
                return;
            }
            match first(&self.pending) {
                Piece::Unfinished => {
                    self.bound();
                    return;
                }
                Piece::Whole(length, what) => {
                    told.extend(what);
                    self.pending.drain(..length);
                }
                Piece::PasteBegins(length) => {
                    self.pending.drain(..length);
                    self.paste = Some(Vec::new());
                }
            }
        }
    }

    /// How long the rest may take; `None`: nothing is missing.
    pub(super) fn patience(&self) -> Option<Duration> {
        if self.paste.is_some() {
            return Some(REST);
        }
        match self.pending.as_slice() {
            [] => None,
            [0x1b]
            | [0x1b, 0x1b | b'[' | b'O' | b']' | b'P' | b'_']
            | [0x1b, 0x1b, b'[' | b'O'] => Some(ESCAPE),
            _ => Some(REST),
        }
    }

    /// The rest did not come within [`Reader::patience`]: whatever has come is all.
    pub(super) fn give_up(&mut self, told: &mut Vec<Told>) {
        let pending = std::mem::take(&mut self.pending);
        if let Some(mut pasted) = self.paste.take() {
            pasted.extend_from_slice(&pending);
            // What comes soon belongs to the paste, whose letters are no keys; what comes much later does not.
            if !pasted.is_empty() {
                told.push(paste(&pasted));
                self.paste = Some(Vec::new());
            }
            return;
        }
        let key = |code, modifiers| Told::Event(Event::Key(KeyEvent::new(code, modifiers)));
        match pending.as_slice() {
            [0x1b] => told.push(key(KeyCode::Esc, KeyModifiers::NONE)),
            [0x1b, 0x1b] => {
                told.push(key(KeyCode::Esc, KeyModifiers::NONE));
                told.push(key(KeyCode::Esc, KeyModifiers::NONE));
            }
            [0x1b, 0x1b, letter] if letter.is_ascii() => {
                told.push(key(KeyCode::Esc, KeyModifiers::NONE));
                told.push(key(KeyCode::Char(char::from(*letter)), KeyModifiers::ALT));
            }
            [0x1b, letter] if letter.is_ascii() => {
                told.push(key(KeyCode::Char(char::from(*letter)), KeyModifiers::ALT));
            }
            _ => {}
        }
    }

    /// The beginning of a string tells what it is, and its end is still waited for; what is between has no use.
    fn bound(&mut self) {
        if self.pending.len() > LONGEST_STRING {
            let may_end = self.pending.last() == Some(&0x1b);
            self.pending.truncate(LONGEST_STRING - 1);
            self.pending.extend(may_end.then_some(0x1b));
        }
    }

    /// Moves what is pasted over; whether the paste is over.
    fn read_paste(&mut self, told: &mut Vec<Told>) -> bool {
        let Some(pasted) = &mut self.paste else {
            return true;
        };
        let end = memchr::memmem::find(&self.pending, PASTE_END);
        // The last bytes may be the beginning of the end.
        let sure = end.unwrap_or(self.pending.len().saturating_sub(PASTE_END.len() - 1));
        let room = LONGEST_PASTE.saturating_sub(pasted.len());
        pasted.extend_from_slice(&self.pending[..sure.min(room)]);
        self.pending.drain(..sure);
        if end.is_none() {
            return false;
        }
        self.pending.drain(..PASTE_END.len());
        let pasted = self.paste.take().unwrap_or_default();
        told.push(paste(&pasted));
        true
    }
}

fn paste(bytes: &[u8]) -> Told {
    Told::Event(Event::Paste(String::from_utf8_lossy(bytes).into_owned()))
}

/// What stands at the beginning of these bytes.
fn first(bytes: &[u8]) -> Piece {
    match bytes {
        [] | [0x1b] | [0x1b, 0x1b] => Piece::Unfinished,
        [0x1b, 0x1b, b'[' | b'O', ..] => with_alt(first(&bytes[1..])),
        [0x1b, 0x1b, ..] => {
            let escape = Event::Key(KeyEvent::from(KeyCode::Esc));
            Piece::Whole(1, Some(Told::Event(escape)))
        }
        [0x1b, b'[', rest @ ..] => control_sequence(rest),
        [0x1b, b'O', rest @ ..] => match rest {
            [] => Piece::Unfinished,
            [letter, ..] => Piece::Whole(3, sequence::single_shift(*letter).map(Told::Event)),
        },
        [0x1b, kind @ (b']' | b'P' | b'_'), rest @ ..] => match rest {
            [] => Piece::Unfinished,
            [begin, ..] if is_string(*kind, *begin) => string(*kind, rest),
            _ => with_alt(first(&bytes[1..])),
        },
        [0x1b, ..] => with_alt(first(&bytes[1..])),
        [byte @ (0..=0x1f | 0x7f), ..] => {
            Piece::Whole(1, Some(Told::Event(Event::Key(control(*byte)))))
        }
        _ => letter(bytes),
    }
}

/// The same with Alt; one byte more.
fn with_alt(piece: Piece) -> Piece {
    match piece {
        Piece::Whole(length, Some(Told::Event(Event::Key(mut key)))) => {
            key.modifiers |= KeyModifiers::ALT;
            Piece::Whole(length + 1, Some(Told::Event(Event::Key(key))))
        }
        Piece::Whole(length, what) => Piece::Whole(length + 1, what),
        Piece::PasteBegins(length) => Piece::PasteBegins(length + 1),
        Piece::Unfinished => Piece::Unfinished,
    }
}

/// What stands behind `ESC [`: parameters, then what goes between, then one byte that ends it (ECMA-48, 5.4).
fn control_sequence(rest: &[u8]) -> Piece {
    match rest {
        // Two that keep to no rule: clicks of an old kind, and the function keys of Linux' own terminal.
        [b'M', click @ ..] => {
            let Some(click) = click.first_chunk() else {
                return Piece::Unfinished;
            };
            return Piece::Whole(6, sequence::old_click(*click).map(Told::Event));
        }
        [b'[', key @ ..] => {
            let Some(key) = key.first() else {
                return Piece::Unfinished;
            };
            return Piece::Whole(4, sequence::linux_function(*key).map(Told::Event));
        }
        _ => {}
    }
    let within = &rest[..rest.len().min(LONGEST_SEQUENCE)];
    let Some(end) = within.iter().position(|byte| !(0x20..=0x3f).contains(byte)) else {
        return if within.len() == LONGEST_SEQUENCE {
            Piece::Whole(LONGEST_SEQUENCE + 2, None)
        } else {
            Piece::Unfinished
        };
    };
    let last = rest[end];
    if !(0x40..=0x7e).contains(&last) {
        // It was broken off; what broke it off stands for itself.
        return Piece::Whole(end + 2, None);
    }
    let parameters = &rest[..end];
    if last == b'~' && parameters == b"200" {
        return Piece::PasteBegins(end + 3);
    }
    Piece::Whole(end + 3, sequence::control(parameters, last))
}

/// Whether a string of this kind begins like this, so that it is no key pressed with Alt.
fn is_string(kind: u8, begin: u8) -> bool {
    match kind {
        b']' => begin.is_ascii_digit(),
        b'P' => begin.is_ascii_digit() || b"$+>!".contains(&begin),
        _ => begin == b'G',
    }
}

/// A string up to `BEL` or `ESC \`: an answer of the terminal.
fn string(kind: u8, rest: &[u8]) -> Piece {
    let Some(end) = rest.iter().position(|byte| matches!(byte, 0x07 | 0x1b)) else {
        return Piece::Unfinished;
    };
    let ends_in = match &rest[end..] {
        [0x07, ..] => 1,
        [0x1b] => return Piece::Unfinished,
        [0x1b, b'\\', ..] => 2,
        _ => 0,
    };
    let told = (kind == b']').then(|| sequence::background(&rest[..end]));
    Piece::Whole(2 + end + ends_in, told.flatten().map(Told::Ground))
}

/// A control character as the key that sends it.
fn control(byte: u8) -> KeyEvent {
    let with_control = |letter| KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL);
    match byte {
        0x00 => with_control(' '),
        b'\t' => KeyEvent::from(KeyCode::Tab),
        b'\r' => KeyEvent::from(KeyCode::Enter),
        0x7f => KeyEvent::from(KeyCode::Backspace),
        0x1c..=0x1f => with_control(char::from(byte - 0x1c + b'4')),
        _ => with_control(char::from((byte | 0x60).to_ascii_lowercase())),
    }
}

/// One character of UTF-8; a byte that belongs to none is passed over.
fn letter(bytes: &[u8]) -> Piece {
    let length = match bytes[0] {
        0..=0x7f => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Piece::Whole(1, None),
    };
    let there = &bytes[..length.min(bytes.len())];
    match std::str::from_utf8(there) {
        Ok(text) => {
            let key = text.chars().next().map(|letter| {
                let shifted = letter.is_uppercase();
                let modifiers = if shifted {
                    KeyModifiers::SHIFT
                } else {
                    KeyModifiers::NONE
                };
                Told::Event(Event::Key(KeyEvent::new(KeyCode::Char(letter), modifiers)))
            });
            Piece::Whole(length, key)
        }
        Err(error) if error.error_len().is_none() => Piece::Unfinished,
        Err(_) => Piece::Whole(1, None),
    }
}

#[cfg(test)]
#[path = "bytes_tests.rs"]
mod tests;
