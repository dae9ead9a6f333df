//! The container engine: finding it, and running, watching and removing what belongs to the stack.
//!
//! [`Link`] finds the engine and keeps the connection; [`Containers`] runs the stack's containers through it, one task a run.

mod abort;
mod cgroup;
mod compare;
mod create;
mod ending;
mod exec;
mod find;
mod frames;
mod granted;
mod health_log;
mod helped;
mod helper;
mod holder;
mod hooks;
mod image;
mod inside;
mod kept;
mod labels;
mod leave;
mod life;
mod link;
mod model;
mod mounts;
mod network;
mod options;
mod output;
mod outside;
mod pack;
mod plain_names;
mod rejoin;
mod relays;
mod sink;
mod spare;
mod spec;
mod stats;
mod strangers;
mod surroundings;
mod sweep;
mod sync;
mod words;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

pub use exec::ExecResult;
pub use find::{ContainerEngine, EngineFacts, NoEngine, OLDEST_API, find};
pub use helped::helper_obstacle;
pub use helper::{BECOME_WORD, HELPER_WORD, become_main, helper_main};
pub use kept::Aim;
pub use link::Link;
pub use model::StackNetwork;
pub use relays::{RELAY_FOLDER, RelayOrder, Seen};
pub use strangers::strangers;
pub use surroundings::{Candidate, Surroundings};
pub use sweep::{Swept, sweep, volumes_of};

use crate::adapters::{Checked, Identity, Wires};
use crate::engine::{BuildId, Event, Inside, RunId, StartFailure, StartRun, SyncCopy, SyncId};
use crate::stack::Reach;
use crate::stack::{Service, ServiceName, Stack, Then};
use crate::telemetry::terminals;
use abort::AbortOnDrop;
use model::{Container, Drained, Order, Request, Shared};

/// The containers of one session. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Containers {
    shared: Arc<Shared>,
    _stats: Arc<AbortOnDrop>,
}

impl Containers {
    /// Containers for this session, through this link. The receiver gives runs whose address has changed (a sync with a
    /// restart): they need to be routed again. `helper` is the binary whose [`helper_main`] is process 1 of services that
    /// sync or are rebuilt; without it all goes through the engine.
    pub fn new(
        wires: Wires,
        identity: Identity,
        link: Link,
        helper: Option<PathBuf>,
    ) -> (Self, mpsc::UnboundedReceiver<RunId>) {
        let (moved, receiver) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(wires, identity, link, moved, helper));
        let stats = AbortOnDrop::spawn(stats::sample(shared.clone()));
        let containers = Self {
            shared,
            _stats: Arc::new(stats),
        };
        (containers, receiver)
    }

    /// The link to the engine.
    pub fn link(&self) -> &Link {
        &self.shared.link
    }

    /// The stack's network at which this machine is reached; made if it is not there. `start` does that too; this is for who needs the gateway's address.
    ///
    /// # Errors
    /// The engine's reason, with what to do.
    pub async fn ensure_network(&self) -> Result<StackNetwork, String> {
        let engine = self.engine()?;
        self.shared.ensure_network(&engine).await
    }

    /// From now on the stack says this of its networks and volumes, and of the services that are on them.
    pub fn describe(&self, stack: &Arc<Stack>) {
        self.shared.describe(stack);
    }

    /// Starts a run. Returns at once; answered by `RunStarted` or `RunFailed`, and later, once, by `RunExited`.
    ///
    /// `environment` is final; `extra_hosts` are `NAME:ADDRESS` lines beside those of the stack file. An image that is not
    /// here, and that no build makes, is pulled.
    pub fn start(
        &self,
        start: StartRun,
        environment: Vec<(String, String)>,
        extra_hosts: Vec<String>,
    ) {
        let orders = self.shared.enter(start.run, start.service.name.clone());
        let request = Request {
            start,
            environment,
            extra_hosts,
        };
        tokio::spawn(life::live(self.shared.clone(), request, orders));
    }

    /// Waits for `drained` (no longer than `grace`), sends the stop signal, and kills after `grace`. Returns at once;
    /// answered by `RunExited`. Does nothing for a run that has ended. `replaced`: the service goes on with another run, and
    /// its name and address are kept where they can be.
    pub fn stop(
        &self,
        run: RunId,
        grace: Duration,
        replaced: bool,
        drained: impl Future<Output = ()> + Send + 'static,
    ) {
        let drained = Box::pin(drained);
        let order = Order::Stop {
            drained,
            grace,
            replaced,
        };
        self.shared.order(run, order);
    }

    /// Has all ready that the next run of a service will need, if it has one that it will replace. Returns at once.
    pub fn prepare(&self, service: &Arc<Service>) {
        kept::prepare(&self.shared, service);
    }

    /// Says where requests go that containers send to a service by its name, where that name is kept.
    pub fn aim(&self, service: &ServiceName, aim: Aim) {
        self.shared.kept.aim(service, aim);
    }

    /// Removes what keeps the name of a service that left the stack. Returns at once.
    pub fn forget(&self, service: &ServiceName) {
        let (shared, service) = (self.shared.clone(), service.clone());
        tokio::spawn(async move { kept::forget(&shared, &service).await });
    }

    /// Removes all that was kept, when no run is left. Nothing is kept from now on.
    pub async fn finish(&self) {
        kept::finish(&self.shared).await;
    }

    /// Keeps a relay in a container: makes it now, and anew whenever it ends. Returns at once. `failed` is told why, if it
    /// does not come up (any more).
    pub fn keep_relay(&self, order: RelayOrder, failed: impl Fn(String) + Send + 'static) {
        let keeping = relays::keep(self.shared.clone(), order, failed);
        self.shared.relays.keep(keeping);
    }

    /// Whether there is a binary of ours that may run inside containers.
    pub fn can_relay(&self) -> bool {
        self.shared.helpers.is_wished()
    }

    /// The names of these services are to go to a relay that is not there yet: their starts wait for
    /// [`Containers::leave_names`].
    pub fn expect_relay(&self, services: &[ServiceName]) {
        self.shared.relays.expect(services);
    }

    /// Says whether these services leave their names to a relay, and are known as `NAME--origin`, or have them themselves.
    pub fn leave_names(&self, services: &[ServiceName], to_relay: bool) {
        self.shared.relays.held(services, to_relay);
    }

    /// Says who is told which addresses are whose, and where runs listen. Only the first one is.
    pub fn watch_runs(&self, watcher: impl Fn(Seen) + Send + Sync + 'static) {
        self.shared.relays.watch(watcher);
    }

    /// Folder for the sockets of relays; removed when the session ends.
    pub fn relay_folder(&self) -> PathBuf {
        self.shared.identity.helper_folder().join("relays")
    }

    /// The TCP ports at which an image says that its program listens; none if the engine does not have it.
    pub async fn exposed(&self, image: &str) -> Vec<u16> {
        let Some(engine) = self.shared.link.engine() else {
            return Vec::new();
        };
        let facts = helped::image_facts(&engine, image).await.ok().flatten();
        facts.map_or_else(Vec::new, |facts| facts.exposed)
    }

    /// The names by which containers call a service, on whatever network.
    pub fn names(&self, service: &Service) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for key in service.container.network_keys() {
            for replica in 0..service.replicas.max(1) {
                let more = spec::aliases(service, replica, key, &self.shared.identity);
                names.extend(more);
            }
        }
        names.sort();
        names.dedup();
        names
    }

    /// The TCP ports at which a service is declared to be asked.
    pub fn declared_ports(service: &Service) -> Vec<u16> {
        spec::tcp_ports(service)
    }

    /// Kills a run at once, whatever else was asked of it. Returns at once; answered by `RunExited`.
    pub fn kill(&self, run: RunId) {
        self.shared.order(run, Order::Kill);
    }

    /// How a run is reached from here; `None` before it has been started and after it has ended.
    pub fn reach(&self, run: RunId) -> Option<Reach> {
        self.shared.container(run)?.reach
    }

    /// Whether this run is one of ours that has not ended.
    pub fn has(&self, run: RunId) -> bool {
        self.shared.service(run).is_some()
    }

    /// Runs a command inside a run, as its own user. No words stand for the health check that the run's image defines.
    ///
    /// # Errors
    /// In words: no such run, the engine's reason, or that the time was over.
    pub async fn exec(
        &self,
        run: RunId,
        argv: &[String],
        timeout: Duration,
    ) -> Result<ExecResult, String> {
        let engine = self.engine()?;
        let container = self.container(run)?;
        let user = container.command_user();
        let by_image;
        let argv = if argv.is_empty() {
            by_image = health_words(&container)?;
            &by_image
        } else {
            argv
        };
        exec::exec(&engine, &container.id, argv, user, timeout).await
    }

    /// The latest checks that the engine itself made of a run, oldest first; none if that cannot be known.
    pub async fn checks(&self, run: RunId) -> Vec<Checked> {
        let (Ok(engine), Ok(container)) = (self.engine(), self.container(run)) else {
            return Vec::new();
        };
        let found = engine.client.inspect_container(&container.id, None).await;
        found.map_or_else(|_| Vec::new(), |found| health_log::read(found.state))
    }

    /// Ends when what the engine thinks of a run's health changes, from now on; never if that cannot be known.
    pub fn health_changed(&self, run: RunId) -> impl Future<Output = ()> + Send + use<> {
        let mut changes = self.shared.link.health_changes();
        let container = self.container(run);
        async move {
            let Ok(container) = container else {
                return std::future::pending().await;
            };
            loop {
                match changes.recv().await {
                    Ok(id) if *id == container.id => return,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => return std::future::pending().await,
                }
            }
        }
    }

    /// Opens a terminal inside a run, and stays with it to its end. Returns at once.
    pub fn go_inside(&self, run: RunId, what: Inside, terminal: terminals::Inside) {
        let shared = self.shared.clone();
        tokio::spawn(async move { inside::stay(&shared, run, what, terminal).await });
    }

    /// Copies saved files into live runs, and does what follows. Returns at once; answered by `Synced` or `SyncFailed`.
    /// `drained` tells of each run when its requests under way are done: its program is restarted only then.
    pub fn sync<D>(
        &self,
        sync: SyncId,
        runs: Vec<RunId>,
        copies: Vec<SyncCopy>,
        then: Then,
        mut drained: impl FnMut(RunId) -> D + Send + 'static,
    ) where
        D: Future<Output = ()> + Send + 'static,
    {
        let shared = self.shared.clone();
        tokio::spawn(async move {
            let drained = |run| Box::pin(drained(run)) as Drained;
            let done = sync::sync(&shared, &runs, copies, &then, drained).await;
            shared.wires.tell(match done {
                Ok(files) => Event::Synced { sync, files },
                Err(why) => Event::SyncFailed { sync, why },
            });
        });
    }

    /// Compares what runs have at these paths with what an image has there. Returns at once; answered by `Compared`.
    pub fn compare(
        &self,
        build: BuildId,
        service: Arc<Service>,
        image: String,
        runs: Vec<RunId>,
        paths: Vec<String>,
    ) {
        let shared = self.shared.clone();
        tokio::spawn(async move {
            let _under_way = shared.comparing.read().await;
            let order = compare::Order {
                build,
                service: &service,
                image: &image,
            };
            let difference = compare::difference(&shared, &order, &runs, &paths).await;
            shared.wires.tell(Event::Compared { build, difference });
        });
    }

    /// Waits until no comparison is under way, so that none leaves a container behind.
    pub async fn compared(&self) {
        drop(self.shared.comparing.write().await);
    }

    /// Fetches an image from its registry; its progress goes to the service's log.
    pub async fn pull(&self, service: &Service, run: u64, image: &str) -> Result<(), StartFailure> {
        let engine = self.engine().map_err(|message| StartFailure {
            message,
            missing_image: Some(image.to_owned()),
        })?;
        image::pull(&self.shared.wires, &engine, service, run, image).await
    }

    fn engine(&self) -> Result<ContainerEngine, String> {
        let engine = self.shared.link.engine();
        engine.ok_or_else(|| "the container engine does not answer; is its daemon running?".into())
    }

    fn container(&self, run: RunId) -> Result<Container, String> {
        let container = self.shared.container(run);
        container.ok_or_else(|| format!("run {run} does not run (any more)"))
    }
}

/// What the health check of a run's image runs.
fn health_words(container: &Container) -> Result<Vec<String>, String> {
    match container.image_health.as_slice() {
        [kind, words @ ..] if kind == "CMD" && !words.is_empty() => Ok(words.to_vec()),
        [kind, line] if kind == "CMD-SHELL" => {
            Ok(["/bin/sh", "-c", line].map(str::to_owned).to_vec())
        }
        _ => Err(format!(
            "image of {} defines no HEALTHCHECK; give the service a `healthcheck`, or wait for `service_started`",
            container.service.name
        )),
    }
}
