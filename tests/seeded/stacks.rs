//! Random stacks, and random edits of them.

use std::path::PathBuf;
use std::time::Duration;

use boatyard::stack::{
    Build, CommandWords, Condition, EnvValue, Health, Mount, MountKind, Probe, Reaction,
    RestartPolicy, Service, ServiceName, Stack, Then, WatchRule,
};

use crate::rng::Rng;

/// A stack of two to six services, each of which may need earlier ones.
pub(crate) fn random(rng: &mut Rng) -> Stack {
    let mut stack = Stack {
        name: "seeded".into(),
        max_builds: usize::try_from(rng.between(0, 4)).unwrap_or(2),
        ..Stack::default()
    };
    for number in 0..rng.between(2, 7) {
        add(&mut stack, &format!("s{number}"), rng);
    }
    stack
}

/// Adds a service that may need those that are there. Names that end in 0 or 3 are jobs for those that need them.
fn add(stack: &mut Stack, name: &str, rng: &mut Rng) {
    let mut service = Service::named(name);
    kind(&mut service, rng);
    let is_job = name.ends_with(['0', '3']);
    if !is_job {
        service.health = rng.percent(40).then(health);
        service.replicas = if rng.percent(20) { 2 } else { 1 };
        if rng.percent(20) {
            service.volumes.push(volume());
        }
        if rng.percent(10) {
            service.restart = RestartPolicy::Always;
        }
    }
    for other in stack.services.keys() {
        if rng.percent(35) {
            if rng.percent(25) {
                service.follows.insert(other.clone());
            }
            let condition = if other.as_str().ends_with(['0', '3']) {
                Condition::Completed
            } else {
                *rng.pick(&[Condition::Started, Condition::Ready])
            };
            service.depends_on.insert(other.clone(), condition);
        }
    }
    stack.services.insert(ServiceName::new(name), service);
}

fn kind(service: &mut Service, rng: &mut Rng) {
    let run = || Some(CommandWords::Shell("app".into()));
    match rng.between(0, 5) {
        0 => service.run = run(),
        1 => {
            service.image = Some("image".into());
            service.watch.extend(rng.percent(50).then(sync_rule));
        }
        2 => {
            service.image = Some("image".into());
            service.run = run();
        }
        3 => service.build = Some(build(0)),
        _ => {
            service.build = Some(build(0));
            service.run = run();
        }
    }
}

/// Makes sure that every service can be a container.
pub(crate) fn give_images(stack: &mut Stack) {
    for service in stack.services.values_mut() {
        if !service.has_image() {
            service.image = Some("image".into());
        }
    }
}

/// Another stack: one definition differs, or (unless the services are to be the same) one service more, or one that
/// nobody needs less.
pub(crate) fn edited(stack: &Stack, number: u64, same: bool, rng: &mut Rng) -> Stack {
    let mut next = stack.clone();
    let names: Vec<ServiceName> = stack.services.keys().cloned().collect();
    let name = rng.pick(&names).clone();
    let is_needed = |name: &ServiceName| {
        let mut others = stack.services.values();
        others.any(|other| other.depends_on.contains_key(name))
    };
    match rng.between(if same { 2 } else { 0 }, 6) {
        0 if stack.services.len() > 2 && !is_needed(&name) => {
            next.services.shift_remove(&name);
        }
        1 if stack.services.len() < 8 => {
            let fresh = (0..10).map(|n| format!("s{n}"));
            let mut free = fresh.filter(|name| !stack.services.contains_key(name.as_str()));
            if let Some(name) = free.next() {
                add(&mut next, &name, rng);
            }
        }
        kind => {
            if let Some(service) = next.services.get_mut(&name) {
                edit(service, kind, number);
            }
        }
    }
    next
}

fn edit(service: &mut Service, kind: u64, number: u64) {
    match kind {
        2 if service.build.is_some() => service.build = Some(build(number)),
        3 if service.health.is_some() => service.health = None,
        4 if !service.name.as_str().ends_with(['0', '3']) => service.health = Some(health()),
        _ => {
            let value = EnvValue::text(number.to_string());
            service.environment.insert("EDIT".into(), value);
        }
    }
}

fn sync_rule() -> WatchRule {
    WatchRule {
        path: PathBuf::from("/seeded/src"),
        reaction: Reaction::Sync {
            target: "/app".into(),
            then: Then::Nothing,
        },
        ignore: Vec::new(),
        include: Vec::new(),
        initial_sync: false,
    }
}

fn health() -> Health {
    let mut health = Health::new(Probe::Tcp { port: Some(8000) });
    health.start_period = Duration::from_secs(3);
    health.retries = 2;
    health
}

fn volume() -> Mount {
    Mount {
        kind: MountKind::Volume("data".into()),
        target: "/data".into(),
        read_only: false,
    }
}

fn build(number: u64) -> Build {
    Build {
        inline: None,
        context: PathBuf::from("/seeded"),
        dockerfile: PathBuf::from("/seeded/Dockerfile"),
        target: None,
        args: vec![("EDIT".into(), number.to_string())],
        secrets: Vec::new(),
        labels: Vec::new(),
        network: None,
        no_cache: false,
        pull: false,
    }
}
