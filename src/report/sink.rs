//! Output that never makes the session wait: a thread writes it, and what a slow reader leaves is bounded.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Bytes that may wait to be written before log lines are left in their store.
const ROOM: usize = 1 << 20;

/// How long the end of a session waits for a reader that does not read.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

/// Where a view writes to. Dropped, it writes what is left, as long as somebody reads.
#[derive(Debug)]
pub(super) struct Sink {
    queue: Option<mpsc::Sender<Vec<u8>>>,
    shared: Arc<Shared>,
    writing: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    queued: AtomicUsize,
    closed: AtomicBool,
    moved: Notify,
}

impl Sink {
    pub(super) fn new(out: Box<dyn Write + Send>) -> Self {
        let (queue, texts) = mpsc::channel::<Vec<u8>>();
        let shared = Arc::new(Shared::default());
        let writer = Arc::clone(&shared);
        Self {
            queue: Some(queue),
            writing: Some(std::thread::spawn(move || write_all(out, &texts, &writer))),
            shared,
        }
    }

    /// Writes this later. After the reader has gone it goes nowhere.
    pub(super) fn write(&self, text: Vec<u8>) {
        if text.is_empty() || self.is_closed() {
            return;
        }
        self.shared.queued.fetch_add(text.len(), Ordering::AcqRel);
        if let Some(queue) = &self.queue {
            drop(queue.send(text));
        }
    }

    /// Whether bulk may be written now.
    pub(super) fn has_room(&self) -> bool {
        self.shared.queued.load(Ordering::Acquire) < ROOM
    }

    /// Whether the reader has gone away.
    pub(super) fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }

    /// Something was written, or the reader has gone away.
    pub(super) async fn moved(&self) {
        self.shared.moved.notified().await;
    }
}

fn write_all(mut out: Box<dyn Write + Send>, texts: &mpsc::Receiver<Vec<u8>>, shared: &Shared) {
    while let Ok(text) = texts.recv() {
        let written = out.write_all(&text).and_then(|()| out.flush());
        shared.queued.fetch_sub(text.len(), Ordering::AcqRel);
        if written.is_err() {
            shared.closed.store(true, Ordering::Release);
        }
        shared.moved.notify_one();
        if written.is_err() {
            return;
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.queue = None;
        let Some(writing) = self.writing.take() else {
            return;
        };
        let mut left = usize::MAX;
        let mut since = Instant::now();
        while !writing.is_finished() {
            let queued = self.shared.queued.load(Ordering::Acquire);
            if queued < left {
                (left, since) = (queued, Instant::now());
            } else if since.elapsed() > LAST_PATIENCE {
                // Nobody reads; the thread ends with the program.
                return;
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
        drop(writing.join());
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Slow(mpsc::Receiver<()>, Arc<AtomicUsize>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Once the other end is gone, it is read without delay.
            self.0.recv().ok();
            self.1.fetch_add(bytes.len(), Ordering::AcqRel);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_reader_that_is_gone_is_noticed() {
        let sink = Sink::new(Box::new(Broken));
        sink.write(b"text".to_vec());
        tokio::time::timeout(Duration::from_secs(10), sink.moved())
            .await
            .unwrap();
        assert!(sink.is_closed());
        sink.write(b"more".to_vec());
    }

    #[test]
    fn a_slow_reader_makes_nobody_wait_and_gets_everything() {
        let (reads, slow) = mpsc::channel();
        let written = Arc::new(AtomicUsize::new(0));
        let sink = Sink::new(Box::new(Slow(slow, Arc::clone(&written))));
        for _ in 0..3 {
            sink.write(vec![b'x'; ROOM / 2]);
        }
        assert!(!sink.has_room());
        // From now on it reads as fast as it can.
        drop(reads);
        drop(sink);
        assert_eq!(written.load(Ordering::Acquire), ROOM / 2 * 3);
    }
}
