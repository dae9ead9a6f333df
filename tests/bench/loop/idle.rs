//! What Boatyard uses while the shop runs and nothing changes.

use std::fs;
use std::time::{Duration, Instant};

use super::proc_number;
use super::shop::Copy;
use super::terminal::Terminal;

/// How long is looked at.
const LOOK: Duration = Duration::from_secs(10);

/// Prints CPU and memory of an idle workbench with the shop as processes.
pub(super) fn report() {
    let copy = Copy::of("shop");
    let mut terminal = Terminal::start(&copy, &["up", "--runtime", "process"], 120, 40);
    terminal.shows(&["4 ready"]);
    let pid = terminal.child.process_id().expect("a process id");
    let (before, began) = (ticks(pid), Instant::now());
    std::thread::park_timeout(LOOK);
    while began.elapsed() < LOOK {
        std::thread::park_timeout(LOOK.saturating_sub(began.elapsed()));
    }
    let share = (ticks(pid) - before) as f64 / 100.0 / began.elapsed().as_secs_f64();
    let memory = proc_number(&format!("/proc/{pid}/status"), "VmRSS:");
    println!(
        "{:<62} {:>8.2} %",
        "idle workbench with the shop: share of one core",
        share * 100.0
    );
    println!(
        "{:<62} {:>6.1} MB",
        "idle workbench with the shop: resident memory",
        memory as f64 / 1024.0
    );
    terminal.press("q");
    terminal.ended();
}

/// Processor time of a process so far, user and system, in ticks of 10 ms.
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let number = |index: usize| {
        fields
            .get(index)
            .and_then(|word| word.parse::<u64>().ok())
            .unwrap_or(0)
    };
    number(11) + number(12)
}
