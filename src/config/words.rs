//! Commands: one line, or a list of words.

use crate::stack::CommandWords;

use super::item::Item;
use super::scope::Scope;
use super::tree::Value;

/// A command whose one-line form is split into words without a shell, as Compose does for `command` and `entrypoint`.
pub(super) fn split_command(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<CommandWords> {
    let Value::Text(line) = &item.node.value else {
        return list(item, scope);
    };
    match split(line) {
        Ok(words) => Some(CommandWords::Words(words)),
        Err(why) => {
            item.invalid(&why, scope);
            None
        }
    }
}

/// A command whose one-line form a shell runs.
pub(super) fn shell_command(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<CommandWords> {
    let Value::Text(line) = &item.node.value else {
        return list(item, scope);
    };
    if line.trim().is_empty() {
        item.invalid("the command is empty", scope);
        return None;
    }
    Some(CommandWords::Shell(line.clone()))
}

fn list(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<CommandWords> {
    if !matches!(item.node.value, Value::List(_)) {
        item.expected("a command: a string, or a list of words", scope);
        return None;
    }
    let members = item.list(scope)?;
    let words: Vec<String> = members
        .iter()
        .filter_map(|member| member.scalar(scope))
        .collect();
    (words.len() == members.len()).then_some(CommandWords::Words(words))
}

/// Splits a line into words as a shell would, without running anything.
pub(super) fn split(line: &str) -> Result<Vec<String>, String> {
    shell_words::split(line).map_err(|_| "a quote is never closed".to_owned())
}
