//! Front doors that let one request in at a time, so that whatever happens meanwhile is known to belong to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::telemetry::Telemetry;

/// A request waits for its turn at most this long, and then goes on beside whatever has not ended.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who is inside, of all that came through front doors.
#[derive(Debug)]
pub(super) struct Solo {
    on: watch::Sender<bool>,
    turn: Arc<Semaphore>,
    inside: AtomicUsize,
    entered: AtomicU64,
    left: Notify,
}

/// One request that came through a front door and has not been answered yet.
#[derive(Debug)]
pub(super) struct Inside {
    solo: Arc<Solo>,
    /// Since when it is the only one, which number it has, and who wants to know.
    alone: Option<(Timestamp, u64, Arc<Telemetry>)>,
    /// The next one's turn begins when this one is over.
    _turn: Option<OwnedSemaphorePermit>,
}

impl Default for Solo {
    fn default() -> Self {
        Self {
            on: watch::Sender::new(false),
            turn: Arc::new(Semaphore::new(1)),
            inside: AtomicUsize::new(0),
            entered: AtomicU64::new(0),
            left: Notify::new(),
        }
    }
}

impl Solo {
    /// From now on one at a time, or as many as come.
    pub(super) fn set(&self, on: bool) {
        self.on.send_replace(on);
    }

    /// Lets a request in, when it is its turn.
    pub(super) async fn enter(self: &Arc<Self>, telemetry: Option<&Arc<Telemetry>>) -> Inside {
        let mut on = self.on.subscribe();
        let turn = tokio::select! {
            biased;
            // Whoever waits goes on when turns are over.
            _ = on.wait_for(|on| !on) => None,
            turn = timeout(PATIENCE, self.alone()) => turn.ok().flatten(),
        };
        self.inside.fetch_add(1, Ordering::SeqCst);
        let number = self.entered.fetch_add(1, Ordering::SeqCst) + 1;
        let alone = turn.as_ref().and(telemetry);
        Inside {
            alone: alone.map(|telemetry| (Timestamp::now(), number, Arc::clone(telemetry))),
            solo: Arc::clone(self),
            _turn: turn,
        }
    }

    /// Its turn, when nobody is inside any more.
    async fn alone(&self) -> Option<OwnedSemaphorePermit> {
        let turn = Arc::clone(&self.turn).acquire_owned().await.ok()?;
        loop {
            let mut left = std::pin::pin!(self.left.notified());
            left.as_mut().enable();
            if self.inside.load(Ordering::SeqCst) == 0 {
                return Some(turn);
            }
            left.await;
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.solo.inside.fetch_sub(1, Ordering::SeqCst);
        self.solo.left.notify_waiters();
        // Whoever lost patience came in beside it.
        if let Some((since, number, telemetry)) = self.alone.take()
            && self.solo.entered.load(Ordering::SeqCst) == number
        {
            telemetry.was_alone(since, Timestamp::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn those_that_wait_for_their_turn_go_on_when_turns_are_over() {
        let solo = Arc::new(Solo::default());
        solo.set(true);
        let first = solo.enter(None).await;
        let mut second = Box::pin(solo.enter(None));
        let mut third = Box::pin(solo.enter(None));
        assert!((&mut second).now_or_never().is_none(), "one is inside");
        assert!((&mut third).now_or_never().is_none());
        solo.set(false);
        drop((second.await, third.await, first));
        assert_eq!(solo.inside.load(Ordering::SeqCst), 0);
    }
}
