//! Kept namespaces: the addresses and names of services outlive their runs.
//!
//! The first run of a replica is started on the stack's network under the service's name. When another run takes its place,
//! its container stays: its helper *keeps* the name and the address, and passes connections on to wherever the requests for
//! the service go. The later runs live in *lent* namespaces, each held by a small container that does nothing else; one that
//! is free again is lent to the next run, of whatever service. So a replacement does not wait for the engine to make a
//! network interface, and two runs of one service can listen at the same port for as long as it takes to swap them.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Notify, watch};

use super::abort::AbortOnDrop;
use super::find::ContainerEngine;
use super::helper::{Handle, Order};
use super::holder::{self, Holder};
use super::life::remove_container;
use super::model::Shared;
use super::spec;
use crate::engine::RunId;
use crate::stack::{Service, ServiceName};

/// Free namespaces that are kept although nobody is expected.
const IDLE: usize = 2;

/// Longest time that a start waits for a namespace that is being made.
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
    free: Vec<Holder>,
    /// How many holders are being made.
    making: usize,
    /// Services whose next run is on its way.
    expecting: HashSet<ServiceName>,
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
    /// A run that serves itself.
    Run(RunId),
    /// A container whose run has left.
    Keeper {
        container: String,
        _keeping: AbortOnDrop,
    },
}

impl Kept {
    /// Whether this run has its replica's name.
    pub(super) fn is_named(&self, replica: &Replica, run: RunId) -> bool {
        matches!(self.state().names.get(replica), Some(Name::Run(named)) if *named == run)
    }

    /// Decides in which namespace a run is to live. Waits for one that is just being made.
    pub(super) async fn place(
        &self,
        service: &Service,
        replica: &Replica,
        run: RunId,
    ) -> Namespace {
        if !service.keep_network {
            return Namespace::Named;
        }
        if let Entry::Vacant(free) = self.state().names.entry(replica.clone()) {
            free.insert(Name::Run(run));
            return Namespace::Named;
        }
        let waiting = async {
            loop {
                let freed = self.freed.notified();
                match self.take(service) {
                    Taken::Holder(holder) => return Some(holder),
                    Taken::Soon => freed.await,
                    Taken::Nothing => return None,
                }
            }
        };
        let taken = tokio::time::timeout(PATIENCE, waiting).await;
        self.state().expecting.remove(&service.name);
        match taken.ok().flatten() {
            Some(holder) => Namespace::Lent(holder),
            None => Namespace::Nameless,
        }
    }

    fn take(&self, service: &Service) -> Taken {
        let mut state = self.state();
        let fits = |holder: &Holder| holder.is_there() && holder.hosts == holder::hosts(service);
        match state.free.iter().position(fits) {
            Some(index) => Taken::Holder(state.free.remove(index)),
            None if state.making > 0 => Taken::Soon,
            None => Taken::Nothing,
        }
    }

    /// A lent namespace is free again; one that is not needed any more comes back, to be removed.
    pub(super) fn give_back(&self, holder: Holder) -> Option<Holder> {
        let mut state = self.state();
        let is_one_too_many = state.free.len() >= state.expecting.len().max(IDLE);
        if state.over || is_one_too_many || !holder.is_there() {
            return Some(holder);
        }
        state.free.push(holder);
        drop(state);
        self.freed.notify_waiters();
        None
    }

    /// A run that had a name has ended with its container.
    pub(super) fn lost(&self, replica: &Replica, run: RunId) {
        let mut state = self.state();
        if matches!(state.names.get(replica), Some(Name::Run(named)) if *named == run) {
            state.names.remove(replica);
        }
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
    fn aim(&mut self, service: &ServiceName) -> &watch::Sender<Aim> {
        self.aims
            .entry(service.clone())
            .or_insert_with(|| watch::Sender::new(Aim::To(Vec::new())))
    }
}

impl Name {
    fn keeper(&self) -> Option<&str> {
        match self {
            Self::Run(_) => None,
            Self::Keeper { container, .. } => Some(container),
        }
    }
}

/// Tells a keeper's helper where to pass connections on to, whenever that changes, until the helper ends.
async fn pass_on(helper: &Handle, ports: &[u16], mut aim: watch::Receiver<Aim>) {
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

/// Keeps a replica's name: by this container, and when that is gone by others that are made for it.
async fn keep_on(shared: Arc<Shared>, service: Arc<Service>, replica: Replica, keeper: Keeper) {
    let mut keeper = keeper;
    loop {
        let aim = shared.kept.state().aim(&replica.0).subscribe();
        pass_on(&keeper.helper, &keeper.ports, aim).await;
        if !shared.kept.is_kept_by(&replica, &keeper.container) {
            return;
        }
        tracing::warn!(container = keeper.container, "what kept a name is gone");
        remove_all(&shared, vec![keeper.container]).await;
        let aliases = spec::aliases(&replica);
        let Ok(holder) = holder::make(&shared, &service, aliases).await else {
            // The next run gets the name.
            shared.kept.state().names.remove(&replica);
            return;
        };
        keeper = holder.into_keeper(keeper.ports);
        let mut state = shared.kept.state();
        match state.names.get_mut(&replica) {
            Some(Name::Keeper { container, .. }) => container.clone_from(&keeper.container),
            Some(Name::Run(_)) | None => return,
        }
    }
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
    let container = keeper.container.clone();
    let keeping = keep_on(shared.clone(), service.clone(), replica.clone(), keeper);
    let name = Name::Keeper {
        container,
        _keeping: AbortOnDrop::spawn(keeping),
    };
    state.names.insert(replica, name);
    true
}

/// Has a namespace ready for the next run of a service, if that will need one. Returns at once.
pub(super) fn prepare(shared: &Arc<Shared>, service: &Arc<Service>) {
    {
        let mut state = shared.kept.state();
        let has_name = state.names.keys().any(|(name, _)| *name == service.name);
        if !has_name || state.over || !service.helper {
            return;
        }
        state.expecting.insert(service.name.clone());
        if state.free.len() + state.making >= state.expecting.len() {
            return;
        }
        state.making += 1;
    }
    let (shared, service) = (shared.clone(), service.clone());
    tokio::spawn(async move {
        let made = holder::make(&shared, &service, Vec::new()).await;
        shared.kept.state().making -= 1;
        match made {
            Ok(holder) => {
                if let (Some(unwanted), Some(engine)) =
                    (shared.kept.give_back(holder), shared.link.engine())
                {
                    remove_container(&engine, &unwanted.id).await;
                }
            }
            Err(why) => tracing::debug!(why, "no namespace is kept ready"),
        }
        shared.kept.freed.notify_waiters();
    });
}

/// Removes the containers that keep names of a service.
pub(super) async fn forget(shared: &Shared, service: &ServiceName) {
    remove_all(shared, shared.kept.release(service)).await;
}

/// Removes all that is kept.
pub(super) async fn finish(shared: &Shared) {
    remove_all(shared, shared.kept.release_all()).await;
    shared.helpers.clear();
}

async fn remove_all(shared: &Shared, containers: Vec<String>) {
    let Some(engine) = shared.link.engine() else {
        return;
    };
    let engine: &ContainerEngine = &engine;
    join_all(containers.iter().map(|id| remove_container(engine, id))).await;
}
