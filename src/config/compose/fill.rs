//! Fills in variables, and casts the values whose kind is known: a boolean key may be given by the text `"true"`.

use super::super::problem::quoted;
use super::environment::Environment;
use super::forms;
use super::kinds::{EARLY, Kind};
use super::node::{Node, Tag, Value};
use super::path::{MEMBER, Path};
use super::reading::Reading;

/// Fills in every value below this one.
pub(super) fn fill(document: &mut Node, environment: &Environment, reading: &mut Reading) {
    fill_node(document, Path::TOP, environment, reading);
}

fn fill_node(node: &mut Node, path: Path<'_>, environment: &Environment, reading: &mut Reading) {
    if node.tag == Tag::Reset {
        return;
    }
    match &mut node.value {
        Value::Map(map) => {
            for (key, member) in map {
                fill_node(member, path.then(key), environment, reading);
            }
        }
        Value::List(members) => {
            for member in members {
                fill_node(member, path.then(MEMBER), environment, reading);
            }
        }
        Value::Text(text) => {
            let text = text.clone();
            let lookup = |name: &str| environment.get(name);
            match forms::interpolate_noting(&text, &lookup) {
                Ok(filled) => {
                    for (name, range) in filled.unset {
                        let spot = node.at.part(text.get(range).unwrap_or_default());
                        reading.unset(&name, &spot);
                    }
                    node.value = Value::Text(filled.text);
                    if let Some(kind) = path.look_up(EARLY) {
                        cast(node, kind, path, reading);
                    }
                }
                Err(error) => reading.form_error(node, &path.words(), error),
            }
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
    }
}

/// Makes a text the boolean or the number that it must be.
pub(super) fn cast(node: &mut Node, kind: Kind, path: Path<'_>, reading: &mut Reading) {
    let Some(text) = node.as_text() else { return };
    let read = match kind {
        Kind::Bool => boolean(text).map(Value::Bool),
        Kind::Count if text == "all" => Some(Value::Int(-1)),
        Kind::Int | Kind::Count => text.parse().ok().map(Value::Int),
        Kind::Mode => i64::from_str_radix(text.trim_start_matches("0o"), 8)
            .ok()
            .map(Value::Int),
        Kind::Float => text.parse().ok().map(|number| Value::Float(single(number))),
        _ => return,
    };
    if let Some(value) = read {
        node.value = value;
        return;
    }
    let wanted = match kind {
        Kind::Bool => "true or false",
        Kind::Int => "a whole number",
        Kind::Count => "a number or \"all\"",
        Kind::Mode => "an octal number such as \"0440\"",
        _ => "a number",
    };
    let message = format!(
        "{}: expected {wanted}, found {}",
        path.words(),
        quoted(text)
    );
    let at = node.at.clone();
    reading.error(&at, message);
    reading.spoil(&at);
}

/// The words that YAML has had for booleans.
fn boolean(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "y" | "yes" | "on" => Some(true),
        "false" | "n" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// The number with the digits that single precision keeps.
pub(super) fn single(number: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "single precision is what is wanted"
    )]
    let single = number as f32;
    single.to_string().parse().unwrap_or(number)
}
