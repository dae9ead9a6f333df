//! The thread that writes lines to the disk, and what it is told.

use std::collections::HashMap;
use std::fs::DirBuilder;
use std::io;
use std::mem;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use super::block::Block;
use super::ring::Ring;
use super::segment::{self, Segment, Spot};
use super::{BLOCK, Disk, Inner, Logs, Shared};
use crate::stack::ServiceName;

/// A line is on disk after this time at the latest, if the disk follows.
const PACE: Duration = Duration::from_millis(100);

/// With so many bytes in sealed blocks the writer does not wait for the pace.
const SOON: usize = 1 << 20;

/// Bytes that are written at once, about.
const AT_ONCE: usize = 4 << 20;

/// Where and within which bounds lines are kept on disk.
#[derive(Debug, Clone)]
pub struct Spill {
    /// The folder, which is made with the first line; nothing else may be in it.
    pub folder: PathBuf,
    /// Bytes that are kept in memory too, so that the newest lines are read without the disk.
    pub memory: usize,
    /// Bytes on disk; beyond it the oldest file of the fullest service goes. The files being written stay, so it may be
    /// more by one file a service.
    pub disk: u64,
}

/// Why lines are not written to the disk any more.
#[derive(Debug, thiserror::Error)]
#[error("log lines are kept in memory only: cannot write below {}: {why}", folder.display())]
pub struct SpillError {
    /// The folder.
    pub folder: PathBuf,
    /// What the system says.
    pub why: io::Error,
}

impl Logs {
    /// From now on lines are kept on disk beyond a small part that stays in memory. When the disk fails that is told once,
    /// from a thread of its own, and the store goes on in memory within its old budget.
    ///
    /// # Errors
    /// There is no thread for it. Nothing has changed then.
    pub fn keep_on_disk(
        &self,
        spill: &Spill,
        failed: impl Fn(SpillError) + Send + 'static,
    ) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let mut inner = self.shared.lock();
        if inner.disk.is_some() {
            return Ok(());
        }
        let fallback = inner.budget;
        let files = Files::new(spill);
        let thread = thread::Builder::new()
            .name("log store".to_owned())
            .spawn(move || write(&shared, files, fallback, &failed))?;
        inner.budget = spill.memory;
        inner.block = BLOCK.min(spill.memory.max(1 << 10));
        inner.disk = Some(Disk {
            budget: spill.disk,
            used: 0,
            dirty: inner.next_seq > 0,
            sealed: 0,
            wanted: 0,
            written: 0,
            closing: false,
            stopped: false,
        });
        drop(inner);
        *self.writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Waits until every line that was kept before is on disk, or the disk has failed.
    pub fn flush(&self) {
        let mut inner = self.shared.lock();
        let until = inner.next_seq;
        if let Some(disk) = &mut inner.disk {
            disk.wanted = disk.wanted.max(until);
            self.shared.wake.notify_one();
        }
        let done = self.shared.room.wait_while(inner, |inner| {
            let disk = inner.disk.as_ref();
            disk.is_some_and(|disk| !disk.stopped && disk.written < until)
        });
        drop(done);
    }

    /// Writes what is left and ends the writer; for whoever can wait no longer for the last owner to go.
    pub fn close(&self) {
        if let Some(disk) = &mut self.shared.lock().disk {
            disk.closing = true;
        }
        self.shared.wake.notify_one();
        let writer = self.writer.lock();
        let writer = writer.unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            drop(writer.join());
        }
    }
}

impl Inner {
    /// Whether the writer must be told that lines came.
    pub(super) fn has_news_for_writer(&mut self) -> bool {
        let Some(disk) = self.disk.as_mut().filter(|disk| !disk.stopped) else {
            return false;
        };
        let was_dirty = mem::replace(&mut disk.dirty, true);
        !was_dirty || disk.sealed >= SOON
    }

    /// What is to be written: all lines that were not.
    fn jobs(&mut self) -> Vec<Job> {
        if let Some(disk) = &mut self.disk {
            (disk.dirty, disk.sealed) = (false, 0);
        }
        let extent = self.block;
        let rings = self.rings.iter_mut().enumerate();
        let jobs = rings.flat_map(|(index, ring)| {
            ring.seal(extent);
            let blocks = ring.unwritten().into_iter();
            let (service, records) = (&ring.service, ring.records);
            blocks.map(move |unwritten| Job {
                ring: index,
                number: unwritten.number,
                begins: unwritten.begins,
                service: service.clone(),
                records,
                block: unwritten.block,
            })
        });
        jobs.collect()
    }

    /// Takes note of what was written. Gives back files that are beyond the budget and belong to nobody any more.
    fn wrote(&mut self, done: Vec<Done>) -> Vec<Arc<Segment>> {
        for Done { ring, number, spot } in done {
            if let Some(disk) = &mut self.disk {
                disk.used += spot.length;
            }
            self.rings[ring].wrote(number, spot);
        }
        self.make_room();
        let mut gone = Vec::new();
        while let Some(disk) = &mut self.disk
            && disk.used > disk.budget
        {
            let fullest = self.rings.iter_mut().max_by_key(|ring| ring.droppable());
            let fullest = fullest.filter(|ring| ring.droppable() > 0);
            let Some((segment, bytes, freed)) = fullest.and_then(Ring::drop_segment) else {
                break;
            };
            disk.used = disk.used.saturating_sub(bytes);
            self.memory -= freed;
            gone.push(segment);
        }
        gone
    }
}

/// A block to be written.
struct Job {
    ring: usize,
    number: u64,
    /// Whether it may stand in another file than the one before it.
    begins: bool,
    service: ServiceName,
    records: bool,
    block: Arc<Block>,
}

/// A block that was written.
struct Done {
    ring: usize,
    number: u64,
    spot: Spot,
}

fn write(shared: &Shared, mut files: Files, fallback: usize, failed: &impl Fn(SpillError)) {
    loop {
        let (jobs, until, closing) = next_jobs(shared);
        let (done, error) = files.write(&jobs);
        drop(jobs);
        let mut inner = shared.lock();
        let gone = inner.wrote(done);
        let failing = error.is_some();
        if let Some(disk) = &mut inner.disk {
            disk.stopped = failing || closing;
            disk.written = until;
        }
        if failing {
            inner.budget = fallback;
            inner.make_room();
        }
        drop(inner);
        shared.room.notify_all();
        for segment in gone {
            // Who still reads it has it open.
            drop(std::fs::remove_file(&segment.path));
        }
        if let Some(why) = error {
            let folder = files.folder;
            return failed(SpillError { folder, why });
        }
        if closing {
            return;
        }
    }
}

/// Waits for lines, then a little for more of them. Tells too up to which number, and whether these are the last.
fn next_jobs(shared: &Shared) -> (Vec<Job>, u64, bool) {
    let is_idle = |inner: &mut Inner| {
        let disk = inner.disk.as_ref();
        disk.is_none_or(|disk| !disk.dirty && !disk.is_waited_for())
    };
    let may_wait = |inner: &mut Inner| {
        let disk = inner.disk.as_ref();
        disk.is_none_or(|disk| disk.sealed < SOON && !disk.is_waited_for())
    };
    let inner = shared.wake.wait_while(shared.lock(), is_idle);
    let inner = inner.unwrap_or_else(PoisonError::into_inner);
    let waited = shared.wake.wait_timeout_while(inner, PACE, may_wait);
    let mut inner = waited.unwrap_or_else(PoisonError::into_inner).0;
    let closing = inner.disk.as_ref().is_some_and(|disk| disk.closing);
    (inner.jobs(), inner.next_seq, closing)
}

impl Disk {
    fn is_waited_for(&self) -> bool {
        self.closing || self.written < self.wanted
    }
}

/// The files of all services.
struct Files {
    folder: PathBuf,
    is_made: bool,
    largest: u64,
    current: HashMap<usize, Current>,
}

/// The file to which a service's lines go.
struct Current {
    segment: Arc<Segment>,
    number: u32,
    length: u64,
}

impl Files {
    fn new(spill: &Spill) -> Self {
        Self {
            folder: spill.folder.clone(),
            is_made: false,
            // So small that little goes at once when the budget is reached.
            largest: (spill.disk / 32).clamp(1 << 10, 64 << 20),
            current: HashMap::new(),
        }
    }

    /// Writes blocks; what was written before an error is told too.
    fn write(&mut self, jobs: &[Job]) -> (Vec<Done>, Option<io::Error>) {
        let mut done = Vec::new();
        for of_ring in jobs.chunk_by(|one, next| one.ring == next.ring) {
            let mut rest = of_ring;
            while !rest.is_empty() {
                match self.write_some(rest) {
                    Ok(mut written) => {
                        rest = &rest[written.len()..];
                        done.append(&mut written);
                    }
                    Err(error) => return (done, Some(error)),
                }
            }
        }
        (done, None)
    }

    /// Writes as many blocks of one service as are good at once, into one file.
    fn write_some(&mut self, jobs: &[Job]) -> io::Result<Vec<Done>> {
        let current = self.file_for(&jobs[0])?;
        let (mut bytes, mut done) = (Vec::new(), Vec::new());
        for job in jobs {
            let offset = current.length + bytes.len() as u64;
            let is_full = job.begins && offset >= self.largest;
            if !done.is_empty() && (is_full || bytes.len() >= AT_ONCE) {
                break;
            }
            let before = bytes.len();
            segment::put(&mut bytes, &job.block);
            done.push(Done {
                ring: job.ring,
                number: job.number,
                spot: Spot {
                    segment: Arc::clone(&current.segment),
                    offset,
                    length: (bytes.len() - before) as u64,
                },
            });
        }
        current.segment.write(&bytes, current.length)?;
        let length = current.length + bytes.len() as u64;
        if let Some(current) = self.current.get_mut(&jobs[0].ring) {
            current.length = length;
        }
        Ok(done)
    }

    /// The file into which this block goes: a new one when the old one is full.
    fn file_for(&mut self, job: &Job) -> io::Result<Current> {
        let known = self.current.get(&job.ring);
        if let Some(current) = known
            && !(job.begins && current.length >= self.largest)
        {
            return Ok(current.clone());
        }
        let number = known.map_or(0, |current| current.number + 1);
        if !self.is_made {
            let mut folder = DirBuilder::new();
            folder.recursive(true).mode(0o700).create(&self.folder)?;
            self.is_made = true;
        }
        let path = self.folder.join(format!("{:04}-{number:06}.log", job.ring));
        let (segment, length) = Segment::create(path, &job.service, job.records)?;
        let current = Current {
            segment: Arc::new(segment),
            number,
            length,
        };
        self.current.insert(job.ring, current.clone());
        Ok(current)
    }
}

impl Clone for Current {
    fn clone(&self) -> Self {
        Self {
            segment: Arc::clone(&self.segment),
            ..*self
        }
    }
}
