//! What a service is made of and started with, and what is done when its files are saved.

use super::{Fact, Source, list, set, told, yes};
use crate::engine::{BuildState, EngineLink, Place, ServiceState};
use crate::stack::{
    Build, CommandWords, EnvValue, Naming, PullPolicy, Reaction, Runtime, SECRET_MASK,
    SecretSource, Service, ServiceName, SyncMode, Then, WatchMode, WatchRule,
};
use crate::text;
use crate::tui::theme::Role;

/// What it runs as, of what, and how it is started.
pub(super) fn what(source: Source<'_>, service: &ServiceState) -> Vec<Fact> {
    let mut facts = vec![Fact::new("runs as", kind(source, service))];
    if service.runtime == Some(Runtime::Process) {
        facts.extend(process(source, &service.service));
    } else {
        facts.extend(image(source, service));
        facts.extend(container(source, &service.service));
    }
    let replicas = service.replicas();
    facts.extend((replicas > 1).then(|| Fact::new("replicas", replicas.to_string())));
    facts
}

fn kind(source: Source<'_>, service: &ServiceState) -> String {
    let why = service.no_container.as_ref();
    match (service.runtime, why) {
        (Some(Runtime::Container), _) => "container".into(),
        (Some(Runtime::Process), Some(why)) => format!("process: {why}"),
        (Some(Runtime::Process), None) if service.service.has_image() => {
            match source.state.engine_link {
                EngineLink::Missing { .. } => "process: no container engine was found".into(),
                _ => "process".into(),
            }
        }
        (Some(Runtime::Process), None) => "process".into(),
        (None, _) => "not known yet: waits for the container engine to answer".into(),
    }
}

fn process(source: Source<'_>, service: &Service) -> Vec<Fact> {
    let command = service.run.as_ref().map(|it| shown(source, it));
    told([
        set("command", command),
        Some(Fact::new("folder", service.directory.display().to_string())),
    ])
}

fn image(source: Source<'_>, service: &ServiceState) -> Vec<Fact> {
    let made = service.image.as_ref().map(|image| image.name.clone());
    let named = service.service.image.clone();
    let mut facts: Vec<Fact> = made.or(named).map(image_fact).into_iter().collect();
    if let BuildState::Built {
        build,
        took,
        cached,
    } = &service.build
    {
        let how = if *cached {
            "was there already".to_owned()
        } else {
            format!("took {}", text::duration(*took))
        };
        facts.push(Fact::new("", format!("build {build} {how}")));
    }
    if let Some(policy) = pull(service.service.container.pull_policy) {
        facts.push(Fact::new("is fetched", policy));
    }
    let build = service.service.build.as_ref();
    facts.extend(build.map(|it| self::build(source, it)).unwrap_or_default());
    facts
}

/// An image that has no name is shown by the beginning of its id.
fn image_fact(name: String) -> Fact {
    match name.strip_prefix("sha256:") {
        Some(id) => {
            let short: String = id.chars().take(12).collect();
            Fact::new("image", short).copies(name)
        }
        None => Fact::new("image", name),
    }
}

fn pull(policy: PullPolicy) -> Option<String> {
    Some(match policy {
        PullPolicy::Missing => return None,
        PullPolicy::Always => "once a session, even if it is here".into(),
        PullPolicy::Never => "never: it must be here".into(),
        PullPolicy::Build => "never: it is built".into(),
        PullPolicy::Every(seconds) => {
            let every = super::length(std::time::Duration::from_secs(seconds));
            format!("when it is older than {every}")
        }
    })
}

fn build(source: Source<'_>, build: &Build) -> Vec<Fact> {
    let usual = build.dockerfile == build.context.join("Dockerfile");
    let dockerfile = match &build.inline {
        Some(_) => Some("written in the stack file".to_owned()),
        None => (!usual).then(|| build.dockerfile.display().to_string()),
    };
    let mut facts = told([
        Some(Fact::new("built from", build.context.display().to_string())),
        set("Dockerfile", dockerfile),
        set("target", build.target.clone()),
    ]);
    let mut label = "arguments";
    for (name, value) in &build.args {
        let value = source.state.stack.masked_variable(name, value);
        facts.push(Fact::new(label, format!("{name}={value}")));
        label = "";
    }
    let mut label = "secrets";
    for secret in &build.secrets {
        let from = match &secret.source {
            SecretSource::File(path) => format!("the file {}", path.display()),
            SecretSource::Environment(name) => format!("the variable {name}"),
        };
        facts.push(Fact::new(label, format!("{} from {from}", secret.id)));
        label = "";
    }
    facts.extend(told([
        set("network", build.network.clone()),
        yes("cache", build.no_cache, "never used"),
        yes("base images", build.pull, "newer ones are looked for"),
    ]));
    facts
}

fn container(source: Source<'_>, service: &Service) -> Vec<Fact> {
    let options = &service.container;
    let words = |words: &Option<CommandWords>| words.as_ref().map(|it| shown(source, it));
    let open = match (service.tty, options.stdin_open) {
        (true, true) => Some("a terminal, and its input is kept open"),
        (true, false) => Some("a terminal"),
        (false, true) => Some("its input is kept open"),
        (false, false) => None,
    };
    told([
        set("entrypoint", words(&service.entrypoint)),
        set("command", words(&service.command)),
        set("folder", service.working_dir.clone()),
        set("user", service.user.clone()),
        list("groups", &options.group_add),
        set("platform", options.platform.clone()),
        set("runtime", options.runtime.clone()),
        set("container", options.name.clone()),
        set("has", open),
    ])
}

fn shown(source: Source<'_>, command: &CommandWords) -> String {
    source.state.stack.masked(&command.shown())
}

/// A value with the addresses of other services in their places, as far as its runs were told them; else as the stack file
/// has it.
fn resolved(source: Source<'_>, service: &Service, value: &EnvValue) -> String {
    let known = source.telemetry.whereabouts();
    let address = |callee: &ServiceName| known.callee(&service.name, callee);
    if value.callees().any(|callee| address(callee).is_none()) {
        return value.to_string();
    }
    value.resolve(|callee| address(callee).cloned())
}

/// Its variables.
pub(super) fn environment(source: Source<'_>, service: &ServiceState) -> Vec<Fact> {
    let variables = service.service.environment.iter();
    let fact = |(name, value): (&String, &EnvValue)| {
        let value = resolved(source, &service.service, value);
        let shown = source.state.stack.masked_variable(name, &value);
        match shown.as_str() {
            "" => Fact::new(name.as_str(), "(empty)")
                .copies("")
                .role(Role::Dim),
            SECRET_MASK => Fact::new(name.as_str(), shown).role(Role::Dim),
            _ => Fact::new(name.as_str(), shown),
        }
    };
    variables
        .map(fact)
        .chain(given_port(source, service))
        .collect()
}

/// The variable that Boatyard gives to its runs, unless the stack file does.
fn given_port(source: Source<'_>, service: &ServiceState) -> Option<Fact> {
    if service.service.environment.contains_key("PORT") {
        return None;
    }
    let port = match service.runtime? {
        Runtime::Process => process_port(service),
        // Compose gives none.
        Runtime::Container if source.state.stack.naming != Naming::Boatyard => None,
        Runtime::Container => service.service.port(),
    }?;
    let fact = Fact::new("PORT", format!("{port}, given by Boatyard"));
    Some(fact.copies(port.to_string()).role(Role::Dim))
}

/// The port that its newest process was given.
pub(super) fn process_port(service: &ServiceState) -> Option<u16> {
    service.runs.iter().rev().find_map(|run| match run.place {
        Some(Place::Process { port, .. }) => Some(port),
        _ => None,
    })
}

/// What happens when its files are saved.
pub(super) fn edits(source: Source<'_>, service: &ServiceState) -> Vec<Fact> {
    let definition = &service.service;
    let by_hand = service.mode == WatchMode::Manual;
    let inferred = definition.sync == SyncMode::Auto;
    let mut facts = told([
        yes("apply", by_hand, "by hand: u applies what was saved"),
        yes(
            "sync",
            inferred,
            "at once, where the Dockerfile tells where files land",
        ),
    ]);
    facts.extend(definition.watch.iter().map(|rule| {
        let path = match rule.path.strip_prefix(&source.state.stack.directory) {
            Ok(inside) if !inside.as_os_str().is_empty() => inside.display().to_string(),
            _ => rule.path.display().to_string(),
        };
        Fact::new(path, rule_words(source, rule))
    }));
    facts
}

fn rule_words(source: Source<'_>, rule: &WatchRule) -> String {
    let mut words = match &rule.reaction {
        Reaction::Rebuild => "rebuilds the image".to_owned(),
        Reaction::Restart => "restarts".to_owned(),
        Reaction::Sync { target, then } => {
            let then = match then {
                Then::Nothing => String::new(),
                Then::Restart => ", then restarts the program".to_owned(),
                Then::Exec(hook) => format!(", then runs {}", shown(source, &hook.command)),
                Then::Signal(signal) => format!(", then sends {}", signal.0),
            };
            format!("is copied to {target}{then}")
        }
    };
    if !rule.include.is_empty() {
        words = format!("{words}; only {}", rule.include.join(", "));
    }
    if !rule.ignore.is_empty() {
        words = format!("{words}; not {}", rule.ignore.join(", "));
    }
    words
}

/// The labels that its containers get.
pub(super) fn labels(source: Source<'_>, service: &ServiceState) -> Vec<Fact> {
    if service.runtime == Some(Runtime::Process) {
        return Vec::new();
    }
    let labels = service.service.labels.iter();
    let fact = |(name, value): (&String, &String)| {
        let value = source.state.stack.masked_variable(name, value);
        Fact::new(name.as_str(), value)
    };
    labels.map(fact).collect()
}
