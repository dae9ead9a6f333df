//! A tree as YAML 1.2, in block style; texts that could be read as anything else are quoted.

use std::fmt::Write as _;

/// What a tree is made of.
pub(in crate::config) enum Shape<'v, V> {
    /// Keys and values.
    Map(Vec<(&'v str, &'v V)>),
    /// Members.
    List(&'v [V]),
    /// A text that is not quoted yet.
    Text(String),
    /// Anything else, as it is written.
    Plain(String),
}

/// A value that can be written as YAML.
pub(in crate::config) trait Tree: Sized {
    /// What it is made of.
    fn shape(&self) -> Shape<'_, Self>;
}

impl Tree for toml::Value {
    fn shape(&self) -> Shape<'_, Self> {
        match self {
            Self::Table(table) => Shape::Map(
                table
                    .iter()
                    .map(|(key, item)| (key.as_str(), item))
                    .collect(),
            ),
            Self::Array(items) => Shape::List(items),
            Self::String(text) => Shape::Text(text.clone()),
            Self::Datetime(moment) => Shape::Text(moment.to_string()),
            Self::Integer(number) => Shape::Plain(number.to_string()),
            Self::Float(number) => Shape::Plain(float(*number)),
            Self::Boolean(yes) => Shape::Plain(yes.to_string()),
        }
    }
}

impl Tree for serde_json::Value {
    fn shape(&self) -> Shape<'_, Self> {
        match self {
            Self::Object(map) => {
                Shape::Map(map.iter().map(|(key, item)| (key.as_str(), item)).collect())
            }
            Self::Array(items) => Shape::List(items),
            Self::String(text) => Shape::Text(text.clone()),
            other => Shape::Plain(other.to_string()),
        }
    }
}

/// The tree as a YAML document.
pub(in crate::config) fn emit<V: Tree>(value: &V) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

/// Writes a value that begins on a line of its own.
fn block<V: Tree>(value: &V, indent: usize, out: &mut String) {
    match value.shape() {
        Shape::Map(entries) if !entries.is_empty() => {
            for (key, item) in entries {
                pad(indent, out);
                entry(key, item, indent, out);
            }
        }
        Shape::List(items) if !items.is_empty() => {
            for item in items {
                pad(indent, out);
                out.push('-');
                member(item, indent, out);
            }
        }
        flat => {
            pad(indent, out);
            out.push_str(&scalar(&flat));
            out.push('\n');
        }
    }
}

fn entry<V: Tree>(key: &str, item: &V, indent: usize, out: &mut String) {
    out.push_str(&text(key));
    out.push(':');
    let shape = item.shape();
    if is_flat(&shape) {
        out.push(' ');
        out.push_str(&scalar(&shape));
        out.push('\n');
    } else {
        out.push('\n');
        block(item, indent + 2, out);
    }
}

/// Writes a member of a list; a table begins on the line of its dash.
fn member<V: Tree>(item: &V, indent: usize, out: &mut String) {
    match item.shape() {
        Shape::Map(entries) if !entries.is_empty() => {
            for (index, (key, item)) in entries.into_iter().enumerate() {
                if index == 0 {
                    out.push(' ');
                } else {
                    pad(indent + 2, out);
                }
                entry(key, item, indent + 2, out);
            }
        }
        Shape::List(items) if !items.is_empty() => {
            out.push('\n');
            block(item, indent + 2, out);
        }
        flat => {
            out.push(' ');
            out.push_str(&scalar(&flat));
            out.push('\n');
        }
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn is_flat<V>(shape: &Shape<'_, V>) -> bool {
    match shape {
        Shape::Map(entries) => entries.is_empty(),
        Shape::List(items) => items.is_empty(),
        Shape::Text(_) | Shape::Plain(_) => true,
    }
}

fn scalar<V>(shape: &Shape<'_, V>) -> String {
    match shape {
        Shape::Text(plain) => text(plain),
        Shape::Plain(written) => written.clone(),
        Shape::List(_) => "[]".into(),
        Shape::Map(_) => "{}".into(),
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
