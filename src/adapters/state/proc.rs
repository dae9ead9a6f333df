//! What the kernel says of processes (`/proc`, see `proc(5)`): parents, start times, processor time, memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// One process, as `/proc/PID/stat` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcStat {
    /// Process id.
    pub pid: u32,
    /// State letter: `R`, `S`, `Z`, …
    pub state: char,
    /// Parent's process id.
    pub parent: u32,
    /// Session id.
    pub session: u32,
    /// Processor time of the process and of its children that were waited for, in clock ticks.
    pub ticks: u64,
    /// When it started, in clock ticks since the machine started.
    pub start: u64,
    /// Resident pages.
    pub resident_pages: u64,
}

impl ProcStat {
    /// Reads one process; `None` if it is gone.
    pub fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Whether it has ended and waits to be reaped.
    pub fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }

    /// Parses a line of `/proc/PID/stat`. The name in parentheses may itself hold parentheses and blanks.
    fn parse(line: &str) -> Option<Self> {
        let (pid, rest) = line.split_once(" (")?;
        let (_, fields) = rest.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        // The state is field 3 of proc(5) and the first one here.
        let number = |field: usize| fields.get(field - 3)?.parse::<i64>().ok();
        let unsigned = |field: usize| Some(u64::try_from(number(field)?).unwrap_or(0));
        Some(Self {
            pid: pid.parse().ok()?,
            state: fields.first()?.chars().next()?,
            parent: u32::try_from(number(4)?).ok()?,
            session: u32::try_from(number(6)?).ok()?,
            ticks: unsigned(14)? + unsigned(15)? + unsigned(16)? + unsigned(17)?,
            start: unsigned(22)?,
            resident_pages: unsigned(24)?,
        })
    }
}

/// Every process id there is.
pub fn all_pids() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// All living descendants of a process, parents before children, without itself.
///
/// Asks the kernel for each process's children where it can (`CONFIG_PROC_CHILDREN`), which costs only what the tree
/// is large; else every process of the machine is read once.
pub fn descendants(root: u32) -> Vec<u32> {
    if !Path::new("/proc/thread-self/children").exists() {
        return descendants_by_scan(root);
    }
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([root]);
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        for child in children(pid) {
            if seen.insert(child) {
                found.push(child);
                open.push(child);
            }
        }
    }
    found
}

/// The children that any thread of this process made.
fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|line| {
            line.split_ascii_whitespace()
                .filter_map(|child| child.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect()
}

fn descendants_by_scan(root: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for stat in all_pids().into_iter().filter_map(ProcStat::read) {
        children.entry(stat.parent).or_default().push(stat.pid);
    }
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        for child in children.remove(&pid).unwrap_or_default() {
            found.push(child);
            open.push(child);
        }
    }
    found
}

/// This process and its ancestors.
pub fn own_line() -> BTreeSet<u32> {
    let mut line = BTreeSet::new();
    let mut pid = std::process::id();
    while pid != 0 && line.insert(pid) {
        pid = ProcStat::read(pid).map_or(0, |stat| stat.parent);
    }
    line
}

/// The value of a variable in the environment that a process was started with, if we may read it.
pub fn environment(pid: u32, name: &str) -> Option<String> {
    let block = fs::read(format!("/proc/{pid}/environ")).ok()?;
    block.split(|byte| *byte == 0).find_map(|entry| {
        let entry = std::str::from_utf8(entry).ok()?;
        Some(entry.strip_prefix(name)?.strip_prefix('=')?.to_owned())
    })
}

/// The command line of a process, for people; empty if it is gone.
pub fn command_line(pid: u32) -> String {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = String::from_utf8_lossy(&words).replace('\0', " ");
    words.trim_end().to_owned()
}

/// Kills a process. One that is gone, or that runs with other rights, is left to whoever looks again.
pub fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// An id that changes with every start of the machine; process ids and start times mean something only within one.
pub fn boot_id() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_blanks_and_parentheses() {
        let line = "42 (a) b (c) S 7 42 40 34816 42 4194304 100 0 0 0 5 6 7 8 20 0 1 0 9999 1000000 250 18446744073709551615";
        let stat = ProcStat::parse(line).unwrap();
        assert_eq!(
            (stat.pid, stat.state, stat.parent, stat.session),
            (42, 'S', 7, 40)
        );
        assert_eq!(
            (stat.ticks, stat.start, stat.resident_pages),
            (26, 9999, 250)
        );
    }

    #[test]
    fn nonsense_is_no_process() {
        for line in ["", "1", "1 (x", "1 (x) S", "x (y) S 1 1 1"] {
            assert_eq!(ProcStat::parse(line), None, "{line}");
        }
    }

    #[test]
    fn this_process_has_itself_in_its_line_and_a_child_below() {
        let own = std::process::id();
        assert!(own_line().contains(&own));
        let mut child = std::process::Command::new("sleep")
            .arg("100")
            .spawn()
            .unwrap();
        assert!(descendants(own).contains(&child.id()));
        assert!(descendants_by_scan(own).contains(&child.id()));
        assert_eq!(command_line(child.id()), "sleep 100");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(ProcStat::read(child.id()), None);
    }
}
