//! Removing what a dead session left: its recorded processes, and whatever carries its mark.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use super::ledger::{self, LedgerFile};
use super::proc::{self, ProcStat};
use crate::adapters::Identity;

/// How long the leftovers of a dead session may take to go by themselves: their shims are already at it.
const BY_THEMSELVES: Duration = Duration::from_millis(300);

/// How long killed processes may take to be gone.
const UNTIL_GONE: Duration = Duration::from_secs(3);

/// The mark in the environment of every process of a run.
pub fn mark(identity: &Identity, run: u64) -> String {
    format!("{}{}/{run}", stack_mark(identity), identity.session)
}

/// What dead sessions laid out for their helpers: files that nobody but their containers needed.
fn remove_kits(identity: &Identity) {
    let own = identity.helper_folder();
    for entry in fs::read_dir(identity.state_folder())
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name();
        let is_kit = name.to_string_lossy().starts_with(Identity::HELPER_FOLDER);
        if is_kit && entry.path() != own {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

fn stack_mark(identity: &Identity) -> String {
    format!("{}-{}/", identity.stack, identity.hash)
}

/// Kills what earlier sessions of this stack left, and says what it was, a line each. Call it while holding the stack's
/// [`SessionLock`](super::SessionLock) and before a [`Ledger`](super::Ledger) of this session is written.
///
/// A process is killed only if it was recorded with this process id *and* this start time since the machine started, or
/// carries this stack's mark of another session in its environment, or descends from such a process. This process and
/// its ancestors are never touched.
pub fn sweep(identity: &Identity) -> Vec<String> {
    remove_kits(identity);
    let deadline = Instant::now() + BY_THEMSELVES;
    let mut left = find(identity);
    while !left.is_empty() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
        left = find(identity);
    }
    let mut said = BTreeMap::new();
    let deadline = Instant::now() + UNTIL_GONE;
    while !left.is_empty() && Instant::now() < deadline {
        for (pid, whose) in &left {
            said.entry(*pid)
                .or_insert_with(|| format!("pid {pid} ({}) of {whose}", shown(*pid)));
            proc::kill(*pid);
        }
        thread::sleep(Duration::from_millis(5));
        left = find(identity);
    }
    let survivors: BTreeSet<u32> = left.keys().copied().collect();
    if survivors.is_empty() {
        forget(identity);
    }
    said.into_iter()
        .map(|(pid, what)| {
            if survivors.contains(&pid) {
                format!("could not kill {what}: it runs with other rights")
            } else {
                format!("killed {what}")
            }
        })
        .collect()
}

/// Everything that earlier sessions left: process id, and what it belonged to.
fn find(identity: &Identity) -> BTreeMap<u32, String> {
    // Somebody may run us inside a run of an earlier session.
    let own = proc::own_line();
    let mut found = marked(identity);
    found.extend(recorded(identity));
    found.retain(|pid, _| !own.contains(pid));
    for (pid, whose) in found.clone() {
        for child in proc::descendants(pid) {
            found.entry(child).or_insert_with(|| whose.clone());
        }
    }
    found.retain(|pid, _| {
        !own.contains(pid) && ProcStat::read(*pid).is_some_and(|stat| !stat.is_dead())
    });
    found
}

fn recorded(identity: &Identity) -> BTreeMap<u32, String> {
    let file = read(identity).filter(|file| file.boot == proc::boot_id());
    let entries = file
        .filter(|file| file.session != identity.session)
        .map(|file| file.entries)
        .unwrap_or_default();
    entries
        .into_iter()
        .filter(ledger::LedgerEntry::is_alive)
        .map(|entry| (entry.pid, format!("{}, run #{}", entry.service, entry.run)))
        .collect()
}

fn marked(identity: &Identity) -> BTreeMap<u32, String> {
    let stack = stack_mark(identity);
    let of_other_session = |pid: u32| {
        let mark = proc::environment(pid, super::MARK)?;
        let (session, run) = mark.strip_prefix(&stack)?.split_once('/')?;
        (session != identity.session).then(|| (pid, format!("run #{run} of an earlier session")))
    };
    proc::all_pids()
        .into_iter()
        .filter_map(of_other_session)
        .collect()
}

fn read(identity: &Identity) -> Option<LedgerFile> {
    let text = fs::read(ledger::path(identity)).ok()?;
    serde_json::from_slice(&text).ok()
}

fn forget(identity: &Identity) {
    if read(identity).is_some_and(|file| file.session != identity.session) {
        drop(fs::remove_file(ledger::path(identity)));
    }
}

fn shown(pid: u32) -> String {
    let mut line = proc::command_line(pid);
    if let Some((end, _)) = line.char_indices().nth(80) {
        line.truncate(end);
        line.push('…');
    }
    line
}
