//! What persons and bad luck do: save, ask, reload, and take the container engine away.

use std::sync::Arc;

use boatyard::engine::{Action, Change, Command, EngineLink, Event, RuntimeChoice, SyncCopy};
use boatyard::stack::{ServiceName, Signal, Then, WatchMode};

use crate::stacks;
use crate::truth::SaveKind;
use crate::world::World;

/// One random act.
pub(crate) fn act(world: &mut World) {
    match world.rng.between(0, 23) {
        20..=22 => modes(world),
        0..=9 => edit(world),
        10..=13 => command(world),
        14 | 15 => reload(world),
        16 => lose(world),
        17 => world.tell(Event::StackRefused {
            problems: vec!["wrong".into()],
        }),
        _ => connect(world),
    }
}

fn some_service(world: &mut World) -> ServiceName {
    let names: Vec<ServiceName> = world.engine.state().services.keys().cloned().collect();
    world.rng.pick(&names).clone()
}

fn edit(world: &mut World) {
    let mut actions = Vec::new();
    for _ in 0..world.rng.between(1, 4) {
        let name = some_service(world);
        let Some(service) = world.stack.services.get(&name) else {
            continue;
        };
        let (has_build, has_image) = (service.build.is_some(), service.has_image());
        let then = match world.rng.between(0, 3) {
            0 if has_image => Then::Restart,
            1 if has_image => Then::Signal(Signal("SIGHUP".into())),
            _ => Then::Nothing,
        };
        let can_sync = has_build || !name.as_str().ends_with(['0', '3']);
        let kind = match world.rng.between(0, 4) {
            _ if !can_sync => SaveKind::Restart,
            3 if has_build => SaveKind::Infer {
                rightly: world.rng.percent(70),
            },
            0 if has_build => SaveKind::Rebuild,
            1 => SaveKind::Restart,
            _ => SaveKind::Sync(then),
        };
        let number = world.save(&name, kind.clone());
        let action = match kind {
            SaveKind::Rebuild => Action::Rebuild,
            SaveKind::Restart => Action::Restart,
            SaveKind::Infer { .. } => Action::Infer {
                copies: vec![SyncCopy::new(None, number.to_string())],
            },
            SaveKind::Sync(then) => {
                let copies = vec![SyncCopy::new(None, number.to_string())];
                Action::Sync { copies, then }
            }
        };
        actions.push((name, action));
    }
    let change = Change {
        first_save: world.now,
        last_save: world.now,
        paths: Vec::new(),
        actions,
    };
    world.tell(Event::Changed { change });
}

fn command(world: &mut World) {
    let service = some_service(world);
    let command = match world.rng.between(0, 6) {
        0 => Command::Stop { service },
        1 => Command::Start { service },
        2 => Command::Rebuild { service },
        3 => Command::Restart {
            service: "nobody".into(),
        },
        _ => Command::Restart { service },
    };
    world.tell(Event::Command { command });
}

/// Edits are to wait, or not any more, or are applied.
fn modes(world: &mut World) {
    let service = some_service(world);
    let mode = *world.rng.pick(&[WatchMode::Auto, WatchMode::Manual]);
    let command = match world.rng.between(0, 6) {
        0 => Command::Hold { on: true },
        1 => Command::Hold { on: false },
        2 => Command::Flush { service: None },
        3 => Command::Flush {
            service: Some(service),
        },
        _ => Command::SetMode { service, mode },
    };
    world.tell(Event::Command { command });
}

/// Nothing is to wait any more.
pub(crate) fn apply_all(world: &mut World) {
    for command in [
        Command::Hold { on: false },
        Command::Flush { service: None },
    ] {
        world.tell(Event::Command { command });
    }
}

fn reload(world: &mut World) {
    let number = u64::try_from(world.now.0.as_nanos()).unwrap_or(0);
    let before: Vec<ServiceName> = world.stack.services.keys().cloned().collect();
    // A service that left and came back while reloads wait would be another one for the world, and the same for the engine.
    let same = world.engine.state().hold.is_some();
    world.stack = stacks::edited(&world.stack, number, same, &mut world.rng);
    for name in world.stack.services.keys() {
        // A service that is new has nothing of one that had the same name, not even while that one is stopping.
        if !before.contains(name) {
            world.truth.forget_saves(name);
        }
    }
    if world.engine.state().wanted_runtime == RuntimeChoice::Engine {
        stacks::give_images(&mut world.stack);
    }
    reload_same(world);
}

/// The stack file is saved once more.
pub(crate) fn reload_same(world: &mut World) {
    let stack = Arc::new(world.stack.clone());
    world.tell(Event::StackReloaded { stack });
}

/// The container engine answers, for the first time or again.
pub(crate) fn connect(world: &mut World) {
    world.is_connected = true;
    world.tell(Event::ContainerEngine {
        link: EngineLink::Connected {
            name: "docker".into(),
            version: "28".into(),
            builder: "buildkit".into(),
        },
    });
    world.tell_deferred();
}

/// The container engine goes away, and some containers with it; or it was never there.
fn lose(world: &mut World) {
    let was_there = std::mem::replace(&mut world.is_connected, false);
    let link = if was_there {
        world.lose_containers();
        EngineLink::Lost { why: "gone".into() }
    } else {
        EngineLink::Missing { looked: Vec::new() }
    };
    world.tell(Event::ContainerEngine { link });
}
