//! What live runs need: probes, files, and the word that saved files are served.

use super::super::intent::Intent;
use super::super::{BuildState, Moment, Run, RunPhase, ServiceState, State};
use crate::stack::Runtime;

/// What a run of this service needs before anything else is decided.
pub(super) fn next(service: &ServiceState, now: Moment) -> Option<Intent> {
    service.runs.iter().find_map(|run| chore(run, now))
}

fn chore(run: &Run, now: Moment) -> Option<Intent> {
    let id = run.id;
    if run.phase.is_stopping() {
        return run.stop_again.then_some(Intent::StopAgain { run: id });
    }
    let health = run.service.health.as_ref().filter(|_| run.phase.is_up())?;
    let calm = matches!(run.phase, RunPhase::Ready { .. });
    match &run.probe {
        Some((asked, paced)) if asked == health => {
            if *paced != calm {
                return Some(Intent::Pace { run: id, calm });
            }
        }
        _ => return Some(Intent::Probe { run: id }),
    }
    let is_late = late_at(run).is_some_and(|late| late <= now);
    is_late.then_some(Intent::TellLate { run: id })
}

/// When a run that is not healthy yet has had its time to start, unless that was told.
pub(in super::super) fn late_at(run: &Run) -> Option<Moment> {
    let RunPhase::Probing { since } = run.phase else {
        return None;
    };
    let health = run.service.health.as_ref()?;
    (!run.told_late).then_some(since + health.start_period)
}

/// Compares an image with what the live runs were given ahead of it, as soon as it is there and nothing is being copied.
pub(super) fn compare(service: &ServiceState) -> Option<Intent> {
    let is_made = matches!(service.build, BuildState::Built { .. }) && service.has_image();
    let is_copied = service.sync.is_none() && service.sync_queue.is_empty();
    let is_due = service.is_ahead() && service.ahead.comparing.is_none();
    (is_due && is_made && is_copied).then(|| Intent::Compare {
        service: service.service.name.clone(),
    })
}

/// Copies what waits to be synced, or says that saved files are served.
pub(super) fn saved_files(state: &State, service: &ServiceState) -> Option<Intent> {
    let name = || service.service.name.clone();
    let is_up = service.live().any(|run| run.phase.is_up());
    let may_sync = service.runtime == Some(Runtime::Container)
        && state.is_engine_connected()
        && service.sync.is_none()
        && is_up;
    if may_sync && !service.sync_queue.is_empty() {
        return Some(Intent::Sync { service: name() });
    }
    let generation = service.pending?.generation?;
    let has_room = is_up && !service.sync_queue.is_empty();
    let is_copied = service.sync.is_none() && !has_room;
    let is_served = is_copied && (service.has_completed() || service.is_all_current());
    (generation <= service.generation && is_served).then(|| Intent::GoLive { service: name() })
}
