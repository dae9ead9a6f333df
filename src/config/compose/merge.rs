//! Merging one file onto another, key by key as the Compose specification says.
//!
//! Mappings are merged, sequences appended, everything else replaced, but for the keys of [`RULES`]. `!reset` forgets
//! what was there, `!override` replaces it.

use super::node::{Map, Node, Tag, Value};
use super::path::Path;
use super::reading::Reading;

/// How a key is merged.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// What comes later is all that counts.
    Replace,
    /// Names and values, as a mapping or as a list of `NAME=value`; the later value counts.
    Pairs,
    /// A list, or one member of it alone; appended.
    Sequence,
    /// Appended, but for what is there already.
    Hosts,
    /// A build, or its context alone.
    Build,
    /// Names of services, or how each is depended upon.
    DependsOn,
    /// Names, or what is said of each.
    Names,
    /// Merged only if the driver is the same.
    Logging,
    /// Address pools, told apart by their subnet.
    Pools,
}

const RULES: &[(&str, Rule)] = &[
    ("configs.*.labels", Rule::Pairs),
    ("networks.*.ipam.config", Rule::Pools),
    ("networks.*.labels", Rule::Pairs),
    ("secrets.*.labels", Rule::Pairs),
    ("services.*.annotations", Rule::Pairs),
    ("services.*.build", Rule::Build),
    ("services.*.build.additional_contexts", Rule::Pairs),
    ("services.*.build.args", Rule::Pairs),
    ("services.*.build.extra_hosts", Rule::Hosts),
    ("services.*.build.labels", Rule::Pairs),
    ("services.*.command", Rule::Replace),
    ("services.*.depends_on", Rule::DependsOn),
    ("services.*.deploy.labels", Rule::Pairs),
    ("services.*.dns", Rule::Sequence),
    ("services.*.dns_opt", Rule::Sequence),
    ("services.*.dns_search", Rule::Sequence),
    ("services.*.entrypoint", Rule::Replace),
    ("services.*.env_file", Rule::Sequence),
    ("services.*.environment", Rule::Pairs),
    ("services.*.extra_hosts", Rule::Hosts),
    ("services.*.healthcheck.test", Rule::Replace),
    ("services.*.label_file", Rule::Sequence),
    ("services.*.labels", Rule::Pairs),
    ("services.*.logging", Rule::Logging),
    ("services.*.models", Rule::Names),
    ("services.*.networks", Rule::Names),
    ("services.*.sysctls", Rule::Pairs),
    ("services.*.tmpfs", Rule::Sequence),
    ("services.*.ulimits.*", Rule::Replace),
    ("volumes.*.labels", Rule::Pairs),
];

/// Merges a document onto what was read before it.
pub(super) fn merge(model: &mut Node, document: Node, reading: &mut Reading) {
    let base = std::mem::take(model);
    *model = merge_nodes(base, document, Path::TOP, reading);
    clean(model);
}

/// Merges the service of this name onto the one that it extends.
pub(super) fn extend(base: Node, service: Node, name: &str, reading: &mut Reading) -> Node {
    let services = Path::TOP.then("services");
    merge_nodes(base, service, services.then(name), reading)
}

/// Removes what was reset, and forgets how the rest was to be merged.
pub(super) fn clean(node: &mut Node) {
    node.tag = Tag::None;
    match &mut node.value {
        Value::Map(map) => {
            map.retain(|_, member| member.tag != Tag::Reset);
            map.values_mut().for_each(clean);
        }
        Value::List(members) => {
            members.retain(|member| member.tag != Tag::Reset);
            members.iter_mut().for_each(clean);
        }
        _ => {}
    }
}

fn merge_nodes(base: Node, over: Node, path: Path<'_>, reading: &mut Reading) -> Node {
    if over.tag != Tag::None || base.is_null() {
        return over;
    }
    let Some(rule) = path.look_up(RULES) else {
        return merge_plain(base, over, path, reading);
    };
    match rule {
        Rule::Replace => over,
        Rule::Pairs => merge_maps(pairs(base), pairs(over), path, reading),
        Rule::Sequence => join(base, over, false),
        Rule::Hosts => join(hosts(base), hosts(over), true),
        Rule::Build => merge_plain(context(base), context(over), path, reading),
        Rule::DependsOn => {
            let (base, over) = (dependencies(base), dependencies(over));
            merge_plain(base, over, path, reading)
        }
        Rule::Names => merge_plain(names(base), names(over), path, reading),
        Rule::Logging => match (base.get("driver"), over.get("driver")) {
            (Some(one), Some(other)) if one != other => over,
            _ => merge_plain(base, over, path, reading),
        },
        Rule::Pools => merge_pools(base, over, path, reading),
    }
}

fn merge_plain(base: Node, over: Node, path: Path<'_>, reading: &mut Reading) -> Node {
    match (&base.value, &over.value) {
        (_, Value::Null) => base,
        (Value::Map(_), Value::Map(_)) => merge_maps(base, over, path, reading),
        (Value::List(_), Value::List(_)) => join(base, over, false),
        (Value::Map(_) | Value::List(_), _) => {
            let (here, there) = (over.kind(), base.kind());
            let message = format!("{}: {here} cannot be merged onto {there}", path.words());
            let problem = reading.error(&over.at, message);
            problem.help("write both in the same form, or !override before this one");
            if let Some(place) = base.key_spot().place() {
                problem.also(place, format!("{there} here"));
            }
            base
        }
        _ => over,
    }
}

fn merge_maps(mut base: Node, over: Node, path: Path<'_>, reading: &mut Reading) -> Node {
    let Value::Map(entries) = over.value else {
        return base;
    };
    let Some(map) = base.as_map_mut() else {
        return base;
    };
    for (key, node) in entries {
        if node.tag == Tag::Reset {
            map.shift_remove(&key);
            continue;
        }
        let Some(there) = map.get_mut(&key) else {
            map.insert(key, node);
            continue;
        };
        if key.starts_with("x-") {
            *there = node;
            continue;
        }
        let base = std::mem::take(there);
        *there = match path.look_up(RULES) {
            Some(Rule::Pairs) => node,
            _ => merge_nodes(base, node, path.then(&key), reading),
        };
    }
    base
}

/// Both lists in one; `once` leaves out what is there already.
fn join(base: Node, over: Node, once: bool) -> Node {
    let at = base.at.clone();
    let key = base.key.clone();
    let mut members = into_members(base);
    for member in into_members(over) {
        if !once || !members.contains(&member) {
            members.push(member);
        }
    }
    Node {
        key,
        ..Node::new(Value::List(members), &at)
    }
}

/// The members of a list; a value alone is a list of one.
pub(super) fn into_members(node: Node) -> Vec<Node> {
    match node.value {
        Value::List(members) => members,
        Value::Null => Vec::new(),
        _ => vec![node],
    }
}

/// A mapping of names to values, of a list of `NAME=value` too. What is neither stays as it is.
pub(super) fn pairs(node: Node) -> Node {
    split_pairs(node, &['='])
}

fn split_pairs(node: Node, separators: &[char]) -> Node {
    let Value::List(members) = node.value else {
        return node;
    };
    let mut map = Map::new();
    for member in members {
        let Some(text) = member.as_text() else {
            continue;
        };
        let (name, value) = match text.split_once(separators) {
            Some((name, value)) => (name, Value::Text(value.to_owned())),
            None => (text, Value::Null),
        };
        let pair = Node {
            key: Some(member.at.clone()),
            ..Node::new(value, &member.at)
        };
        map.insert(name.to_owned(), pair);
    }
    Node {
        value: Value::Map(map),
        ..node
    }
}

/// A list of `HOST=ADDRESS`, of a mapping too.
pub(super) fn hosts(node: Node) -> Node {
    let Value::Map(map) = node.value else {
        return node;
    };
    let mut members = Vec::new();
    for (host, addresses) in map {
        for address in into_members(addresses) {
            let text = format!("{host}={}", address.scalar().unwrap_or_default());
            members.push(Node::text(text, &address.at));
        }
    }
    Node {
        value: Value::List(members),
        ..node
    }
}

/// A build as a mapping, of its context alone too.
pub(super) fn context(node: Node) -> Node {
    let Value::Text(text) = node.value else {
        return node;
    };
    let context = Node::text(text, &node.at);
    Node {
        value: Value::Map(Map::from([("context".to_owned(), context)])),
        ..node
    }
}

/// What is said of each service that this one depends on, of a list of names too.
pub(super) fn dependencies(node: Node) -> Node {
    let mut node = names(node);
    for dependency in node.as_map_mut().into_iter().flat_map(Map::values_mut) {
        if dependency.is_null() {
            let at = dependency.at.clone();
            let condition = Node::text("service_started", &at);
            let required = Node::new(Value::Bool(true), &at);
            dependency.value = Value::Map(Map::from([
                ("condition".to_owned(), condition),
                ("required".to_owned(), required),
            ]));
        }
    }
    node
}

/// A mapping of names, of a list of names too.
pub(super) fn names(node: Node) -> Node {
    let Value::List(members) = node.value else {
        return node;
    };
    let name = |member: Node| {
        let text = member.as_text()?.to_owned();
        let entry = Node {
            key: Some(member.at.clone()),
            ..Node::new(Value::Null, &member.at)
        };
        Some((text, entry))
    };
    Node {
        value: Value::Map(members.into_iter().filter_map(name).collect()),
        ..node
    }
}

/// Pools with the same subnet are merged, others added.
fn merge_pools(base: Node, over: Node, path: Path<'_>, reading: &mut Reading) -> Node {
    let at = base.at.clone();
    let mut pools = into_members(base);
    for pool in into_members(over) {
        let same = |known: &&mut Node| known.get("subnet") == pool.get("subnet");
        match pools.iter_mut().find(same) {
            Some(known) => {
                *known = merge_plain(std::mem::take(known), pool, path.then("[]"), reading);
            }
            None => pools.push(pool),
        }
    }
    Node::new(Value::List(pools), &at)
}
