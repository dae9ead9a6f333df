//! The stack's network: made once, and how a run on it is reached from here.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use bollard::errors::Error;
use bollard::models::{ContainerInspectResponse, NetworkCreateRequest, NetworkInspect};
use bollard::query_parameters::{InspectNetworkOptions, ListNetworksOptionsBuilder};

use super::find::ContainerEngine;
use super::model::{Shared, StackNetwork};
use crate::adapters::Identity;
use crate::stack::Reach;

impl Shared {
    /// The stack's network; made once a session, however many runs ask at the same time.
    pub(super) async fn ensure_network(
        &self,
        engine: &ContainerEngine,
    ) -> Result<StackNetwork, Error> {
        let mut known = self.network.lock().await;
        if let Some(network) = &*known {
            return Ok(network.clone());
        }
        let network = ensure(engine, &self.identity).await?;
        *known = Some(network.clone());
        Ok(network)
    }

    /// Makes the network anew after somebody removed it.
    pub(super) async fn renew_network(
        &self,
        engine: &ContainerEngine,
    ) -> Result<StackNetwork, Error> {
        *self.network.lock().await = None;
        self.ensure_network(engine).await
    }
}

/// Finds the network of this stack, or makes it.
async fn ensure(engine: &ContainerEngine, identity: &Identity) -> Result<StackNetwork, Error> {
    let id = match existing(engine, identity).await? {
        Some(id) => id,
        None => create(engine, identity).await?,
    };
    let found = engine
        .client
        .inspect_network(&id, None::<InspectNetworkOptions>)
        .await?;
    let gateway = gateway(&found);
    Ok(StackNetwork {
        id,
        name: identity.network(),
        gateway,
        direct: engine.endpoint().is_local() && gateway.is_some_and(is_here),
    })
}

/// How a run in this container is reached, once its program has been started.
pub(super) fn reach(container: &ContainerInspectResponse, network: &StackNetwork) -> Option<Reach> {
    let settings = container.network_settings.as_ref()?;
    if network.direct {
        return Some(Reach::Host(address(container, network)?));
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

/// The address of a container on the network.
pub(super) fn address(
    container: &ContainerInspectResponse,
    network: &StackNetwork,
) -> Option<IpAddr> {
    let networks = container.network_settings.as_ref()?.networks.as_ref()?;
    networks
        .get(&network.name)?
        .ip_address
        .as_ref()?
        .parse()
        .ok()
}

/// By the exact name and our labels: the engine's own name filter matches parts of names.
async fn existing(engine: &ContainerEngine, identity: &Identity) -> Result<Option<String>, Error> {
    let filters = HashMap::from([
        ("name", vec![identity.network()]),
        (
            "label",
            vec![format!("{}={}", Identity::HASH, identity.hash)],
        ),
    ]);
    let options = ListNetworksOptionsBuilder::default()
        .filters(&filters)
        .build();
    let networks = engine.client.list_networks(Some(options)).await?;
    let name = identity.network();
    Ok(networks
        .into_iter()
        .find(|network| network.name.as_ref() == Some(&name))
        .and_then(|network| network.id))
}

async fn create(engine: &ContainerEngine, identity: &Identity) -> Result<String, Error> {
    let request = NetworkCreateRequest {
        name: identity.network(),
        driver: Some("bridge".into()),
        labels: Some(identity.labels().into_iter().collect()),
        ..NetworkCreateRequest::default()
    };
    Ok(engine.client.create_network(request).await?.id)
}

fn gateway(network: &NetworkInspect) -> Option<IpAddr> {
    let configs = network.ipam.as_ref()?.config.as_ref()?;
    configs
        .iter()
        .filter_map(|config| config.gateway.as_deref())
        .map(|gateway| gateway.split('/').next().unwrap_or(gateway))
        .find_map(|gateway| gateway.parse().ok())
}

/// Whether an address belongs to this machine: only then can a socket be bound to it.
fn is_here(address: IpAddr) -> bool {
    UdpSocket::bind(SocketAddr::new(address, 0)).is_ok()
}
