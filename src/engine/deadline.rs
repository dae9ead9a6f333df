//! When something happens by the mere passing of time.

use super::decide::late_at;
use super::smoke::steady_at;
use super::{CheckProgress, Goal, Moment, ServiceState, Smoke, State, Wanted};

/// The earliest moment after `now` at which the engine may have something to do although nothing happened.
pub(super) fn next(state: &State, now: Moment) -> Option<Moment> {
    if !state.is_running() {
        return None;
    }
    let services = state
        .services
        .values()
        .filter(|service| service.wanted == Wanted::Up)
        .flat_map(of_service);
    let smoke = match &state.goal {
        Goal::Smoke(smoke) if smoke.verdict.is_none() => of_smoke(state, smoke),
        Goal::Smoke(_) | Goal::Serve => Vec::new(),
    };
    services.chain(smoke).filter(|moment| *moment > now).min()
}

fn of_service(service: &ServiceState) -> impl Iterator<Item = Moment> + '_ {
    let backoff = service.crashes.not_before;
    backoff
        .into_iter()
        .chain(service.runs.iter().filter_map(late_at))
}

fn of_smoke(state: &State, smoke: &Smoke) -> Vec<Moment> {
    let checks = smoke
        .checks
        .iter()
        .filter_map(|check| match check.progress {
            CheckProgress::Waiting { not_before } => Some(not_before),
            CheckProgress::Running { .. } | CheckProgress::Done { .. } => None,
        });
    let steady = state.services.values().filter_map(steady_at);
    checks.chain(steady).chain([smoke.deadline]).collect()
}
