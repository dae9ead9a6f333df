//! A file written every 5 ms for 10 s: what is live must follow at least once a second, and be the last write soon after.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::print::bar;
use super::shop::Copy;
use super::site::{self, Live};

/// How long is written, and how often.
const WRITING: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_millis(5);

/// Prints the longest time without news and the time after the last write, for a sync and for a process.
pub(super) fn report() {
    if super::hand::Hand::new("busy")
        .map(super::hand::Hand::remove)
        .is_some()
    {
        let rule = "watch = [{ path = \"web/page\", action = \"sync\", target = \"/www/page\" }]";
        measure("sync", site::stack(site::PLAIN, rule), "engine");
    }
    measure("process", process(), "process");
}

/// The site as a process that must be started again for a new page. It reads the page when it starts, and again should it have
/// met it between the two steps of a write: that is nothing that a watcher could prevent.
fn process() -> Copy {
    let serve = "d=$(mktemp -d) && until cp page $d/page && [ -s $d/page ]; do :; done && exec busybox httpd -f -p 127.0.0.1:$PORT -h $d";
    let stack = "name = \"NAME\"\n[services.web]\nrun = \"sh serve\"\ndirectory = \"web\"\nports = [\"PORT:8000\"]\nhealth = { http = \"/page\" }\n";
    Copy::with(stack, &[("web/page", "first"), ("web/serve", serve)])
}

fn measure(what: &str, copy: Copy, runtime: &str) {
    let live = Live::start(copy, runtime);
    let (port, ended) = (live.copy.port, Arc::new(AtomicBool::new(false)));
    let looking = {
        let ended = Arc::clone(&ended);
        thread::spawn(move || look(port, &ended))
    };
    let began = Instant::now();
    let mut count = 0_u32;
    while began.elapsed() < WRITING {
        count += 1;
        site::write_page(&live.folder(), &format!("count {count}"));
        let next = EVERY * count;
        while let Some(left) = next.checked_sub(began.elapsed()) {
            thread::park_timeout(left);
        }
    }
    let last = Instant::now();
    let served = site::served([127, 0, 0, 1].into(), port, &format!("count {count}"));
    ended.store(true, Ordering::SeqCst);
    let seen = looking.join().expect("it looks");
    let marks: Vec<Instant> = [began].into_iter().chain(seen.iter().copied()).collect();
    let gap = marks.windows(2).map(|pair| pair[1] - pair[0]).max();
    println!(
        "busy, {what}: {count} writes, {} of them seen live",
        seen.len()
    );
    bar(
        &format!("busy, {what}: longest time without news"),
        gap.unwrap_or(WRITING).as_secs_f64() * 1000.0,
        1000.0,
        "ms",
    );
    bar(
        &format!("busy, {what}: from the last write until it is live"),
        (served - last).as_secs_f64() * 1000.0,
        300.0,
        "ms",
    );
    live.end();
}

/// The moments at which the page was another than before.
fn look(port: u16, ended: &AtomicBool) -> Vec<Instant> {
    let (mut seen, mut last) = (Vec::new(), String::new());
    while !ended.load(Ordering::SeqCst) {
        let page = super::http::get([127, 0, 0, 1].into(), port, "/page");
        if let Some(page) = page.filter(|page| *page != last) {
            if !last.is_empty() {
                seen.push(Instant::now());
            }
            last = page;
        }
        thread::park_timeout(Duration::from_millis(2));
    }
    seen
}
