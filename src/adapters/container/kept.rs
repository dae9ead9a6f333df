//! Kept namespaces: the addresses and names of services outlive their runs.
//!
//! The first run of a replica is started on the stack's network under the service's name. When another run takes its place,
//! its container stays: its helper *keeps* the name and the address, and passes connections on to wherever the requests for
//! the service go. The later runs live in *lent* namespaces, each held by a small container that does nothing else; one that
//! is free again is lent to the next run, of whatever service. So a replacement does not wait for the engine to make a
//! network interface, and two runs of one service can listen at the same port for as long as it takes to swap them.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Notify, watch};

use super::find::ContainerEngine;
use super::helper::{Handle, Order};
use super::holder::{self, Holder, Inside};
use super::life::remove_container;
use super::model::Shared;
use super::spec::{self, Known};
use crate::engine::RunId;
use crate::stack::{Service, ServiceName};

/// Free namespaces that are kept although nobody is expected.
const IDLE: usize = 2;

/// How long after a start the next namespace is made, if none is free.
const CALM: Duration = Duration::from_secs(1);

/// The same where it is not known yet whether the service will be edited at all: others may still be starting.
const CALMER: Duration = Duration::from_secs(5);

/// Longest time that a start, or the end of the session, waits for a namespace that is being made.
const PATIENCE: Duration = Duration::from_secs(2);

/// A replica of a service.
pub(super) type Replica = (ServiceName, u32);

/// In whose network namespace a run's container lives.
#[derive(Debug)]
pub(super) enum Namespace {
    /// Its own, under the service's name.
    Named,
    /// Its own, without a name: the name is kept elsewhere.
    Nameless,
    /// That of a holder.
    Lent(Holder),
}

/// Where requests for a service go that come by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aim {
    /// To one of these addresses; they wait while there is none.
    To(Vec<IpAddr>),
    /// Nowhere.
    Refuse,
}

/// The names and namespaces of a session.
#[derive(Debug, Default)]
pub(super) struct Kept {
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    names: HashMap<Replica, Name>,
    /// Runs that live while another container has their replica's name.
    nameless: HashMap<Replica, HashSet<RunId>>,
    free: Vec<Holder>,
    /// How many holders are being made, by whose they will be.
    making: HashMap<Option<ServiceName>, usize>,
    /// Services whose next run is on its way.
    expecting: HashSet<ServiceName>,
    /// Services that had a next run before.
    edited: HashSet<ServiceName>,
    aims: HashMap<ServiceName, watch::Sender<Aim>>,
    /// The session ends: nothing is kept any more.
    over: bool,
}

/// A container that is to keep a name.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) container: String,
    pub(super) helper: Handle,
    /// Where its program listened.
    pub(super) ports: Vec<u16>,
}

/// Who has a replica's name.
#[derive(Debug)]
enum Name {
    /// A run that serves itself. `can_stay`: its container can keep the name when the run leaves.
    Run { run: RunId, can_stay: bool },
    /// A container whose run has left; `None` while one is being made.
    Keeper { container: Option<String> },
}

/// Whether runs of a service may live in lent namespaces, and leave their names behind: not where it says itself in which it
/// lives, nor where it has an address that only one can have.
pub(super) fn is_lent(service: &Service) -> bool {
    let options = &service.container;
    service.keep_network && options.network_mode.is_none() && !options.has_fixed_address()
}

impl Kept {
    /// Whether this run has its replica's name.
    pub(super) fn is_named(&self, replica: &Replica, named: RunId) -> bool {
        matches!(self.state().names.get(replica), Some(Name::Run { run, .. }) if *run == named)
    }

    /// This run's container can stay under its name when the run leaves.
    pub(super) fn can_stay(&self, replica: &Replica, named: RunId) {
        if let Some(Name::Run { run, can_stay }) = self.state().names.get_mut(replica) {
            *can_stay |= *run == named;
        }
    }

    /// Decides in which namespace a run is to live. Waits for one that is just being made.
    pub(super) async fn place(
        &self,
        service: &Service,
        replica: &Replica,
        run: RunId,
    ) -> Namespace {
        if !is_lent(service) || self.state().gives_name(replica, run) {
            return Namespace::Named;
        }
        match self.borrow(service, None).await {
            Some(holder) => Namespace::Lent(holder),
            None => Namespace::Nameless,
        }
    }

    /// The same for a service whose name is a relay's: its runs come and go, and nobody keeps anything for them.
    pub(super) async fn place_relayed(&self, service: &Service) -> Namespace {
        if !is_lent(service) {
            return Namespace::Named;
        }
        match self.borrow(service, Some(&service.name)).await {
            Some(holder) => Namespace::Lent(holder),
            None => Namespace::Named,
        }
    }

    async fn borrow(&self, service: &Service, origin: Option<&ServiceName>) -> Option<Holder> {
        let waiting = async {
            loop {
                let freed = self.freed.notified();
                match self.take(service, origin) {
                    Taken::Holder(holder) => return Some(holder),
                    Taken::Soon => freed.await,
                    Taken::Nothing => return None,
                }
            }
        };
        let taken = tokio::time::timeout(PATIENCE, waiting).await;
        self.state().expecting.remove(&service.name);
        let mut holder = taken.ok().flatten()?;
        holder.wake().await;
        Some(holder)
    }

    fn take(&self, service: &Service, origin: Option<&ServiceName>) -> Taken {
        let mut state = self.state();
        let fits = |holder: &Holder| {
            holder.is_there()
                && holder.origin.as_ref() == origin
                && *holder.inside == Inside::of(service)
        };
        match state.free.iter().position(fits) {
            Some(index) => Taken::Holder(state.free.remove(index)),
            None if state.making.get(&origin.cloned()).is_some_and(|it| *it > 0) => Taken::Soon,
            None => Taken::Nothing,
        }
    }

    /// A lent namespace is free again; one that is not needed any more comes back, to be removed.
    pub(super) fn give_back(&self, mut holder: Holder) -> Option<Holder> {
        let mut state = self.state();
        let alike = state
            .free
            .iter()
            .filter(|free| free.origin == holder.origin);
        let most = match holder.origin {
            Some(_) => 1,
            None => state.expecting.len().max(IDLE),
        };
        if state.over || alike.count() >= most || !holder.is_there() {
            return Some(holder);
        }
        if let Some(origin) = holder.origin.clone() {
            holder.rest(state.aim(&origin).subscribe());
        }
        state.free.push(holder);
        drop(state);
        self.freed.notify_waiters();
        None
    }

    fn is_kept_by(&self, replica: &Replica, container: &str) -> bool {
        let state = self.state();
        let keeper = state.names.get(replica).and_then(Name::keeper);
        keeper == Some(container) && !state.over
    }

    /// Says where requests go that come by a service's name.
    pub(super) fn aim(&self, service: &ServiceName, aim: Aim) {
        self.state().aim(service).send_replace(aim);
    }

    /// The containers that keep names of this service; they are kept no longer.
    fn release(&self, service: &ServiceName) -> Vec<String> {
        let mut state = self.state();
        let is_kept =
            |(replica, name): &(&Replica, &Name)| replica.0 == *service && name.keeper().is_some();
        let mine: Vec<Replica> = state
            .names
            .iter()
            .filter(is_kept)
            .map(|(replica, _)| replica.clone())
            .collect();
        mine.iter()
            .filter_map(|replica| state.names.remove(replica)?.keeper().map(str::to_owned))
            .collect()
    }

    /// Everything that is kept, for the end of the session; nothing is kept from now on.
    fn release_all(&self) -> Vec<String> {
        let mut state = self.state();
        state.over = true;
        let names = std::mem::take(&mut state.names);
        let keepers = names
            .values()
            .filter_map(|name| name.keeper().map(str::to_owned));
        let mut all: Vec<String> = keepers.collect();
        all.extend(
            std::mem::take(&mut state.free)
                .into_iter()
                .map(|free| free.id),
        );
        all
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Taken {
    Holder(Holder),
    /// One is being made.
    Soon,
    Nothing,
}

impl State {
    /// Whether this run gets its replica's name: unless whoever has it will stay under it.
    fn gives_name(&mut self, replica: &Replica, run: RunId) -> bool {
        match self.names.get(replica) {
            Some(Name::Keeper { .. } | Name::Run { can_stay: true, .. }) => {
                let nameless = self.nameless.entry(replica.clone()).or_default();
                nameless.insert(run);
                false
            }
            Some(Name::Run { .. }) | None => {
                let name = Name::Run {
                    run,
                    can_stay: false,
                };
                self.names.insert(replica.clone(), name);
                true
            }
        }
    }

    /// A run has left with its container. Whether others go on without the name that it had.
    fn leaves_others(&mut self, replica: &Replica, left: RunId) -> bool {
        let others = self.nameless.get_mut(replica);
        let goes_on = others.is_some_and(|others| {
            others.remove(&left);
            !others.is_empty()
        });
        if !matches!(self.names.get(replica), Some(Name::Run { run, .. }) if *run == left) {
            return false;
        }
        self.names.remove(replica);
        goes_on && !self.over
    }

    fn aim(&mut self, service: &ServiceName) -> &watch::Sender<Aim> {
        self.aims
            .entry(service.clone())
            .or_insert_with(|| watch::Sender::new(Aim::To(Vec::new())))
    }
}

impl Name {
    fn keeper(&self) -> Option<&str> {
        match self {
            Self::Run { .. } => None,
            Self::Keeper { container } => container.as_deref(),
        }
    }
}

/// Tells a keeper's helper where to pass connections on to, whenever that changes, until the helper ends.
pub(super) async fn pass_on(helper: &Handle, ports: &[u16], mut aim: watch::Receiver<Aim>) {
    let mut ended = helper.ended();
    loop {
        let order = match aim.borrow_and_update().clone() {
            Aim::To(to) => Order::Forward {
                ports: ports.to_vec(),
                to,
            },
            Aim::Refuse => Order::Refuse,
        };
        if helper.ask(order, &[]).await.is_err() {
            return;
        }
        tokio::select! {
            changed = aim.changed() => if changed.is_err() { return },
            // Whoever holds the other end is gone: so is the helper.
            _ = ended.wait_for(|ended| *ended) => return,
        }
    }
}

/// Keeps a replica's name: by this container, or by others that are made for it where there is none (any more). Ends when the
/// name is not to be kept any longer: whoever releases it removes the container, which ends its helper.
async fn keep_on(
    shared: Arc<Shared>,
    service: Arc<Service>,
    replica: Replica,
    mut keeper: Option<Keeper>,
) {
    let mut ports = spec::tcp_ports(&service);
    loop {
        let current = match keeper.take() {
            Some(keeper) => keeper,
            None => match make_keeper(&shared, &service, &replica, ports).await {
                Some(keeper) => keeper,
                None => return,
            },
        };
        let aim = shared.kept.state().aim(&replica.0).subscribe();
        pass_on(&current.helper, &current.ports, aim).await;
        if !shared.kept.is_kept_by(&replica, &current.container) {
            return;
        }
        tracing::warn!(container = current.container, "what kept a name is gone");
        let nobody = Name::Keeper { container: None };
        shared.kept.state().names.insert(replica.clone(), nobody);
        remove_all(&shared, vec![current.container]).await;
        ports = current.ports;
    }
}

/// Makes a container that does nothing but keep a name; `None` if it cannot be made, or is not wanted any more.
async fn make_keeper(
    shared: &Arc<Shared>,
    service: &Service,
    replica: &Replica,
    ports: Vec<u16>,
) -> Option<Keeper> {
    let _making = Making::begin(shared, None);
    let made = holder::make(shared, service, Known::Replica(replica.1)).await;
    let unwanted = {
        let mut state = shared.kept.state();
        let is_over = state.over;
        match (made, state.names.get_mut(replica)) {
            (Ok(holder), Some(Name::Keeper { container })) if container.is_none() && !is_over => {
                let keeper = holder.into_keeper(ports);
                container.replace(keeper.container.clone());
                return Some(keeper);
            }
            (Ok(holder), _) => holder.id,
            (Err(why), _) => {
                tracing::warn!(
                    why,
                    service = replica.0.as_str(),
                    "its name is kept by nobody"
                );
                // The next run gets it.
                state.names.remove(replica);
                return None;
            }
        }
    };
    remove_all(shared, vec![unwanted]).await;
    None
}

/// From now on the container of a run that has left keeps its replica's name, and passes connections on. False: the session
/// ends, and nothing is kept.
pub(super) fn keep(
    shared: &Arc<Shared>,
    service: &Arc<Service>,
    replica: Replica,
    keeper: Keeper,
) -> bool {
    let mut state = shared.kept.state();
    if state.over {
        return false;
    }
    let name = Name::Keeper {
        container: Some(keeper.container.clone()),
    };
    state.names.insert(replica.clone(), name);
    tokio::spawn(keep_on(
        shared.clone(),
        service.clone(),
        replica,
        Some(keeper),
    ));
    true
}

/// A run has ended with its container. If it had a name that others go on without, that is kept for them.
pub(super) fn left(shared: &Arc<Shared>, service: &Arc<Service>, replica: &Replica, run: RunId) {
    let mut state = shared.kept.state();
    if state.leaves_others(replica, run) {
        let nobody = Name::Keeper { container: None };
        state.names.insert(replica.clone(), nobody);
        let keeping = keep_on(shared.clone(), service.clone(), replica.clone(), None);
        tokio::spawn(keeping);
    }
}

/// One holder is being made, and was counted; until this is dropped.
struct Making(Arc<Shared>, Option<ServiceName>);

impl Making {
    fn begin(shared: &Arc<Shared>, whose: Option<ServiceName>) -> Self {
        *shared.kept.state().making.entry(whose.clone()).or_default() += 1;
        Self(shared.clone(), whose)
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        let Self(shared, whose) = self;
        if let Some(making) = shared.kept.state().making.get_mut(whose) {
            *making -= 1;
        }
        shared.kept.freed.notify_waiters();
    }
}

/// Has a namespace ready for the next run of a service, if that will need one. Returns at once.
pub(super) fn prepare(shared: &Arc<Shared>, service: &Arc<Service>) {
    let wanted = {
        let is_relayed = shared.relays.has(&service.name);
        let mut state = shared.kept.state();
        let is_kept = state.names.keys().any(|(name, _)| *name == service.name);
        let is_replaced = is_kept || (is_relayed && shared.serves(&service.name));
        if !is_replaced {
            return;
        }
        state.expecting.insert(service.name.clone());
        state.edited.insert(service.name.clone());
        if is_relayed { 1 } else { state.expecting.len() }
    };
    have_free(shared, service, wanted);
}

/// Has a namespace ready for whichever run is replaced next, once it has become calm: made while an image is being built, it
/// would delay that.
pub(super) fn prepare_when_calm(shared: &Arc<Shared>, service: &Arc<Service>) {
    let (shared, service) = (shared.clone(), service.clone());
    tokio::spawn(async move {
        let is_edited = shared.kept.state().edited.contains(&service.name);
        let is_guess = shared.relays.has(&service.name) && !is_edited;
        tokio::time::sleep(if is_guess { CALMER } else { CALM }).await;
        have_free(&shared, &service, 1);
    });
}

/// Begins to make one more namespace if fewer than wanted are free.
fn have_free(shared: &Arc<Shared>, service: &Arc<Service>, wanted: usize) {
    let origin = shared
        .relays
        .has(&service.name)
        .then(|| service.name.clone());
    let dead = {
        let mut state = shared.kept.state();
        let alike = |holder: &&Holder| holder.is_there() && holder.origin == origin;
        let making = state.making.get(&origin).copied().unwrap_or(0);
        let is_enough = state.free.iter().filter(alike).count() + making >= wanted;
        // One of a service's own is of use to that alone, and it is not known yet which will be edited.
        let is_guess = origin.is_some() && !state.edited.contains(&service.name);
        let all = state.free.len() + state.making.values().sum::<usize>();
        let is_plenty = is_guess && all > 0;
        if is_enough || is_plenty || state.over || !service.helper || !is_lent(service) {
            return;
        }
        *state.making.entry(origin.clone()).or_default() += 1;
        let all = std::mem::take(&mut state.free).into_iter();
        let (free, dead): (Vec<Holder>, Vec<Holder>) = all.partition(Holder::is_there);
        state.free = free;
        dead
    };
    let making = Making(shared.clone(), origin.clone());
    let (shared, service) = (shared.clone(), service.clone());
    tokio::spawn(async move {
        let mut unwanted: Vec<String> = dead.into_iter().map(|holder| holder.id).collect();
        let known = match &origin {
            Some(_) => Known::Origin,
            None => Known::Nameless,
        };
        match holder::make(&shared, &service, known).await {
            Ok(mut holder) => {
                holder.origin = origin;
                unwanted.extend(shared.kept.give_back(holder).map(|holder| holder.id));
            }
            Err(why) => tracing::debug!(why, "no namespace is kept ready"),
        }
        remove_all(&shared, unwanted).await;
        drop(making);
    });
}

/// Removes the containers that keep names of a service.
pub(super) async fn forget(shared: &Shared, service: &ServiceName) {
    remove_all(shared, shared.kept.release(service)).await;
}

/// Removes all that is kept.
pub(super) async fn finish(shared: &Shared) {
    shared.relays.end().await;
    let kept = shared.kept.release_all();
    let none_is_made = async {
        loop {
            let made = shared.kept.freed.notified();
            if shared
                .kept
                .state()
                .making
                .values()
                .all(|making| *making == 0)
            {
                return;
            }
            made.await;
        }
    };
    drop(tokio::time::timeout(PATIENCE, none_is_made).await);
    remove_all(shared, kept).await;
    shared.helpers.clear();
}

async fn remove_all(shared: &Shared, containers: Vec<String>) {
    let Some(engine) = shared.link.engine() else {
        return;
    };
    let engine: &ContainerEngine = &engine;
    join_all(containers.iter().map(|id| remove_container(engine, id))).await;
}
