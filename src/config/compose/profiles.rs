//! Which services are part of the project: those without a profile, and those whose profile is enabled.

use std::collections::BTreeSet;

use super::node::{Map, Node};

/// Removes the services whose profiles are not enabled, and says which they were.
pub(super) fn disable(model: &mut Node, enabled: &[String]) -> Vec<String> {
    let mut disabled = Vec::new();
    let Some(services) = model.get_mut("services").and_then(Node::as_map_mut) else {
        return disabled;
    };
    services.retain(|name, service| {
        let profiles = service.get("profiles").map(Node::members);
        let profiles = profiles.unwrap_or_default();
        let is_chosen = |profile: &Node| {
            let mut chosen = enabled.iter();
            chosen.any(|name| name == "*" || profile.as_text() == Some(name))
        };
        let stays = profiles.is_empty() || profiles.iter().any(is_chosen);
        if !stays {
            disabled.push(name.clone());
        }
        stays
    });
    disabled
}

/// Removes networks, volumes, secrets and configs that no service uses.
pub(super) fn drop_unused(model: &mut Node) {
    let used = Used::by(model);
    for (section, names) in [
        ("networks", used.networks),
        ("volumes", used.volumes),
        ("secrets", used.secrets),
        ("configs", used.configs),
    ] {
        let Some(entries) = model.get_mut(section).and_then(Node::as_map_mut) else {
            continue;
        };
        entries.retain(|name, _| names.contains(name));
        if entries.is_empty() {
            model.remove(section);
        }
    }
}

/// The names that services use.
#[derive(Default)]
struct Used {
    networks: BTreeSet<String>,
    volumes: BTreeSet<String>,
    secrets: BTreeSet<String>,
    configs: BTreeSet<String>,
}

impl Used {
    fn by(model: &Node) -> Self {
        let mut used = Self::default();
        let services = model.get("services").and_then(Node::as_map);
        for service in services.into_iter().flat_map(Map::values) {
            let sources = |keys: &[&str]| {
                let members = service.find(keys).map(Node::members);
                let members = members.unwrap_or_default().iter();
                let source = |member: &Node| member.text_of("source").map(str::to_owned);
                members.filter_map(source).collect::<Vec<_>>()
            };
            let networks = service.get("networks").and_then(Node::as_map);
            used.networks
                .extend(networks.into_iter().flat_map(Map::keys).cloned());
            used.volumes.extend(sources(&["volumes"]));
            used.secrets.extend(sources(&["secrets"]));
            used.secrets.extend(sources(&["build", "secrets"]));
            used.configs.extend(sources(&["configs"]));
        }
        used
    }
}
