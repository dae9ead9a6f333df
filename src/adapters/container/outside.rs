//! Whether somebody outside Boatyard ended a container: the engine remembers its last events for a while.

use std::collections::HashMap;
use std::time::Duration;

use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt;
use jiff::Timestamp;

use super::find::ContainerEngine;
use crate::adapters::Wires;
use crate::engine::{Event, RunId};
use crate::stack::ServiceName;
use crate::text;

/// How long the engine may take to say what it remembers. Where its clock is behind ours it would go on.
const WITHIN: Duration = Duration::from_secs(2);

/// Says so if the program of this container, which nobody here asked to end, was sent a signal through the engine.
pub(super) async fn tell(
    engine: ContainerEngine,
    wires: Wires,
    id: String,
    service: ServiceName,
    run: RunId,
) {
    let looked = tokio::time::timeout(WITHIN, signal_sent(&engine, &id)).await;
    if let Ok(Some(signal)) = looked {
        wires.tell(Event::Problem {
            what: format!(
                "{service}: run {run} was stopped or restarted from outside: its container was sent {signal} through the \
                 engine, as `docker stop` and `docker restart` do it"
            ),
            remedy: "use r and s here instead; whether a new run takes its place is said by its `restart`".into(),
        });
    }
}

/// The first signal that the engine was asked to send to this container, of those it remembers.
async fn signal_sent(engine: &ContainerEngine, id: &str) -> Option<String> {
    let filters = HashMap::from([
        ("container".to_owned(), vec![id.to_owned()]),
        ("event".to_owned(), vec!["kill".to_owned()]),
    ]);
    let now = Timestamp::now();
    let now = format!("{}.{:09}", now.as_second(), now.subsec_nanosecond());
    let options = EventsOptionsBuilder::default()
        .since("0")
        .until(&now)
        .filters(&filters)
        .build();
    let mut events = Box::pin(engine.client.events(Some(options)));
    let first = events.next().await?.ok()?;
    let attributes = first.actor?.attributes.unwrap_or_default();
    let number = attributes.get("signal").and_then(|it| it.parse().ok());
    let name = number.and_then(|number: i32| text::signal_of(number.checked_add(128)?));
    Some(name.unwrap_or("a signal").to_owned())
}
