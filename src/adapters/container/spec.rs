//! What the engine is asked to create for a run.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, EndpointSettings, HostConfig, Mount as EngineMount, MountType,
    NetworkingConfig, PortBinding,
};

use super::helped::Helped;
use super::kept::{Namespace, Replica};
use super::model::{Request, StackNetwork};
use crate::adapters::Identity;
use crate::stack::{Mount, MountKind, Protocol, Service, ServiceName};

/// The host name by which a container reaches this machine.
const HOST_NAME: &str = "host.docker.internal";

/// How a run's container is made beyond what its service says.
#[derive(Debug)]
pub(super) struct How {
    /// The helper that is to be process 1, if there is to be one.
    pub(super) helped: Option<Helped>,
    pub(super) namespace: Namespace,
    /// Whether a relay has the service's name.
    pub(super) relayed: bool,
}

/// Name of a run's container: `STACK-SERVICE-REPLICA.RUN`, in the letters that engines allow.
pub(super) fn name(request: &Request, identity: &Identity) -> String {
    let start = &request.start;
    let wished = format!(
        "{}-{}-{}.{}",
        identity.stack,
        start.service.name,
        start.replica + 1,
        start.run.0
    );
    allowed(&wished)
}

/// A name in the letters that engines allow.
pub(super) fn allowed(wished: &str) -> String {
    let mut name: String = wished
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "_.-".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        name.insert_str(0, "boatyard");
    }
    name
}

/// The container of a run.
pub(super) fn body(
    request: &Request,
    identity: &Identity,
    network: &StackNetwork,
    how: &How,
    with_init: bool,
) -> ContainerCreateBody {
    let mut body = plain_body(request, identity, network, with_init);
    match &how.namespace {
        Namespace::Named if how.relayed => {
            set_aliases(&mut body, Some(&origins(&request.start.service.name)));
        }
        Namespace::Named => {}
        Namespace::Nameless => set_aliases(&mut body, None),
        Namespace::Lent(holder) => {
            // All that belongs to the network belongs to its holder.
            body.exposed_ports = None;
            body.networking_config = None;
            if let Some(host) = &mut body.host_config {
                host.network_mode = Some(format!("container:{}", holder.id));
                host.port_bindings = None;
                host.extra_hosts = None;
            }
        }
    }
    if let Some(helped) = &how.helped {
        helped.wrap(&mut body, &request.start.service);
    }
    body
}

fn set_aliases(body: &mut ContainerCreateBody, aliases: Option<&Vec<String>>) {
    let endpoints = body.networking_config.as_mut();
    let endpoints = endpoints.and_then(|config| config.endpoints_config.as_mut());
    for endpoint in endpoints.into_iter().flat_map(HashMap::values_mut) {
        endpoint.aliases = aliases.cloned();
    }
}

fn plain_body(
    request: &Request,
    identity: &Identity,
    network: &StackNetwork,
    with_init: bool,
) -> ContainerCreateBody {
    let service = &*request.start.service;
    let (exposed, bindings) = ports(service, network.direct);
    let environment = request
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    ContainerCreateBody {
        image: request.start.image.clone(),
        cmd: service
            .command
            .as_ref()
            .map(crate::stack::CommandWords::argv),
        entrypoint: service
            .entrypoint
            .as_ref()
            .map(crate::stack::CommandWords::argv),
        working_dir: service.working_dir.clone(),
        env: Some(environment.collect()),
        user: service.user.clone(),
        tty: Some(service.tty),
        labels: Some(labels(request, identity)),
        stop_signal: Some(service.stop_signal.0.clone()),
        stop_timeout: i64::try_from(service.stop_grace_period.as_secs()).ok(),
        exposed_ports: Some(exposed),
        host_config: Some(HostConfig {
            init: (with_init && service.init).then_some(true),
            mounts: Some(
                service
                    .volumes
                    .iter()
                    .map(|it| mount(it, identity))
                    .collect(),
            ),
            network_mode: Some(network.name.clone()),
            port_bindings: Some(bindings),
            extra_hosts: Some(extra_hosts(service, &request.extra_hosts)),
            ..HostConfig::default()
        }),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(
                network.name.clone(),
                EndpointSettings {
                    aliases: Some(aliases(&(service.name.clone(), request.start.replica))),
                    ..EndpointSettings::default()
                },
            )])),
        }),
        ..ContainerCreateBody::default()
    }
}

/// The labels of one run's container; ours win over those of the stack file.
pub(super) fn labels(request: &Request, identity: &Identity) -> HashMap<String, String> {
    let start = &request.start;
    let mut labels: HashMap<_, _> = start
        .service
        .labels
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    labels.extend(identity.labels());
    labels.insert(Identity::SERVICE.into(), start.service.name.to_string());
    labels.insert(Identity::RUN.into(), start.run.0.to_string());
    labels
}

/// The TCP ports a service may be asked at, the main one first.
pub(super) fn tcp_ports(service: &Service) -> Vec<u16> {
    let published = service
        .ports
        .iter()
        .filter(|port| port.protocol == Protocol::Tcp)
        .map(|port| port.container);
    let mut ports: Vec<u16> = service.port().into_iter().collect();
    for port in published.chain(service.expose.iter().copied()) {
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    ports
}

/// Names of the volumes of this stack that a service mounts.
pub(super) fn volumes<'a>(
    service: &'a Service,
    identity: &'a Identity,
) -> impl Iterator<Item = String> + 'a {
    service
        .volumes
        .iter()
        .filter_map(|mount| match &mount.kind {
            MountKind::Volume(name) => Some(identity.volume(name)),
            _ => None,
        })
}

/// The names under which containers reach a replica.
pub(super) fn aliases((service, replica): &Replica) -> Vec<String> {
    let name = service.to_string();
    vec![format!("{name}-{}", replica + 1), name]
}

/// The names under which containers reach a service past the relay that has its name.
pub(super) fn origins(service: &ServiceName) -> Vec<String> {
    vec![format!("{service}--origin")]
}

/// UDP ports are the engine's; TCP ports only where containers cannot be reached by their address.
fn ports(
    service: &Service,
    direct: bool,
) -> (Vec<String>, HashMap<String, Option<Vec<PortBinding>>>) {
    let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    let mut publish = |port: String, address: String, host: u16| {
        let binding = PortBinding {
            host_ip: Some(address),
            host_port: Some(host.to_string()),
        };
        bindings
            .entry(port)
            .or_default()
            .get_or_insert_default()
            .push(binding);
    };
    for port in service
        .ports
        .iter()
        .filter(|port| port.protocol == Protocol::Udp)
    {
        publish(
            format!("{}/udp", port.container),
            port.address.to_string(),
            port.host.unwrap_or(0),
        );
    }
    let tcp = tcp_ports(service);
    if !direct {
        for port in &tcp {
            publish(format!("{port}/tcp"), "127.0.0.1".into(), 0);
        }
    }
    let mut exposed: Vec<String> = bindings.keys().cloned().collect();
    exposed.extend(tcp.iter().map(|port| format!("{port}/tcp")));
    exposed.sort();
    exposed.dedup();
    (exposed, bindings)
}

fn mount(mount: &Mount, identity: &Identity) -> EngineMount {
    let (typ, source) = match &mount.kind {
        MountKind::Volume(name) => (MountType::VOLUME, Some(identity.volume(name))),
        MountKind::Bind(path) => (MountType::BIND, Some(path.display().to_string())),
        MountKind::Anonymous => (MountType::VOLUME, None),
        MountKind::Tmpfs => (MountType::TMPFS, None),
    };
    EngineMount {
        typ: Some(typ),
        source,
        target: Some(mount.target.clone()),
        read_only: Some(mount.read_only),
        ..EngineMount::default()
    }
}

/// Lines of the hosts file.
pub(super) fn extra_hosts(service: &Service, given: &[String]) -> Vec<String> {
    let mut hosts: Vec<String> = service.extra_hosts.iter().chain(given).cloned().collect();
    let names_host = |line: &String| line.split([':', '=']).next() == Some(HOST_NAME);
    if !hosts.iter().any(names_host) {
        hosts.push(format!("{HOST_NAME}:host-gateway"));
    }
    hosts
}
