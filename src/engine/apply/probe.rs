//! Facts about the health of runs.

use super::super::turn::{Turn, millis};
use super::super::{Moment, Notice, ProbeAnswer, RunId, RunPhase, ServiceState, State};

/// How many answers of a run are kept for the health pane.
const HISTORY: usize = 120;

pub(super) fn answered(
    state: &mut State,
    now: Moment,
    run: RunId,
    answer: ProbeAnswer,
    turn: &mut Turn,
) {
    let Some((service, index)) = state.find_run(run) else {
        return;
    };
    let asked = &service.runs[index];
    if !asked.phase.is_up() || !asked.is_probed() || service.is_restarting(run) {
        return;
    }
    let healthy = answer.healthy;
    record(service, index, now, answer);
    if healthy {
        is_well(service, index, now, turn);
    } else {
        is_unwell(service, index, now, turn);
    }
}

fn record(service: &mut ServiceState, index: usize, now: Moment, answer: ProbeAnswer) {
    let health = &mut service.runs[index].health;
    health.asked += 1;
    health.failures = if answer.healthy {
        0
    } else {
        health.failures.saturating_add(1)
    };
    health.history.push_back((answer.healthy, answer.took));
    if health.history.len() > HISTORY {
        health.history.pop_front();
    }
    health.last = Some((now, answer));
}

fn is_well(service: &mut ServiceState, index: usize, now: Moment, turn: &mut Turn) {
    let run = &mut service.runs[index];
    match run.phase {
        RunPhase::Probing { .. } => {
            if std::mem::take(&mut run.told_late) {
                tell_health(service, index, true, turn);
            }
            becomes_ready(service, index, now, turn);
        }
        RunPhase::Unhealthy { .. } => {
            run.phase = RunPhase::Ready { since: now };
            tell_health(service, index, true, turn);
        }
        RunPhase::Ready { .. } | RunPhase::Starting | RunPhase::Stopping { .. } => {}
    }
}

fn is_unwell(service: &mut ServiceState, index: usize, now: Moment, turn: &mut Turn) {
    let run = &mut service.runs[index];
    let retries = run
        .service
        .health
        .as_ref()
        .map_or(1, |health| health.retries.max(1));
    let was_ready = matches!(run.phase, RunPhase::Ready { .. });
    if was_ready && run.health.failures >= retries {
        run.phase = RunPhase::Unhealthy { since: now };
        tell_health(service, index, false, turn);
    }
}

fn tell_health(service: &ServiceState, index: usize, healthy: bool, turn: &mut Turn) {
    let run = &service.runs[index];
    turn.tell(Notice::Health {
        service: service.service.name.clone(),
        run: run.id,
        healthy,
        said: run.health.last_said(),
    });
}

/// From now on the run takes requests.
pub(super) fn becomes_ready(
    service: &mut ServiceState,
    index: usize,
    now: Moment,
    turn: &mut Turn,
) {
    let run = &mut service.runs[index];
    // After a restart by a sync, it is that start which took so long.
    let asked = match run.phase {
        RunPhase::Probing { since } if run.ready_at.is_some() => since,
        _ => run.asked,
    };
    run.phase = RunPhase::Ready { since: now };
    run.ready_at.get_or_insert(now);
    turn.tell(Notice::RunReady {
        service: service.service.name.clone(),
        run: run.id,
        ms: millis(now.since(asked)),
    });
    if service.is_current(&service.runs[index]) {
        service.changes.run_ready(now);
    }
}
