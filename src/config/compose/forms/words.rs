//! Commands in one line, split into words without a shell, as the reference's splitter (go-shellwords) does it.
//!
//! It differs from a shell in ways that show: `\n` and `\t` are a line break and a tab wherever they stand, and at
//! `;`, `&`, `|`, `<` or `>` outside quotes the command simply ends: what follows is dropped.

use super::FormError;

/// Splits a command into words.
pub(in crate::config) fn words(text: &str) -> Result<Vec<String>, FormError> {
    split(text).map(|splitter| splitter.words)
}

/// The byte at which the command ends before its text does, because a shell would be needed for the rest.
pub(in crate::config) fn words_end(text: &str) -> Option<usize> {
    split(text).ok()?.end
}

/// What a character stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    Single,
    Double,
    Backquotes,
    Dollar,
}

struct Splitter {
    words: Vec<String>,
    word: String,
    /// Whether `word` is one, even if it is empty.
    got: bool,
    within: Within,
    /// Where what it stands in was opened.
    opened: usize,
    end: Option<usize>,
}

fn split(text: &str) -> Result<Splitter, FormError> {
    let mut splitter = Splitter {
        words: Vec::new(),
        word: String::new(),
        got: false,
        within: Within::Nothing,
        opened: 0,
        end: None,
    };
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && splitter.within != Within::Single {
            let Some((_, escaped)) = chars.next() else {
                let error = FormError::new(at..text.len(), "invalid command line string");
                return Err(error.help("nothing follows the last \"\\\"; write \"\\\\\" for one"));
            };
            splitter.escaped(escaped);
        } else if matches!(c, ' ' | '\t' | '\r' | '\n') {
            splitter.blank(c);
        } else if splitter.within == Within::Nothing && matches!(c, ';' | '&' | '|' | '<' | '>') {
            splitter.stop(c, at);
            break;
        } else {
            splitter.plain(c, at)?;
        }
    }
    if splitter.within != Within::Nothing {
        let range = splitter.opened..text.len();
        let error = FormError::new(range, "invalid command line string");
        return Err(error.help("what is opened here is never closed"));
    }
    splitter.finish();
    Ok(splitter)
}

impl Splitter {
    fn escaped(&mut self, c: char) {
        match (self.within, c) {
            (Within::Backquotes | Within::Dollar, c) => self.word.extend(['\\', c]),
            (_, 't') => self.word.push('\t'),
            (_, 'n') => self.word.push('\n'),
            (_, c) => self.word.push(c),
        }
        self.got = true;
    }

    fn blank(&mut self, c: char) {
        match self.within {
            Within::Nothing => self.finish(),
            _ => self.word.push(c),
        }
    }

    fn finish(&mut self) {
        let word = std::mem::take(&mut self.word);
        if std::mem::take(&mut self.got) {
            self.words.push(word);
        }
    }

    /// The command ends here; digits before `>` name a stream and are no word.
    fn stop(&mut self, c: char, at: usize) {
        let is_stream = c == '>'
            && !self.word.is_empty()
            && self.word.bytes().all(|byte| byte.is_ascii_digit());
        if is_stream {
            self.got = false;
            self.end = Some(at - self.word.len());
        } else {
            self.end = Some(at);
        }
    }

    fn plain(&mut self, c: char, at: usize) -> Result<(), FormError> {
        let closes = match (self.within, c) {
            (Within::Single, '\'') | (Within::Double, '"') => {
                self.within = Within::Nothing;
                self.got = true;
                return Ok(());
            }
            (Within::Nothing, '\'' | '"') => {
                self.open(
                    if c == '"' {
                        Within::Double
                    } else {
                        Within::Single
                    },
                    at,
                );
                return Ok(());
            }
            (Within::Nothing, '(') if self.word.ends_with('$') => {
                self.open(Within::Dollar, at);
                self.word.push('(');
                return Ok(());
            }
            (Within::Nothing | Within::Dollar, '(') | (Within::Nothing, ')') => {
                let error = FormError::new(at..at + 1, "invalid command line string");
                return Err(error.help(format!(
                    "put \"{c}\" in quotes; no shell runs unless you write one"
                )));
            }
            (Within::Nothing, '`') => {
                self.open(Within::Backquotes, at);
                false
            }
            (Within::Backquotes, '`') | (Within::Dollar, ')') => true,
            _ => false,
        };
        if closes {
            self.within = Within::Nothing;
        }
        self.word.push(c);
        self.got = true;
        Ok(())
    }

    fn open(&mut self, within: Within, at: usize) {
        self.within = within;
        self.opened = at;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_are_split_as_by_the_reference() {
        for (text, wanted) in [
            ("", &[][..]),
            ("  ", &[]),
            ("a b\tc\nd", &["a", "b", "c", "d"]),
            ("a '' \"\"", &["a", "", ""]),
            ("-x='a b'c", &["-x=a bc"]),
            (r#""a \"b\" \$c""#, &[r#"a "b" $c"#]),
            (r"'a\n'", &[r"a\n"]),
            (r"a\n\t\ b", &["a\n\t b"]),
            ("a \\\n b", &["a", "\n", "b"]),
            ("a `b c` d", &["a", "`b c`", "d"]),
            ("a $(b \"c d\") e", &["a", "$(b \"c d\")", "e"]),
            ("'(a)'", &["(a)"]),
            ("a && b", &["a"]),
            ("a b>c", &["a", "b"]),
            ("a 2>c", &["a"]),
            ("a;", &["a"]),
            ("é 'ü' \"ß\"", &["é", "ü", "ß"]),
        ] {
            assert_eq!(words(text).unwrap(), wanted, "{text:?}");
        }
    }

    #[test]
    fn it_is_told_where_a_command_ends_early() {
        for (text, wanted) in [
            ("a b", None),
            ("a 'b;c'", None),
            ("a && b", Some(2)),
            ("a 22>c", Some(2)),
            ("a b2>c", Some(4)),
        ] {
            assert_eq!(words_end(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_split_is_shown() {
        for (text, range) in [
            ("a 'b", 2..4),
            ("a \"b", 2..4),
            ("a `b", 2..4),
            ("a $(b", 3..5),
            ("a (b)", 2..3),
            ("a b)", 3..4),
            ("a $(b (c))", 6..7),
            ("a \\", 2..3),
        ] {
            let error = words(text).unwrap_err();
            assert_eq!(error.message, "invalid command line string");
            assert_eq!(error.range, range, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn quoted_words_come_back(wanted in prop::collection::vec("[^']{0,6}", 0..5)) {
            let quoted: Vec<String> = wanted.iter().map(|word| format!("'{word}'")).collect();
            let line = quoted.join(" ");
            prop_assert_eq!(words(&line), Ok(wanted));
        }

        #[test]
        fn any_text_is_answered(text in "[ab'\"\\\\$()`;&> é]{0,16}|.{0,12}") {
            match words(&text) {
                Ok(_) => prop_assert!(words_end(&text).is_none_or(|end| text.is_char_boundary(end))),
                Err(error) => prop_assert!(text.get(error.range).is_some()),
            }
        }
    }
}
