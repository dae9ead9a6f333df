//! One session per stack: a lock that the kernel gives back however its holder ends.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::adapters::Identity;

/// The right to run a stack. Given back when dropped, and by the kernel when the process ends.
#[derive(Debug)]
pub struct SessionLock {
    _file: File,
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
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(LockRefused::Held(holder(&path, identity)));
            }
            Err(errno) => return Err(unusable(errno.into())),
        }
        write_holder(&mut file, identity).map_err(unusable)?;
        Ok(Self { _file: file })
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

/// Reads who holds the lock. The holder writes its name just after it got the lock, so a short wait may be needed.
fn holder(path: &Path, identity: &Identity) -> Held {
    for _ in 0..20 {
        let mut text = String::new();
        let read = File::open(path).and_then(|mut file| file.read_to_string(&mut text));
        if read.is_ok()
            && let Ok(held) = serde_json::from_str::<Held>(&text)
            && super::proc::ProcStat::read(held.pid).is_some_and(|stat| !stat.is_dead())
        {
            return held;
        }
        thread::sleep(Duration::from_millis(10));
    }
    Held {
        stack: identity.stack.clone(),
        pid: 0,
        command: String::new(),
        since: Timestamp::UNIX_EPOCH,
    }
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
