//! What a relay says over its line: words at once, exchanges in batches.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::outbox::Outgoing;
use super::words::{Word, frame};
use crate::stack::ServiceName;
use crate::telemetry::Telemetry;

/// The least time between two batches of exchanges, so that many come in one.
const GAP: Duration = Duration::from_millis(5);

/// Says all there is to say until the other side is gone.
pub(super) async fn speak(
    mut to: impl AsyncWrite + Unpin,
    mut words: mpsc::UnboundedReceiver<Word>,
    mut outgoing: Outgoing,
) {
    let mut next_batch = Instant::now();
    loop {
        let batch = async {
            sleep_until(next_batch).await;
            outgoing.next().await
        };
        let word = tokio::select! {
            biased;
            word = words.recv() => word,
            batch = batch => batch.map(|(exchanges, dropped)| {
                next_batch = Instant::now() + GAP;
                Word::Exchanges { exchanges, dropped }
            }),
        };
        let Some(word) = word else { return };
        if let Word::Over { .. } = &word {
            while let Some((exchanges, dropped)) = outgoing.rest() {
                if !say(&mut to, &Word::Exchanges { exchanges, dropped }).await {
                    return;
                }
            }
        }
        if !say(&mut to, &word).await {
            return;
        }
    }
}

/// Whether the other side is still there.
async fn say(to: &mut (impl AsyncWrite + Unpin), word: &Word) -> bool {
    match frame(word) {
        Ok(bytes) => to.write_all(&bytes).await.is_ok(),
        Err(_) => false,
    }
}

/// Says how many requests are held, whenever that changes.
pub(super) async fn tell_held(telemetry: Arc<Telemetry>, words: mpsc::UnboundedSender<Word>) {
    let mut changes = telemetry.changes();
    let mut said: HashMap<ServiceName, usize> = HashMap::new();
    while changes.changed().await.is_ok() {
        let now: HashMap<ServiceName, usize> = {
            let held = telemetry.held();
            held.all()
                .map(|(service, held)| (service.clone(), held.now))
                .collect()
        };
        let gone = said.keys().filter(|service| !now.contains_key(*service));
        let mut news: Vec<(ServiceName, usize)> = gone.map(|gone| (gone.clone(), 0)).collect();
        news.extend(
            now.iter()
                .filter(|(service, count)| said.get(*service) != Some(*count))
                .map(|(service, count)| (service.clone(), *count)),
        );
        for (service, now) in news {
            if words.send(Word::Held { service, now }).is_err() {
                return;
            }
        }
        said = now;
        // Many may come at once.
        tokio::time::sleep(GAP).await;
    }
}
