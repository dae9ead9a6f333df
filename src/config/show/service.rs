//! One service as a table of the stack file's keys.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use toml::{Table, Value};

use crate::stack::{
    Build, CommandWords, Condition, EnvValue, Health, Holding, Mount, MountKind, PortMapping,
    Probe, Protocol, Reaction, RestartPolicy, SECRET_MASK, SecretSource, Service, ServiceName,
    SyncMode, Then, WatchMode, WatchRule, looks_secret,
};

use super::super::{address, duration};
use super::fault;
use super::put::Put;

/// The service's keys and values; what has its default value is left out.
pub(super) fn table(service: &Service, directory: &Path, masked: bool) -> Table {
    let mut out = Table::new();
    out.put_some(
        "build",
        service
            .build
            .as_ref()
            .map(|build| self::build(build, masked)),
    );
    out.put_some("image", service.image.as_deref());
    out.put_some("run", service.run.as_ref().map(command));
    out.put_some("command", service.command.as_ref().map(command));
    out.put_some("entrypoint", service.entrypoint.as_ref().map(command));
    out.put_some("working_dir", service.working_dir.as_deref());
    let default_directory = service
        .build
        .as_ref()
        .map_or(directory, |build| &build.context);
    out.put_unless(
        "directory",
        path(&service.directory),
        &path(default_directory),
    );
    environment(service, masked, &mut out);
    out.put_filled("ports", service.ports.iter().map(port).collect());
    let expose = service
        .expose
        .iter()
        .map(|port| Value::from(i64::from(*port)));
    out.put_filled("expose", expose.collect());
    let depends_on = service.depends_on.iter();
    let depends_on: Table = depends_on
        .map(|(name, condition)| (name.to_string(), edge(service, name, *condition)))
        .collect();
    if !depends_on.is_empty() {
        out.put("depends_on", depends_on);
    }
    out.put_some("health", service.health.as_ref().map(health));
    out.put_filled("volumes", service.volumes.iter().map(mount).collect());
    out.put_filled("watch", service.watch.iter().map(rule).collect());
    if service.sync == SyncMode::Auto {
        out.put("sync", "auto");
    }
    out.put_unless(
        "watch_mode",
        service.watch_mode.word(),
        &WatchMode::default().word(),
    );
    if service.hold != Holding::default() {
        out.put("hold", hold(service.hold));
    }
    life(service, &mut out);
    out
}

fn environment(service: &Service, masked: bool, out: &mut Table) {
    let shown = |(name, value): (&String, &EnvValue)| {
        let text = address::show(value);
        (name.clone(), Value::from(hidden(name, text, masked)))
    };
    let table: Table = service.environment.iter().map(shown).collect();
    if !table.is_empty() {
        out.put("environment", table);
    }
}

fn hidden(name: &str, value: String, masked: bool) -> String {
    if masked && looks_secret(name) && !value.is_empty() {
        return SECRET_MASK.to_owned();
    }
    value
}

fn life(service: &Service, out: &mut Table) {
    let plain = Service::named(service.name.as_str());
    out.put_unless("replicas", i64::from(service.replicas), &1);
    if service.restart != plain.restart {
        let policy = match service.restart {
            RestartPolicy::OnFailure => "on-failure",
            RestartPolicy::Always => "always",
            RestartPolicy::No => "no",
        };
        out.put("restart", policy);
    }
    out.put_some("overlap", service.overlap);
    out.put_unless(
        "stop_signal",
        service.stop_signal.0.as_str(),
        &plain.stop_signal.0.as_str(),
    );
    let grace = duration::show(service.stop_grace_period);
    out.put_unless(
        "stop_grace_period",
        grace,
        &duration::show(plain.stop_grace_period),
    );
    out.put_unless("trace", service.trace, &true);
    out.put_filled("faults", service.faults.iter().map(fault::table).collect());
    out.put_some("user", service.user.as_deref());
    out.put_unless("init", service.init, &service.build.is_some());
    out.put_unless("helper", service.helper, &true);
    out.put_unless("keep_network", service.keep_network, &true);
    out.put_unless("tty", service.tty, &false);
    out.put_unless("stdin_open", service.container.stdin_open, &false);
    out.put_texts("labels", service.labels.iter());
    let hosts = service
        .extra_hosts
        .iter()
        .map(|line| Value::from(line.as_str()));
    out.put_filled("extra_hosts", hosts.collect());
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Words as a list, a shell's line as a text.
pub(super) fn command(command: &CommandWords) -> Value {
    match command {
        CommandWords::Words(words) => Value::Array(
            words
                .iter()
                .map(|word| Value::from(word.as_str()))
                .collect(),
        ),
        CommandWords::Shell(line) => Value::from(line.as_str()),
    }
}

fn build(build: &Build, masked: bool) -> Table {
    let mut out = Table::new();
    out.put("context", path(&build.context));
    out.put("dockerfile", path(&build.dockerfile));
    out.put_some("target", build.target.as_deref());
    let args: Vec<(String, String)> = build
        .args
        .iter()
        .map(|(name, value)| (name.clone(), hidden(name, value.clone(), masked)))
        .collect();
    out.put_texts("args", args.iter().map(|(name, value)| (name, value)));
    let secrets: Table = build
        .secrets
        .iter()
        .map(|secret| {
            let mut source = Table::new();
            match &secret.source {
                SecretSource::File(file) => source.put("file", path(file)),
                SecretSource::Environment(name) => source.put("environment", name.as_str()),
            }
            (secret.id.clone(), Value::Table(source))
        })
        .collect();
    if !secrets.is_empty() {
        out.put("secrets", secrets);
    }
    out.put_texts(
        "labels",
        build.labels.iter().map(|(name, value)| (name, value)),
    );
    out.put_some("network", build.network.as_deref());
    out.put_unless("no_cache", build.no_cache, &false);
    out.put_unless("pull", build.pull, &false);
    out
}

fn port(port: &PortMapping) -> Value {
    let address = match port.address {
        IpAddr::V4(Ipv4Addr::LOCALHOST) => String::new(),
        IpAddr::V4(address) => format!("{address}:"),
        IpAddr::V6(address) => format!("[{address}]:"),
    };
    let host = match port.host {
        Some(host) if port.further == 0 => format!("{host}:"),
        Some(host) => format!("{host}-{}:", host.saturating_add(port.further)),
        None if address.is_empty() => String::new(),
        None => ":".into(),
    };
    let protocol = match port.protocol {
        Protocol::Tcp => "",
        Protocol::Udp => "/udp",
    };
    Value::from(format!("{address}{host}{}{protocol}", port.container))
}

/// The word for a condition.
/// What is said of one service that is needed: its condition alone, where that is all.
fn edge(service: &Service, on: &ServiceName, condition: Condition) -> Value {
    let condition = Value::from(self::condition(condition));
    if !service.follows.contains(on) {
        return condition;
    }
    let mut edge = Table::new();
    edge.put("condition", condition);
    edge.put("restart", true);
    Value::Table(edge)
}

pub(super) fn condition(condition: Condition) -> &'static str {
    match condition {
        Condition::Started => "started",
        Condition::Ready => "ready",
        Condition::Completed => "completed",
    }
}

fn health(health: &Health) -> Table {
    let mut out = Table::new();
    match &health.probe {
        Probe::Http(http) => {
            let mut probe = Table::new();
            probe.put("path", http.path.as_str());
            probe.put_some("port", http.port.map(i64::from));
            probe.put_some("status", http.status.map(i64::from));
            out.put("http", probe);
        }
        Probe::Tcp { port } => match port {
            Some(port) => out.put("tcp", i64::from(*port)),
            None => out.put("tcp", true),
        },
        Probe::Grpc { port, service } => {
            let mut probe = Table::new();
            probe.put_some("port", port.map(i64::from));
            probe.put("service", service.as_str());
            out.put("grpc", probe);
        }
        Probe::Exec(words) => out.put("exec", command(words)),
        Probe::Log(pattern) => out.put("log", pattern.as_str()),
    }
    out.put("interval", duration::show(health.interval));
    out.put("timeout", duration::show(health.timeout));
    out.put("retries", i64::from(health.retries));
    out.put("start_period", duration::show(health.start_period));
    out
}

fn hold(holding: Holding) -> Value {
    if holding.is_off() {
        return Value::from(false);
    }
    let mut out = Table::new();
    out.put("time", duration::show(holding.time));
    out.put("requests", i64::from(holding.requests));
    Value::Table(out)
}

fn mount(mount: &Mount) -> Value {
    let mut out = Table::new();
    let (kind, source) = match &mount.kind {
        MountKind::Volume(name) => ("volume", Some(name.clone())),
        MountKind::Bind(source) => ("bind", Some(path(source))),
        MountKind::Anonymous => ("volume", None),
        MountKind::Tmpfs => ("tmpfs", None),
    };
    out.put("type", kind);
    out.put_some("source", source);
    out.put("target", mount.target.as_str());
    out.put_unless("read_only", mount.read_only, &false);
    Value::Table(out)
}

fn rule(rule: &WatchRule) -> Value {
    let mut out = Table::new();
    out.put("path", path(&rule.path));
    match &rule.reaction {
        Reaction::Rebuild => out.put("action", "rebuild"),
        Reaction::Restart => out.put("action", "restart"),
        Reaction::Sync { target, then } => {
            out.put("action", "sync");
            out.put("target", target.as_str());
            match then {
                Then::Nothing => {}
                Then::Restart => out.put("then", "restart"),
                Then::Signal(signal) => out.put("then", format!("signal:{}", signal.0)),
                Then::Exec(hook) => {
                    let mut exec = Table::new();
                    exec.put("exec", command(&hook.command));
                    out.put("then", exec);
                }
            }
        }
    }
    let ignore = rule
        .ignore
        .iter()
        .map(|pattern| Value::from(pattern.as_str()));
    out.put_filled("ignore", ignore.collect());
    Value::Table(out)
}
