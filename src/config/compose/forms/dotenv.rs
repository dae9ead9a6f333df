//! `.env` files and `env_file`s: `NAME=value` or `NAME: value`, an optional `export`, comments, values in single quotes
//! as they stand, values in double quotes over several lines with escapes and variables, and names alone.

use std::ops::Range;

use indexmap::IndexMap;

use super::{FormError, Lookup, interpolate};

/// What a file says, in its order: names and values, and `None` for a name without `=`, whose value is that of the
/// surroundings. Variables in values are looked up in `lookup`, then in what the file said before.
pub(in crate::config) fn dotenv(
    text: &str,
    lookup: Lookup<'_>,
) -> Result<IndexMap<String, Option<String>>, FormError> {
    let mut reader = Reader {
        text,
        lookup,
        values: IndexMap::new(),
    };
    // The mark that some editors put before UTF-8 is no part of the text.
    let mut at = text.len() - text.trim_start_matches('\u{feff}').len();
    while let Some(start) = statement_start(text, at) {
        at = reader.statement(start)?;
    }
    Ok(reader.values)
}

struct Reader<'a> {
    text: &'a str,
    lookup: Lookup<'a>,
    values: IndexMap<String, Option<String>>,
}

/// Where the next statement begins; comments and blanks are passed over.
fn statement_start(text: &str, mut at: usize) -> Option<usize> {
    loop {
        at += blanks(&text[at..], char::is_whitespace);
        let rest = &text[at..];
        if !rest.starts_with('#') {
            return (!rest.is_empty()).then_some(at);
        }
        at += line_length(rest);
    }
}

/// Bytes of the blanks that this text begins with.
fn blanks(text: &str, is_blank: impl Fn(char) -> bool) -> usize {
    text.len() - text.trim_start_matches(is_blank).len()
}

/// Bytes up to the end of the line.
fn line_length(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

fn is_blank_in_line(c: char) -> bool {
    matches!(
        c,
        '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}'
    )
}

impl Reader<'_> {
    /// Reads the statement that begins here, and says where it ends.
    fn statement(&mut self, start: usize) -> Result<usize, FormError> {
        let line_end = start + line_length(&self.text[start..]);
        let name_start = start + export_length(&self.text[start..line_end]);
        let line = &self.text[name_start..line_end];
        let separator = line.find(['=', ':']);
        let name = line[..separator.unwrap_or(line.len())].trim_end();
        check_name(name).map_err(|error| error.moved(name_start))?;
        let Some(separator) = separator else {
            self.values.insert(name.to_owned(), None);
            return Ok(line_end);
        };
        let value_start = name_start + separator + 1;
        let value_start = value_start + blanks(&self.text[value_start..line_end], is_blank_in_line);
        let (value, end) = match self.text.as_bytes().get(value_start) {
            Some(b'"' | b'\'') if value_start < line_end => {
                self.quoted_value(value_start, line_end)?
            }
            _ => {
                let line = &self.text[value_start..line_end];
                let value = line.split(" #").next().unwrap_or("").trim_end();
                let place = value_start..value_start + value.len();
                (self.fill(value, &place)?, line_end)
            }
        };
        self.values.insert(name.to_owned(), Some(value));
        Ok(end)
    }

    /// The value in quotes that begins here, and where it ends.
    fn quoted_value(&self, start: usize, line_end: usize) -> Result<(String, usize), FormError> {
        let quote = char::from(self.text.as_bytes()[start]);
        let Some((raw, length)) = quoted(&self.text[start..], quote) else {
            let message = format!(
                "unterminated quoted value {}",
                self.text[start..line_end].trim_end()
            );
            return Err(
                FormError::new(start..line_end, message).help(format!("close it with {quote}"))
            );
        };
        let end = start + length;
        let value = if quote == '"' {
            self.fill(&unescape(&raw), &(start..end))?
        } else {
            raw
        };
        Ok((value, end))
    }

    fn fill(&self, value: &str, place: &Range<usize>) -> Result<String, FormError> {
        let known = |name: &str| (self.lookup)(name).or_else(|| self.values.get(name)?.clone());
        interpolate(value, &known).map_err(|error| {
            // After unescaping, bytes of the value are no longer bytes of the file.
            let as_written = self.text.get(place.clone()) == Some(value);
            if as_written {
                return error.moved(place.start);
            }
            FormError {
                range: place.clone(),
                ..error
            }
        })
    }
}

/// Bytes of `export` and the blanks behind it.
fn export_length(line: &str) -> usize {
    let Some(rest) = line.strip_prefix("export") else {
        return 0;
    };
    match blanks(rest, char::is_whitespace) {
        0 => 0,
        blanks => "export".len() + blanks,
    }
}

fn check_name(name: &str) -> Result<(), FormError> {
    if name.is_empty() {
        let error = FormError::new(0..1, "a variable name is missing before \"=\"");
        return Err(error.help("write NAME=value"));
    }
    let fits = |c: char| {
        c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']') || is_blank_in_line(c)
    };
    if let Some((at, c)) = name.char_indices().find(|(_, c)| !fits(*c)) {
        let message = format!("unexpected character \"{c}\" in variable name \"{name}\"");
        return Err(FormError::new(at..at + c.len_utf8(), message)
            .help("write NAME=value; comments begin with #"));
    }
    match name.find(is_blank_in_line) {
        Some(_) => {
            Err(FormError::new(0..name.len(), "key cannot contain a space")
                .help("write NAME=value"))
        }
        None => Ok(()),
    }
}

/// The text between quotes, with escaped quotes of the same kind made plain, and the bytes it takes with its quotes.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((index, c)) = chars.next() {
        match c {
            c if c == quote => return Some((out, index + 1)),
            '\\' => {
                let (_, next) = chars.next()?;
                if next != quote {
                    out.push('\\');
                }
                out.push(next);
            }
            c => out.push(c),
        }
    }
    None
}

/// Replaces `\n`, `\t`, `\0101` and their kind. `\$` becomes `$$`, which a later step makes a plain dollar.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('a') => out.push('\u{7}'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('v') => out.push('\u{b}'),
            Some('$') => out.push_str("$$"),
            Some(c @ ('"' | '\\')) => out.push(c),
            Some('0') => {
                let rest = chars.as_str();
                let digits = rest.bytes().take(3).take_while(u8::is_ascii_digit).count();
                octal(&rest[..digits], &mut out);
                chars = rest[digits..].chars();
            }
            Some(c) => out.extend(['\\', c]),
            None => out.push('\\'),
        }
    }
    out
}

/// The character of three octal digits behind `\0`; the reference leaves fewer or greater ones as `\` and the digits.
fn octal(digits: &str, out: &mut String) {
    let code = u8::from_str_radix(digits, 8).ok();
    match code.filter(|_| digits.len() == 3) {
        Some(code) => out.push(char::from(code)),
        None => {
            out.push('\\');
            out.push_str(digits);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `NAME=value` of each, `NAME` for a name alone, or the message with its place.
    fn shown(text: &str) -> String {
        let lookup = |name: &str| (name == "HOME").then(|| "/home/ann".to_owned());
        match dotenv(text, &lookup) {
            Ok(values) => values
                .into_iter()
                .map(|(name, value)| value.map_or(name.clone(), |value| format!("{name}={value}")))
                .collect::<Vec<_>>()
                .join("|"),
            Err(error) => format!("{} at {:?}", error.message, &text[error.range]),
        }
    }

    #[test]
    fn files_are_read_or_refused() {
        for (text, wanted) in [
            ("", ""),
            ("# only\n\n  # comments", ""),
            (
                "A=1\nB: 2\n\texport C = 3\r\nexported=4",
                "A=1|B=2|C=3|exported=4",
            ),
            (
                "A=a b # no\nB=a#b\nC=#c\nD=\nE= \nF=x",
                "A=a b|B=a#b|C=#c|D=|E=|F=x",
            ),
            ("A\nB=1\nA\nexport C", "A|B=1|C"),
            ("A=1\nA=2\nB=$A", "A=2|B=2"),
            ("A='$HOME \\n it\\'s' # x\nB=1", "A=$HOME \\n it's|B=1"),
            (
                "A=\"$HOME \\\"q\\\" \\$x \\\\ \\q\" B=1",
                "A=/home/ann \"q\" $x \\ \\q|B=1",
            ),
            (
                "A=\"a\nb\"\nB=\"\\t\\0101\\012\\0777\"",
                "A=a\nb|B=\t\u{41}\\12\\777",
            ),
            (
                "A=${HOME}/${B:-x}\nHOME=/else\nC=$HOME",
                "A=/home/ann/x|HOME=/else|C=/home/ann",
            ),
            ("\u{feff}A=1", "A=1"),
            ("a.b-c[0]=1", "a.b-c[0]=1"),
            ("=1", "a variable name is missing before \"=\" at \"=\""),
            ("x\nA B=1", "key cannot contain a space at \"A B\""),
            (
                "A=1\nA;B=1",
                "unexpected character \";\" in variable name \"A;B\" at \";\"",
            ),
            ("A='1\nB=1", "unterminated quoted value '1 at \"'1\""),
            (
                "A=1\nB=x${A:?\n",
                "Invalid template: \"${A:?\" at \"${A:?\"",
            ),
            (
                "A=\"\\t${B:?}\"",
                "required variable B is missing a value at \"\\\"\\\\t${B:?}\\\"\"",
            ),
        ] {
            assert_eq!(shown(text), wanted, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[AB=:'\"\\\\$0#\n \u{feff}é]{0,24}|.{0,16}") {
            if let Err(error) = dotenv(&text, &|_| None) {
                prop_assert!(text.get(error.range).is_some());
            }
        }

        #[test]
        fn values_in_single_quotes_come_back(value in "[^'\\\\]{0,16}") {
            let read = dotenv(&format!("A='{value}'"), &|_| None).unwrap();
            prop_assert_eq!(&read["A"], &Some(value));
        }
    }
}
