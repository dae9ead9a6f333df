//! The connection to the engine: found, watched, and found again after a break.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error;
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt;
use tokio::sync::{broadcast, watch};

use super::abort::AbortOnDrop;
use super::find::{ContainerEngine, NoEngine, find};
use super::surroundings::Surroundings;
use super::words::reason;
use crate::adapters::{Identity, Wires};
use crate::engine::{EngineLink, Event};

/// Shortest and longest wait between two tries to reach an engine that went away.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// The events that are asked for: those of containers' health.
const HEALTH: &str = "health_status";

/// So many changes may come while somebody is busy with others; whoever misses some looks by himself.
const KEPT_CHANGES: usize = 256;

/// What is known of the engine at this moment.
#[derive(Debug, Clone)]
enum Known {
    /// The first search is under way.
    Looking,
    /// It answers.
    Up(ContainerEngine),
    /// None was found, or it went away.
    Down(NoEngine),
}

/// A connection that is kept up. Cheap to clone; it is let go when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Link {
    known: watch::Receiver<Known>,
    /// Ids of containers of whose health the engine thinks something else now.
    health: broadcast::Sender<Arc<str>>,
    _task: Arc<AbortOnDrop>,
}

impl Link {
    /// Begins to look for an engine, and tells `Event::ContainerEngine` what comes of it: `Connected` or `Missing` at first,
    /// `Lost` and `Connected` later. Keeps looking while there is none. Returns at once.
    pub fn start(wires: Wires, surroundings: Surroundings, identity: &Identity) -> Self {
        let (sender, known) = watch::channel(Known::Looking);
        let filters = HashMap::from([
            (
                "label".to_owned(),
                vec![format!("{}={}", Identity::HASH, identity.hash)],
            ),
            ("event".to_owned(), vec![HEALTH.to_owned()]),
        ]);
        let (health, _) = broadcast::channel(KEPT_CHANGES);
        let tells = Tells {
            wires,
            known: sender,
            health: health.clone(),
        };
        let task = AbortOnDrop::spawn(supervise(tells, surroundings, filters));
        Self {
            known,
            health,
            _task: Arc::new(task),
        }
    }

    /// The ids of containers of whose health the engine begins to think something else, from now on.
    pub(super) fn health_changes(&self) -> broadcast::Receiver<Arc<str>> {
        self.health.subscribe()
    }

    /// The engine, if it answers now.
    pub fn engine(&self) -> Option<ContainerEngine> {
        match &*self.known.borrow() {
            Known::Up(engine) => Some(engine.clone()),
            Known::Looking | Known::Down(_) => None,
        }
    }

    /// Waits for the first search to end: the engine, or where was looked in vain.
    pub async fn found(&self) -> Result<ContainerEngine, NoEngine> {
        let mut known = self.known.clone();
        let first = known
            .wait_for(|known| !matches!(known, Known::Looking))
            .await;
        match first.as_deref() {
            Ok(Known::Up(engine)) => Ok(engine.clone()),
            Ok(Known::Down(none)) => Err(none.clone()),
            Ok(Known::Looking) | Err(_) => Err(NoEngine { looked: Vec::new() }),
        }
    }

    /// Waits until an engine answers, for as long as that takes.
    pub async fn up(&self) -> ContainerEngine {
        let mut known = self.known.clone();
        loop {
            if let Known::Up(engine) = &*known.borrow_and_update() {
                return engine.clone();
            }
            if known.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Who is told what of the engine.
struct Tells {
    wires: Wires,
    known: watch::Sender<Known>,
    health: broadcast::Sender<Arc<str>>,
}

async fn supervise(
    tells: Tells,
    surroundings: Surroundings,
    filters: HashMap<String, Vec<String>>,
) {
    let (wires, known) = (&tells.wires, &tells.known);
    let mut wait = RETRY.0;
    let mut was_missing = false;
    let mut was_connected = false;
    loop {
        match find(&surroundings).await {
            Ok(engine) => {
                wait = RETRY.0;
                was_missing = false;
                was_connected = true;
                let why = watch_events(&tells, &engine, &filters).await;
                let looked = vec![format!("{}: {why}", engine.endpoint())];
                known.send_replace(Known::Down(NoEngine { looked }));
                tell(wires, EngineLink::Lost { why });
            }
            Err(none) => {
                if !was_missing && !was_connected {
                    let looked = none.looked.clone();
                    tell(wires, EngineLink::Missing { looked });
                }
                was_missing = true;
                known.send_replace(Known::Down(none));
            }
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(RETRY.1);
    }
}

/// Says that the engine is there, then reads its events until the connection breaks. Says why it broke.
async fn watch_events(
    tells: &Tells,
    engine: &ContainerEngine,
    filters: &HashMap<String, Vec<String>>,
) -> String {
    let options = EventsOptionsBuilder::default().filters(filters).build();
    let mut events = Box::pin(engine.client.events(Some(options)));
    tells.known.send_replace(Known::Up(engine.clone()));
    tell(&tells.wires, engine.link());
    loop {
        match events.next().await {
            Some(Ok(event)) => {
                tracing::debug!(action = ?event.action, "engine event");
                if let Some(id) = event.actor.and_then(|actor| actor.id) {
                    // Nobody may be listening.
                    let _ = tells.health.send(id.into());
                }
            }
            // A newer engine may send events that this client cannot read; the connection is well.
            Some(Err(Error::JsonDataError { message, .. })) => {
                tracing::debug!(message, "unknown event");
            }
            Some(Err(error)) => return reason(&error),
            None => return "the engine closed the connection".into(),
        }
    }
}

fn tell(wires: &Wires, link: EngineLink) {
    wires.tell(Event::ContainerEngine { link });
}
