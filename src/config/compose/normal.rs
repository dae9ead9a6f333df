//! What Compose adds to every model: the default network, dependencies that other keys imply, names.

use super::environment::Environment;
use super::node::{Map, Node, Value};

/// Sections whose entries have a name of their own.
const NAMED: [&str; 4] = ["networks", "volumes", "configs", "secrets"];

/// Adds all of that.
pub(super) fn normalize(model: &mut Node, project: &str, environment: &Environment) {
    networks(model);
    let services = model.get_mut("services").and_then(Node::as_map_mut);
    for service in services.into_iter().flat_map(Map::values_mut) {
        normalize_service(service, environment);
    }
    for section in NAMED {
        let entries = model.get_mut(section).and_then(Node::as_map_mut);
        for (key, entry) in entries.into_iter().flatten() {
            name(entry, key, project);
        }
    }
}

/// Services that say nothing of networks are on the default one.
fn networks(model: &mut Node) {
    let mut uses_default = false;
    let services = model.get_mut("services").and_then(Node::as_map_mut);
    for service in services.into_iter().flat_map(Map::values_mut) {
        if service.get("network_mode").is_some() || service.get("provider").is_some() {
            continue;
        }
        let is_alone = service
            .get("networks")
            .is_none_or(|networks| networks.entries().next().is_none());
        if is_alone {
            let at = service.at.clone();
            let default = Map::from([("default".to_owned(), Node::new(Value::Null, &at))]);
            service.set("networks", Node::new(Value::Map(default), &at));
        }
        uses_default |= service.find(&["networks", "default"]).is_some();
    }
    if uses_default {
        model.set_default("networks", Value::Map(Map::new()));
        if let Some(networks) = model.get_mut("networks") {
            if networks.is_null() {
                networks.value = Value::Map(Map::new());
            }
            networks.set_default("default", Value::Null);
        }
    }
}

fn normalize_service(service: &mut Node, environment: &Environment) {
    if let Some(policy) = service.get_mut("pull_policy")
        && policy.as_text() == Some("if_not_present")
    {
        policy.value = Value::Text("missing".into());
    }
    if let Some(build) = service.get_mut("build") {
        if build.get("dockerfile_inline").is_none() {
            build.set_default("dockerfile", Value::Text("Dockerfile".into()));
        }
        if let Some(arguments) = build.get_mut("args").and_then(Node::as_map_mut) {
            fill(arguments, environment);
            arguments.retain(|_, value| !value.is_null());
        }
    }
    if let Some(variables) = service.get_mut("environment").and_then(Node::as_map_mut) {
        fill(variables, environment);
    }
    implied(service);
    if let Some(image) = service.get("image").cloned()
        && let Some(Value::List(hooks)) = service.get_mut("pre_start").map(|hooks| &mut hooks.value)
    {
        for hook in hooks {
            hook.set_default("image", image.value.clone());
        }
    }
}

/// Names without a value take it from the environment.
fn fill(variables: &mut Map, environment: &Environment) {
    for (name, node) in variables {
        if let Some(value) = environment.get(name).filter(|_| node.is_null()) {
            node.value = Value::Text(value);
        }
    }
}

/// Links, shared namespaces and shared volumes imply a dependency.
fn implied(service: &mut Node) {
    let mut found = Vec::new();
    for link in service.get("links").map(Node::members).unwrap_or_default() {
        let text = link.as_text().unwrap_or_default();
        let name = text.split_once(':').map_or(text, |(name, _)| name);
        found.push((name.to_owned(), true, link.at.clone()));
    }
    for key in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        let shared = service.get(key);
        let name = shared.and_then(|node| node.as_text()?.strip_prefix("service:"));
        if let (Some(node), Some(name)) = (shared, name) {
            found.push((name.to_owned(), true, node.at.clone()));
        }
    }
    let sources = service.get("volumes_from").map(Node::members);
    for source in sources.unwrap_or_default() {
        let text = source.as_text().unwrap_or_default();
        if !text.starts_with("container:") {
            let name = text.split(':').next().unwrap_or_default();
            found.push((name.to_owned(), false, source.at.clone()));
        }
    }
    if found.is_empty() {
        return;
    }
    service.set_default("depends_on", Value::Map(Map::new()));
    let Some(dependencies) = service.get_mut("depends_on").and_then(Node::as_map_mut) else {
        return;
    };
    for (name, restart, at) in found {
        let entry = |key: &str, value: Value| (key.to_owned(), Node::new(value, &at));
        dependencies.entry(name).or_insert_with(|| {
            let said = Map::from([
                entry("condition", Value::Text("service_started".into())),
                entry("restart", Value::Bool(restart)),
                entry("required", Value::Bool(true)),
            ]);
            Node::new(Value::Map(said), &at)
        });
    }
}

/// What has no name is named by the project and its key; what exists already, by its key.
fn name(entry: &mut Node, key: &str, project: &str) {
    if entry.is_null() {
        entry.value = Value::Map(Map::new());
    }
    let is_external = entry.get("external").and_then(Node::as_bool) == Some(true);
    let name = if is_external {
        key.to_owned()
    } else {
        format!("{project}_{key}")
    };
    entry.set_default("name", Value::Text(name));
}
