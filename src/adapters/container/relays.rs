//! Relays in containers of their own: made, replaced when they end, and which services have left their names to them.
//!
//! What runs inside is none of this module's business: it is a word of our own binary, which is mounted with what it needs
//! into an image that has nothing in it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, EndpointSettings, Mount as EngineMount, MountType, NetworkingConfig,
};
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::ending;
use super::find::ContainerEngine;
use super::helped::kit_mount;
use super::holder;
use super::life::remove_container;
use super::model::Shared;
use super::network::Networks;
use super::spec;
use super::words::{is_network_gone, reason};
use crate::adapters::Identity;
use crate::stack::{Service, ServiceName};

/// Where the folder with a relay's socket is mounted in its container.
pub const RELAY_FOLDER: &str = "/.relay";

/// A relay that lived for less than this did not come up.
const LIVED: Duration = Duration::from_secs(2);

/// How often in a row a relay may not come up before it is given up, and how long is waited in between.
const TRIES: u32 = 4;
const AGAIN: Duration = Duration::from_millis(150);

/// Longest time that a start waits for the relay which is to have its service's name.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest time that a run waits, once it is started, for the relay that started together with it.
const COMES_WITHIN: Duration = Duration::from_secs(5);

/// Longest time that the end of the session waits for relays to be removed.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// What a relay's container is made of.
#[derive(Debug, Clone)]
pub struct RelayOrder {
    /// The services whose names it has, which are all on the same networks.
    pub services: Vec<Arc<Service>>,
    /// The words after our own binary's name.
    pub words: Vec<String>,
    /// The folder on this machine that is mounted at [`RELAY_FOLDER`].
    pub folder: PathBuf,
}

/// What is seen of runs that matters to who relays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// This address on the stack's network is a run's of this service.
    Runs {
        service: ServiceName,
        address: IpAddr,
    },
    /// It is nobody's any more.
    Ended { address: IpAddr },
    /// A run of this service listens at these ports, or its image says that it will.
    Listens {
        service: ServiceName,
        ports: Vec<u16>,
    },
}

/// Which services have left their names to a relay, and who wants to know what is seen.
#[derive(Default)]
pub(super) struct Relays {
    names: watch::Sender<HashMap<ServiceName, Name>>,
    watcher: OnceLock<Box<dyn Fn(Seen) + Send + Sync>>,
    keeping: Mutex<Vec<JoinHandle<()>>>,
    over: watch::Sender<bool>,
}

/// Who has a service's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    /// A relay that is being made.
    Soon,
    /// A relay whose container is made and is about to start.
    Coming,
    /// A relay.
    Relay,
    /// The service itself.
    Service,
}

impl Relays {
    /// The names of these services are to go to a relay that is not there yet: their starts wait.
    pub(super) fn expect(&self, services: &[ServiceName]) {
        self.decide(services, Name::Soon);
    }

    /// From now on these services' names are a relay's (or the services' own).
    pub(super) fn held(&self, services: &[ServiceName], by_relay: bool) {
        let name = if by_relay { Name::Relay } else { Name::Service };
        self.decide(services, name);
    }

    /// The relay of these services is about to start.
    fn coming(&self, services: &[Arc<Service>]) {
        self.names.send_modify(|names| {
            for service in services {
                let name = names.get_mut(&service.name);
                if let Some(name) = name.filter(|name| **name == Name::Soon) {
                    *name = Name::Coming;
                }
            }
        });
    }

    fn decide(&self, services: &[ServiceName], name: Name) {
        self.names.send_modify(|names| {
            names.extend(services.iter().map(|service| (service.clone(), name)));
        });
    }

    /// Whether a service's name is a relay's; waits until that is known. With `trusts`, a relay that is about to start is as
    /// good: [`Relays::came`] then tells whether it did.
    pub(super) async fn decided(&self, service: &ServiceName, trusts: bool) -> bool {
        let name = self.known(service, trusts, PATIENCE).await;
        matches!(name, Some(Name::Coming | Name::Relay))
    }

    /// Whether the relay that was about to have a service's name has it now; waits until that is known, but not for long.
    pub(super) async fn came(&self, service: &ServiceName) -> bool {
        self.known(service, false, COMES_WITHIN).await == Some(Name::Relay)
    }

    async fn known(&self, service: &ServiceName, trusts: bool, within: Duration) -> Option<Name> {
        let mut names = self.names.subscribe();
        let known = names.wait_for(|names| match names.get(service) {
            Some(Name::Soon) => false,
            Some(Name::Coming) => trusts,
            Some(Name::Relay | Name::Service) | None => true,
        });
        match timeout(within, known).await {
            Ok(Ok(names)) => names.get(service).copied(),
            Ok(Err(_)) | Err(_) => None,
        }
    }

    /// Whether a service's name is a relay's at this moment, or is about to be.
    pub(super) fn has(&self, service: &ServiceName) -> bool {
        let names = self.names.borrow();
        matches!(names.get(service), Some(Name::Coming | Name::Relay))
    }

    /// Who is told what is seen; the first one only.
    pub(super) fn watch(&self, watcher: impl Fn(Seen) + Send + Sync + 'static) {
        // A second one would be a mistake of the wiring, and harmless.
        let _ = self.watcher.set(Box::new(watcher));
    }

    pub(super) fn tell(&self, seen: Seen) {
        if let Some(watcher) = self.watcher.get() {
            watcher(seen);
        }
    }

    /// Ends all relays, and waits until their containers are gone. None is made any more.
    pub(super) async fn end(&self) {
        self.over.send_replace(true);
        let keeping = std::mem::take(&mut *self.keeping());
        // What is left then is found by the sweep that follows.
        drop(timeout(ENDS_WITHIN, join_all(keeping)).await);
    }

    pub(super) fn keep(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.keeping().push(tokio::spawn(task));
    }

    /// Ends when the session does.
    async fn over(&self) {
        let mut over = self.over.subscribe();
        // The sender is a field of `self`, so it cannot have been dropped.
        drop(over.wait_for(|over| *over).await);
    }

    fn keeping(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.keeping.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the relay, and makes it anew whenever it ends, as long as it comes up at all; says why if it does not any more.
pub(super) async fn keep(
    shared: Arc<Shared>,
    order: RelayOrder,
    failed: impl Fn(String) + Send + 'static,
) {
    let mut in_a_row = 0;
    loop {
        let engine = tokio::select! {
            engine = shared.link.up() => engine,
            () = shared.relays.over() => return,
        };
        if let Some(why) = obstacle(&shared, &engine, &order).await {
            return failed(why);
        }
        let began = Instant::now();
        let why = match make(&shared, &engine, &order).await {
            Ok(id) => {
                let ended = tokio::select! {
                    ended = ending::wait(&shared.link, &id) => ended,
                    () = shared.relays.over() => return remove_container(&engine, &id).await,
                };
                let engine = engine.clone();
                // Its successor need not wait for that.
                tokio::spawn(async move { remove_container(&engine, &id).await });
                match ended.code {
                    Some(code) => format!("its program ended with {code}"),
                    None => "its container was removed".into(),
                }
            }
            Err(why) => why,
        };
        tracing::info!(why, "a relay's container is not there (any more)");
        if *shared.relays.over.borrow() {
            return;
        }
        if began.elapsed() >= LIVED {
            in_a_row = 0;
            continue;
        }
        sleep(AGAIN).await;
        if shared.link.engine().is_none() {
            continue;
        }
        in_a_row += 1;
        if in_a_row >= TRIES {
            return failed(why);
        }
    }
}

/// Why there can never be one here.
async fn obstacle(shared: &Shared, engine: &ContainerEngine, order: &RelayOrder) -> Option<String> {
    if !engine.endpoint().is_local() {
        return Some("the container engine is not on this machine".into());
    }
    match shared.networks_by(engine, &order.network_keys()).await {
        Ok(networks) if networks.direct => {}
        Ok(_) => return Some("the engine's network is not this machine's".into()),
        // Whatever it is, it may pass; making the relay says it.
        Err(_) => {}
    }
    shared.helpers.ready().await.err()
}

async fn make(
    shared: &Arc<Shared>,
    engine: &ContainerEngine,
    order: &RelayOrder,
) -> Result<String, String> {
    let networks = shared.networks_by(engine, &order.network_keys()).await?;
    let image = holder::ensure_image(engine).await;
    image.map_err(|error| reason(&error))?;
    let ready = shared.helpers.ready().await?;
    let first = order.services.first().map(|service| &service.name);
    let mut body = holder::body(&shared.identity, first);
    order.join(&mut body, shared, &networks);
    body.entrypoint = Some([ready.words(), order.words.clone()].concat());
    if let Some(labels) = &mut body.labels {
        labels.insert(Identity::RELAY.into(), "1".into());
    }
    if let Some(host) = &mut body.host_config {
        host.mounts = Some(vec![kit_mount(&ready), folder(order)]);
    }
    shared.spare(&mut body, &networks);
    let created = holder::create(shared, engine, "relay", body).await;
    let id = created.map_err(|error| reason(&error))?;
    shared.relays.coming(&order.services);
    let started = match engine.client.start_container(&id, None).await {
        Err(error) if is_network_gone(&error) => {
            match shared.renew_networks(engine, &networks).await {
                Ok(_) => {
                    let started = engine.client.start_container(&id, None).await;
                    started.map_err(|error| reason(&error))
                }
                Err(why) => Err(why),
            }
        }
        started => started.map_err(|error| reason(&error)),
    };
    if started.is_err() {
        remove_container(engine, &id).await;
    }
    started.map(|()| id)
}

impl RelayOrder {
    /// The keys of the networks that it is on.
    fn network_keys(&self) -> Vec<&str> {
        let first = self.services.first();
        first.map_or_else(Vec::new, |first| first.container.network_keys())
    }

    /// Puts its container on its networks, under the names of its services.
    fn join(&self, body: &mut ContainerCreateBody, shared: &Shared, networks: &Networks) {
        let endpoints = networks.all.iter().map(|network| {
            let mut names: Vec<String> = Vec::new();
            for service in &self.services {
                for replica in 0..service.replicas.max(1) {
                    let more = spec::aliases(service, replica, &network.key, &shared.identity);
                    names.extend(more);
                }
            }
            names.sort();
            names.dedup();
            let settings = EndpointSettings {
                aliases: Some(names),
                ..EndpointSettings::default()
            };
            (network.name.clone(), settings)
        });
        body.networking_config = Some(NetworkingConfig {
            endpoints_config: Some(endpoints.collect()),
        });
        let host = body.host_config.get_or_insert_default();
        host.network_mode = networks.all.first().map(|network| network.name.clone());
    }
}

fn folder(order: &RelayOrder) -> EngineMount {
    EngineMount {
        typ: Some(MountType::BIND),
        source: Some(order.folder.display().to_string()),
        target: Some(RELAY_FOLDER.into()),
        read_only: Some(true),
        ..EngineMount::default()
    }
}
