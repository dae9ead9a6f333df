//! What sessions left on disk: which there are, what they said, and which of them go.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::segment::{Segment, Spot};
use super::{BLOCK, Logs, Ring};

/// Sessions of a stack that are kept, the one that runs not counted.
const SESSIONS: usize = 10;

/// Bytes that the sessions of a stack may have together; the last one stays even if it has more.
const BYTES: u64 = 2 << 30;

/// The lines of a session that were read from its files.
#[derive(Debug)]
pub struct Archive {
    /// The lines. More may be added, but only in memory.
    pub logs: Logs,
    /// Whether parts of the files are damaged, or the last of them was torn off.
    pub is_damaged: bool,
    /// Lines that the session had, but that it dropped or that were not written before it was killed.
    pub missing: u64,
}

/// The folder of a session's lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionLogs {
    /// The folder.
    pub folder: PathBuf,
    /// When the session began.
    pub began: Timestamp,
}

impl Archive {
    /// Finds the lines that are in this folder, whole to the last block that was written; a session may be writing there.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let mut paths: Vec<PathBuf> = fs::read_dir(folder)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == "log"))
            .collect();
        paths.sort();
        let logs = Logs::new(0);
        let mut inner = logs.shared.lock();
        let mut is_damaged = false;
        for path in paths {
            let opened = match Segment::open(path) {
                // The session that writes there has just dropped it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            let Some((segment, service, records, offset)) = opened else {
                is_damaged = true;
                continue;
            };
            let (seen, damaged) = segment.scan(offset)?;
            is_damaged |= damaged;
            let segment = Arc::new(segment);
            let index = inner.ring_of(&service, records);
            for block in seen {
                let spot = Spot {
                    segment: Arc::clone(&segment),
                    offset: block.offset,
                    length: block.length,
                };
                inner.found(index, block.summary, spot);
            }
        }
        let kept: u64 = inner.rings.iter().map(Ring::lines).sum();
        let missing = inner.next_seq.saturating_sub(kept);
        drop(inner);
        Ok(Self {
            logs,
            is_damaged,
            missing,
        })
    }
}

impl super::Inner {
    fn found(&mut self, ring: usize, summary: super::block::Summary, spot: Spot) {
        self.next_seq = self.next_seq.max(summary.last.seq.saturating_add(1));
        let last = self.rings[ring].last();
        // Behind damage a file could tell anything; order is what readers rely on.
        if last.is_none_or(|last| last < summary.first && last.seq < summary.first.seq) {
            self.rings[ring].found(summary, spot, BLOCK as u64);
        }
    }
}

/// The sessions that left lines in this folder, the newest first. Their folders are called as sessions are: process id, and
/// start in milliseconds.
pub fn sessions(folder: &Path) -> Vec<SessionLogs> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<SessionLogs> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let (process, millis) = name.to_str()?.split_once('-')?;
            process.parse::<u32>().ok()?;
            let began = Timestamp::from_millisecond(millis.parse().ok()?).ok()?;
            Some(SessionLogs {
                folder: entry.path(),
                began,
            })
        })
        .collect();
    found.sort_by(|a, b| (b.began, &b.folder).cmp(&(a.began, &a.folder)));
    found
}

/// Removes the oldest sessions that left lines in this folder: those beyond ten, and beyond 2 GiB together. The last one
/// always stays. Only for who holds the stack's lock, before it writes lines there itself.
pub fn prune_sessions(folder: &Path) {
    let mut bytes = 0;
    for (index, session) in sessions(folder).iter().enumerate() {
        bytes += size(&session.folder);
        if index >= SESSIONS || (index > 0 && bytes > BYTES) {
            // What cannot be removed is tried again by the next session.
            drop(fs::remove_dir_all(&session.folder));
        }
    }
}

fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Some(entry.metadata().ok()?.len()))
        .sum()
}
