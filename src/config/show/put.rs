//! Short ways to fill a table.

use toml::{Table, Value};

/// Short ways to fill a table.
pub(super) trait Put {
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
