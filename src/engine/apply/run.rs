//! Facts about runs: started, could not be started, ended.

use std::time::Duration;

use super::super::decide::START_TRIES;
use super::super::turn::{Turn, millis};
use super::super::{
    Completion, Exit, Given, Moment, Notice, Place, QueuedSync, Run, RunId, RunPhase, ServiceState,
    StartFailure, State, Wanted,
};
use super::probe::becomes_ready;
use crate::stack::{RestartPolicy, Runtime, Then};

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
    service.starts += 1;
    let started = &service.runs[index];
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
    let given = service.runs[index].given;
    give_again(service, given);
}

/// A new container was given all that was ever synced into its predecessors before its program started. What came since is
/// copied into it now, and commands that were to follow are due once more. Saves that nothing else will bring are served as
/// soon as this run is ready.
fn give_again(service: &mut ServiceState, given: u64) {
    let was_given = service.runtime == Some(Runtime::Container) && !service.given.is_empty();
    let is_copying = service.sync.is_some() || !service.sync_queue.is_empty();
    let generation = service.generation;
    if let Some(pending) = &mut service.pending
        && (was_given || !is_copying)
    {
        pending.generation = Some(generation);
    }
    if !was_given {
        return;
    }
    let queued = |file: &&Given| {
        let mut copies = service.sync_queue.iter().flat_map(|queued| &queued.copies);
        copies.any(|copy| copy.to == file.copy.to)
    };
    let files: Vec<&Given> = service
        .given
        .values()
        .filter(|file| !queued(file))
        .collect();
    let mut due: Vec<QueuedSync> = Vec::new();
    for file in files {
        let is_new = file.giving > given;
        if !is_new && !matches!(file.then, Then::Exec(_)) {
            continue;
        }
        let same = due.iter().position(|queued| queued.then == file.then);
        let index = same.unwrap_or_else(|| {
            due.push(QueuedSync {
                copies: Vec::new(),
                then: file.then.clone(),
                edits: None,
            });
            due.len() - 1
        });
        due[index].copies.extend(is_new.then(|| file.copy.clone()));
    }
    service.sync_queue.extend(due);
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
    service.ends += 1;
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
    use std::sync::Arc;

    use super::*;
    use crate::engine::{Engine, Event, Options, RuntimeChoice};
    use crate::stack::{Condition, Service, Stack};

    #[test]
    fn starts_and_ends_are_counted_but_not_ends_that_were_asked_for() {
        let mut web = Service::named("web");
        web.run = Some(crate::stack::CommandWords::Shell("web".into()));
        let mut stack = Stack::default();
        stack.services.insert("web".into(), web);
        let options = Options {
            runtime: RuntimeChoice::Process,
            smoke: None,
        };
        let (mut engine, _, _) = Engine::new(Arc::new(stack), options);
        let place = Place::Process { pid: 7, port: 4000 };
        let mut now = Moment::START;
        for run in 1..=3 {
            now = now + Duration::from_secs(20);
            let (run, place) = (RunId(run), place.clone());
            engine.handle(now, Event::Deadline);
            engine.handle(now, Event::RunStarted { run, place });
            let service = &engine.state().services["web"];
            assert_eq!((service.starts, service.ends), (run.0, run.0 - 1));
            assert!(service.meets(Condition::Ready) && !service.meets(Condition::Completed));
            if run.0 < 3 {
                let exit = Exit::code(1);
                engine.handle(now, Event::RunExited { run, exit });
                assert!(!engine.state().services["web"].meets(Condition::Ready));
            }
        }
        let stop = crate::engine::Command::Stop {
            service: "web".into(),
        };
        engine.handle(now, Event::Command { command: stop });
        let (run, exit) = (RunId(3), Exit::code(0));
        engine.handle(now, Event::RunExited { run, exit });
        let service = &engine.state().services["web"];
        assert_eq!((service.starts, service.ends), (3, 2));
    }

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
