//! What Boatyard itself does between the wish to build and the engine's work: the walk of a large context, its key, and a
//! build that turns out to be nothing new.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use boatyard::adapters::build::{ContextCache, Tree, content_key};
use boatyard::adapters::ignore_rules::DockerIgnore;

use super::hand::Hand;
use super::print::{ratio, row};
use super::site;

/// Prints the shares of a build that are ours, for 5,000 files.
pub(super) fn report(rounds: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let context = folder.path().join("web");
    site::write(&context, site::PLAIN);
    site::write_many(&context);
    let rules = DockerIgnore::parse("*.log\n**/node_modules\n.git\n");
    let (cache, stop) = (ContextCache::default(), AtomicBool::new(false));
    let walk = || Tree::walk(&context, &rules, &cache, &stop).expect("it can be walked");
    let began = Instant::now();
    let tree = walk();
    println!(
        "{:<62} {:>9.1}",
        format!(
            "first walk of {} entries, every file read",
            tree.entries.len()
        ),
        began.elapsed().as_secs_f64() * 1000.0
    );
    let build = site::build(&context);
    let (mut by_hand, mut ours, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds.max(20) {
        by_hand.push(timed(|| drop(listed(&context))));
        ours.push(timed(|| drop(walk())));
        keys.push(timed(|| drop(content_key(&build, b"FROM x", &[], &tree))));
    }
    let floor = row(
        "floor: list and stat every entry, one after another",
        by_hand,
    );
    let walked = row("walk when nothing changed", ours);
    ratio("walk: ratio", walked, floor, 1.5);
    row("key of the content", keys);
    let Some(hand) = Hand::new("context") else {
        return;
    };
    let service = site::service(&context);
    let sink: boatyard::adapters::build::Sink = Arc::new(|_| {});
    let make = || hand.block_on(hand.workshop.make(&service, false, &sink));
    make().expect("it is built");
    let mut nothing_new = Vec::new();
    for _ in 0..rounds.max(20) {
        nothing_new.push(timed(|| drop(make())));
    }
    row(
        "a build of 5,000 files in which nothing changed",
        nothing_new,
    );
    hand.remove();
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

/// Every entry below a folder with what the file system says about it.
fn listed(folder: &Path) -> Vec<(std::path::PathBuf, fs::Metadata)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(metadata) = path.symlink_metadata() else {
                continue;
            };
            if metadata.is_dir() {
                open.push(path.clone());
            }
            found.push((path, metadata));
        }
    }
    found
}
