//! A value of a Compose file, every part of it knowing where it stands.

use std::ops::Range;
use std::sync::Arc;

use indexmap::IndexMap;

use super::super::problem::Place;
use super::super::source::Source;

/// A mapping, in the order of the file.
pub(in crate::config) type Map = IndexMap<String, Node>;

/// Where something stands; nowhere, for what no file says.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct Spot {
    source: Option<Arc<Source>>,
    span: Range<usize>,
}

impl Spot {
    /// These bytes of this file.
    pub(super) fn new(source: &Arc<Source>, span: Range<usize>) -> Self {
        Self {
            source: Some(Arc::clone(source)),
            span,
        }
    }

    /// The place, as messages show it.
    pub(in crate::config) fn place(&self) -> Option<Place> {
        self.source.as_ref().map(|source| source.place(&self.span))
    }

    /// The part of it where this piece of text stands, or all of it.
    pub(super) fn part(&self, piece: &str) -> Self {
        let span = match &self.source {
            Some(source) if !piece.is_empty() => source.find(piece, &self.span),
            _ => self.span.clone(),
        };
        Self {
            source: self.source.clone(),
            span,
        }
    }
}

/// What a file says about merging a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Tag {
    /// Nothing.
    #[default]
    None,
    /// `!reset`: what other files say here is forgotten, and this with it.
    Reset,
    /// `!override`: this replaces what other files say here.
    Override,
}

/// A value and where it stands.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct Node {
    /// The value.
    pub(in crate::config) value: Value,
    /// Where it stands.
    pub(in crate::config) at: Spot,
    /// Where its key stands, for a member of a mapping.
    pub(in crate::config) key: Option<Spot>,
    /// How it is merged.
    pub(super) tag: Tag,
}

/// What a [`Node`] holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::config) enum Value {
    /// Nothing.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping.
    Map(Map),
}

/// Nodes are equal when they say the same, wherever they stand.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Node {
    /// This value at this spot.
    pub(in crate::config) fn new(value: Value, at: &Spot) -> Self {
        Self {
            value,
            at: at.clone(),
            ..Self::default()
        }
    }

    /// This text at this spot.
    pub(in crate::config) fn text(text: impl Into<String>, at: &Spot) -> Self {
        Self::new(Value::Text(text.into()), at)
    }

    /// Where its key stands; else where it stands itself.
    pub(in crate::config) fn key_spot(&self) -> &Spot {
        self.key.as_ref().unwrap_or(&self.at)
    }

    /// The value of a key of a mapping.
    pub(in crate::config) fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key)
    }

    /// The value of a key of a mapping, to be changed.
    pub(in crate::config) fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        self.as_map_mut()?.get_mut(key)
    }

    /// The value below these keys.
    pub(in crate::config) fn find(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The mapping, if it is one.
    pub(in crate::config) fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The mapping, if it is one, to be changed.
    pub(in crate::config) fn as_map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The entries of the mapping; none for anything else.
    pub(in crate::config) fn entries(&self) -> impl Iterator<Item = (&str, &Self)> {
        let entries = self.as_map().into_iter().flatten();
        entries.map(|(key, node)| (key.as_str(), node))
    }

    /// The members of the sequence; none for anything else.
    pub(in crate::config) fn members(&self) -> &[Self] {
        match &self.value {
            Value::List(members) => members,
            _ => &[],
        }
    }

    /// The text, if it is one.
    pub(in crate::config) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text below a key, if there is one.
    pub(in crate::config) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_text()
    }

    /// The whole number, if it is one.
    pub(in crate::config) fn as_int(&self) -> Option<i64> {
        match self.value {
            Value::Int(number) => Some(number),
            _ => None,
        }
    }

    /// `true` or `false`, if it is one.
    pub(in crate::config) fn as_bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(yes) => Some(yes),
            _ => None,
        }
    }

    /// Whether it says nothing.
    pub(in crate::config) fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// A scalar as text, numbers as Go writes them; `None` for a sequence, a mapping and nothing.
    pub(in crate::config) fn scalar(&self) -> Option<String> {
        match &self.value {
            Value::Bool(yes) => Some(yes.to_string()),
            Value::Int(number) => Some(number.to_string()),
            Value::Float(number) => Some(go_float(*number)),
            Value::Text(text) => Some(text.clone()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// What a person calls this kind of value.
    pub(in crate::config) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "a number",
            Value::Float(_) => "a decimal number",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// Sets a key of a mapping, unless it is there.
    pub(super) fn set_default(&mut self, key: &str, value: Value) {
        let at = self.at.clone();
        if let Some(map) = self.as_map_mut() {
            map.entry(key.to_owned())
                .or_insert_with(|| Self::new(value, &at));
        }
    }

    /// Sets a key of a mapping.
    pub(super) fn set(&mut self, key: &str, node: Self) {
        if let Some(map) = self.as_map_mut() {
            map.insert(key.to_owned(), node);
        }
    }

    /// Removes a key of a mapping.
    pub(super) fn remove(&mut self, key: &str) -> Option<Self> {
        self.as_map_mut()?.shift_remove(key)
    }

    /// The node that this JSON value makes, all of it standing at one spot.
    pub(super) fn from_json(json: serde_json::Value, at: &Spot) -> Self {
        let value = match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(yes) => Value::Bool(yes),
            serde_json::Value::Number(number) => number
                .as_i64()
                .map_or_else(|| Value::Float(number.as_f64().unwrap_or(0.0)), Value::Int),
            serde_json::Value::String(text) => Value::Text(text),
            serde_json::Value::Array(list) => Value::List(
                list.into_iter()
                    .map(|member| Self::from_json(member, at))
                    .collect(),
            ),
            serde_json::Value::Object(map) => Value::Map(
                map.into_iter()
                    .map(|(key, member)| (key, Self::from_json(member, at)))
                    .collect(),
            ),
        };
        Self::new(value, at)
    }

    /// The value as JSON.
    pub(in crate::config) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(yes) => (*yes).into(),
            Value::Int(number) => (*number).into(),
            Value::Float(number) => (*number).into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(members) => members.iter().map(Self::to_json).collect(),
            Value::Map(map) => map
                .iter()
                .map(|(key, node)| (key.clone(), node.to_json()))
                .collect(),
        }
    }
}

/// The number as Go's `%v` writes it: `1.5`, `1e+06`, `+Inf`.
pub(super) fn go_float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.into();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{number}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}
