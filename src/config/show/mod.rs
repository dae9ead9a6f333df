//! The resolved stack written out again with the keys of the stack file, for `boatyard config`.
//!
//! The TOML can be read back by [`super::load`]: dollars are doubled, braces escaped, paths absolute. What has its
//! default value is left out. The values that `redact` found are never written, so they are not read back either.

mod mask;
mod service;
mod smoke;
mod yaml;

use toml::{Table, Value};

use crate::stack::Stack;

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
    yaml::emit(&tree(stack, masked))
}

fn tree(stack: &Stack, masked: bool) -> Value {
    let mut root = Table::new();
    root.put("name", stack.name.as_str());
    root.put("max_builds", number(stack.max_builds));
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
        for_each_text(&mut tree, &|text| mask::values(text, &stack.redact));
    }
    tree
}

/// Changes every text of the tree; keys stay as they are.
fn for_each_text(value: &mut Value, change: &dyn Fn(&mut String)) {
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

/// A whole number as TOML has it; what is too large is cut.
fn number(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// Short ways to fill a table.
trait Put {
    /// Puts a value.
    fn put(&mut self, key: &str, value: impl Into<Value>);

    /// Puts a value that is there.
    fn put_some(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// Puts a value that is not what it would be anyway.
    fn put_unless<T: Into<Value> + PartialEq>(&mut self, key: &str, value: T, default: &T) {
        if value != *default {
            self.put(key, value);
        }
    }

    /// Puts a list that has members.
    fn put_filled(&mut self, key: &str, values: Vec<Value>) {
        if !values.is_empty() {
            self.put(key, values);
        }
    }

    /// Puts a table of texts that has entries.
    fn put_texts<'t>(&mut self, key: &str, pairs: impl Iterator<Item = (&'t String, &'t String)>) {
        let table: Table = pairs
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
            .collect();
        if !table.is_empty() {
            self.put(key, table);
        }
    }
}

impl Put for Table {
    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.insert(key.to_owned(), value.into());
    }
}
