//! What is said of a service's containers beyond what every service has: the words of Compose that only an engine acts on.

use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{CommandWords, FileContent, ServiceName};

/// Everything of a service that only its containers have. The default says nothing: then the engine decides, or Boatyard
/// does as it always did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of a compose file"
)]
pub struct ContainerOptions {
    /// The container's very name (`container_name`), instead of one made of the stack's, the service's and a number.
    pub name: Option<String>,
    /// Host name inside; `None`: the engine's choice.
    pub hostname: Option<String>,
    /// Domain name inside.
    pub domainname: Option<String>,
    /// Hardware address on the first network.
    pub mac_address: Option<String>,
    /// The networks it is on, by their keys in [`Stack::networks`](super::Stack::networks), in order. Empty: on the stack's
    /// own network, which is called [`OWN_NETWORK`].
    pub networks: IndexMap<String, Attachment>,
    /// A network that is not one of the stack's; then `networks` is empty.
    pub network_mode: Option<Space>,
    /// Process ids that it shares.
    pub pid: Option<Space>,
    /// Memory segments, semaphores and queues that it shares.
    pub ipc: Option<Space>,
    /// Whose host name it shares (`host`).
    pub uts: Option<String>,
    /// Whose user ids it has (`host`).
    pub userns_mode: Option<String>,
    /// Whose control groups it sees (`host` or `private`).
    pub cgroup: Option<String>,
    /// The control group under which its own is made.
    pub cgroup_parent: Option<String>,
    /// Name servers.
    pub dns: Vec<String>,
    /// Domains in which names are looked up.
    pub dns_search: Vec<String>,
    /// Options of the resolver.
    pub dns_opt: Vec<String>,
    /// Capabilities beyond the usual ones.
    pub cap_add: Vec<String>,
    /// Capabilities taken away.
    pub cap_drop: Vec<String>,
    /// Options of security modules, as the engine takes them.
    pub security_opt: Vec<String>,
    /// Whether it may do what root of this machine may.
    pub privileged: bool,
    /// Whether its own files cannot be written.
    pub read_only: bool,
    /// Size of `/dev/shm` in bytes.
    pub shm_size: Option<i64>,
    /// Devices of this machine.
    pub devices: Vec<Device>,
    /// Rules for kinds of devices, as the kernel writes them (`c 1:3 mr`).
    pub device_cgroup_rules: Vec<String>,
    /// Kernel parameters of its namespaces.
    pub sysctls: IndexMap<String, String>,
    /// Limits of its processes, by their names (`nofile`).
    pub ulimits: IndexMap<String, Ulimit>,
    /// Where the engine puts what it prints. `None`: the engine's default.
    pub logging: Option<Logging>,
    /// For which platform its image is wanted: `OS[/ARCH[/VARIANT]]`.
    pub platform: Option<String>,
    /// Further groups of its program.
    pub group_add: Vec<String>,
    /// How much it may take.
    pub limits: Limits,
    /// How gladly the kernel ends it when memory is short (-1000 to 1000).
    pub oom_score_adj: Option<i64>,
    /// Whether the kernel never ends it when memory is short.
    pub oom_kill_disable: bool,
    /// Which of the engine's runtimes runs it.
    pub runtime: Option<String>,
    /// Options of the storage of its own files (`size`).
    pub storage_opt: IndexMap<String, String>,
    /// Annotations for the runtime.
    pub annotations: IndexMap<String, String>,
    /// Whether its standard input is kept open.
    pub stdin_open: bool,
    /// When its image is fetched.
    pub pull_policy: PullPolicy,
    /// Files it gets from [`Stack::configs`](super::Stack::configs).
    pub configs: Vec<Grant>,
    /// Files it gets from [`Stack::secrets`](super::Stack::secrets).
    pub secrets: Vec<Grant>,
    /// Commands run inside right after the start of its program.
    pub post_start: Vec<Hook>,
    /// Commands run inside before its program is asked to stop.
    pub pre_stop: Vec<Hook>,
    /// What else is said of mounts, by their targets.
    pub mounts: IndexMap<String, MountOptions>,
    /// What becomes of the health check that its image defines.
    pub image_health: ImageHealth,
    /// The check that the engine itself makes of its containers, which then is what the service's
    /// [`health`](super::Service::health) asks too.
    pub healthcheck: Option<Healthcheck>,
}

/// Key of the stack's own network, on which services are that name none.
pub const OWN_NETWORK: &str = "default";

impl ContainerOptions {
    /// The keys of the networks it is on, in the order in which they are joined; Boatyard itself reaches it at the first. None
    /// with a `network_mode`.
    pub fn network_keys(&self) -> Vec<&str> {
        if self.network_mode.is_some() {
            return Vec::new();
        }
        let mut networks: Vec<(&String, &Attachment)> = self.networks.iter().collect();
        networks.sort_by_key(|(_, attachment)| std::cmp::Reverse(attachment.priority));
        match networks.as_slice() {
            [] => vec![OWN_NETWORK],
            some => some.iter().map(|(key, _)| key.as_str()).collect(),
        }
    }

    /// Whether an address is asked for that only one container can have at a time.
    pub fn has_fixed_address(&self) -> bool {
        let fixed = |it: &Attachment| {
            it.ipv4_address.is_some() || it.ipv6_address.is_some() || it.mac_address.is_some()
        };
        self.mac_address.is_some() || self.networks.values().any(fixed)
    }

    /// The services in whose namespaces it lives, which must run before it does.
    pub fn lives_in(&self) -> impl Iterator<Item = &ServiceName> {
        let spaces = [&self.network_mode, &self.pid, &self.ipc];
        spaces
            .into_iter()
            .flatten()
            .filter_map(|space| match space {
                Space::Service(name) => Some(name),
                Space::Container(_) | Space::Named(_) => None,
            })
    }
}

/// How a service is on one of its networks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Attachment {
    /// Further names on this network.
    pub aliases: Vec<String>,
    /// Its address there.
    pub ipv4_address: Option<String>,
    /// Its newer address there.
    pub ipv6_address: Option<String>,
    /// Further addresses of the link.
    pub link_local_ips: Vec<String>,
    /// Its hardware address there.
    pub mac_address: Option<String>,
    /// Networks of higher priority are joined first.
    pub priority: i64,
    /// The network of the highest one gives the default route.
    pub gw_priority: i64,
    /// What the interface is called inside.
    pub interface_name: Option<String>,
    /// Options for the network's driver.
    pub driver_opts: IndexMap<String, String>,
}

/// Whose namespace a container lives in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Space {
    /// That of a service's run (`service:NAME`).
    Service(ServiceName),
    /// That of a container that is not the stack's (`container:NAME`).
    Container(String),
    /// As the engine calls it: `host`, `none`, `bridge`, `private`, `shareable`.
    Named(String),
}

impl Space {
    /// Whether it is this machine's own.
    pub fn is_host(&self) -> bool {
        matches!(self, Self::Named(name) if name == "host")
    }
}

/// A device of this machine inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its path on this machine; a name of the Container Device Interface (`vendor.com/class=name`) where it is no path.
    pub source: String,
    /// Its path inside.
    pub target: String,
    /// What may be done with it: of `r`, `w` and `m`.
    pub permissions: String,
}

/// A limit of processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// What they have; -1: no limit.
    pub soft: i64,
    /// Up to which they may raise it themselves; -1: no limit.
    pub hard: i64,
}

/// Where the engine puts what a container prints.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Logging {
    /// The driver's name; `None`: the engine's default.
    pub driver: Option<String>,
    /// The driver's options.
    pub options: IndexMap<String, String>,
}

/// How much of this machine a container may take. Bytes, unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Processor time in billionths of one core (`cpus`).
    pub nano_cpus: Option<i64>,
    /// Weight against others (`cpu_shares`).
    pub cpu_shares: Option<i64>,
    /// Time it may run in each period, in microseconds.
    pub cpu_quota: Option<i64>,
    /// That period, in microseconds.
    pub cpu_period: Option<i64>,
    /// Real-time budget in each real-time period, in microseconds.
    pub cpu_rt_runtime: Option<i64>,
    /// That period, in microseconds.
    pub cpu_rt_period: Option<i64>,
    /// Cores it may use (`0-3,5`).
    pub cpuset: Option<String>,
    /// Memory.
    pub memory: Option<i64>,
    /// Memory that it keeps when others need some.
    pub memory_reservation: Option<i64>,
    /// Memory and swap together; -1: no limit.
    pub memory_swap: Option<i64>,
    /// How gladly the kernel swaps it out (0 to 100).
    pub memory_swappiness: Option<i64>,
    /// Processes; -1: no limit.
    pub pids: Option<i64>,
    /// Reading and writing of disks.
    pub disks: Disks,
}

/// How much a container may read from and write to disks (`blkio_config`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Disks {
    /// Weight against others (10 to 1000).
    pub weight: Option<u16>,
    /// The same for each device.
    pub weight_device: Vec<(String, u16)>,
    /// Bytes read in a second, for each device.
    pub read_bps: Vec<(String, i64)>,
    /// Bytes written in a second, for each device.
    pub write_bps: Vec<(String, i64)>,
    /// Reads in a second, for each device.
    pub read_iops: Vec<(String, i64)>,
    /// Writes in a second, for each device.
    pub write_iops: Vec<(String, i64)>,
}

/// When an image is fetched that no build makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PullPolicy {
    /// When it is not here (`missing`, `if_not_present`).
    #[default]
    Missing,
    /// Once a session, even if it is here.
    Always,
    /// Never: it must be here (`never`).
    Never,
    /// Never: it is built (`build`).
    Build,
    /// When the one that is here was fetched longer ago than this many seconds (`daily`, `weekly`, `every_…`).
    Every(u64),
}

/// A config or secret that a service gets as a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its key among the stack's configs or secrets.
    pub source: String,
    /// What that is made of.
    pub content: FileContent,
    /// Where the file is: a path, or for a secret a name in `/run/secrets`. `None`: `/SOURCE` for a config,
    /// `/run/secrets/SOURCE` for a secret.
    pub target: Option<String>,
    /// Number of its user.
    pub uid: Option<String>,
    /// Number of its group.
    pub gid: Option<String>,
    /// Its mode. `None`: readable by all.
    pub mode: Option<u32>,
}

impl Grant {
    /// Where a config's file is, absolute.
    pub fn config_path(&self) -> String {
        match &self.target {
            Some(target) if target.starts_with('/') => target.clone(),
            Some(target) => format!("/{target}"),
            None => format!("/{}", self.source),
        }
    }

    /// Where a secret's file is, absolute.
    pub fn secret_path(&self) -> String {
        match &self.target {
            Some(target) if target.starts_with('/') => target.clone(),
            Some(target) => format!("/run/secrets/{target}"),
            None => format!("/run/secrets/{}", self.source),
        }
    }
}

/// A command run inside a container at a turn of its life, or after files were copied into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// What is run.
    pub command: CommandWords,
    /// As whom; `None`: as its program.
    pub user: Option<String>,
    /// Whether it may do what root of this machine may.
    pub privileged: bool,
    /// Where; `None`: where its program started.
    pub working_dir: Option<String>,
    /// Further environment.
    pub environment: IndexMap<String, String>,
}

impl Hook {
    /// A command of which nothing else is said.
    pub fn plain(command: CommandWords) -> Self {
        Self {
            command,
            user: None,
            privileged: false,
            working_dir: None,
            environment: IndexMap::new(),
        }
    }
}

/// What is said of a mount beyond its kind, target and whether it may be written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MountOptions {
    /// How mounts below a bind mount show on the other side (`rprivate`, `shared` …).
    pub propagation: Option<String>,
    /// Whether the folder of a bind mount is made where it is missing.
    pub create_host_path: bool,
    /// Whether mounts below a bind mount are left out.
    pub non_recursive: bool,
    /// Whether a new volume stays empty instead of getting what the image has there.
    pub nocopy: bool,
    /// The folder of the volume that is mounted.
    pub subpath: Option<String>,
    /// Labels of an unnamed volume.
    pub labels: IndexMap<String, String>,
    /// Size of a mount of memory, in bytes.
    pub tmpfs_size: Option<i64>,
    /// Mode of its folder.
    pub tmpfs_mode: Option<u32>,
    /// Further options of it, as `mount -o` takes them (`noexec`, `uid=1000`).
    pub tmpfs_options: Vec<String>,
}

/// What becomes of the health check that an image defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageHealth {
    /// The engine asks it as the image says; Boatyard does not look.
    #[default]
    Left,
    /// It is the service's probe: [`Service::health`](super::Service::health) is then an exec probe without words, which
    /// stands for it.
    Asked,
    /// Nobody asks it (`healthcheck: { disable: true }`, or the service has one of its own).
    Off,
}

/// A health check as the engine takes it; what is not said is as the image has it, or as the engine is used to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Healthcheck {
    /// `CMD` and words, or `CMD-SHELL` and a line; empty: the image's own.
    pub test: Vec<String>,
    /// Time between two checks, and from the start to the first one.
    pub interval: Option<Duration>,
    /// Time after which a check counts as failed.
    pub timeout: Option<Duration>,
    /// How long after the start failures do not count.
    pub start_period: Option<Duration>,
    /// How many failures in a row make a container unhealthy.
    pub retries: Option<u32>,
}
