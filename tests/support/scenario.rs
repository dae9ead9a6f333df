//! Reads scenario files: a small stack, and what happens to it step by step.
//!
//! A scenario is told in the words of `words.rs`, so that a newcomer can read and write one:
//!
//! ```toml
//! title = "a dependent waits until what it needs is healthy"
//! [services.db]
//! run = "db"
//! probe = {}
//! [services.web]
//! run = "web"
//! needs = { db = "ready" }
//! [[step]]
//! when = "started db"                                   # at: milliseconds, 0 or that of the step before
//! do = ["probe #1"]                                     # exactly these effects
//! tell = ["run-started service=db"]                     # among the notices, in this order
//! waits = { web = "waits for db: not healthy yet" }     # what each of these waits for; "" for nothing
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use boatyard::engine::{Effect, Engine, Moment, Notice, Options, RuntimeChoice};
use boatyard::stack::{
    Build, Check, CheckKind, CommandExpect, CommandWords, Condition, EnvValue, ErrorFault, Fault,
    Health, Mount, MountKind, PortMapping, Probe, Protocol, Reaction, RestartPolicy, Service,
    ServiceFault, ServiceName, Share, Stack, Then, WatchMode, WatchRule,
};
use indexmap::IndexMap;
use serde::Deserialize;

use super::words;

/// One scenario file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// What it shows, as a sentence.
    pub(crate) title: String,
    #[serde(default)]
    runtime: RuntimeChoice,
    /// Makes it a smoke test with this many milliseconds.
    smoke_ms: Option<u64>,
    #[serde(default)]
    keep: bool,
    #[serde(default)]
    max_builds: usize,
    services: IndexMap<String, ServiceWords>,
    /// Names of smoke checks; each may be tried again once, after 100 ms.
    #[serde(default)]
    checks: Vec<String>,
    /// Smoke checks while which requests for this service are answered 503.
    #[serde(default)]
    faulty: BTreeMap<String, ServiceName>,
    /// Other stacks, which a step may reload by name.
    #[serde(default)]
    reload: BTreeMap<String, IndexMap<String, ServiceWords>>,
    /// What happens.
    #[serde(rename = "step")]
    pub(crate) steps: Vec<Step>,
}

/// A service in a few words.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceWords {
    #[serde(default)]
    build: bool,
    /// Changes the build part without changing anything else.
    #[serde(default)]
    build_arg: String,
    image: Option<String>,
    run: Option<String>,
    #[serde(default)]
    needs: IndexMap<String, Condition>,
    #[serde(default)]
    follows: Vec<String>,
    probe: Option<ProbeWords>,
    #[serde(default = "one")]
    replicas: u32,
    #[serde(default)]
    restart: RestartPolicy,
    overlap: Option<bool>,
    #[serde(default)]
    volume: bool,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    /// Front door.
    port: Option<u16>,
    /// A rule that syncs this folder below `/shop` to `/app`.
    syncs: Option<String>,
    #[serde(default)]
    watch_mode: WatchMode,
    /// A fault: its requests are so much later.
    #[serde(default)]
    late_ms: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProbeWords {
    #[serde(default = "root")]
    path: String,
    #[serde(default = "three")]
    retries: u32,
    #[serde(default = "minute")]
    start_period_ms: u64,
}

fn one() -> u32 {
    1
}

fn three() -> u32 {
    3
}

fn minute() -> u64 {
    60_000
}

fn root() -> String {
    "/".into()
}

/// Something happens, and what must follow. What is not given is not looked at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// Milliseconds since the beginning; that of the step before if not given.
    pub(crate) at: Option<u64>,
    /// What happens.
    pub(crate) when: String,
    /// Exactly the effects that follow.
    #[serde(rename = "do")]
    pub(crate) effects: Option<Vec<String>>,
    /// Notices among those that follow, in order.
    #[serde(default)]
    pub(crate) tell: Vec<String>,
    /// First words of notices that must not follow.
    #[serde(default)]
    pub(crate) never_tell: Vec<String>,
    /// What services wait for.
    #[serde(default)]
    pub(crate) waits: BTreeMap<String, String>,
    /// What services are at.
    #[serde(default)]
    pub(crate) status: BTreeMap<String, String>,
    /// When the engine wants to be woken, in milliseconds.
    pub(crate) wake: Option<u64>,
}

/// What one step brought forth.
#[derive(Debug)]
pub(crate) struct Outcome<'a> {
    pub(crate) now: Moment,
    pub(crate) step: &'a Step,
    pub(crate) effects: Vec<Effect>,
    pub(crate) notices: Vec<Notice>,
}

impl Scenario {
    /// Reads a scenario file.
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Every scenario file, in order of name.
    pub(crate) fn files() -> Vec<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
        let entries = std::fs::read_dir(folder).unwrap();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|kind| kind == "toml"));
        files.sort();
        files
    }

    /// Plays it on a new engine and calls `seen` after each step; what the beginning brings belongs to the first step.
    pub(crate) fn play(&self, mut seen: impl FnMut(&Engine, Outcome<'_>)) {
        let options = Options {
            runtime: self.runtime,
            smoke: self
                .smoke_ms
                .map(|time| (Duration::from_millis(time), self.keep)),
        };
        let stack = Arc::new(self.stack(&self.services));
        let (mut engine, mut effects, mut notices) = Engine::new(stack, options);
        let mut now = 0;
        for step in &self.steps {
            now = step.at.unwrap_or(now);
            let moment = Moment::from_millis(now);
            let event = match step.when.strip_prefix("reload ") {
                Some(name) => {
                    let services = &self.reload[name];
                    Some(words::reload(self.stack(services)))
                }
                None => words::event(&step.when, moment, engine.state()),
            };
            if let Some(event) = event {
                let (more_effects, more_notices) = engine.handle(moment, event);
                effects.extend(more_effects);
                notices.extend(more_notices);
            }
            let outcome = Outcome {
                now: moment,
                step,
                effects: std::mem::take(&mut effects),
                notices: std::mem::take(&mut notices),
            };
            seen(&engine, outcome);
        }
    }

    fn stack(&self, services: &IndexMap<String, ServiceWords>) -> Stack {
        let made = services
            .iter()
            .map(|(name, words)| (ServiceName::new(name), words.service(name)));
        Stack {
            name: "shop".into(),
            services: made.collect(),
            smoke: self.checks.iter().map(|name| self.check(name)).collect(),
            max_builds: self.max_builds,
            ..Stack::default()
        }
    }
}

impl Scenario {
    fn check(&self, name: &str) -> Check {
        let fault = |service: &ServiceName| ServiceFault {
            service: service.clone(),
            fault: Fault {
                error: Some(ErrorFault {
                    status: 503,
                    share: Share::ALL,
                }),
                ..Fault::default()
            },
        };
        Check {
            faults: self.faulty.get(name).map(fault).into_iter().collect(),
            ..check(name)
        }
    }
}

impl ServiceWords {
    fn service(&self, name: &str) -> Service {
        let mut service = Service::named(name);
        service.build = self.build.then(|| build(name, &self.build_arg));
        service.image.clone_from(&self.image);
        service.run = self.run.clone().map(CommandWords::Shell);
        let needs = self.needs.iter();
        service.depends_on = needs
            .map(|(name, condition)| (ServiceName::new(name), *condition))
            .collect();
        service.follows = self.follows.iter().map(ServiceName::new).collect();
        service.health = self.probe.as_ref().map(ProbeWords::health);
        service.replicas = self.replicas;
        service.restart = self.restart;
        service.overlap = self.overlap;
        service.watch_mode = self.watch_mode;
        service.faults = words::late(self.late_ms).into_iter().collect();
        if self.volume {
            service.volumes.push(Mount {
                kind: MountKind::Volume("data".into()),
                target: "/data".into(),
                read_only: false,
            });
        }
        let environment = self.environment.iter();
        service.environment = environment
            .map(|(key, value)| (key.clone(), EnvValue::text(value)))
            .collect();
        service.ports = self.port.map(front_door).into_iter().collect();
        service.watch = self.syncs.as_deref().map(sync_rule).into_iter().collect();
        service
    }
}

impl ProbeWords {
    fn health(&self) -> Health {
        let mut health = Health::new(Probe::Http(boatyard::stack::HttpProbe {
            path: self.path.clone(),
            port: None,
            status: None,
        }));
        health.retries = self.retries;
        health.start_period = Duration::from_millis(self.start_period_ms);
        health
    }
}

fn sync_rule(folder: &str) -> WatchRule {
    WatchRule {
        path: PathBuf::from("/shop").join(folder),
        reaction: Reaction::Sync {
            target: "/app".into(),
            then: Then::Nothing,
        },
        ignore: Vec::new(),
        include: Vec::new(),
        initial_sync: false,
    }
}

fn build(name: &str, arg: &str) -> Build {
    let context = PathBuf::from("/shop").join(name);
    Build {
        inline: None,
        dockerfile: context.join("Dockerfile"),
        context,
        target: None,
        args: vec![("ARG".into(), arg.into())],
        secrets: Vec::new(),
        labels: Vec::new(),
        network: None,
        no_cache: false,
        pull: false,
    }
}

fn front_door(host: u16) -> PortMapping {
    PortMapping {
        address: std::net::Ipv4Addr::LOCALHOST.into(),
        host: Some(host),
        further: 0,
        container: 8000,
        protocol: Protocol::Tcp,
    }
}

fn check(name: &str) -> Check {
    Check {
        name: name.into(),
        kind: CheckKind::Command {
            command: CommandWords::Shell("true".into()),
            inside: None,
            expect: CommandExpect::default(),
        },
        retries: 1,
        retry_delay: Duration::from_millis(100),
        timeout: Duration::from_secs(5),
        trace: None,
        faults: Vec::new(),
    }
}
