//! What people and programs asked for. Unknown services are ignored: they may have left the stack meanwhile.

use super::super::turn::Turn;
use super::super::{
    Command, Effect, Goal, Inside, Moment, Phase, ServiceState, State, Verdict, Wanted, faults,
};
use super::mode;
use crate::stack::{Runtime, ServiceName};

pub(super) fn given(state: &mut State, now: Moment, command: Command, turn: &mut Turn) {
    match command {
        Command::Quit => {
            let is_second = matches!(state.phase, Phase::Stopping { .. });
            quit(state, now, is_second);
        }
        Command::Kill => quit(state, now, true),
        Command::Resize(size) => {
            state.terminal_told &= state.terminal == size;
            state.terminal = size;
        }
        Command::Restart { service } => with(state, &service, |service| {
            mode::apply(service, now, turn);
            restart(service);
        }),
        Command::Rebuild { service } => with(state, &service, |service| {
            mode::apply(service, now, turn);
            rebuild(service);
        }),
        Command::Stop { service } => with(state, &service, |service| {
            service.wanted = Wanted::Stopped;
        }),
        Command::Start { service } => with(state, &service, |service| {
            mode::apply(service, now, turn);
            service.wanted = Wanted::Up;
            service.forgive();
        }),
        Command::Hold { on } => mode::hold(state, now, on, turn),
        Command::SetMode { service, mode } => mode::set(state, now, &service, mode, turn),
        Command::Solo { on } => state.solo.on = on && state.is_running(),
        Command::SetFault { service, fault } => faults::set(state, &service, fault),
        Command::ClearFaults { service, from } => faults::clear(state, &service, from),
        Command::Replay {
            trace,
            span,
            request,
        } if state.is_running() => turn.ask(Effect::Replay {
            trace,
            span,
            request,
        }),
        Command::SaveCheck { check } => turn.ask(Effect::SaveCheck { check }),
        Command::Export {
            traces,
            format,
            file,
        } => turn.ask(Effect::Export {
            traces,
            format,
            file,
        }),
        Command::GoInside { service, what } => go_inside(state, service, what, turn),
        // What is being stopped is not asked any more.
        Command::Replay { .. } => {}
        Command::Flush { service } => mode::flush(state, now, service.as_ref(), turn),
    }
}

/// Into the newest run; whoever asks sees that there is none.
fn go_inside(state: &State, service: ServiceName, what: Inside, turn: &mut Turn) {
    let known = state.services.get(&service);
    if let Some(run) = known.and_then(ServiceState::entrance) {
        let run = run.id;
        turn.ask(Effect::GoInside { service, run, what });
    }
}

fn with(state: &mut State, name: &ServiceName, act: impl FnOnce(&mut ServiceState)) {
    if !state.is_running() {
        return;
    }
    let service = state.services.get_mut(name);
    if let Some(service) = service.filter(|service| service.wanted != Wanted::Removed) {
        act(service);
    }
}

fn restart(service: &mut ServiceState) {
    service.wanted = Wanted::Up;
    service.want_new_runs();
}

/// A rebuild asked for by hand also gives a container another chance where a process had to stand in.
fn rebuild(service: &mut ServiceState) {
    service.wanted = Wanted::Up;
    if service.service.has_image() && service.runtime == Some(Runtime::Process) {
        service.no_container = None;
        service.runtime = None;
    }
    if service.service.build.is_some() {
        service.fresh = true;
        service.want_new_image();
    } else {
        service.want_new_runs();
    }
}

/// A smoke test that is ended before it is decided was interrupted.
fn quit(state: &mut State, now: Moment, kill: bool) {
    if let Goal::Smoke(smoke) = &mut state.goal
        && smoke.verdict.is_none()
    {
        smoke.verdict = Some((Verdict::Interrupted, None));
    }
    state.wind_down(now, kill);
}
