//! Thousands of random sessions in a simulated world; the engine's promises are looked at after every step.
//!
//! `BOATYARD_SEEDS=100000` plays more; `BOATYARD_SEED=17` plays one and prints its story if it fails.
#![expect(clippy::print_stderr, reason = "a failing seed is told")]

mod actor;
mod asking;
mod finding;
mod promises;
mod rng;
mod stacks;
mod truth;
mod world;

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use boatyard::engine::{
    Command, Engine, Event, Hold, Moment, Options, RuntimeChoice, ServiceState,
};
use boatyard::stack::{Check, CheckKind, CommandExpect, CommandWords};

use rng::Rng;
use world::{Happened, Planned, World};

/// How many sessions are played by default.
const SESSIONS: u64 = 2000;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn the_promises_hold_in_random_sessions() {
    let one = number("BOATYARD_SEED");
    let many = number("BOATYARD_SEEDS").unwrap_or(SESSIONS);
    let first = one.unwrap_or(0);
    let next = AtomicU64::new(first);
    let last = one.map_or(many, |seed| seed + 1);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= last {
                        break;
                    }
                    play(seed, one.is_some());
                }
            });
        }
    });
}

/// Plays one session, and says which it was if a promise is broken in it.
fn play(seed: u64, tells: bool) {
    let mut world = new_world(seed, tells);
    let played = catch_unwind(AssertUnwindSafe(|| session(&mut world)));
    if let Err(failure) = played {
        for line in world.story.into_iter().flatten() {
            eprintln!("{line}");
        }
        eprintln!("failed with BOATYARD_SEED={seed}");
        resume_unwind(failure);
    }
}

fn new_world(seed: u64, tells: bool) -> World {
    let mut rng = Rng(seed);
    let mut stack = stacks::random(&mut rng);
    let mut options = Options::default();
    match rng.between(0, 10) {
        0 => {
            stack.smoke = vec![check("first"), check("second")];
            options.smoke = Some((Duration::from_secs(30), false));
        }
        1 => {
            options.runtime = RuntimeChoice::Engine;
            stacks::give_images(&mut stack);
        }
        _ => {}
    }
    World::new(rng, stack, options, tells)
}

fn session(world: &mut World) {
    let first = world.rng.between(0, 500);
    world.plan(first, Planned::Act);
    if world.engine.state().is_smoke() {
        return smoke(world);
    }
    for _ in 0..world.rng.between(5, 40) {
        act_next(world);
        actor::act(world);
        let pause = *world.rng.pick(&[1, 10, 50, 100, 300, 1000, 4000]);
        world.plan(pause, Planned::Act);
    }
    if !world.rng.percent(25) {
        come_to_rest(world);
    }
    quit(world);
}

/// Lets things happen until it is a person's turn.
fn act_next(world: &mut World) {
    let far = world.now + Duration::from_secs(3600);
    while let Some(happened) = world.step(far) {
        if happened == Happened::Act {
            return;
        }
    }
}

/// A smoke test ends by itself, whatever happens.
fn smoke(world: &mut World) {
    actor::connect(world);
    let far = world.now + Duration::from_secs(120);
    while !world.engine.is_ended() {
        world.is_quitting = !world.engine.state().is_running();
        if world.step(far).is_none() {
            break;
        }
    }
    assert!(world.engine.is_ended(), "the smoke test did not end");
    assert!(world.engine.verdict().is_some(), "it has no verdict");
}

/// Faults end; whatever was left alone is asked to go on.
fn come_to_rest(world: &mut World) {
    world.chaos = false;
    actor::connect(world);
    actor::apply_all(world);
    actor::reload_same(world);
    for _ in 0..8 {
        let until = world.now + Duration::from_secs(60);
        while world.step(until).is_some() {}
        world.now = until;
        if !encourage(world) {
            break;
        }
    }
    promises::at_rest(world);
}

/// Restarts what waits for somebody to do something. False if there is nothing of the kind.
fn encourage(world: &mut World) -> bool {
    let services = world.engine.state().services.iter();
    let asked: Vec<Command> = services
        .filter_map(|(name, service)| {
            let service_name = name.clone();
            match service.hold.as_ref().map(|held| &held.hold) {
                Some(Hold::BuildFailed | Hold::AheadOfImage) => Some(Command::Rebuild {
                    service: service_name,
                }),
                Some(
                    Hold::GaveUp { .. }
                    | Hold::CannotStart { .. }
                    | Hold::Ended { .. }
                    | Hold::Stopped,
                ) => Some(Command::Restart {
                    service: service_name,
                }),
                _ if is_wrongly_completed(name.as_str(), service) => Some(Command::Restart {
                    service: service_name,
                }),
                _ => None,
            }
        })
        .collect();
    let any = !asked.is_empty();
    for command in asked {
        world.tell(Event::Command { command });
    }
    any
}

/// It is no job, but it ended with 0.
fn is_wrongly_completed(name: &str, service: &ServiceState) -> bool {
    service.has_completed() && !name.ends_with(['0', '3'])
}

/// Nothing starts any more, and everything stops.
fn quit(world: &mut World) {
    world.is_quitting = true;
    world.tell(Event::Command {
        command: Command::Quit,
    });
    actor::connect(world);
    if world.rng.percent(20) {
        let command = *world.rng.pick(&[true, false]);
        let command = if command {
            Command::Quit
        } else {
            Command::Kill
        };
        world.tell(Event::Command { command });
    }
    let until = world.now + Duration::from_secs(60);
    while world.step(until).is_some() {}
    assert!(world.engine.is_ended(), "the session did not end");
    let there = world.truth.runs.values().filter(|run| !run.gone).count();
    assert_eq!(there, 0, "runs are left behind");
    assert!(world.truth.builds.is_empty(), "builds are left behind");
}

fn check(name: &str) -> Check {
    Check {
        name: name.into(),
        kind: CheckKind::Command {
            command: CommandWords::Shell("true".into()),
            inside: None,
            expect: CommandExpect::default(),
        },
        retries: 2,
        retry_delay: Duration::from_millis(100),
        timeout: Duration::from_secs(1),
        trace: None,
        faults: Vec::new(),
    }
}

/// Time never runs backwards, and an engine that has ended does nothing.
#[test]
fn an_ended_engine_does_nothing() {
    let stack = stacks::random(&mut Rng(1));
    let (mut engine, _, _) = Engine::new(std::sync::Arc::new(stack), Options::default());
    let kill = Event::Command {
        command: Command::Kill,
    };
    for second in 1..100 {
        let runs: Vec<_> = engine
            .state()
            .services
            .values()
            .flat_map(|service| service.runs.iter().map(|run| run.id))
            .collect();
        engine.handle(Moment::from_millis(second), kill.clone());
        for run in runs {
            let exit = boatyard::engine::Exit::code(137);
            engine.handle(Moment::START, Event::RunExited { run, exit });
        }
    }
    assert!(engine.is_ended());
    assert_eq!(engine.next_deadline(), None);
    let (effects, notices) = engine.handle(Moment::from_millis(1000), Event::Deadline);
    assert!(effects.is_empty() && notices.is_empty());
}
