//! Removing what earlier or ended sessions of a stack left in the engine, and nothing else.

use std::collections::HashMap;

use bollard::errors::Error;
use bollard::models::ContainerSummary;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptions,
};
use futures_util::future::join_all;

use super::find::ContainerEngine;
use super::labels::PROJECT;
use super::words::{is_gone, reason};
use crate::adapters::Identity;

/// How often a removal that met a removal already under way is looked at again.
const TRIES: u32 = 20;

/// What a sweep came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Names of the containers that were removed.
    pub containers: Vec<String>,
    /// Names of the networks that were removed.
    pub networks: Vec<String>,
    /// Names of the volumes that were removed.
    pub volumes: Vec<String>,
    /// What could not be removed, and why, a line each.
    pub left: Vec<String>,
}

impl Swept {
    /// Whether there was nothing to do.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Removes all containers and networks, and volumes when asked, that carry the labels of this stack; those of the session
/// `keep_session` stay. What goes away by itself meanwhile is no error.
///
/// # Errors
/// In words, when the engine cannot even list what there is.
pub async fn sweep(
    engine: &ContainerEngine,
    identity: &Identity,
    keep_session: Option<&str>,
    volumes: bool,
) -> Result<Swept, String> {
    let swept = sweep_all(engine, identity, keep_session, volumes).await;
    swept.map_err(|error| format!("the engine cannot be swept: {}", reason(&error)))
}

/// Names of the volumes that carry the labels of this stack.
///
/// # Errors
/// In words, when the engine cannot list them.
pub async fn volumes_of(
    engine: &ContainerEngine,
    identity: &Identity,
) -> Result<Vec<String>, String> {
    let found = volumes(engine, identity).await;
    let found = found.map_err(|error| format!("volumes cannot be listed: {}", reason(&error)))?;
    let mut names: Vec<String> = found.into_iter().map(|(_, name)| name).collect();
    names.sort();
    Ok(names)
}

async fn sweep_all(
    engine: &ContainerEngine,
    identity: &Identity,
    keep_session: Option<&str>,
    volumes: bool,
) -> Result<Swept, Error> {
    let mut swept = Swept::default();
    let containers = containers(engine, identity, keep_session).await?;
    let removed = join_all(
        containers
            .iter()
            .map(|(id, _)| remove_container(engine, id)),
    )
    .await;
    swept.containers = swept.sort(containers, removed, "container");
    // A network can go only after its containers.
    let networks = networks(engine, identity, keep_session).await?;
    let removed = join_all(networks.iter().map(|(id, _)| remove_network(engine, id))).await;
    swept.networks = swept.sort(networks, removed, "network");
    if volumes {
        let volumes = self::volumes(engine, identity).await?;
        let removed = join_all(volumes.iter().map(|(id, _)| remove_volume(engine, id))).await;
        swept.volumes = swept.sort(volumes, removed, "volume");
    }
    Ok(swept)
}

impl Swept {
    /// The names of what was removed; what was not is written down as left.
    fn sort(
        &mut self,
        things: Vec<(String, String)>,
        removed: Vec<Result<(), Error>>,
        kind: &str,
    ) -> Vec<String> {
        let mut names = Vec::new();
        for ((_, name), removed) in things.into_iter().zip(removed) {
            match removed {
                Ok(()) => names.push(name),
                Err(error) => self.left.push(format!("{kind} {name}: {}", reason(&error))),
            }
        }
        names.sort();
        names
    }
}

/// Both labels: the name and the folder of the stack.
fn filters(identity: &Identity) -> HashMap<&'static str, Vec<String>> {
    HashMap::from([(
        "label",
        vec![
            format!("{}={}", Identity::STACK, identity.stack),
            format!("{}={}", Identity::HASH, identity.hash),
        ],
    )])
}

/// Volumes of a project of Compose are its own, whoever made them.
fn volume_filters(identity: &Identity) -> HashMap<&'static str, Vec<String>> {
    match &identity.compose {
        Some(project) => {
            let label = format!("{PROJECT}={}", project.project);
            HashMap::from([("label", vec![label])])
        }
        None => filters(identity),
    }
}

fn is_kept(labels: Option<&HashMap<String, String>>, keep_session: Option<&str>) -> bool {
    let session = labels.and_then(|labels| labels.get(Identity::SESSION));
    keep_session.is_some() && session.map(String::as_str) == keep_session
}

async fn containers(
    engine: &ContainerEngine,
    identity: &Identity,
    keep_session: Option<&str>,
) -> Result<Vec<(String, String)>, Error> {
    let options = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&filters(identity))
        .build();
    let found = engine.client.list_containers(Some(options)).await?;
    let ours = found
        .into_iter()
        .filter(|container| !is_kept(container.labels.as_ref(), keep_session));
    Ok(ours.filter_map(id_and_name).collect())
}

fn id_and_name(container: ContainerSummary) -> Option<(String, String)> {
    let id = container.id?;
    let name = container.names.into_iter().flatten().next();
    let name = name.map_or_else(
        || id.clone(),
        |name| name.trim_start_matches('/').to_owned(),
    );
    Some((id, name))
}

async fn networks(
    engine: &ContainerEngine,
    identity: &Identity,
    keep_session: Option<&str>,
) -> Result<Vec<(String, String)>, Error> {
    let options = ListNetworksOptionsBuilder::default()
        .filters(&filters(identity))
        .build();
    let found = engine.client.list_networks(Some(options)).await?;
    let ours = found
        .into_iter()
        .filter(|network| !is_kept(network.labels.as_ref(), keep_session));
    Ok(ours
        .filter_map(|network| Some((network.id?, network.name.unwrap_or_default())))
        .collect())
}

async fn volumes(
    engine: &ContainerEngine,
    identity: &Identity,
) -> Result<Vec<(String, String)>, Error> {
    let options = ListVolumesOptionsBuilder::default()
        .filters(&volume_filters(identity))
        .build();
    let found = engine.client.list_volumes(Some(options)).await?;
    let names = found
        .volumes
        .into_iter()
        .flatten()
        .map(|volume| volume.name);
    Ok(names.map(|name| (name.clone(), name)).collect())
}

async fn remove_container(engine: &ContainerEngine, id: &str) -> Result<(), Error> {
    let mut delay = std::time::Duration::from_millis(20);
    let mut tries = 0;
    loop {
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        match engine.client.remove_container(id, Some(options)).await {
            Ok(()) => return Ok(()),
            Err(error) if is_gone(&error) => return Ok(()),
            // Somebody else is removing it, or it is just being started: it is gone in a moment, or can be removed then.
            Err(error) if tries < TRIES && is_passing(&error) => {
                tokio::time::sleep(delay).await;
                delay = (delay * 2).min(std::time::Duration::from_millis(500));
                tries += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn is_passing(error: &Error) -> bool {
    let said = reason(error);
    [
        "already in progress",
        "could not kill",
        "did not receive an exit event",
    ]
    .iter()
    .any(|part| said.contains(part))
}

async fn remove_network(engine: &ContainerEngine, id: &str) -> Result<(), Error> {
    ignore_gone(engine.client.remove_network(id).await)
}

async fn remove_volume(engine: &ContainerEngine, name: &str) -> Result<(), Error> {
    ignore_gone(
        engine
            .client
            .remove_volume(name, None::<RemoveVolumeOptions>)
            .await,
    )
}

fn ignore_gone(removed: Result<(), Error>) -> Result<(), Error> {
    match removed {
        Err(error) if is_gone(&error) => Ok(()),
        other => other,
    }
}
