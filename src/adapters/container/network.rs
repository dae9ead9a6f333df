//! The stack's networks: each made once, and how a run on them is reached from here.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use bollard::errors::Error;
use bollard::models::{
    ContainerInspectResponse, Ipam, IpamConfig, Network as Found, NetworkCreateRequest,
    NetworkInspect,
};
use bollard::query_parameters::{InspectNetworkOptions, ListNetworksOptionsBuilder};

use super::find::ContainerEngine;
use super::labels;
use super::model::{Shared, StackNetwork};
use super::options::map;
use super::words::{network_failure, reason};
use crate::adapters::Identity;
use crate::stack::{Network, OWN_NETWORK, Reach, Service, Stack};

/// The driver of networks that name none.
const DRIVER: &str = "bridge";

/// The networks of one service, in the order in which they are joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Networks {
    pub(super) all: Vec<StackNetwork>,
    /// Whether addresses on them can be reached from here; if not, ports are published on 127.0.0.1.
    pub(super) direct: bool,
}

impl Shared {
    /// The network of the stack at which this machine is reached; made once a session, however many runs ask at the same time.
    pub(super) async fn ensure_network(
        &self,
        engine: &ContainerEngine,
    ) -> Result<StackNetwork, String> {
        let key = main_key(&self.stack());
        self.network(engine, &key).await
    }

    /// The networks of a service; those that are not there yet are made.
    pub(super) async fn networks_of(
        &self,
        engine: &ContainerEngine,
        service: &Service,
    ) -> Result<Networks, String> {
        self.networks_by(engine, &service.container.network_keys())
            .await
    }

    /// The networks with these keys.
    pub(super) async fn networks_by(
        &self,
        engine: &ContainerEngine,
        keys: &[&str],
    ) -> Result<Networks, String> {
        let mut all = Vec::new();
        for key in keys {
            all.push(self.network(engine, key).await?);
        }
        let is_here = all.is_empty() && engine.endpoint().is_local();
        let direct = is_here || all.iter().any(|network| network.direct);
        Ok(Networks { all, direct })
    }

    async fn network(&self, engine: &ContainerEngine, key: &str) -> Result<StackNetwork, String> {
        let mut known = self.networks.lock().await;
        if let Some(network) = known.get(key) {
            return Ok(network.clone());
        }
        let stack = self.stack();
        let network = ensure(engine, &self.identity, key, stack.networks.get(key)).await?;
        known.insert(key.to_owned(), network.clone());
        Ok(network)
    }

    /// Makes networks anew after somebody removed one.
    pub(super) async fn renew_networks(
        &self,
        engine: &ContainerEngine,
        networks: &Networks,
    ) -> Result<Networks, String> {
        let keys: Vec<&str> = networks.all.iter().map(|it| it.key.as_str()).collect();
        self.networks.lock().await.clear();
        self.networks_by(engine, &keys).await
    }
}

/// The stack's own network if any service is on it; else the first of the first service.
fn main_key(stack: &Stack) -> String {
    let keys = |service: &Service| {
        let keys = service.container.network_keys();
        keys.into_iter().map(str::to_owned).collect::<Vec<String>>()
    };
    let all: Vec<String> = stack
        .services
        .values()
        .filter(|it| it.has_image())
        .flat_map(keys)
        .collect();
    let has_own = all.iter().any(|key| key == OWN_NETWORK);
    let first = all.into_iter().next().filter(|_| !has_own);
    first.unwrap_or_else(|| OWN_NETWORK.to_owned())
}

/// Finds a network of this stack, or makes it.
async fn ensure(
    engine: &ContainerEngine,
    identity: &Identity,
    key: &str,
    said: Option<&Network>,
) -> Result<StackNetwork, String> {
    let name = name(identity, key, said);
    let is_external = said.is_some_and(|network| network.external);
    let found = existing(engine, &name).await;
    let found = found.map_err(|error| network_failure(&error))?;
    let id = match found {
        Some(found) if is_external || is_ours(&found, identity) => found.id.unwrap_or_default(),
        Some(_) => return Err(strange(&name, key)),
        None if is_external => {
            return Err(format!(
                "network {name} is external and is not there; make it with `docker network create {name}`, or take \
                 `external` away"
            ));
        }
        None => {
            let made = create(engine, identity, key, name.clone(), said).await;
            made.map_err(|error| network_failure(&error))?
        }
    };
    let inspected = engine
        .client
        .inspect_network(&id, None::<InspectNetworkOptions>);
    let found = inspected.await.map_err(|error| reason(&error))?;
    let gateway = gateway(&found);
    Ok(StackNetwork {
        key: key.to_owned(),
        id,
        name,
        gateway,
        direct: engine.endpoint().is_local() && gateway.is_some_and(is_here),
    })
}

/// Name of a network in the engine.
pub(super) fn name(identity: &Identity, key: &str, said: Option<&Network>) -> String {
    match said {
        Some(Network {
            name: Some(name), ..
        }) => name.clone(),
        Some(network) if network.external => key.to_owned(),
        Some(_) | None => identity.network_of(key),
    }
}

fn strange(name: &str, key: &str) -> String {
    format!(
        "network {name} is there already and is not this stack's; remove it with `docker network rm {name}`, or say \
         `external: true` of network {key} to use it as it is"
    )
}

/// Of this stack, or made by Compose for the project as which it is named.
fn is_ours(network: &Found, identity: &Identity) -> bool {
    let labels = network.labels.as_ref();
    labels.is_some_and(|it| labels::are_ours(it, identity) || labels::are_of_project(it, identity))
}

/// How a run in this container is reached, once its program has been started.
pub(super) fn reach(container: &ContainerInspectResponse, networks: &Networks) -> Option<Reach> {
    let settings = container.network_settings.as_ref()?;
    if networks.direct {
        let direct = networks.all.iter().filter(|network| network.direct);
        let mut addresses = direct.filter_map(|network| address(container, network));
        return Some(Reach::Host(addresses.next()?));
    }
    let mut ports = BTreeMap::new();
    for (port, bindings) in settings.ports.iter().flatten() {
        let number = port.strip_suffix("/tcp").and_then(|port| port.parse().ok());
        let host = bindings
            .iter()
            .flatten()
            .find_map(|binding| binding.host_port.as_ref()?.parse().ok());
        if let (Some(number), Some(host)) = (number, host) {
            ports.insert(number, SocketAddr::new(Ipv4Addr::LOCALHOST.into(), host));
        }
    }
    Some(Reach::Ports(ports))
}

/// The addresses of a container on these networks.
pub(super) fn addresses(container: &ContainerInspectResponse, networks: &Networks) -> Vec<IpAddr> {
    let all = networks.all.iter();
    all.filter_map(|network| address(container, network))
        .collect()
}

/// An address of a container, on whatever network.
pub(super) fn any_address(container: &ContainerInspectResponse) -> Option<IpAddr> {
    let networks = container.network_settings.as_ref()?.networks.as_ref()?;
    let mut addresses = networks.values().filter_map(|it| it.ip_address.as_ref());
    addresses.find_map(|address| address.parse().ok())
}

/// The address of a container on a network.
fn address(container: &ContainerInspectResponse, network: &StackNetwork) -> Option<IpAddr> {
    let networks = container.network_settings.as_ref()?.networks.as_ref()?;
    let endpoint = networks.get(&network.name)?;
    let parsed = |text: &Option<String>| text.as_ref()?.parse().ok();
    parsed(&endpoint.ip_address).or_else(|| parsed(&endpoint.global_ipv6_address))
}

/// By the exact name: the engine's own name filter matches parts of names.
async fn existing(engine: &ContainerEngine, name: &str) -> Result<Option<Found>, Error> {
    let filters = HashMap::from([("name", vec![name.to_owned()])]);
    let options = ListNetworksOptionsBuilder::default()
        .filters(&filters)
        .build();
    let networks = engine.client.list_networks(Some(options)).await?;
    Ok(networks
        .into_iter()
        .find(|network| network.name.as_deref() == Some(name)))
}

async fn create(
    engine: &ContainerEngine,
    identity: &Identity,
    key: &str,
    name: String,
    said: Option<&Network>,
) -> Result<String, Error> {
    let plain = Network::default();
    let said_or_plain = said.unwrap_or(&plain);
    let driver = said_or_plain.driver.clone();
    let request = NetworkCreateRequest {
        name,
        driver: Some(driver.unwrap_or_else(|| DRIVER.to_owned())),
        internal: said_or_plain.internal.then_some(true),
        attachable: said_or_plain.attachable.then_some(true),
        ipam: ipam(said_or_plain),
        enable_ipv4: said_or_plain.enable_ipv4,
        enable_ipv6: said_or_plain.enable_ipv6,
        options: map(&said_or_plain.driver_opts),
        labels: Some(labels::of_network(identity, key, said)),
        ..NetworkCreateRequest::default()
    };
    Ok(engine.client.create_network(request).await?.id)
}

fn ipam(network: &Network) -> Option<Ipam> {
    let said = &network.ipam;
    let pools = said.pools.iter().map(|pool| IpamConfig {
        subnet: pool.subnet.clone(),
        ip_range: pool.ip_range.clone(),
        gateway: pool.gateway.clone(),
        auxiliary_addresses: map(&pool.aux_addresses),
    });
    (*said != crate::stack::Ipam::default()).then(|| Ipam {
        driver: said.driver.clone(),
        config: (!said.pools.is_empty()).then(|| pools.collect()),
        options: map(&said.options),
    })
}

/// This machine's address on a network. Where the engine does not say it, it is the first of its range.
fn gateway(network: &NetworkInspect) -> Option<IpAddr> {
    let configs = network.ipam.as_ref()?.config.as_ref()?;
    let bare = |text: &str| text.split('/').next().unwrap_or(text).parse().ok();
    let said = configs
        .iter()
        .filter_map(|config| config.gateway.as_deref());
    let mut said = said.filter_map(bare);
    said.next().or_else(|| {
        let ranges = configs
            .iter()
            .flat_map(|config| [config.ip_range.as_deref(), config.subnet.as_deref()]);
        let mut firsts = ranges.flatten().filter_map(|range| match bare(range)? {
            IpAddr::V4(first) => Some(IpAddr::V4(Ipv4Addr::from(u32::from(first) + 1))),
            IpAddr::V6(_) => None,
        });
        firsts.find(|address| is_here(*address))
    })
}

/// Whether an address belongs to this machine: only then can a socket be bound to it.
fn is_here(address: IpAddr) -> bool {
    UdpSocket::bind(SocketAddr::new(address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Attachment;

    fn on(name: &str, networks: &[&str]) -> Service {
        let mut service = Service::named(name);
        service.image = Some("i".into());
        for key in networks {
            let attachment = Attachment::default();
            service.container.networks.insert((*key).into(), attachment);
        }
        service
    }

    #[test]
    fn this_machine_is_at_the_own_network_if_anybody_is() {
        for (services, expected) in [
            (vec![], OWN_NETWORK),
            (vec![on("a", &["front"]), on("b", &[])], OWN_NETWORK),
            (
                vec![on("a", &["front", "back"]), on("b", &["back"])],
                "front",
            ),
        ] {
            let named = services.into_iter().map(|one| (one.name.clone(), one));
            let stack = Stack {
                services: named.collect(),
                ..Stack::default()
            };
            assert_eq!(main_key(&stack), expected);
        }
    }
}
