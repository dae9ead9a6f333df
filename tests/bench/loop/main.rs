//! The inner loop against its floor, in one run: `cargo bench --bench loop`. Wants a quiet machine, a container engine and
//! the images of `tests/base-images`; without an engine the rows that need one are left out.
//!
//! Parts of it: `cargo bench --bench loop -- PART…`; their names are in [`main`]. Each prints its floor from the same run,
//! and its bar.
//!
//! The floor of `containers` is the same build, then create and start, by hand through the same API, with the old container
//! removed meanwhile, until the new container answers. The floor of a process restart is the program's own start.

#![expect(
    clippy::print_stdout,
    reason = "a benchmark's result is what it prints"
)]

#[path = "../../end_to_end/session.rs"]
mod session;
#[path = "../../end_to_end/shop.rs"]
mod shop;
#[expect(dead_code, reason = "the end-to-end tests use the rest")]
#[path = "../../end_to_end/terminal.rs"]
mod terminal;

mod branch;
mod busy;
mod context;
mod floor;
mod hand;
mod http;
mod idle;
mod print;
mod process;
mod rebuild;
mod requests;
mod site;
mod sync;

use std::fs;
use std::time::{Duration, Instant, SystemTime};

use print::{ratio, row};
use session::Session;
use shop::{Copy, wait_until};
use terminal::Terminal;

/// Rounds of each measurement; `BOATYARD_ROUNDS` asks for others.
const ROUNDS: usize = 20;

/// How long the engine is left alone before a measurement that builds; whole seconds.
const REST: Duration = Duration::from_secs(2);

/// A part of the benchmark by name; it is told how many rounds to go.
type Part = (&'static str, fn(usize));

fn main() {
    let rounds = std::env::var("BOATYARD_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(ROUNDS);
    println!(
        "{:<62} {:>9} {:>9} {:>9}",
        "milliseconds", "median", "p95", "best"
    );
    let parts: [Part; 13] = [
        ("start", start_up),
        ("processes", process::report),
        ("containers", containers),
        ("context", context::report),
        ("rebuild", rebuild::small),
        ("rebuild-large", rebuild::large),
        ("inferred", sync::inferred),
        ("sync", sync::plain),
        ("sync-restart", sync::restart),
        ("branch", branch::report),
        ("busy", |_| busy::report()),
        ("requests", requests::report),
        ("idle", |_| idle::report()),
    ];
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            part(rounds);
        }
    }
}

/// Waits for another fraction of the second in each round. Some storage drivers round what a build takes up to whole seconds
/// of the day: rounds that begin where the one before ended would then all be lucky, or all be unlucky. Before that there is a
/// rest, because after a replacement the engine still removes the old container, and a session makes ready for the next.
fn wait_for_phase(round: usize) {
    let wished = (round as f64 * 0.618).fract();
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let phase = (wished - now.as_secs_f64().fract()).rem_euclid(1.0);
    let until = REST + Duration::from_secs_f64(phase);
    let began = Instant::now();
    while began.elapsed() < until {
        std::thread::park_timeout(until.saturating_sub(began.elapsed()));
    }
}

/// From the command to the first thing on the screen, and to a shop that is ready, as processes.
fn start_up(rounds: usize) {
    let (mut paints, mut ready) = (Vec::new(), Vec::new());
    for _ in 0..rounds.min(10) {
        let copy = Copy::of("shop");
        let began = Instant::now();
        let mut terminal = Terminal::start(&copy, &["up", "--runtime", "process"], 120, 40);
        wait_until("the first paint", || {
            terminal.text().contains("web").then_some(())
        });
        paints.push(began.elapsed());
        terminal.press("q");
        terminal.ended();

        let copy = Copy::of("shop");
        let began = Instant::now();
        let mut session = Session::start(&copy, &["--runtime", "process"]);
        session.all("run-ready", &["web", "orders", "payments", "catalog"]);
        ready.push(began.elapsed());
        session.quit();
    }
    row("first paint of the workbench", paints);
    row(
        "examples/shop as processes: from the command to all ready",
        ready,
    );
}

fn write_greeting(copy: &Copy, greeting: &str) {
    copy.edit("web/app.py", |text| {
        let (head, rest) = text
            .split_once("GREETING = ")
            .expect("the greeting is there");
        let rest = rest.split_once('\n').expect("it is one line").1;
        format!("{head}GREETING = \"{greeting}\"\n{rest}")
    });
}

fn save_until_served(copy: &Copy, session: &mut Session, greeting: &str) -> Duration {
    let began = Instant::now();
    write_greeting(copy, greeting);
    copy.get_until("/", |_, page| {
        page.contains(&format!("<h1>{greeting}</h1>"))
    });
    let took = began.elapsed();
    session.notice("change-live", "web");
    took
}

fn containers(rounds: usize) {
    let Some(mut floor) = floor::Floor::new() else {
        println!(
            "no container engine with the images of tests/base-images: the rows of containers are left out"
        );
        return;
    };
    let copy = Copy::of("shop");
    let mut session = Session::start(&copy, &["--runtime", "engine"]);
    session.all("run-ready", &["web", "orders", "payments", "catalog"]);
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let greeting = format!("Container {round}");
        wait_for_phase(round);
        ours.push(save_until_served(&copy, &mut session, &greeting));
        wait_for_phase(round);
        by_hand.push(floor.rebuild(round));
    }
    session.quit();
    drop(copy.boatyard(&["down", "--volumes"]).output());
    floor.remove();
    let floor = row(
        "floor: build, create and start by hand until it answers",
        by_hand,
    );
    let ours = row(
        "container: save app.py until the new answer is served",
        ours,
    );
    ratio("container: ratio", ours, floor, 1.15);
}

/// Reads a number of a `/proc` file's line.
fn proc_number(path: &str, name: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text
        .lines()
        .find(|line| line.starts_with(name))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok())
        .unwrap_or(0)
}
