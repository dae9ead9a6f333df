//! The relays between containers: whose names they have, what they are told, and what people are told of them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use tokio::sync::{mpsc, watch};

use super::engine_side::EngineSide;
use crate::adapters::Wires;
use crate::adapters::container::{Containers, RELAY_FOLDER, RelayOrder, Seen};
use crate::engine::{Event, RuntimeChoice};
use crate::proxy::{Mesh, MeshNews, Policy, RELAY_WORD, Target, share};
use crate::stack::{Protocol, Service, ServiceName, Stack};
use crate::telemetry::Exchange;

/// The relays between containers of one session. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Between(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    /// `None`: there can be none.
    mesh: Option<Mesh>,
    containers: Containers,
    wires: Wires,
    choice: RuntimeChoice,
    swept: watch::Receiver<bool>,
    /// Services of which it was decided once whether a relay has their names; that holds for the session.
    decided: Mutex<HashSet<ServiceName>>,
}

impl Between {
    /// Begins to listen for relays; there are none yet. Must be called within the runtime.
    pub(super) fn start(
        wires: &Wires,
        engine: &EngineSide,
        choice: RuntimeChoice,
        record: impl Fn(Exchange) + Send + Sync + 'static,
    ) -> Self {
        let containers = engine.containers.clone();
        let (tell, news) = mpsc::unbounded_channel();
        let folder = containers.relay_folder();
        let open = || Mesh::open(&folder, record, Arc::clone(&wires.telemetry), tell);
        let is_of_use = choice != RuntimeChoice::Process && containers.can_relay();
        let opened = is_of_use.then(open).transpose();
        let mesh = opened.unwrap_or_else(|error| {
            wires.tell(unseen(&error.to_string()));
            None
        });
        if let Some(mesh) = mesh.clone() {
            let watched = mesh.clone();
            containers.watch_runs(move |seen| match seen {
                Seen::Runs { service, address } => watched.caller(address, Some(service)),
                Seen::Ended { address } => watched.caller(address, None),
                Seen::Listens { service, ports } => watched.ports(&service, &ports),
            });
            tokio::spawn(hear(news, mesh, containers.clone(), wires.clone()));
        }
        Self(Arc::new(Parts {
            mesh,
            containers,
            wires: wires.clone(),
            choice,
            swept: engine.swept(),
            decided: Mutex::default(),
        }))
    }

    /// What is done with requests for a service, as the stack file says now.
    pub(super) fn describe(&self, service: &Service, policy: Policy) {
        if let Some(mesh) = &self.0.mesh {
            let calls = service.callees().into_iter().cloned().collect();
            mesh.describe(&service.name, policy, calls);
            mesh.call(&service.name, self.0.containers.names(service));
            mesh.ports(&service.name, &Containers::declared_ports(service));
        }
    }

    /// Has relays made for the services that are new in this stack. Returns at once; their starts wait for it.
    pub(super) fn bring_up(&self, stack: &Arc<Stack>) {
        let Some(mesh) = &self.0.mesh else {
            return;
        };
        let new: Vec<ServiceName> = {
            let decided = self.0.decided.lock();
            let mut decided = decided.unwrap_or_else(PoisonError::into_inner);
            let is_new = |name: &&ServiceName| decided.insert((*name).clone());
            stack.services.keys().filter(is_new).cloned().collect()
        };
        let mut wanted = new;
        wanted.retain(|name| stack.service(name).is_some_and(|it| self.is_wanted(it)));
        if wanted.is_empty() {
            return;
        }
        self.0.containers.expect_relay(&wanted);
        let (this, mesh, stack) = (self.clone(), mesh.clone(), Arc::clone(stack));
        tokio::spawn(async move { this.make(&mesh, &stack, wanted).await });
    }

    /// Whether a relay is to have a service's name. One can pass on TCP alone, and only on networks of the stack.
    pub(super) fn is_wanted(&self, service: &Service) -> bool {
        let is_on_networks = service.container.network_mode.is_none();
        let has_udp = service
            .ports
            .iter()
            .any(|port| port.protocol == Protocol::Udp);
        let may_be = service.trace && service.has_image() && is_on_networks && !has_udp;
        may_be && self.0.choice != RuntimeChoice::Process
    }

    async fn make(&self, mesh: &Mesh, stack: &Arc<Stack>, wanted: Vec<ServiceName>) {
        let mut swept = self.0.swept.clone();
        if swept.wait_for(|swept| *swept).await.is_err() {
            return;
        }
        let mut ports: HashMap<ServiceName, Vec<u16>> = HashMap::new();
        for service in wanted.iter().filter_map(|name| stack.service(name)) {
            let mut known = Containers::declared_ports(service);
            if let (None, Some(image)) = (&service.build, &service.image) {
                let exposed = self.0.containers.exposed(image).await;
                mesh.ports(&service.name, &exposed);
                known.extend(exposed);
            }
            ports.insert(service.name.clone(), known);
        }
        let known = |name: &ServiceName| ports.get(name).cloned().unwrap_or_default();
        for alike in by_networks(stack, wanted) {
            for services in share(stack, &alike, known) {
                self.make_one(mesh, stack, services);
            }
        }
    }

    fn make_one(&self, mesh: &Mesh, stack: &Stack, services: Vec<ServiceName>) {
        let all = services.iter().filter_map(|name| stack.service(name));
        let with_names = all.cloned().map(Arc::new).collect();
        let (_, key) = mesh.expect(services.clone());
        let socket = format!("{RELAY_FOLDER}/{}", Mesh::SOCKET);
        let words = [RELAY_WORD, "--socket", &socket, "--key", &key];
        let order = RelayOrder {
            services: with_names,
            words: words.map(str::to_owned).to_vec(),
            folder: self.0.containers.relay_folder(),
        };
        let (containers, wires) = (self.0.containers.clone(), self.0.wires.clone());
        self.0.containers.keep_relay(order, move |why| {
            containers.leave_names(&services, false);
            wires.tell(unseen(&why));
        });
    }

    /// Sets where requests for a service go.
    pub(super) fn set(&self, service: &ServiceName, target: Target) {
        if let Some(mesh) = &self.0.mesh {
            mesh.set(service, target);
        }
    }

    /// A service left the stack.
    pub(super) fn forget(&self, service: &ServiceName) {
        if let Some(mesh) = &self.0.mesh {
            mesh.forget(service);
        }
    }

    /// Whether requests from container to container for this service are seen.
    pub(super) fn sees(&self, service: &ServiceName) -> bool {
        let mesh = self.0.mesh.as_ref();
        mesh.is_some_and(|mesh| mesh.carries(service))
    }

    /// Lets nothing pass between containers any more. Ends when all that did is recorded.
    pub(super) fn farewell(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let told = self.0.mesh.as_ref().map(Mesh::farewell);
        async move {
            if let Some(told) = told {
                told.await;
            }
        }
    }

    /// Ends when no request of this run is under way between containers.
    pub(super) fn drained(&self, run: u64) -> impl Future<Output = ()> + Send + 'static + use<> {
        let drained = self.0.mesh.as_ref().map(|mesh| mesh.drained(run));
        async move {
            if let Some(drained) = drained {
                drained.await;
            }
        }
    }
}

/// Those that are on the same networks, together: a relay leads nobody to a network that he is not on.
fn by_networks(stack: &Stack, services: Vec<ServiceName>) -> Vec<Vec<ServiceName>> {
    let mut groups: IndexMap<Vec<String>, Vec<ServiceName>> = IndexMap::new();
    for name in services {
        let keys = stack.service(&name).map_or_else(Vec::new, |service| {
            let keys = service.container.network_keys().into_iter();
            keys.map(str::to_owned).collect()
        });
        let mut sorted: Vec<String> = keys;
        sorted.sort();
        groups.entry(sorted).or_default().push(name);
    }
    groups.into_values().collect()
}

/// Does what follows from what relays tell, and says what people must know, until the session ends.
async fn hear(
    mut news: mpsc::UnboundedReceiver<MeshNews>,
    mesh: Mesh,
    containers: Containers,
    wires: Wires,
) {
    let mut down: HashMap<usize, Instant> = HashMap::new();
    while let Some(news) = news.recv().await {
        match news {
            MeshNews::Up { relay } => {
                containers.leave_names(&mesh.services(relay), true);
                if let Some(since) = down.remove(&relay) {
                    wires.tell(gap(since.elapsed(), &mesh.services(relay)));
                }
            }
            MeshNews::Down { relay } => drop(down.insert(relay, Instant::now())),
            MeshNews::Undecided { port, services } => wires.tell(Event::Problem {
                what: format!(
                    "a connection to port {port} was refused, because it does not say whether it is meant for {}",
                    list(&services)
                ),
                remedy: "name the one in the caller's `depends_on`, give them different ports, or say `trace = false` of one"
                    .into(),
            }),
            MeshNews::Closed {
                port,
                services,
                why,
            } => wires.tell(Event::Problem {
                what: format!("{} cannot be reached by name at port {port}: {why}", list(&services)),
                remedy: "say `trace = false` of it, and its name leads to it directly".into(),
            }),
            MeshNews::Dropped { exchanges } => {
                wires.telemetry.exchanges().lose(exchanges);
                wires.telemetry.touch();
            }
        }
    }
}

/// What people are told when a relay was away.
fn gap(away: Duration, services: &[ServiceName]) -> Event {
    Event::Problem {
        what: format!(
            "the relay between containers ended and was replaced within {} ms; meanwhile requests from container to \
             container for {} failed and were not recorded",
            away.as_millis(),
            list(services)
        ),
        remedy: "nothing needs to be done; send again what failed".into(),
    }
}

/// What people are told when there can be no relay.
fn unseen(why: &str) -> Event {
    Event::Problem {
        what: format!("requests from container to container are not recorded: {why}"),
        remedy: "front doors are recorded all the same; services that are started from now on have their own names".into(),
    }
}

fn list(services: &[ServiceName]) -> String {
    let names: Vec<&str> = services.iter().map(ServiceName::as_str).collect();
    match names.as_slice() {
        [] => "any service".into(),
        [one] => (*one).into(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
