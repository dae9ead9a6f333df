//! How a run begins: its container is made, given its files, attached to, and started.

use super::super::abort::AbortOnDrop;
use super::super::create::{Created, create, facts};
use super::super::ending;
use super::super::find::ContainerEngine;
use super::super::helped::{self, Helped, ImageFacts};
use super::super::helper::{Order as Inside, listening_in};
use super::super::kept::{self, Namespace, Replica};
use super::super::model::{Container, StackNetwork};
use super::super::output::Pump;
use super::super::rejoin::attach;
use super::super::relays::Seen;
use super::super::sink::Sink;
use super::super::spec::How;
use super::super::words::is_network_gone;
use super::super::{network, sync};
use super::{Life, Unstarted, plain_failure, remove_container};
use crate::engine::{Event, Place, StartFailure};
use crate::stack::Reach;
use bollard::errors::Error;
use bollard::query_parameters::InspectContainerOptions;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a run is young, and how often it is looked where it listens meanwhile; and how often afterwards.
const YOUNG: (Duration, Duration) = (Duration::from_secs(10), Duration::from_millis(50));
const LOOK_AGAIN: Duration = Duration::from_secs(5);

impl Life {
    /// Makes the container, attaches to it, starts it, and tells `RunStarted`. Where a helper was to be inside and does not
    /// come up, once more without.
    pub(super) async fn start(&mut self) -> Result<Pump, Unstarted> {
        let engine = self.engine()?;
        let network = self
            .shared
            .ensure_network(&engine)
            .await
            .map_err(|error| self.failure(&error))?;
        let service = self.request.start.service.clone();
        self.relayed = self.shared.relays.decided(&service.name).await;
        let namespace = self.namespace().await;
        let facts = match self.facts(&engine).await {
            Ok(facts) => {
                self.request.leave_to_image(&facts.environment);
                facts
            }
            Err(why) => {
                self.lend(namespace);
                return Err(why);
            }
        };
        self.listens(facts.exposed.clone());
        let helped = Helped::of(&self.shared, &network, &self.request, &facts).await;
        let is_named = matches!(namespace, Namespace::Named);
        let relayed = self.relayed;
        let how = How {
            helped,
            namespace,
            relayed,
        };
        let pump = match self.start_as(&engine, &network, how).await {
            Err(Unstarted::Helpless(why)) => {
                let start = &self.request.start;
                let image = start.image.as_deref().unwrap_or_default();
                self.shared
                    .do_without_helper(image, &start.service.name, &why);
                if let Some(created) = self.container.take() {
                    remove_container(&engine, &created.id).await;
                }
                let how = How {
                    relayed,
                    helped: None,
                    namespace: match self.lent.take() {
                        Some(holder) => Namespace::Lent(holder),
                        None if is_named => Namespace::Named,
                        None => Namespace::Nameless,
                    },
                };
                self.start_as(&engine, &network, how).await?
            }
            started => started?,
        };
        Ok(pump)
    }

    pub(super) async fn start_as(
        &mut self,
        engine: &ContainerEngine,
        network: &StackNetwork,
        how: How,
    ) -> Result<Pump, Unstarted> {
        let (created, how) = self.made(engine, network, how).await?;
        let (id, name) = (created.id.clone(), created.name.clone());
        self.container = Some(created);
        self.lend(how.namespace);
        self.still_wanted()?;
        if how.helped.is_none() {
            self.upload_given(engine, &id).await?;
        }
        let start = &self.request.start;
        let sink = Sink::new(
            self.shared.wires.telemetry.clone(),
            start.service.name.clone(),
            start.run.0,
            network.direct,
        );
        let pump = self.begin(engine, &id, sink, how.helped).await?;
        let service = &self.request.start.service;
        let kept = (self.relayed || self.helper.is_some()) && service.keep_network;
        if kept {
            let names = &self.shared.kept;
            names.can_stay(&self.replica(), self.run_id());
            if service.build.is_some() {
                kept::prepare_when_calm(&self.shared, service);
            }
        }
        self.shared.wires.tell(Event::RunStarted {
            run: self.run_id(),
            place: Place::Container { id, name, kept },
        });
        Ok(pump)
    }

    pub(super) async fn namespace(&self) -> Namespace {
        let start = &self.request.start;
        let kept = &self.shared.kept;
        if self.relayed {
            return kept.place_relayed(&start.service).await;
        }
        kept.place(&start.service, &self.replica(), start.run).await
    }

    pub(super) fn replica(&self) -> Replica {
        let start = &self.request.start;
        (start.service.name.clone(), start.replica)
    }

    pub(super) fn lend(&mut self, namespace: Namespace) {
        if let Namespace::Lent(holder) = namespace {
            self.is_at(holder.address);
            self.lent = Some(holder);
        }
    }

    /// Makes known whose address this is.
    fn is_at(&mut self, address: IpAddr) {
        let service = self.request.start.service.name.clone();
        self.address = Some(address);
        self.shared.relays.tell(Seen::Runs { service, address });
    }

    /// Makes known where it listens, if a relay wants to know.
    fn listens(&self, ports: Vec<u16>) {
        let service = self.request.start.service.name.clone();
        if self.relayed && !ports.is_empty() {
            let seen = Seen::Listens { service, ports };
            self.shared.relays.tell(seen);
        }
    }

    /// Looks again and again where it listens, as long as it lives.
    fn look_where_it_listens(&mut self, pid: u32) {
        let (shared, service) = (self.shared.clone(), self.request.start.service.name.clone());
        let tables = PathBuf::from(format!("/proc/{pid}/net"));
        self.looking = Some(AbortOnDrop::spawn(async move {
            let (mut known, began) = (Vec::new(), Instant::now());
            loop {
                let ports = listening_in(&tables);
                if ports != known {
                    known.clone_from(&ports);
                    let service = service.clone();
                    let seen = Seen::Listens { service, ports };
                    shared.relays.tell(seen);
                }
                let is_young = began.elapsed() < YOUNG.0;
                sleep(if is_young { YOUNG.1 } else { LOOK_AGAIN }).await;
            }
        }));
    }

    /// What the image says of itself. A pull may take long, so it can be given up.
    pub(super) async fn facts(
        &mut self,
        engine: &ContainerEngine,
    ) -> Result<ImageFacts, Unstarted> {
        let (shared, request) = (self.shared.clone(), self.request.clone());
        let mut finding = Box::pin(facts(&shared, engine, &request));
        loop {
            tokio::select! {
                found = &mut finding => return Ok(found?),
                order = self.orders.recv() => self.note(order),
            }
            if self.over {
                return Err(Unstarted::Unwanted);
            }
        }
    }

    /// Makes the container. Nothing of it is cut short by an order: what the engine was asked to make must be known, to be
    /// removed.
    pub(super) async fn made(
        &mut self,
        engine: &ContainerEngine,
        network: &StackNetwork,
        how: How,
    ) -> Result<(Created, How), Unstarted> {
        let (shared, request) = (self.shared.clone(), self.request.clone());
        let (engine, network) = (engine.clone(), network.clone());
        let mut making = tokio::spawn(async move {
            let made = create(&shared, &engine, &request, &network, &how).await;
            (made, how)
        });
        loop {
            tokio::select! {
                made = &mut making => {
                    let broke = |_| plain_failure("its container could not be made: the task broke");
                    let (made, how) = made.map_err(broke)?;
                    return match made {
                        Ok(created) => Ok((created, how)),
                        Err(why) => {
                            self.lend(how.namespace);
                            Err(why.into())
                        }
                    };
                }
                order = self.orders.recv() => self.note(order),
            }
            if self.over {
                // The task goes on by itself; what it still makes is removed by it or by the next sweep.
                return Err(self.abandon(making).await);
            }
        }
    }

    /// Waits for the making to end, briefly.
    pub(super) async fn abandon(
        &mut self,
        making: tokio::task::JoinHandle<(Result<Created, StartFailure>, How)>,
    ) -> Unstarted {
        let abort = making.abort_handle();
        match tokio::time::timeout(Duration::from_secs(2), making).await {
            Ok(Ok((made, how))) => {
                self.container = made.ok();
                self.lend(how.namespace);
            }
            Ok(Err(_)) => {}
            Err(_) => abort.abort(),
        }
        Unstarted::Unwanted
    }

    /// Without a helper, files that the image lacks are copied in by the engine, before the program starts.
    pub(super) async fn upload_given(
        &self,
        engine: &ContainerEngine,
        id: &str,
    ) -> Result<(), Unstarted> {
        let start = &self.request.start;
        let given = sync::upload_given(engine, id, &start.service, start.given.clone()).await;
        given.map_err(|why| plain_failure(&why).into())
    }

    /// Attaches to the container, starts it, and waits for its helper, which is given its files and starts the program.
    pub(super) async fn begin(
        &mut self,
        engine: &ContainerEngine,
        id: &str,
        sink: Sink,
        with: Option<Helped>,
    ) -> Result<Pump, Unstarted> {
        let pump = self.attach_and_start(engine, id, sink).await?;
        if let Some(expected) = with {
            let start = &self.request.start;
            let user = expected.user(&start.service);
            let link = self.shared.link.clone();
            let met = tokio::select! {
                met = expected.meet() => met,
                _ = ending::wait(&link, id) => Err("it ended at once".to_owned()),
            };
            let helper = match met {
                Ok(helper) => helper,
                Err(why) => return Err(Unstarted::Helpless(self.last_words(pump, why).await)),
            };
            let begun = async {
                helped::give(&helper, start.given.clone()).await?;
                helper.ask(Inside::Start, &[]).await
            };
            if let Err(why) = begun.await {
                let why = self.last_words(pump, why).await;
                return Err(plain_failure(&why).into());
            }
            self.helper = Some((helper, user));
        }
        self.publish(engine, id).await;
        Ok(pump)
    }

    /// Why a container did not come up: what it, or the engine, printed last says more.
    pub(super) async fn last_words(&self, pump: Pump, why: String) -> String {
        drop(ending::send(&self.shared, &self.id(), "SIGKILL").await);
        let said = pump.drained().await.map(|end| end.sink.last_lines());
        match said.unwrap_or_default().join("\n") {
            said if said.is_empty() => why,
            said => format!("{why}: {said}"),
        }
    }

    /// Attaches and starts the container.
    pub(super) async fn attach_and_start(
        &self,
        engine: &ContainerEngine,
        id: &str,
        sink: Sink,
    ) -> Result<Pump, Unstarted> {
        let attached = attach(engine, id)
            .await
            .map_err(|error| plain_failure(&format!("its output cannot be read: {error}")))?;
        let started = self.start_container(engine, id).await;
        started.map_err(|error| self.failure(&error))?;
        Ok(Pump::attached(attached, self.tty(), sink))
    }

    /// Starts the container, on a new network of the same name if somebody removed the old one.
    pub(super) async fn start_container(
        &self,
        engine: &ContainerEngine,
        id: &str,
    ) -> Result<(), Error> {
        match engine.client.start_container(id, None).await {
            Err(error) if is_network_gone(&error) => {
                self.shared.renew_network(engine).await?;
                engine.client.start_container(id, None).await
            }
            started => started,
        }
    }

    /// Learns where the run is and makes it known. Does nothing when the program has already ended.
    pub(super) async fn publish(&mut self, engine: &ContainerEngine, id: &str) {
        let inspected = engine
            .client
            .inspect_container(id, None::<InspectContainerOptions>);
        let (Ok(found), Some(network)) = (inspected.await, self.network().await) else {
            return;
        };
        let pid = found.state.as_ref().and_then(|state| state.pid);
        if self.lent.is_none()
            && let Some(address) = network::address(&found, &network)
        {
            self.is_at(address);
        }
        let before = self.shared.container(self.run_id());
        let container = Container {
            id: id.to_owned(),
            service: self.request.start.service.clone(),
            reach: match &self.lent {
                Some(holder) => Some(Reach::Host(holder.address)),
                None => network::reach(&found, &network),
            },
            pid: pid
                .and_then(|pid| u32::try_from(pid).ok())
                .filter(|pid| *pid != 0),
            user: found
                .config
                .and_then(|config| config.user)
                .unwrap_or_default(),
            helper: self.helper.clone(),
            owner: None,
        };
        if let (true, Some(pid)) = (self.relayed && network.direct, container.pid) {
            self.look_where_it_listens(pid);
        }
        let moved = before.is_some_and(|before| before.reach != container.reach);
        self.shared.running(self.run_id(), container);
        if moved {
            // Whoever wanted to know may be gone.
            let _ = self.shared.moved.send(self.run_id());
        }
    }
}
