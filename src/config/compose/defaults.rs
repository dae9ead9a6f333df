//! What is meant where a file says nothing.

use super::node::{Map, Node, Value};

/// Sets what is missing.
pub(super) fn set(model: &mut Node) {
    let services = model.get_mut("services").and_then(Node::as_map_mut);
    for service in services.into_iter().flat_map(Map::values_mut) {
        if let Some(build) = service.get_mut("build") {
            build.set_default("context", Value::Text(".".into()));
        }
        for secret in members(service.get_mut("secrets")) {
            if let Some(source) = secret.text_of("source") {
                let target = format!("/run/secrets/{source}");
                secret.set_default("target", Value::Text(target));
            }
        }
        for port in members(service.get_mut("ports")) {
            port.set_default("protocol", Value::Text("tcp".into()));
            port.set_default("mode", Value::Text("ingress".into()));
        }
        for device in members(service.get_mut("gpus")) {
            every_device(device);
        }
        let reserved = ["deploy", "resources", "reservations", "devices"];
        let devices = reserved
            .iter()
            .try_fold(service, |node, key| node.get_mut(key));
        for device in members(devices) {
            every_device(device);
        }
    }
}

fn members(node: Option<&mut Node>) -> &mut [Node] {
    match node.map(|node| &mut node.value) {
        Some(Value::List(members)) => members,
        _ => &mut [],
    }
}

/// All devices, unless they are counted or named.
fn every_device(device: &mut Node) {
    if device.get("device_ids").is_none() {
        device.set_default("count", Value::Text("all".into()));
    }
}
