//! Stopping a service: by hand, because it left the stack, or because the session ends.

use super::super::intent::Intent;
use super::super::{BuildState, Hold, Phase, RunPhase, ServiceState, State, Wanted};
use super::Step;

pub(super) fn step(state: &State, service: &ServiceState) -> Step {
    if let Some(intent) = next(state, service) {
        return Step::Do(intent);
    }
    Step::Rest(hold(state, service))
}

fn next(state: &State, service: &ServiceState) -> Option<Intent> {
    if let BuildState::Building {
        build,
        cancelling: false,
        ..
    } = service.build
    {
        let why = match (state.phase, service.wanted) {
            (Phase::Running, Wanted::Removed) => "the service left the stack",
            (Phase::Running, _) => "the service was stopped",
            (Phase::Stopping { .. } | Phase::Ended, _) => "the session ends",
        };
        return Some(Intent::CancelBuild { build, why });
    }
    if matches!(state.phase, Phase::Stopping { kill: true, .. }) {
        return to_kill(service);
    }
    if let Some(run) = service.live().next() {
        let may_stop = state.is_running() || dependents(state, service).is_none();
        return may_stop.then_some(Intent::Stop { run: run.id });
    }
    let is_gone = service.runs.is_empty() && service.building().is_none();
    let is_removed = service.wanted == Wanted::Removed && state.is_running();
    (is_gone && is_removed).then(|| Intent::Forget {
        service: service.service.name.clone(),
    })
}

fn to_kill(service: &ServiceState) -> Option<Intent> {
    let is_killed = |phase| matches!(phase, RunPhase::Stopping { killed: true, .. });
    service
        .runs
        .iter()
        .find(|run| !is_killed(run.phase))
        .map(|run| Intent::Kill { run: run.id })
}

fn hold(state: &State, service: &ServiceState) -> Option<Hold> {
    if !state.is_running() {
        return service
            .live()
            .next()
            .and_then(|_| dependents(state, service));
    }
    (service.wanted == Wanted::Stopped && service.runs.is_empty()).then_some(Hold::Stopped)
}

fn dependents(state: &State, service: &ServiceState) -> Option<Hold> {
    let first = state.live_dependent(&service.service.name)?.clone();
    Some(Hold::Dependents { first })
}
