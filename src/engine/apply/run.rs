//! Facts about runs: started, could not be started, ended.

use std::time::Duration;

use super::super::decide::START_TRIES;
use super::super::turn::{Turn, millis};
use super::super::{
    Completion, Exit, Moment, Notice, Place, QueuedSync, Run, RunId, RunPhase, ServiceState,
    StartFailure, State, Wanted,
};
use super::probe::becomes_ready;
use crate::stack::{RestartPolicy, Runtime};

/// Ends in a row after which a service is left alone.
const ENDS: u32 = 8;
/// A run that was ready this long did not fail to start: the ends before it are forgotten.
pub(in super::super) const LONG_READY: Duration = Duration::from_secs(10);
/// The longest delay before another start.
const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// The program runs. A late word about a run that was asked to stop meanwhile does not revive it.
pub(super) fn started(state: &mut State, now: Moment, run: RunId, place: Place, turn: &mut Turn) {
    let Some((service, index)) = state.find_run(run) else {
        return;
    };
    let started = &mut service.runs[index];
    if started.place.is_some() {
        return;
    }
    turn.tell(Notice::RunStarted {
        service: service.service.name.clone(),
        run,
        runtime: started.runtime.word().into(),
        place: place.shown(),
    });
    started.place = Some(place);
    if started.phase != RunPhase::Starting {
        return;
    }
    service.start_failures = 0;
    service.start_failure = None;
    if service.is_current(&service.runs[index]) {
        service.changes.run_started(now);
    }
    if service.runs[index].is_probed() {
        service.runs[index].phase = RunPhase::Probing { since: now };
    } else {
        becomes_ready(service, index, now, turn);
    }
    give_again(service);
}

/// A new container of an image that is not of our making lacks all that was ever synced into its predecessors.
///
/// Saves that nothing else will bring are served as soon as this run is ready and has been given its files.
fn give_again(service: &mut ServiceState) {
    let lacks_files = service.runtime == Some(Runtime::Container) && !service.given.is_empty();
    let is_copying = service.sync.is_some() || !service.sync_queue.is_empty();
    let generation = service.generation;
    if let Some(pending) = &mut service.pending
        && (lacks_files || !is_copying)
    {
        pending.generation = Some(generation);
    }
    if !lacks_files {
        return;
    }
    service.sync_queue.clear();
    let mut kinds: Vec<&crate::stack::Then> = Vec::new();
    for (_, then) in service.given.values() {
        if !kinds.contains(&then) {
            kinds.push(then);
        }
    }
    for kind in kinds {
        let mine = service.given.values().filter(|(_, then)| then == kind);
        service.sync_queue.push_back(QueuedSync {
            copies: mine.map(|(copy, _)| copy.clone()).collect(),
            then: kind.clone(),
            edits: None,
        });
    }
}

/// A run could not be started: nothing of it is left.
pub(super) fn failed(
    state: &mut State,
    now: Moment,
    run: RunId,
    why: StartFailure,
    turn: &mut Turn,
) {
    let Some((service, index)) = state.find_run(run) else {
        return;
    };
    if service.runs[index].phase.is_up() {
        return;
    }
    let gone = service.runs.remove(index);
    turn.tell(Notice::RunFailed {
        service: service.service.name.clone(),
        run,
        message: why.message.clone(),
    });
    if gone.phase.is_stopping() || !service.is_current(&gone) {
        return;
    }
    if let Some(image) = &why.missing_image {
        service.no_container = Some(format!("its image {image} cannot be had"));
    }
    service.start_failures += 1;
    if service.start_failures >= START_TRIES {
        service.changes.failed(now, &why.message);
    }
    service.start_failure = Some((now, why));
    if service.start_failures < START_TRIES {
        let attempt = service.start_failures;
        again_later(service, attempt, now, turn);
    }
}

pub(super) fn exited(state: &mut State, now: Moment, run: RunId, exit: Exit, turn: &mut Turn) {
    let Some((service, index)) = state.find_run(run) else {
        return;
    };
    let name = service.service.name.clone();
    let gone = service.runs.remove(index);
    turn.tell(Notice::RunExited {
        service: name.clone(),
        run,
        code: exit.code,
        signal: exit.signal.clone(),
        cause: exit.cause(),
        expected: gone.phase.is_stopping(),
        last_lines: exit.last_lines.clone(),
    });
    if gone.phase.is_stopping() {
        return;
    }
    let is_job = state.stack.is_job(&name);
    if let Some(service) = state.services.get_mut(&name) {
        ended_by_itself(service, is_job, &gone, exit, now, turn);
    }
}

fn ended_by_itself(
    service: &mut ServiceState,
    is_job: bool,
    gone: &Run,
    exit: Exit,
    now: Moment,
    turn: &mut Turn,
) {
    service.last_exit = Some((now, gone.id, exit.clone()));
    if !service.is_current(gone) || service.wanted != Wanted::Up {
        return;
    }
    let policy = service.service.restart;
    let is_done = match (exit.is_success(), policy) {
        (true, RestartPolicy::Always) => is_job,
        (true, RestartPolicy::OnFailure | RestartPolicy::No) | (false, RestartPolicy::No) => true,
        (false, RestartPolicy::OnFailure | RestartPolicy::Always) => false,
    };
    let lacks_saves = service.sync.is_some() || !service.sync_queue.is_empty();
    if is_done && lacks_saves && service.service.build.is_some() {
        // It ended before it was given what was saved last, so that its end does not count: a new image has it.
        return service.want_new_image();
    }
    if is_done {
        if !exit.is_success() {
            service.changes.failed(now, &exit.cause());
        }
        service.completed = Some(Completion {
            at: now,
            run: gone.id,
            generation: gone.generation,
            exit,
        });
        return;
    }
    crashed(service, gone, now, turn);
}

fn crashed(service: &mut ServiceState, gone: &Run, now: Moment, turn: &mut Turn) {
    let was_long_ready = gone
        .ready_at
        .is_some_and(|ready| now.since(ready) >= LONG_READY);
    if was_long_ready {
        service.crashes.count = 0;
    }
    service.crashes.count += 1;
    let attempts = service.crashes.count;
    if attempts >= ENDS {
        service.crashes.gave_up = true;
        let cause = service.last_trouble();
        service.changes.failed(now, &cause);
        turn.tell(Notice::GaveUp {
            service: service.service.name.clone(),
            attempts,
        });
        return;
    }
    again_later(service, attempts, now, turn);
}

fn again_later(service: &mut ServiceState, attempt: u32, now: Moment, turn: &mut Turn) {
    let delay = backoff(attempt);
    service.crashes.not_before = Some(now + delay);
    turn.tell(Notice::RestartScheduled {
        service: service.service.name.clone(),
        attempt,
        ms: millis(delay),
    });
}

/// 0.5 s after the first end, twice as long after each further one, and 10 s at most.
fn backoff(attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(10);
    (Duration::from_millis(500) * 2_u32.pow(doublings)).min(LONGEST_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_ten_seconds() {
        let delays: Vec<u128> = (1..=8).map(|n| backoff(n).as_millis()).collect();
        assert_eq!(
            delays,
            [500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]
        );
        assert_eq!(backoff(u32::MAX), LONGEST_DELAY);
    }
}
