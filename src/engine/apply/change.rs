//! Facts about saved files: what each touched service must have from now on.

use super::super::turn::{Turn, millis, went_live};
use super::super::{
    Action, Change, ChangeId, Fate, Given, Moment, Notice, PendingEdits, QueuedSync, RunId,
    ServiceState, State, SyncCopy, Way,
};
use super::mode;
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
    let on_hold = state.hold.is_some();
    for name in &touched {
        if let Some(service) = state.services.get_mut(name) {
            arrived(service, change, on_hold, now, turn);
        }
    }
}

/// One change came to one service: it waits, or is acted upon at once.
fn arrived(
    service: &mut ServiceState,
    change: &Change,
    on_hold: bool,
    now: Moment,
    turn: &mut Turn,
) {
    let name = &service.service.name;
    let mine = change.actions.iter().filter(|(other, _)| other == name);
    let mine: Vec<Action> = mine.map(|(_, action)| action.clone()).collect();
    if mode::must_wait(service, &mine, on_hold) {
        return mode::collect(service, change, mine, (on_hold, now), turn);
    }
    let edits = PendingEdits {
        first_save: change.first_save,
        newest_first_save: change.first_save,
        last_save: change.last_save,
        newest: service.changes.seen(change, now, Fate::UnderWay),
        generation: None,
    };
    touch(service, &mine, edits, now, turn);
}

/// What a change asks of one service. A rebuild brings everything; a restart brings what a sync brings too, but for a
/// container, whose image lacks the synced files.
pub(super) fn touch(
    service: &mut ServiceState,
    actions: &[Action],
    edits: PendingEdits,
    now: Moment,
    turn: &mut Turn,
) {
    let mut rebuild = false;
    let mut restart = false;
    let mut syncs = Vec::new();
    let mut inferred = Vec::new();
    for action in actions {
        match action {
            Action::Rebuild => rebuild = true,
            Action::Restart => restart = true,
            Action::Sync { copies, then } => syncs.push((copies, then)),
            Action::Infer { copies } => inferred.extend(copies),
        }
    }
    service.add_edits(edits);
    service.remember(actions);
    let is_process = service.runtime == Some(Runtime::Process);
    rebuild |= !inferred.is_empty() && (is_process || restart);
    if rebuild && !is_process {
        return service.want_new_image();
    }
    if rebuild || (restart && (is_process || syncs.is_empty())) {
        service.changes.goes(Way::Restart);
        return service.want_new_runs();
    }
    if restart {
        return replace_synced(service);
    }
    if is_process {
        return in_place(service, &syncs, now, turn);
    }
    for (copies, then) in syncs {
        queue(service, copies, then, edits);
    }
    if !inferred.is_empty() {
        super::infer::seen(service, inferred, edits);
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

/// A run that has a live change answered well for the first time.
pub(super) fn answered(
    state: &mut State,
    now: Moment,
    name: &ServiceName,
    (change, run): (ChangeId, RunId),
    turn: &mut Turn,
) {
    let service = state.services.get_mut(name);
    let Some(story) = service.and_then(|service| service.changes.served(change, now)) else {
        return;
    };
    turn.tell(Notice::ChangeServed {
        service: name.clone(),
        run,
        change,
        ms: millis(now.since(story.from())),
    });
}

/// The files of a process are used where they are: it needs nothing, or a restart.
fn in_place(
    service: &mut ServiceState,
    syncs: &[(&Vec<SyncCopy>, &Then)],
    now: Moment,
    turn: &mut Turn,
) {
    if syncs.iter().any(|(_, then)| **then != Then::Nothing) {
        service.changes.goes(Way::Restart);
        return service.want_new_runs();
    }
    service.changes.goes(Way::InPlace);
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
fn queue(service: &mut ServiceState, copies: &[SyncCopy], then: &Then, edits: PendingEdits) {
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
        edits: Some(edits),
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
