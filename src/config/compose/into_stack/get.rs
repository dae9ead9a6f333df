//! Small questions to the canonical model, whose shapes were checked when it was made: what is not as it should be
//! counts as not said.

use std::time::Duration;

use indexmap::IndexMap;

use super::super::forms;
use super::super::node::{Node, Value};

/// A scalar below this key, as text.
pub(super) fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key)?.scalar()
}

/// Whether this key says yes.
pub(super) fn flag(node: &Node, key: &str) -> Option<bool> {
    match &node.get(key)?.value {
        Value::Bool(yes) => Some(*yes),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// A whole number.
pub(super) fn integer(node: &Node, key: &str) -> Option<i64> {
    match &node.get(key)?.value {
        Value::Int(number) => Some(*number),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Any number.
pub(super) fn number(node: &Node, key: &str) -> Option<f64> {
    let number = match &node.get(key)?.value {
        #[expect(clippy::cast_precision_loss, reason = "nobody has that many cores")]
        Value::Int(number) => *number as f64,
        Value::Float(number) => *number,
        Value::Text(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// A number of bytes.
pub(super) fn bytes(node: &Node, key: &str) -> Option<i64> {
    match &node.get(key)?.value {
        Value::Int(number) => Some(*number),
        Value::Text(text) => text.trim().parse().ok().or_else(|| forms::bytes(text).ok()),
        _ => None,
    }
}

/// A length of time.
pub(super) fn duration(node: &Node, key: &str) -> Option<Duration> {
    forms::duration(node.text_of(key)?).ok()
}

/// A mode of a file: a number, or octal digits.
pub(super) fn mode(node: &Node, key: &str) -> Option<u32> {
    match &node.get(key)?.value {
        Value::Int(number) => u32::try_from(*number).ok(),
        Value::Text(text) => u32::from_str_radix(text.trim_start_matches("0o"), 8).ok(),
        _ => None,
    }
}

/// The scalars of a list, or one alone.
pub(super) fn texts(node: &Node, key: &str) -> Vec<String> {
    let Some(node) = node.get(key) else {
        return Vec::new();
    };
    match node.scalar() {
        Some(alone) => vec![alone],
        None => node.members().iter().filter_map(Node::scalar).collect(),
    }
}

/// Names and values; a name without a value has an empty one.
pub(super) fn pairs(node: &Node, key: &str) -> IndexMap<String, String> {
    let Some(node) = node.get(key) else {
        return IndexMap::new();
    };
    let of_list = node.members().iter().filter_map(|member| {
        let text = member.scalar()?;
        let (name, value) = text.split_once('=').unwrap_or((&text, ""));
        Some((name.to_owned(), value.to_owned()))
    });
    let of_map = node
        .entries()
        .map(|(name, value)| (name.to_owned(), value.scalar().unwrap_or_default()));
    of_list.chain(of_map).collect()
}
