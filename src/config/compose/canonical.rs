//! Short forms into long ones.

use super::super::problem::quoted;
use super::forms;
use super::kinds::{Kind, LATE};
use super::merge::{context, dependencies, into_members, names, pairs};
use super::node::{Map, Node, Value};
use super::path::{MEMBER, Path};
use super::reading::Reading;

/// What a short form is of.
#[derive(Debug, Clone, Copy)]
enum Form {
    Build,
    BuildSsh,
    DependsOn,
    Device,
    EnvFiles,
    External,
    File,
    Gpus,
    Include,
    Names,
    Pairs,
    Ports,
    Texts,
    Volume,
    Watch,
}

const FORMS: &[(&str, Form)] = &[
    ("configs.*", Form::External),
    ("include.*", Form::Include),
    ("networks.*", Form::External),
    ("secrets.*", Form::External),
    ("services.*.build", Form::Build),
    ("services.*.build.additional_contexts", Form::Pairs),
    ("services.*.build.secrets.*", Form::File),
    ("services.*.build.ssh", Form::BuildSsh),
    ("services.*.configs.*", Form::File),
    ("services.*.depends_on", Form::DependsOn),
    ("services.*.develop.watch", Form::Watch),
    ("services.*.devices.*", Form::Device),
    ("services.*.dns", Form::Texts),
    ("services.*.env_file", Form::EnvFiles),
    ("services.*.gpus", Form::Gpus),
    ("services.*.label_file", Form::Texts),
    ("services.*.models", Form::Names),
    ("services.*.networks", Form::Names),
    ("services.*.ports", Form::Ports),
    ("services.*.secrets.*", Form::File),
    ("services.*.volumes.*", Form::Volume),
    ("volumes.*", Form::External),
];

/// Makes every short form below this node long.
pub(super) fn expand(model: &mut Node, reading: &mut Reading) {
    expand_node(model, Path::TOP, reading);
}

fn expand_node(node: &mut Node, path: Path<'_>, reading: &mut Reading) {
    if let Some(form) = path.look_up(FORMS) {
        expand_form(node, form, path, reading);
    } else if let Some(Kind::Labels | Kind::Variables) = path.look_up(LATE) {
        *node = pairs(std::mem::take(node));
    }
    match &mut node.value {
        Value::Map(map) => {
            for (key, member) in map {
                if !key.starts_with("x-") || path.is("services") {
                    expand_node(member, path.then(key), reading);
                }
            }
        }
        Value::List(members) => {
            for member in members {
                expand_node(member, path.then(MEMBER), reading);
            }
        }
        _ => {}
    }
}

fn expand_form(node: &mut Node, form: Form, path: Path<'_>, reading: &mut Reading) {
    let short = std::mem::take(node);
    *node = match form {
        Form::Build => context(short),
        Form::BuildSsh => ssh(short),
        Form::DependsOn => {
            let mut long = dependencies(short);
            for dependency in long.as_map_mut().into_iter().flat_map(Map::values_mut) {
                dependency.set_default("required", Value::Bool(true));
            }
            long
        }
        Form::Device => device(short, path, reading),
        Form::EnvFiles => env_files(short),
        Form::External => external(short, path, reading),
        Form::File => named(short, "source"),
        Form::Gpus => gpus(short),
        Form::Include => named(short, "path"),
        Form::Names => names(short),
        Form::Pairs => pairs(short),
        Form::Ports => ports(short, path, reading),
        Form::Texts => list(short),
        Form::Volume => volume(short, path, reading),
        Form::Watch => watch(short),
    };
}

/// A mapping with this one key, of the key's value alone.
fn named(node: Node, key: &str) -> Node {
    if node.as_text().is_none() {
        return node;
    }
    let at = node.at.clone();
    Node::new(Value::Map(Map::from([(key.to_owned(), node)])), &at)
}

/// A list, of its one member alone too.
fn list(node: Node) -> Node {
    if node.as_text().is_none() {
        return node;
    }
    let (at, key) = (node.at.clone(), node.key.clone());
    Node {
        key,
        ..Node::new(Value::List(vec![node]), &at)
    }
}

fn env_files(node: Node) -> Node {
    let mut node = list(node);
    if let Value::List(members) = &mut node.value {
        for member in members {
            *member = named(std::mem::take(member), "path");
            member.set_default("required", Value::Bool(true));
        }
    }
    node
}

fn ssh(node: Node) -> Node {
    pairs(list(node))
}

fn gpus(node: Node) -> Node {
    if node.as_text() != Some("all") {
        return node;
    }
    let (at, key) = (node.at.clone(), node.key.clone());
    let every = Node::new(Value::Map(Map::from([("count".to_owned(), node)])), &at);
    Node {
        key,
        ..Node::new(Value::List(vec![every]), &at)
    }
}

/// `external: {name: NAME}` becomes `external: true` and `name: NAME`.
fn external(mut node: Node, path: Path<'_>, reading: &mut Reading) -> Node {
    let Some(inner) = node.get_mut("external") else {
        return node;
    };
    if inner.as_map().is_none() {
        return node;
    }
    let at = inner.at.clone();
    let name = inner.remove("name");
    inner.value = Value::Bool(true);
    let Some(name) = name else { return node };
    match node.get("name") {
        Some(given) if *given != name => {
            let message = format!(
                "{} has two names: \"name\" and \"external.name\"",
                path.words()
            );
            let problem = reading.error(&name.at, message);
            problem.help("keep \"name\", and write \"external: true\"");
        }
        _ => {
            reading
                .warning(
                    &at,
                    format!("{}: \"external.name\" is out of use", path.words()),
                )
                .help("write \"external: true\" and \"name: NAME\"");
            node.set("name", name);
        }
    }
    node
}

fn device(node: Node, path: Path<'_>, reading: &mut Reading) -> Node {
    let Some(text) = node.as_text() else {
        return node;
    };
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, permissions) = match parts.as_slice() {
        [source] => (*source, *source, "rwm"),
        [source, target] => (*source, *target, "rwm"),
        [source, target, permissions] => (*source, *target, *permissions),
        _ => {
            let message = format!("{}: {} is not a device", path.words(), quoted(text));
            reading
                .error(&node.at, message)
                .help("write \"/dev/NAME\" or \"/dev/NAME:/dev/TARGET\", with \":rwm\" behind it");
            return node;
        }
    };
    let entry = |key: &str, value: &str| (key.to_owned(), Node::text(value, &node.at));
    let map = Map::from([
        entry("source", source),
        entry("target", target),
        entry("permissions", permissions),
    ]);
    Node::new(Value::Map(map), &node.at)
}

fn ports(node: Node, path: Path<'_>, reading: &mut Reading) -> Node {
    let Value::List(members) = node.value else {
        return node;
    };
    let mut long = Vec::new();
    for member in members {
        let text = match &member.value {
            Value::Text(_) | Value::Int(_) | Value::Float(_) => member.scalar(),
            _ => None,
        };
        let Some(text) = text else {
            long.push(member);
            continue;
        };
        match forms::ports(&text) {
            Ok(ports) => {
                let ports = ports.into_iter();
                long.extend(ports.map(|port| Node::from_json(port, &member.at)));
            }
            Err(error) => reading.form_error(&member, &path.words(), error),
        }
    }
    Node {
        value: Value::List(long),
        ..node
    }
}

fn volume(node: Node, path: Path<'_>, reading: &mut Reading) -> Node {
    let Some(text) = node.as_text() else {
        return node;
    };
    match forms::volume(text) {
        Ok(long) => {
            let mut long = Node::from_json(long, &node.at);
            if let Some(target) = long.get_mut("target")
                && let Some(text) = target.as_text().filter(|text| !text.is_empty())
            {
                target.value = Value::Text(cleaned(text));
            }
            long
        }
        Err(error) => {
            reading.form_error(&node, &path.words(), error);
            node
        }
    }
}

/// The path in its shortest form: without `.`, `..` and slashes that say nothing.
fn cleaned(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let is_absolute = path.starts_with('/');
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if is_absolute => {}
            _ => parts.push(part),
        }
    }
    match (is_absolute, parts.join("/").as_str()) {
        (true, rest) => format!("/{rest}"),
        (false, "") => ".".into(),
        (false, rest) => rest.into(),
    }
}

/// A rule for several paths is a rule for each.
fn watch(node: Node) -> Node {
    if node.members().is_empty() {
        return node;
    }
    let (at, key) = (node.at.clone(), node.key.clone());
    let mut rules = Vec::new();
    for rule in into_members(node) {
        let paths = rule.get("path").map(Node::members).unwrap_or_default();
        if paths.is_empty() {
            rules.push(rule);
            continue;
        }
        for path in paths {
            let mut one = rule.clone();
            one.set("path", path.clone());
            rules.push(one);
        }
    }
    Node {
        key,
        ..Node::new(Value::List(rules), &at)
    }
}
