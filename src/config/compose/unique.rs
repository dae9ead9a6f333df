//! In the lists of [`KEYS`], a later member takes the place of an earlier one that is about the same thing.

use indexmap::IndexMap;

use super::forms;
use super::node::{Map, Node, Value};
use super::path::{MEMBER, Path};

/// What a member of a list is about.
#[derive(Debug, Clone, Copy)]
enum Key {
    /// What stands before `=`.
    Name,
    /// The path at which it is mounted.
    Target,
    /// The path of a config or a secret, below this folder unless it is given.
    Mount(&'static str),
    /// The path of a file.
    File,
    /// The port of a container, how it is published and with which protocol.
    Port,
    /// All of it.
    Whole,
}

const KEYS: &[(&str, Key)] = &[
    ("networks.*.ipam.options", Key::Name),
    ("networks.*.labels", Key::Name),
    ("services.*.annotations", Key::Name),
    ("services.*.build.additional_contexts", Key::Name),
    ("services.*.build.args", Key::Name),
    ("services.*.build.extra_hosts", Key::Whole),
    ("services.*.build.labels", Key::Name),
    ("services.*.build.tags", Key::Name),
    ("services.*.cap_add", Key::Name),
    ("services.*.cap_drop", Key::Name),
    ("services.*.configs", Key::Mount("")),
    ("services.*.deploy.labels", Key::Name),
    ("services.*.devices", Key::Target),
    ("services.*.dns", Key::Name),
    ("services.*.dns_opt", Key::Name),
    ("services.*.dns_search", Key::Name),
    ("services.*.env_file", Key::File),
    ("services.*.environment", Key::Name),
    ("services.*.expose", Key::Whole),
    ("services.*.extra_hosts", Key::Whole),
    ("services.*.label_file", Key::File),
    ("services.*.labels", Key::Name),
    ("services.*.links", Key::Name),
    ("services.*.networks.*.aliases", Key::Name),
    ("services.*.networks.*.link_local_ips", Key::Name),
    ("services.*.ports", Key::Port),
    ("services.*.profiles", Key::Name),
    ("services.*.secrets", Key::Mount("/run/secrets")),
    ("services.*.sysctls", Key::Name),
    ("services.*.tmpfs", Key::Name),
    ("services.*.volumes", Key::Target),
    ("volumes.*.labels", Key::Name),
];

/// Lets later members take the place of earlier ones, in every list below this node.
pub(super) fn enforce(model: &mut Node) {
    enforce_node(model, Path::TOP);
}

fn enforce_node(node: &mut Node, path: Path<'_>) {
    match &mut node.value {
        Value::Map(map) => {
            for (key, member) in map {
                enforce_node(member, path.then(key));
            }
        }
        Value::List(members) => {
            if let Some(key) = path.look_up(KEYS) {
                *members = last_of_each(std::mem::take(members), key);
                return;
            }
            for member in members {
                enforce_node(member, path.then(MEMBER));
            }
        }
        _ => {}
    }
}

fn last_of_each(members: Vec<Node>, key: Key) -> Vec<Node> {
    let mut kept: IndexMap<String, Node> = IndexMap::new();
    let count = members.len();
    for (index, member) in members.into_iter().enumerate() {
        // What has no key is about itself alone.
        let key = of(&member, key).unwrap_or_else(|| format!("\0{count}\0{index}"));
        kept.insert(key, member);
    }
    kept.into_values().collect()
}

fn of(member: &Node, key: Key) -> Option<String> {
    match (&member.value, key) {
        (_, Key::Whole) => member.scalar(),
        (Value::Text(text), Key::Name) => {
            let name = text.split_once('=').map_or(text.as_str(), |(name, _)| name);
            Some(name.to_owned())
        }
        (Value::Text(text), Key::Target) => {
            let target = forms::volume(text).ok().and_then(|long| {
                let target = long.get("target")?;
                target.as_str().map(str::to_owned)
            });
            Some(target.unwrap_or_else(|| text.clone()))
        }
        (Value::Text(text), Key::Mount(folder)) => Some(format!("{folder}/{text}")),
        (Value::Text(text), Key::File | Key::Port) => Some(text.clone()),
        (Value::Int(number), Key::Port) => Some(number.to_string()),
        (Value::Map(_), Key::Target) => member.text_of("target").map(str::to_owned),
        (Value::Map(_), Key::Mount(folder)) => {
            let target = member.text_of("target").map(str::to_owned);
            target.or_else(|| Some(format!("{folder}/{}", member.text_of("source")?)))
        }
        (Value::Map(_), Key::File) => member.text_of("path").map(str::to_owned),
        (Value::Map(map), Key::Port) => Some(port(map)),
        _ => None,
    }
}

fn port(map: &Map) -> String {
    let part = |key: &str, default: &str| {
        let value = map.get(key).and_then(Node::scalar);
        value.unwrap_or_else(|| default.to_owned())
    };
    format!(
        "{}:{}:{}/{}",
        part("host_ip", "0.0.0.0"),
        part("published", ""),
        part("target", ""),
        part("protocol", "tcp")
    )
}
