//! `.env` files and `env_file`s, read as Compose reads them, for our own stack files and for compose files.
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

/// One line of a file, or several.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// The variable.
    pub(super) name: String,
    /// Its value; `None` for a name alone.
    pub(super) value: Option<Written>,
}

/// A value before its variables are filled in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// The text, without quotes and escapes.
    pub(super) text: String,
    /// Where it stands: from quote to quote, or to the end of the line.
    pub(super) span: Span,
    /// Whether it stands for itself, dollars included.
    pub(super) is_literal: bool,
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
    for statement in statements(text) {
        match statement {
            Ok(Statement {
                name,
                value: Some(written),
            }) => {
                let value = if written.is_literal {
                    written.text
                } else {
                    expand(&written.text, &written.span, lookup, &mut file)
                };
                file.values.push((name, value));
            }
            Ok(Statement { name, value: None }) => {
                let value = lookup(&name);
                file.values.extend(value.map(|value| (name, value)));
            }
            Err(fault) => file.faults.push(fault),
        }
    }
    file
}

/// What stands in the text of such a file, in order; what is wrong, and where.
pub(super) fn statements(text: &str) -> Vec<Result<Statement, (Span, String)>> {
    let mut found = Vec::new();
    // The mark that some editors put before UTF-8 is no part of the text.
    let mut at = text.len() - text.trim_start_matches('\u{feff}').len();
    while let Some(start) = statement_start(text, at) {
        let line_end = start + line_length(&text[start..]);
        match statement(text, start, line_end) {
            Ok((statement, end)) => {
                found.push(Ok(statement));
                at = end;
            }
            Err(fault) => {
                found.push(Err(fault));
                at = line_end;
            }
        }
    }
    found
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

/// The statement that begins here, and where it ends.
fn statement(
    text: &str,
    start: usize,
    line_end: usize,
) -> Result<(Statement, usize), (Span, String)> {
    let key_start = start + export_length(&text[start..line_end]);
    let line = &text[key_start..line_end];
    let separator = line.find(['=', ':']);
    let key = line[..separator.unwrap_or(line.len())].trim();
    check_key(key).map_err(|message| (key_start..key_start + key.len().max(1), message))?;
    let name = key.to_owned();
    let Some(separator) = separator else {
        return Ok((Statement { name, value: None }, line_end));
    };
    let rest = &line[separator + 1..];
    let value_start = key_start + separator + 1 + (rest.len() - rest.trim_start().len());
    let value = written(text, value_start, line_end)?;
    let end = value.span.end;
    let value = Some(value);
    Ok((Statement { name, value }, end))
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

/// The value that begins at `start`.
fn written(text: &str, start: usize, line_end: usize) -> Result<Written, (Span, String)> {
    let rest = &text[start..];
    match rest.chars().next() {
        Some(quote @ ('"' | '\'')) if start < line_end => {
            let (raw, length) = quoted(rest, quote)
                .ok_or_else(|| (start..line_end, "this quote is never closed".to_owned()))?;
            let is_literal = quote == '\'';
            Ok(Written {
                text: if is_literal { raw } else { unescape(&raw) },
                span: start..start + length,
                is_literal,
            })
        }
        _ => {
            let line = text[start..line_end].split(" #").next().unwrap_or("");
            Ok(Written {
                text: line.trim_end().to_owned(),
                span: start..line_end,
                is_literal: false,
            })
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
    if let Some(code) = code.filter(|_| digits.len() == 3) {
        out.push(char::from(code));
    } else {
        out.push('\\');
        out.push_str(digits);
    }
}

fn expand(text: &str, span: &Span, lookup: Lookup<'_>, file: &mut Dotenv) -> String {
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
