//! The stack file as a tree in which every key and value knows its byte range.

use std::ops::Range;

/// Byte range in the file.
pub(super) type Span = Range<usize>;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// The value.
    pub(super) value: Value,
    /// Where it stands: quotes and brackets included; for a `[table]`, its header.
    pub(super) span: Span,
    /// Whether a variable was put into it, so that a text may stand where a number is wanted.
    pub(super) expanded: bool,
}

impl Node {
    /// A value as it stands in the file.
    pub(super) fn new(value: Value, span: Span) -> Self {
        Self {
            value,
            span,
            expanded: false,
        }
    }
}

/// What a [`Node`] holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A string.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A date or time, as written.
    Moment(String),
    /// An array.
    List(Vec<Node>),
    /// A table.
    Table(Table),
}

impl Value {
    /// What a person calls this kind of value.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "a number",
            Self::Float(_) => "a decimal number",
            Self::Boolean(_) => "a boolean",
            Self::Moment(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// A table, in the order of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Table {
    /// Its keys and values.
    pub(super) entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// The key.
    pub(super) key: String,
    /// Where the key stands.
    pub(super) key_span: Span,
    /// The value.
    pub(super) node: Node,
}
