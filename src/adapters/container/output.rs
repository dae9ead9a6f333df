//! Reading a container's output: always, as fast as it comes, and again from the log after a break.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::AsyncReadExt;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::find::ContainerEngine;
use super::frames::Demux;
use super::rejoin::{Log, rejoin};
use super::sink::Sink;
use crate::adapters::{Attached, RawStream};

/// One read takes at most this much: as much as a socket of the engine holds.
const READ: usize = 256 << 10;

/// How long reading may stand still once the program has ended.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);

/// A task that moves output into a sink, and gives the sink back at its end.
pub(super) struct Pump {
    task: JoinHandle<PumpEnd>,
    moved: Arc<AtomicU64>,
    give_up: Arc<Notify>,
}

/// How reading ended.
pub(super) struct PumpEnd {
    pub(super) sink: Sink,
    /// Whether the other side ended it; an error means that something may be missing.
    pub(super) complete: bool,
}

impl Pump {
    /// Reads an attached container until its output ends.
    pub(super) fn attached(source: Attached, tty: bool, sink: Sink) -> Self {
        Self::spawn(|moved, give_up| read_attached(source, tty, sink, moved, give_up))
    }

    /// Reads the container's log from where the sink stands. With `follow`, until the program ends.
    pub(super) fn from_log(
        engine: ContainerEngine,
        id: String,
        tty: bool,
        follow: bool,
        sink: Sink,
    ) -> Self {
        let log = Log { engine, id, tty };
        Self::spawn(move |moved, give_up| read_log(log, follow, sink, moved, give_up))
    }

    /// Waits until all has been read.
    pub(super) async fn ended(&mut self) -> Option<PumpEnd> {
        (&mut self.task).await.ok()
    }

    /// Waits until all has been read, the program having ended; no longer than nothing comes for a while.
    pub(super) async fn drained(mut self) -> Option<PumpEnd> {
        loop {
            let before = self.moved.load(Ordering::Relaxed);
            if let Ok(end) = tokio::time::timeout(DRAIN_PATIENCE, self.ended()).await {
                return end;
            }
            if self.moved.load(Ordering::Relaxed) == before {
                self.give_up.notify_one();
            }
        }
    }

    fn spawn<F>(read: impl FnOnce(Arc<AtomicU64>, Arc<Notify>) -> F) -> Self
    where
        F: Future<Output = PumpEnd> + Send + 'static,
    {
        let moved = Arc::new(AtomicU64::new(0));
        let give_up = Arc::new(Notify::new());
        Self {
            task: tokio::spawn(read(moved.clone(), give_up.clone())),
            moved,
            give_up,
        }
    }
}

async fn read_attached(
    source: Attached,
    tty: bool,
    mut sink: Sink,
    moved: Arc<AtomicU64>,
    give_up: Arc<Notify>,
) -> PumpEnd {
    let Attached { early, stream } = source;
    let mut demux = Demux::new(tty);
    pour(&mut demux, &mut sink, &early);
    read_stream(stream, demux, sink, &moved, &give_up).await
}

/// Moves what comes on an attached stream into the sink, until it ends.
async fn read_stream(
    mut stream: RawStream,
    mut demux: Demux,
    mut sink: Sink,
    moved: &AtomicU64,
    give_up: &Notify,
) -> PumpEnd {
    let mut buffer = vec![0; READ];
    loop {
        let read = tokio::select! {
            read = stream.read(&mut buffer) => read,
            () = give_up.notified() => Err(io::ErrorKind::TimedOut.into()),
        };
        match read {
            Ok(0) => {
                return PumpEnd {
                    sink,
                    complete: true,
                };
            }
            Ok(count) => {
                moved.fetch_add(count as u64, Ordering::Relaxed);
                pour(&mut demux, &mut sink, &buffer[..count]);
            }
            Err(error) => {
                tracing::debug!(%error, "attached output broke off");
                return PumpEnd {
                    sink,
                    complete: false,
                };
            }
        }
    }
}

fn pour(demux: &mut Demux, sink: &mut Sink, chunk: &[u8]) {
    let now = Timestamp::now();
    sink.chunk_begins(now);
    demux.feed(chunk, |stream, _, bytes| sink.take(stream, bytes, now));
    sink.commit();
}

/// Reads the log, and, where it is followed, changes over to attaching once that can be done without loss: the log is ten
/// times slower, and is rotated.
async fn read_log(
    log: Log,
    follow: bool,
    mut sink: Sink,
    moved: Arc<AtomicU64>,
    give_up: Arc<Notify>,
) -> PumpEnd {
    let result = tokio::select! {
        result = rejoin(&log, follow, &mut sink, &moved) => result,
        () = give_up.notified() => Err(io::ErrorKind::TimedOut.into()),
    };
    sink.commit();
    match result {
        Ok(Some(joined)) => {
            for (stream, bytes) in joined.unfinished {
                sink.take(stream, &bytes, Timestamp::now());
            }
            read_stream(joined.stream, joined.demux, sink, &moved, &give_up).await
        }
        Ok(None) => PumpEnd {
            sink,
            complete: true,
        },
        Err(error) => {
            tracing::debug!(%error, "reading the log broke off");
            PumpEnd {
                sink,
                complete: false,
            }
        }
    }
}
