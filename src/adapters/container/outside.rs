//! Whether somebody outside Boatyard ended a container: the engine remembers its last events for a while.

use std::collections::HashMap;
use std::time::Duration;

use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};

use super::find::ContainerEngine;
use crate::adapters::Wires;
use crate::engine::{Event, RunId};
use crate::stack::ServiceName;
use crate::text;

/// How long the engine may take to say what it remembers. Where its clock is behind ours it would go on.
const WITHIN: Duration = Duration::from_secs(2);

/// A program may take so long to end after it was asked to.
const LATEST: SignedDuration = SignedDuration::from_secs(15);
/// What programs are ended by: TERM, INT, QUIT, KILL. Others may mean anything, such as to read a file again.
const ENDING: [i32; 4] = [15, 2, 3, 9];

/// Says so if the program of this container, which nobody here asked to end, was sent a signal through the engine.
pub(super) async fn tell(
    engine: ContainerEngine,
    wires: Wires,
    id: String,
    service: ServiceName,
    (run, ended): (RunId, Timestamp),
) {
    let looked = tokio::time::timeout(WITHIN, signal_sent(&engine, &id, ended)).await;
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

/// The first signal to end it that the engine was asked to send to this container before it ended, of those it remembers.
async fn signal_sent(engine: &ContainerEngine, id: &str, ended: Timestamp) -> Option<String> {
    let filters = HashMap::from([
        ("container".to_owned(), vec![id.to_owned()]),
        ("event".to_owned(), vec!["kill".to_owned()]),
    ]);
    let time = |at: Timestamp| format!("{}.{:09}", at.as_second(), at.subsec_nanosecond());
    let options = EventsOptionsBuilder::default()
        .since(&time(ended.saturating_sub(LATEST).unwrap_or(ended)))
        .until(&time(ended.max(Timestamp::now())))
        .filters(&filters)
        .build();
    let mut events = Box::pin(engine.client.events(Some(options)));
    while let Some(Ok(event)) = events.next().await {
        let attributes = event
            .actor
            .and_then(|actor| actor.attributes)
            .unwrap_or_default();
        let number: Option<i32> = attributes.get("signal").and_then(|it| it.parse().ok());
        if let Some(number) = number.filter(|number| ENDING.contains(number)) {
            let name = text::signal_of(number + 128).unwrap_or("a signal");
            return Some(name.to_owned());
        }
    }
    None
}
