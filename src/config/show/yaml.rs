//! A tree as YAML 1.2, in block style; texts that could be read as anything else are quoted.

use std::fmt::Write as _;

use toml::Value;

/// The tree as a YAML document.
pub(super) fn emit(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

/// Writes a value that begins on a line of its own.
fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Table(table) if !table.is_empty() => {
            for (key, item) in table {
                pad(indent, out);
                entry(key, item, indent, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                pad(indent, out);
                out.push('-');
                member(item, indent, out);
            }
        }
        flat => {
            pad(indent, out);
            out.push_str(&scalar(flat));
            out.push('\n');
        }
    }
}

fn entry(key: &str, item: &Value, indent: usize, out: &mut String) {
    out.push_str(&text(key));
    out.push(':');
    if is_flat(item) {
        out.push(' ');
        out.push_str(&scalar(item));
        out.push('\n');
    } else {
        out.push('\n');
        block(item, indent + 2, out);
    }
}

/// Writes a member of a list; a table begins on the line of its dash.
fn member(item: &Value, indent: usize, out: &mut String) {
    match item {
        Value::Table(table) if !table.is_empty() => {
            for (index, (key, item)) in table.iter().enumerate() {
                if index == 0 {
                    out.push(' ');
                } else {
                    pad(indent + 2, out);
                }
                entry(key, item, indent + 2, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            block(item, indent + 2, out);
        }
        flat => {
            out.push(' ');
            out.push_str(&scalar(flat));
            out.push('\n');
        }
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn is_flat(value: &Value) -> bool {
    match value {
        Value::Table(table) => table.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(plain) => text(plain),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => float(*number),
        Value::Boolean(yes) => yes.to_string(),
        Value::Datetime(moment) => text(&moment.to_string()),
        Value::Array(_) => "[]".into(),
        Value::Table(_) => "{}".into(),
    }
}

fn float(number: f64) -> String {
    if number.is_nan() {
        ".nan".into()
    } else if number.is_infinite() {
        if number > 0.0 {
            ".inf".into()
        } else {
            "-.inf".into()
        }
    } else {
        format!("{number:?}")
    }
}

/// Plain where no reader could take it for anything but this text, else in double quotes.
fn text(plain: &str) -> String {
    let starts_well =
        plain.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '_'));
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '+');
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let is_word = words.contains(&plain.to_lowercase().as_str());
    if starts_well && plain.chars().all(fits) && !is_word {
        return plain.to_owned();
    }
    let mut out = String::from('"');
    for c in plain.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if needs_escape(c) => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// What YAML does not allow unescaped, or what a reader could take for a line break or a byte order mark.
fn needs_escape(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}
