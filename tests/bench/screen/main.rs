//! How soon the workbench answers a key, what a frame costs, and what it does while nothing happens:
//! `cargo bench --bench screen`. Wants a quiet machine; no engine.
//!
//! Parts of it: `-- frame keys idle`. Times are taken outside the program: a key is sent to its terminal, and what it
//! writes is read by a terminal emulator until the answer is on the screen.

#![expect(
    clippy::print_stdout,
    reason = "a benchmark's result is what it prints"
)]

mod frame;
mod idle;
mod keys;
mod pour;
mod watched;

#[expect(dead_code, reason = "the end-to-end tests use the rest")]
#[path = "../../end_to_end"]
mod end_to_end {
    pub(crate) mod shop;
}
#[expect(
    dead_code,
    unused_imports,
    reason = "the tests of the screen use the rest"
)]
#[path = "../../tui"]
mod tui {
    pub(crate) mod fixture;
}
pub(crate) use tui::fixture;

use std::time::Duration;

/// The size that is measured: a large terminal.
const COLUMNS: u16 = 200;
/// Its rows.
const ROWS: u16 = 60;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [first, rate, report] = &words[..]
        && first == "pour"
    {
        pour::pour(rate.parse().expect("lines a second"), report);
        return;
    }
    let wanted: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    let parts: [(&str, fn()); 3] = [
        ("frame", frame::report),
        ("keys", keys::report),
        ("idle", idle::report),
    ];
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|word| *word == name) {
            part();
        }
    }
}

/// The times' median, 99th percentile and longest, in milliseconds.
fn row(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |part: usize| {
        let place = (times.len() * part / 100).min(times.len().saturating_sub(1));
        times
            .get(place)
            .map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    println!(
        "{what:<62} median {:>7.2} ms, p99 {:>7.2} ms, longest {:>7.2} ms",
        at(50),
        at(99),
        at(100)
    );
}
