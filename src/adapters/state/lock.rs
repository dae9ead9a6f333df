//! One session per stack: a lock that the kernel gives back however its holder ends.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::adapters::Identity;

/// How often a lock is tried that nobody living says to hold, which lasts for an instant only.
const TRIES: usize = 30;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// The right to run a stack. Given back when dropped, and by the kernel when the process ends.
#[derive(Debug)]
pub struct SessionLock {
    file: File,
}

/// Who runs the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Name of the stack.
    pub stack: String,
    /// Process id of the session.
    pub pid: u32,
    /// Its command line.
    pub command: String,
    /// Since when.
    pub since: Timestamp,
}

/// Why the lock was not given.
#[derive(Debug, thiserror::Error)]
pub enum LockRefused {
    /// Another session runs the stack.
    #[error("{}", describe(.0))]
    Held(Held),
    /// The lock file cannot be used.
    #[error(
        "cannot lock {}: {why}; set XDG_STATE_HOME to a folder on this machine that you may write to",
        path.display()
    )]
    Unusable { path: PathBuf, why: io::Error },
}

impl SessionLock {
    /// Takes the lock of this stack, or says who has it. A lock of a session that is dead never stands in the way.
    pub fn acquire(identity: &Identity) -> Result<Self, LockRefused> {
        let folder = identity.state_folder();
        let path = folder.join("lock");
        let unusable = |why: io::Error| LockRefused::Unusable {
            path: path.clone(),
            why,
        };
        fs::create_dir_all(&folder).map_err(unusable)?;
        // The file is never deleted: a second session could lock the deleted one while a third locks its successor.
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(unusable)?;
        for _ in 0..TRIES {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {
                    write_holder(&mut file, identity).map_err(unusable)?;
                    return Ok(Self { file });
                }
                Err(rustix::io::Errno::WOULDBLOCK) => {}
                Err(errno) => return Err(unusable(errno.into())),
            }
            if let Some(held) = holder(&path) {
                return Err(LockRefused::Held(held));
            }
            thread::sleep(BETWEEN_TRIES);
        }
        Err(LockRefused::Held(Held {
            stack: identity.stack.clone(),
            pid: 0,
            command: String::new(),
            since: Timestamp::UNIX_EPOCH,
        }))
    }
}

impl Drop for SessionLock {
    fn drop(&mut self) {
        // A process that is just being made holds a copy of the file for an instant; it must not look like ours.
        drop(self.file.set_len(0));
    }
}

fn write_holder(file: &mut File, identity: &Identity) -> io::Result<()> {
    let held = Held {
        stack: identity.stack.clone(),
        pid: std::process::id(),
        command: own_command(),
        since: Timestamp::now(),
    };
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&serde_json::to_vec(&held)?)
}

/// Our own command line as it was typed, but for the path of the program.
fn own_command() -> String {
    let mut words: Vec<String> = std::env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    if let Some(program) = words.first_mut() {
        let name = Path::new(program.as_str()).file_name();
        *program = name.map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    }
    words.join(" ")
}

/// Who says to hold the lock, if that session lives. The holder writes its name just after it got the lock.
fn holder(path: &Path) -> Option<Held> {
    let held: Held = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let stat = super::proc::ProcStat::read(held.pid)?;
    (!stat.is_dead()).then_some(held)
}

fn describe(held: &Held) -> String {
    if held.pid == 0 {
        return format!("stack {} is already run by another session", held.stack);
    }
    let since = held.since.to_zoned(TimeZone::system());
    let today = Timestamp::now().to_zoned(TimeZone::system()).date();
    let format = if since.date() == today {
        "%H:%M"
    } else {
        "%Y-%m-%d %H:%M"
    };
    format!(
        "stack {} is already run by pid {} (`{}`, since {})",
        held.stack,
        held.pid,
        held.command,
        since.strftime(format)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_the_lock_is_said_in_one_sentence() {
        let held = Held {
            stack: "shop".into(),
            pid: 1234,
            command: "boatyard up".into(),
            since: "2020-01-02T12:00:00Z".parse().unwrap(),
        };
        let said = LockRefused::Held(held).to_string();
        assert!(
            said.starts_with(
                "stack shop is already run by pid 1234 (`boatyard up`, since 2020-01-0"
            ),
            "{said}"
        );
    }
}
