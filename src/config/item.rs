//! Typed reading of values: what a value must be, and a problem in its place when it is not.

use std::time::Duration;

use super::duration;
use super::nearest::suggest;
use super::problem::quoted;
use super::scope::Scope;
use super::size;
use super::tree::{Node, Span, Table, Value};

/// A value to be read, and how messages name it.
#[derive(Debug, Clone)]
pub(super) struct Item<'n> {
    /// The value.
    pub(super) node: &'n Node,
    /// Where its key stands; for a member of a list, the value itself.
    pub(super) key_span: Span,
    /// Its name in messages, such as `"ports" in service "web"`.
    pub(super) what: String,
}

impl<'n> Item<'n> {
    /// Where the value stands.
    pub(super) fn span(&self) -> &'n Span {
        &self.node.span
    }

    /// Notes that this is not what is wanted here.
    pub(super) fn expected(&self, wanted: &str, scope: &mut Scope<'_>) {
        let found = self.node.value.kind();
        let message = format!("{}: expected {wanted}, found {found}", self.what);
        scope.error(self.span(), message);
    }

    /// Notes that this text means nothing here.
    pub(super) fn invalid(&self, why: &str, scope: &mut Scope<'_>) {
        scope.error(self.span(), format!("{}: {why}", self.what));
    }

    /// A string.
    pub(super) fn text(&self, scope: &mut Scope<'_>) -> Option<&'n str> {
        let Value::Text(text) = &self.node.value else {
            self.expected("a string", scope);
            return None;
        };
        Some(text)
    }

    /// A string with something in it.
    pub(super) fn filled_text(&self, scope: &mut Scope<'_>) -> Option<&'n str> {
        let text = self.text(scope)?;
        if text.is_empty() {
            self.invalid("must not be empty", scope);
            return None;
        }
        Some(text)
    }

    /// A string, number or boolean, as text.
    pub(super) fn scalar(&self, scope: &mut Scope<'_>) -> Option<String> {
        match &self.node.value {
            Value::Text(text) | Value::Moment(text) => Some(text.clone()),
            Value::Integer(number) => Some(number.to_string()),
            Value::Float(number) => Some(number.to_string()),
            Value::Boolean(yes) => Some(yes.to_string()),
            Value::List(_) | Value::Table(_) => {
                self.expected("a string, number or boolean", scope);
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, scope: &mut Scope<'_>) -> Option<bool> {
        match &self.node.value {
            Value::Boolean(yes) => Some(*yes),
            Value::Text(text) if self.node.expanded => match text.as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => {
                    self.invalid(
                        &format!("expected true or false, found {}", quoted(text)),
                        scope,
                    );
                    None
                }
            },
            _ => {
                self.expected("true or false", scope);
                None
            }
        }
    }

    /// A whole number between these, both included.
    pub(super) fn integer(&self, least: i64, most: i64, scope: &mut Scope<'_>) -> Option<i64> {
        let number = match &self.node.value {
            Value::Integer(number) => *number,
            Value::Text(text) if self.node.expanded => {
                let Ok(number) = text.trim().parse() else {
                    let why = format!("expected a number, found {}", quoted(text));
                    self.invalid(&why, scope);
                    return None;
                };
                number
            }
            _ => {
                self.expected("a number", scope);
                return None;
            }
        };
        if (least..=most).contains(&number) {
            return Some(number);
        }
        self.invalid(
            &format!("{number} is not between {least} and {most}"),
            scope,
        );
        None
    }

    /// A port number.
    pub(super) fn port(&self, scope: &mut Scope<'_>) -> Option<u16> {
        let number = self.integer(1, i64::from(u16::MAX), scope)?;
        u16::try_from(number).ok()
    }

    /// A length of time such as `"1m30s"`.
    pub(super) fn duration(&self, scope: &mut Scope<'_>) -> Option<Duration> {
        match &self.node.value {
            Value::Text(text) => match duration::parse(text) {
                Ok(time) => Some(time),
                Err(why) => {
                    let message = format!("{}: {why}", self.what);
                    scope
                        .error(self.span(), message)
                        .help("write a number with a unit: \"500ms\", \"10s\", \"1m30s\", \"2h\"");
                    None
                }
            },
            Value::Integer(number) => {
                let message = format!("{}: expected a duration, found a number", self.what);
                scope
                    .error(self.span(), message)
                    .help(format!("give it a unit: \"{number}s\" or \"{number}ms\""));
                None
            }
            _ => {
                self.expected("a duration such as \"10s\"", scope);
                None
            }
        }
    }

    /// A number of bytes such as `"10GB"`.
    pub(super) fn size(&self, scope: &mut Scope<'_>) -> Option<u64> {
        let read = match &self.node.value {
            Value::Text(text) => size::parse(text),
            Value::Integer(0) => Ok(0),
            Value::Integer(number) => Err(format!("{number} has no unit")),
            _ => {
                self.expected("a size such as \"10GB\"", scope);
                return None;
            }
        };
        match read {
            Ok(bytes) => Some(bytes),
            Err(why) => {
                let message = format!("{}: {why}", self.what);
                scope
                    .error(self.span(), message)
                    .help("write a number with a unit: \"500MB\", \"10GB\", \"1.5GiB\"");
                None
            }
        }
    }

    /// The members of a list.
    pub(super) fn list(&self, scope: &mut Scope<'_>) -> Option<Vec<Item<'n>>> {
        let Value::List(nodes) = &self.node.value else {
            self.expected("a list", scope);
            return None;
        };
        Some(self.members(nodes))
    }

    /// The members of a list, or the value itself.
    pub(super) fn one_or_more(&self) -> Vec<Item<'n>> {
        match &self.node.value {
            Value::List(nodes) => self.members(nodes),
            _ => vec![self.clone()],
        }
    }

    fn members(&self, nodes: &'n [Node]) -> Vec<Item<'n>> {
        let member = |node: &'n Node| Item {
            node,
            key_span: node.span.clone(),
            what: self.what.clone(),
        };
        nodes.iter().map(member).collect()
    }

    /// A string or a list of strings.
    pub(super) fn texts(&self, scope: &mut Scope<'_>) -> Vec<String> {
        self.one_or_more()
            .iter()
            .filter_map(|item| item.text(scope).map(str::to_owned))
            .collect()
    }

    /// The table, if it is one.
    pub(super) fn as_table(&self) -> Option<&'n Table> {
        match &self.node.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The keys of a table whose keys are free names.
    pub(super) fn entries(&self, scope: &mut Scope<'_>) -> Option<Vec<(&'n str, Item<'n>)>> {
        let Some(table) = self.as_table() else {
            self.expected("a table", scope);
            return None;
        };
        let item = |entry: &'n super::tree::Entry| {
            let item = Item {
                node: &entry.node,
                key_span: entry.key_span.clone(),
                what: format!("{} of {}", quoted(&entry.key), self.what),
            };
            (entry.key.as_str(), item)
        };
        Some(table.entries.iter().map(item).collect())
    }

    /// A table whose keys are known; `of` is how messages name it.
    pub(super) fn section(
        &self,
        of: impl Into<String>,
        scope: &mut Scope<'_>,
    ) -> Option<Section<'n>> {
        let Some(table) = self.as_table() else {
            self.expected("a table", scope);
            return None;
        };
        Some(Section {
            table,
            span: self.span().clone(),
            of: of.into(),
            known: Vec::new(),
        })
    }

    /// One of a few words. The help names the nearest.
    pub(super) fn choice<T: Copy>(&self, words: &[(&str, T)], scope: &mut Scope<'_>) -> Option<T> {
        let text = self.text(scope)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*meaning);
        }
        let message = format!("{}: {} is not known", self.what, quoted(text));
        let names = words.iter().map(|(word, _)| *word);
        let help = suggest(text, names, "possible value");
        scope.error(self.span(), message).help_if(help);
        None
    }
}

/// A table whose keys are known. What is not asked for is an unknown key.
#[derive(Debug)]
pub(super) struct Section<'n> {
    table: &'n Table,
    /// Where it stands.
    pub(super) span: Span,
    /// How messages name it.
    pub(super) of: String,
    known: Vec<&'static str>,
}

impl<'n> Section<'n> {
    /// The whole file.
    pub(super) fn root(table: &'n Table) -> Self {
        Self {
            table,
            span: 0..0,
            of: "the stack file".into(),
            known: Vec::new(),
        }
    }

    /// The value of this key, which is known from now on.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Item<'n>> {
        self.known.push(key);
        let entry = self.table.entries.iter().find(|entry| entry.key == key)?;
        Some(Item {
            node: &entry.node,
            key_span: entry.key_span.clone(),
            what: format!("\"{key}\" in {}", self.of),
        })
    }

    /// The value of this key, which must be there.
    pub(super) fn need(&mut self, key: &'static str, scope: &mut Scope<'_>) -> Option<Item<'n>> {
        let item = self.take(key);
        if item.is_none() {
            scope.error(&self.span, format!("\"{key}\" is missing in {}", self.of));
        }
        item
    }

    /// Notes every key that nobody asked for, and says whether there was none; `hints` are keys that other tools
    /// have, and what to write here.
    pub(super) fn finish(self, hints: &[(&str, &str)], scope: &mut Scope<'_>) -> bool {
        let mut clean = true;
        for entry in &self.table.entries {
            if self.known.contains(&entry.key.as_str()) {
                continue;
            }
            let message = format!("unknown key {} in {}", quoted(&entry.key), self.of);
            let hint = hints.iter().find(|(key, _)| *key == entry.key);
            let help = match hint {
                Some((_, hint)) => Some((*hint).to_owned()),
                None => suggest(&entry.key, self.known.iter().copied(), "known key"),
            };
            scope.error(&entry.key_span, message).help_if(help);
            clean = false;
        }
        clean
    }
}
