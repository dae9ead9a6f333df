//! What must be kept secret: the values that never reach a log or a screen.

use std::collections::BTreeSet;

use crate::stack::{EnvValue, Fragment, SecretSource};

use super::checks::Drafts;
use super::item::Item;
use super::nearest::suggest;
use super::problem::quoted;
use super::scope::Scope;

/// The values of the variables that `redact` names and of every build secret; `*` at either end of a name stands for anything.
/// A text that names no variable is masked itself.
pub(super) fn read(item: Option<&Item<'_>>, drafts: &Drafts, scope: &mut Scope<'_>) -> Vec<String> {
    let mut values = BTreeSet::new();
    for member in item.map(Item::one_or_more).unwrap_or_default() {
        let Some(pattern) = member.filled_text(scope) else {
            continue;
        };
        let found = matching(pattern, drafts, scope);
        if found.is_empty() {
            let names = variable_names(drafts);
            let help = suggest(pattern, names.iter().map(String::as_str), "variable");
            let message = format!(
                "{}: no variable is called {}, so this text itself is masked",
                member.what,
                quoted(pattern)
            );
            scope.warning(member.span(), message).help_if(help);
            // Better a text masked that is harmless than a secret shown that was meant.
            values.insert(pattern.to_owned());
        }
        values.extend(found);
    }
    values.extend(secret_values(drafts, scope));
    values.retain(|value| !value.trim().is_empty());
    values.into_iter().collect()
}

fn variable_names(drafts: &Drafts) -> BTreeSet<String> {
    drafts
        .values()
        .flat_map(|draft| draft.service.environment.keys().cloned())
        .collect()
}

fn matching(pattern: &str, drafts: &Drafts, scope: &Scope<'_>) -> Vec<String> {
    let in_services = drafts
        .values()
        .flat_map(|draft| &draft.service.environment)
        .map(|(name, value)| (name, plain_text(value)));
    let variables = scope
        .variables
        .process
        .iter()
        .chain(&scope.variables.dotenv);
    in_services
        .chain(variables.map(|(name, value)| (name, value.clone())))
        .filter(|(name, _)| fits(pattern, name))
        .map(|(_, value)| value)
        .collect()
}

/// Whether a name fits a pattern with an optional `*` at either end.
fn fits(pattern: &str, name: &str) -> bool {
    if pattern.trim_matches('*').is_empty() {
        return false;
    }
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(_), Some(_)) => name.contains(pattern.trim_matches('*')),
        (Some(end), None) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (None, None) => pattern == name,
    }
}

/// The text of a value, addresses left out.
fn plain_text(value: &EnvValue) -> String {
    value
        .0
        .iter()
        .map(|fragment| match fragment {
            Fragment::Text(text) => text.as_str(),
            Fragment::Address(..) => "",
        })
        .collect()
}

/// What the secrets of all builds hold. A file that cannot be read was already told of.
fn secret_values(drafts: &Drafts, scope: &Scope<'_>) -> Vec<String> {
    drafts
        .values()
        .filter(|draft| draft.active)
        .filter_map(|draft| draft.service.build.as_ref())
        .flat_map(|build| &build.secrets)
        .filter_map(|secret| match &secret.source {
            SecretSource::Environment(name) => scope.variables.get(name),
            SecretSource::File(path) => std::fs::read_to_string(path).ok(),
        })
        .map(|value| value.trim_end_matches(['\n', '\r']).to_owned())
        .collect()
}
