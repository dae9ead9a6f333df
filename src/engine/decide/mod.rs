//! Names the one thing to do next, or what each service waits for. Looks at the state alone and changes nothing.

mod build;
mod chores;
mod dependency;
mod place;
mod runtime;
mod wind_down;

use super::intent::Intent;
use super::{Goal, Hold, Moment, Phase, ServiceState, State, Wanted, faults, follow, smoke};
use crate::stack::ServiceName;

pub(super) use chores::late_at;
pub(super) use dependency::is_met;
pub(super) use place::START_TRIES;
pub(super) use runtime::{cannot_ever_run, is_about_to_change};

/// What each service waits for, if it waits.
pub(super) type Holds = Vec<(ServiceName, Option<Hold>)>;

/// What to do next.
#[derive(Debug)]
pub(super) enum Next {
    /// This, and then ask again.
    Do(Intent),
    /// Nothing: each service is settled, has something under way, or is held.
    Rest(Holds),
}

/// What one service needs.
enum Step {
    Do(Intent),
    Rest(Option<Hold>),
}

/// Looks at the state and names the one thing to do next.
pub(super) fn next(state: &State, now: Moment) -> Next {
    if state.phase == Phase::Ended {
        return Next::Rest(Vec::new());
    }
    if !state.prepared && state.is_running() {
        return Next::Do(Intent::Prepare);
    }
    // Before anything is started: what is started now begins at the new size.
    if !state.terminal_told {
        return Next::Do(Intent::Resize);
    }
    if state.solo.on != state.solo.told {
        return Next::Do(Intent::Solo);
    }
    if !faults::are_told(state) {
        return Next::Do(Intent::Faults);
    }
    if let Some(intent) = verdict(state, now) {
        return Next::Do(intent);
    }
    let mut holds = Vec::with_capacity(state.services.len());
    for (name, service) in &state.services {
        match step(state, service, now) {
            Step::Do(intent) => return Next::Do(intent),
            Step::Rest(hold) => holds.push((name.clone(), hold)),
        }
    }
    if let Some(intent) = last_of_all(state, now) {
        return Next::Do(intent);
    }
    Next::Rest(holds)
}

/// The verdict of a smoke test, as soon as nothing can change it.
fn verdict(state: &State, now: Moment) -> Option<Intent> {
    match &state.goal {
        Goal::Smoke(smoke) if state.is_running() && smoke.verdict.is_none() => {
            let (verdict, why) = smoke::verdict(state, smoke, now)?;
            Some(Intent::Decide { verdict, why })
        }
        Goal::Smoke(_) | Goal::Serve => None,
    }
}

/// What is to be done once no service has anything to do.
fn last_of_all(state: &State, now: Moment) -> Option<Intent> {
    if !state.is_running() {
        let is_empty =
            |service: &ServiceState| service.runs.is_empty() && service.building().is_none();
        return state.services.values().all(is_empty).then_some(Intent::End);
    }
    match &state.goal {
        Goal::Smoke(smoke) => {
            smoke::next_check(state, smoke, now).map(|index| Intent::Check { index })
        }
        Goal::Serve => None,
    }
}

fn step(state: &State, service: &ServiceState, now: Moment) -> Step {
    if let Some(chore) = chores::next(service, now) {
        return Step::Do(chore);
    }
    match service.wanted {
        Wanted::Up => keep_up(state, service, now),
        Wanted::Stopped | Wanted::Removed => wind_down::step(state, service),
    }
}

fn keep_up(state: &State, service: &ServiceState, now: Moment) -> Step {
    if let Some(step) = runtime::step(state, service) {
        return step;
    }
    if let Some(cancel) = build::overtaken(service) {
        return Step::Do(cancel);
    }
    if let Some(intent) = chores::saved_files(state, service) {
        return Step::Do(intent);
    }
    if let Some(intent) = chores::compare(service) {
        return Step::Do(intent);
    }
    if let Some(completion) = &service.completed {
        return ended(service, completion);
    }
    if let Some(intent) = follow::next(state, service) {
        return Step::Do(intent);
    }
    if let Some(step) = build::step(state, service) {
        return step;
    }
    place::step(state, service, now)
}

/// A service that has ended and is not started again by itself.
fn ended(service: &ServiceState, completion: &super::Completion) -> Step {
    if let Some(old) = service.outdated().next() {
        return Step::Do(Intent::Stop { run: old.id });
    }
    let failed = || Hold::Ended {
        cause: completion.exit.cause(),
        has_sources: service.service.has_sources(),
    };
    Step::Rest((!completion.exit.is_success()).then(failed))
}
