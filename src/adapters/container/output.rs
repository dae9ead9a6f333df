//! Reading a container's output: always, as fast as it comes, and again from the log after a break.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::Method;
use jiff::Timestamp;
use tokio::io::AsyncReadExt;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::endpoint::{Upgraded, refusal};
use super::find::ContainerEngine;
use super::frames::{Demux, index};
use super::sink::Sink;

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

/// Attaches to both outputs. Before the start of the program, so that its first line is not lost.
pub(super) async fn attach(engine: &ContainerEngine, id: &str) -> io::Result<Upgraded> {
    let path = engine.path(&format!(
        "/containers/{id}/attach?stream=1&stdout=1&stderr=1"
    ));
    engine.endpoint().upgrade(&path, "tcp", &[]).await
}

impl Pump {
    /// Reads an attached container until its output ends.
    pub(super) fn attached(source: Upgraded, tty: bool, sink: Sink) -> Self {
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
        Self::spawn(|moved, give_up| read_log(engine, id, tty, follow, sink, moved, give_up))
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
    source: Upgraded,
    tty: bool,
    mut sink: Sink,
    moved: Arc<AtomicU64>,
    give_up: Arc<Notify>,
) -> PumpEnd {
    let Upgraded { early, mut stream } = source;
    let mut demux = Demux::new(tty);
    let mut take = |sink: &mut Sink, chunk: &[u8]| {
        let now = Timestamp::now();
        sink.chunk_begins(now);
        demux.feed(chunk, |stream, _, bytes| sink.take(stream, bytes, now));
        sink.commit();
    };
    if !early.is_empty() {
        take(&mut sink, &early);
    }
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
                take(&mut sink, &buffer[..count]);
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

async fn read_log(
    engine: ContainerEngine,
    id: String,
    tty: bool,
    follow: bool,
    mut sink: Sink,
    moved: Arc<AtomicU64>,
    give_up: Arc<Notify>,
) -> PumpEnd {
    let reading = pour_log(&engine, &id, tty, follow, &mut sink, &moved);
    let result = tokio::select! {
        result = reading => result,
        () = give_up.notified() => Err(io::ErrorKind::TimedOut.into()),
    };
    sink.commit();
    if let Err(error) = &result {
        tracing::debug!(%error, "reading the log broke off");
    }
    PumpEnd {
        sink,
        complete: result.is_ok(),
    }
}

/// Reads the log since the sink's last checkpoint, leaves out as many bytes of each stream as have come since, and takes
/// the rest. The engine stamps each message of a container without a terminal, so those keep their true time.
async fn pour_log(
    engine: &ContainerEngine,
    id: &str,
    tty: bool,
    follow: bool,
    sink: &mut Sink,
    moved: &AtomicU64,
) -> io::Result<()> {
    let position = sink.position();
    let since = position.since.map_or_else(String::new, |since| {
        let nanoseconds = since.as_nanosecond();
        format!(
            "&since={}.{:09}",
            nanoseconds.div_euclid(1_000_000_000),
            nanoseconds.rem_euclid(1_000_000_000)
        )
    });
    let path = engine.path(&format!(
        "/containers/{id}/logs?stdout=1&stderr=1&follow={}&timestamps={}{since}",
        u8::from(follow),
        u8::from(!tty)
    ));
    let response = engine.endpoint().request(Method::GET, &path, &[]).await?;
    let status = response.status();
    if !status.is_success() {
        return Err(refusal(status, response).await);
    }
    let mut body = response.into_body();
    let mut demux = Demux::new(tty);
    let mut stamp = (!tty).then(Stamp::default);
    let mut skip = position.bytes;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(io::Error::other)?;
        let Some(chunk) = frame.data_ref() else {
            continue;
        };
        moved.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        let now = Timestamp::now();
        demux.feed(chunk, |stream, begins, piece| {
            let (at, piece) = match &mut stamp {
                Some(stamp) => {
                    let piece = stamp.strip(begins, piece);
                    (stamp.at.unwrap_or(now), piece)
                }
                None => (now, piece),
            };
            let left_out = &mut skip[index(stream)];
            let known = piece
                .len()
                .min(usize::try_from(*left_out).unwrap_or(usize::MAX));
            *left_out -= known as u64;
            if known < piece.len() {
                sink.take(stream, &piece[known..], at);
            }
        });
        sink.commit();
    }
    Ok(())
}

/// The time that stands in front of each message: `2026-01-02T03:04:05.000000006Z `.
#[derive(Debug, Default)]
struct Stamp {
    text: Option<Vec<u8>>,
    at: Option<Timestamp>,
}

impl Stamp {
    /// What follows the time in this piece; `begins` says that a message begins with it.
    fn strip<'a>(&mut self, begins: bool, piece: &'a [u8]) -> &'a [u8] {
        if begins {
            self.text = Some(Vec::new());
        }
        let Some(text) = &mut self.text else {
            return piece;
        };
        let end = piece.iter().position(|byte| *byte == b' ');
        text.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
        let Some(end) = end else {
            return &[];
        };
        self.at = std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok());
        self.text = None;
        &piece[end + 1..]
    }
}
