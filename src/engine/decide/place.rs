//! Which run to start or to stop, so that the wanted number of runs has the newest content.

use super::super::intent::Intent;
use super::super::{Hold, Moment, Run, ServiceState, State};
use super::{Step, dependency, runtime};
use crate::stack::{Runtime, Swap};

/// Starts in a row that may fail before the service is left alone.
pub(in super::super) const START_TRIES: u32 = 3;
/// How many runs that were asked to stop may still be there while another one starts in their place.
const LEAVING: usize = 2;

pub(super) fn step(state: &State, service: &ServiceState, now: Moment) -> Step {
    if let Some(run) = surplus(service) {
        return Step::Do(Intent::Stop { run });
    }
    let Some(replica) = free_replica(service) else {
        return Step::Rest(None);
    };
    if let Some(hold) = own_hold(service) {
        return Step::Rest(Some(hold));
    }
    if service.image_lacks_sync && service.needs_build() {
        return Step::Do(Intent::RefreshImage {
            service: service.service.name.clone(),
        });
    }
    if let Some(hold) = hold(state, service, now) {
        return Step::Rest(Some(hold));
    }
    start(service, replica)
}

/// A live run that is not needed any more: one too many, or an old one whose successor takes requests.
fn surplus(service: &ServiceState) -> Option<super::super::RunId> {
    let replicas = service.replicas();
    let extra = service
        .current()
        .rev()
        .find(|run| run.replica as usize >= replicas);
    let serving = |run: &&Run| run.phase.is_serving();
    let successors = service.current().filter(serving).count();
    let is_replaced = successors + service.outdated().filter(serving).count() > replicas;
    let old = || service.outdated().find(serving).filter(|_| is_replaced);
    let stale = || service.outdated().next().filter(|_| successors >= replicas);
    extra.or_else(old).or_else(stale).map(|run| run.id)
}

fn free_replica(service: &ServiceState) -> Option<u32> {
    let replicas = u32::try_from(service.replicas()).unwrap_or(u32::MAX);
    (0..replicas).find(|replica| service.current().all(|run| run.replica != *replica))
}

/// Why nothing more is tried until somebody does something.
fn own_hold(service: &ServiceState) -> Option<Hold> {
    if service.crashes.gave_up {
        let attempts = service.crashes.count;
        let has_sources = service.service.has_sources();
        return Some(Hold::GaveUp {
            attempts,
            has_sources,
        });
    }
    if service.start_failures >= START_TRIES {
        let message = service
            .start_failure
            .as_ref()
            .map_or_else(String::new, |(_, failure)| failure.message.clone());
        return Some(Hold::CannotStart { message });
    }
    None
}

fn hold(state: &State, service: &ServiceState, now: Moment) -> Option<Hold> {
    if service.runtime == Some(Runtime::Container)
        && let Some(hold) = runtime::engine_hold(&state.engine_link)
    {
        return Some(hold);
    }
    if let Some(until) = service.crashes.not_before
        && until > now
    {
        let cause = service.last_trouble();
        return Some(Hold::Backoff { until, cause });
    }
    if service.awaits_files() {
        return Some(Hold::Files);
    }
    dependency::hold(state, service)
}

fn start(service: &ServiceState, replica: u32) -> Step {
    let Some(runtime) = service.runtime else {
        return Step::Rest(None);
    };
    match service.service.swap(runtime) {
        Swap::Overlap => overlap(service, replica),
        // Its name and address stay, so the old one goes on serving until the new one is ready.
        Swap::Handover if predecessor(service, replica).is_some_and(Run::is_kept) => {
            overlap(service, replica)
        }
        Swap::Handover => handover(service, replica, runtime),
        Swap::Exclusive => exclusive(service, replica),
    }
}

/// The new run starts beside the old ones: one more than there are replicas at most.
fn overlap(service: &ServiceState, replica: u32) -> Step {
    if let Some(stale) = service.outdated().find(|run| !run.phase.is_serving()) {
        return Step::Do(Intent::Stop { run: stale.id });
    }
    let live = service.live().count();
    if live > service.replicas() {
        return Step::Rest(None);
    }
    if service.runs.len() > service.replicas() + LEAVING {
        return Step::Rest(Some(Hold::OldRun));
    }
    Step::Do(begin(service, replica, None, None))
}

/// The new run starts in the moment in which the old one is asked to stop.
fn handover(service: &ServiceState, replica: u32, runtime: Runtime) -> Step {
    if let Some(old) = predecessor(service, replica) {
        if must_roll(service, old) {
            return Step::Rest(None);
        }
        if leaving_at(service, replica).count() >= LEAVING {
            return Step::Rest(Some(Hold::OldRun));
        }
        return Step::Do(begin(service, replica, Some(old.id), None));
    }
    if leaving_at(service, replica).count() > LEAVING {
        return Step::Rest(Some(Hold::OldRun));
    }
    let leaving = leaving_at(service, replica).rfind(|run| run.runtime == runtime);
    Step::Do(begin(service, replica, None, leaving.map(|run| run.id)))
}

/// The old run has ended before the new one starts.
fn exclusive(service: &ServiceState, replica: u32) -> Step {
    if let Some(old) = predecessor(service, replica) {
        if must_roll(service, old) {
            return Step::Rest(None);
        }
        return Step::Do(Intent::Stop { run: old.id });
    }
    let is_taken = leaving_at(service, replica).next().is_some();
    if is_taken || service.runs.len() >= service.replicas() {
        return Step::Rest(Some(Hold::OldRun));
    }
    Step::Do(begin(service, replica, None, None))
}

/// Whether a serving run must wait for its turn, because a successor of another replica is not ready yet.
fn must_roll(service: &ServiceState, old: &Run) -> bool {
    old.phase.is_serving() && service.current().any(|run| !run.phase.is_serving())
}

/// The run whose place a new one takes: that of the same replica; or any old one, when there are enough runs already
/// (a service that could overlap before, and cannot now, may have two of one replica and none of another).
fn predecessor(service: &ServiceState, replica: u32) -> Option<&Run> {
    let same = service.outdated().find(|run| run.replica == replica);
    let is_full = service.live().count() >= service.replicas();
    let idle = || service.outdated().find(|run| !run.phase.is_serving());
    let any = || idle().or_else(|| service.outdated().next());
    same.or_else(|| any().filter(|_| is_full))
}

fn leaving_at(service: &ServiceState, replica: u32) -> impl DoubleEndedIterator<Item = &Run> {
    service
        .runs
        .iter()
        .filter(move |run| run.replica == replica && run.phase.is_stopping())
}

fn begin(
    service: &ServiceState,
    replica: u32,
    takes_over: Option<super::super::RunId>,
    replaces: Option<super::super::RunId>,
) -> Intent {
    Intent::Start {
        service: service.service.name.clone(),
        replica,
        takes_over,
        replaces,
    }
}
