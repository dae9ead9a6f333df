//! `depends_on`: who waits for whom, and how a service that ends is taken.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::super::node::Node;
use super::get;
use crate::stack::{Condition, RestartPolicy, ServiceName};

/// What a service waits for, and with which of them it is restarted.
pub(super) type Needs = (IndexMap<ServiceName, Condition>, BTreeSet<ServiceName>);

/// Reads what a service waits for. Services that have no containers are not waited for.
pub(super) fn read(service: &Node, running: &BTreeSet<&str>) -> Needs {
    let mut needs = Needs::default();
    let entries = service
        .get("depends_on")
        .into_iter()
        .flat_map(Node::entries);
    for (name, entry) in entries.filter(|(name, _)| running.contains(name)) {
        let condition = match entry.text_of("condition") {
            Some("service_healthy") => Condition::Ready,
            Some("service_completed_successfully") => Condition::Completed,
            _ => Condition::Started,
        };
        needs.0.insert(name.into(), condition);
        if get::flag(entry, "restart") == Some(true) {
            needs.1.insert(name.into());
        }
    }
    needs
}

/// Whether somebody waits until this service is healthy.
pub(super) fn is_awaited(name: &str, services: &Node) -> bool {
    services.entries().any(|(_, other)| {
        let condition = other.find(&["depends_on", name, "condition"]);
        condition.and_then(Node::as_text) == Some("service_healthy")
    })
}

/// What happens when a run of it ends by itself; Compose's default is nothing.
pub(super) fn restart(service: &Node) -> RestartPolicy {
    let of_deploy = service.find(&["deploy", "restart_policy"]);
    let word = match of_deploy {
        Some(policy) => policy.text_of("condition").unwrap_or("any"),
        None => service.text_of("restart").unwrap_or("no"),
    };
    match word.split(':').next().unwrap_or_default() {
        "always" | "any" | "unless-stopped" => RestartPolicy::Always,
        "on-failure" => RestartPolicy::OnFailure,
        _ => RestartPolicy::No,
    }
}

/// How many runs of it live side by side.
pub(super) fn replicas(service: &Node) -> u32 {
    let of_deploy = service
        .find(&["deploy"])
        .and_then(|deploy| get::integer(deploy, "replicas"));
    let number = get::integer(service, "scale").or(of_deploy).unwrap_or(1);
    u32::try_from(number).unwrap_or(1)
}
