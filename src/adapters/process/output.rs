//! From a run's terminals to the log store: nothing is lost, and lines go in by the batch.

use std::io::{ErrorKind, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::lines::LineCutter;
use crate::adapters::Wires;
use crate::stack::ServiceName;
use crate::telemetry::terminals::Terminal;
use crate::telemetry::{NewLine, Stream};

/// After this silence the beginning of a line is shown although nobody ended it: a prompt must be seen.
const SILENCE: Duration = Duration::from_secs(1);

/// Chunks between the readers and the cutter. A terminal gives at most 4 KiB at a time; a full lane makes the program wait,
/// as a slow terminal would.
const LANE: usize = 256;

/// Bytes that came on one stream.
pub(super) type Chunk = (Stream, Vec<u8>);

/// Who looks at a run's terminal as it is, beside the log: nobody, mostly.
#[derive(Debug, Clone, Default)]
pub(super) struct Guest(Arc<Mutex<Option<Arc<Terminal>>>>);

impl Guest {
    /// From now on this terminal shows what comes, or none does.
    pub(super) fn is(&self, terminal: Option<Arc<Terminal>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = terminal;
    }

    fn see(&self, bytes: &[u8]) {
        let guest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(terminal) = guest.as_ref() {
            terminal.feed(bytes);
        }
    }
}

/// The lane from the readers to [`keep`].
pub(super) fn lane() -> (mpsc::Sender<Chunk>, mpsc::Receiver<Chunk>) {
    mpsc::channel(LANE)
}

/// Reads a terminal to its end, on a thread of its own: a terminal's other end can only be waited for by reading.
pub(super) fn read_on_thread(
    name: &str,
    stream: Stream,
    mut terminal: Box<dyn Read + Send>,
    lane: mpsc::Sender<Chunk>,
    guest: Guest,
) -> std::io::Result<()> {
    let read = move || {
        let mut buffer = [0; 16 << 10];
        loop {
            match terminal.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => {
                    guest.see(&buffer[..length]);
                    let chunk = (stream, buffer[..length].to_vec());
                    if lane.blocking_send(chunk).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    };
    thread::Builder::new()
        .name(format!("read {name}"))
        .stack_size(256 << 10)
        .spawn(read)
        .map(drop)
}

/// Who speaks.
#[derive(Debug, Clone)]
pub(super) struct Speaker {
    pub(super) service: ServiceName,
    pub(super) run: u64,
}

/// Keeps what comes, until all readers have reached the end.
pub(super) async fn keep(wires: Wires, speaker: Speaker, mut chunks: mpsc::Receiver<Chunk>) {
    let mut keeper = Keeper {
        wires,
        speaker,
        stdout: LineCutter::default(),
        stderr: LineCutter::default(),
        batch: Vec::new(),
    };
    let mut received = Vec::with_capacity(LANE);
    loop {
        let next = chunks.recv_many(&mut received, LANE);
        let count = if keeper.has_pending() {
            timeout(SILENCE, next).await
        } else {
            Ok(next.await)
        };
        match count {
            Ok(0) => break,
            Ok(_) => keeper.take(received.drain(..)),
            Err(_) => keeper.flush(),
        }
    }
    keeper.flush();
}

struct Keeper {
    wires: Wires,
    speaker: Speaker,
    stdout: LineCutter,
    stderr: LineCutter,
    batch: Vec<NewLine>,
}

impl Keeper {
    fn has_pending(&self) -> bool {
        self.stdout.has_pending() || self.stderr.has_pending()
    }

    fn take(&mut self, chunks: impl Iterator<Item = Chunk>) {
        let clock = &self.wires.clock;
        let at = clock.timestamp(clock.now());
        for (stream, bytes) in chunks {
            let cutter = match stream {
                Stream::Stderr => &mut self.stderr,
                Stream::Stdout | Stream::Build | Stream::Otlp | Stream::Mark(_) => &mut self.stdout,
            };
            let speaker = &self.speaker;
            cutter.cut(&bytes, |line| {
                self.batch.push(new_line(speaker, at, stream, line));
            });
        }
        self.push();
    }

    fn flush(&mut self) {
        let clock = &self.wires.clock;
        let at = clock.timestamp(clock.now());
        for (stream, cutter) in [
            (Stream::Stdout, &mut self.stdout),
            (Stream::Stderr, &mut self.stderr),
        ] {
            if let Some(line) = cutter.flush() {
                self.batch.push(new_line(&self.speaker, at, stream, line));
            }
        }
        self.push();
    }

    fn push(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let logs = self.wires.telemetry.logs();
        logs.push_all(self.batch.drain(..));
        self.wires.telemetry.touch();
    }
}

fn new_line(speaker: &Speaker, at: jiff::Timestamp, stream: Stream, bytes: Vec<u8>) -> NewLine {
    NewLine {
        service: speaker.service.clone(),
        run: speaker.run,
        at,
        stream,
        bytes,
    }
}
