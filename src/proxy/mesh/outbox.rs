//! Exchanges on their way out of a relay: bounded, so that whoever is slow to take them never slows a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::mpsc;

use crate::telemetry::Exchange;

/// Exchanges that wait at most, and the memory that they may take together, in bytes.
const ROOM: (usize, usize) = (16 << 10, 16 << 20);

/// Exchanges of one frame at most.
const BATCH: usize = 256;

/// Where exchanges are put. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    put: mpsc::Sender<Exchange>,
    counts: Arc<Counts>,
}

/// Where they are taken from.
#[derive(Debug)]
pub(super) struct Outgoing {
    take: mpsc::Receiver<Exchange>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    bytes: AtomicUsize,
    dropped: AtomicU64,
}

/// An empty outbox.
pub(super) fn outbox() -> (Outbox, Outgoing) {
    let (put, take) = mpsc::channel(ROOM.0);
    let counts = Arc::<Counts>::default();
    let outbox = Outbox {
        put,
        counts: Arc::clone(&counts),
    };
    (outbox, Outgoing { take, counts })
}

impl Outbox {
    /// Puts it in, or counts it as lost where there is no room. Never waits.
    pub(super) fn put(&self, exchange: Exchange) {
        let bytes = exchange.footprint();
        let before = self.counts.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > ROOM.1 || self.put.try_send(exchange).is_err() {
            self.counts.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Outgoing {
    /// Waits for exchanges; gives them, and how many were lost meanwhile. `None`: no more will come.
    pub(super) async fn next(&mut self) -> Option<(Vec<Exchange>, u64)> {
        let mut batch = Vec::new();
        if self.take.recv_many(&mut batch, BATCH).await == 0 {
            return None;
        }
        Some(self.taken(batch))
    }

    /// The same of those that are there already; `None`: there are no more.
    pub(super) fn rest(&mut self) -> Option<(Vec<Exchange>, u64)> {
        let mut batch = Vec::new();
        while batch.len() < BATCH
            && let Ok(exchange) = self.take.try_recv()
        {
            batch.push(exchange);
        }
        (!batch.is_empty()).then(|| self.taken(batch))
    }

    fn taken(&self, batch: Vec<Exchange>) -> (Vec<Exchange>, u64) {
        let bytes = batch.iter().map(Exchange::footprint).sum();
        self.counts.bytes.fetch_sub(bytes, Ordering::Relaxed);
        (batch, self.counts.dropped.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::telemetry::{ExchangeStatus, Headers, SpanId, TraceId};

    fn exchange(path: String) -> Exchange {
        Exchange {
            trace: TraceId(1),
            span: SpanId(1),
            parent: None,
            caller: None,
            callee: "web".into(),
            run: 1,
            method: "GET".into(),
            path,
            status: ExchangeStatus::Http(200),
            started: jiff::Timestamp::UNIX_EPOCH,
            took: Duration::ZERO,
            held: Duration::ZERO,
            request_bytes: 0,
            response_bytes: 0,
            request_headers: Headers::default(),
            response_headers: Headers::default(),
            request_body: crate::telemetry::BodyHead::default(),
            response_body: crate::telemetry::BodyHead::default(),
            injected: None,
        }
    }

    #[tokio::test]
    async fn what_has_no_room_is_counted_and_what_has_some_comes_out() {
        let (outbox, mut outgoing) = outbox();
        for _ in 0..5 {
            outbox.put(exchange("x".repeat(ROOM.1 / 3)));
        }
        let (taken, dropped) = outgoing.next().await.unwrap();
        assert_eq!((taken.len(), dropped), (2, 3));
        for _ in 0..ROOM.0 + 7 {
            outbox.put(exchange(String::new()));
        }
        let (mut all, mut lost) = (0, 0);
        while all < ROOM.0 {
            let (taken, dropped) = outgoing.next().await.unwrap();
            (all, lost) = (all + taken.len(), lost + dropped);
        }
        assert_eq!((all, lost), (ROOM.0, 7));
    }
}
