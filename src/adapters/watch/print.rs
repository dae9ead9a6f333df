//! What a file was like when it was last looked at.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A larger file is told by its size and times alone.
const HASHED_UP_TO: u64 = 64 << 20;

/// Only such files are read before they change. Sources are smaller; a touch of a larger one counts once as a change.
const READ_AHEAD_UP_TO: u64 = 1 << 20;

/// A file that was written this short a time ago may be written again within the same tick of the file system's clock.
const RACY: Duration = Duration::from_millis(50);

/// How far ahead of ours the clock of a file system may be for its files to be taken as just written.
const AHEAD: Duration = Duration::from_secs(10);

/// Size, times, identity and permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    size: u64,
    mtime: (i64, i64),
    ctime: (i64, i64),
    inode: (u64, u64),
    mode: u32,
}

/// A file's fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Print {
    stat: Stat,
    /// Hash of the content, if it was read.
    hash: Option<u64>,
    /// It was looked at so shortly after a write that another one may not show in size and times.
    fresh: bool,
}

impl Print {
    /// Size and times alone; `None` if there is no such file or link (a folder, a socket and a pipe are none).
    pub(super) fn outside(path: &Path) -> Option<Self> {
        let data = fs::symlink_metadata(path).ok()?;
        let stat = (data.is_file() || data.is_symlink()).then(|| Stat::of(&data))?;
        Some(Self {
            fresh: stat.is_racy(),
            stat,
            hash: None,
        })
    }

    /// That of no file: every file differs from it.
    pub(super) fn of_none() -> Self {
        let stat = Stat {
            size: u64::MAX,
            mtime: (0, 0),
            ctime: (0, 0),
            inode: (0, 0),
            mode: 0,
        };
        Self {
            stat,
            hash: None,
            fresh: true,
        }
    }

    /// With the content, both of the same moment unless the file is written without end.
    pub(super) fn whole(path: &Path) -> Option<Self> {
        const TRIES: usize = 4;
        let mut print = Self::outside(path)?;
        for _ in 0..TRIES {
            print.hash = hash(path, print.stat.size).ok();
            let after = Self::outside(path)?;
            if after.stat == print.stat {
                return Some(print);
            }
            print = after;
        }
        // No print of before is like this one.
        Some(Self {
            hash: None,
            ..print
        })
    }

    /// Whether the content is not known and small enough to be read ahead of any change.
    pub(super) fn wants_reading(&self) -> bool {
        self.hash.is_none() && self.stat.size <= READ_AHEAD_UP_TO
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.stat.size == 0
    }

    /// The same with the content, if the file is still just as it was when its size and times were read, and that long
    /// enough ago for a later write to show.
    pub(super) fn completed(&self, path: &Path) -> Option<Self> {
        let before = Self::outside(path)?;
        if before.stat != self.stat || self.stat.is_racy() {
            return None;
        }
        let whole = Self::whole(path)?;
        (Self::outside(path)?.stat == self.stat).then_some(whole)
    }

    /// Whether it was written too short a time ago to be trusted.
    pub(super) fn is_racy(&self) -> bool {
        self.stat.is_racy()
    }

    /// Whether a file looks untouched from outside.
    pub(super) fn looks_like(&self, other: &Self) -> bool {
        self.stat == other.stat
    }

    /// Whether a file must be read to know that it is untouched.
    pub(super) fn may_differ(&self, now: &Self) -> bool {
        self.fresh || !self.looks_like(now)
    }

    /// Whether it was saved after this moment.
    pub(super) fn is_younger_than(&self, moment: SystemTime) -> bool {
        self.stat.changed() > moment
    }

    /// Whether a file that had this print has another content (or may be executed by others) now.
    pub(super) fn differs(&self, now: &Self) -> bool {
        if self.stat.size != now.stat.size || self.stat.mode != now.stat.mode {
            return true;
        }
        match (self.hash, now.hash) {
            (Some(before), Some(now)) => before != now,
            _ => {
                self.fresh || self.stat.mtime != now.stat.mtime || self.stat.inode != now.stat.inode
            }
        }
    }
}

impl Stat {
    fn of(data: &fs::Metadata) -> Self {
        Self {
            size: data.size(),
            mtime: (data.mtime(), data.mtime_nsec()),
            ctime: (data.ctime(), data.ctime_nsec()),
            inode: (data.dev(), data.ino()),
            mode: data.mode() & 0o170_111,
        }
    }

    fn is_racy(&self) -> bool {
        match self.changed().elapsed() {
            Ok(since) => since < RACY,
            // A clock that is a little ahead of ours; one that is far ahead would never be trusted.
            Err(ahead) => ahead.duration() < AHEAD,
        }
    }

    /// When it was changed last, by its file system's clock. (Its time of modification may be anything.)
    fn changed(&self) -> SystemTime {
        let (seconds, nanos) = self.ctime;
        let seconds = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        let nanos = Duration::from_nanos(u64::try_from(nanos).unwrap_or(0));
        SystemTime::UNIX_EPOCH + seconds + nanos
    }
}

/// Hash of a file's content, or of a link's target. It is compared within this process only.
fn hash(path: &Path, size: u64) -> io::Result<u64> {
    let mut hasher = DefaultHasher::new();
    let data = fs::symlink_metadata(path)?;
    if data.is_symlink() {
        hasher.write(fs::read_link(path)?.as_os_str().as_bytes());
        return Ok(hasher.finish());
    }
    // Opening a pipe that took the file's place would block.
    if !data.is_file() || size > HASHED_UP_TO {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let mut file = File::open(path)?;
    // One byte more than there should be, so that most files are known to be over by one more reading of nothing.
    let length = usize::try_from(size).unwrap_or(usize::MAX);
    let mut buffer = vec![0; length.saturating_add(1).clamp(512, 64 << 10)];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            length => hasher.write(&buffer[..length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_content_is_a_difference() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        let print = || Print::whole(&file).unwrap();
        fs::write(&file, "one").unwrap();
        let one = print();
        File::open(&file)
            .unwrap()
            .set_modified(SystemTime::UNIX_EPOCH)
            .unwrap();
        assert!(!one.differs(&print()), "a touch");
        fs::write(&file, "one").unwrap();
        assert!(!one.differs(&print()), "the same again");
        fs::remove_file(&file).unwrap();
        fs::write(&file, "one").unwrap();
        assert!(!one.differs(&print()), "a new file with the same content");
        fs::write(&file, "two").unwrap();
        assert!(one.differs(&print()));
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("one", &file).unwrap();
        assert!(one.differs(&print()), "a link in its place");
        assert_eq!(Print::whole(folder.path()), None);
    }

    #[test]
    fn a_time_of_modification_that_is_yet_to_come_means_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, "one").unwrap();
        let year = Duration::from_secs(365 * 24 * 3600);
        let now = SystemTime::now();
        let written = File::open(&file).unwrap();
        written.set_modified(now + year).unwrap();
        let print = Print::outside(&file).unwrap();
        assert!(!print.is_younger_than(now + Duration::from_secs(600)));
        assert!(print.is_younger_than(now - Duration::from_secs(600)));
    }

    #[test]
    fn a_file_just_written_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, "one").unwrap();
        let print = Print::outside(&file).unwrap();
        assert_eq!(print.completed(&file), None);
    }
}
