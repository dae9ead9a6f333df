//! What services share: networks, volumes, configs and secrets.

use std::path::PathBuf;

use indexmap::IndexMap;

use super::super::node::Node;
use super::{Mapping, get};
use crate::stack::{AddressPool, FileContent, Grant, Ipam, Network, Volume};

/// The entries of a section at the top of the model.
fn section<'n>(model: &'n Node, key: &str) -> impl Iterator<Item = (&'n str, &'n Node)> {
    model.get(key).into_iter().flat_map(Node::entries)
}

/// The name that something has in the engine; `None` if it is made of the project's name and its key, as usual.
fn name(project: &str, key: &str, node: &Node) -> Option<String> {
    let given = get::text(node, "name")?;
    (given != format!("{project}_{key}")).then_some(given)
}

/// The networks of the project.
pub(super) fn networks(project: &str, model: &Node) -> IndexMap<String, Network> {
    let read = |(key, node): (&str, &Node)| {
        let yes = |key: &str| get::flag(node, key).unwrap_or(false);
        let network = Network {
            name: name(project, key, node),
            external: is_external(node),
            internal: yes("internal"),
            attachable: yes("attachable"),
            driver: get::text(node, "driver"),
            driver_opts: get::pairs(node, "driver_opts"),
            ipam: node.get("ipam").map(ipam).unwrap_or_default(),
            enable_ipv4: get::flag(node, "enable_ipv4"),
            enable_ipv6: get::flag(node, "enable_ipv6"),
            labels: get::pairs(node, "labels"),
        };
        (key.to_owned(), network)
    };
    section(model, "networks").map(read).collect()
}

fn is_external(node: &Node) -> bool {
    node.get("external")
        .is_some_and(|external| external.as_bool() != Some(false) && !external.is_null())
}

fn ipam(node: &Node) -> Ipam {
    let pools = node.get("config").map(Node::members).unwrap_or_default();
    let pool = |node: &Node| AddressPool {
        subnet: get::text(node, "subnet"),
        ip_range: get::text(node, "ip_range"),
        gateway: get::text(node, "gateway"),
        aux_addresses: get::pairs(node, "aux_addresses"),
    };
    Ipam {
        driver: get::text(node, "driver"),
        pools: pools.iter().map(pool).collect(),
        options: get::pairs(node, "options"),
    }
}

/// The named volumes of the project.
pub(super) fn volumes(project: &str, model: &Node) -> IndexMap<String, Volume> {
    let read = |(key, node): (&str, &Node)| {
        let volume = Volume {
            name: name(project, key, node),
            external: is_external(node),
            driver: get::text(node, "driver"),
            driver_opts: get::pairs(node, "driver_opts"),
            labels: get::pairs(node, "labels"),
        };
        (key.to_owned(), volume)
    };
    section(model, "volumes").map(read).collect()
}

/// The configs or secrets of the project.
pub(super) fn files(key: &str, mapping: &mut Mapping<'_>) -> IndexMap<String, FileContent> {
    let model = &mapping.project.model;
    let mut found = IndexMap::new();
    for (name, node) in section(model, key) {
        if let Some(content) = content(name, node, key, mapping) {
            found.insert(name.to_owned(), content);
        }
    }
    found
}

fn content(name: &str, node: &Node, key: &str, mapping: &mut Mapping<'_>) -> Option<FileContent> {
    if is_external(node) {
        let name = get::text(node, "name").unwrap_or_else(|| name.to_owned());
        return Some(FileContent::External { name });
    }
    if let Some(file) = get::text(node, "file") {
        return Some(FileContent::File(PathBuf::from(file)));
    }
    if let Some(text) = get::text(node, "content") {
        return Some(FileContent::Text(text));
    }
    let variable = get::text(node, "environment")?;
    if let Some(value) = mapping.variable(&variable) {
        return Some(FileContent::Environment { variable, value });
    }
    let at = node.get("environment").map_or(&node.at, |node| &node.at);
    let what = key.trim_end_matches('s');
    let message =
        format!("environment variable \"{variable}\" required by {what} \"{name}\" is not set");
    let help = "set it in the environment or in .env beside the file";
    mapping.error(at, message, help);
    None
}

/// The configs or secrets that a service is given.
pub(super) fn grants(service: &Node, key: &str, mapping: &mut Mapping<'_>) -> Vec<Grant> {
    let grants = service.get(key).map(Node::members).unwrap_or_default();
    let mut found = Vec::new();
    for node in grants {
        let Some(source) = get::text(node, "source") else {
            continue;
        };
        let content = match key {
            "configs" => mapping.configs.get(&source),
            _ => mapping.secrets.get(&source),
        };
        let content = match content.cloned() {
            Some(FileContent::External { name }) => {
                let what = key.trim_end_matches('s');
                let message = format!(
                    "the {what} \"{name}\" is kept by a cluster, which is not asked for it"
                );
                let help = "give it a \"file\" or an \"environment\" variable for development";
                mapping.error(&node.at, message, help);
                continue;
            }
            Some(content) => content,
            None => continue,
        };
        found.push(Grant {
            source,
            content,
            target: get::text(node, "target"),
            uid: get::text(node, "uid"),
            gid: get::text(node, "gid"),
            mode: get::mode(node, "mode"),
        });
    }
    found
}
