//! One service: how it is built, run, reached and stopped.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{
    CommandWords, ContainerOptions, EnvValue, Fault, Health, Holding, Probe, Reaction, ServiceName,
    Space, WatchMode, WatchRule,
};

/// What a service runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    /// A container of the engine.
    Container,
    /// A plain process on this machine.
    Process,
}

/// One service of the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of the stack file"
)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// How its image is made.
    pub build: Option<Build>,
    /// The image it runs, or the tag that its build gets.
    pub image: Option<String>,
    /// How it runs as a plain process.
    pub run: Option<CommandWords>,
    /// Replaces the image's command.
    pub command: Option<CommandWords>,
    /// Replaces the image's entrypoint.
    pub entrypoint: Option<CommandWords>,
    /// Folder in the container where the program starts.
    pub working_dir: Option<String>,
    /// Folder on this machine where the process starts: the build context, else the stack's folder.
    pub directory: PathBuf,
    /// Environment, `env_file`s included.
    pub environment: IndexMap<String, EnvValue>,
    /// Front doors: ports of this machine that lead to the service.
    pub ports: Vec<PortMapping>,
    /// Further container ports the service listens on (also read from the Dockerfile's `EXPOSE`).
    pub expose: Vec<u16>,
    /// What it needs before it starts.
    pub depends_on: IndexMap<ServiceName, Condition>,
    /// Those of them with which it is restarted: when one was replaced, it is replaced too (`restart = true`).
    pub follows: BTreeSet<ServiceName>,
    /// Its health probe.
    pub health: Option<Health>,
    /// Volumes and bind mounts.
    pub volumes: Vec<Mount>,
    /// Watch rules; empty: the default for its kind (see [`Service::default_reaction`]).
    pub watch: Vec<WatchRule>,
    /// Whether every watch rule that takes a file counts, and the rest of the build context does not, as Compose has it;
    /// else the first that takes it does.
    #[serde(default)]
    pub every_rule: bool,
    /// What files of its build context mean that no watch rule takes.
    pub sync: SyncMode,
    /// Whether saved files are acted upon at once.
    pub watch_mode: WatchMode,
    /// How long and how many requests wait while it is not ready.
    pub hold: Holding,
    /// How many runs of it live side by side.
    pub replicas: u32,
    /// What happens when it exits by itself.
    pub restart: RestartPolicy,
    /// Whether two runs may live at once while one replaces the other; `None`: decided by its mounts.
    pub overlap: Option<bool>,
    /// Signal that asks it to stop.
    pub stop_signal: Signal,
    /// How long it may take to stop before it is killed.
    pub stop_grace_period: Duration,
    /// Whether its requests are traced.
    pub trace: bool,
    /// What is done to its requests on purpose.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// User inside the container (`uid`, `uid:gid` or name).
    pub user: Option<String>,
    /// Whether the engine's small init is process 1 of the container.
    pub init: bool,
    /// Whether Boatyard's helper may be process 1 of its containers, if it syncs or is rebuilt.
    pub helper: bool,
    /// Whether its name and address may be kept from run to run.
    pub keep_network: bool,
    /// Whether it gets a terminal (a process always does; a container only when asked).
    pub tty: bool,
    /// Further labels for its containers.
    pub labels: IndexMap<String, String>,
    /// `NAME:ADDRESS` lines for the container's hosts file.
    pub extra_hosts: Vec<String>,
    /// What only its containers have.
    #[serde(default)]
    pub container: ContainerOptions,
}

impl Service {
    /// A service that has only a name; every other field at its default.
    pub fn named(name: impl Into<ServiceName>) -> Self {
        Self {
            name: name.into(),
            build: None,
            image: None,
            run: None,
            command: None,
            entrypoint: None,
            working_dir: None,
            directory: PathBuf::new(),
            environment: IndexMap::new(),
            ports: Vec::new(),
            expose: Vec::new(),
            depends_on: IndexMap::new(),
            follows: BTreeSet::new(),
            health: None,
            volumes: Vec::new(),
            watch: Vec::new(),
            every_rule: false,
            sync: SyncMode::default(),
            watch_mode: WatchMode::default(),
            hold: Holding::default(),
            replicas: 1,
            restart: RestartPolicy::default(),
            overlap: None,
            stop_signal: Signal::default(),
            stop_grace_period: Duration::from_secs(10),
            trace: true,
            faults: Vec::new(),
            user: None,
            init: true,
            helper: true,
            keep_network: true,
            tty: false,
            labels: IndexMap::new(),
            extra_hosts: Vec::new(),
            container: ContainerOptions::default(),
        }
    }

    /// Whether there are files of this machine that it is made of, so that saving one changes it.
    pub fn has_sources(&self) -> bool {
        self.build.is_some() || self.run.is_some() || !self.watch.is_empty()
    }

    /// Whether it can run as a container.
    pub fn has_image(&self) -> bool {
        self.build.is_some() || self.image.is_some()
    }

    /// Whether a new container of it lacks files that this watch rule is to put into it.
    pub fn is_filled_by(&self, rule: &WatchRule) -> bool {
        let by_itself = self.build.is_none() && self.image.is_some() && !self.every_rule;
        matches!(rule.reaction, Reaction::Sync { .. }) && (by_itself || rule.initial_sync)
    }

    /// Whether a new container of it lacks files that watch rules are to put into it.
    pub fn lacks_files(&self) -> bool {
        self.watch.iter().any(|rule| self.is_filled_by(rule))
    }

    /// Whether it is inferred from its Dockerfile where files of its context land.
    pub fn infers_sync(&self) -> bool {
        self.sync == SyncMode::Auto && self.build.is_some()
    }

    /// The container port it is reached at: the first published one, else the first exposed, else its probe's.
    pub fn port(&self) -> Option<u16> {
        let published = self
            .ports
            .iter()
            .find(|port| port.protocol == Protocol::Tcp)
            .map(|port| port.container);
        published
            .or_else(|| self.expose.first().copied())
            .or_else(|| match &self.health.as_ref()?.probe {
                Probe::Http(http) => http.port,
                Probe::Tcp { port } | Probe::Grpc { port, .. } => *port,
                Probe::Exec(_) | Probe::Log(_) => None,
            })
    }

    /// How one run of it replaces another.
    pub fn swap(&self, runtime: Runtime) -> Swap {
        let shares_storage = !self.volumes.is_empty();
        match (self.overlap, runtime) {
            (Some(false), _) => Swap::Exclusive,
            (None, _) if shares_storage => Swap::Exclusive,
            (None, Runtime::Container) if self.is_bound() => Swap::Exclusive,
            (_, Runtime::Process) | (Some(true), Runtime::Container) => Swap::Overlap,
            (_, Runtime::Container) => Swap::Handover,
        }
    }

    /// Whether its containers want something that only one can have at a time: a port of this machine that no front door
    /// shares, or an address.
    fn is_bound(&self) -> bool {
        let on_host = self
            .container
            .network_mode
            .as_ref()
            .is_some_and(Space::is_host);
        let has_udp = self
            .ports
            .iter()
            .any(|port| port.protocol == Protocol::Udp && port.host.is_some());
        on_host || has_udp || self.container.has_fixed_address()
    }

    /// The services it calls: named in its environment, or depended on (jobs excepted).
    pub fn callees(&self) -> Vec<&ServiceName> {
        let mut callees: Vec<&ServiceName> = self
            .environment
            .values()
            .flat_map(EnvValue::callees)
            .collect();
        let needed = self
            .depends_on
            .iter()
            .filter(|(_, condition)| **condition != Condition::Completed);
        callees.extend(needed.map(|(name, _)| name));
        callees.sort();
        callees.dedup();
        callees
    }
}

/// What files of a build context mean that no watch rule takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SyncMode {
    /// A new image.
    #[default]
    Off,
    /// They are put into the live runs at once, where the Dockerfile tells where they land.
    Auto,
}

/// How one run of a service replaces another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Swap {
    /// The new run starts beside the old one and takes over when it is ready.
    Overlap,
    /// The old run is asked to stop and the new one starts at the same moment; requests are held meanwhile. Where the old
    /// run's name and address can be kept, they overlap instead.
    Handover,
    /// The old run has ended before the new one starts; requests are held meanwhile.
    Exclusive,
}

/// How an image is made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Build {
    /// Folder that is sent to the builder, absolute.
    pub context: PathBuf,
    /// Dockerfile, absolute.
    pub dockerfile: PathBuf,
    /// The text of the Dockerfile, if it stands in the stack's own file: then `dockerfile` is only what it is called.
    #[serde(default)]
    pub inline: Option<String>,
    /// Stage to build; `None`: the last.
    pub target: Option<String>,
    /// Build arguments, sorted by name.
    pub args: Vec<(String, String)>,
    /// Secrets for `RUN --mount=type=secret`.
    pub secrets: Vec<BuildSecret>,
    /// Further labels for the image, sorted by name.
    pub labels: Vec<(String, String)>,
    /// Network of `RUN` steps (`host`, `none`); `None`: the engine's default.
    pub network: Option<String>,
    /// Never use the builder's cache.
    pub no_cache: bool,
    /// Try to pull newer base images.
    pub pull: bool,
}

/// A secret of a build.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BuildSecret {
    /// The id that the Dockerfile asks for.
    pub id: String,
    /// Where its value comes from.
    pub source: SecretSource,
}

/// Where a secret's value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretSource {
    /// The content of a file.
    File(PathBuf),
    /// An environment variable of Boatyard's own environment.
    Environment(String),
}

/// What a dependent waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// A run of it has started.
    Started,
    /// It is ready: healthy if it has a probe, else started.
    Ready,
    /// It has ended with exit code 0.
    Completed,
}

/// A front door: `HOST:CONTAINER`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortMapping {
    /// Address on this machine; 127.0.0.1 unless the stack file gives one.
    pub address: IpAddr,
    /// Port on this machine; `None`: any free one.
    pub host: Option<u16>,
    /// How many of the ports above it will do as well: the first that is free is taken.
    #[serde(default)]
    pub further: u16,
    /// Port in the container.
    pub container: u16,
    /// Transport.
    pub protocol: Protocol,
}

/// Transport of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// TCP, through a front door.
    Tcp,
    /// UDP, published by the engine itself.
    Udp,
}

/// Something mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// What is mounted.
    pub kind: MountKind,
    /// Path in the container, absolute.
    pub target: String,
    /// Whether the container may not write to it.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MountKind {
    /// A named volume of the stack.
    Volume(String),
    /// A path of this machine, absolute.
    Bind(PathBuf),
    /// An unnamed volume that goes with the container.
    Anonymous,
    /// Memory.
    Tmpfs,
}

/// What happens when a run ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// Started again after a failure, with growing delay; an end with code 0 is a completion.
    #[default]
    OnFailure,
    /// Started again however it ended.
    Always,
    /// Never started again by itself.
    No,
}

/// A signal by name, `SIGTERM` unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Signal(pub String);

impl Default for Signal {
    fn default() -> Self {
        Self("SIGTERM".into())
    }
}
