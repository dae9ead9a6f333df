//! A branch switched away and back: 10,000 files, each removed and made anew, as git does.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::print::{bar, row};
use super::site::{self, Live};

/// How many files a switch changes.
const FILES: u32 = 10_000;

/// Prints how long after its last write a switch is live, and how many changes and builds it took.
pub(super) fn report(rounds: usize) {
    if super::hand::Hand::new("branch")
        .map(super::hand::Hand::remove)
        .is_none()
    {
        return;
    }
    let copy = site::stack(site::PLAIN, "");
    switch(&copy.directory().join("web"), "main");
    let mut live = Live::start(copy, "engine");
    let (mut away, mut back) = (Vec::new(), Vec::new());
    let (mut builds, mut changes, mut built_back) = (0, 0, 0);
    for round in 0..rounds {
        away.push(switch_until_served(&mut live, &format!("branch {round}")));
        let before = built(&live);
        back.push(switch_until_served(&mut live, "main"));
        built_back += built(&live) - before;
        builds = built(&live);
        changes = live.count("change-seen");
    }
    live.end();
    let away = row("branch: last write until served, away (a build)", away);
    let back = row("branch: last write until served, back", back);
    bar("branch: away", away, 1500.0, "ms");
    bar("branch: back", back, 1500.0, "ms");
    bar(
        "branch: builds on the way back",
        built_back as f64,
        0.0,
        "builds",
    );
    bar(
        "branch: changes for each switch",
        changes as f64 / (2 * rounds) as f64,
        1.0,
        "changes",
    );
    println!("branch: {builds} builds for {rounds} branches and the first");
}

/// Builds that the builder was asked for.
fn built(live: &Live) -> usize {
    let said = live.session.said.iter();
    said.filter(|value| value["notice"] == "build-finished" && value["cached"] == false)
        .count()
}

fn switch_until_served(live: &mut Live, branch: &str) -> Duration {
    switch(&live.folder(), branch);
    let began = Instant::now();
    let took = site::served([127, 0, 0, 1].into(), live.copy.port, branch) - began;
    live.session.notice("change-live", "web");
    took
}

/// Makes every file what it is on this branch; the page is the last.
fn switch(folder: &Path, branch: &str) {
    for number in 0..FILES {
        let folder = folder.join(format!("src/{:02}", number % 100));
        fs::create_dir_all(&folder).expect("a folder can be made");
        write_anew(
            &folder.join(format!("{number}.txt")),
            &format!("{branch} {number}\n"),
        );
    }
    write_anew(&folder.join("page"), branch);
}

fn write_anew(path: &Path, text: &str) {
    drop(fs::remove_file(path));
    fs::write(path, text).expect("it can be written");
}
