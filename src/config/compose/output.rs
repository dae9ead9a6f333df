//! The model as `docker compose config` prints it.

use serde_json::{Map as Json, Value as JsonValue};

use super::node::{Node, Value};
use super::path::{MEMBER, Path};

/// Mappings of any keys, in which an empty value is a value.
const FREE: &[(&str, ())] = &[
    ("configs.*.driver_opts", ()),
    ("configs.*.labels", ()),
    ("networks.*.driver_opts", ()),
    ("networks.*.ipam.config.*.aux_addresses", ()),
    ("networks.*.ipam.options", ()),
    ("networks.*.labels", ()),
    ("secrets.*.driver_opts", ()),
    ("secrets.*.labels", ()),
    ("services.*.annotations", ()),
    ("services.*.build.additional_contexts", ()),
    ("services.*.build.args", ()),
    ("services.*.build.labels", ()),
    ("services.*.build.ssh", ()),
    ("services.*.build.ulimits", ()),
    ("services.*.deploy.labels", ()),
    ("services.*.environment", ()),
    ("services.*.labels", ()),
    ("services.*.logging.options", ()),
    ("services.*.networks.*.driver_opts", ()),
    ("services.*.provider.options", ()),
    ("services.*.storage_opt", ()),
    ("services.*.sysctls", ()),
    ("services.*.ulimits", ()),
    ("services.*.volumes.*.volume.labels", ()),
    ("volumes.*.driver_opts", ()),
    ("volumes.*.labels", ()),
];

/// Values that are shown even when they are `false`, `0` or empty.
const SHOWN: &[(&str, ())] = &[
    ("services.*.attach", ()),
    ("services.*.configs.*.mode", ()),
    ("services.*.build.secrets.*.mode", ()),
    ("services.*.depends_on.*.required", ()),
    ("services.*.deploy.replicas", ()),
    ("services.*.deploy.restart_policy.max_attempts", ()),
    ("services.*.deploy.rollback_config.parallelism", ()),
    ("services.*.deploy.update_config.parallelism", ()),
    ("services.*.healthcheck.retries", ()),
    ("services.*.init", ()),
    ("services.*.scale", ()),
    ("services.*.secrets.*.mode", ()),
    ("services.*.ulimits.*.hard", ()),
    ("services.*.ulimits.*.soft", ()),
];

/// The model as JSON.
pub(super) fn to_json(model: &Node) -> JsonValue {
    shown(model, Path::TOP)
}

/// The same model with every `$` doubled, so that it can be read back.
pub(super) fn escaped(value: JsonValue) -> JsonValue {
    match value {
        JsonValue::String(text) => text.replace('$', "$$").into(),
        JsonValue::Array(list) => list.into_iter().map(escaped).collect(),
        JsonValue::Object(map) => {
            let entries = map.into_iter();
            JsonValue::Object(entries.map(|(key, value)| (key, escaped(value))).collect())
        }
        other => other,
    }
}

fn shown(node: &Node, path: Path<'_>) -> JsonValue {
    match &node.value {
        Value::Map(map) => {
            let is_free = path.look_up(FREE).is_some();
            let mut out = Json::new();
            for (key, member) in map {
                let below = path.then(key);
                let is_kept = is_free
                    || key.starts_with("x-")
                    || !is_empty(member)
                    || below.look_up(SHOWN).is_some();
                if !is_kept {
                    continue;
                }
                let value = if key.starts_with("x-") && !path.is("services") {
                    member.to_json()
                } else {
                    shown(member, below)
                };
                out.insert(spelled(key, path), value);
            }
            JsonValue::Object(out)
        }
        Value::List(members) => {
            let below = path.then(MEMBER);
            members.iter().map(|member| shown(member, below)).collect()
        }
        _ => node.to_json(),
    }
}

fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Bool(yes) => !yes,
        Value::Int(number) => *number == 0,
        Value::Float(number) => *number == 0.0,
        Value::Text(text) => text.is_empty(),
        _ => false,
    }
}

/// Keys of block devices are capitalised.
fn spelled(key: &str, path: Path<'_>) -> String {
    if !path.is("services.*.blkio_config.*.*") {
        return key.to_owned();
    }
    let mut letters = key.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
