//! The stack file was saved: applies the difference and touches nothing else.

use std::sync::Arc;

use indexmap::IndexMap;

use super::super::turn::Turn;
use super::super::{Moment, Notice, RunPhase, ServiceState, Shared, State, Wanted};
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
    let old = std::mem::replace(&mut state.stack, stack);
    state.prepared = false;
    turn.tell(Notice::StackReloaded {
        added,
        removed,
        changed,
    });
    tell_of_shared(&mut state.shared, &old, &state.stack, turn);
}

/// Networks and volumes that are there stay as they were made: what is said of them otherwise now is not acted on.
fn tell_of_shared(made: &mut Shared, old: &Stack, new: &Stack, turn: &mut Turn) {
    let networks = changed_keys(&mut made.networks, &old.networks, &new.networks);
    if !networks.is_empty() {
        turn.tell(Notice::Problem {
            what: format!("network {networks}: what the stack file says now has no effect yet"),
            remedy: "end this session and start again: networks are made at the start".into(),
        });
    }
    let volumes = changed_keys(&mut made.volumes, &old.volumes, &new.volumes);
    if !volumes.is_empty() {
        turn.tell(Notice::Problem {
            what: format!("volume {volumes}: what the stack file says now has no effect on a volume that is there"),
            remedy: "end this session; `boatyard down --volumes` removes the stack's volumes, with all their data, and \
                     the next start makes them anew"
                .into(),
        });
    }
}

/// The keys of which something else is said than before, and than when they were first heard of.
fn changed_keys<T: PartialEq + Clone>(
    made: &mut IndexMap<String, T>,
    old: &IndexMap<String, T>,
    new: &IndexMap<String, T>,
) -> String {
    for (key, first) in old {
        made.entry(key.clone()).or_insert_with(|| first.clone());
    }
    let is_other = |among: &IndexMap<String, T>, key: &String, said: &T| {
        among.get(key).is_some_and(|before| before != said)
    };
    let changed = new
        .iter()
        .filter(|(key, said)| is_other(old, key, said) && is_other(made, key, said));
    let keys: Vec<&str> = changed.map(|(key, _)| key.as_str()).collect();
    keys.join(", ")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Engine, Event, Options};
    use crate::stack::{Network, Volume};

    fn stack(internal: bool, driver: Option<&str>) -> Arc<Stack> {
        let mut web = Service::named("web");
        web.image = Some("web".into());
        let network = Network {
            internal,
            ..Network::default()
        };
        let volume = Volume {
            driver: driver.map(str::to_owned),
            ..Volume::default()
        };
        Arc::new(Stack {
            services: [(web.name.clone(), web)].into_iter().collect(),
            networks: [("back".to_owned(), network)].into_iter().collect(),
            volumes: [("data".to_owned(), volume)].into_iter().collect(),
            ..Stack::default()
        })
    }

    #[test]
    fn what_is_not_made_anew_is_told() {
        let (mut engine, _, _) = Engine::new(stack(false, None), Options::default());
        let mut told = |stack: Arc<Stack>| {
            let (_, notices) = engine.handle(Moment::START, Event::StackReloaded { stack });
            let problems = notices.into_iter().filter_map(|notice| match notice {
                Notice::Problem { what, .. } => Some(what),
                _ => None,
            });
            problems.collect::<Vec<_>>()
        };
        assert_eq!(told(stack(false, None)), [""; 0]);
        let both = told(stack(true, Some("nfs")));
        assert_eq!(both.len(), 2, "{both:?}");
        assert!(both[0].starts_with("network back: "), "{both:?}");
        assert!(both[1].starts_with("volume data: "), "{both:?}");
        assert_eq!(told(stack(true, Some("nfs"))), [""; 0]);
        // It is in force.
        assert_eq!(told(stack(false, None)), [""; 0]);
    }

    #[test]
    fn what_is_said_as_it_was_at_first_is_no_news() {
        let said = |what: u8| IndexMap::from([("own".to_owned(), what)]);
        let mut made = IndexMap::new();
        assert_eq!(changed_keys(&mut made, &said(1), &said(2)), "own");
        assert_eq!(changed_keys(&mut made, &said(2), &said(2)), "");
        assert_eq!(changed_keys(&mut made, &said(2), &said(1)), "");
        assert_eq!(changed_keys(&mut made, &said(1), &said(3)), "own");
    }
}
