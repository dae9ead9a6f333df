//! What two readings of one file may differ in without meaning anything else.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// `$` for every `$$`.
pub(crate) fn unescape(value: Value) -> Value {
    match value {
        Value::String(text) => text.replace("$$", "$").into(),
        Value::Array(list) => list.into_iter().map(unescape).collect(),
        Value::Object(map) => {
            let entries = map.into_iter();
            Value::Object(entries.map(|(key, value)| (key, unescape(value))).collect())
        }
        other => other,
    }
}

/// Where these two say different things, a line for each.
pub(crate) fn differences(wanted: Value, found: Value) -> Vec<String> {
    let mut out = Vec::new();
    compare(&canonical(wanted), &canonical(found), "", &mut out);
    out
}

/// Networks, volumes, configs and secrets that no service uses, what a bind mount does by default, the spelling of file
/// modes, and what is empty: all of that is left out or made the same.
fn canonical(mut model: Value) -> Value {
    let mut used: [BTreeSet<String>; 4] = Default::default();
    for service in entries(model.get_mut("services")) {
        mark_used(service, &mut used);
    }
    for (index, kind) in ["networks", "volumes", "configs", "secrets"]
        .into_iter()
        .enumerate()
    {
        if let Some(Value::Object(top)) = model.get_mut(kind) {
            top.retain(|name, _| used[index].contains(name));
            top.values_mut().for_each(keep);
        }
    }
    for service in entries(model.get_mut("services")) {
        keep(service);
    }
    if let Some(map) = model.as_object_mut() {
        // The reference's readings never have the models themselves.
        map.remove("models");
    }
    pruned(model).unwrap_or(Value::Null)
}

fn entries(section: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    section
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(Map::values_mut)
}

fn mark_used(service: &mut Value, used: &mut [BTreeSet<String>; 4]) {
    let [networks, volumes, configs, secrets] = used;
    if let Some(Value::Object(map)) = service.get("networks") {
        networks.extend(map.keys().cloned());
    }
    for volume in members(service.get_mut("volumes")) {
        if let Some(Value::Object(bind)) = volume.get_mut("bind") {
            bind.remove("create_host_path");
        }
        if volume["type"] == "volume" {
            volumes.extend(volume["source"].as_str().map(str::to_owned));
        }
    }
    for path in ["/configs", "/secrets", "/build/configs", "/build/secrets"] {
        let kept = if path.ends_with("configs") {
            &mut *configs
        } else {
            &mut *secrets
        };
        for file in members(service.pointer_mut(path)) {
            kept.extend(file["source"].as_str().map(str::to_owned));
            let mode = file.get("mode").and_then(Value::as_str);
            let mode = mode.and_then(|text| i64::from_str_radix(text.trim_matches('"'), 8).ok());
            if let Some(mode) = mode {
                file["mode"] = mode.into();
            }
        }
    }
}

fn members(list: Option<&mut Value>) -> &mut [Value] {
    list.and_then(Value::as_array_mut)
        .map_or(&mut [], Vec::as_mut_slice)
}

/// Makes sure that the name of this stays, even if nothing is said of it.
fn keep(value: &mut Value) {
    if value.is_null() {
        *value = json!({});
    }
    if let Value::Object(map) = value {
        map.insert("_".into(), 1.into());
    }
}

/// Without extensions and without what is empty; `None` if that is all of it.
fn pruned(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(key, _)| !key.starts_with("x-"));
            let kept: Map<_, _> = kept
                .filter_map(|(key, value)| Some((key, pruned(value)?)))
                .collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(list) => {
            let kept: Vec<_> = list
                .into_iter()
                .map(|value| pruned(value).unwrap_or(Value::Null))
                .collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        other => Some(other),
    }
}

fn compare(wanted: &Value, found: &Value, path: &str, out: &mut Vec<String>) {
    match (wanted, found) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let path = format!("{path}.{key}");
                match (one.get(key), other.get(key)) {
                    (Some(one), Some(other)) => compare(one, other, &path, out),
                    (Some(one), None) => out.push(format!("{path}: wanted {one}, found nothing")),
                    (None, Some(other)) => {
                        out.push(format!("{path}: wanted nothing, found {other}"));
                    }
                    (None, None) => {}
                }
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                compare(one, other, &format!("{path}[{index}]"), out);
            }
        }
        _ if wanted == found => {}
        _ => out.push(format!("{path}: wanted {wanted}, found {found}")),
    }
}
