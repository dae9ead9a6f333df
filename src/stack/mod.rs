//! What should run: a [`Stack`] of [`Service`]s, the graph between them, and which service a path belongs to.
//!
//! Everything here is data that `config` reads and the rest of the program acts on. Nothing here does I/O.

mod address;
mod command;
mod container;
mod fault;
mod graph;
mod health;
mod holding;
mod isolate;
mod name;
mod secret;
mod service;
mod shared;
mod smoke;
mod watch;

pub use address::{Address, AddressPart, EnvValue, Fragment, Reach};
pub use command::CommandWords;
pub use container::{
    Attachment, ContainerOptions, Device, Disks, Grant, Healthcheck, Hook, ImageHealth, Limits,
    Logging, MountOptions, OWN_NETWORK, PullPolicy, Space, Ulimit,
};
pub use fault::{Callers, ErrorFault, Fault, ServiceFault, Share, bandwidth_words};
pub use graph::{Cycle, Graph};
pub use health::{Health, HttpProbe, Probe};
pub use holding::Holding;
pub use isolate::Published;
pub use name::ServiceName;
pub use secret::{SECRET_MASK, looks_secret};
pub use service::{
    Build, BuildSecret, Condition, Mount, MountKind, PortMapping, Protocol, RestartPolicy, Runtime,
    SecretSource, Service, Signal, Swap, SyncMode,
};
pub use shared::{AddressPool, ComposeProject, FileContent, Ipam, Naming, Network, Volume};
pub use smoke::{
    Check, CheckKind, CommandExpect, HttpExpect, HttpRequest, RequestBody, TraceExpect,
};
pub use watch::{Reaction, Then, WatchMode, WatchRule};

use std::path::PathBuf;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// The services of one stack file, with every variable resolved and every path absolute.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stack {
    /// Name of the stack: names its containers, network and state folder. Lower case, digits, `-` and `_`.
    pub name: String,
    /// Folder of the stack file; relative paths were resolved against it.
    pub directory: PathBuf,
    /// The stack file itself.
    pub file: PathBuf,
    /// Other files that were read to make this (`.env`, `env_file`s): saving one of them reloads the stack too.
    pub also_read: Vec<PathBuf>,
    /// The services of the chosen profiles, in the order of the file.
    pub services: IndexMap<ServiceName, Service>,
    /// Smoke checks, in the order of the file.
    pub smoke: Vec<Check>,
    /// Values that never reach a log, trace, report or screen (`redact`, secrets).
    pub redact: Vec<String>,
    /// How many builds may run at once.
    pub max_builds: usize,
    /// How many bytes the stack's old images may have together; nothing given: as many as is usual.
    pub image_budget: Option<u64>,
    /// How what it makes in the engine is named.
    #[serde(default)]
    pub naming: Naming,
    /// What is said of its networks, by their keys. A network that services name and that is not here is like any other.
    #[serde(default)]
    pub networks: IndexMap<String, Network>,
    /// What is said of its named volumes, by their keys.
    #[serde(default)]
    pub volumes: IndexMap<String, Volume>,
    /// Files that services may be given.
    #[serde(default)]
    pub configs: IndexMap<String, FileContent>,
    /// The same, secret.
    #[serde(default)]
    pub secrets: IndexMap<String, FileContent>,
}

impl Stack {
    /// The service of this name, if the stack has it.
    pub fn service(&self, name: &ServiceName) -> Option<&Service> {
        self.services.get(name)
    }

    /// The graph of `depends_on`.
    pub fn graph(&self) -> Graph<'_> {
        Graph::of(self)
    }

    /// Keeps only these services and what they need, transitively. An empty list keeps everything.
    pub fn keep_only(&mut self, wanted: &[ServiceName]) {
        if wanted.is_empty() {
            return;
        }
        let needed = self.graph().with_dependencies(wanted);
        self.services.retain(|name, _| needed.contains(name));
    }

    /// Whether the service is a job: somebody waits for its completion, or it says `restart = "no"` and has no probe.
    pub fn is_job(&self, name: &ServiceName) -> bool {
        self.services
            .values()
            .any(|other| other.depends_on.get(name) == Some(&Condition::Completed))
    }
}
