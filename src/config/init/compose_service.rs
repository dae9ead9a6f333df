//! One service of a compose file as a service of the stack file.

use toml::{Table, Value};

use super::super::{address, interpolate, ports, volumes};
use super::proposal::{Draft, Service};
use super::yaml::Yaml;

/// Adds the service to the draft; what cannot be carried over is noted.
pub(super) fn propose(name: &str, yaml: &Yaml, draft: &mut Draft) {
    let mut service = Service::named(name);
    let mut lost: Vec<String> = Vec::new();
    for (key, value) in yaml.entries() {
        if *value != Yaml::Null {
            carry(key, value, &mut service, &mut lost);
        }
    }
    let runs = service
        .keys
        .iter()
        .any(|(key, _)| matches!(*key, "build" | "image"));
    for note in lost {
        draft.note(Some(&mut service), format!("not carried over: {note}"));
    }
    if runs {
        draft.services.push(service);
    } else {
        draft.note(
            None,
            format!("the service {name} has neither build nor image, and is left out"),
        );
    }
}

fn carry(key: &str, value: &Yaml, service: &mut Service, lost: &mut Vec<String>) {
    match key {
        "build" => put(service, "build", build(value, lost)),
        "image" => put_text(service, "image", value, lost),
        "command" => put(service, "command", command(value)),
        "entrypoint" => put(service, "entrypoint", command(value)),
        "working_dir" => put_text(service, "working_dir", value, lost),
        "user" => put_text(service, "user", value, lost),
        "stop_signal" => put_text(service, "stop_signal", value, lost),
        "stop_grace_period" => put_text(service, "stop_grace_period", value, lost),
        "init" => put_flag(service, "init", value, lost),
        "tty" => put_flag(service, "tty", value, lost),
        "environment" => put(service, "environment", environment(value)),
        "env_file" => put(service, "env_file", env_file(value, lost)),
        "ports" => put_list(service, "ports", port_list(value, lost)),
        "expose" => put_list(service, "expose", scalars(value)),
        "depends_on" => put(service, "depends_on", depends_on(value)),
        "healthcheck" => put(service, "health", health(value, lost)),
        "volumes" => put_list(service, "volumes", volume_list(value, lost)),
        "profiles" => put_list(service, "profiles", scalars(value)),
        "labels" => put(service, "labels", pairs(value)),
        "extra_hosts" => put(service, "extra_hosts", extra_hosts(value)),
        "restart" => put(service, "restart", restart(value, lost)),
        "scale" => put(service, "replicas", replicas(value)),
        "deploy" => deploy(value, service, lost),
        "develop" => develop(value, service, lost),
        other => lost.push(other.to_owned()),
    }
}

fn put(service: &mut Service, key: &'static str, value: Option<Value>) {
    if let Some(value) = value {
        service.put(key, value);
    }
}

fn put_list(service: &mut Service, key: &'static str, values: Vec<Value>) {
    if !values.is_empty() {
        service.put(key, Value::Array(values));
    }
}

fn put_text(service: &mut Service, key: &'static str, value: &Yaml, lost: &mut Vec<String>) {
    match value.scalar() {
        Some(text) if !text.is_empty() => service.put(key, text),
        _ => lost.push(key.to_owned()),
    }
}

fn put_flag(service: &mut Service, key: &'static str, value: &Yaml, lost: &mut Vec<String>) {
    match value {
        Yaml::Bool(yes) => service.put(key, *yes),
        Yaml::Text(text) if text.contains('$') => service.put(key, text.as_str()),
        _ => lost.push(key.to_owned()),
    }
}

/// The text with an empty environment's variables filled in: what it would be without any.
fn filled(text: &str) -> String {
    interpolate::expand(text, &|_| None).text
}

fn scalars(value: &Yaml) -> Vec<Value> {
    let scalars = value.members().iter().filter_map(Yaml::scalar);
    scalars.map(Value::from).collect()
}

fn build(value: &Yaml, lost: &mut Vec<String>) -> Option<Value> {
    let is_remote = |context: &str| context.contains("://") || context.starts_with("git@");
    if let Some(context) = value.scalar() {
        if is_remote(&context) {
            lost.push(format!("build from {context}"));
            return None;
        }
        return Some(Value::from(context));
    }
    let mut table = Table::new();
    for (key, value) in value.entries() {
        let plain = match value {
            Yaml::Null => continue,
            Yaml::Bool(yes) => Some(Value::from(*yes)),
            other => other.scalar().map(Value::from),
        };
        let known = match key.as_str() {
            "context" if value.scalar().is_some_and(|context| is_remote(&context)) => None,
            "context" | "dockerfile" | "target" | "network" | "no_cache" | "pull" => plain,
            "args" | "labels" => pairs(value),
            _ => None,
        };
        match known {
            Some(value) => {
                table.insert(key.clone(), value);
            }
            None => lost.push(format!("build.{key}")),
        }
    }
    let local = !lost.iter().any(|what| what == "build.context");
    local.then_some(Value::Table(table))
}

fn command(value: &Yaml) -> Option<Value> {
    match value {
        Yaml::List(_) => Some(Value::Array(scalars(value))),
        other => other.scalar().map(Value::from),
    }
}

/// Names and values: a table, or a list where a name alone takes its value from outside.
fn pairs(value: &Yaml) -> Option<Value> {
    match value {
        Yaml::Map(entries) if entries.iter().all(|(_, value)| *value != Yaml::Null) => {
            let texts = entries
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), value.scalar()?)));
            let table: Table = texts
                .map(|(name, text)| (name, Value::from(text)))
                .collect();
            Some(Value::Table(table))
        }
        Yaml::Map(entries) => {
            let lines = entries.iter().map(|(name, value)| match value.scalar() {
                Some(value) => Value::from(format!("{name}={value}")),
                None => Value::from(name.as_str()),
            });
            Some(Value::Array(lines.collect()))
        }
        Yaml::List(_) => Some(Value::Array(scalars(value))),
        _ => None,
    }
}

/// As [`pairs`]; what only looks like an address of a stack file stays plain text.
fn environment(value: &Yaml) -> Option<Value> {
    let escape = |value: &mut Value| {
        if let Value::String(text) = value
            && !address::parse(text).1.is_empty()
        {
            *text = text.replace("{{", "\\{{");
        }
    };
    let mut pairs = pairs(value)?;
    match &mut pairs {
        Value::Array(items) => items.iter_mut().for_each(escape),
        Value::Table(table) => table.iter_mut().for_each(|(_, value)| escape(value)),
        _ => {}
    }
    Some(pairs)
}

fn env_file(value: &Yaml, lost: &mut Vec<String>) -> Option<Value> {
    if let Some(file) = value.scalar() {
        return Some(Value::from(file));
    }
    let mut files = Vec::new();
    for member in value.members() {
        if let Some(file) = member.scalar() {
            files.push(Value::from(file));
            continue;
        }
        let mut table = Table::new();
        for (key, value) in member.entries() {
            let kept = match (key.as_str(), value) {
                ("path", Yaml::Text(path)) => Value::from(path.as_str()),
                ("required", Yaml::Bool(yes)) => Value::from(*yes),
                _ => {
                    lost.push(format!("env_file.{key}"));
                    continue;
                }
            };
            table.insert(key.clone(), kept);
        }
        if table.contains_key("path") {
            files.push(Value::Table(table));
        }
    }
    (!files.is_empty()).then_some(Value::Array(files))
}

fn port_list(value: &Yaml, lost: &mut Vec<String>) -> Vec<Value> {
    let mut out = Vec::new();
    for member in value.members() {
        if let Some(text) = member.scalar() {
            match ports::parse(&filled(&text)) {
                Err(_) if !text.contains('$') => lost.push(format!("port {text}")),
                _ => out.push(Value::from(text)),
            }
            continue;
        }
        out.extend(long_port(member, lost));
    }
    out
}

fn long_port(member: &Yaml, lost: &mut Vec<String>) -> Option<Value> {
    let mut table = Table::new();
    for (key, value) in member.entries() {
        let kept = match (key.as_str(), value) {
            ("target" | "published", Yaml::Int(port)) => Value::from(*port),
            ("target", Yaml::Text(text)) => match text.parse::<i64>() {
                Ok(port) => Value::from(port),
                Err(_) => Value::from(text.as_str()),
            },
            ("published" | "host_ip" | "protocol", Yaml::Text(text)) => Value::from(text.as_str()),
            _ => {
                lost.push(format!("ports.{key}"));
                continue;
            }
        };
        table.insert(key.clone(), kept);
    }
    let published = table.get("published").and_then(Value::as_str);
    let range = published.is_some_and(|text| text.contains('-') && !text.contains('$'));
    if range || !table.contains_key("target") {
        lost.push(format!("port {}", Value::Table(table)));
        return None;
    }
    Some(Value::Table(table))
}

/// In a compose file a plain list waits for the start only.
fn depends_on(value: &Yaml) -> Option<Value> {
    let mut table = Table::new();
    for name in value.members().iter().filter_map(Yaml::scalar) {
        table.insert(name, Value::from("started"));
    }
    for (name, options) in value.entries() {
        let condition = options.get("condition").and_then(Yaml::scalar);
        let word = match condition.as_deref() {
            Some("service_healthy") => "ready",
            Some("service_completed_successfully") => "completed",
            _ => "started",
        };
        let mut edge = Table::new();
        edge.insert("condition".into(), Value::from(word));
        if options.get("required") == Some(&Yaml::Bool(false)) {
            edge.insert("required".into(), Value::from(false));
        }
        if options.get("restart") == Some(&Yaml::Bool(true)) {
            edge.insert("restart".into(), Value::from(true));
        }
        let value = if edge.len() == 1 {
            Value::from(word)
        } else {
            Value::Table(edge)
        };
        table.insert(name.clone(), value);
    }
    (!table.is_empty()).then_some(Value::Table(table))
}

fn health(value: &Yaml, lost: &mut Vec<String>) -> Option<Value> {
    if value.get("disable") == Some(&Yaml::Bool(true)) {
        return None;
    }
    let test = value.get("test")?;
    let words: Vec<String> = test.members().iter().filter_map(Yaml::scalar).collect();
    let exec = match (test, words.as_slice()) {
        (Yaml::Text(line), _) => Value::from(line.as_str()),
        (_, [kind]) if kind == "NONE" => return None,
        (_, [kind, line]) if kind == "CMD-SHELL" => Value::from(line.as_str()),
        (_, [kind, rest @ ..]) if kind == "CMD" => {
            Value::Array(rest.iter().map(|word| Value::from(word.as_str())).collect())
        }
        _ => {
            lost.push("healthcheck.test".into());
            return None;
        }
    };
    let mut table = Table::new();
    table.insert("exec".into(), exec);
    for (key, value) in value.entries() {
        let value = match (key.as_str(), value) {
            ("test" | "disable", _) | ("retries", Yaml::Int(0)) => continue,
            ("retries", Yaml::Int(number)) => Value::from(*number),
            ("interval" | "timeout" | "start_period" | "retries", Yaml::Text(given)) => {
                Value::from(given.as_str())
            }
            _ => {
                lost.push(format!("healthcheck.{key}"));
                continue;
            }
        };
        table.insert(key.clone(), value);
    }
    Some(Value::Table(table))
}

fn volume_list(value: &Yaml, lost: &mut Vec<String>) -> Vec<Value> {
    let mut out = Vec::new();
    for member in value.members() {
        if let Some(text) = member.scalar() {
            match short_volume(&text, lost) {
                Some(value) => out.push(value),
                None => lost.push(format!("volume {text}")),
            }
            continue;
        }
        let mut table = Table::new();
        for (key, value) in member.entries() {
            let kept = match (key.as_str(), value) {
                ("type" | "source" | "target", value) => value.scalar().map(Value::from),
                ("read_only", Yaml::Bool(yes)) => Some(Value::from(*yes)),
                _ => None,
            };
            match kept {
                Some(value) => {
                    table.insert(key.clone(), value);
                }
                None => lost.push(format!("volumes.{key}")),
            }
        }
        let known = matches!(
            table.get("type").and_then(Value::as_str),
            Some("volume" | "bind" | "tmpfs") | None
        );
        if known && table.contains_key("target") {
            out.push(Value::Table(table));
        } else {
            lost.push(format!("volume {}", Value::Table(table)));
        }
    }
    out
}

/// The short form, without the options that have no meaning in a stack file.
fn short_volume(text: &str, lost: &mut Vec<String>) -> Option<Value> {
    if text.contains('$') {
        return Some(Value::from(text));
    }
    let parts = volumes::parse(text).ok()?;
    if !parts.target.starts_with('/') {
        return None;
    }
    for option in &parts.options {
        if !matches!(*option, "ro" | "rw" | "cached" | "delegated" | "consistent") {
            lost.push(format!("the option {option} of volume {text}"));
        }
    }
    let read_only = if parts.options.contains(&"ro") {
        ":ro"
    } else {
        ""
    };
    Some(Value::from(match parts.source {
        Some(source) => format!("{source}:{}{read_only}", parts.target),
        None => parts.target.to_owned(),
    }))
}

fn extra_hosts(value: &Yaml) -> Option<Value> {
    match value {
        Yaml::List(_) => Some(Value::Array(scalars(value))),
        Yaml::Map(_) => pairs(value),
        _ => None,
    }
}

fn restart(value: &Yaml, lost: &mut Vec<String>) -> Option<Value> {
    let text = value.scalar()?;
    let (policy, limit) = text.split_once(':').unwrap_or((&text, ""));
    if !limit.is_empty() && !text.contains('$') {
        lost.push(format!("the limit of restart: {text}"));
        return Some(Value::from(policy));
    }
    match text.as_str() {
        "false" => Some(Value::from("no")),
        _ => Some(Value::from(text)),
    }
}

fn replicas(value: &Yaml) -> Option<Value> {
    match value {
        Yaml::Int(number) if *number > 1 => Some(Value::from(*number)),
        Yaml::Text(text) => Some(Value::from(text.as_str())),
        _ => None,
    }
}

fn deploy(value: &Yaml, service: &mut Service, lost: &mut Vec<String>) {
    for (key, value) in value.entries() {
        match key.as_str() {
            "replicas" => put(service, "replicas", replicas(value)),
            other => lost.push(format!("deploy.{other}")),
        }
    }
}

fn develop(value: &Yaml, service: &mut Service, lost: &mut Vec<String>) {
    let mut rules = Vec::new();
    for rule in value.get("watch").map(Yaml::members).unwrap_or_default() {
        let mut table = Table::new();
        for (key, value) in rule.entries() {
            let kept = match key.as_str() {
                "path" | "action" | "target" => value.scalar().map(Value::from),
                "ignore" => Some(Value::Array(scalars(value))),
                "exec" => value.get("command").and_then(command).map(|command| {
                    Value::Table([("command".to_owned(), command)].into_iter().collect())
                }),
                _ => None,
            };
            match kept {
                Some(value) => {
                    table.insert(key.clone(), value);
                }
                None => lost.push(format!("develop.watch.{key}")),
            }
        }
        rules.push(Value::Table(table));
    }
    put_list(service, "watch", rules);
}
