//! Checks of single values that belong together, before paths are made absolute.

use std::net::IpAddr;

use super::super::problem::quoted;
use super::node::{Node, Value};
use super::path::{MEMBER, Path};
use super::reading::Reading;

/// Notes what contradicts itself in volumes, secrets, configs, ports, watch rules and device requests.
pub(super) fn check(model: &Node, reading: &mut Reading) {
    let section = |name: &str| model.get(name).into_iter().flat_map(Node::entries);
    for (name, volume) in section("volumes") {
        external(volume, Path::TOP.then("volumes").then(name), reading);
    }
    for (name, secret) in section("secrets") {
        let path = Path::TOP.then("secrets");
        source_of(secret, path.then(name), &["file", "environment"], reading);
    }
    for (name, config) in section("configs") {
        let path = Path::TOP.then("configs");
        source_of(
            config,
            path.then(name),
            &["file", "environment", "content"],
            reading,
        );
    }
    for (name, service) in section("services") {
        check_service(service, Path::TOP.then("services").then(name), reading);
    }
}

fn check_service(service: &Node, path: Path<'_>, reading: &mut Reading) {
    let members = |keys: &[&str]| service.find(keys).map(Node::members).unwrap_or_default();
    for port in members(&["ports"]) {
        let Some(address) = port.get("host_ip") else {
            continue;
        };
        let text = address.as_text().unwrap_or_default();
        if !text.is_empty() && text.parse::<IpAddr>().is_err() {
            let what = path.then("ports").words();
            let message = format!("{what}: {} is not an IP address", quoted(text));
            reading.error(&address.at, message);
        }
    }
    for rule in members(&["develop", "watch"]) {
        if rule.text_of("path") == Some("") {
            let what = path.then("develop").then("watch").words();
            reading.error(&rule.at, format!("{what}: \"path\" is empty"));
        }
    }
    let reserved = ["deploy", "resources", "reservations", "devices"];
    for request in members(&reserved).iter().chain(members(&["gpus"])) {
        if let (Some(count), Some(_)) = (request.get("count"), request.get("device_ids")) {
            let what = path.then("devices").then(MEMBER).words();
            let message = format!("{what}: \"count\" and \"device_ids\" exclude each other");
            reading.error(&count.at, message).help("keep one of them");
        }
    }
}

/// What exists already is not described.
fn external(volume: &Node, path: Path<'_>, reading: &mut Reading) {
    if volume.get("external").and_then(Node::as_bool) != Some(true) {
        return;
    }
    let described = volume
        .entries()
        .find(|(key, _)| !matches!(*key, "name" | "external") && !key.starts_with("x-"));
    if let Some((key, node)) = described {
        let what = path.words();
        let message = format!("{what} is external, so it cannot have \"{key}\"");
        let spot = node.key_spot().clone();
        reading
            .error(&spot, message)
            .help(format!("remove \"{key}\" or \"external\""));
    }
}

/// A secret or config is what one of these keys says, unless it exists already.
fn source_of(node: &Node, path: Path<'_>, keys: &[&str], reading: &mut Reading) {
    if !matches!(node.value, Value::Map(_)) {
        return;
    }
    let given: Vec<&str> = keys
        .iter()
        .copied()
        .filter(|key| node.get(key).is_some())
        .collect();
    let what = path.words();
    if let [_, second, ..] = given.as_slice() {
        let message = format!(
            "{what} has \"{}\": only one may be given",
            given.join("\" and \"")
        );
        let spot = node.get(second).map(|node| node.key_spot().clone());
        reading
            .error(&spot.unwrap_or_default(), message)
            .help("keep one of them");
    }
    let is_elsewhere = node.get("external").is_some() || node.get("driver").is_some();
    if given.is_empty() && !is_elsewhere {
        let spot = node.key_spot().clone();
        reading
            .error(
                &spot,
                format!("{what} needs one of \"{}\"", keys.join("\", \"")),
            )
            .help("say where it comes from, or write \"external: true\" if it exists already");
    }
}
