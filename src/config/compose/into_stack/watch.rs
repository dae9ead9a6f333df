//! `develop.watch`: what a saved file means for a service.

use std::path::PathBuf;

use super::super::node::Node;
use super::{Mapping, container, get};
use crate::stack::{CommandWords, Hook, Reaction, Then, WatchRule};

/// The watch rules of a service, each with its node.
pub(super) fn read<'n>(service: &'n Node, mapping: &mut Mapping<'_>) -> Vec<(WatchRule, &'n Node)> {
    let rules = service.find(&["develop", "watch"]);
    let rules = rules.map(Node::members).unwrap_or_default();
    rules
        .iter()
        .filter_map(|rule| Some((read_one(rule, mapping)?, rule)))
        .collect()
}

fn read_one(rule: &Node, mapping: &mut Mapping<'_>) -> Option<WatchRule> {
    let path = PathBuf::from(get::text(rule, "path")?);
    if !path.exists() {
        let at = rule.get("path").map_or(&rule.at, |node| &node.at);
        let message = format!("the watched path {} does not exist", path.display());
        mapping.warning(at, message, "nothing is watched until it does");
    }
    Some(WatchRule {
        path,
        reaction: reaction(rule, mapping)?,
        ignore: get::texts(rule, "ignore"),
        include: get::texts(rule, "include"),
        initial_sync: get::flag(rule, "initial_sync").unwrap_or(false),
    })
}

fn reaction(rule: &Node, mapping: &mut Mapping<'_>) -> Option<Reaction> {
    let then = match rule.text_of("action")? {
        "rebuild" => return Some(Reaction::Rebuild),
        "restart" => return Some(Reaction::Restart),
        "sync+restart" => Then::Restart,
        "sync+exec" => Then::Exec(Box::new(exec(rule, mapping))),
        _ => Then::Nothing,
    };
    let Some(target) = get::text(rule, "target") else {
        mapping.error(
            &rule.at,
            "this watch rule syncs, but has no \"target\"",
            "say where in the container the files go: target: /app/src",
        );
        return None;
    };
    Some(Reaction::Sync { target, then })
}

/// What is run after a sync.
fn exec(rule: &Node, mapping: &mut Mapping<'_>) -> Hook {
    let Some(exec) = rule.get("exec") else {
        let message = "this watch rule has no \"exec\" to run after the sync";
        mapping.error(
            &rule.at,
            message,
            "write exec: { command: [\"program\", \"argument\"] }",
        );
        return Hook::plain(CommandWords::Words(Vec::new()));
    };
    container::hook(exec)
}
