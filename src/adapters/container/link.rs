//! The connection to the engine: found, watched, and found again after a break.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error;
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt;
use tokio::sync::watch;

use super::abort::AbortOnDrop;
use super::find::{ContainerEngine, NoEngine, find};
use super::surroundings::Surroundings;
use super::words::reason;
use crate::adapters::{Identity, Wires};
use crate::engine::{EngineLink, Event};

/// Shortest and longest wait between two tries to reach an engine that went away.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

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
    _task: Arc<AbortOnDrop>,
}

impl Link {
    /// Begins to look for an engine, and tells `Event::ContainerEngine` what comes of it: `Connected` or `Missing` at first,
    /// `Lost` and `Connected` later. Keeps looking while there is none. Returns at once.
    pub fn start(wires: Wires, surroundings: Surroundings, identity: &Identity) -> Self {
        let (sender, known) = watch::channel(Known::Looking);
        let filters = HashMap::from([(
            "label".to_owned(),
            vec![format!("{}={}", Identity::HASH, identity.hash)],
        )]);
        let task = AbortOnDrop::spawn(supervise(wires, surroundings, filters, sender));
        Self {
            known,
            _task: Arc::new(task),
        }
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

async fn supervise(
    wires: Wires,
    surroundings: Surroundings,
    filters: HashMap<String, Vec<String>>,
    known: watch::Sender<Known>,
) {
    let mut wait = RETRY.0;
    let mut was_missing = false;
    let mut was_connected = false;
    loop {
        match find(&surroundings).await {
            Ok(engine) => {
                wait = RETRY.0;
                was_missing = false;
                was_connected = true;
                let why = watch_events(&wires, &engine, &filters, &known).await;
                let looked = vec![format!("{}: {why}", engine.endpoint())];
                known.send_replace(Known::Down(NoEngine { looked }));
                tell(&wires, EngineLink::Lost { why });
            }
            Err(none) => {
                if !was_missing && !was_connected {
                    let looked = none.looked.clone();
                    tell(&wires, EngineLink::Missing { looked });
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
    wires: &Wires,
    engine: &ContainerEngine,
    filters: &HashMap<String, Vec<String>>,
    known: &watch::Sender<Known>,
) -> String {
    let options = EventsOptionsBuilder::default().filters(filters).build();
    let mut events = Box::pin(engine.client.events(Some(options)));
    known.send_replace(Known::Up(engine.clone()));
    tell(wires, engine.link());
    loop {
        match events.next().await {
            Some(Ok(event)) => tracing::debug!(action = ?event.action, "engine event"),
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
