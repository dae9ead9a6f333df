//! What of a program's bytes the emulator gets to see: nothing that could make it hoard.
//!
//! Strings that terminals are sent (titles, clipboards, links, palettes, device control) say nothing that is drawn here, and
//! have no bound: they are left out as they come. Marks that join the letter before them are let through only right behind a
//! letter, a few at a time, so that no cell grows.

use unicode_width::UnicodeWidthChar;

/// So many marks may join one letter.
const MARKS: u8 = 8;

/// A letter may be repeated a number of times that has so many digits: no screen is a thousand columns wide.
const REPEATED_DIGITS: u8 = 3;

/// Where in an escape sequence the bytes stand (ECMA-48, as far as strings are concerned).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum At {
    #[default]
    Ground,
    /// Behind an ESC.
    Escape,
    /// Behind `ESC [`, until its last byte.
    Control,
    /// Behind an ESC and bytes that choose something, until the last byte.
    Intermediate,
    /// In a string. `bell`: a BEL ends it too.
    String { bell: bool },
    /// Behind an ESC in a string.
    StringEscape { bell: bool },
}

/// Takes bytes in, wherever they are cut, and passes on what the emulator may see.
#[derive(Debug, Default)]
pub(super) struct Filter {
    at: At,
    /// The bytes of a letter that is not complete yet.
    letter: Vec<u8>,
    /// How many more marks may follow.
    marks: u8,
    /// How many digits the number has that is being read of a control sequence.
    digits: u8,
}

impl Filter {
    /// What may be seen of these bytes.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut passed = Vec::with_capacity(bytes.len());
        for byte in bytes {
            self.byte(*byte, &mut passed);
        }
        passed
    }

    fn byte(&mut self, byte: u8, passed: &mut Vec<u8>) {
        // CAN and SUB end whatever was begun, in any place.
        if matches!(byte, 0x18 | 0x1a) {
            self.at = At::Ground;
            self.control(byte, passed);
            return;
        }
        match self.at {
            At::Ground => self.ground(byte, passed),
            At::Escape => self.escape(byte, passed),
            // What is broken off must not swallow what follows it.
            At::Control | At::Intermediate if byte == 0x1b => {
                passed.push(0x18);
                self.at = At::Escape;
            }
            At::Control => self.in_control(byte, passed),
            At::Intermediate => {
                passed.push(byte);
                if matches!(byte, 0x30..=0x7e) {
                    self.at = At::Ground;
                }
            }
            At::String { bell } => match byte {
                0x1b => self.at = At::StringEscape { bell },
                0x07 if bell => self.at = At::Ground,
                _ => {}
            },
            At::StringEscape { bell } => match byte {
                b'\\' => self.at = At::Ground,
                0x1b => {}
                // Any other sequence ends the string too.
                0x20..=0x7e => self.escape(byte, passed),
                _ => self.at = At::String { bell },
            },
        }
    }

    /// A byte of a control sequence. Repeating a letter (REP) many times is work for nothing that is seen: it is broken off.
    fn in_control(&mut self, byte: u8, passed: &mut Vec<u8>) {
        let is_too_often = byte == b'b' && self.digits > REPEATED_DIGITS;
        passed.push(if is_too_often { 0x18 } else { byte });
        self.digits = match byte {
            b'0'..=b'9' => self.digits.saturating_add(1),
            _ => 0,
        };
        if matches!(byte, 0x40..=0x7e) {
            self.at = At::Ground;
        }
    }

    /// A byte behind an ESC that has not been passed on yet.
    fn escape(&mut self, byte: u8, passed: &mut Vec<u8>) {
        self.at = match byte {
            b']' => At::String { bell: true },
            b'P' | b'X' | b'^' | b'_' => At::String { bell: false },
            0x1b => At::Escape,
            b'[' => {
                self.digits = 0;
                passed.extend([0x1b, byte]);
                At::Control
            }
            0x20..=0x2f => {
                passed.extend([0x1b, byte]);
                At::Intermediate
            }
            _ => {
                passed.extend([0x1b, byte]);
                At::Ground
            }
        };
    }

    fn ground(&mut self, byte: u8, passed: &mut Vec<u8>) {
        match byte {
            0x1b => {
                self.control_ends_letter(passed);
                self.at = At::Escape;
            }
            0x00..=0x1f | 0x7f => self.control(byte, passed),
            0x20..=0x7e => {
                self.control_ends_letter(passed);
                self.marks = MARKS;
                passed.push(byte);
            }
            _ => self.part_of_letter(byte, passed),
        }
    }

    fn control(&mut self, byte: u8, passed: &mut Vec<u8>) {
        self.control_ends_letter(passed);
        passed.push(byte);
    }

    /// What was begun of a letter is not going to be completed; the emulator shows that as it does. No mark may follow.
    fn control_ends_letter(&mut self, passed: &mut Vec<u8>) {
        passed.append(&mut self.letter);
        self.marks = 0;
    }

    fn part_of_letter(&mut self, byte: u8, passed: &mut Vec<u8>) {
        if byte >= 0xc0 {
            passed.append(&mut self.letter);
        }
        self.letter.push(byte);
        let whole = match std::str::from_utf8(&self.letter) {
            Ok(whole) => whole.chars().next(),
            // It goes on.
            Err(wrong) if wrong.error_len().is_none() => return,
            Err(_) => None,
        };
        let may_pass = match whole.map(UnicodeWidthChar::width) {
            Some(Some(0)) => {
                let may_pass = self.marks > 0;
                self.marks = self.marks.saturating_sub(1);
                may_pass
            }
            // Control characters of ISO 8859 do nothing here.
            Some(None) => false,
            Some(Some(_)) => {
                self.marks = MARKS;
                true
            }
            None => {
                self.marks = 0;
                true
            }
        };
        if may_pass {
            passed.append(&mut self.letter);
        }
        self.letter.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn passed(bytes: &[u8]) -> String {
        String::from_utf8_lossy(&Filter::default().pass(bytes)).into_owned()
    }

    #[test]
    fn strings_are_left_out_and_all_else_passes() {
        for (bytes, left) in [
            (
                "plain \x1b[1;31mred\x1b[0m\r\n",
                "plain \x1b[1;31mred\x1b[0m\r\n",
            ),
            ("a\x1b]0;title\x07b", "ab"),
            ("a\x1b]52;c;c3RvbGVu\x1b\\b", "ab"),
            ("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\b", "alinkb"),
            ("a\x1bPq#0\x07;still\x1b\\b", "ab"),
            ("a\x1b_x\x1b\\\x1b^y\x1b\\\x1bXz\x1b\\b", "ab"),
            ("a\x1b]0;cut\x18b", "a\x18b"),
            ("a\x1b]0;new\x1b[31mb", "a\x1b[31mb"),
            ("\x1b(0lqk\x1b(B", "\x1b(0lqk\x1b(B"),
            ("\x1b7\x1b8\x1bM\x1b=", "\x1b7\x1b8\x1bM\x1b="),
            ("\x1b[?1049h\x1b[6n", "\x1b[?1049h\x1b[6n"),
            ("日本 é e\u{301}", "日本 é e\u{301}"),
            ("c1 \u{9d}0;x", "c1 0;x"),
            ("a\x1b[999bb", "a\x1b[999bb"),
            ("a\x1b[65535bb", "a\x1b[65535\x18b"),
        ] {
            assert_eq!(passed(bytes.as_bytes()), left, "{bytes:?}");
        }
    }

    #[test]
    fn marks_join_a_letter_and_nothing_hoards_them() {
        let many = format!("a{}b", "\u{301}".repeat(100));
        let marks = |text: &str| text.matches('\u{301}').count();
        assert_eq!(marks(&passed(many.as_bytes())), usize::from(MARKS));
        let again = format!("a{}", "\r\x1b[C\u{301}".repeat(100));
        assert_eq!(marks(&passed(again.as_bytes())), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_does_not_matter_where_the_bytes_are_cut(bytes in prop::collection::vec(any::<u8>(), 0..80), cut in 0..80_usize) {
            let cut = cut.min(bytes.len());
            let mut filter = Filter::default();
            let mut pieces = filter.pass(&bytes[..cut]);
            pieces.extend(filter.pass(&bytes[cut..]));
            prop_assert_eq!(Filter::default().pass(&bytes), pieces);
        }

        #[test]
        fn plain_text_passes_as_it_is(text in "[ -~äß日本\r\n]{0,60}") {
            prop_assert_eq!(passed(text.as_bytes()), text);
        }

        #[test]
        fn no_string_ever_passes(parts in prop::collection::vec(prop::sample::select(vec![
            "\x1b", "]", "0;evil", "\x07", "\\", "P", "_", "[", "m", "a", "\x18", "\u{9d}", "é", "(", "0",
        ]), 0..20)) {
            let all: String = parts.concat();
            let seen = passed(all.as_bytes());
            prop_assert!(!seen.contains("\x1b]") && !seen.contains("\x1bP") && !seen.contains("\x1b_"), "{seen:?}");
        }
    }
}
