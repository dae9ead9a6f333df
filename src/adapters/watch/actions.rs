//! What changed files ask of a service, put together.

use std::path::Path;

use super::plan::inside;
use crate::engine::Action;
use crate::stack::Then;

/// Adds what one file asks to what the others of its service ask.
pub(super) fn add(actions: &mut Vec<Action>, new: Action) {
    let joined = |action: &mut Action| match (action, &new) {
        (
            Action::Sync { copies, then },
            Action::Sync {
                copies: more,
                then: other,
            },
        ) if then == other => {
            copies.extend(more.iter().cloned());
            true
        }
        (Action::Infer { copies }, Action::Infer { copies: more }) => {
            copies.extend(more.iter().cloned());
            true
        }
        (action, new) => action == new,
    };
    if !actions.iter_mut().any(joined) {
        actions.push(new);
    }
}

/// The order in which Compose does what one change asks.
pub(super) fn rank(action: &Action) -> u8 {
    match action {
        Action::Rebuild => 0,
        Action::Infer { .. } => 1,
        Action::Sync {
            then: Then::Nothing | Then::Signal(_),
            ..
        } => 2,
        Action::Restart => 3,
        Action::Sync {
            then: Then::Restart,
            ..
        } => 4,
        Action::Sync {
            then: Then::Exec(_),
            ..
        } => 5,
    }
}

/// Where a file goes: a rule for a folder keeps what is below it as it is; a rule for one file names the file's new path,
/// or with a `/` at its end the folder it goes into.
pub(super) fn target_of(path: &Path, root: &Path, target: &str) -> String {
    let inside = inside(path, root).unwrap_or_default();
    let folder = target.trim_end_matches('/');
    if !inside.is_empty() {
        return format!("{folder}/{inside}");
    }
    match path.file_name() {
        Some(name) if target.ends_with('/') => format!("{folder}/{}", name.to_string_lossy()),
        _ => target.to_owned(),
    }
}
