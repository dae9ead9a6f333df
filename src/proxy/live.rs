//! A run that takes requests: how many of them it has, and whether it still gets new ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, watch};

use super::target::Upstream;

/// A run as the relay sees it. Shared by every connection to it.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) upstream: Upstream,
    in_flight: AtomicUsize,
    answered: Notify,
    retired: watch::Sender<bool>,
}

/// One request that a run has and has not answered yet.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Live>);

impl Live {
    pub(super) fn new(upstream: Upstream) -> Self {
        Self {
            upstream,
            in_flight: AtomicUsize::new(0),
            answered: Notify::new(),
            retired: watch::Sender::new(false),
        }
    }

    /// Says whether it gets new requests.
    pub(super) fn set_retired(&self, retired: bool) {
        self.retired
            .send_if_modified(|was| std::mem::replace(was, retired) != retired);
    }

    /// Whether it gets no new requests.
    pub(super) fn is_retired(&self) -> bool {
        *self.retired.borrow()
    }

    /// Ends when it gets no new requests.
    pub(super) async fn retired(&self) {
        // The sender is a field of `self`, so it cannot have been dropped.
        drop(self.retired.subscribe().wait_for(|retired| *retired).await);
    }

    /// Ends when it has no request.
    pub(super) async fn drained(&self) {
        self.fewer_than(1).await;
    }

    /// Ends when it has fewer requests than this.
    pub(super) async fn fewer_than(&self, requests: usize) {
        loop {
            let mut answered = std::pin::pin!(self.answered.notified());
            answered.as_mut().enable();
            if self.in_flight.load(Ordering::SeqCst) < requests {
                return;
            }
            answered.await;
        }
    }

    /// Gives it a request.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        InFlight(Arc::clone(self))
    }
}

impl InFlight {
    pub(super) fn live(&self) -> &Arc<Live> {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.0.answered.notify_waiters();
    }
}
