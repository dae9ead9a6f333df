//! A new image compared with what live runs were given ahead of it: what is at each path in a container of the image that
//! is never started, and in each run. Whatever is not clear is a difference.

use std::collections::HashMap;
use std::io::Read;

use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    CreateContainerOptions, DownloadFromContainerOptionsBuilder, InspectContainerOptions,
    RemoveContainerOptionsBuilder,
};
use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use super::find::ContainerEngine;
use super::model::Shared;
use super::words::{is_gone, reason};
use crate::adapters::Identity;
use crate::engine::{BuildId, RunId};
use crate::stack::Service;

/// So many paths are looked at in one comparison.
const MOST: usize = 500;

/// So many questions are asked of the engine at once.
const AT_ONCE: usize = 8;

/// What is compared with what runs have.
pub(super) struct Order<'a> {
    pub(super) build: BuildId,
    pub(super) service: &'a Service,
    pub(super) image: &'a str,
}

/// What is at a path. Owner and time are left out: nobody's program depends on when a file was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
enum At {
    Nothing,
    File { mode: u32, hash: [u8; 32] },
    Link { target: String },
    Folder,
}

/// The first difference, in words; `None`: each of the runs that still live has just what the image has.
pub(super) async fn difference(
    shared: &Shared,
    order: &Order<'_>,
    runs: &[RunId],
    paths: &[String],
) -> Option<String> {
    if paths.len() > MOST {
        return Some(format!("more than {MOST} files were synced ahead of it"));
    }
    let Some(engine) = shared.link.engine() else {
        return Some("the container engine does not answer".into());
    };
    let container = match create(&engine, &shared.identity, order).await {
        Ok(container) => container,
        Err(why) => return Some(why),
    };
    let found = compare(shared, &engine, &container, runs, paths).await;
    remove(&engine, &container).await;
    found.unwrap_or_else(Some)
}

/// `Err`: why it is not clear.
async fn compare(
    shared: &Shared,
    engine: &ContainerEngine,
    container: &str,
    runs: &[RunId],
    paths: &[String],
) -> Result<Option<String>, String> {
    let wanted = look(engine, container, paths).await?;
    for run in runs {
        // What has ended needs no replacement, and what follows it is made of the image.
        let Some(live) = shared.container(*run) else {
            continue;
        };
        let found = look(engine, &live.id, paths).await?;
        let differs = |path: &&String| wanted.get(path.as_str()) != found.get(path.as_str());
        // What was removed while it was looked at has nothing anywhere.
        if let Some(path) = paths.iter().find(differs)
            && exists(engine, &live.id).await
        {
            return Ok(Some(format!("{path} differs")));
        }
    }
    Ok(None)
}

async fn exists(engine: &ContainerEngine, container: &str) -> bool {
    let options = None::<InspectContainerOptions>;
    let found = engine.client.inspect_container(container, options).await;
    !found.is_err_and(|error| is_gone(&error))
}

/// A container of the image that is never started; it goes with the session's other leftovers if it is not removed here.
async fn create(
    engine: &ContainerEngine,
    identity: &Identity,
    order: &Order<'_>,
) -> Result<String, String> {
    let mut labels: HashMap<String, String> = identity.labels().into_iter().collect();
    labels.insert(Identity::SERVICE.into(), order.service.name.to_string());
    let body = ContainerCreateBody {
        image: Some(order.image.to_owned()),
        // An image need not say what it runs; this is never run.
        entrypoint: Some(vec!["/boatyard-compares".into()]),
        labels: Some(labels),
        ..ContainerCreateBody::default()
    };
    let made = engine
        .client
        .create_container(None::<CreateContainerOptions>, body);
    let made = made.await.map_err(|error| {
        let why = reason(&error);
        format!("no container of image {} can be made: {why}", order.build)
    })?;
    Ok(made.id)
}

async fn remove(engine: &ContainerEngine, container: &str) {
    let options = RemoveContainerOptionsBuilder::default()
        .force(true)
        .v(true)
        .build();
    let removed = engine
        .client
        .remove_container(container, Some(options))
        .await;
    if let Err(error) = removed {
        tracing::debug!(container, %error, "a container of a comparison stays until the end");
    }
}

/// What a container has at these paths.
async fn look(
    engine: &ContainerEngine,
    container: &str,
    paths: &[String],
) -> Result<HashMap<String, At>, String> {
    let mut found = HashMap::new();
    for some in paths.chunks(AT_ONCE) {
        let each = some.iter().map(|path| at(engine, container, path));
        let what = try_join_all(each).await?;
        found.extend(some.iter().cloned().zip(what));
    }
    Ok(found)
}

async fn at(engine: &ContainerEngine, container: &str, path: &str) -> Result<At, String> {
    let options = DownloadFromContainerOptionsBuilder::default()
        .path(path)
        .build();
    let download = engine
        .client
        .download_from_container(container, Some(options));
    let tar: Result<Vec<u8>, _> = download
        .map(|piece| piece.map(|bytes| bytes.to_vec()))
        .try_concat()
        .await;
    match tar {
        Ok(tar) => first(&tar).map_err(|error| format!("{path}: {error}")),
        Err(error) if is_gone(&error) => Ok(At::Nothing),
        Err(error) => Err(format!("{path}: {}", reason(&error))),
    }
}

/// What a tar begins with.
fn first(tar: &[u8]) -> std::io::Result<At> {
    let mut archive = tar::Archive::new(tar);
    let Some(entry) = archive.entries()?.next() else {
        return Ok(At::Nothing);
    };
    let mut entry = entry?;
    let mode = entry.header().mode()? & 0o7777;
    let kind = entry.header().entry_type();
    if kind.is_symlink() {
        let target = entry.link_name()?.unwrap_or_default();
        let target = target.to_string_lossy().into_owned();
        return Ok(At::Link { target });
    }
    if kind.is_dir() {
        return Ok(At::Folder);
    }
    let mut content = Vec::new();
    entry.read_to_end(&mut content)?;
    let hash = Sha256::digest(&content).into();
    Ok(At::File { mode, hash })
}
