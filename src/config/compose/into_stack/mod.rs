//! From the canonical model of a Compose project to the stack that runs: a topic a file.

mod build;
mod container;
mod get;
mod health;
mod mounts;
mod order;
mod ports;
mod shared;
mod unheard;
mod watch;

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::super::doors::{self, Door};
use super::super::problem::{Place, Problem, Severity};
use super::super::{file, signal};
use super::Project;
use super::node::{Node, Spot};
use crate::stack::{
    Attachment, CommandWords, ComposeProject, EnvValue, FileContent, Naming, OWN_NETWORK, Service,
    ServiceName, Signal, Stack,
};

#[cfg(test)]
mod tests;

/// The keys of a service that are acted on, in this folder or before the model is made. All others are told of.
#[cfg(test)]
const ACTED_ON: &[&str] = &[
    "annotations",
    "blkio_config",
    "build",
    "cap_add",
    "cap_drop",
    "cgroup",
    "cgroup_parent",
    "command",
    "configs",
    "container_name",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "cpus",
    "cpuset",
    "depends_on",
    "deploy",
    "develop",
    "device_cgroup_rules",
    "devices",
    "dns",
    "dns_opt",
    "dns_search",
    "domainname",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extends",
    "extra_hosts",
    "group_add",
    "healthcheck",
    "hostname",
    "image",
    "init",
    "ipc",
    "label_file",
    "labels",
    "links",
    "logging",
    "mac_address",
    "mem_limit",
    "mem_reservation",
    "mem_swappiness",
    "memswap_limit",
    "network_mode",
    "networks",
    "oom_kill_disable",
    "oom_score_adj",
    "pid",
    "pids_limit",
    "platform",
    "ports",
    "post_start",
    "pre_stop",
    "privileged",
    "profiles",
    "pull_policy",
    "read_only",
    "restart",
    "runtime",
    "scale",
    "secrets",
    "security_opt",
    "shm_size",
    "stdin_open",
    "stop_grace_period",
    "stop_signal",
    "storage_opt",
    "sysctls",
    "tmpfs",
    "tty",
    "ulimits",
    "user",
    "userns_mode",
    "uts",
    "volumes",
    "volumes_from",
    "working_dir",
];

/// What a project means.
pub(in crate::config) struct Mapped {
    /// The stack. It can be run when none of the problems is an error.
    pub(in crate::config) stack: Stack,
    /// What is wrong with it, and what is not acted on; of which service, if it is one's alone.
    pub(in crate::config) problems: Vec<(Option<ServiceName>, Problem)>,
    /// Where the watch rules of each service stand, in their order.
    pub(in crate::config) rules: Vec<(ServiceName, Place)>,
    /// Where the front doors of each service stand, in their order.
    pub(in crate::config) doors: HashMap<ServiceName, Vec<Option<Place>>>,
}

/// The state of one mapping.
struct Mapping<'a> {
    project: &'a Project,
    configs: IndexMap<String, FileContent>,
    secrets: IndexMap<String, FileContent>,
    also_read: Vec<PathBuf>,
    problems: Vec<Problem>,
    rules: Vec<(ServiceName, Place)>,
    doors: HashMap<ServiceName, Vec<Option<Place>>>,
    /// Which of the problems each service has.
    of_services: Vec<(ServiceName, Range<usize>)>,
}

/// The stack of a project.
pub(in crate::config) fn into_stack(project: &Project) -> Mapped {
    let mut mapping = Mapping {
        project,
        configs: IndexMap::new(),
        secrets: IndexMap::new(),
        also_read: project.also_read.clone(),
        problems: Vec::new(),
        rules: Vec::new(),
        doors: HashMap::new(),
        of_services: Vec::new(),
    };
    mapping.configs = shared::files("configs", &mut mapping);
    mapping.secrets = shared::files("secrets", &mut mapping);
    let services = services(&mut mapping);
    unheard::tell(&mut mapping);
    let model = &project.model;
    let stack = Stack {
        name: project.name.clone(),
        directory: project.directory.clone(),
        file: project.files.first().cloned().unwrap_or_default(),
        also_read: mapping.also_read,
        services,
        redact: secret_texts(&mapping.secrets),
        max_builds: file::default_builds(),
        naming: Naming::Compose(ComposeProject {
            project: project.name.clone(),
            working_dir: project.directory.clone(),
            config_files: project.files.clone(),
            environment_files: Vec::new(),
        }),
        networks: shared::networks(&project.name, model),
        volumes: shared::volumes(&project.name, model),
        configs: mapping.configs,
        secrets: mapping.secrets,
        ..Stack::default()
    };
    let Mapping {
        problems,
        rules,
        doors,
        of_services,
        ..
    } = mapping;
    let whose = |index: usize| {
        let mut all = of_services.iter();
        let (name, _) = all.find(|(_, range)| range.contains(&index))?;
        Some(name.clone())
    };
    let problems = problems.into_iter().enumerate();
    Mapped {
        stack,
        problems: problems
            .map(|(index, problem)| (whose(index), problem))
            .collect(),
        rules,
        doors,
    }
}

impl Mapped {
    /// A warning for each front door whose port another one has that is to run: together they cannot be opened.
    pub(in crate::config) fn shared_doors(&self, idle: &BTreeSet<ServiceName>) -> Vec<Problem> {
        let services = self.stack.services.values();
        let running = services.filter(|service| !idle.contains(&service.name));
        let doors = running.flat_map(|service| {
            let places = self.doors.get(&service.name).into_iter().flatten();
            service.ports.iter().zip(places).map(|(port, place)| Door {
                service: service.name.as_str(),
                port,
                place: place.clone(),
            })
        });
        let mut problems = doors::shared(doors);
        for problem in &mut problems {
            // Only some of the project may be wanted, and `--ports auto` moves one.
            problem.severity = Severity::Warning;
            problem.help("give one of them another port, or name the services that are to run");
        }
        problems
    }
}

/// The services that are not to run where these are wanted.
pub(in crate::config) fn idle(stack: &Stack, wanted: &[String]) -> BTreeSet<ServiceName> {
    let known = wanted.iter().map(ServiceName::new);
    let known: Vec<ServiceName> = known.filter(|it| stack.services.contains_key(it)).collect();
    if known.is_empty() {
        return BTreeSet::new();
    }
    let needed = stack.graph().with_dependencies(&known);
    let names = stack.services.keys();
    names
        .filter(|name| !needed.contains(*name))
        .cloned()
        .collect()
}

/// What is wrong, but for what is so with services that are not to run.
pub(in crate::config) fn told(
    problems: Vec<(Option<ServiceName>, Problem)>,
    idle: &BTreeSet<ServiceName>,
) -> impl Iterator<Item = Problem> {
    let problems = problems.into_iter();
    problems
        .filter(|(of, _)| of.as_ref().is_none_or(|name| !idle.contains(name)))
        .map(|(_, problem)| problem)
}

impl Mapping<'_> {
    fn error(&mut self, at: &Spot, message: impl Into<String>, help: &str) {
        self.push(Problem::error(at.place(), message)).help(help);
    }

    fn warning(&mut self, at: &Spot, message: impl Into<String>, help: &str) {
        self.push(Problem::warning(at.place(), message)).help(help);
    }

    fn warn(&mut self, at: &Spot, message: impl Into<String>) -> &mut Problem {
        self.push(Problem::warning(at.place(), message))
    }

    fn push(&mut self, problem: Problem) -> &mut Problem {
        let index = self.problems.len();
        self.problems.push(problem);
        &mut self.problems[index]
    }

    /// The value of a variable that the project's files see.
    fn variable(&self, name: &str) -> Option<String> {
        let mut settings = self.project.variables.iter().rev();
        let found = settings.find(|setting| setting.service.is_none() && setting.name == name);
        found?.value.clone()
    }

    /// Remembers that saving this file must read the project again.
    fn also_read(&mut self, path: &Path) {
        if !self.also_read.iter().any(|known| known == path) {
            self.also_read.push(path.to_owned());
        }
    }
}

/// The services that have containers, in the order of the files.
fn services(mapping: &mut Mapping<'_>) -> IndexMap<ServiceName, Service> {
    let project = mapping.project;
    let nothing = Node::default();
    let nodes = project.model.get("services").unwrap_or(&nothing);
    let running: BTreeSet<&str> = nodes
        .entries()
        .filter(|(_, node)| order::replicas(node) > 0 && node.get("provider").is_none())
        .map(|(name, _)| name)
        .collect();
    let mut services = IndexMap::new();
    for (name, node) in nodes.entries().filter(|(name, _)| running.contains(name)) {
        let before = mapping.problems.len();
        let mut service = service(name, node, mapping);
        let its = before..mapping.problems.len();
        mapping.of_services.push((service.name.clone(), its));
        (service.depends_on, service.follows) = order::read(node, &running);
        let awaited = order::is_awaited(name, nodes);
        let asking = health::read(node, awaited);
        service.health = asking.health;
        service.container.healthcheck = asking.check;
        service.container.image_health = asking.of_image;
        services.insert(service.name.clone(), service);
    }
    for (_, node) in nodes.entries() {
        for link in get::texts(node, "links") {
            add_link(&link, &mut services);
        }
    }
    services
}

/// `SERVICE:ALIAS`: another name by which a service is reached. It is known on all of that service's networks, not
/// only to the one that links.
fn add_link(link: &str, services: &mut IndexMap<ServiceName, Service>) {
    let Some((name, alias)) = link.split_once(':').filter(|(name, alias)| name != alias) else {
        return;
    };
    let Some(service) = services.get_mut(name) else {
        return;
    };
    let networks = &mut service.container.networks;
    if networks.is_empty() && service.container.network_mode.is_none() {
        networks.insert(OWN_NETWORK.into(), Attachment::default());
    }
    for attachment in networks.values_mut() {
        if !attachment.aliases.iter().any(|known| known == alias) {
            attachment.aliases.push(alias.to_owned());
        }
    }
}

fn service(name: &str, node: &Node, mapping: &mut Mapping<'_>) -> Service {
    let mut service = Service::named(name);
    service.build = build::read(node, mapping);
    service.directory = build::folder(service.build.as_ref(), &mapping.project.directory);
    service.image = get::text(node, "image").filter(|image| !image.is_empty());
    service.command = command(node, "command");
    service.entrypoint = command(node, "entrypoint");
    service.working_dir = get::text(node, "working_dir");
    service.user = get::text(node, "user");
    service.environment = environment(node);
    let doors = ports::doors(node, mapping);
    let places = doors.iter().map(|(_, place)| place.clone()).collect();
    mapping.doors.insert(service.name.clone(), places);
    service.ports = doors.into_iter().map(|(door, _)| door).collect();
    service.expose = ports::exposed(node);
    if let Some(build) = &service.build {
        for port in build::exposed(build) {
            if !service.expose.contains(&port) {
                service.expose.push(port);
            }
        }
    }
    service.container = container::read(node, mapping);
    let mounts = mounts::read(node, mapping);
    service.volumes = mounts.mounts;
    service.container.mounts = mounts.options;
    service.labels = get::pairs(node, "labels");
    service.extra_hosts = get::pairs(node, "extra_hosts")
        .into_iter()
        .map(|(name, address)| format!("{name}:{address}"))
        .collect();
    life(&mut service, node);
    health::check_command(node, mapping);
    for (rule, at) in watch::read(node, mapping) {
        if let Some(place) = at.at.place() {
            mapping.rules.push((service.name.clone(), place));
        }
        service.watch.push(rule);
    }
    service.every_rule = !service.watch.is_empty();
    service
}

/// How it lives and dies.
fn life(service: &mut Service, node: &Node) {
    service.init = get::flag(node, "init").unwrap_or(false);
    service.tty = get::flag(node, "tty").unwrap_or(false);
    service.replicas = order::replicas(node);
    service.restart = order::restart(node);
    if let Some(name) = get::text(node, "stop_signal") {
        service.stop_signal = signal::parse(&name).unwrap_or(Signal(name));
    }
    if let Some(time) = get::duration(node, "stop_grace_period") {
        service.stop_grace_period = time;
    }
}

/// A command; nothing said is nothing changed, an empty list is an empty command.
fn command(node: &Node, key: &str) -> Option<CommandWords> {
    node.get(key).filter(|node| !node.is_null())?;
    Some(CommandWords::Words(get::texts(node, key)))
}

/// Variables; one without a value is not set.
fn environment(node: &Node) -> IndexMap<String, EnvValue> {
    let entries = node.get("environment").into_iter().flat_map(Node::entries);
    entries
        .filter_map(|(name, value)| Some((name.to_owned(), EnvValue::text(value.scalar()?))))
        .collect()
}

/// What the secrets hold, to be masked wherever it would show.
fn secret_texts(secrets: &IndexMap<String, FileContent>) -> Vec<String> {
    const LARGEST: u64 = 64 << 10;
    let text = |content: &FileContent| match content {
        FileContent::File(path) => {
            let size = std::fs::metadata(path).ok()?.len();
            (size <= LARGEST).then(|| std::fs::read_to_string(path).ok())?
        }
        FileContent::Environment { value, .. } => Some(value.clone()),
        FileContent::Text(text) => Some(text.clone()),
        FileContent::External { .. } => None,
    };
    let texts: BTreeSet<String> = secrets
        .values()
        .filter_map(text)
        .map(|text| text.trim_end_matches(['\n', '\r']).to_owned())
        .filter(|text| !text.trim().is_empty())
        .collect();
    texts.into_iter().collect()
}
