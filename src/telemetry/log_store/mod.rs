//! Every line of a session: the newest in memory, the rest on disk, read through cursors.
//!
//! Writers append to the open block of a service under one short lock. A thread seals what is open, writes it to the files of
//! the service and takes it out of memory beyond a small budget. Readers take blocks or the places of blocks out under the
//! lock and look at them after it was given back. Without a folder, or when the disk fails, the oldest lines of the fullest
//! service go instead, and are counted.

mod archive;
mod block;
mod find;
mod rank;
mod ring;
mod segment;
mod walk;
mod writer;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::level::Level;
use super::log::{Followed, LogLine, NewLine, Position, Stream, Told};
use crate::stack::ServiceName;
use crate::text::{self, Redactor};

pub use archive::{Archive, SessionLogs, prune_sessions, sessions};
pub(super) use walk::{Met, Order, Walk};
pub use writer::{Spill, SpillError};

use block::Ready;
use ring::Ring;

/// An open block is sealed when it has reached this many bytes.
const BLOCK: usize = 128 << 10;

/// Memory may reach this many times its budget while the disk is behind, or this many bytes; then the oldest lines go.
const BEHIND: (usize, usize) = (4, 64 << 20);

/// How long a batch waits for a disk that is behind.
const WAIT_FOR_DISK: Duration = Duration::from_secs(5);

/// The lines of one session. Every question and every append takes the lock only as long as it must.
#[derive(Debug)]
pub struct Logs {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    inner: Mutex<Inner>,
    /// Tells the writer that there is something to do.
    wake: Condvar,
    /// Tells others that the writer has done it.
    room: Condvar,
    /// Lines that stood in blocks which could not be read.
    unreadable: AtomicU64,
}

#[derive(Debug)]
struct Inner {
    rings: Vec<Ring>,
    by_name: HashMap<(ServiceName, bool), usize>,
    /// The ring to which the last line went.
    recent: usize,
    redactor: Redactor,
    next_seq: u64,
    /// Bytes that memory may take, and takes.
    budget: usize,
    memory: usize,
    block: usize,
    disk: Option<Disk>,
}

/// What is known of the disk.
#[derive(Debug)]
struct Disk {
    budget: u64,
    used: u64,
    /// Whether there are lines that were not handed to the writer.
    dirty: bool,
    /// Bytes of blocks that were sealed since the writer last looked.
    sealed: usize,
    /// Somebody waits until all lines up to this number are written, and up to which they are.
    wanted: u64,
    written: u64,
    closing: bool,
    /// Whether it failed, or the session is over.
    stopped: bool,
}

impl Logs {
    /// No lines; at most `budget` bytes in all, unless [`Logs::keep_on_disk`] is asked for.
    pub fn new(budget: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                inner: Mutex::new(Inner::new(budget)),
                wake: Condvar::new(),
                room: Condvar::new(),
                unreadable: AtomicU64::new(0),
            }),
            writer: Mutex::default(),
        }
    }

    /// From now on masks these secrets in every line before it is kept.
    pub fn mask(&self, redactor: Redactor) {
        self.shared.lock().redactor = redactor;
    }

    /// Keeps a line. Tells its number.
    pub fn push(&self, line: NewLine) -> u64 {
        self.push_told(line, Told::default())
    }

    /// The same for a line of which more is known.
    pub fn push_told(&self, line: NewLine, told: Told) -> u64 {
        let redactor = self.shared.lock().redactor.clone();
        let ready = ready(line, told, &redactor);
        let mut inner = self.shared.lock();
        let seq = inner.append(&ready);
        self.appended(&mut inner);
        seq
    }

    /// Keeps lines in their order, under one lock. Waits for the disk if that is far behind, so that whoever speaks faster
    /// than it writes is slowed down rather than forgotten.
    pub fn push_all(&self, lines: impl IntoIterator<Item = NewLine>) {
        let told = lines.into_iter().map(|line| (line, Told::default()));
        self.push_all_told(told);
    }

    /// The same for lines of which more is known.
    pub fn push_all_told(&self, lines: impl IntoIterator<Item = (NewLine, Told)>) {
        let redactor = self.shared.lock().redactor.clone();
        let lines = lines.into_iter();
        let ready: Vec<Ready> = lines
            .map(|(line, told)| ready(line, told, &redactor))
            .collect();
        let mut inner = self.shared.lock();
        if inner.is_behind() {
            let wait = self
                .shared
                .room
                .wait_timeout_while(inner, WAIT_FOR_DISK, |inner| inner.is_behind());
            inner = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
        for line in &ready {
            inner.append(line);
        }
        self.appended(&mut inner);
    }

    fn appended(&self, inner: &mut Inner) {
        inner.make_room();
        if inner.has_news_for_writer() {
            self.shared.wake.notify_one();
        }
    }

    /// How many lines of this service were dropped.
    pub fn dropped(&self, service: &ServiceName) -> u64 {
        let inner = self.shared.lock();
        let own = inner.rings.iter().filter(|ring| ring.service == *service);
        own.map(|ring| ring.dropped).sum()
    }

    /// How many lines of all services were dropped.
    pub fn dropped_in_all(&self) -> u64 {
        self.shared
            .lock()
            .rings
            .iter()
            .map(|ring| ring.dropped)
            .sum()
    }

    /// Lines that stood in parts of files which could not be read, as far as somebody wanted to read them.
    pub fn unreadable(&self) -> u64 {
        self.shared.unreadable.load(Ordering::Relaxed)
    }

    /// Whose lines are kept, by name.
    pub fn services(&self) -> Vec<ServiceName> {
        let inner = self.shared.lock();
        let mut names: Vec<_> = inner
            .rings
            .iter()
            .map(|ring| ring.service.clone())
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// How many lines are kept.
    pub fn len(&self) -> u64 {
        self.shared.lock().rings.iter().map(Ring::lines).sum()
    }

    /// Whether no line is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that are kept in memory.
    pub fn in_memory(&self) -> usize {
        self.shared.lock().memory
    }

    /// The number that the next line gets: where a follower begins that wants only what is new.
    pub fn next_seq(&self) -> u64 {
        self.shared.lock().next_seq
    }

    /// At most `limit` lines from this number on, in the order in which they came.
    pub fn since(&self, seq: u64, limit: usize) -> Followed {
        let mut walk = Walk::new(self, Order::Arrival, false, order_before(seq));
        let end = walk.until().max(seq);
        let lines: Vec<_> = walk.lines().take(limit).collect();
        let next = match lines.last() {
            Some(last) if lines.len() == limit => last.seq + 1,
            _ => end,
        };
        Followed {
            missed: (next - seq).saturating_sub(lines.len() as u64),
            next,
            lines,
        }
    }

    /// The lines of one run from this number on, the oldest first, and where to go on.
    pub fn of_run_since(&self, service: &ServiceName, run: u64, seq: u64) -> Followed {
        let mut walk = Walk::of_run(self, service, run, false, order_before(seq));
        Followed {
            next: walk.until().max(seq),
            lines: walk.lines().collect(),
            missed: 0,
        }
    }

    /// The last lines that a run printed, made harmless, for a report.
    pub fn run_tail(&self, service: &ServiceName, run: u64, limit: usize) -> Vec<String> {
        let mut walk = Walk::of_run(self, service, run, true, Position::LAST);
        let lines = walk.lines().take(limit);
        let mut tail: Vec<String> = lines.map(|line| text::plain(&line.line.bytes)).collect();
        tail.reverse();
        tail
    }

    /// At most `limit` lines of these services (none named: of all) before this position, the newest first.
    pub fn before(
        &self,
        services: &[ServiceName],
        position: Position,
        limit: usize,
    ) -> Vec<Arc<LogLine>> {
        let mut walk = Walk::new(self, Order::Time, true, position).only(services);
        walk.lines().take(limit).collect()
    }

    /// At most `limit` lines of these services (none named: of all) after this position, the oldest first.
    pub fn after(
        &self,
        services: &[ServiceName],
        position: Position,
        limit: usize,
    ) -> Vec<Arc<LogLine>> {
        let mut walk = Walk::new(self, Order::Time, false, position).only(services);
        walk.lines().take(limit).collect()
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        self.close();
    }
}

/// Just before the line of this number, where lines stand in the order in which they came.
fn order_before(seq: u64) -> Position {
    seq.checked_sub(1).map_or(Position::FIRST, |before| {
        Order::Arrival.of(Position {
            seq: before,
            ..Position::FIRST
        })
    })
}

/// What is to be known of a line, found out before the lock is taken.
fn ready(mut line: NewLine, told: Told, redactor: &Redactor) -> Ready {
    line.bytes = redactor.bytes(line.bytes);
    let level = match line.stream {
        Stream::Mark(_) => None,
        _ => told.level.or_else(|| Level::of_line(&line.bytes)),
    };
    Ready {
        level,
        of: told.of,
        plain: is_plain(&line.bytes),
        line,
    }
}

/// Whether the line is shown as it came.
fn is_plain(line: &[u8]) -> bool {
    // Without an early end in each piece, so that it is done for many bytes at once.
    let is_ascii = line.chunks(64).all(|piece| {
        piece
            .iter()
            .fold(true, |all, byte| all & (0x20..0x7f).contains(byte))
    });
    is_ascii || matches!(text::readable(line), Cow::Borrowed(_))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn new(budget: usize) -> Self {
        Self {
            rings: Vec::new(),
            by_name: HashMap::new(),
            recent: 0,
            redactor: Redactor::default(),
            next_seq: 0,
            budget,
            memory: 0,
            // Few lines go at once where there is room for few.
            block: (budget / 64).clamp(256, BLOCK),
            disk: None,
        }
    }

    fn append(&mut self, ready: &Ready) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        let index = self.ring_of(&ready.line.service, ready.line.stream == Stream::Otlp);
        let ring = &mut self.rings[index];
        self.memory += ring.push(ready, seq);
        let cost = ring.open_cost();
        if cost >= self.block {
            ring.seal(self.block);
            if let Some(disk) = &mut self.disk {
                disk.sealed += cost;
            }
        }
        seq
    }

    fn ring_of(&mut self, service: &ServiceName, records: bool) -> usize {
        let recent = self.rings.get(self.recent);
        if recent.is_some_and(|ring| ring.service == *service && ring.records == records) {
            return self.recent;
        }
        let rings = &mut self.rings;
        let key = (service.clone(), records);
        self.recent = *self.by_name.entry(key).or_insert_with(|| {
            rings.push(Ring::new(service.clone(), records));
            rings.len() - 1
        });
        self.recent
    }

    /// Whether the disk is so far behind that memory fills up.
    fn is_behind(&self) -> bool {
        self.writes() && self.memory > self.most() / 2
    }

    /// Beyond how many bytes lines are dropped.
    fn most(&self) -> usize {
        if self.writes() {
            self.budget.saturating_mul(BEHIND.0).max(BEHIND.1)
        } else {
            self.budget
        }
    }

    /// Whether lines go to the disk.
    fn writes(&self) -> bool {
        self.disk.as_ref().is_some_and(|disk| !disk.stopped)
    }

    /// Takes lines out of memory until it is within its budget: of the fullest service first, so that one that shouts drives
    /// out its own lines.
    fn make_room(&mut self) {
        let most = self.most();
        while self.memory > self.budget {
            let fullest = self.rings.iter_mut().max_by_key(|ring| ring.memory);
            let freed = fullest.and_then(|ring| ring.release(self.memory > most));
            let Some(freed) = freed else {
                return;
            };
            self.memory -= freed;
        }
    }
}

#[cfg(test)]
mod disk_tests;
#[cfg(test)]
mod tests;
