//! The resolved stack written out again with the keys of the stack file, for `boatyard config`.
//!
//! The TOML can be read back by [`super::load`]: dollars are doubled, braces escaped, paths absolute. What has its
//! default value is left out. The values that `redact` found are never written, so they are not read back either.

mod fault;
mod put;
mod service;
mod smoke;
pub(super) mod yaml;

use toml::{Table, Value};

use crate::stack::{Check, Stack};

use put::Put;

/// The stack as TOML. `masked` replaces what looks like a secret by `***`.
pub fn to_toml(stack: &Stack, masked: bool) -> String {
    let mut tree = tree(stack, masked);
    for_each_text(&mut tree, &|text| *text = text.replace('$', "$$"));
    toml::to_string_pretty(&tree).unwrap_or_default()
}

/// The stack as JSON, indented. `masked` replaces what looks like a secret by `***`.
pub fn to_json(stack: &Stack, masked: bool) -> String {
    let mut text = serde_json::to_string_pretty(&tree(stack, masked)).unwrap_or_default();
    text.push('\n');
    text
}

/// The stack as YAML. `masked` replaces what looks like a secret by `***`.
pub fn to_yaml(stack: &Stack, masked: bool) -> String {
    yaml::emit(tree(stack, masked))
}

/// One smoke check as a table of the stack file's keys.
pub(super) fn check(check: &Check) -> Value {
    smoke::table(check)
}

fn tree(stack: &Stack, masked: bool) -> Value {
    let mut root = Table::new();
    root.put("name", stack.name.as_str());
    root.put(
        "max_builds",
        i64::try_from(stack.max_builds).unwrap_or(i64::MAX),
    );
    if let Some(bytes) = stack.image_budget {
        root.put("image_budget", super::size::show(bytes));
    }
    let services = stack.services.iter();
    let services: Table = services
        .map(|(name, service)| {
            let table = service::table(service, &stack.directory, masked);
            (name.to_string(), Value::Table(table))
        })
        .collect();
    root.put("services", services);
    root.put_filled("smoke", stack.smoke.iter().map(smoke::table).collect());
    let mut tree = Value::Table(root);
    if masked {
        for_each_text(&mut tree, &|text| *text = stack.masked(text));
    }
    tree
}

/// Changes every text of the tree; keys stay as they are.
pub(super) fn for_each_text(value: &mut Value, change: &dyn Fn(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(items) => {
            for item in items {
                for_each_text(item, change);
            }
        }
        Value::Table(table) => {
            for (_, item) in table.iter_mut() {
                for_each_text(item, change);
            }
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}
