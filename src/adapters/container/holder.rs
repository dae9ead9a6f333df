//! Containers that hold a network namespace and do nothing else.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, EndpointSettings, HostConfig, NetworkingConfig};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, CreateImageOptionsBuilder, InspectContainerOptions,
};
use futures_util::StreamExt;
use tokio::sync::watch;

use super::abort::AbortOnDrop;
use super::find::ContainerEngine;
use super::helped::{kit_mount, meet};
use super::helper::{Handle, Order};
use super::kept::{Aim, Keeper, pass_on};
use super::life::remove_container;
use super::model::{Shared, StackNetwork};
use super::network;
use super::spec;
use super::words::reason;
use crate::adapters::Identity;
use crate::stack::{Reach, Service, ServiceName};

/// An image with nothing in it: what runs in its containers is mounted. It is the same for every stack, and stays.
const IMAGE: (&str, &str) = ("boatyard/holder", "1");

/// A container that holds a namespace on the stack's network.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) id: String,
    pub(super) address: IpAddr,
    /// Lines of its hosts file, which runs in its namespace share.
    pub(super) hosts: Vec<String>,
    /// The only service whose runs may live in it, because it is known by that service's other name.
    pub(super) origin: Option<ServiceName>,
    /// Where those listen.
    pub(super) ports: Vec<u16>,
    helper: Handle,
    /// While nobody lives in it, connections are passed on from here.
    idle: Option<AbortOnDrop>,
}

impl Holder {
    /// Whether it still runs.
    pub(super) fn is_there(&self) -> bool {
        self.helper.is_there()
    }

    /// Nobody lives in it: whoever comes is passed on to where requests for the service go.
    pub(super) fn rest(&mut self, aim: watch::Receiver<Aim>) {
        let (helper, ports) = (self.helper.clone(), self.ports.clone());
        self.idle = Some(AbortOnDrop::spawn(async move {
            pass_on(&helper, &ports, aim).await;
        }));
    }

    /// Somebody is going to live in it, and to listen there.
    pub(super) async fn wake(&mut self) {
        if self.idle.take().is_some() {
            // One that has ended is found out by whoever wants to live in it.
            drop(self.helper.ask(Order::Refuse, &[]).await);
        }
    }

    /// The same as what keeps a name.
    pub(super) fn into_keeper(self, ports: Vec<u16>) -> Keeper {
        Keeper {
            container: self.id,
            helper: self.helper,
            ports,
        }
    }
}

/// Lines of the hosts file that a service wants.
pub(super) fn hosts(service: &Service) -> Vec<String> {
    spec::extra_hosts(service, &[])
}

/// Makes a holder for runs of this service, and of every other that wants the same hosts file, under these names.
///
/// # Errors
/// In words.
pub(super) async fn make(
    shared: &Shared,
    service: &Service,
    aliases: Vec<String>,
) -> Result<Holder, String> {
    let engine = shared.link.engine().ok_or("the engine does not answer")?;
    let network = shared.ensure_network(&engine).await;
    let network = network.map_err(|error| reason(&error))?;
    ensure_image(&engine)
        .await
        .map_err(|error| reason(&error))?;
    let ready = shared.helpers.ready().await?;
    let (words, reports) = ready.expect();
    let mount = kit_mount(&ready);
    let hosts = hosts(service);
    let mut body = body(&shared.identity, &network, &hosts, aliases);
    body.entrypoint = Some(words);
    if let Some(host) = &mut body.host_config {
        host.mounts = Some(vec![mount]);
    }
    let id = create(shared, &engine, "net", body)
        .await
        .map_err(|error| reason(&error))?;
    let started = start(&engine, &network, &id).await;
    let met = match started {
        Ok(address) => meet(reports).await.map(|helper| (address, helper)),
        Err(why) => Err(why),
    };
    match met {
        Ok((address, helper)) => Ok(Holder {
            id,
            address,
            hosts,
            origin: None,
            ports: spec::tcp_ports(service),
            helper,
            idle: None,
        }),
        Err(why) => {
            remove_container(&engine, &id).await;
            Err(why)
        }
    }
}

/// Makes a container of the empty image that is none of a service's, but of this purpose.
pub(super) async fn create(
    shared: &Shared,
    engine: &ContainerEngine,
    purpose: &str,
    body: ContainerCreateBody,
) -> Result<String, Error> {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let Identity {
        stack,
        session,
        hash,
        ..
    } = &shared.identity;
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = spec::allowed(&format!("{stack}-{hash}-{purpose}.{session}.{number}"));
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    let created = engine.client.create_container(Some(options), body).await?;
    Ok(created.id)
}

async fn start(
    engine: &ContainerEngine,
    network: &StackNetwork,
    id: &str,
) -> Result<IpAddr, String> {
    let started = engine.client.start_container(id, None).await;
    started.map_err(|error| reason(&error))?;
    let inspected = engine
        .client
        .inspect_container(id, None::<InspectContainerOptions>);
    let found = inspected.await.map_err(|error| reason(&error))?;
    match network::reach(&found, network) {
        Some(Reach::Host(address)) => Ok(address),
        Some(Reach::Only(_) | Reach::Ports(_)) | None => Err("it has no address".into()),
    }
}

pub(super) fn body(
    identity: &Identity,
    network: &StackNetwork,
    hosts: &[String],
    aliases: Vec<String>,
) -> ContainerCreateBody {
    let (image, tag) = IMAGE;
    ContainerCreateBody {
        image: Some(format!("{image}:{tag}")),
        cmd: Some(Vec::new()),
        user: Some("0:0".into()),
        labels: Some(identity.labels().into_iter().collect()),
        host_config: Some(HostConfig {
            network_mode: Some(network.name.clone()),
            extra_hosts: Some(hosts.to_vec()),
            ..HostConfig::default()
        }),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(
                network.name.clone(),
                EndpointSettings {
                    aliases: Some(aliases),
                    ..EndpointSettings::default()
                },
            )])),
        }),
        ..ContainerCreateBody::default()
    }
}

/// Imports the empty image unless the engine has it.
pub(super) async fn ensure_image(engine: &ContainerEngine) -> Result<(), Error> {
    let (image, tag) = IMAGE;
    let name = format!("{image}:{tag}");
    if engine.client.inspect_image(&name).await.is_ok() {
        return Ok(());
    }
    let options = CreateImageOptionsBuilder::default()
        .from_src("-")
        .repo(image)
        .tag(tag)
        .changes(vec!["LABEL boatyard.holder=1".into()])
        .build();
    let body = bollard::body_full(empty_tar().into());
    let mut import = Box::pin(engine.client.create_image(Some(options), Some(body), None));
    while let Some(step) = import.next().await {
        step?;
    }
    Ok(())
}

/// A tar with one folder: some engines refuse one with nothing.
fn empty_tar() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o755);
    header.set_size(0);
    header.set_entry_type(tar::EntryType::Directory);
    let written = tar.append_data(&mut header, "run/", std::io::empty());
    // Writing into memory does not fail.
    written.and_then(|()| tar.into_inner()).unwrap_or_default()
}
