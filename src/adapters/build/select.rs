//! Which part of a context a builder asked for: include and exclude patterns, and paths whose links are followed.
//!
//! The rules are those of fsutil's filter: an included entry brings its folders along.

use std::collections::BTreeSet;

use super::tree::{Entry, EntryKind, Tree};
use crate::adapters::ignore_rules::{DockerIgnore, RuleIndex, clean};

/// What a builder asks for; everything empty: the whole context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// At least one of these must match.
    pub include: Vec<String>,
    /// None of these may match.
    pub exclude: Vec<String>,
    /// Included too, with whatever their symbolic links lead to.
    pub follow: Vec<String>,
}

/// The selected entries, in the tree's order.
pub fn select<'a>(tree: &'a Tree, selection: &Selection) -> Vec<&'a Entry> {
    let mut followed = BTreeSet::new();
    for path in &selection.follow {
        follow(tree, path, &mut followed);
    }
    // The order of the include patterns counts, since the last that matches decides.
    let include = selection.include.iter().chain(&followed);
    let takes_all = include.clone().next().is_none() || followed.contains(".");
    let include = DockerIgnore::from_patterns(include.map(String::as_str));
    let exclude = DockerIgnore::from_patterns(selection.exclude.iter().map(String::as_str));
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut selected = Vec::new();
    for entry in &tree.entries {
        while open.last().is_some_and(|folder| !folder.holds(entry)) {
            open.pop();
        }
        let above = open.last();
        let included_by = include.decide(above.and_then(|folder| folder.included_by), &entry.path);
        let excluded_by = exclude.decide(above.and_then(|folder| folder.excluded_by), &entry.path);
        let is_wanted =
            (takes_all || include.is_excluding(included_by)) && !exclude.is_excluding(excluded_by);
        if is_wanted {
            let folders = open.iter_mut().filter(|folder| !folder.is_selected);
            selected.extend(folders.map(|folder| {
                folder.is_selected = true;
                folder.entry
            }));
            selected.push(entry);
        }
        if entry.kind == EntryKind::Folder {
            open.push(Open {
                entry,
                included_by,
                excluded_by,
                is_selected: is_wanted,
            });
        }
    }
    selected
}

/// A folder on the way to the entry that is looked at.
struct Open<'a> {
    entry: &'a Entry,
    included_by: Option<RuleIndex>,
    excluded_by: Option<RuleIndex>,
    is_selected: bool,
}

impl Open<'_> {
    fn holds(&self, entry: &Entry) -> bool {
        let below = entry.path.strip_prefix(&self.entry.path);
        below.is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Adds a path and, for each symbolic link on its way, the link itself and where it leads.
fn follow(tree: &Tree, path: &str, found: &mut BTreeSet<String>) {
    let path = clean(&format!("/{path}"));
    let mut rest = path[1..].split('/').collect::<Vec<_>>().into_iter();
    let mut current = String::new();
    while let Some(component) = rest.next() {
        if !current.is_empty() {
            current.push('/');
        }
        current.push_str(component);
        let targets = link_targets(tree, &current);
        if targets.is_empty() {
            continue;
        }
        if found.insert(current.clone()) {
            let remaining = rest.as_slice().join("/");
            for target in targets {
                follow(tree, &format!("{target}/{remaining}"), found);
            }
        }
        return;
    }
    found.insert(if current.is_empty() {
        ".".into()
    } else {
        current
    });
}

/// Where the links of this path lead, which may end in a wildcard; relative to the context.
fn link_targets(tree: &Tree, path: &str) -> Vec<String> {
    if !path.contains(['*', '?', '[']) {
        return tree.entry(path).and_then(link_target).into_iter().collect();
    }
    let pattern = DockerIgnore::from_patterns([path]);
    let depth = path.split('/').count();
    let same_depth = tree
        .entries
        .iter()
        .filter(|entry| entry.path.split('/').count() == depth);
    same_depth
        .filter(|entry| pattern.excludes(&entry.path, false))
        .filter_map(link_target)
        .collect()
}

fn link_target(entry: &Entry) -> Option<String> {
    let EntryKind::Link { target } = &entry.kind else {
        return None;
    };
    if target.starts_with('/') {
        return Some(clean(target));
    }
    let folder = entry.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    Some(clean(&format!("/{folder}/{target}")))
}
