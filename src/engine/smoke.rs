//! When a smoke test is decided, and which check comes next.

use super::apply::LONG_READY;
use super::decide::{START_TRIES, cannot_ever_run, is_about_to_change};
use super::{CheckProgress, Moment, RunPhase, ServiceState, Smoke, State, Verdict};
use crate::stack::ServiceName;

/// Ends in a row, before a run was ready, after which a smoke test waits no longer.
const ENDS: u32 = 3;

/// The verdict, if nothing can change it any more.
pub(super) fn verdict(
    state: &State,
    smoke: &Smoke,
    now: Moment,
) -> Option<(Verdict, Option<String>)> {
    if let Some(verdict) = of_checks(state, smoke, now) {
        return Some(verdict);
    }
    let fatal = state
        .services
        .iter()
        .find_map(|(name, service)| Some((name, fatal(state, name, service, now)?)));
    if let Some((name, why)) = fatal {
        return Some((Verdict::Failed, Some(format!("{name}: {why}"))));
    }
    (now >= smoke.deadline).then(|| (Verdict::Failed, Some(too_late(state, smoke, now))))
}

/// The next check to try, if every service is as it should be and no other check is being tried.
pub(super) fn next_check(state: &State, smoke: &Smoke, now: Moment) -> Option<usize> {
    if smoke.verdict.is_some() || !state.services.values().all(|service| is_up(service, now)) {
        return None;
    }
    let open = smoke
        .checks
        .iter()
        .position(|check| !matches!(check.progress, CheckProgress::Done { .. }))?;
    match smoke.checks[open].progress {
        CheckProgress::Waiting { not_before } if not_before <= now => Some(open),
        CheckProgress::Waiting { .. }
        | CheckProgress::Running { .. }
        | CheckProgress::Done { .. } => None,
    }
}

fn of_checks(state: &State, smoke: &Smoke, now: Moment) -> Option<(Verdict, Option<String>)> {
    let mut failed = Vec::new();
    for check in &smoke.checks {
        let CheckProgress::Done { outcome } = &check.progress else {
            return None;
        };
        if !outcome.failures.is_empty() {
            failed.push(check.spec.name.as_str());
        }
    }
    if !failed.is_empty() {
        let all = smoke.checks.len();
        let names = failed.join("; ");
        let why = format!("{} of {all} checks failed: {names}", failed.len());
        return Some((Verdict::Failed, Some(why)));
    }
    // A service that fell over while it was checked did not pass, whatever the answers were: it is waited for, or fatal.
    let all_up = state.services.values().all(|service| is_up(service, now));
    all_up.then_some((Verdict::Passed, None))
}

/// Ready in all its replicas, or completed; after a crash only once it has stayed ready for a while.
fn is_up(service: &ServiceState, now: Moment) -> bool {
    let is_ready = |phase| matches!(phase, RunPhase::Ready { .. });
    let ready = service.current().filter(|run| is_ready(run.phase)).count();
    let is_steady = steady_at(service).is_none_or(|steady| now >= steady);
    service.has_completed() || ready >= service.replicas() && is_steady
}

/// When a service that has crashed will have been ready for so long that it counts as up again.
pub(super) fn steady_at(service: &ServiceState) -> Option<Moment> {
    let crashed = service.crashes.count > 0;
    let ready_at = service.current().filter_map(|run| run.ready_at).max()?;
    crashed.then_some(ready_at + LONG_READY)
}

/// Why this service will not become ready, as far as that is certain.
fn fatal(state: &State, name: &ServiceName, service: &ServiceState, now: Moment) -> Option<String> {
    if let Some(why) = cannot_ever_run(state, service) {
        return Some(why);
    }
    if is_about_to_change(state, service) {
        return None;
    }
    if let super::BuildState::Failed {
        content, failure, ..
    } = &service.build
        && *content == service.content
        && service.needs_build()
    {
        return Some(format!("its build failed: {}", failure.message));
    }
    if let Some((_, failure)) = &service.start_failure
        && service.start_failures >= START_TRIES
    {
        return Some(format!("it cannot be started: {}", failure.message));
    }
    if let Some(completion) = &service.completed {
        let cause = completion.exit.cause();
        return (!completion.exit.is_success()).then(|| format!("it failed: {cause}"));
    }
    let ends = service.crashes.count;
    if ends > 0 && state.stack.is_job(name) {
        return Some(format!("it failed: {}", service.last_trouble()));
    }
    if ends >= ENDS && !is_up(service, now) {
        let cause = service.last_trouble();
        return Some(format!(
            "it ended {ends} times before it was ready: {cause}"
        ));
    }
    service.runs.iter().find_map(|run| never_healthy(run, now))
}

fn never_healthy(run: &super::Run, now: Moment) -> Option<String> {
    let RunPhase::Probing { since } = run.phase else {
        return None;
    };
    let period = run.service.health.as_ref()?.start_period;
    let said = run.health.last_said();
    let seconds = period.as_secs_f64();
    (now >= since + period)
        .then(|| format!("not healthy {seconds} s after its start; its probe last said: {said}"))
}

fn too_late(state: &State, smoke: &Smoke, now: Moment) -> String {
    let seconds = smoke.time.as_secs_f64();
    let missing: Vec<String> = state
        .services
        .iter()
        .filter(|(_, service)| !is_up(service, now))
        .map(|(name, service)| format!("{name} {}", service.waiting_words()))
        .collect();
    if missing.is_empty() {
        return format!("the checks were not done after {seconds} s");
    }
    format!("not ready after {seconds} s: {}", missing.join("; "))
}
