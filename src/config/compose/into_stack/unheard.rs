//! What a compose file may say and Boatyard does not act on: each such key is told of once, with what that means.

use super::super::node::{Node, Spot, Value};
use super::Mapping;

const WINDOWS: &str = "is for Windows containers only, and has no effect";
const OF_CLUSTER: &str = "has no effect on one machine";
const OWN_CACHE: &str = "has no effect: the builder's own cache is used";
const NOT_BUILT: &str = "has no effect on builds";
const ENDS: &str = "has no effect: Boatyard waits longer after each failure, and gives up after too many by itself";

/// Keys, with what it means that they are not acted on. `*` stands for any name and for every member of a list.
pub(super) const UNHEARD: &[(&str, &str)] = &[
    ("models", "has no effect: Boatyard runs no models"),
    ("secrets.*.driver", OF_CLUSTER),
    ("secrets.*.driver_opts", OF_CLUSTER),
    ("secrets.*.template_driver", OF_CLUSTER),
    ("configs.*.template_driver", OF_CLUSTER),
    (
        "services.*.attach",
        "has no effect: the lines of every service are shown",
    ),
    (
        "services.*.build.additional_contexts",
        "has no effect: the build gets its own context alone",
    ),
    ("services.*.build.cache_from", OWN_CACHE),
    ("services.*.build.cache_to", OWN_CACHE),
    ("services.*.build.no_cache_filter", NOT_BUILT),
    ("services.*.build.entitlements", NOT_BUILT),
    ("services.*.build.extra_hosts", NOT_BUILT),
    ("services.*.build.isolation", WINDOWS),
    (
        "services.*.build.platforms",
        "has no effect: images are built for this machine",
    ),
    ("services.*.build.privileged", NOT_BUILT),
    ("services.*.build.provenance", NOT_BUILT),
    ("services.*.build.sbom", NOT_BUILT),
    ("services.*.build.shm_size", NOT_BUILT),
    (
        "services.*.build.ssh",
        "has no effect: builds reach no agent; use \"secrets\"",
    ),
    (
        "services.*.build.tags",
        "has no effect: the image is tagged with \"image\" alone",
    ),
    ("services.*.build.ulimits", NOT_BUILT),
    ("services.*.cpu_count", WINDOWS),
    ("services.*.cpu_percent", WINDOWS),
    ("services.*.credential_spec", WINDOWS),
    ("services.*.deploy.endpoint_mode", OF_CLUSTER),
    (
        "services.*.deploy.labels",
        "has no effect on one machine: it labels a cluster's service; containers get \"labels\"",
    ),
    ("services.*.deploy.mode", OF_CLUSTER),
    ("services.*.deploy.placement", OF_CLUSTER),
    ("services.*.deploy.resources.reservations.cpus", OF_CLUSTER),
    (
        "services.*.deploy.resources.reservations.devices",
        "has no effect: containers get no such devices; use \"devices\"",
    ),
    (
        "services.*.deploy.resources.reservations.generic_resources",
        OF_CLUSTER,
    ),
    ("services.*.deploy.restart_policy.delay", ENDS),
    ("services.*.deploy.restart_policy.max_attempts", ENDS),
    ("services.*.deploy.restart_policy.window", ENDS),
    (
        "services.*.deploy.rollback_config",
        "has no effect: a run that fails leaves the one before it serving",
    ),
    (
        "services.*.deploy.update_config",
        "has no effect: Boatyard replaces one run by another in its own way",
    ),
    (
        "services.*.external_links",
        "has no effect: reach other containers over an external network",
    ),
    (
        "services.*.gpus",
        "has no effect: containers get no graphics processors",
    ),
    ("services.*.isolation", WINDOWS),
    (
        "services.*.models",
        "has no effect: Boatyard runs no models",
    ),
    (
        "services.*.ports.*.app_protocol",
        "has no effect: Boatyard sees by itself what is spoken",
    ),
    (
        "services.*.pre_start",
        "has no effect: write a service of its own, and wait for it with service_completed_successfully",
    ),
    (
        "services.*.provider",
        "is not run: Boatyard runs containers and processes, and leaves the service out",
    ),
    (
        "services.*.pull_refresh_after",
        "has no effect: write pull_policy: every_24h",
    ),
    (
        "services.*.use_api_socket",
        "has no effect: mount the engine's socket with \"volumes\"",
    ),
    (
        "services.*.volumes.*.bind.selinux",
        "has no effect: what is mounted gets no other label",
    ),
    (
        "services.*.volumes.*.consistency",
        "has no effect on this system",
    ),
];

/// Tells of every key that is not acted on.
pub(super) fn tell(mapping: &mut Mapping<'_>) {
    let model = &mapping.project.model;
    for (pattern, meaning) in UNHEARD {
        let mut spots = Vec::new();
        let steps: Vec<&str> = pattern.split('.').collect();
        find(model, &steps, &mut spots);
        tell_one(shown(pattern), meaning, &spots, mapping);
    }
    let mut spots = Vec::new();
    let services = model.get("services").into_iter().flat_map(Node::entries);
    for restart in services.filter_map(|(_, service)| service.get("restart")) {
        if restart
            .as_text()
            .is_some_and(|text| text.starts_with("on-failure:"))
        {
            spots.push(&restart.at);
        }
    }
    tell_one("the number of attempts in restart", ENDS, &spots, mapping);
}

/// The key as it is written in a service.
fn shown(pattern: &str) -> &str {
    pattern.strip_prefix("services.*.").unwrap_or(pattern)
}

fn tell_one(key: &str, meaning: &str, spots: &[&Spot], mapping: &mut Mapping<'_>) {
    let Some((first, others)) = spots.split_first() else {
        return;
    };
    let key = key.replace(".*", "");
    let times = match others.len() {
        0 => String::new(),
        more => format!(" ({} times in the project)", more + 1),
    };
    let problem = mapping.warn(first, format!("{key} {meaning}{times}"));
    for other in others.iter().take(2).filter_map(|spot| spot.place()) {
        problem.also(other, "here too");
    }
}

/// The places of what stands below these steps and says anything.
fn find<'n>(node: &'n Node, steps: &[&str], found: &mut Vec<&'n Spot>) {
    let Some((step, rest)) = steps.split_first() else {
        if says_something(node) {
            found.push(node.key_spot());
        }
        return;
    };
    if *step == "*" {
        let members = node.members().iter();
        let entries = node.entries().map(|(_, entry)| entry);
        members
            .chain(entries)
            .for_each(|member| find(member, rest, found));
    } else if let Some(member) = node.get(step) {
        find(member, rest, found);
    }
}

fn says_something(node: &Node) -> bool {
    match &node.value {
        Value::Null | Value::Bool(false) => false,
        Value::List(members) => !members.is_empty(),
        Value::Map(map) => !map.is_empty(),
        Value::Text(text) => text != "replicated",
        Value::Bool(true) | Value::Int(_) | Value::Float(_) => true,
    }
}
