//! Marks an intent as under way, gives it a number, and makes the effects that begin it.

use std::sync::Arc;

use super::intent::Intent;
use super::turn::{Turn, went_live};
use super::{
    BuildId, BuildState, CheckId, CheckProgress, Effect, Goal, LiveSummary, Moment, Notice, Phase,
    QueuedSync, Run, RunHealth, RunId, RunPhase, ServiceState, StartRun, State, SyncId, Syncing,
    Verdict, Wanted, faults, follow, route, waiting,
};
use crate::stack::{Runtime, ServiceName, Then};

/// The numbers given so far.
#[derive(Debug, Default)]
pub(super) struct Ids {
    builds: u64,
    runs: u64,
    syncs: u64,
    checks: u64,
}

fn next(counter: &mut u64) -> u64 {
    *counter += 1;
    *counter
}

/// Begins what the intent names.
pub(super) fn perform(
    state: &mut State,
    ids: &mut Ids,
    now: Moment,
    intent: Intent,
    turn: &mut Turn,
) {
    match intent {
        Intent::Prepare => prepare(state, turn),
        Intent::Resize => resize(state, turn),
        Intent::Solo => solo(state, turn),
        Intent::Faults => faults::tell(state, turn),
        Intent::Choose {
            service,
            runtime,
            why,
        } => with(state, &service, |service| {
            choose(service, runtime, why, turn);
        }),
        Intent::Build { service } => with(state, &service, |service| {
            build(service, BuildId(next(&mut ids.builds)), now, turn);
        }),
        Intent::CancelBuild { build, why } => cancel_build(state, build, why, turn),
        Intent::RefreshImage { service } => with(state, &service, refresh_image),
        Intent::Follow { service, on } => follow::begin(state, &service, on, turn),
        Intent::Start {
            service,
            replica,
            takes_over,
            replaces,
        } => {
            let run = RunId(next(&mut ids.runs));
            if let Some(old) = takes_over {
                stop(state, old, now, turn);
            }
            follow::remember(state, &service);
            with(state, &service, |service| {
                let wanted = (run, replica, takes_over.or(replaces));
                start(service, wanted, now, turn);
            });
        }
        Intent::Stop { run } => stop(state, run, now, turn),
        Intent::StopAgain { run } => stop_again(state, run, turn),
        Intent::Kill { run } => kill(state, run, now, turn),
        Intent::Probe { run } => probe(state, run, turn),
        Intent::Pace { run, calm } => pace(state, run, calm, turn),
        Intent::TellLate { run } => tell_late(state, run, turn),
        Intent::Sync { service } => with(state, &service, |service| {
            sync(service, SyncId(next(&mut ids.syncs)), now, turn);
        }),
        Intent::Compare { service } => with(state, &service, |service| {
            super::apply::compare(service, turn);
        }),
        Intent::GoLive { service } => with(state, &service, |service| go_live(service, now, turn)),
        Intent::Forget { service } => {
            state.services.shift_remove(&service);
            turn.ask(Effect::Forget { service });
        }
        Intent::Check { index } => check(state, index, CheckId(next(&mut ids.checks)), turn),
        Intent::Decide { verdict, why } => decide(state, now, verdict, why),
        Intent::End => end(state, turn),
    }
}

fn with(state: &mut State, name: &ServiceName, act: impl FnOnce(&mut ServiceState)) {
    if let Some(service) = state.services.get_mut(name) {
        act(service);
    }
}

fn solo(state: &mut State, turn: &mut Turn) {
    let on = state.solo.on;
    state.solo.told = on;
    turn.ask(Effect::SetSolo { on });
    turn.tell(Notice::Solo { on });
}

fn resize(state: &mut State, turn: &mut Turn) {
    state.terminal_told = true;
    turn.ask(Effect::Resize(state.terminal));
}

fn prepare(state: &mut State, turn: &mut Turn) {
    state.prepared = true;
    turn.ask(Effect::Prepare {
        stack: Arc::clone(&state.stack),
    });
}

fn choose(service: &mut ServiceState, runtime: Runtime, why: String, turn: &mut Turn) {
    service.runtime = Some(runtime);
    service.forgive_unless_completed();
    service.sync_queue.clear();
    service.ahead = super::Ahead::default();
    if service.building().is_none() {
        if !service.needs_build() {
            service.build = BuildState::NotNeeded;
        } else if !service.has_image() {
            service.build = BuildState::Wanted;
        }
    }
    turn.ask(Effect::UseRuntime {
        service: service.service.name.clone(),
        runtime,
    });
    turn.tell(Notice::RuntimeChosen {
        service: service.service.name.clone(),
        runtime: runtime.word().into(),
        why,
    });
}

fn build(service: &mut ServiceState, build: BuildId, now: Moment, turn: &mut Turn) {
    waiting::take_along(service, now, turn);
    if !service.is_ahead() {
        service.changes.build_began(build, now);
    }
    service.build = BuildState::Building {
        build,
        content: service.content,
        since: now,
        step: None,
        cancelling: false,
    };
    turn.tell(Notice::BuildStarted {
        service: service.service.name.clone(),
        build,
    });
    turn.ask(Effect::StartBuild {
        build,
        service: Arc::clone(&service.service),
        fresh: service.fresh,
    });
}

fn cancel_build(state: &mut State, id: BuildId, why: &str, turn: &mut Turn) {
    let Some(service) = state.find_build(id) else {
        return;
    };
    if let BuildState::Building { cancelling, .. } = &mut service.build {
        *cancelling = true;
    }
    turn.tell(Notice::BuildCancelled {
        service: service.service.name.clone(),
        build: id,
        why: why.to_owned(),
    });
    turn.ask(Effect::CancelBuild { build: id });
}

fn refresh_image(service: &mut ServiceState) {
    service.content += 1;
    service.image_lacks_sync = false;
}

fn start(
    service: &mut ServiceState,
    (id, replica, replaces): (RunId, u32, Option<RunId>),
    now: Moment,
    turn: &mut Turn,
) {
    let Some(runtime) = service.runtime else {
        return;
    };
    let image = match (&service.image, runtime) {
        (_, Runtime::Process) => None,
        (Some(made), Runtime::Container) if service.service.build.is_some() => {
            Some(made.name.clone())
        }
        (_, Runtime::Container) => service.service.image.clone(),
    };
    let of_same_kind = |old: &RunId| {
        let is_same = |run: &Run| run.id == *old && run.runtime == runtime;
        service.runs.iter().any(is_same)
    };
    let replaces = replaces.filter(of_same_kind);
    if runtime == Runtime::Process {
        waiting::take_along(service, now, turn);
    }
    service.runs.push(Run {
        id,
        replica,
        runtime,
        service: Arc::clone(&service.service),
        generation: service.generation,
        given: service.givings,
        asked: now,
        phase: RunPhase::Starting,
        place: None,
        ready_at: None,
        health: RunHealth::default(),
        probe: None,
        told_late: false,
        stop_again: false,
    });
    turn.ask(Effect::StartRun(StartRun {
        run: id,
        service: Arc::clone(&service.service),
        replica,
        runtime,
        image,
        replaces,
        given: service
            .given
            .values()
            .filter(|_| runtime == Runtime::Container)
            .map(|given| given.copy.clone())
            .collect(),
    }));
}

/// Requests are led elsewhere before the run is asked to stop.
fn leave(
    state: &mut State,
    id: RunId,
    now: Moment,
    killed: bool,
    turn: &mut Turn,
) -> Option<(std::time::Duration, bool)> {
    let is_running = state.is_running();
    let (service, index) = state.find_run(id)?;
    let goes_on = is_running && service.wanted == Wanted::Up;
    let run = &mut service.runs[index];
    run.phase = RunPhase::Stopping { since: now, killed };
    run.stop_again = false;
    run.probe = None;
    let grace = run.service.stop_grace_period;
    route::update(service, is_running, turn);
    Some((grace, goes_on))
}

fn stop(state: &mut State, run: RunId, now: Moment, turn: &mut Turn) {
    if let Some((grace, replaced)) = leave(state, run, now, false, turn) {
        turn.ask(Effect::StopRun {
            run,
            grace,
            replaced,
        });
    }
}

fn kill(state: &mut State, run: RunId, now: Moment, turn: &mut Turn) {
    if leave(state, run, now, true, turn).is_some() {
        turn.ask(Effect::KillRun { run });
    }
}

fn stop_again(state: &mut State, id: RunId, turn: &mut Turn) {
    let Some((service, index)) = state.find_run(id) else {
        return;
    };
    let run = &mut service.runs[index];
    run.stop_again = false;
    turn.ask(match run.phase {
        RunPhase::Stopping { killed: true, .. } => Effect::KillRun { run: id },
        _ => Effect::StopRun {
            run: id,
            grace: run.service.stop_grace_period,
            replaced: false,
        },
    });
}

fn probe(state: &mut State, id: RunId, turn: &mut Turn) {
    let Some((service, index)) = state.find_run(id) else {
        return;
    };
    let run = &mut service.runs[index];
    run.probe = run.service.health.clone().map(|health| (health, false));
    turn.ask(Effect::Probe {
        run: id,
        service: Arc::clone(&run.service),
    });
}

fn pace(state: &mut State, id: RunId, calm: bool, turn: &mut Turn) {
    if let Some((service, index)) = state.find_run(id)
        && let Some((_, paced)) = &mut service.runs[index].probe
    {
        *paced = calm;
        turn.ask(Effect::PaceProbe { run: id, calm });
    }
}

fn tell_late(state: &mut State, id: RunId, turn: &mut Turn) {
    let Some((service, index)) = state.find_run(id) else {
        return;
    };
    let run = &mut service.runs[index];
    run.told_late = true;
    turn.tell(Notice::Health {
        service: service.service.name.clone(),
        run: id,
        healthy: false,
        said: run.health.last_said(),
    });
}

/// Takes from the queue as many changes as are followed by the same thing, as one copying.
fn sync(service: &mut ServiceState, id: SyncId, now: Moment, turn: &mut Turn) {
    let Some(QueuedSync {
        mut copies,
        then,
        mut edits,
    }) = service.sync_queue.pop_front()
    else {
        return;
    };
    while service
        .sync_queue
        .front()
        .is_some_and(|more| more.then == then)
    {
        if let Some(more) = service.sync_queue.pop_front() {
            copies.retain(|copy| more.copies.iter().all(|newer| newer.to != copy.to));
            copies.extend(more.copies);
            edits = match (edits, more.edits) {
                (Some(earlier), Some(newer)) => Some(earlier.and_then(newer)),
                (earlier, newer) => newer.or(earlier),
            };
        }
    }
    if let Some(edits) = edits {
        service.changes.sync_began(edits.newest, now);
    }
    let up = |run: &&Run| run.phase.is_up();
    let runs: Vec<RunId> = service.live().filter(up).map(|run| run.id).collect();
    if then == Then::Restart {
        hold_for_restart(service, &runs, now, turn);
    }
    service.sync = Some(Syncing {
        sync: id,
        since: now,
        runs: runs.clone(),
        edits,
        generation: service.generation,
        then: then.clone(),
    });
    turn.ask(Effect::Sync {
        sync: id,
        runs,
        copies,
        then,
    });
}

/// Requests wait from before the program is ended until it is ready again.
fn hold_for_restart(service: &mut ServiceState, runs: &[RunId], now: Moment, turn: &mut Turn) {
    for run in &mut service.runs {
        if runs.contains(&run.id) {
            run.phase = RunPhase::Probing { since: now };
            run.forget_health();
        }
    }
    route::update(service, true, turn);
}

fn go_live(service: &mut ServiceState, now: Moment, turn: &mut Turn) {
    let Some(edits) = service.pending.take() else {
        return;
    };
    let newest = service.current().next_back().map(|run| run.id);
    let completed = service.completed.as_ref().map(|completion| completion.run);
    if let Some(run) = newest.or(completed) {
        went_live(service, edits, run, now, turn);
    }
}

fn check(state: &mut State, index: usize, id: CheckId, turn: &mut Turn) {
    let Goal::Smoke(smoke) = &mut state.goal else {
        return;
    };
    if let Some(check) = smoke.checks.get_mut(index) {
        check.tries += 1;
        check.progress = CheckProgress::Running { check: id };
        let spec = Arc::clone(&check.spec);
        // Its faults are in force before it begins.
        faults::tell(state, turn);
        turn.ask(Effect::RunCheck { check: id, spec });
    }
}

fn decide(state: &mut State, now: Moment, verdict: Verdict, why: Option<String>) {
    let Goal::Smoke(smoke) = &mut state.goal else {
        return;
    };
    smoke.verdict = Some((verdict, why));
    if !smoke.keep {
        state.wind_down(now, false);
    }
}

/// How fast changes went live, for each service that had any.
fn live_summaries(state: &State) -> Vec<LiveSummary> {
    let services = state.services.values();
    services.filter_map(ServiceState::live_summary).collect()
}

fn end(state: &mut State, turn: &mut Turn) {
    state.phase = Phase::Ended;
    let (verdict, why) = match &state.goal {
        Goal::Smoke(smoke) => smoke
            .verdict
            .clone()
            .unwrap_or((Verdict::Interrupted, None)),
        Goal::Serve => (Verdict::Passed, None),
    };
    turn.tell(Notice::SessionEnded {
        verdict,
        why,
        left_behind: Vec::new(),
        changes: live_summaries(state),
    });
}
