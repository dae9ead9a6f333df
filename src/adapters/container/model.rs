//! What the parts of this adapter share: the runs that live, and what they are told.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::helper::{Handle, Helpers};
use super::kept::Kept;
use super::link::Link;
use super::pack::Owner;
use super::plain_names::PlainNames;
use super::relays::Relays;
use crate::adapters::{Identity, Wires};
use crate::engine::{Event, RunId, StartRun};
use crate::stack::Reach;
use crate::stack::{Service, ServiceName, Stack};

/// What is waited for before a run is asked to stop.
pub(super) type Drained = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Everything that the runs' tasks share.
pub(super) struct Shared {
    pub(super) wires: Wires,
    pub(super) identity: Identity,
    pub(super) link: Link,
    /// The networks that are known to be there, by their keys.
    pub(super) networks: tokio::sync::Mutex<HashMap<String, StackNetwork>>,
    pub(super) moved: mpsc::UnboundedSender<RunId>,
    pub(super) helpers: Helpers,
    pub(super) kept: Kept,
    pub(super) relays: Relays,
    /// Why services go without a helper, as far as it was said, and images in which it does not come up.
    helpless: Mutex<HashSet<String>>,
    /// Held for reading by each comparison of an image, which has a container of its own meanwhile.
    pub(super) comparing: Arc<tokio::sync::RwLock<()>>,
    /// What the stack says of networks and volumes.
    stack: Mutex<Arc<Stack>>,
    pub(super) plain_names: PlainNames,
    /// Images that were fetched in this session.
    pulled: Mutex<HashSet<String>>,
    runs: Mutex<HashMap<RunId, Entry>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// A network of the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackNetwork {
    /// Its key in the stack.
    pub key: String,
    /// The engine's id of it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// This machine's side of it, or the engine's.
    pub gateway: Option<IpAddr>,
    /// Whether addresses on it can be reached from here; if not, ports are published on 127.0.0.1.
    pub direct: bool,
}

/// A run to be started, complete.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) start: StartRun,
    pub(super) environment: Vec<(String, String)>,
    pub(super) extra_hosts: Vec<String>,
}

impl Request {
    /// Takes back what was given for OpenTelemetry where the image sets it itself, unless the stack file does.
    pub(super) fn leave_to_image(&mut self, sets: &[String]) {
        let said = &self.start.service.environment;
        let is_set = |name: &str| {
            let pairs = sets.iter().filter_map(|pair| pair.split_once('='));
            pairs.map(|(known, _)| known).any(|known| known == name)
        };
        self.environment.retain(|(name, _)| {
            !name.starts_with("OTEL_") || said.contains_key(name) || !is_set(name)
        });
    }
}

/// What a run's task can be told.
pub(super) enum Order {
    /// Wait until drained, send the stop signal, and kill after the grace time. `replaced`: another run takes its place.
    Stop {
        drained: Drained,
        grace: Duration,
        replaced: bool,
    },
    /// Kill at once.
    Kill,
    /// End the program and start it again in the same container.
    Restart(oneshot::Sender<Result<(), String>>),
}

/// A run that lives: its task, and its container once there is one.
#[derive(Debug)]
struct Entry {
    service: ServiceName,
    orders: mpsc::UnboundedSender<Order>,
    container: Option<Container>,
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stop { .. } => "Stop",
            Self::Kill => "Kill",
            Self::Restart(_) => "Restart",
        })
    }
}

/// A container of ours that runs.
#[derive(Debug, Clone)]
pub(super) struct Container {
    pub(super) id: String,
    /// The container that has the network in which it lives: itself, or one that lends it.
    pub(super) home: String,
    pub(super) service: Arc<Service>,
    pub(super) reach: Option<Reach>,
    /// Its first process, as the engine's machine numbers it.
    pub(super) pid: Option<u32>,
    /// The user its program runs as, as the image or the stack file names it.
    pub(super) user: String,
    /// Its helper, and the user as whom commands are to be run beside it.
    pub(super) helper: Option<(Handle, String)>,
    /// The health check that its image defines: the words to run, if there are any.
    pub(super) image_health: Vec<String>,
    /// That user by number, once somebody has needed it.
    pub(super) owner: Option<Owner>,
}

impl Container {
    /// As whom a command inside is to be run; `None`: as the engine does it by itself.
    pub(super) fn command_user(&self) -> Option<&str> {
        self.helper.as_ref().map(|(_, user)| user.as_str())
    }

    /// Its helper, while it runs.
    pub(super) fn helper(&self) -> Option<&Handle> {
        let (helper, _) = self.helper.as_ref()?;
        helper.is_there().then_some(helper)
    }
}

impl Shared {
    pub(super) fn new(
        wires: Wires,
        identity: Identity,
        link: Link,
        moved: mpsc::UnboundedSender<RunId>,
        helper: Option<PathBuf>,
    ) -> Self {
        let folder = identity.helper_folder();
        Self {
            wires,
            identity,
            link,
            networks: tokio::sync::Mutex::default(),
            stack: Mutex::default(),
            plain_names: PlainNames::default(),
            pulled: Mutex::default(),
            moved,
            helpers: Helpers::new(helper, folder),
            kept: Kept::default(),
            relays: Relays::default(),
            helpless: Mutex::new(HashSet::new()),
            comparing: Arc::default(),
            runs: Mutex::new(HashMap::new()),
        }
    }

    /// What the stack says now.
    pub(super) fn stack(&self) -> Arc<Stack> {
        let stack = self.stack.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&stack)
    }

    /// From now on the stack says this.
    pub(super) fn describe(&self, new: &Arc<Stack>) {
        let mut stack = self.stack.lock().unwrap_or_else(PoisonError::into_inner);
        *stack = Arc::clone(new);
    }

    /// The container of a service's newest run whose program runs.
    pub(super) fn newest_of(&self, service: &ServiceName) -> Option<Container> {
        let runs = self.runs();
        let of_service = runs.iter().filter(|(_, entry)| entry.service == *service);
        let living = of_service.filter_map(|(run, entry)| Some((run, entry.container.as_ref()?)));
        let newest = living.max_by_key(|(run, _)| run.0);
        newest.map(|(_, container)| container.clone())
    }

    /// Whether an image was fetched in this session.
    pub(super) fn is_pulled(&self, image: &str) -> bool {
        let pulled = self.pulled.lock().unwrap_or_else(PoisonError::into_inner);
        pulled.contains(image)
    }

    /// An image was fetched.
    pub(super) fn was_pulled(&self, image: &str) {
        let mut pulled = self.pulled.lock().unwrap_or_else(PoisonError::into_inner);
        pulled.insert(image.to_owned());
    }

    /// From now on runs of this image are started without a helper.
    pub(super) fn do_without_helper(&self, image: &str, service: &ServiceName, why: &str) {
        self.say_helpless(service, why);
        let mut known = self.helpless.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(image.to_owned());
    }

    /// Whether a helper is known not to come up in this image.
    pub(super) fn is_helpless(&self, image: &str) -> bool {
        let known = self.helpless.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains(image)
    }

    /// Says why a service goes without a helper, each reason once.
    pub(super) fn say_helpless(&self, service: &ServiceName, why: &str) {
        let mut said = self.helpless.lock().unwrap_or_else(PoisonError::into_inner);
        if said.insert(why.to_owned()) {
            self.wires.tell(Event::Problem {
                what: format!("{service} runs without the helper inside: {why}"),
                remedy: "files are copied through the engine instead, which takes longer; `helper = false` in the \
                         stack file turns the helper off"
                    .into(),
            });
        }
    }

    /// A run's task begins.
    pub(super) fn enter(&self, run: RunId, service: ServiceName) -> mpsc::UnboundedReceiver<Order> {
        let (orders, receiver) = mpsc::unbounded_channel();
        let entry = Entry {
            service,
            orders,
            container: None,
        };
        self.runs().insert(run, entry);
        receiver
    }

    /// A run's task ends.
    pub(super) fn leave(&self, run: RunId) {
        self.runs().remove(&run);
    }

    /// The run's program has been started in this container.
    pub(super) fn running(&self, run: RunId, container: Container) {
        if let Some(entry) = self.runs().get_mut(&run) {
            entry.container = Some(container);
        }
    }

    /// The user of the run's program by number.
    pub(super) fn owned_by(&self, run: RunId, owner: Owner) {
        let mut runs = self.runs();
        if let Some(container) = runs
            .get_mut(&run)
            .and_then(|entry| entry.container.as_mut())
        {
            container.owner = Some(owner);
        }
    }

    /// The run's container, while its program runs.
    pub(super) fn container(&self, run: RunId) -> Option<Container> {
        self.runs().get(&run)?.container.clone()
    }

    /// Every container whose program runs.
    pub(super) fn containers(&self) -> Vec<(RunId, Container)> {
        let runs = self.runs();
        runs.iter()
            .filter_map(|(run, entry)| Some((*run, entry.container.clone()?)))
            .collect()
    }

    /// The service of a run that lives.
    pub(super) fn service(&self, run: RunId) -> Option<ServiceName> {
        Some(self.runs().get(&run)?.service.clone())
    }

    /// Whether any run of this service lives.
    pub(super) fn serves(&self, service: &ServiceName) -> bool {
        self.runs().values().any(|entry| entry.service == *service)
    }

    /// Tells a run's task something; false when there is no such run any more.
    pub(super) fn order(&self, run: RunId, order: Order) -> bool {
        self.runs()
            .get(&run)
            .is_some_and(|entry| entry.orders.send(order).is_ok())
    }

    fn runs(&self) -> MutexGuard<'_, HashMap<RunId, Entry>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
