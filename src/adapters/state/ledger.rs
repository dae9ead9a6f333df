//! Which processes this session has started, on disk, so that the next session can find what this one left.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::proc::{ProcStat, boot_id};
use crate::adapters::Identity;

/// A process as it was when it was recorded. Its id alone says little: the kernel gives ids out again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Process id.
    pub pid: u32,
    /// Its start time in clock ticks since the machine started.
    pub start: u64,
    /// The run's number.
    pub run: u64,
    /// The service's name.
    pub service: String,
    /// What it is, for people: `shim` or the command.
    pub what: String,
}

impl LedgerEntry {
    /// Whether the very process that was recorded still lives.
    pub fn is_alive(&self) -> bool {
        ProcStat::read(self.pid).is_some_and(|stat| stat.start == self.start && !stat.is_dead())
    }
}

/// The file as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LedgerFile {
    /// Start of the machine that the entries belong to.
    pub(super) boot: String,
    /// Session that wrote it.
    pub(super) session: String,
    /// What lives, as far as that session knew.
    pub(super) entries: Vec<LedgerEntry>,
}

/// The record of one session. Every change is on disk, whole, before the call returns.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: Mutex<LedgerFile>,
}

impl Ledger {
    /// An empty record for this session. What an earlier session wrote is kept until the first change, so sweep first.
    pub fn new(identity: &Identity) -> Self {
        Self {
            path: path(identity),
            file: Mutex::new(LedgerFile {
                boot: boot_id(),
                session: identity.session.clone(),
                entries: Vec::new(),
            }),
        }
    }

    /// Records a process that has just been started. One that is gone already needs no record.
    pub fn record(&self, pid: u32, run: u64, service: &str, what: &str) -> io::Result<()> {
        let Some(stat) = ProcStat::read(pid) else {
            return Ok(());
        };
        let entry = LedgerEntry {
            pid,
            start: stat.start,
            run,
            service: service.into(),
            what: what.into(),
        };
        self.change(|entries| entries.push(entry))
    }

    /// Forgets the processes of a run: nothing of it is left.
    pub fn forget(&self, run: u64) -> io::Result<()> {
        self.change(|entries| entries.retain(|entry| entry.run != run))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<LedgerEntry>)) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut file.entries);
        write(&self.path, &file)
    }
}

pub(super) fn path(identity: &Identity) -> PathBuf {
    identity.state_folder().join("processes.json")
}

/// Writes beside and renames, so that whoever reads sees the old record or the new one, never half of one.
fn write(path: &PathBuf, file: &LedgerFile) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension("json.new");
    fs::write(&beside, serde_json::to_vec_pretty(file)?)?;
    fs::rename(&beside, path)
}
