//! `environment` and `env_file`: the variables that a service gets.

use std::path::Path;

use indexmap::IndexMap;

use crate::stack::EnvValue;

use super::address::{self, Mention};
use super::dotenv;
use super::item::Item;
use super::problem::{Problem, quoted};
use super::scope::Scope;
use super::source::{Source, shown_from};
use super::tree::{Span, Value};

/// The variables of a service, and the addresses they mention.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// Names and values, `env_file`s first.
    pub(super) values: IndexMap<String, EnvValue>,
    /// Addresses of other services, each with its place.
    pub(super) mentions: Vec<(Mention, Span)>,
}

/// Reads both keys; `environment` wins over `env_file`, later files over earlier ones.
pub(super) fn read(
    files: Option<&Item<'_>>,
    environment: Option<&Item<'_>>,
    scope: &mut Scope<'_>,
) -> Environment {
    let mut out = Environment::default();
    for file in files.map(Item::one_or_more).unwrap_or_default() {
        let Some((name, required)) = file_entry(&file, scope) else {
            continue;
        };
        for (key, value) in read_file(&file, &name, required, scope) {
            out.values.insert(key, EnvValue::text(value));
        }
    }
    let Some(item) = environment else {
        return out;
    };
    for (name, value, span) in pairs(item, scope) {
        let Some(value) = value.or_else(|| scope.variables.get(&name)) else {
            continue;
        };
        let (value, mentions) = address::parse(&value);
        let placed = mentions.into_iter().map(|mention| {
            let place = scope.source.find(&mention.expression, &span);
            (mention, place)
        });
        out.mentions.extend(placed);
        out.values.insert(name, value);
    }
    out
}

/// Names and values of a table, or of a list of `NAME=value`, each with its place. `NAME` alone has no value.
pub(super) fn pairs(item: &Item<'_>, scope: &mut Scope<'_>) -> Vec<(String, Option<String>, Span)> {
    let mut out = Vec::new();
    if let Value::List(_) = item.node.value {
        for member in item.list(scope).unwrap_or_default() {
            let Some(text) = member.text(scope) else {
                continue;
            };
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (text, None),
            };
            out.push((name.to_owned(), value, member));
        }
    } else if item.as_table().is_some() {
        for (name, entry) in item.entries(scope).unwrap_or_default() {
            let value = entry.scalar(scope);
            if value.is_some() {
                out.push((name.to_owned(), value, entry));
            }
        }
    } else {
        item.expected("a table, or a list of \"NAME=value\"", scope);
    }
    out.retain(|(name, _, member)| {
        let good = !name.trim().is_empty() && !name.contains(['=', '\0']);
        if !good {
            member.invalid(
                &format!("{} is not the name of a variable", quoted(name)),
                scope,
            );
        }
        good
    });
    out.into_iter()
        .map(|(name, value, member)| (name, value, member.span().clone()))
        .collect()
}

/// A file's name, and whether it must be there.
fn file_entry(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<(String, bool)> {
    if item.as_table().is_none() {
        return Some((item.filled_text(scope)?.to_owned(), true));
    }
    let mut section = item.section(item.what.clone(), scope)?;
    let path = section.need("path", scope);
    let required = section
        .take("required")
        .and_then(|item| item.boolean(scope));
    section.finish(&[("format", "leave it out; there is one format")], scope);
    Some((
        path?.filled_text(scope)?.to_owned(),
        required.unwrap_or(true),
    ))
}

fn read_file(
    item: &Item<'_>,
    name: &str,
    required: bool,
    scope: &mut Scope<'_>,
) -> Vec<(String, String)> {
    if !scope.active {
        return Vec::new();
    }
    let path = scope.path(name);
    scope.depends_on_file(&path);
    match read_text(&path) {
        Ok(text) => values(&path, text, scope),
        Err(error) if !required && error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            let message = format!(
                "{}: {} cannot be read: {}",
                item.what,
                quoted(name),
                reason(&error)
            );
            scope
                .error(item.span(), message)
                .help("create it, or write { path = \"…\", required = false }");
            Vec::new()
        }
    }
}

/// Reads the values of an environment file that was just read, and notes what is wrong in it.
pub(super) fn values(path: &Path, text: String, scope: &mut Scope<'_>) -> Vec<(String, String)> {
    let here = std::env::current_dir().unwrap_or_default();
    let source = Source::new(shown_from(&here, path), text);
    let variables = scope.variables;
    let read = dotenv::read(&source.text, &|name| variables.get(name));
    for (span, message) in read.faults {
        scope.push(Problem::error(Some(source.place(&span)), message));
    }
    for (span, name) in read.unset {
        let message = format!("the variable \"{name}\" is not set; an empty text is used");
        scope.push(Problem::warning(Some(source.place(&span)), message));
    }
    read.values
}

/// A file's text.
pub(super) fn read_text(path: &Path) -> std::io::Result<String> {
    let bytes = std::fs::read(path)?;
    String::from_utf8(bytes)
        .map_err(|_| std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Why a file cannot be read, in a few words.
pub(super) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        std::io::ErrorKind::IsADirectory => "it is a folder".into(),
        _ => error.to_string(),
    }
}
