//! Saved files copied into live runs, and what is to follow.

use std::sync::Arc;
use std::time::Duration;

use bollard::query_parameters::{
    DownloadFromContainerOptionsBuilder, InspectContainerOptions, UploadToContainerOptionsBuilder,
};
use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::ending;
use super::exec::{exec, exec_with};
use super::find::ContainerEngine;
use super::helped;
use super::hooks;
use super::model::{Container, Drained, Order, Shared};
use super::pack::{Owner, Owners, first_file, is_plain, owner, pack};
use super::words::reason;
use crate::engine::{RunId, SyncCopy};
use crate::stack::{Service, Then};

/// How long what follows a sync, or a deletion, may take.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// How long requests under way may take before the program is restarted; new ones wait meanwhile.
const DRAIN: Duration = Duration::from_secs(1);

/// Copies files into every run at once, deletes what is gone, then does what follows. Gives the number of files. A program is
/// restarted when its run is drained, or after a second.
///
/// # Errors
/// In words, with the run that it happened to.
pub(super) async fn sync(
    shared: &Arc<Shared>,
    runs: &[RunId],
    copies: Vec<SyncCopy>,
    then: &Then,
    mut drained: impl FnMut(RunId) -> Drained,
) -> Result<usize, String> {
    let copies = Arc::new(copies);
    let each = runs.iter().map(|run| {
        let copies = copies.clone();
        let drained = drained(*run);
        async move {
            let done = sync_one(shared, *run, copies, then, drained).await;
            done.map_err(|why| format!("run {run}: {why}"))
        }
    });
    try_join_all(each).await?;
    Ok(copies.len())
}

async fn sync_one(
    shared: &Arc<Shared>,
    run: RunId,
    copies: Arc<Vec<SyncCopy>>,
    then: &Then,
    drained: Drained,
) -> Result<(), String> {
    let (engine, container) = reachable(shared, run)?;
    if let Some(helper) = container.helper() {
        helped::give(helper, copies.to_vec()).await?;
    } else {
        through_engine(shared, run, &engine, &container, copies).await?;
    }
    if *then == Then::Restart {
        drop(timeout(DRAIN, drained).await);
    }
    follow(shared, run, &engine, &container, then).await
}

async fn through_engine(
    shared: &Shared,
    run: RunId,
    engine: &ContainerEngine,
    container: &Container,
    copies: Arc<Vec<SyncCopy>>,
) -> Result<(), String> {
    let gone: Vec<String> = copies
        .iter()
        .filter(|copy| copy.from.is_none())
        .map(|copy| copy.to.clone())
        .collect();
    remove(engine, &container.id, &gone).await?;
    let owners = owners(shared, run, engine, container, &copies).await;
    let packing = tokio::task::spawn_blocking(move || pack(&copies, &owners));
    let packed = packing.await.map_err(|error| error.to_string())?;
    if let Some(tar) = packed.map_err(|error| error.to_string())? {
        upload(engine, &container.id, tar).await?;
    }
    Ok(())
}

/// Copies files into a container that was made and not yet started. What is to be gone has to be gone by itself: nothing can be
/// run there yet.
pub(super) async fn upload_given(
    engine: &ContainerEngine,
    id: &str,
    service: &Service,
    given: Vec<SyncCopy>,
) -> Result<(), String> {
    if given.iter().all(|copy| copy.from.is_none()) {
        return Ok(());
    }
    let user = match &service.user {
        Some(user) => user.clone(),
        None => configured_user(engine, id).await,
    };
    let mut owners = Owners {
        own: owner_of(engine, id, &user).await,
        ..Owners::default()
    };
    for name in given.iter().filter_map(|copy| copy.stamp.owner.as_ref()) {
        if !owners.named.contains_key(name) {
            let found = owner_of(engine, id, name).await;
            owners.named.insert(name.clone(), found);
        }
    }
    let packing = tokio::task::spawn_blocking(move || pack(&given, &owners));
    let packed = packing.await.map_err(|error| error.to_string())?;
    match packed.map_err(|error| error.to_string())? {
        Some(tar) => upload(engine, id, tar).await,
        None => Ok(()),
    }
}

async fn configured_user(engine: &ContainerEngine, id: &str) -> String {
    let inspected = engine
        .client
        .inspect_container(id, None::<InspectContainerOptions>);
    let config = inspected.await.ok().and_then(|found| found.config);
    config.and_then(|config| config.user).unwrap_or_default()
}

/// Unpacks a tar at `/` of a container.
pub(super) async fn upload(engine: &ContainerEngine, id: &str, tar: Vec<u8>) -> Result<(), String> {
    let options = UploadToContainerOptionsBuilder::default().path("/").build();
    let body = bollard::body_full(Bytes::from(tar));
    let uploading = engine.client.upload_to_container(id, Some(options), body);
    uploading
        .await
        .map_err(|error| format!("cannot copy files: {}", reason(&error)))
}

/// Deletes paths inside, as root. The engine cannot do that itself, so the image needs `rm`.
async fn remove(engine: &ContainerEngine, id: &str, paths: &[String]) -> Result<(), String> {
    if paths.is_empty() {
        return Ok(());
    }
    let mut argv: Vec<String> = ["rm", "-rf", "--"].map(str::to_owned).into();
    argv.extend_from_slice(paths);
    let done = exec(engine, id, &argv, Some("0:0"), TIME_LIMIT).await;
    let why = match done {
        Ok(result) if result.code == 0 => return Ok(()),
        Ok(result) if result.complaint().contains("executable file not found") => {
            "its image has no `rm`; use `action = \"rebuild\"` for this path".into()
        }
        Ok(result) => result.complaint(),
        Err(why) => why,
    };
    Err(format!("cannot delete {}: {why}", paths.join(", ")))
}

async fn follow(
    shared: &Arc<Shared>,
    run: RunId,
    engine: &ContainerEngine,
    container: &Container,
    then: &Then,
) -> Result<(), String> {
    match then {
        Then::Nothing => Ok(()),
        Then::Restart => match container.helper() {
            Some(helper) => helped::restart(helper, &container.service).await,
            None => restart(shared, run).await,
        },
        Then::Signal(signal) => match container.helper() {
            Some(helper) => helped::signal(helper, signal).await,
            None => ending::send(shared, &container.id, &signal.0).await,
        },
        Then::Exec(hook) => {
            let shown = hook.command.shown();
            let config = hooks::config(hook, container.command_user());
            let result = exec_with(engine, &container.id, config, &shown, TIME_LIMIT).await?;
            if result.code == 0 {
                return Ok(());
            }
            Err(format!("`{shown}` after the sync: {}", result.complaint()))
        }
    }
}

async fn restart(shared: &Arc<Shared>, run: RunId) -> Result<(), String> {
    let (reply, done) = oneshot::channel();
    if !shared.order(run, Order::Restart(reply)) {
        return Err("it has ended".into());
    }
    done.await
        .unwrap_or_else(|_| Err("it ended meanwhile".into()))
}

fn reachable(shared: &Shared, run: RunId) -> Result<(ContainerEngine, Container), String> {
    let container = shared.container(run).ok_or("it does not run (any more)")?;
    let engine = shared
        .link
        .engine()
        .ok_or("the container engine does not answer")?;
    Ok((engine, container))
}

/// Who owns these files in a run. Names are looked up in the image; numbers, and the program's own user, are not.
async fn owners(
    shared: &Shared,
    run: RunId,
    engine: &ContainerEngine,
    container: &Container,
    copies: &[SyncCopy],
) -> Owners {
    let mut owners = Owners::default();
    let mut names: Vec<&String> = copies
        .iter()
        .filter_map(|copy| copy.stamp.owner.as_ref())
        .collect();
    names.dedup();
    let names_program =
        |name: &str| !is_plain(name) && name.split(':').next() == Some(container.user.as_str());
    let needs_own = copies.iter().any(|copy| copy.stamp.owner.is_none());
    if needs_own || names.iter().any(|name| names_program(name)) {
        owners.own = owner_in(shared, run, engine, container).await;
    }
    for name in names {
        if !owners.named.contains_key(name) && !names_program(name) {
            let found = owner_of(engine, &container.id, name).await;
            owners.named.insert(name.clone(), found);
        }
    }
    owners
}

/// Who owns the files of a run's program. Read from the image once for each run, and only when a name needs it.
async fn owner_in(
    shared: &Shared,
    run: RunId,
    engine: &ContainerEngine,
    container: &Container,
) -> Owner {
    if let Some(known) = container.owner {
        return known;
    }
    let found = owner_of(engine, &container.id, &container.user).await;
    shared.owned_by(run, found);
    found
}

async fn owner_of(engine: &ContainerEngine, id: &str, user: &str) -> Owner {
    if is_plain(user) {
        return owner(user, "", "");
    }
    let (passwd, group) = tokio::join!(
        read(engine, id, "/etc/passwd"),
        read(engine, id, "/etc/group")
    );
    owner(user, &passwd, &group)
}

/// A small file of a container; empty if it cannot be had.
async fn read(engine: &ContainerEngine, id: &str, path: &str) -> String {
    let options = DownloadFromContainerOptionsBuilder::default()
        .path(path)
        .build();
    let download = engine.client.download_from_container(id, Some(options));
    let tar: Result<Vec<u8>, _> = download
        .map(|piece| piece.map(|bytes| bytes.to_vec()))
        .try_concat()
        .await;
    tar.ok()
        .and_then(|tar| first_file(&tar))
        .unwrap_or_default()
}
