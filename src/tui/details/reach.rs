//! How a service is reached, which files it has, and which networks it is on.

use super::what::process_port;
use super::{Fact, Source, list, set, size, told, yes};
use crate::engine::ServiceState;
use crate::stack::{
    Attachment, FileContent, Grant, Mount, MountKind, OWN_NETWORK, PortMapping, Protocol, Runtime,
    Space,
};
use crate::tui::theme::Role;

/// Its front doors, and where else it listens.
pub(super) fn doors(source: Source<'_>, service: &ServiceState) -> Vec<Fact> {
    let definition = &service.service;
    let mut facts = Vec::new();
    let mut label = "front door";
    for port in &definition.ports {
        facts.push(door(source, service, port, label));
        label = "";
    }
    let exposed: Vec<String> = definition.expose.iter().map(u16::to_string).collect();
    facts.extend(list("listens on", &exposed).map(|fact| {
        // Its stack file tells of containers; a process is told by `PORT` where to listen.
        if service.runtime == Some(Runtime::Process) {
            let words = format!("{} in a container, says the stack file", exposed.join(", "));
            return Fact::new("listens on", words).role(Role::Dim);
        }
        fact
    }));
    facts.extend(yes(
        "requests",
        !definition.trace,
        "are not traced (`trace = false`)",
    ));
    facts
}

fn door(source: Source<'_>, service: &ServiceState, port: &PortMapping, label: &str) -> Fact {
    let wanted = match port.host {
        Some(host) if port.further == 0 => format!("{}:{host}", bracketed(port.address)),
        Some(host) => {
            let last = host.saturating_add(port.further);
            format!("{}:{host}-{last}", bracketed(port.address))
        }
        None => format!("{}, any free port", bracketed(port.address)),
    };
    let to = match (service.runtime, process_port(service)) {
        (Some(Runtime::Process), Some(port)) => format!("{port}, which its process was given"),
        (Some(Runtime::Process), None) => "the port that its process is given".to_owned(),
        _ => port.container.to_string(),
    };
    if port.protocol == Protocol::Udp {
        let words = format!("{wanted} → {to}, UDP, published by the engine");
        return Fact::new(label, words).copies(wanted);
    }
    let name = &service.service.name;
    let open = source.telemetry.whereabouts().door(name, port.container);
    match open.map(|address| address.to_string()) {
        Some(open) if port.host.is_some() && port.further == 0 && open != wanted => {
            let words = format!("{open} → {to}, because {wanted} is taken");
            Fact::new(label, words).role(Role::Waiting).copies(open)
        }
        Some(open) => Fact::new(label, format!("{open} → {to}")).copies(open),
        None => Fact::new(label, format!("{wanted} → {to}")).copies(wanted),
    }
}

/// An address as it stands before a port.
fn bracketed(address: std::net::IpAddr) -> String {
    if address.is_ipv6() {
        format!("[{address}]")
    } else {
        address.to_string()
    }
}

/// What is mounted, and the configs and secrets that it is given.
pub(super) fn files(source: Source<'_>, service: &ServiceState) -> Vec<Fact> {
    if service.runtime == Some(Runtime::Process) {
        return Vec::new();
    }
    let options = &service.service.container;
    let mounts = service.service.volumes.iter();
    let configs = options.configs.iter();
    let secrets = options.secrets.iter();
    mounts
        .map(|mount| mounted(source, service, mount))
        .chain(configs.map(|it| Fact::new(it.config_path(), granted("config", it))))
        .chain(secrets.map(|it| Fact::new(it.secret_path(), granted("secret", it))))
        .collect()
}

fn mounted(source: Source<'_>, service: &ServiceState, mount: &Mount) -> Fact {
    let options = service.service.container.mounts.get(&mount.target);
    let (mut words, copied) = match &mount.kind {
        MountKind::Volume(key) => {
            let named = source.state.stack.volumes.get(key);
            let name = named.and_then(|volume| volume.name.clone());
            let words = match &name {
                Some(name) if name != key => format!("volume {key} ({name})"),
                _ => format!("volume {key}"),
            };
            (words, name.unwrap_or_else(|| key.clone()))
        }
        MountKind::Bind(path) => {
            let path = path.display().to_string();
            (path.clone(), path)
        }
        MountKind::Anonymous => (
            "a volume that goes with the container".into(),
            mount.target.clone(),
        ),
        MountKind::Tmpfs => {
            let limit = options.and_then(|options| options.tmpfs_size);
            let limit = limit.map_or(String::new(), |limit| format!(", {}", size(limit)));
            (format!("memory{limit}"), mount.target.clone())
        }
    };
    if let Some(folder) = options.and_then(|options| options.subpath.as_ref()) {
        words = format!("{words}, of it {folder}");
    }
    if mount.read_only {
        words.push_str(", read only");
    }
    Fact::new(mount.target.as_str(), words).copies(copied)
}

/// Never what it holds.
fn granted(kind: &str, grant: &Grant) -> String {
    let from = match &grant.content {
        FileContent::File(path) => format!(" from {}", path.display()),
        FileContent::Environment { variable, .. } => format!(" from the variable {variable}"),
        FileContent::Text(_) => " from the stack file".to_owned(),
        FileContent::External { name } => format!(" {name}, which only a cluster keeps"),
    };
    let mode = grant.mode.map(|mode| format!(", mode {mode:04o}"));
    format!("{kind} {}{from}{}", grant.source, mode.unwrap_or_default())
}

/// The networks it is on, by which names, and how it finds others.
pub(super) fn networks(source: Source<'_>, service: &ServiceState) -> Vec<Fact> {
    if service.runtime == Some(Runtime::Process) {
        return Vec::new();
    }
    let options = &service.service.container;
    let keys = options.network_keys().into_iter();
    let mut facts: Vec<Fact> = keys.map(|key| network(source, service, key)).collect();
    if let Some(space) = &options.network_mode {
        let fact = Fact::new("network", space_words(space, "network"));
        facts.push(match space {
            Space::Service(name) => fact.leads_to(name),
            Space::Container(_) | Space::Named(_) => fact,
        });
    }
    facts.extend(told([
        set("host name", options.hostname.clone()),
        set("domain", options.domainname.clone()),
        set("hardware", options.mac_address.clone()),
        list("hosts", &service.service.extra_hosts),
        list("resolvers", &options.dns),
        list("search", &options.dns_search),
        list("options", &options.dns_opt),
    ]));
    facts
}

/// Whose namespace it lives in.
pub(super) fn space_words(space: &Space, what: &str) -> String {
    match space {
        Space::Service(name) => format!("the {what} of {name}"),
        Space::Container(name) => format!("the {what} of the container {name}"),
        Space::Named(name) if name == "host" => format!("this machine's {what}"),
        Space::Named(name) => name.clone(),
    }
}

fn network(source: Source<'_>, service: &ServiceState, key: &str) -> Fact {
    let known = source.state.stack.networks.get(key);
    let label = match known.and_then(|network| network.name.as_deref()) {
        Some(name) => name,
        None if key == OWN_NETWORK => "the stack's",
        None => key,
    };
    let mut names = vec![service.service.name.to_string()];
    let attachment = service.service.container.networks.get(key);
    names.extend(attachment.map(|it| it.aliases.clone()).unwrap_or_default());
    names.dedup();
    let mut words = format!("as {}", names.join(", "));
    if let Some(Attachment {
        ipv4_address,
        ipv6_address,
        ..
    }) = attachment
    {
        for address in [ipv4_address, ipv6_address].into_iter().flatten() {
            words = format!("{words}, always at {address}");
        }
    }
    if known.is_some_and(|network| network.internal) {
        words.push_str("; nothing outside is reached from it");
    }
    if known.is_some_and(|network| network.external) {
        words.push_str("; somebody else made it");
    }
    Fact::new(label, words)
}
