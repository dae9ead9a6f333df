//! A run whose program leaves while its container stays.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::ending::{self, Before};
use super::helper::{Done, Handle, Order};
use super::model::Shared;

/// What is known of a program that left.
#[derive(Debug)]
pub(super) struct Farewell {
    /// Its exit code.
    pub(super) code: Option<i32>,
    /// The ports at which it listened.
    pub(super) ports: Vec<u16>,
}

/// How a program is asked to leave.
pub(super) struct Leave {
    pub(super) signal: String,
    pub(super) grace: Duration,
    pub(super) tell: oneshot::Sender<Farewell>,
}

impl Leave {
    /// Does what comes before, and has the helper end the program. If the helper cannot, the
    /// container is killed, and its end is heard of as usual.
    pub(super) async fn take(
        self,
        helper: Handle,
        shared: Arc<Shared>,
        id: String,
        before: Before,
    ) {
        before.done(self.grace).await;
        let order = Order::Yield {
            signal: self.signal,
            grace_ms: u64::try_from(self.grace.as_millis()).unwrap_or(u64::MAX),
        };
        match helper.ask(order, &[]).await {
            Ok(Done { ports, code }) => drop(self.tell.send(Farewell { code, ports })),
            Err(_) => ending::kill(shared, id).await,
        }
    }
}

/// Waits for the word that the program has left; for ever if none is expected, or none will come.
pub(super) async fn told(leaving: &mut Option<oneshot::Receiver<Farewell>>) -> Farewell {
    if let Some(receiver) = leaving
        && let Ok(farewell) = receiver.await
    {
        return farewell;
    }
    *leaving = None;
    std::future::pending().await
}
