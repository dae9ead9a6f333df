//! Edits that wait: collected while a person wants it so, and applied when asked for.

use super::super::turn::Turn;
use super::super::{
    Action, Change, Fate, Moment, Notice, ServiceState, State, WaitingEdits, waiting,
};
use super::{change, reload};
use crate::stack::{Runtime, ServiceName, Then, WatchMode};

/// Whether this is not to be acted upon yet. What needs no act, because a process uses its files where they are, is there
/// already.
pub(super) fn must_wait(service: &ServiceState, actions: &[Action], on_hold: bool) -> bool {
    let is_there = |action: &Action| {
        let then = Then::Nothing;
        matches!(action, Action::Sync { then: after, .. } if *after == then)
    };
    let needs_act = service.runtime != Some(Runtime::Process) || !actions.iter().all(is_there);
    needs_act && (on_hold || service.mode == WatchMode::Manual)
}

/// Keeps a change until somebody asks for it.
pub(super) fn collect(
    service: &mut ServiceState,
    change: &Change,
    actions: Vec<Action>,
    (on_hold, now): (bool, Moment),
    turn: &mut Turn,
) {
    service.changes.seen(change, now, Fate::Waiting);
    let collected = service
        .waiting
        .get_or_insert_with(|| WaitingEdits::new(change));
    collected.add(change, actions);
    turn.tell(Notice::EditsWait {
        service: Some(service.service.name.clone()),
        edits: collected.changes,
        why: if on_hold {
            HOLD
        } else {
            WatchMode::Manual.word()
        }
        .into(),
    });
}

/// The word for the pause of all services.
pub(super) const HOLD: &str = "hold";

/// Edits of all services wait from now on, or wait no longer.
pub(super) fn hold(state: &mut State, now: Moment, on: bool, turn: &mut Turn) {
    if state.is_smoke() || !state.is_running() || state.hold.is_some() == on {
        return;
    }
    state.hold = on.then_some(now);
    turn.tell(Notice::Mode {
        service: None,
        mode: if on { HOLD } else { WatchMode::Auto.word() }.into(),
    });
    if !on {
        reload_waiting(state, now, turn);
        for service in state.services.values_mut() {
            if service.mode == WatchMode::Auto {
                apply(service, now, turn);
            }
        }
    }
}

/// From now on the saved files of a service are acted upon at once, or when asked.
pub(super) fn set(
    state: &mut State,
    now: Moment,
    name: &ServiceName,
    mode: WatchMode,
    turn: &mut Turn,
) {
    let on_hold = state.hold.is_some();
    if !state.is_running() {
        return;
    }
    if let Some(service) = state.services.get_mut(name) {
        change_mode(service, mode, on_hold, now, turn);
    }
}

/// The same, wherever it was said: what waits is applied if nothing keeps it any more.
pub(super) fn change_mode(
    service: &mut ServiceState,
    mode: WatchMode,
    on_hold: bool,
    now: Moment,
    turn: &mut Turn,
) {
    if service.mode == mode {
        return;
    }
    service.mode = mode;
    turn.tell(Notice::Mode {
        service: Some(service.service.name.clone()),
        mode: mode.word().into(),
    });
    if mode == WatchMode::Auto && !on_hold {
        apply(service, now, turn);
    }
}

/// Applies what waits: of one service, or of all and of the stack file.
pub(super) fn flush(state: &mut State, now: Moment, name: Option<&ServiceName>, turn: &mut Turn) {
    if !state.is_running() {
        return;
    }
    if let Some(name) = name {
        if let Some(service) = state.services.get_mut(name) {
            apply(service, now, turn);
        }
        return;
    }
    reload_waiting(state, now, turn);
    for service in state.services.values_mut() {
        apply(service, now, turn);
    }
}

/// Acts upon what waits for one service, as if it had been saved now in one change.
pub(super) fn apply(service: &mut ServiceState, now: Moment, turn: &mut Turn) {
    if let Some((actions, edits)) = waiting::take(service, now, turn) {
        change::touch(service, &actions, edits, now, turn);
    }
}

/// Takes over the stack file as it was saved last while edits waited.
fn reload_waiting(state: &mut State, now: Moment, turn: &mut Turn) {
    if let Some(stack) = state.waiting_stack.take() {
        turn.tell(Notice::EditsApplied {
            service: None,
            edits: 1,
        });
        reload::take_over(state, now, stack, turn);
    }
}
