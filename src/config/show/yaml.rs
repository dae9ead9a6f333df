//! A tree as YAML 1.2, in block style; texts that could be read as anything else are quoted.

use std::fmt::Write as _;

/// What can be written as YAML.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::config) enum Yaml {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Yaml>),
    /// A mapping, in the order in which it is written.
    Map(Vec<(String, Yaml)>),
}

impl From<toml::Value> for Yaml {
    fn from(value: toml::Value) -> Self {
        match value {
            toml::Value::String(text) => Self::Text(text),
            toml::Value::Integer(number) => Self::Int(number),
            toml::Value::Float(number) => Self::Float(number),
            toml::Value::Boolean(yes) => Self::Bool(yes),
            toml::Value::Datetime(moment) => Self::Text(moment.to_string()),
            toml::Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            toml::Value::Table(table) => {
                let entries = table.into_iter();
                Self::Map(entries.map(|(key, item)| (key, item.into())).collect())
            }
        }
    }
}

impl From<serde_json::Value> for Yaml {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(yes) => Self::Bool(yes),
            serde_json::Value::Number(number) => number.as_i64().map_or_else(
                || Self::Float(number.as_f64().unwrap_or_default()),
                Self::Int,
            ),
            serde_json::Value::String(text) => Self::Text(text),
            serde_json::Value::Array(items) => {
                Self::List(items.into_iter().map(Self::from).collect())
            }
            serde_json::Value::Object(map) => {
                let entries = map.into_iter();
                Self::Map(entries.map(|(key, item)| (key, item.into())).collect())
            }
        }
    }
}

/// The tree as a YAML document.
pub(in crate::config) fn emit(value: impl Into<Yaml>) -> String {
    let mut out = String::new();
    block(&value.into(), 0, &mut out);
    out
}

/// Writes a value that begins on a line of its own.
fn block(value: &Yaml, indent: usize, out: &mut String) {
    match value {
        Yaml::Map(table) if !table.is_empty() => {
            for (key, item) in table {
                pad(indent, out);
                entry(key, item, indent, out);
            }
        }
        Yaml::List(items) if !items.is_empty() => {
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

fn entry(key: &str, item: &Yaml, indent: usize, out: &mut String) {
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
fn member(item: &Yaml, indent: usize, out: &mut String) {
    match item {
        Yaml::Map(table) if !table.is_empty() => {
            for (index, (key, item)) in table.iter().enumerate() {
                if index == 0 {
                    out.push(' ');
                } else {
                    pad(indent + 2, out);
                }
                entry(key, item, indent + 2, out);
            }
        }
        Yaml::List(items) if !items.is_empty() => {
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

fn is_flat(value: &Yaml) -> bool {
    match value {
        Yaml::Map(table) => table.is_empty(),
        Yaml::List(items) => items.is_empty(),
        _ => true,
    }
}

fn scalar(value: &Yaml) -> String {
    match value {
        Yaml::Null => "null".into(),
        Yaml::Text(plain) => text(plain),
        Yaml::Int(number) => number.to_string(),
        Yaml::Float(number) => float(*number),
        Yaml::Bool(yes) => yes.to_string(),
        Yaml::List(_) => "[]".into(),
        Yaml::Map(_) => "{}".into(),
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
