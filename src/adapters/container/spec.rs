//! What the engine is asked to create for a run.

use std::collections::HashMap;
use std::net::UdpSocket;

use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, Mount as EngineMount,
    NetworkingConfig, PortBinding,
};

use super::helped::Helped;
use super::kept::Namespace;
use super::model::{Request, Shared, StackNetwork};
use super::network::Networks;
use super::{labels, mounts, options};
use crate::adapters::Identity;
use crate::stack::{Attachment, CommandWords, PortMapping, Protocol, Service, ServiceName, Space};

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
    /// The id of its image.
    pub(super) image: String,
    /// Files that are mounted because they are granted.
    pub(super) granted: Vec<EngineMount>,
}

/// What a run's container is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ContainerName {
    /// A name that one container of the replica has at a time.
    pub(super) plain: Option<String>,
    /// A name that no other run has.
    pub(super) own: String,
}

/// Which names a container has on its networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Those of this replica of its service, beginning with 0.
    Replica(u32),
    /// That under which a relay knows its service.
    Origin,
    /// None.
    Nameless,
}

/// Name of a run's container: as the stack file or Compose has it, or `STACK-SERVICE-REPLICA.RUN`, in the letters that engines
/// allow.
pub(super) fn name(request: &Request, identity: &Identity) -> ContainerName {
    let start = &request.start;
    let number = start.replica + 1;
    match plain_name(&start.service, start.replica, identity) {
        Some(plain) => ContainerName {
            own: format!("{plain}.{}", start.run.0),
            plain: Some(plain),
        },
        None => ContainerName {
            own: allowed(&format!(
                "{}-{}-{number}.{}",
                identity.stack, start.service.name, start.run.0
            )),
            plain: None,
        },
    }
}

/// The name that one container of a replica is to have.
pub(super) fn plain_name(service: &Service, replica: u32, identity: &Identity) -> Option<String> {
    let number = replica + 1;
    match (&service.container.name, &identity.compose) {
        (Some(name), _) if replica == 0 => Some(name.clone()),
        (Some(name), _) => Some(format!("{name}-{number}")),
        (None, Some(project)) => {
            let name = format!("{}-{}-{number}", project.project, service.name);
            Some(allowed(&name))
        }
        (None, None) => None,
    }
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
    shared: &Shared,
    networks: &Networks,
    how: &How,
    with_init: bool,
) -> ContainerCreateBody {
    let service = &*request.start.service;
    let mut body = plain_body(request, shared, networks, with_init);
    body.labels = Some(labels::of_run(request, &shared.identity, &how.image));
    options::apply(&mut body, service, &|space| space_id(shared, space, false));
    match &how.namespace {
        Namespace::Lent(holder) => {
            // All that belongs to the network belongs to its holder.
            options::leave_network(&mut body);
            if let Some(host) = &mut body.host_config {
                host.network_mode = Some(format!("container:{}", holder.id));
            }
        }
        Namespace::Named | Namespace::Nameless => {
            join(&mut body, shared, networks, service, known(request, how));
        }
    }
    if let Some(host) = &mut body.host_config {
        let mounts = host.mounts.get_or_insert_default();
        mounts.extend(how.granted.iter().cloned());
    }
    if let Some(helped) = &how.helped {
        helped.wrap(&mut body, service);
    }
    body
}

/// Which names a run has on its networks.
fn known(request: &Request, how: &How) -> Known {
    match how.namespace {
        Namespace::Named if how.relayed => Known::Origin,
        Namespace::Named => Known::Replica(request.start.replica),
        Namespace::Nameless | Namespace::Lent(_) => Known::Nameless,
    }
}

/// Puts a container on its service's networks, or wherever else its service says.
pub(super) fn join(
    body: &mut ContainerCreateBody,
    shared: &Shared,
    networks: &Networks,
    service: &Service,
    known: Known,
) {
    let mode = match (&service.container.network_mode, networks.all.first()) {
        (Some(space), _) => {
            match space {
                Space::Service(_) | Space::Container(_) => options::leave_network(body),
                Space::Named(_) => {
                    let host = body.host_config.get_or_insert_default();
                    host.port_bindings = None;
                }
            }
            Some(space_id(shared, space, true))
        }
        (None, first) => first.map(|network| network.name.clone()),
    };
    let endpoints = networks.all.iter().map(|network| {
        let settings = endpoint(network, shared, service, known);
        (network.name.clone(), settings)
    });
    body.networking_config = Some(NetworkingConfig {
        endpoints_config: Some(endpoints.collect()),
    });
    body.host_config.get_or_insert_default().network_mode = mode;
}

/// A namespace as the engine names it. `network`: that of the network, which a run may have from another container.
fn space_id(shared: &Shared, space: &Space, network: bool) -> String {
    match space {
        Space::Named(name) => name.clone(),
        Space::Container(name) => format!("container:{name}"),
        Space::Service(service) => {
            let newest = shared.newest_of(service);
            let id = newest.map(|it| if network { it.home } else { it.id });
            // The engine refuses what is no container, and its name says which service is meant.
            format!("container:{}", id.unwrap_or_else(|| service.to_string()))
        }
    }
}

fn endpoint(
    network: &StackNetwork,
    shared: &Shared,
    service: &Service,
    known: Known,
) -> EndpointSettings {
    let none = Attachment::default();
    let options = &service.container;
    let said = options.networks.get(&network.key).unwrap_or(&none);
    let aliases = match known {
        Known::Replica(replica) => Some(aliases(service, replica, &network.key, &shared.identity)),
        Known::Origin => Some(origins(&service.name)),
        Known::Nameless => None,
    };
    let is_first = options.network_keys().first() == Some(&network.key.as_str());
    let own_mac = options.mac_address.clone().filter(|_| is_first);
    let ipam = EndpointIpamConfig {
        ipv4_address: said.ipv4_address.clone(),
        ipv6_address: said.ipv6_address.clone(),
        link_local_ips: (!said.link_local_ips.is_empty()).then(|| said.link_local_ips.clone()),
    };
    let mut driver_opts = options::map(&said.driver_opts).unwrap_or_default();
    if let Some(name) = &said.interface_name {
        let key = "com.docker.network.endpoint.ifname";
        driver_opts.insert(key.into(), name.clone());
    }
    EndpointSettings {
        aliases,
        ipam_config: (ipam != EndpointIpamConfig::default()).then_some(ipam),
        mac_address: said.mac_address.clone().or(own_mac),
        driver_opts: (!driver_opts.is_empty()).then_some(driver_opts),
        gw_priority: (said.gw_priority != 0).then_some(said.gw_priority),
        ..EndpointSettings::default()
    }
}

fn plain_body(
    request: &Request,
    shared: &Shared,
    networks: &Networks,
    with_init: bool,
) -> ContainerCreateBody {
    let service = &*request.start.service;
    let (exposed, bindings) = ports(service, networks.direct);
    let environment = request
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let mut host = HostConfig {
        init: (with_init && service.init).then_some(true),
        port_bindings: Some(bindings),
        extra_hosts: Some(extra_hosts(service, &request.extra_hosts)),
        ..HostConfig::default()
    };
    mounts::set(&mut host, service, &shared.stack(), &shared.identity);
    ContainerCreateBody {
        image: request.start.image.clone(),
        cmd: service.command.as_ref().map(CommandWords::argv),
        entrypoint: service.entrypoint.as_ref().map(CommandWords::argv),
        working_dir: service.working_dir.clone(),
        env: Some(environment.collect()),
        user: service.user.clone(),
        tty: Some(service.tty),
        stop_signal: Some(service.stop_signal.0.clone()),
        stop_timeout: i64::try_from(service.stop_grace_period.as_secs()).ok(),
        exposed_ports: Some(exposed),
        host_config: Some(host),
        ..ContainerCreateBody::default()
    }
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

/// The names under which containers reach a replica on one of its networks.
pub(super) fn aliases(
    service: &Service,
    replica: u32,
    network: &str,
    identity: &Identity,
) -> Vec<String> {
    let name = service.name.to_string();
    let mut names = vec![format!("{name}-{}", replica + 1), name];
    let container = plain_name(service, replica, identity);
    let said = service.container.networks.get(network);
    let said = said.into_iter().flat_map(|it| it.aliases.iter().cloned());
    for more in container.into_iter().chain(said) {
        if !names.contains(&more) {
            names.push(more);
        }
    }
    names
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
    let mut publish = |port: String, address: String, host: String| {
        let binding = PortBinding {
            host_ip: Some(address),
            host_port: Some(host),
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
            published(port),
        );
    }
    let tcp = tcp_ports(service);
    if !direct {
        for port in &tcp {
            publish(format!("{port}/tcp"), "127.0.0.1".into(), "0".into());
        }
    }
    let mut exposed: Vec<String> = bindings.keys().cloned().collect();
    exposed.extend(tcp.iter().map(|port| format!("{port}/tcp")));
    exposed.sort();
    exposed.dedup();
    (exposed, bindings)
}

/// A port of this machine as the engine is told it: of a range the first that is free, because not every engine knows ranges.
fn published(port: &PortMapping) -> String {
    let first = port.host.unwrap_or(0);
    let mut range = first..=first.saturating_add(port.further);
    let is_free = |at: &u16| UdpSocket::bind((port.address, *at)).is_ok();
    let free = (port.further > 0).then(|| range.find(is_free)).flatten();
    free.unwrap_or(first).to_string()
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
