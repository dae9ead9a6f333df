//! The labels by which what a stack makes is known: Boatyard's own, and Compose's where the stack is named as Compose does.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::model::Request;
use crate::adapters::Identity;
use crate::stack::{ComposeProject, Condition, Network, Service, ServiceName, Volume};

type Labels = HashMap<String, String>;

/// Compose's label on everything: the project.
pub(super) const PROJECT: &str = "com.docker.compose.project";
/// Compose's label on what `docker compose ps` does not show.
pub(super) const ONE_OFF: &str = "com.docker.compose.oneoff";
/// Compose's label on containers: the folder of the project.
pub(super) const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
const SERVICE: &str = "com.docker.compose.service";
const NUMBER: &str = "com.docker.compose.container-number";
const CONFIG_HASH: &str = "com.docker.compose.config-hash";
const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
const ENVIRONMENT_FILE: &str = "com.docker.compose.project.environment_file";
const VERSION: &str = "com.docker.compose.version";
const IMAGE: &str = "com.docker.compose.image";
const DEPENDS_ON: &str = "com.docker.compose.depends_on";
const NETWORK: &str = "com.docker.compose.network";
const VOLUME: &str = "com.docker.compose.volume";

/// Who made it, where Compose writes its own version.
const BY: &str = concat!("boatyard ", env!("CARGO_PKG_VERSION"));

/// The labels of one run's container; ours win over those of the stack file. `image` is the id of its image.
pub(super) fn of_run(request: &Request, identity: &Identity, image: &str) -> Labels {
    let start = &request.start;
    let service = &*start.service;
    let mut labels = own(&service.labels);
    if let Some(project) = &identity.compose {
        labels.extend(of_service(project, &service.name, start.replica + 1, false));
        labels.extend([
            (CONFIG_HASH.into(), config_hash(service)),
            (IMAGE.into(), image.to_owned()),
            (DEPENDS_ON.into(), depends_on(service)),
        ]);
    }
    labels.extend(identity.labels());
    labels.insert(Identity::SERVICE.into(), service.name.to_string());
    labels.insert(Identity::RUN.into(), start.run.0.to_string());
    labels
}

/// The labels of a container that is made for a service and runs nothing of it: Compose's commands do not show it, and remove
/// it with the service's.
pub(super) fn of_helper(identity: &Identity, service: Option<&ServiceName>) -> Labels {
    let mut labels: Labels = identity.labels().into_iter().collect();
    if let (Some(project), Some(service)) = (&identity.compose, service) {
        labels.extend(of_service(project, service, 1, true));
    }
    labels
}

/// The labels of a network, by its key.
pub(super) fn of_network(identity: &Identity, key: &str, network: Option<&Network>) -> Labels {
    let mut labels = network.map_or_else(Labels::new, |network| own(&network.labels));
    if let Some(project) = &identity.compose {
        labels.extend(of_project(project));
        labels.insert(NETWORK.into(), key.to_owned());
    }
    labels.extend(identity.labels());
    labels
}

/// The labels of a named volume, by its key.
pub(super) fn of_volume(identity: &Identity, key: &str, volume: Option<&Volume>) -> Labels {
    let mut labels = volume.map_or_else(Labels::new, |volume| own(&volume.labels));
    if let Some(project) = &identity.compose {
        labels.extend(of_project(project));
        labels.insert(VOLUME.into(), key.to_owned());
    }
    labels.extend(identity.labels());
    labels
}

/// Whether labels are those of this very stack, whichever session made it.
pub(super) fn are_ours(labels: &Labels, identity: &Identity) -> bool {
    let is = |label: &str, value: &str| labels.get(label).is_some_and(|found| found == value);
    is(Identity::STACK, &identity.stack) && is(Identity::HASH, &identity.hash)
}

/// Whether they are those of the project of Compose as which the stack is named.
pub(super) fn are_of_project(labels: &Labels, identity: &Identity) -> bool {
    let project = identity.compose.as_ref();
    project.is_some_and(|project| labels.get(PROJECT) == Some(&project.project))
}

fn own(labels: &indexmap::IndexMap<String, String>) -> Labels {
    let pairs = labels.iter();
    pairs
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn of_project(project: &ComposeProject) -> Labels {
    Labels::from([
        (PROJECT.into(), project.project.clone()),
        (VERSION.into(), BY.into()),
    ])
}

fn of_service(
    project: &ComposeProject,
    service: &ServiceName,
    number: u32,
    is_one_off: bool,
) -> Labels {
    let mut labels = of_project(project);
    let is_one_off = if is_one_off { "True" } else { "False" };
    labels.extend([
        (SERVICE.into(), service.to_string()),
        (NUMBER.into(), number.to_string()),
        (ONE_OFF.into(), is_one_off.into()),
        (
            WORKING_DIR.into(),
            project.working_dir.display().to_string(),
        ),
        (CONFIG_FILES.into(), list(&project.config_files)),
    ]);
    if !project.environment_files.is_empty() {
        labels.insert(ENVIRONMENT_FILE.into(), list(&project.environment_files));
    }
    labels
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(",")
}

/// Tells definitions of a service apart. It is none that Compose would compute, so its next `up` makes the container anew.
fn config_hash(service: &Service) -> String {
    // A service is plain data: there is nothing in it that cannot be written.
    let text = serde_json::to_vec(service).unwrap_or_default();
    let mut hash = String::new();
    for byte in Sha256::digest(text) {
        // Writing to a string cannot fail.
        let _ = write!(hash, "{byte:02x}");
    }
    hash
}

/// As Compose writes it: `NAME:CONDITION:RESTART`, with commas.
fn depends_on(service: &Service) -> String {
    let one = |(name, condition): (&ServiceName, &Condition)| {
        let condition = match condition {
            Condition::Started => "service_started",
            Condition::Ready => "service_healthy",
            Condition::Completed => "service_completed_successfully",
        };
        format!("{name}:{condition}:{}", service.follows.contains(name))
    };
    let all: Vec<String> = service.depends_on.iter().map(one).collect();
    all.join(",")
}
