//! `.env` files and `env_file`s, read as Compose reads them.
//!
//! The format is that of the reference implementation (compose-go's `dotenv`): `NAME=value` or `NAME: value`, an
//! optional `export`, comments, values in single quotes as they stand, values in double quotes over several
//! lines with escapes and variables, and a name alone that takes its value from the surrounding environment.

use super::interpolate::{self, FaultKind, Lookup};
use super::tree::Span;

/// What a file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Dotenv {
    /// Names and values in the order of the file; a later value of the same name counts.
    pub(super) values: Vec<(String, String)>,
    /// What is wrong, and where.
    pub(super) faults: Vec<(Span, String)>,
    /// Variables without a value, and where they are used: they became empty.
    pub(super) unset: Vec<(Span, String)>,
}

impl Dotenv {
    fn get(&self, name: &str) -> Option<String> {
        let found = self.values.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    }
}

/// Reads the text of such a file; `lookup` is the surrounding environment, which wins over earlier lines.
pub(super) fn read(text: &str, lookup: Lookup<'_>) -> Dotenv {
    let mut file = Dotenv::default();
    let mut at = text.len() - text.trim_start_matches('\u{feff}').len();
    while let Some(start) = statement_start(text, at) {
        at = statement(text, start, lookup, &mut file);
    }
    file
}

/// Where the next statement begins; comments and blanks are passed over.
fn statement_start(text: &str, mut at: usize) -> Option<usize> {
    loop {
        let rest = &text[at..];
        at += rest.len() - rest.trim_start().len();
        let rest = &text[at..];
        if rest.is_empty() {
            return None;
        }
        if !rest.starts_with('#') {
            return Some(at);
        }
        at += line_length(rest);
    }
}

/// Bytes up to the end of the line.
fn line_length(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

/// Reads one statement and says where it ends.
fn statement(text: &str, start: usize, lookup: Lookup<'_>, file: &mut Dotenv) -> usize {
    let line_end = start + line_length(&text[start..]);
    let key_start = start + export_length(&text[start..line_end]);
    let line = &text[key_start..line_end];
    let separator = line.find(['=', ':']);
    let key = line[..separator.unwrap_or(line.len())].trim();
    if let Err(message) = check_key(key) {
        let span = key_start..key_start + key.len().max(1);
        file.faults.push((span, message));
        return line_end;
    }
    let Some(separator) = separator else {
        file.values
            .extend(lookup(key).map(|value| (key.to_owned(), value)));
        return line_end;
    };
    let rest = &line[separator + 1..];
    let value_start = key_start + separator + 1 + (rest.len() - rest.trim_start().len());
    let (value, end) = value(text, value_start, line_end, lookup, file);
    file.values.push((key.to_owned(), value));
    end
}

/// Bytes of `export` and the blanks behind it.
fn export_length(line: &str) -> usize {
    line.strip_prefix("export")
        .filter(|rest| rest.starts_with([' ', '\t']))
        .map_or(0, |rest| line.len() - rest.trim_start().len())
}

fn check_key(key: &str) -> Result<(), String> {
    if key.is_empty() {
        return Err("a variable name is missing before \"=\"".into());
    }
    if key.contains(char::is_whitespace) {
        return Err(format!("a variable name cannot contain a space: \"{key}\""));
    }
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']');
    match key.chars().find(|c| !fits(*c)) {
        Some(c) => Err(format!(
            "the character {c:?} cannot stand in a variable name"
        )),
        None => Ok(()),
    }
}

/// Reads the value that begins at `start`, and says where it ends.
fn value(
    text: &str,
    start: usize,
    line_end: usize,
    lookup: Lookup<'_>,
    file: &mut Dotenv,
) -> (String, usize) {
    let rest = &text[start..];
    match rest.chars().next() {
        Some(quote @ ('"' | '\'')) if start < line_end => {
            let Some((raw, length)) = quoted(rest, quote) else {
                file.faults
                    .push((start..line_end, "this quote is never closed".into()));
                return (String::new(), line_end);
            };
            let end = start + length;
            let value = match quote {
                '"' => expand(&unescape(&raw), start..end, lookup, file),
                _ => raw,
            };
            (value, end)
        }
        _ => {
            let line = text[start..line_end].split(" #").next().unwrap_or("");
            (
                expand(line.trim_end(), start..line_end, lookup, file),
                line_end,
            )
        }
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

/// Replaces `\n`, `\t` and their kind. `\$` becomes `$$`, which a later step makes a plain dollar.
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
            Some(c) => out.extend(['\\', c]),
            None => out.push('\\'),
        }
    }
    out
}

fn expand(text: &str, span: Span, lookup: Lookup<'_>, file: &mut Dotenv) -> String {
    let known = |name: &str| lookup(name).or_else(|| file.get(name));
    let expansion = interpolate::expand(text, &known);
    for fault in expansion.faults {
        let message = match fault.kind {
            FaultKind::Unset { name } => {
                file.unset.push((span.clone(), name));
                continue;
            }
            FaultKind::Required { name, why } => format!("{name} is required: {why}"),
            FaultKind::Malformed => format!("\"{}\" is not a valid variable", fault.expression),
        };
        file.faults.push((span.clone(), message));
    }
    expansion.text
}
