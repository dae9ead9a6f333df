//! How right joining is, how sure it may be, and how fast: published applications replayed with so many requests in flight.
#![expect(clippy::print_stdout, reason = "a benchmark reports")]

#[path = "../support/corpus.rs"]
mod corpus;
#[path = "../joining_kit/mod.rs"]
mod joining_kit;

use std::time::Instant;

use joining_kit::{Score, join, read, replay};

fn main() {
    for name in ["hotel", "media"] {
        let Some(path) = corpus::corpus(&format!("joining/{name}.tsv")) else {
            continue;
        };
        let traces = read(&path);
        for workers in [1, 2, 4, 8, 16] {
            let replay = replay(&traces, workers, 7);
            let began = Instant::now();
            let edges = join(&replay.exchanges);
            let rate = replay.exchanges.len() as f64 / began.elapsed().as_secs_f64();
            let score = Score::of(&replay.truth, &edges);
            println!("{name} k={workers}: {score}; {rate:.0} exchanges/s");
            let tenth = |(at, (all, right)): (usize, &(usize, usize))| {
                format!("{:.1}: {right}/{all}", at as f64 / 10.0)
            };
            let tenths: Vec<_> = score.tenths.iter().enumerate().map(tenth).collect();
            println!("    right at each confidence: {}", tenths.join("  "));
        }
    }
    forwarded();
}

/// Exchanges whose services pass the context on: what joining costs where it has nothing to do.
fn forwarded() {
    let Some(path) = corpus::corpus("joining/media.tsv") else {
        return;
    };
    let mut replay = replay(&read(&path), 8, 7);
    for one in &mut replay.exchanges {
        one.parent = replay.truth.get(&one.span).copied();
    }
    let began = Instant::now();
    let edges = join(&replay.exchanges);
    let rate = replay.exchanges.len() as f64 / began.elapsed().as_secs_f64();
    println!(
        "context passed on: {rate:.0} exchanges/s, {} edges to tell",
        edges.len()
    );
}
