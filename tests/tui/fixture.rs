//! Sessions made by hand: a shop of five services in every state a screen must tell.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use boatyard::engine::{
    BuildFailure, BuildId, BuildState, BuildStep, Completion, Crashes, EngineLink, Exit, Goal,
    Held, Hold, Moment, Notice, Noticed, Phase, Place, ProbeAnswer, Run, RunHealth, RunId,
    RunPhase, RuntimeChoice, ServiceState, State, Wanted,
};
use boatyard::runtime::Clock;
use boatyard::stack::{
    Build, Condition, Health, HttpProbe, PortMapping, Probe, Protocol, Runtime, Service,
    ServiceName, Stack,
};
use boatyard::telemetry::{
    Exchange, ExchangeStatus, Headers, MarkKind, NewLine, Sample, SpanId, Stream, Telemetry,
    TraceId,
};
use jiff::{Timestamp, ToSpan};

/// A session as a view is shown it.
pub(crate) struct Scene {
    pub(crate) state: State,
    pub(crate) notices: Vec<Noticed>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) clock: Clock,
}

/// When the sessions began: 14:03:20 UTC on a working day.
pub(crate) fn began() -> Timestamp {
    "2026-03-18T14:03:20Z".parse().unwrap()
}

/// A moment, in seconds since the beginning.
pub(crate) fn at(seconds: f64) -> Moment {
    Moment(Duration::from_secs_f64(seconds))
}

fn time(seconds: f64) -> Timestamp {
    began() + Duration::from_secs_f64(seconds)
}

fn built(name: &str) -> Service {
    let mut service = Service::named(name);
    service.build = Some(Build {
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

fn service_state(service: &Service) -> ServiceState {
    ServiceState {
        service: Arc::new(service.clone()),
        wanted: Wanted::Up,
        runtime: None,
        generation: 1,
        content: 1,
        build: if service.build.is_some() {
            BuildState::Wanted
        } else {
            BuildState::NotNeeded
        },
        image: None,
        runs: Vec::new(),
        hold: Some(Held {
            hold: Hold::EngineUnknown,
            since: at(0.0),
        }),
        crashes: Crashes::default(),
        completed: None,
        last_exit: None,
        start_failure: None,
        pending: None,
        live_up_to: None,
        sync: None,
        image_lacks_sync: false,
        live_times: Vec::new(),
        sync_queue: std::collections::VecDeque::default(),
    }
}

/// The moment after the command was typed.
pub(crate) fn starting() -> Scene {
    let stack = stack();
    let state = State {
        services: stack
            .services
            .iter()
            .map(|(name, service)| (name.clone(), service_state(service)))
            .collect(),
        stack,
        phase: Phase::Running,
        goal: Goal::Serve,
        wanted_runtime: RuntimeChoice::Auto,
        engine_link: EngineLink::Unknown,
        stack_problems: Vec::new(),
    };
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
        asked: at(since - 0.4),
        phase: RunPhase::Ready { since: at(since) },
        place: Some(Place::Container {
            id: format!("{id:064x}"),
            name: format!("shop-{}-{id}", service.service.name),
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
    scene.state.services.get_mut("seed").unwrap().completed = None;
    let seed = scene.service("seed");
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
    scene.service("web").runs.clear();
    scene.service("web").hold = Some(Held {
        hold: Hold::Stopped,
        since: now,
    });
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
        self.state.services.get_mut(name).unwrap()
    }

    /// The notices of a build.
    fn build_story(&mut self, service: &str, build: u64, steps: &[(&str, bool)], finished: bool) {
        let service = ServiceName::from(service);
        let build = BuildId(build);
        let mut tell = |seconds: f64, notice| {
            self.notices.push(Noticed {
                at: at(seconds),
                notice,
            })
        };
        tell(
            2.0,
            Notice::BuildStarted {
                service: service.clone(),
                build,
            },
        );
        for (number, (name, cached)) in steps.iter().enumerate() {
            let output = Notice::BuildOutput {
                service: service.clone(),
                build,
                step: number as u32 + 1,
                of: if finished { steps.len() as u32 } else { 7 },
                name: (*name).to_owned(),
                cached: *cached,
            };
            tell(2.05 + number as f64 * 0.12, output);
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

    /// A line of a service.
    pub(crate) fn say(&self, seconds: f64, service: &str, stream: Stream, words: &str) {
        self.telemetry.logs().push(NewLine {
            service: service.into(),
            run: 1,
            at: time(seconds),
            stream,
            bytes: words.as_bytes().to_vec(),
        });
        self.telemetry.touch();
    }

    fn say_much(&self) {
        use Stream::{Mark, Stderr, Stdout};
        self.say(
            0.6,
            "db",
            Stderr,
            "LOG:  database system is ready to accept connections",
        );
        self.say(0.9, "seed", Stdout, "INFO seeded 24 products in 41 ms");
        self.say(1.0, "payments", Mark(MarkKind::Started), "run #3 begins");
        self.say(
            1.1,
            "payments",
            Stdout,
            "level=info msg=\"listening\" port=8000",
        );
        self.say(1.2, "orders", Mark(MarkKind::Started), "run #2 begins");
        self.say(1.3, "orders", Stdout, "INFO  listening on :8000");
        self.say(1.4, "orders", Mark(MarkKind::Live), "run #2 is live");
        for round in 0..24 {
            let start = 2.0 + f64::from(round) * 0.31;
            let quantity = round % 5 + 1;
            self.say(
                start,
                "web",
                Stdout,
                &format!("\u{1b}[36mPOST\u{1b}[0m /orders \u{1b}[32m201\u{1b}[0m in 38 ms"),
            );
            self.say(
                start + 0.004,
                "orders",
                Stdout,
                &format!("INFO  POST /orders sku=tea-{round} quantity={quantity}"),
            );
            self.say(
                start + 0.009,
                "payments",
                Stdout,
                &format!(
                    "level=info msg=\"charged\" amount={}.50 currency=EUR",
                    round * 3
                ),
            );
            if round % 7 == 3 {
                self.say(
                    start + 0.011,
                    "orders",
                    Stdout,
                    "WARN  payment slow, retry 1/3",
                );
            }
            if round % 11 == 5 {
                self.say(
                    start + 0.020,
                    "orders",
                    Stderr,
                    "ERROR order failed: payments answered 503 Service Unavailable",
                );
                self.say(
                    start + 0.021,
                    "orders",
                    Stderr,
                    "  File \"/app/app.py\", line 41, in place_order",
                );
            }
        }
        self.say(9.5, "orders", Mark(MarkKind::Live), "build #7 is live");
        self.say(9.6, "orders", Stdout, "DEBUG cache warmed with 24 products");
        self.say(9.7, "orders", Stdout, "INFO  GET /orders/17");
    }

    /// Requests through the front door.
    fn trade(&self) {
        for round in 0..18u64 {
            let start = 2.0 + round as f64 * 0.4;
            let failed = round % 6 == 4;
            let (method, path) = [
                ("POST", "/orders"),
                ("GET", "/orders/17"),
                ("GET", "/products?q=tea"),
            ][(round % 3) as usize];
            let code = if failed {
                503
            } else {
                [201, 200, 200][(round % 3) as usize]
            };
            let slow = if round == 7 { 6 } else { 1 };
            self.ask(
                round,
                1,
                None,
                ("web", method, path, code),
                start,
                38 * slow,
            );
            self.ask(
                round,
                2,
                Some((1, "web")),
                ("orders", method, path, code),
                start + 0.003,
                31 * slow,
            );
            if round % 3 == 0 {
                self.ask(
                    round,
                    3,
                    Some((2, "orders")),
                    ("db", "GET", "/stock/tea", 200),
                    start + 0.005,
                    4,
                );
                self.ask(
                    round,
                    4,
                    Some((2, "orders")),
                    (
                        "payments",
                        "POST",
                        "/charges",
                        if failed { 503 } else { 201 },
                    ),
                    start + 0.011,
                    14 * slow,
                );
            }
        }
        self.telemetry.touch();
    }

    fn ask(
        &self,
        trace: u64,
        span: u64,
        caller: Option<(u64, &str)>,
        (callee, method, path, code): (&str, &str, &str, u16),
        start: f64,
        ms: u64,
    ) {
        let mut request_headers = Headers::default();
        request_headers.push("host", b"web");
        request_headers.push("accept", b"application/json");
        request_headers.push("authorization", b"***");
        let mut response_headers = Headers::default();
        response_headers.push("content-type", b"application/json");
        self.telemetry.exchanges().push(Exchange {
            trace: TraceId(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736 + (u128::from(trace) << 100)),
            span: SpanId(trace * 100 + span),
            parent: caller.map(|(parent, _)| SpanId(trace * 100 + parent)),
            caller: caller.map(|(_, name)| name.into()),
            callee: callee.into(),
            run: 2,
            method: method.into(),
            path: path.into(),
            status: ExchangeStatus::Http(code),
            started: time(start),
            took: Duration::from_millis(ms),
            held: if trace == 7 && span == 4 {
                Duration::from_millis(ms / 2)
            } else {
                Duration::ZERO
            },
            request_bytes: if method == "POST" { 38 } else { 0 },
            response_bytes: 412,
            request_headers,
            response_headers,
        });
    }

    /// Load over a minute.
    fn work(&self) {
        for (place, name) in self.state.services.keys().enumerate() {
            for second in 0..60i64 {
                let wave = (second * (place as i64 + 3)) % 11;
                self.telemetry.series().push(
                    name,
                    Sample {
                        at: began() + second.seconds(),
                        cpu: 0.01 + wave as f64 / 250.0,
                        memory: (38 + place as u64 * 7 + second as u64 / 9) << 20,
                    },
                );
            }
        }
    }
}
