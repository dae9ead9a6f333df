//! The content of files by their hash, so that an unchanged file is not read twice.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

/// Hashes of the files of this session's contexts. A hash is used again while size, times and inode are the same, unless
/// the file had been changed so shortly before it was read that a later change could carry the same time.
#[derive(Debug, Default)]
pub struct ContextCache {
    files: Mutex<HashMap<PathBuf, Known>>,
    read: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    stamp: Stamp,
    hash: [u8; 32],
    settled: bool,
}

/// What changes when a file is written. The change time cannot be set back, so `cp -p` and `touch -r` are seen too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    size: u64,
    device: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Younger changes than this may share their time stamp with the next one: file systems count time in ticks.
const TICK: Duration = Duration::from_millis(50);

/// How often a file that changes while it is read is read again before its newest reading is taken.
const TRIES: usize = 3;

impl ContextCache {
    /// Size and SHA-256 of a file's content; `metadata` is what was seen of it just now.
    pub(super) fn hash(&self, place: &Path, metadata: &Metadata) -> io::Result<(u64, [u8; 32])> {
        let stamp = Stamp::of(metadata);
        if let Some(known) = self.known(place)
            && known.settled
            && known.stamp == stamp
        {
            return Ok((stamp.size, known.hash));
        }
        self.read.fetch_add(1, Ordering::Relaxed);
        let mut last = read(place)?;
        for _ in 1..TRIES {
            if last.whole {
                break;
            }
            last = read(place)?;
        }
        let size = last.size;
        let known = Known {
            stamp: last.stamp,
            hash: last.hash,
            settled: last.whole && last.stamp.is_older_than(TICK),
        };
        let hash = known.hash;
        self.lock().insert(place.to_path_buf(), known);
        Ok((size, hash))
    }

    /// How often a file was read.
    pub fn files_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Forgets files that are gone; call now and then.
    pub fn forget_missing(&self) {
        let places: Vec<PathBuf> = self.lock().keys().cloned().collect();
        // A walk that goes on meanwhile does not wait until the file system has told of each.
        for place in places {
            if place.symlink_metadata().is_err() {
                self.lock().remove(&place);
            }
        }
    }

    fn known(&self, place: &Path) -> Option<Known> {
        self.lock().get(place).copied()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, Known>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Reading {
    stamp: Stamp,
    size: u64,
    hash: [u8; 32],
    /// Nothing changed it while it was read.
    whole: bool,
}

fn read(place: &Path) -> io::Result<Reading> {
    let mut file = File::open(place)?;
    let before = Stamp::of(&file.metadata()?);
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut size = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => {
                digest.update(&buffer[..count]);
                size += count as u64;
            }
        }
    }
    let stamp = Stamp::of(&file.metadata()?);
    Ok(Reading {
        stamp,
        size,
        hash: digest.finalize().into(),
        whole: stamp == before && size == stamp.size,
    })
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            device: metadata.dev(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    fn is_older_than(&self, age: Duration) -> bool {
        let (seconds, nanos) = self.changed;
        let (Ok(seconds), Ok(nanos)) = (u64::try_from(seconds), u32::try_from(nanos)) else {
            return false;
        };
        let changed = UNIX_EPOCH + Duration::new(seconds, nanos);
        SystemTime::now()
            .duration_since(changed)
            .is_ok_and(|elapsed| elapsed > age)
    }
}
