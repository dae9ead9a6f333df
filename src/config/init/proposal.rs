//! A stack file being put together: services with keys, comments and suggestions.

use std::fmt::Write as _;

use toml::Value;

/// The file to be.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// The stack's name, if one was given.
    pub(super) name: Option<String>,
    /// What it is made from.
    pub(super) found: Vec<String>,
    /// Its services.
    pub(super) services: Vec<Service>,
    /// The compose files that it builds on.
    pub(super) compose: Vec<String>,
    /// A service with a front door, for a first smoke check.
    pub(super) smoke: Option<String>,
}

/// One service of the file to be.
#[derive(Debug, Default)]
pub(super) struct Service {
    /// Its name.
    pub(super) name: String,
    /// Keys and values, in order.
    pub(super) keys: Vec<(&'static str, Value)>,
    /// Lines that are written as comments below the keys.
    pub(super) comments: Vec<String>,
}

impl Service {
    /// A service without keys.
    pub(super) fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// Adds a key.
    pub(super) fn put(&mut self, key: &'static str, value: impl Into<Value>) {
        self.keys.push((key, value.into()));
    }

    /// Adds a comment.
    pub(super) fn comment(&mut self, line: impl Into<String>) {
        self.comments.push(line.into());
    }

    fn write(&self, out: &mut String) {
        let _ = writeln!(out, "\n[services.{}]", key(&self.name));
        for (key, value) in &self.keys {
            let _ = writeln!(out, "{key} = {}", show(value));
        }
        for line in &self.comments {
            comment(line, out);
        }
    }
}

impl Draft {
    /// The text of the file.
    pub(super) fn write(&self) -> String {
        let mut out = String::from(
            "# The stack of this folder. \"boatyard check\" reads it, \"boatyard up\" runs it.\n",
        );
        let _ = writeln!(
            out,
            "# Made by \"boatyard init\" from {}.",
            self.found.join(", ")
        );
        if let Some(name) = &self.name {
            let _ = writeln!(out, "\nname = {}", show(&Value::from(name.as_str())));
        }
        if let [file] = self.compose.as_slice() {
            let _ = writeln!(out, "\ncompose = {}", show(&Value::from(file.as_str())));
        } else if !self.compose.is_empty() {
            let files = Value::from(self.compose.clone());
            let _ = writeln!(out, "\ncompose = {}", show(&files));
        }
        for service in &self.services {
            service.write(&mut out);
        }
        if let Some(service) = &self.smoke {
            out.push_str("\n# [[smoke]]\n");
            comment(
                &format!("name = {}", Value::from(format!("{service} answers"))),
                &mut out,
            );
            comment(
                &format!("request = {{ url = \"http://{service}/\" }}"),
                &mut out,
            );
            comment("expect = { status = 200 }", &mut out);
        }
        out
    }
}

fn comment(line: &str, out: &mut String) {
    let line = line.replace(char::is_control, " ");
    let _ = writeln!(out, "# {}", line.trim_end());
}

/// A key, in quotes where it needs them.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(bare) {
        return name.to_owned();
    }
    Value::from(name).to_string()
}

/// A value on one line, or a list of tables with a line for each.
fn show(value: &Value) -> String {
    match value {
        Value::Array(items) if items.iter().any(Value::is_table) => {
            let lines: Vec<String> = items.iter().map(|item| format!("  {item},\n")).collect();
            format!("[\n{}]", lines.concat())
        }
        Value::String(text) if text.contains('\n') => basic(text),
        value => value.to_string(),
    }
}

/// A text of several lines on one line.
fn basic(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
