//! Services that are restarted with what they need (`restart = true` of an edge).

use std::collections::BTreeMap;

use super::intent::Intent;
use super::turn::Turn;
use super::{Notice, Run, RunPhase, ServiceState, State};
use crate::stack::ServiceName;

/// A service that was replaced since the runs of the one that follows it began.
pub(super) fn next(state: &State, service: &ServiceState) -> Option<Intent> {
    service.live().next()?;
    let was_replaced = |on: &&ServiceName| {
        let known = service.followed.get(*on);
        let settled = state.services.get(*on).and_then(settled);
        known.zip(settled).is_some_and(|(known, now)| *known < now)
    };
    let on = service.service.follows.iter().find(was_replaced)?;
    Some(Intent::Follow {
        service: service.service.name.clone(),
        on: on.clone(),
    })
}

/// Wants new runs because of that one.
pub(super) fn begin(state: &mut State, name: &ServiceName, on: ServiceName, turn: &mut Turn) {
    remember(state, name);
    if let Some(service) = state.services.get_mut(name) {
        service.want_new_runs();
        turn.tell(Notice::RestartFollows {
            service: name.clone(),
            on,
        });
    }
}

/// A run begins now: what serves at this moment is what it knows.
pub(super) fn remember(state: &mut State, name: &ServiceName) {
    let Some(service) = state.services.get(name) else {
        return;
    };
    let follows = service.service.follows.iter();
    let known: BTreeMap<ServiceName, u64> = follows
        .filter_map(|on| Some((on.clone(), serving(state.services.get(on)?))))
        .collect();
    if let Some(service) = state.services.get_mut(name) {
        service.followed = known;
    }
}

/// The generation that serves, of several the newest; the one to come where none does.
fn serving(needed: &ServiceState) -> u64 {
    let serving = needed.live().filter(|run| run.phase.is_serving());
    let done = needed.completed.iter().map(|done| done.generation);
    let known = serving.map(|run| run.generation).chain(done);
    known.max().unwrap_or(needed.generation)
}

/// The generation that serves alone, every replica of it.
fn settled(needed: &ServiceState) -> Option<u64> {
    if let Some(done) = &needed.completed {
        return done.exit.is_success().then_some(done.generation);
    }
    let is_ready = |run: &Run| matches!(run.phase, RunPhase::Ready { .. });
    let ready = needed.current().filter(|run| is_ready(run)).count();
    let is_alone = needed.live().count() == ready;
    (is_alone && ready >= needed.replicas()).then_some(needed.generation)
}
