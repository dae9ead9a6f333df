//! Sessions made by hand: a shop of five services in every state a screen must tell.

mod changes;
mod details;
mod instrumented;
mod logs;
mod many;
mod telemetry;
mod told;

pub(crate) use changes::{edited, on_hold};
pub(crate) use details::{detailed, detailed_crash};
pub(crate) use instrumented::instrumented;
pub(crate) use logs::said_much;
pub(crate) use many::{fifty_seven, twelve};
pub(crate) use told::told;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use boatyard::engine::{
    BuildFailure, BuildId, BuildState, BuildStep, Completion, Engine, EngineLink, Exit, Held, Hold,
    Moment, Notice, Noticed, Options as EngineOptions, Phase, Place, ProbeAnswer, Run, RunHealth,
    RunId, RunPhase, ServiceState, State, Wanted,
};
use boatyard::runtime::Clock;
use boatyard::stack::{
    Build, Condition, Health, HttpProbe, PortMapping, Probe, Protocol, Runtime, Service,
    ServiceName, Stack,
};
use boatyard::telemetry::Telemetry;
use jiff::Timestamp;

/// A session as a view is shown it.
pub(crate) struct Scene {
    pub(crate) state: State,
    pub(crate) notices: Vec<Noticed>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) clock: Clock,
}

/// When the sessions began: 14:03:20 UTC on a working day.
pub(crate) fn began() -> Timestamp {
    "2026-03-18T14:03:20Z".parse().expect("a right time")
}

/// A moment, in seconds since the beginning.
pub(crate) fn at(seconds: f64) -> Moment {
    Moment(Duration::from_secs_f64(seconds))
}

fn built(name: &str) -> Service {
    let mut service = Service::named(name);
    service.build = Some(Build {
        inline: None,
        context: PathBuf::from("/shop").join(name),
        dockerfile: PathBuf::from("/shop").join(name).join("Dockerfile"),
        target: None,
        args: Vec::new(),
        secrets: Vec::new(),
        labels: Vec::new(),
        network: None,
        no_cache: false,
        pull: false,
    });
    service.health = Some(Health::new(Probe::Http(HttpProbe {
        path: "/healthz".into(),
        port: None,
        status: None,
    })));
    service
}

fn needs(mut service: Service, needed: &[(&str, Condition)]) -> Service {
    service.depends_on = needed
        .iter()
        .map(|(name, condition)| (ServiceName::from(*name), *condition))
        .collect();
    service
}

/// The shop: web, orders, payments, a seeding job and a database.
pub(crate) fn stack() -> Arc<Stack> {
    let mut web = needs(built("web"), &[("orders", Condition::Ready)]);
    web.ports = vec![PortMapping {
        address: [127, 0, 0, 1].into(),
        host: Some(8080),
        further: 0,
        container: 8000,
        protocol: Protocol::Tcp,
    }];
    let orders = needs(
        built("orders"),
        &[
            ("payments", Condition::Ready),
            ("seed", Condition::Completed),
        ],
    );
    let payments = needs(built("payments"), &[("db", Condition::Ready)]);
    let mut seed = needs(built("seed"), &[("db", Condition::Ready)]);
    seed.health = None;
    let mut db = Service::named("db");
    db.image = Some("postgres:16".into());
    db.health = Some(Health::new(Probe::Tcp { port: Some(5432) }));
    let mut stack = Stack {
        name: "shop".into(),
        directory: "/shop".into(),
        file: "/shop/boatyard.toml".into(),
        max_builds: 2,
        ..Stack::default()
    };
    for service in [web, orders, payments, seed, db] {
        stack.services.insert(service.name.clone(), service);
    }
    Arc::new(stack)
}

/// The moment after the command was typed.
pub(crate) fn starting() -> Scene {
    let (engine, _, _) = Engine::new(stack(), EngineOptions::default());
    let state = engine.state().clone();
    Scene {
        state,
        notices: Vec::new(),
        telemetry: Arc::new(Telemetry::default()),
        clock: Clock::fixed_since(began(), Duration::from_millis(500)),
    }
}

fn run(service: &ServiceState, id: u64, since: f64) -> Run {
    let history = [21, 2, 3, 2, 2, 4, 2, 3, 2, 2, 5, 2, 2, 3, 2];
    Run {
        id: RunId(id),
        replica: 0,
        runtime: Runtime::Container,
        service: Arc::clone(&service.service),
        generation: 1,
        given: 0,
        asked: at(since - 0.4),
        phase: RunPhase::Ready { since: at(since) },
        ready_at: Some(at(since)),
        probe: None,
        told_late: false,
        stop_again: false,
        place: Some(Place::Container {
            id: format!("{id:064x}"),
            name: format!("shop-{}-{id}", service.service.name),
            kept: false,
        }),
        health: RunHealth {
            last: Some((
                at(since + 10.0),
                ProbeAnswer {
                    healthy: true,
                    took: Duration::from_millis(2),
                    said: "200 OK".into(),
                },
            )),
            failures: 0,
            asked: 15,
            history: history
                .iter()
                .map(|ms| (true, Duration::from_millis(*ms)))
                .collect(),
        },
    }
}

/// Everything is up, and there is traffic.
pub(crate) fn ready() -> Scene {
    let mut scene = starting();
    scene.clock = Clock::fixed_since(began(), Duration::from_secs(10));
    scene.state.engine_link = EngineLink::Connected {
        name: "docker".into(),
        version: "28.1".into(),
        builder: "BuildKit".into(),
    };
    for (at_place, service) in scene.state.services.values_mut().enumerate() {
        let number = at_place as u64 + 1;
        service.runtime = Some(Runtime::Container);
        service.hold = None;
        if service.service.build.is_some() {
            service.build = BuildState::Built {
                build: BuildId(number),
                took: Duration::from_millis(640),
                cached: false,
            };
        }
        let run = run(service, number, 1.5 + number as f64 / 10.0);
        service.runs.push(run);
    }
    let seed = scene.service("seed");
    seed.runs.clear();
    seed.completed = Some(Completion {
        at: at(2.0),
        run: RunId(4),
        generation: 1,
        exit: Exit::code(0),
    });
    let orders = scene.service("orders");
    orders.live_up_to = Some(at(2.0));
    orders.live_times = vec![Duration::from_millis(184)];
    scene.build_story(
        "orders",
        7,
        &[
            ("FROM python:3.12-slim", true),
            ("COPY requirements.txt .", true),
            ("RUN pip install -r requirements.txt", true),
            ("COPY src /app/src", false),
        ],
        true,
    );
    scene.say_much();
    scene.trade();
    scene.work();
    scene
}

/// One service is being built, its old run serves.
pub(crate) fn building() -> Scene {
    let mut scene = ready();
    let now = scene.clock.now();
    let orders = scene.service("orders");
    orders.build = BuildState::Building {
        build: BuildId(8),
        content: 2,
        since: now,
        step: Some(BuildStep {
            number: 3,
            total: 7,
            name: "RUN pip install -r requirements.txt".into(),
            cached: false,
        }),
        cancelling: false,
    };
    scene.build_story(
        "orders",
        8,
        &[
            ("FROM python:3.12-slim", true),
            ("COPY requirements.txt .", false),
            ("RUN pip install -r requirements.txt", false),
        ],
        false,
    );
    scene
}

/// A build failed; the old run serves.
pub(crate) fn build_failed() -> Scene {
    let mut scene = ready();
    let now = scene.clock.now();
    let orders = scene.service("orders");
    orders.build = BuildState::Failed {
        build: BuildId(8),
        content: 2,
        at: now,
        failure: BuildFailure {
            step: Some("RUN pip install -r requirements.txt".into()),
            message: "process \"/bin/sh -c pip install -r requirements.txt\" did not complete successfully: exit code: 1".into(),
            last_lines: vec![
                "Collecting flask==3.0.99".into(),
                "ERROR: Could not find a version that satisfies the requirement flask==3.0.99".into(),
                "ERROR: No matching distribution found for flask==3.0.99".into(),
            ],
            missing_base: None,
        },
    };
    orders.hold = Some(Held {
        hold: Hold::BuildFailed,
        since: now,
    });
    scene.build_story(
        "orders",
        8,
        &[
            ("FROM python:3.12-slim", true),
            ("COPY requirements.txt .", false),
            ("RUN pip install -r requirements.txt", false),
        ],
        false,
    );
    let service = ServiceName::from("orders");
    let failed = Notice::BuildFailed {
        service,
        build: BuildId(8),
        ms: 2140,
        step: None,
        message: String::new(),
        last_lines: Vec::new(),
    };
    scene.notices.push(Noticed {
        at: at(5.0),
        notice: failed,
    });
    scene
}

/// One service crashed and will be started again; who needs it waits.
pub(crate) fn crashed() -> Scene {
    let mut scene = ready();
    let now = scene.clock.now();
    let exit = Exit {
        code: Some(137),
        out_of_memory: true,
        ..Exit::default()
    };
    let payments = scene.service("payments");
    payments.runs.clear();
    payments.crashes.count = 3;
    payments.hold = Some(Held {
        hold: Hold::Backoff {
            until: now + Duration::from_secs(4),
            cause: exit.cause(),
        },
        since: now,
    });
    payments.last_exit = Some((at(4.0), RunId(3), exit));
    let orders = scene.service("orders");
    orders.runs.clear();
    orders.hold = Some(Held {
        hold: Hold::Dependency {
            on: "payments".into(),
            condition: Condition::Ready,
            state: "starts again soon".into(),
        },
        since: now,
    });
    scene
}

/// Everything waits for the database, whose probe is refused.
pub(crate) fn waiting() -> Scene {
    let mut scene = ready();
    let now = scene.clock.now();
    let db = scene.service("db");
    db.runs[0].phase = RunPhase::Probing { since: now };
    db.runs[0].health.last = Some((
        now,
        ProbeAnswer {
            healthy: false,
            took: Duration::from_micros(300),
            said: "connection refused".into(),
        },
    ));
    for answer in &mut db.runs[0].health.history {
        answer.0 = false;
    }
    for (name, on) in [
        ("payments", "db"),
        ("orders", "payments"),
        ("web", "orders"),
    ] {
        let service = scene.service(name);
        service.runs.clear();
        service.live_up_to = None;
        service.hold = Some(Held {
            hold: Hold::Dependency {
                on: on.into(),
                condition: Condition::Ready,
                state: "not healthy yet".into(),
            },
            since: now,
        });
    }
    let seed = scene.service("seed");
    seed.completed = None;
    seed.hold = Some(Held {
        hold: Hold::Dependency {
            on: "db".into(),
            condition: Condition::Ready,
            state: "not healthy yet".into(),
        },
        since: now,
    });
    scene
}

/// Everything is being stopped.
pub(crate) fn quitting() -> Scene {
    let mut scene = ready();
    let now = scene.clock.now();
    scene.state.phase = Phase::Stopping {
        since: now,
        kill: false,
    };
    for service in scene.state.services.values_mut() {
        for run in &mut service.runs {
            run.phase = RunPhase::Stopping {
                since: now,
                killed: false,
            };
        }
    }
    let web = scene.service("web");
    web.runs.clear();
    web.wanted = Wanted::Stopped;
    scene
}

/// The stack file was saved and is wrong, and the engine went away.
pub(crate) fn refused() -> Scene {
    let mut scene = ready();
    scene.state.stack_problems = vec![
        "boatyard.toml:12:3: unknown key `port`; did you mean `ports`?".into(),
        "boatyard.toml:20:1: service `orders` depends on `paymnets`, which there is not".into(),
    ];
    scene.state.engine_link = EngineLink::Lost {
        why: "/var/run/docker.sock: connection refused".into(),
    };
    scene
}

impl Scene {
    /// One of its services.
    pub(crate) fn service(&mut self, name: &str) -> &mut ServiceState {
        &mut self.state.services[name]
    }

    /// The notices of a build.
    fn build_story(&mut self, service: &str, build: u64, steps: &[(&str, bool)], finished: bool) {
        let service = ServiceName::from(service);
        let build = BuildId(build);
        let mut tell = |seconds: f64, notice| {
            let at = at(seconds);
            self.notices.push(Noticed { at, notice });
        };
        tell(
            2.0,
            Notice::BuildStarted {
                service: service.clone(),
                build,
            },
        );
        for (number, (name, cached)) in (1u32..).zip(steps) {
            let output = Notice::BuildOutput {
                service: service.clone(),
                build,
                step: number,
                of: if finished { 4 } else { 7 },
                name: (*name).to_owned(),
                cached: *cached,
            };
            tell(1.93 + f64::from(number) * 0.12, output);
        }
        if finished {
            let notice = Notice::BuildFinished {
                service,
                build,
                ms: 640,
                image: "boatyard/shop/orders".into(),
                cached: false,
            };
            tell(2.64, notice);
        }
    }
}
