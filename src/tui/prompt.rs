//! A line that is being typed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use unicode_segmentation::UnicodeSegmentation;

use crate::text;

/// Longer than this no line can be typed or pasted, in bytes.
const LONGEST: usize = 1000;

/// A line of text and where the cursor stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Line {
    text: String,
    /// In bytes, on the boundary of a grapheme.
    cursor: usize,
}

impl Line {
    /// A line with this text and the cursor behind it.
    pub(super) fn of(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            cursor: text.len(),
        }
    }

    /// What is typed so far.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The text before the cursor, and from it on.
    pub(super) fn parts(&self) -> (&str, &str) {
        self.text.split_at(self.cursor)
    }

    /// Takes a key; whether it meant anything here.
    pub(super) fn key(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('u') if control => {
                drop(self.text.drain(..std::mem::take(&mut self.cursor)));
            }
            KeyCode::Char('w') if control => self.delete_word(),
            KeyCode::Char('a') if control => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = self.text.len(),
            KeyCode::Char(letter) if !control => self.insert(letter.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace => self.delete_before(),
            KeyCode::Delete => self.delete_after(),
            KeyCode::Left => self.cursor -= self.before(),
            KeyCode::Right => self.cursor += self.after(),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            _ => return false,
        }
        true
    }

    /// Puts text in at the cursor; what could harm the terminal is removed, line ends become spaces.
    pub(super) fn insert(&mut self, pasted: &str) {
        let harmless = text::plain(pasted.replace(['\r', '\n', '\t'], " ").as_bytes());
        let room = LONGEST.saturating_sub(self.text.len());
        let mut end = harmless.len().min(room);
        while !harmless.is_char_boundary(end) {
            end -= 1;
        }
        self.text.insert_str(self.cursor, &harmless[..end]);
        self.cursor += end;
    }

    fn before(&self) -> usize {
        let (before, _) = self.parts();
        before.graphemes(true).next_back().map_or(0, str::len)
    }

    fn after(&self) -> usize {
        let (_, after) = self.parts();
        after.graphemes(true).next().map_or(0, str::len)
    }

    fn delete_before(&mut self) {
        let start = self.cursor - self.before();
        self.text.drain(start..self.cursor);
        self.cursor = start;
    }

    fn delete_after(&mut self) {
        let end = self.cursor + self.after();
        self.text.drain(self.cursor..end);
    }

    fn delete_word(&mut self) {
        let (before, _) = self.parts();
        let word = before.trim_end();
        let start = word.rfind(' ').map_or(0, |space| space + 1);
        self.text.drain(start..self.cursor);
        self.cursor = start;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn typed(keys: &str) -> Line {
        let mut line = Line::default();
        for key in keys.chars() {
            let code = match key {
                '<' => KeyCode::Left,
                '>' => KeyCode::Right,
                '~' => KeyCode::Backspace,
                letter => KeyCode::Char(letter),
            };
            line.key(KeyEvent::from(code));
        }
        line
    }

    #[test]
    fn editing_moves_by_what_is_seen() {
        assert_eq!(typed("helo<l").text(), "hello");
        assert_eq!(typed("e\u{301}a<<~b").text(), "be\u{301}a");
        assert_eq!(typed("ab~~~~").text(), "");
        let mut line = Line::of("level>=warn service=web");
        line.key(KeyEvent::new(KeyCode::Char('w'), KeyModifiers::CONTROL));
        assert_eq!(line.text(), "level>=warn ");
    }

    #[test]
    fn pasted_text_is_harmless_and_bounded() {
        let mut line = Line::default();
        line.insert("a\x1b]0;title\x07b\r\nc");
        assert_eq!(line.text(), "ab  c");
        line.insert(&"é".repeat(4000));
        assert!(line.text().len() <= LONGEST);
    }

    proptest! {
        #[test]
        fn any_keys_leave_the_cursor_on_a_boundary(keys in "[a-zé日\u{301}<>~ ]{0,40}") {
            let line = typed(&keys);
            let (before, after) = line.parts();
            prop_assert_eq!(format!("{before}{after}"), line.text());
        }
    }
}
