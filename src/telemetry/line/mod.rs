//! What a log line says of itself: its time, its message and its fields, in the common formats of logs.
//!
//! Pure functions of one line's text. A level is not read here: [`Level::of_line`](super::Level::of_line) is the one place for
//! that. Whatever is not recognised is none of these formats, and is shown as it came.

mod group;
mod json;
mod pairs;
mod patterns;

use std::borrow::Cow;

pub use group::{Shape, begins, groups, shape, telling};

/// A form in which lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object.
    Json,
    /// `key=value key="another value"`.
    Logfmt,
    /// Words in a known order; the name of that form.
    Text(&'static str),
}

/// The parts of a line. Each is a piece of the line as it came, or what a quoted or escaped piece of it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised<'a> {
    /// The form it has.
    pub format: Format,
    /// When it was written, as it says.
    pub time: Option<Cow<'a, str>>,
    /// What happened; empty where the line has only fields.
    pub message: Cow<'a, str>,
    /// What else it says: names and values. A value that is an object or an array stays JSON.
    pub fields: Vec<Field<'a>>,
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name, as written; for a text form, what stands in that place.
    pub name: Cow<'a, str>,
    /// Its value without quotes.
    pub value: Cow<'a, str>,
}

impl Recognised<'_> {
    /// The value of a field: of this very name, else down through objects (`user.id`). Time and message can be
    /// asked for as `time` and `message`.
    pub fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        let found = self.fields.iter().find(|field| field.name == name);
        if let Some(field) = found {
            return Some(Cow::Borrowed(&field.value));
        }
        match name {
            "message" | "msg" => return Some(Cow::Borrowed(&self.message)),
            "time" => return self.time.as_deref().map(Cow::Borrowed),
            _ => {}
        }
        self.fields.iter().find_map(|field| {
            let below = name.strip_prefix(&*field.name)?.strip_prefix('.')?;
            json::below(&field.value, below).map(Cow::Owned)
        })
    }
}

/// What this line says, if it has one of the known forms. The text is to be without escape sequences.
pub fn recognise(text: &str) -> Option<Recognised<'_>> {
    if text.trim_start().starts_with('{') {
        return json::recognise(text);
    }
    pairs::logfmt(text).or_else(|| patterns::recognise(text))
}

/// The value of a field of this line; a line that cannot have it is not read.
pub fn field<'a>(text: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let first = name.split('.').next().unwrap_or(name);
    if !patterns::names(name) && !text.contains(first) {
        return None;
    }
    let found = recognise(text)?;
    found
        .field(name)
        .map(|value| Cow::Owned(value.into_owned()))
}

#[cfg(test)]
mod tests;
