//! `[services.NAME]`: one service, key by key.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;

use crate::stack::{
    Condition, ImageHealth, MountKind, Reaction, RestartPolicy, Service, ServiceName, SyncMode,
};

use super::address::Mention;
use super::depends_on::{self, Edge};
use super::item::{Item, Section};
use super::problem::{Place, quoted};
use super::scope::Scope;
use super::source::shown_here;
use super::tree::{Span, Value};
use super::{build, environment, faults, health, holding, ports, signal, volumes, watch, words};

/// A service as the file gives it, and where the parts stand that are checked against other services.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// The service; its `depends_on` is still empty.
    pub(super) service: Service,
    /// Whether it belongs to the chosen profiles.
    pub(super) active: bool,
    /// The profiles it belongs to; none: it always runs.
    pub(super) profiles: Vec<String>,
    /// Where its name stands.
    pub(super) name_span: Span,
    /// Where its probe stands.
    pub(super) health_span: Option<Span>,
    /// What it depends on.
    pub(super) edges: Vec<Edge>,
    /// Where each of its front doors stands, if that is known.
    pub(super) port_places: Vec<Option<Place>>,
    /// Addresses of other services that its environment mentions.
    pub(super) mentions: Vec<(Mention, Span)>,
    /// Named volumes it uses.
    pub(super) volume_names: Vec<(String, Span)>,
    /// Services that its faults name.
    pub(super) fault_callers: faults::Mentions,
}

/// What other tools call things, or what has no place here.
const HINTS: [(&str, &str); 22] = [
    ("healthcheck", "did you mean \"health\"?"),
    ("env", "did you mean \"environment\"?"),
    ("cmd", "did you mean \"command\"?"),
    ("args", "did you mean \"command\", or build = { args = … }?"),
    (
        "dockerfile",
        "write build = { context = \"…\", dockerfile = \"…\" }",
    ),
    ("context", "write build = \"…\""),
    (
        "target",
        "write build = { context = \"…\", target = \"…\" }",
    ),
    ("port", "did you mean \"ports\"?"),
    ("needs", "did you mean \"depends_on\"?"),
    (
        "cwd",
        "did you mean \"directory\" (of a process) or \"working_dir\" (in a container)?",
    ),
    (
        "dir",
        "did you mean \"directory\" (of a process) or \"working_dir\" (in a container)?",
    ),
    ("deploy", "for several runs side by side write replicas = 2"),
    ("scale", "did you mean \"replicas\"?"),
    (
        "develop",
        "write its \"watch\" rules directly into the service",
    ),
    (
        "networks",
        "all services of a stack share one network; leave it out",
    ),
    (
        "network_mode",
        "all services of a stack share one network; leave it out",
    ),
    (
        "container_name",
        "containers are named after the stack and the service; leave it out",
    ),
    (
        "hostname",
        "a service is reached by its own name; leave it out",
    ),
    (
        "links",
        "every service is reached by its name; for the order use \"depends_on\"",
    ),
    ("privileged", "a container gets no privilege; leave it out"),
    ("logging", "Boatyard keeps the logs itself; leave it out"),
    (
        "tmpfs",
        "write volumes = [{ type = \"tmpfs\", target = \"/tmp\" }]",
    ),
];

impl Draft {
    /// A service of which nothing is said yet, or what a compose file says of it; its parts all stand here.
    pub(super) fn of(service: Service, span: &Span) -> Self {
        let edge = |(to, condition): (&ServiceName, &Condition)| Edge {
            to: to.to_string(),
            condition: *condition,
            required: true,
            restart: service.follows.contains(to),
            span: span.clone(),
        };
        Self {
            active: true,
            profiles: Vec::new(),
            name_span: span.clone(),
            health_span: None,
            edges: service.depends_on.iter().map(edge).collect(),
            port_places: Vec::new(),
            mentions: Vec::new(),
            volume_names: Vec::new(),
            fault_callers: Vec::new(),
            service,
        }
    }

    /// Adds an edge, or says it otherwise.
    fn needs(&mut self, edge: Edge) {
        match self.edges.iter_mut().find(|known| known.to == edge.to) {
            Some(known) => *known = edge,
            None => self.edges.push(edge),
        }
    }
}

/// Reads one service. `base` is what a compose file says of it: of that stays what is not said here; what is said in tables
/// of names and values is added.
pub(super) fn read(
    name: &str,
    item: &Item<'_>,
    base: Option<&Draft>,
    scope: &mut Scope<'_>,
) -> Option<Draft> {
    let of = format!("service {}", quoted(name));
    check_name(name, &item.key_span, scope);
    let mut section = item.section(of.clone(), scope)?;
    let profiles = section.take("profiles").map(|item| item.texts(scope));
    let span = item.key_span.clone();
    let mut draft = if let Some(base) = base {
        Draft {
            name_span: span,
            ..base.clone()
        }
    } else {
        let mut service = Service::named(name);
        service.directory = scope.directory.to_path_buf();
        service.init = false;
        Draft::of(service, &span)
    };
    draft.profiles = profiles.unwrap_or_default();
    let chosen =
        |profile: &String| scope.profiles.contains(profile) || scope.profiles.contains("*");
    draft.active = draft.profiles.is_empty() || draft.profiles.iter().any(chosen);
    scope.active = draft.active;
    origin(&mut draft, &mut section, base.is_some(), &of, scope);
    surroundings(&mut draft, &mut section, scope);
    reaching(&mut draft, &mut section, &of, scope);
    life(&mut draft.service, &mut section, scope);
    reactions(&mut draft.service, &mut section, &of, scope);
    section.finish(&HINTS, scope);
    scope.active = true;
    Some(draft)
}

/// A service's name is a host name and part of a container's name.
fn check_name(name: &str, span: &Span, scope: &mut Scope<'_>) {
    const LONGEST: usize = 63;
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if starts_well && name.len() <= LONGEST && name.chars().all(fits) {
        return;
    }
    scope
        .error(span, format!("{} cannot be the name of a service", quoted(name)))
        .help("use letters, digits, \"-\", \"_\" and \".\", beginning with a letter or digit, 63 at most");
}

/// Where its program comes from.
fn origin(
    draft: &mut Draft,
    section: &mut Section<'_>,
    is_known: bool,
    of: &str,
    scope: &mut Scope<'_>,
) {
    let service = &mut draft.service;
    let build_item = section.take("build");
    let built = build_item
        .as_ref()
        .and_then(|item| build::read(item, of, scope));
    let image = section.take("image");
    let run = section.take("run");
    if build_item.is_none() && image.is_none() && run.is_none() && !is_known {
        scope
            .error(
                &draft.name_span,
                format!("{of} has neither build, image nor run"),
            )
            .help("say what it is: build = \"FOLDER\", image = \"NAME:TAG\", or run = \"COMMAND\"");
    }
    let image = image.and_then(|item| item.filled_text(scope).map(str::to_owned));
    say(&mut service.image, image);
    let run = run.and_then(|item| words::shell_command(&item, scope));
    say(&mut service.run, run);
    let command = section.take("command");
    let command = command.and_then(|item| words::split_command(&item, scope));
    say(&mut service.command, command);
    let entrypoint = section.take("entrypoint");
    let entrypoint = entrypoint.and_then(|item| words::split_command(&item, scope));
    say(&mut service.entrypoint, entrypoint);
    if let Some((build, expose)) = built {
        service.directory.clone_from(&build.context);
        service.init |= !is_known;
        service.build = Some(build);
        service.expose = expose;
    }
    if let Some(item) = section.take("directory") {
        folder(&mut service.directory, &item, scope);
    }
}

/// Sets what was said.
fn say<T>(field: &mut Option<T>, said: Option<T>) {
    if said.is_some() {
        *field = said;
    }
}

/// The folder in which its process starts.
fn folder(directory: &mut PathBuf, item: &Item<'_>, scope: &mut Scope<'_>) {
    let Some(text) = item.filled_text(scope) else {
        return;
    };
    *directory = scope.path(text);
    if scope.active && !directory.is_dir() {
        let message = format!(
            "{}: there is no folder {}",
            item.what,
            shown_here(directory)
        );
        scope
            .error(item.span(), message)
            .help("it is relative to the stack file; create it or correct the name");
    }
}

/// What its program finds around it.
fn surroundings(draft: &mut Draft, section: &mut Section<'_>, scope: &mut Scope<'_>) {
    let service = &mut draft.service;
    let files = section.take("env_file");
    let values = section.take("environment");
    let read = environment::read(files.as_ref(), values.as_ref(), scope);
    service.environment.extend(read.values);
    draft.mentions = read.mentions;
    if let Some(item) = section.take("volumes") {
        service.volumes.clear();
        for (mount, span) in volumes::read(&item, scope) {
            if let MountKind::Volume(name) = &mount.kind {
                draft.volume_names.push((name.clone(), span));
            }
            service.volumes.push(mount);
        }
    }
    let working_dir = section.take("working_dir");
    let working_dir = working_dir.and_then(|item| item.filled_text(scope).map(str::to_owned));
    say(&mut service.working_dir, working_dir);
    let user = section.take("user").and_then(|item| item.scalar(scope));
    say(&mut service.user, user);
    if let Some(item) = section.take("labels") {
        service.labels.extend(labels(&item, scope));
    }
    if let Some(item) = section.take("extra_hosts") {
        service.extra_hosts.extend(hosts(&item, scope));
    }
    for (key, flag) in [
        ("helper", &mut service.helper),
        ("keep_network", &mut service.keep_network),
    ] {
        if let Some(value) = section.take(key).and_then(|item| item.boolean(scope)) {
            *flag = value;
        }
    }
    if let Some(init) = section.take("init").and_then(|item| item.boolean(scope)) {
        service.init = init;
    }
    if let Some(tty) = section.take("tty").and_then(|item| item.boolean(scope)) {
        service.tty = tty;
    }
    let stdin_open = section.take("stdin_open");
    if let Some(open) = stdin_open.and_then(|item| item.boolean(scope)) {
        service.container.stdin_open = open;
    }
}

fn labels(item: &Item<'_>, scope: &mut Scope<'_>) -> IndexMap<String, String> {
    environment::pairs(item, scope)
        .into_iter()
        .map(|(name, value, _)| (name, value.unwrap_or_default()))
        .collect()
}

/// `"NAME:ADDRESS"` or `"NAME=ADDRESS"`, or a table.
fn hosts(item: &Item<'_>, scope: &mut Scope<'_>) -> Vec<String> {
    if item.as_table().is_some() {
        let entries = item.entries(scope).unwrap_or_default();
        return entries
            .into_iter()
            .filter_map(|(name, item)| Some(format!("{name}:{}", item.filled_text(scope)?)))
            .collect();
    }
    let members = item.list(scope).unwrap_or_default();
    let mut lines = Vec::new();
    for member in members {
        let Some(text) = member.text(scope) else {
            continue;
        };
        match text.split_once(['=', ':']) {
            Some((name, address)) if !name.is_empty() && !address.is_empty() => {
                lines.push(format!("{}:{}", name.trim(), address.trim()));
            }
            _ => member.invalid(&format!("{} is not NAME:ADDRESS", quoted(text)), scope),
        }
    }
    lines
}

/// How it is reached, and what it reaches.
fn reaching(draft: &mut Draft, section: &mut Section<'_>, of: &str, scope: &mut Scope<'_>) {
    let service = &mut draft.service;
    if let Some(item) = section.take("ports") {
        service.ports.clear();
        draft.port_places.clear();
        for (port, span) in ports::read(&item, scope) {
            service.ports.push(port);
            draft.port_places.push(Some(scope.place(&span)));
        }
    }
    if let Some(item) = section.take("expose") {
        service.expose = ports::read_expose(&item, scope);
    }
    if let Some(item) = section.take("depends_on") {
        for edge in depends_on::read(&item, scope) {
            draft.needs(edge);
        }
    }
    let service = &mut draft.service;
    if let Some(item) = section.take("health") {
        service.health = health::read(&item, of, scope);
        service.container.healthcheck = None;
        if service.container.image_health == ImageHealth::Asked {
            service.container.image_health = ImageHealth::Off;
        }
        draft.health_span = Some(item.span().clone());
    }
    let usual = scope.defaults.hold;
    let hold = section.take("hold");
    service.hold = hold
        .and_then(|item| holding::read(&item, usual, scope))
        .unwrap_or(usual);
    let trace = section.take("trace").and_then(|item| item.boolean(scope));
    if let Some(trace) = trace.or(scope.defaults.trace) {
        service.trace = trace;
    }
    if let Some(item) = section.take("faults") {
        service.faults = faults::of_service(&item, &mut draft.fault_callers, scope);
    }
}

/// How it lives and dies.
fn life(service: &mut Service, section: &mut Section<'_>, scope: &mut Scope<'_>) {
    const MOST_REPLICAS: i64 = 100;
    if let Some(number) = section
        .take("replicas")
        .and_then(|item| item.integer(1, MOST_REPLICAS, scope))
    {
        service.replicas = u32::try_from(number).unwrap_or(1);
    }
    if let Some(policy) = section
        .take("restart")
        .and_then(|item| restart(&item, scope))
    {
        service.restart = policy;
    }
    let overlap = section.take("overlap");
    let overlap = overlap.and_then(|item| item.boolean(scope));
    say(&mut service.overlap, overlap);
    if let Some(signal) = section
        .take("stop_signal")
        .and_then(|item| signal::read(&item, scope))
    {
        service.stop_signal = signal;
    }
    let grace: Option<Duration> = section
        .take("stop_grace_period")
        .and_then(|item| item.duration(scope));
    if let Some(grace) = grace {
        service.stop_grace_period = grace;
    }
}

fn restart(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<RestartPolicy> {
    if item.node.value == Value::Boolean(false) {
        return Some(RestartPolicy::No);
    }
    let policies = [
        ("no", RestartPolicy::No),
        ("on-failure", RestartPolicy::OnFailure),
        ("always", RestartPolicy::Always),
        ("unless-stopped", RestartPolicy::Always),
    ];
    item.choice(&policies, scope)
}

/// What saved files mean for it.
fn reactions(service: &mut Service, section: &mut Section<'_>, of: &str, scope: &mut Scope<'_>) {
    if let Some(item) = section.take("sync") {
        service.sync = sync(&item, service.build.is_some(), scope);
    }
    let mode = section.take("watch_mode");
    service.watch_mode = mode
        .and_then(|item| watch::mode(&item, scope))
        .unwrap_or(scope.defaults.watch_mode);
    let Some(item) = section.take("watch") else {
        return;
    };
    let folder = service.directory.clone();
    service.watch.clear();
    service.every_rule = false;
    scope.rules.retain(|(name, _)| *name != service.name);
    for found in watch::read(&item, of, &folder, scope) {
        let why = match found.what.reaction {
            Reaction::Rebuild if service.build.is_none() => "it has no \"build\"",
            Reaction::Sync { .. } if !service.has_image() => {
                "it has neither \"build\" nor \"image\""
            }
            _ => {
                let place = scope.place(&found.span);
                scope.rules.push((service.name.clone(), place));
                service.watch.push(found.what);
                continue;
            }
        };
        scope
            .error(
                &found.action_span,
                format!("this watch rule cannot apply to {of}: {why}"),
            )
            .help("for a service that only runs as a process use action = \"restart\"");
    }
}

/// `"auto"`, `"off"` or `false`.
fn sync(item: &Item<'_>, has_build: bool, scope: &mut Scope<'_>) -> SyncMode {
    let mode = match item.node.value {
        Value::Boolean(false) => SyncMode::Off,
        Value::Boolean(true) => {
            let message = format!("{}: expected \"auto\" or \"off\", found true", item.what);
            scope
                .error(item.span(), message)
                .help("write sync = \"auto\"");
            SyncMode::Off
        }
        Value::List(_) | Value::Table(_) => {
            let message = format!("{}: expected \"auto\" or \"off\"", item.what);
            let help = "rules of your own are written under \"watch\", with action = \"sync\"";
            scope.error(item.span(), message).help(help);
            SyncMode::Off
        }
        _ => {
            let words = [("auto", SyncMode::Auto), ("off", SyncMode::Off)];
            item.choice(&words, scope).unwrap_or_default()
        }
    };
    if mode == SyncMode::Auto && !has_build {
        let why = "there is no \"build\" from which it could be inferred";
        let help = "give it a build, or write \"watch\" rules with action = \"sync\"";
        scope
            .error(item.span(), format!("{}: {why}", item.what))
            .help(help);
    }
    mode
}
