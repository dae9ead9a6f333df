//! The stack file was saved: applies the difference and touches nothing else.

use std::sync::Arc;

use indexmap::IndexMap;

use super::super::turn::Turn;
use super::super::{Moment, Notice, RunPhase, ServiceState, State, Wanted};
use super::mode;
use super::probe::becomes_ready;
use crate::stack::{Protocol, Runtime, Service, ServiceName, Stack};

/// The file is wrong: the old stack stays.
pub(super) fn refused(state: &mut State, problems: Vec<String>, turn: &mut Turn) {
    if !state.is_running() {
        return;
    }
    state.stack_problems.clone_from(&problems);
    turn.tell(Notice::StackRefused { problems });
}

/// The file is right. A smoke test goes on with the stack it began with.
pub(super) fn reloaded(state: &mut State, now: Moment, stack: Arc<Stack>, turn: &mut Turn) {
    if state.is_smoke() || !state.is_running() {
        return;
    }
    state.stack_problems.clear();
    if state.hold.is_some() {
        state.waiting_stack = Some(stack);
        return turn.tell(Notice::EditsWait {
            service: None,
            edits: 1,
            why: mode::HOLD.into(),
        });
    }
    take_over(state, now, stack, turn);
}

/// Applies the difference between the stack and this one.
pub(super) fn take_over(state: &mut State, now: Moment, stack: Arc<Stack>, turn: &mut Turn) {
    let on_hold = state.hold.is_some();
    let mut before = std::mem::take(&mut state.services);
    let mut added = Vec::new();
    let mut changed = Vec::new();
    for (name, definition) in &stack.services {
        let service = match before.shift_remove(name) {
            None => {
                added.push(name.clone());
                ServiceState::new(Arc::new(definition.clone()))
            }
            Some(mut known) => {
                take_back(&mut known, &mut added);
                if known.service.faults != definition.faults {
                    // What was saved last counts.
                    state.faults.forget(name);
                }
                if *known.service != *definition {
                    changed.push(name.clone());
                    let said = known.service.watch_mode;
                    redefine(&mut known, definition.clone(), now, turn);
                    if said != definition.watch_mode {
                        mode::change_mode(&mut known, definition.watch_mode, on_hold, now, turn);
                    }
                }
                known
            }
        };
        state.services.insert(name.clone(), service);
    }
    let removed = remove(before, &mut state.services);
    state.stack = stack;
    state.prepared = false;
    turn.tell(Notice::StackReloaded {
        added,
        removed,
        changed,
    });
}

/// A service that had left and is being stopped comes back.
fn take_back(service: &mut ServiceState, added: &mut Vec<ServiceName>) {
    if service.wanted == Wanted::Removed {
        service.wanted = Wanted::Up;
        service.forgive();
        added.push(service.service.name.clone());
    }
}

/// What is not in the file any more goes to the end of the list and is stopped.
fn remove(
    gone: IndexMap<ServiceName, ServiceState>,
    services: &mut IndexMap<ServiceName, ServiceState>,
) -> Vec<ServiceName> {
    let mut removed = Vec::new();
    for (name, mut service) in gone {
        if service.wanted != Wanted::Removed {
            removed.push(name.clone());
        }
        service.wanted = Wanted::Removed;
        service.pending = None;
        service.waiting = None;
        service.changes.forget();
        service.sync_queue.clear();
        services.insert(name, service);
    }
    removed
}

fn redefine(service: &mut ServiceState, definition: Service, now: Moment, turn: &mut Turn) {
    let old = Arc::clone(&service.service);
    let runtime = service.runtime;
    let ways = |service: &Service| (service.has_image(), service.run.is_some());
    if ways(&old) != ways(&definition) {
        service.runtime = None;
        service.no_container = None;
    }
    if old.watch != definition.watch || old.build.is_some() != definition.build.is_some() {
        // What is watched for it is looked for anew, and told.
        service.found = false;
        service.given.clear();
    }
    service.service = Arc::new(definition);
    let new = Arc::clone(&service.service);
    let runs_as_process = runtime == Some(Runtime::Process);
    if old.build != new.build && !runs_as_process {
        return service.want_new_image();
    }
    if run_part(&old, runtime) != run_part(&new, runtime) {
        return service.want_new_runs();
    }
    service.forgive_unless_completed();
    for index in 0..service.runs.len() {
        let is_restarting = service.is_restarting(service.runs[index].id);
        let run = &mut service.runs[index];
        run.service = Arc::clone(&new);
        let waits =
            !is_restarting && run.phase.is_up() && !matches!(run.phase, RunPhase::Ready { .. });
        if new.health.is_none() && waits {
            becomes_ready(service, index, now, turn);
        }
    }
}

/// What of a definition a run is made of: when this differs, a new run is needed.
///
/// Left out is what the session, the relay or the engine look up whenever they need it: watch rules, front doors,
/// probes, dependencies, the number of replicas, what happens after an end, and what concerns the other runtime only.
fn run_part(service: &Service, runtime: Option<Runtime>) -> (Service, Option<u16>) {
    let port = service.port();
    let neutral = Service::named(service.name.clone());
    let mut rest = service.clone();
    rest.watch.clear();
    rest.sync = neutral.sync;
    rest.watch_mode = neutral.watch_mode;
    rest.hold = neutral.hold;
    rest.ports.retain(|port| port.protocol == Protocol::Udp);
    rest.depends_on.clear();
    rest.build = None;
    rest.health = None;
    rest.replicas = neutral.replicas;
    rest.restart = neutral.restart;
    rest.overlap = None;
    rest.stop_grace_period = neutral.stop_grace_period;
    rest.trace = neutral.trace;
    rest.faults.clear();
    rest.container.pull_policy = neutral.container.pull_policy;
    match runtime {
        Some(Runtime::Process) => {
            rest.image = None;
            rest.command = None;
            rest.entrypoint = None;
            rest.working_dir = None;
            rest.volumes.clear();
            rest.labels.clear();
            rest.extra_hosts.clear();
            rest.user = None;
            rest.init = neutral.init;
            rest.container = neutral.container;
        }
        Some(Runtime::Container) => {
            rest.run = None;
            rest.directory = neutral.directory;
        }
        None => {}
    }
    (rest, port)
}
