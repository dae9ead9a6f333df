//! Facts about files copied into live runs.

use super::super::turn::{Turn, millis, went_live};
use super::super::{
    Moment, Notice, PendingEdits, RunId, RunPhase, ServiceState, State, SyncId, Syncing,
};
use super::change::replace_synced;
use super::probe::becomes_ready;
use crate::stack::Then;

pub(super) fn done(state: &mut State, now: Moment, sync: SyncId, files: usize, turn: &mut Turn) {
    let Some((service, syncing)) = answered(state, sync) else {
        return;
    };
    turn.tell(Notice::Synced {
        service: service.service.name.clone(),
        files,
        ms: millis(now.since(syncing.since)),
    });
    if let Some(edits) = syncing.edits {
        service.changes.synced(edits.newest, now);
    }
    let has_more_to_wait_for = service
        .pending
        .is_some_and(|pending| pending.generation.is_some());
    let began_anew = syncing.then == Then::Restart && begin_anew(service, &syncing.runs, now, turn);
    if syncing.generation != service.generation {
        return;
    }
    if began_anew || !service.is_all_current() {
        return wait_until_ready(service);
    }
    if has_more_to_wait_for {
        return;
    }
    let Some(edits) = syncing.edits else {
        if service.sync_queue.is_empty() {
            wait_until_ready(service);
        }
        return;
    };
    if let Some(rest) = service
        .sync_queue
        .iter_mut()
        .find_map(|queued| queued.edits.as_mut())
        && rest.last_save <= edits.last_save
    {
        *rest = edits.and_then(*rest);
        return;
    }
    let newest = service.current().next_back().map(|run| run.id);
    if let Some(run) = newest {
        went_live(service, edits, run, now, turn);
        service.pending = queued_edits(service);
    }
}

/// What still waits in the queue.
fn queued_edits(service: &ServiceState) -> Option<PendingEdits> {
    let queued = service.sync_queue.iter().filter_map(|queued| queued.edits);
    queued.reduce(PendingEdits::and_then)
}

/// Copying failed. What has a build gets the files by a new image; else the runs keep what they have.
pub(super) fn failed(state: &mut State, now: Moment, sync: SyncId, why: String, turn: &mut Turn) {
    let is_running = state.is_running();
    let Some((service, syncing)) = answered(state, sync) else {
        return;
    };
    if let Some(edits) = syncing.edits {
        service.changes.failed_up_to(edits.newest, now, &why);
    }
    turn.tell(Notice::SyncFailed {
        service: service.service.name.clone(),
        why,
    });
    if syncing.then == Then::Restart {
        begin_anew(service, &syncing.runs, now, turn);
    }
    let is_current = syncing.generation == service.generation;
    if !is_running || !is_current {
        return;
    }
    if service.is_ahead() {
        // The image that is made behind has the files.
        service.want_new_runs();
    } else if service.service.build.is_some() {
        replace_synced(service);
    } else if let Some(pending) = service.pending
        && pending.generation.is_none()
    {
        let rest = queued_edits(service);
        let brought_all = |edits: PendingEdits| pending.newest <= edits.newest;
        // What is neither queued nor brought by this waits for a run that is still to come.
        if rest.is_some() || syncing.edits.is_some_and(brought_all) {
            service.pending = rest;
        }
    }
}

fn answered(state: &mut State, sync: SyncId) -> Option<(&mut ServiceState, Syncing)> {
    let service = state.services.values_mut().find(|service| {
        service
            .sync
            .as_ref()
            .is_some_and(|syncing| syncing.sync == sync)
    })?;
    let syncing = service.sync.take()?;
    Some((service, syncing))
}

/// The program was restarted in the same container: what has a probe must become healthy again, and the rest is ready.
/// Whether there is something to wait for.
fn begin_anew(service: &mut ServiceState, given: &[RunId], now: Moment, turn: &mut Turn) -> bool {
    let mut any = false;
    for index in 0..service.runs.len() {
        let run = &mut service.runs[index];
        if !run.phase.is_up() || !given.contains(&run.id) {
            continue;
        }
        if run.is_probed() {
            run.phase = RunPhase::Probing { since: now };
            run.forget_health();
            // Whoever asks anew tells every answer: it cannot look like one of the program before.
            run.probe = None;
            any = true;
        } else {
            becomes_ready(service, index, now, turn);
        }
    }
    any
}

fn wait_until_ready(service: &mut ServiceState) {
    let generation = service.generation;
    if let Some(pending) = &mut service.pending {
        pending.generation = Some(generation);
    }
}
