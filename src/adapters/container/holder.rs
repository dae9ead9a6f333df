//! Containers that hold a network namespace and do nothing else.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use bollard::errors::Error;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, CreateImageOptionsBuilder, InspectContainerOptions,
};
use futures_util::StreamExt;
use tokio::sync::watch;

use super::abort::AbortOnDrop;
use super::create::create_on_all;
use super::find::ContainerEngine;
use super::helped::{kit_mount, meet};
use super::helper::{Handle, Order};
use super::kept::{Aim, Keeper, pass_on};
use super::labels;
use super::life::remove_container;
use super::model::Shared;
use super::network::{self, Networks};
use super::options::NET_SYSCTL;
use super::spec::{self, Known};
use super::words::reason;
use crate::adapters::Identity;
use crate::stack::{Reach, Service, ServiceName};

/// An image with nothing in it: what runs in its containers is mounted. It is the same for every stack, and stays.
const IMAGE: (&str, &str) = ("boatyard/holder", "1");

/// A container that holds a namespace on the stack's network.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) id: String,
    /// Its addresses, that at which it is reached from here first.
    pub(super) addresses: Vec<IpAddr>,
    /// What runs in its namespace share with it.
    pub(super) inside: Box<Inside>,
    /// The only service whose runs may live in it, because it is known by that service's other name.
    pub(super) origin: Option<ServiceName>,
    /// Where those listen.
    pub(super) ports: Vec<u16>,
    helper: Handle,
    /// While nobody lives in it, connections are passed on from here.
    idle: Option<AbortOnDrop>,
}

/// What of a service is its network namespace's: whoever lives in one has it all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inside {
    /// The keys of its networks.
    networks: Vec<String>,
    /// Lines of its hosts file.
    hosts: Vec<String>,
    hostname: Option<String>,
    domainname: Option<String>,
    /// Name servers, domains and options of the resolver.
    dns: [Vec<String>; 3],
    sysctls: BTreeMap<String, String>,
}

impl Inside {
    /// What a service wants.
    pub(super) fn of(service: &Service) -> Self {
        let options = &service.container;
        let keys = options.network_keys().into_iter();
        let sysctls = options.sysctls.iter();
        let of_network = sysctls.filter(|(name, _)| name.starts_with(NET_SYSCTL));
        Self {
            networks: keys.map(str::to_owned).collect(),
            hosts: spec::extra_hosts(service, &[]),
            hostname: options.hostname.clone(),
            domainname: options.domainname.clone(),
            dns: [
                options.dns.clone(),
                options.dns_search.clone(),
                options.dns_opt.clone(),
            ],
            sysctls: of_network
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        }
    }

    /// Gives it to a container.
    fn give(&self, body: &mut ContainerCreateBody) {
        let some = |words: &Vec<String>| (!words.is_empty()).then(|| words.clone());
        let [servers, domains, words] = &self.dns;
        body.hostname.clone_from(&self.hostname);
        body.domainname.clone_from(&self.domainname);
        let host = body.host_config.get_or_insert_default();
        host.extra_hosts = Some(self.hosts.clone());
        host.dns = some(servers);
        host.dns_search = some(domains);
        host.dns_options = some(words);
        host.sysctls = Some(self.sysctls.clone().into_iter().collect());
    }
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

/// Makes a holder for runs of this service, and of every other that wants the same inside, under these names.
///
/// # Errors
/// In words.
pub(super) async fn make(
    shared: &Shared,
    service: &Service,
    known: Known,
) -> Result<Holder, String> {
    let engine = shared.link.engine().ok_or("the engine does not answer")?;
    let networks = shared.networks_of(&engine, service).await?;
    ensure_image(&engine)
        .await
        .map_err(|error| reason(&error))?;
    let ready = shared.helpers.ready().await?;
    let (words, reports) = ready.expect();
    let inside = Box::new(Inside::of(service));
    let mut body = body(&shared.identity, Some(&service.name));
    inside.give(&mut body);
    spec::join(&mut body, shared, &networks, service, known);
    body.entrypoint = Some(words);
    if let Some(host) = &mut body.host_config {
        host.mounts = Some(vec![kit_mount(&ready)]);
    }
    shared.spare(&mut body, &networks);
    let id = create(shared, &engine, "net", body)
        .await
        .map_err(|error| reason(&error))?;
    let started = start(&engine, &networks, &id).await;
    let met = match started {
        Ok(addresses) => meet(reports).await.map(|helper| (addresses, helper)),
        Err(why) => Err(why),
    };
    match met {
        Ok((addresses, helper)) => Ok(Holder {
            id,
            addresses,
            inside,
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
    create_on_all(engine, options, body).await
}

/// Starts a holder; its addresses, that at which it is reached from here first.
async fn start(
    engine: &ContainerEngine,
    networks: &Networks,
    id: &str,
) -> Result<Vec<IpAddr>, String> {
    let started = engine.client.start_container(id, None).await;
    started.map_err(|error| reason(&error))?;
    let inspected = engine
        .client
        .inspect_container(id, None::<InspectContainerOptions>);
    let found = inspected.await.map_err(|error| reason(&error))?;
    let Some(Reach::Host(first)) = network::reach(&found, networks) else {
        return Err("it has no address".into());
    };
    let mut addresses = network::addresses(&found, networks);
    addresses.retain(|address| *address != first);
    addresses.insert(0, first);
    Ok(addresses)
}

/// A container of the empty image, made for this service among others.
pub(super) fn body(identity: &Identity, service: Option<&ServiceName>) -> ContainerCreateBody {
    let (image, tag) = IMAGE;
    ContainerCreateBody {
        image: Some(format!("{image}:{tag}")),
        cmd: Some(Vec::new()),
        user: Some("0:0".into()),
        labels: Some(labels::of_helper(identity, service)),
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
