//! Facts about saved files: what each touched service must have from now on.

use super::super::turn::{Turn, millis, went_live};
use super::super::{
    Action, Change, Given, Moment, Notice, PendingEdits, QueuedSync, ServiceState, State, SyncCopy,
};
use crate::stack::{Runtime, ServiceName, Then};

/// Records a settled set of saved files. A smoke test and a session that ends take no notice of it.
pub(super) fn seen(state: &mut State, now: Moment, change: &Change, turn: &mut Turn) {
    if state.is_smoke() || !state.is_running() {
        return;
    }
    let mut touched: Vec<ServiceName> = Vec::new();
    for (name, _) in &change.actions {
        if state.services.contains_key(name) && !touched.contains(name) {
            touched.push(name.clone());
        }
    }
    turn.tell(Notice::ChangeSeen {
        services: touched.clone(),
        paths: change.paths.clone(),
        first_save_ms_ago: millis(now.since(change.first_save)),
    });
    for name in &touched {
        if let Some(service) = state.services.get_mut(name) {
            touch(service, change, now, turn);
        }
    }
}

/// What one change asks of one service. A rebuild brings everything; a restart brings what a sync brings too, but for
/// a container, whose image lacks the synced files.
fn touch(service: &mut ServiceState, change: &Change, now: Moment, turn: &mut Turn) {
    let name = service.service.name.clone();
    let mine = change.actions.iter().filter(|(other, _)| *other == name);
    let mut rebuild = false;
    let mut restart = false;
    let mut syncs = Vec::new();
    let mut inferred = Vec::new();
    for (_, action) in mine {
        match action {
            Action::Rebuild => rebuild = true,
            Action::Restart => restart = true,
            Action::Sync { copies, then } => syncs.push((copies, then)),
            Action::Infer { copies } => inferred.extend(copies),
        }
    }
    add_edits(service, change);
    for (copies, then) in &syncs {
        remember(service, copies, then);
    }
    let is_process = service.runtime == Some(Runtime::Process);
    rebuild |= !inferred.is_empty() && (is_process || restart);
    if rebuild && !is_process {
        return service.want_new_image();
    }
    if rebuild || (restart && (is_process || syncs.is_empty())) {
        return service.want_new_runs();
    }
    if restart {
        return replace_synced(service);
    }
    if is_process {
        return in_place(service, &syncs, now, turn);
    }
    for (copies, then) in syncs {
        queue(service, copies, then, change);
    }
    if !inferred.is_empty() {
        super::infer::seen(service, inferred, edits_of(change));
    }
}

/// What sync rules put into each container. Live ones get what is new to them, as after another stack file.
pub(super) fn found(state: &mut State, name: &ServiceName, files: Vec<(SyncCopy, Then)>) {
    let Some(service) = state.services.get_mut(name.as_str()) else {
        return;
    };
    service.found = true;
    let is_new = |(copy, then): &&(SyncCopy, Then)| {
        let known = service.given.get(&copy.to);
        known.is_none_or(|known| (&known.copy, &known.then) != (copy, then))
    };
    let mut new: Vec<QueuedSync> = Vec::new();
    if service.live().any(|run| run.phase.is_up()) {
        for (copy, then) in files.iter().filter(is_new) {
            match new.iter_mut().find(|queued| queued.then == *then) {
                Some(queued) => queued.copies.push(copy.clone()),
                None => new.push(QueuedSync {
                    copies: vec![copy.clone()],
                    then: then.clone(),
                    edits: None,
                }),
            }
        }
    }
    service.sync_queue.extend(new);
    service.givings += 1;
    let giving = service.givings;
    let by_target = files
        .into_iter()
        .map(|(copy, then)| (copy.to.clone(), Given { copy, then, giving }));
    service.given = by_target.collect();
}

/// Adds these saves to those that are not served yet.
fn add_edits(service: &mut ServiceState, change: &Change) {
    let edits = edits_of(change);
    service.pending = Some(match service.pending {
        Some(earlier) => earlier.and_then(edits),
        None => edits,
    });
}

fn edits_of(change: &Change) -> PendingEdits {
    PendingEdits {
        first_save: change.first_save,
        newest_first_save: change.first_save,
        last_save: change.last_save,
        generation: None,
    }
}

/// A service with an image and no build has no other place to which synced files could go for a later container.
fn remember(service: &mut ServiceState, copies: &[SyncCopy], then: &Then) {
    if service.service.build.is_some() || service.service.image.is_none() {
        return;
    }
    service.givings += 1;
    for copy in copies {
        let given = Given {
            copy: copy.clone(),
            then: then.clone(),
            giving: service.givings,
        };
        service.given.insert(copy.to.clone(), given);
    }
}

/// The files of a process are used where they are: it needs nothing, or a restart.
fn in_place(
    service: &mut ServiceState,
    syncs: &[(&Vec<SyncCopy>, &Then)],
    now: Moment,
    turn: &mut Turn,
) {
    if syncs.iter().any(|(_, then)| **then != Then::Nothing) {
        return service.want_new_runs();
    }
    let is_settled = service
        .pending
        .is_some_and(|pending| pending.generation.is_none());
    let newest = service.current().next_back().map(|run| run.id);
    match (service.pending, newest) {
        (Some(edits), Some(run)) if is_settled && service.is_all_current() => {
            service.pending = None;
            went_live(service, edits, run, now, turn);
        }
        (Some(_), _) => {
            let generation = service.generation;
            service.pending = service.pending.map(|edits| PendingEdits {
                generation: Some(generation),
                ..edits
            });
        }
        (None, _) => {}
    }
}

/// Files to be copied into live runs; without runs to copy them into, a new image or a new container has them. (A run that is
/// just being started is given what it lacks when that is done.)
fn queue(service: &mut ServiceState, copies: &[SyncCopy], then: &Then, change: &Change) {
    let has_build = service.service.build.is_some();
    if !can_take(service) {
        if has_build {
            return service.want_new_image();
        }
        if service.completed.is_some() {
            return service.want_new_runs();
        }
        service.forgive();
        if !service.current().any(|run| run.phase.is_up()) {
            return;
        }
    }
    service.image_lacks_sync = has_build;
    service.sync_queue.push_back(QueuedSync {
        copies: copies.to_vec(),
        then: then.clone(),
        edits: Some(edits_of(change)),
    });
}

/// Whether every run that the service should have is there, is the newest, and can be given files.
pub(super) fn can_take(service: &ServiceState) -> bool {
    let up = service.current().filter(|run| run.phase.is_up()).count();
    let has_image = service.has_image() && service.building().is_none();
    (has_image || service.is_ahead())
        && up >= service.replicas()
        && service.outdated().next().is_none()
}

/// New containers that must also have files that were only ever synced.
pub(super) fn replace_synced(service: &mut ServiceState) {
    if service.service.build.is_some() {
        service.want_new_image();
    } else {
        service.want_new_runs();
    }
}
