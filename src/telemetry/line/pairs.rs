//! `key=value` pairs: lines made of them (logfmt), and those that stand at the end of a message.

use std::borrow::Cow;

use super::{Field, Format, Recognised};

/// A line that is made of pairs, as `logfmt` of Go has it. Bare words among them are names without a value.
pub(super) fn logfmt(text: &str) -> Option<Recognised<'_>> {
    let trimmed = text.trim();
    let pairs = all(trimmed)?;
    let is_known = |field: &Field<'_>| is_message(&field.name) || is_level(&field.name);
    if pairs.len() < 2 || !pairs.iter().any(is_known) {
        return None;
    }
    let mut found = Recognised {
        format: Format::Logfmt,
        time: None,
        message: Cow::Borrowed(""),
        fields: Vec::new(),
    };
    let (mut has_message, mut has_level) = (false, false);
    for field in pairs {
        if is_message(&field.name) && !has_message {
            has_message = true;
            found.message = field.value;
        } else if is_level(&field.name) && !has_level {
            has_level = true;
        } else if is_time(&field.name) && found.time.is_none() {
            found.time = Some(field.value);
        } else {
            found.fields.push(field);
        }
    }
    Some(found)
}

fn is_message(name: &str) -> bool {
    matches!(name, "msg" | "message")
}

fn is_level(name: &str) -> bool {
    matches!(name, "level" | "lvl" | "severity")
}

fn is_time(name: &str) -> bool {
    matches!(name, "time" | "ts" | "t" | "timestamp")
}

/// The message without the pairs at its end, and those.
pub(super) fn tail(message: &str) -> (&str, Vec<Field<'_>>) {
    let (mut fields, mut start) = (Vec::new(), 0);
    let mut at = 0;
    while at < message.len() {
        let rest = &message[at..];
        let gap = rest.len() - rest.trim_start().len();
        if gap > 0 {
            at += gap;
            continue;
        }
        if let Some((field, length)) = pair(rest) {
            if fields.is_empty() {
                start = at;
            }
            fields.push(field);
            at += length;
        } else {
            fields.clear();
            at += rest.find(char::is_whitespace).unwrap_or(rest.len());
        }
    }
    if fields.is_empty() || start == 0 {
        return (message, Vec::new());
    }
    (message[..start].trim_end(), fields)
}

/// The pairs of a text that has nothing else.
fn all(text: &str) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (field, length) = pair(rest).or_else(|| bare(rest).filter(|_| !fields.is_empty()))?;
        fields.push(field);
        let after = &rest[length..];
        rest = after.trim_start();
    }
    Some(fields)
}

/// The pair at the beginning, and how long it is.
fn pair(text: &str) -> Option<(Field<'_>, usize)> {
    let name = name(text)?;
    let value = text[name.len()..].strip_prefix('=')?;
    let (value, length) = if let Some(inside) = value.strip_prefix('"') {
        quoted(inside)?
    } else {
        let end = value.find(char::is_whitespace).unwrap_or(value.len());
        (Cow::Borrowed(&value[..end]), end)
    };
    let length = name.len() + 1 + length;
    let ends = text[length..]
        .chars()
        .next()
        .is_none_or(char::is_whitespace);
    let name = Cow::Borrowed(name);
    ends.then_some((Field { name, value }, length))
}

fn bare(text: &str) -> Option<(Field<'_>, usize)> {
    let name = name(text)?;
    let ends = text[name.len()..].chars().next();
    let field = Field {
        name: Cow::Borrowed(name),
        value: Cow::Borrowed(""),
    };
    ends.is_none_or(char::is_whitespace)
        .then_some((field, name.len()))
}

fn name(text: &str) -> Option<&str> {
    let is_letter = |letter: char| letter.is_alphanumeric() || "_.-/@".contains(letter);
    let end = text.find(|letter| !is_letter(letter)).unwrap_or(text.len());
    let begins = |letter: char| letter.is_alphabetic() || letter == '_' || letter == '@';
    text[..end].starts_with(begins).then_some(&text[..end])
}

/// What stands up to the closing quote, and how long it is with both quotes.
fn quoted(inside: &str) -> Option<(Cow<'_, str>, usize)> {
    let mut letters = inside.char_indices();
    let mut has_escape = false;
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => {
                let value = &inside[..at];
                let value = if has_escape {
                    Cow::Owned(unescaped(value))
                } else {
                    Cow::Borrowed(value)
                };
                return Some((value, at + 2));
            }
            '\\' => {
                has_escape = true;
                letters.next();
            }
            _ => {}
        }
    }
    None
}

/// Escaped quotes and backslashes as they are meant; other escapes, line ends among them, as spaces.
fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n' | 'r' | 't') | None => text.push(' '),
                Some(letter @ ('"' | '\\' | '\'')) => text.push(letter),
                Some(other) => text.extend(['\\', other]),
            },
            letter => text.push(letter),
        }
    }
    text
}
