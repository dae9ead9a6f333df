//! What the engine works on, seen from outside: builds side by side up to the limit, and none that newer edits overtook.

use std::fs;

use super::containers::{Cleaned, engine};
use super::session::Session;
use super::shop::{Copy, wait_until};

/// How many processes of this machine, and so of its containers, have exactly this command line.
fn running(command: &[&str]) -> usize {
    let wanted = format!("{}\0", command.join("\0"));
    let processes = fs::read_dir("/proc").expect("it can be listed").flatten();
    processes
        .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
        .filter(|line| line == wanted.as_bytes())
        .count()
}

/// Its last step takes as long as a file says, in a word that no other process has.
const DOCKERFILE: &str = "FROM boatyard-test/busybox\nCOPY . /app\nRUN sleep $(cat /app/time)\nCMD [\"sleep\", \"1000\"]\n";

#[test]
fn the_engine_stops_working_on_a_build_that_newer_edits_overtook() {
    if !engine() {
        return;
    }
    let slow = format!("900.{}1", std::process::id());
    let stack = "name = \"NAME\"\n[services.web]\nbuild = \"web\"\n";
    let copy = Cleaned(Copy::with(
        stack,
        &[("web/Dockerfile", DOCKERFILE), ("web/time", &slow)],
    ));
    let mut session = Session::start(&copy.0, &["--runtime", "engine"]);
    let step = ["sleep", slow.as_str()];
    wait_until("the step to run", || (running(&step) == 1).then_some(()));
    copy.0.edit("web/time", |_| "0.01".into());
    session.notice("build-cancelled", "web");
    wait_until("the step to be gone", || {
        (running(&step) == 0).then_some(())
    });
    session.notice("run-ready", "web");
    session.quit();
}

#[test]
fn services_are_built_side_by_side_up_to_the_limit() {
    if !engine() {
        return;
    }
    let slow = format!("900.{}2", std::process::id());
    let mut stack = "name = \"NAME\"\nmax_builds = 2\n".to_owned();
    let names = ["a", "b", "c"];
    for name in names {
        for line in [format!("[services.{name}]"), format!("build = \"{name}\"")] {
            stack.push_str(&line);
            stack.push('\n');
        }
    }
    // A file of its own for each, lest two of them be one and the same content, which is built once.
    let files: Vec<(String, &str)> = names
        .iter()
        .flat_map(|name| {
            [
                (format!("{name}/Dockerfile"), DOCKERFILE),
                (format!("{name}/time"), slow.as_str()),
                (format!("{name}/name"), *name),
            ]
        })
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), *text))
        .collect();
    let copy = Cleaned(Copy::with(&stack, &files));
    let mut session = Session::start(&copy.0, &["--runtime", "engine"]);
    let step = ["sleep", slow.as_str()];
    wait_until("two steps to run", || (running(&step) == 2).then_some(()));
    session.all("build-started", &["a", "b"]);
    assert!(
        !session
            .said
            .iter()
            .any(|value| value["notice"] == "build-started" && value["service"] == "c"),
        "the third waits"
    );
    for name in names {
        copy.0.edit(&format!("{name}/time"), |_| "0.01".into());
    }
    session.all("run-ready", &names);
    assert_eq!(running(&step), 0);
    session.quit();
}
