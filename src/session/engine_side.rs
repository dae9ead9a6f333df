//! The container engine's side of the world: what there is once an engine answers, and what is done first.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::adapters::build::{Builds, Workshop, probe_builder};
use crate::adapters::container::{
    ContainerEngine, Containers, Link, StackNetwork, Surroundings, strangers, sweep,
};
use crate::adapters::{Identity, Wires};
use crate::engine::{EngineLink, Event, RunId, RuntimeChoice};

/// How long the end of a session waits for an engine that is being made ready.
const PATIENCE: Duration = Duration::from_secs(5);

/// The engine, once it answers, and all that needs it.
pub(super) struct EngineSide {
    wires: Wires,
    identity: Identity,
    /// Whether services may run in containers at all.
    has_containers: bool,
    /// Runs containers.
    pub(super) containers: Containers,
    /// Runs whose address has changed and that must be routed again.
    pub(super) moved: mpsc::UnboundedReceiver<RunId>,
    ready: Arc<OnceLock<Ready>>,
    making_ready: JoinSet<()>,
    /// Turns true when nothing of a dead session is left.
    swept: watch::Sender<bool>,
    /// Why the stack cannot be run with this engine, once that was found out.
    refusal: Arc<OnceLock<String>>,
}

/// What was made ready before the engine was used for the first time.
struct Ready {
    builds: Builds,
    builder: String,
    /// `None`: nothing runs in containers.
    network: Option<StackNetwork>,
}

impl EngineSide {
    /// Begins to look for an engine.
    pub(super) fn start(wires: &Wires, identity: &Identity, choice: RuntimeChoice) -> Self {
        let link = Link::start(wires.clone(), Surroundings::of_this_process(), identity);
        let (containers, moved) = Containers::new(wires.clone(), identity.clone(), link, helper());
        Self {
            wires: wires.clone(),
            identity: identity.clone(),
            has_containers: choice != RuntimeChoice::Process,
            containers,
            moved,
            ready: Arc::new(OnceLock::new()),
            making_ready: JoinSet::new(),
            swept: watch::Sender::new(false),
            refusal: Arc::default(),
        }
    }

    /// Turns true when an engine answers and nothing of a dead session is left there.
    pub(super) fn swept(&self) -> watch::Receiver<bool> {
        self.swept.subscribe()
    }

    /// Why the stack must not be run beside what there is, with what to do.
    pub(super) fn refusal(&self) -> Option<String> {
        self.refusal.get().cloned()
    }

    /// The builds, once the engine was made ready.
    pub(super) fn builds(&self) -> Option<&Builds> {
        self.ready.get().map(|ready| &ready.builds)
    }

    /// This machine's address on the stack's network.
    pub(super) fn gateway(&self) -> Option<IpAddr> {
        let network = self.ready.get()?.network.as_ref()?;
        network.gateway.filter(|_| network.direct)
    }

    /// What is known of the link, as the engine is to be told: nothing yet, while an engine that answers for the first
    /// time is being made ready. When it is, the same fact comes again.
    pub(super) fn link(&mut self, link: EngineLink) -> Option<EngineLink> {
        let EngineLink::Connected { name, version, .. } = link else {
            return Some(link);
        };
        if let Some(ready) = self.ready.get() {
            return Some(EngineLink::Connected {
                name,
                version,
                builder: ready.builder.clone(),
            });
        }
        let engine = self.containers.link().engine()?;
        let (wires, identity) = (self.wires.clone(), self.identity.clone());
        let (containers, ready) = (self.containers.clone(), Arc::clone(&self.ready));
        let (swept, refusal) = (self.swept.clone(), Arc::clone(&self.refusal));
        let has_containers = self.has_containers;
        self.making_ready.spawn(async move {
            if let Ok(Some(why)) = strangers(&engine, &identity).await {
                drop(refusal.set(why));
                let looked = vec![format!(
                    "{}: it has this project already",
                    engine.endpoint()
                )];
                let link = EngineLink::Missing { looked };
                return wires.tell(Event::ContainerEngine { link });
            }
            let containers = has_containers.then_some(&containers);
            let link = match make_ready(&wires, &identity, containers, &engine, &swept).await {
                Ok(made) => {
                    let builder = made.builder.clone();
                    drop(ready.set(made));
                    EngineLink::Connected {
                        name,
                        version,
                        builder,
                    }
                }
                Err(why) => EngineLink::Missing {
                    looked: vec![format!("{}: {why}", engine.endpoint())],
                },
            };
            wires.tell(Event::ContainerEngine { link });
        });
        None
    }

    /// Waits until nothing is made in the engine any more: what is removed before would come again.
    pub(super) async fn settle(&mut self) {
        let making = &mut self.making_ready;
        drop(
            timeout(PATIENCE, async {
                while making.join_next().await.is_some() {}
            })
            .await,
        );
    }
}

/// Our own binary, which is the helper inside containers too; `BOATYARD_HELPER=0` goes without.
fn helper() -> Option<PathBuf> {
    let is_off = std::env::var_os("BOATYARD_HELPER").is_some_and(|value| value == "0");
    std::env::current_exe().ok().filter(|_| !is_off)
}

/// Removes what a dead session left, makes the network for containers, and finds out which builder works.
async fn make_ready(
    wires: &Wires,
    identity: &Identity,
    containers: Option<&Containers>,
    engine: &ContainerEngine,
    swept: &watch::Sender<bool>,
) -> Result<Ready, String> {
    // First: containers of a dead session would answer to the same names on the same network.
    sweep(engine, identity, Some(&identity.session), false).await?;
    swept.send_replace(true);
    let endpoint = engine.endpoint();
    let network = async {
        let containers = containers?;
        Some(containers.ensure_network().await)
    };
    let (network, builder) = tokio::join!(network, probe_builder(endpoint));
    let shown = builder.to_string();
    let workshop = Workshop::new(
        engine.client.clone(),
        endpoint.clone(),
        builder,
        identity.clone(),
    );
    let builds = Builds::new(wires.clone(), Arc::new(workshop));
    Ok(Ready {
        builds,
        builder: shown,
        network: network.transpose()?,
    })
}
