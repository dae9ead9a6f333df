//! How a run begins: its container is made, given its files, attached to, and started.

use super::super::abort::AbortOnDrop;
use super::super::create::{Created, create};
use super::super::ending;
use super::super::find::ContainerEngine;
use super::super::granted::{self, Granted};
use super::super::helped::{self, Helped, ImageFacts};
use super::super::helper::{Order as Inside, listening_in};
use super::super::hooks::AFTER_START;
use super::super::image;
use super::super::kept::{self, Namespace, Replica};
use super::super::model::Container;
use super::super::network;
use super::super::output::Pump;
use super::super::rejoin::attach;
use super::super::relays::Seen;
use super::super::sink::Sink;
use super::super::spec::How;
use super::super::sync;
use super::super::words::is_network_gone;
use super::{Life, Unstarted, plain_failure, remove_container};
use crate::engine::{Event, Place, StartFailure};
use crate::stack::{Reach, Space};
use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::InspectContainerOptions;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a run is young, and how often it is looked where it listens meanwhile; and how often afterwards.
const YOUNG: (Duration, Duration) = (Duration::from_secs(10), Duration::from_millis(50));
const LOOK_AGAIN: Duration = Duration::from_secs(5);

impl Life {
    /// Starts the run, and tells `RunStarted`. One that others wait for, and that waits for none, is believed to call none at
    /// once: it starts together with the relay that is to have its name, and once more if that does not come up.
    pub(super) async fn start(&mut self) -> Result<Pump, Unstarted> {
        let service = &self.request.start.service;
        let stack = self.shared.stack();
        let mut others = stack.services.values();
        let trusts = service.depends_on.is_empty()
            && others.any(|other| other.depends_on.contains_key(&service.name));
        match self.start_once(trusts).await {
            Err(Unstarted::Nameless) => {
                self.clear_away().await;
                self.helper = None;
                self.start_once(false).await
            }
            started => started,
        }
    }

    /// Makes the container, attaches to it, starts it, and tells `RunStarted`. Where a helper was to be inside and does not
    /// come up, once more without.
    async fn start_once(&mut self, trusts: bool) -> Result<Pump, Unstarted> {
        let engine = self.engine()?;
        let service = self.request.start.service.clone();
        let networks = self.shared.networks_of(&engine, &service).await;
        self.networks = networks.map_err(|why| plain_failure(&why))?;
        self.relayed = self.shared.relays.decided(&service.name, trusts).await;
        let namespace = self.namespace().await;
        let (facts, granted) = match self.gathered(&engine).await {
            Ok(gathered) => gathered,
            Err(why) => {
                self.lend(namespace);
                return Err(why);
            }
        };
        self.request.leave_to_image(&facts.environment);
        self.listens(facts.exposed.clone());
        let helped = Helped::of(&self.shared, &self.networks, &self.request, &facts).await;
        let is_named = matches!(namespace, Namespace::Named);
        let how = How {
            helped,
            namespace,
            relayed: self.relayed,
            image: facts.id.clone(),
            granted: granted.mounts.clone(),
        };
        self.image_health = facts.health;
        match self.start_as(&engine, how, granted.tar.clone()).await {
            Err(Unstarted::Helpless(why)) => {
                self.do_without_helper(&engine, &why).await;
                let namespace = match self.lent.take() {
                    Some(holder) => Namespace::Lent(holder),
                    None if is_named => Namespace::Named,
                    None => Namespace::Nameless,
                };
                let how = How {
                    helped: None,
                    namespace,
                    relayed: self.relayed,
                    image: facts.id,
                    granted: granted.mounts,
                };
                self.start_as(&engine, how, granted.tar).await
            }
            started => started,
        }
    }

    /// What must be known before the container is made: what the image says, and what the service is granted.
    async fn gathered(
        &mut self,
        engine: &ContainerEngine,
    ) -> Result<(ImageFacts, Granted), Unstarted> {
        let facts = self.facts(engine).await?;
        let (service, run) = (self.request.start.service.clone(), self.run_id());
        let identity = self.shared.identity.clone();
        let is_local = engine.endpoint().is_local();
        let reading =
            tokio::task::spawn_blocking(move || granted::read(&service, &identity, run, is_local));
        let granted = match reading.await {
            Ok(read) => read.map_err(|why| plain_failure(&why))?,
            Err(broke) => return Err(plain_failure(&broke.to_string()).into()),
        };
        Ok((facts, granted))
    }

    async fn do_without_helper(&mut self, engine: &ContainerEngine, why: &str) {
        let start = &self.request.start;
        let image = start.image.as_deref().unwrap_or_default();
        self.shared
            .do_without_helper(image, &start.service.name, why);
        if let Some(created) = self.container.take() {
            remove_container(engine, &created.id).await;
        }
    }

    async fn start_as(
        &mut self,
        engine: &ContainerEngine,
        how: How,
        granted: Option<Vec<u8>>,
    ) -> Result<Pump, Unstarted> {
        let (created, how) = self.made(engine, how).await?;
        let (id, name) = (created.id.clone(), created.name.clone());
        self.container = Some(created);
        self.lend(how.namespace);
        self.still_wanted()?;
        if how.helped.is_none() {
            self.upload_given(engine, &id).await?;
        }
        if let Some(tar) = granted {
            let copied = granted::copy(engine, &id, tar).await;
            copied.map_err(|why| plain_failure(&why))?;
        }
        let start = &self.request.start;
        let sink = Sink::new(
            self.shared.wires.telemetry.clone(),
            start.service.name.clone(),
            start.run.0,
            self.networks.direct,
        );
        let pump = self.begin(engine, &id, sink, how.helped).await?;
        let service = self.request.start.service.name.clone();
        if self.relayed && !self.shared.relays.came(&service).await {
            return Err(Unstarted::Nameless);
        }
        self.after_start().await?;
        let service = &self.request.start.service;
        let stays = self.helper.is_some() && self.shared.identity.compose.is_none();
        let kept = (self.relayed || stays) && kept::is_lent(service);
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

    /// Runs what is to be run right after the start. A program that ends meanwhile is heard of as usual.
    async fn after_start(&mut self) -> Result<(), Unstarted> {
        let service = self.request.start.service.clone();
        let hooks = &service.container.post_start;
        if hooks.is_empty() {
            return Ok(());
        }
        let within = self
            .hooks()
            .ok_or_else(|| plain_failure("the container engine does not answer"))?;
        let (link, id) = (self.shared.link.clone(), self.id());
        let mut ended = Box::pin(ending::wait(&link, &id));
        let mut running = Box::pin(within.run(&service, hooks, AFTER_START));
        loop {
            tokio::select! {
                biased;
                _ = &mut ended => return Ok(()),
                done = &mut running => {
                    let Err(why) = done else { return Ok(()) };
                    let state = self.inspect().await.and_then(|found| found.state);
                    let is_running = state.and_then(|state| state.running).unwrap_or(false);
                    return if is_running {
                        Err(plain_failure(&format!("post_start {why}")).into())
                    } else {
                        Ok(())
                    };
                }
                order = self.orders.recv() => self.note(order),
            }
            if self.over {
                return Err(Unstarted::Unwanted);
            }
        }
    }

    pub(super) async fn namespace(&self) -> Namespace {
        let start = &self.request.start;
        let kept = &self.shared.kept;
        if self.relayed {
            return kept.place_relayed(&start.service).await;
        }
        // Compose's commands would show what keeps a name as the service itself.
        if self.shared.identity.compose.is_some() {
            return Namespace::Named;
        }
        kept.place(&start.service, &self.replica(), start.run).await
    }

    pub(super) fn replica(&self) -> Replica {
        let start = &self.request.start;
        (start.service.name.clone(), start.replica)
    }

    pub(super) fn lend(&mut self, namespace: Namespace) {
        if let Namespace::Lent(holder) = namespace {
            self.are_at(holder.addresses.clone());
            self.lent = Some(holder);
        }
    }

    /// Makes known whose addresses these are.
    fn are_at(&mut self, addresses: Vec<IpAddr>) {
        for address in &addresses {
            let (service, address) = (self.request.start.service.name.clone(), *address);
            self.shared.relays.tell(Seen::Runs { service, address });
        }
        self.addresses = addresses;
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
        let mut finding = Box::pin(image::facts(&shared, engine, &request));
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
        how: How,
    ) -> Result<(Created, How), Unstarted> {
        let (shared, request) = (self.shared.clone(), self.request.clone());
        let (engine, networks) = (engine.clone(), self.networks.clone());
        let mut making = tokio::spawn(async move {
            let made = create(&shared, &engine, &request, &networks, &how).await;
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
        &mut self,
        engine: &ContainerEngine,
        id: &str,
        sink: Sink,
    ) -> Result<Pump, Unstarted> {
        let attached = attach(engine, id)
            .await
            .map_err(|error| plain_failure(&format!("its output cannot be read: {error}")))?;
        self.start_container(engine, id).await?;
        Ok(Pump::attached(attached, self.tty(), sink))
    }

    /// Starts the container, on new networks of the same names if somebody removed the old ones.
    async fn start_container(
        &mut self,
        engine: &ContainerEngine,
        id: &str,
    ) -> Result<(), Unstarted> {
        let started = match engine.client.start_container(id, None).await {
            Err(error) if is_network_gone(&error) => {
                let renewed = self.shared.renew_networks(engine, &self.networks).await;
                self.networks = renewed.map_err(|why| plain_failure(&why))?;
                engine.client.start_container(id, None).await
            }
            started => started,
        };
        started.map_err(|error| self.failure(&error).into())
    }

    /// Learns where the run is and makes it known. Does nothing when the program has already ended.
    pub(super) async fn publish(&mut self, engine: &ContainerEngine, id: &str) {
        let Some(found) = self.inspect().await else {
            return;
        };
        let pid = found.state.as_ref().and_then(|state| state.pid);
        if self.lent.is_none() {
            self.are_at(network::addresses(&found, &self.networks));
        }
        let before = self.shared.container(self.run_id());
        let (home, reach) = self.home_and_reach(engine, &found).await;
        let container = Container {
            id: id.to_owned(),
            home,
            service: self.request.start.service.clone(),
            reach,
            pid: pid
                .and_then(|pid| u32::try_from(pid).ok())
                .filter(|pid| *pid != 0),
            user: found
                .config
                .and_then(|config| config.user)
                .unwrap_or_default(),
            helper: self.helper.clone(),
            image_health: self.image_health.clone(),
            owner: None,
        };
        if let (true, Some(pid)) = (self.relayed && self.networks.direct, container.pid) {
            self.look_where_it_listens(pid);
        }
        let moved = before.is_some_and(|before| before.reach != container.reach);
        self.shared.running(self.run_id(), container);
        if moved {
            // Whoever wanted to know may be gone.
            let _ = self.shared.moved.send(self.run_id());
        }
    }

    /// Which container has the network that the run lives in, and how it is reached there.
    async fn home_and_reach(
        &self,
        engine: &ContainerEngine,
        found: &ContainerInspectResponse,
    ) -> (String, Option<Reach>) {
        let own = self.id();
        if let Some(holder) = &self.lent {
            let address = holder.addresses.first().copied();
            return (holder.id.clone(), address.map(Reach::Host));
        }
        match &self.request.start.service.container.network_mode {
            None => (own, network::reach(found, &self.networks)),
            Some(space) if space.is_host() => {
                let here = Reach::Host(Ipv4Addr::LOCALHOST.into());
                (own, self.networks.direct.then_some(here))
            }
            Some(Space::Service(name)) => match self.shared.newest_of(name) {
                Some(other) => (other.home, other.reach),
                None => (own, None),
            },
            Some(Space::Container(name)) => {
                let options = None::<InspectContainerOptions>;
                let other = engine.client.inspect_container(name, options).await.ok();
                let address = other.as_ref().and_then(network::any_address);
                (name.clone(), address.map(Reach::Host))
            }
            Some(Space::Named(_)) => (own, network::any_address(found).map(Reach::Host)),
        }
    }
}
