//! The log store: lines per second into it, memory with ten million lines, and searches beside `rg` or `grep`.
//!
//! `cargo bench --bench logs [LINES]`. Lines have 100 bytes, every thousandth has the word that is searched for. The floors, in
//! the same run: for ingest, the same lines copied into one buffer and written to a file of 1 MiB pieces; for a search, `rg`
//! (or `grep` where there is none) counting over the same bytes in one file, after they were read once.

#![expect(
    clippy::print_stdout,
    reason = "a benchmark fails by panicking, and says what it measured"
)]

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use boatyard::telemetry::{Direction, NewLine, Position, Search, Select, Spill, Stream, Telemetry};
use jiff::Timestamp;

const LINES: usize = 10_000_000;
/// Lines that a reader of a busy program hands over at once.
const BATCH: usize = 500;
/// Rows of a large screen.
const SCREEN: usize = 60;

fn main() {
    let lines = std::env::args().find_map(|word| word.parse().ok());
    let lines = lines.unwrap_or(LINES);
    let folder = tempfile::tempdir().expect("a folder for the lines");
    let text = folder.path().join("floor.txt");
    let floor = write_floor(&text, lines);
    let store = Telemetry::default();
    let took = ingest(&store, &folder.path().join("store"), lines);
    let per_second = |took: Duration| lines as f64 / took.as_secs_f64() / 1e6;
    println!(
        "ingest of {lines} lines: {:.2} M/s (written by hand: {:.2} M/s), dropped {}",
        per_second(took),
        per_second(floor),
        store.logs().dropped_in_all()
    );
    println!(
        "memory: {} MB resident, of that {} MB of lines",
        resident() >> 20,
        store.logs().in_memory() >> 20
    );
    for (name, pattern) in [
        ("literal", "needle"),
        ("literal, capital", "Needle"),
        ("regex", r"needle \d+ of [a-z]+"),
        ("absent", "no such words"),
    ] {
        measure(&store, name, pattern, &text);
    }
}

fn line(number: usize) -> Vec<u8> {
    let word = if number.is_multiple_of(1000) {
        "Needle"
    } else {
        "request"
    };
    let mut line = format!(
        "2026-01-31T14:03:21.112Z INFO handled {word} {number} of customers path=/orders/{number} status=200 ms=12 "
    )
    .into_bytes();
    line.resize(100, b'.');
    line
}

fn write_floor(path: &Path, lines: usize) -> Duration {
    let batch: Vec<Vec<u8>> = (0..BATCH).map(line).collect();
    let began = Instant::now();
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).expect("a file"));
    for start in (0..lines).step_by(BATCH) {
        for line in batch.iter().take(lines - start) {
            out.write_all(line).expect("room");
            out.write_all(b"\n").expect("room");
        }
    }
    out.flush().expect("room");
    began.elapsed()
}

/// The same lines, given by a reader that owns each of them.
fn ingest(store: &Telemetry, folder: &Path, lines: usize) -> Duration {
    let spill = Spill {
        folder: folder.to_owned(),
        memory: 32 << 20,
        disk: 64 << 30,
    };
    let opened = store.logs().keep_on_disk(&spill, |error| panic!("{error}"));
    opened.expect("a thread");
    let spoken: Vec<Vec<u8>> = (0..BATCH).map(line).collect();
    let service = "loud".into();
    let began = Instant::now();
    for start in (0..lines).step_by(BATCH) {
        let at = Timestamp::now();
        let batch = spoken.iter().take(lines - start);
        store.logs().push_all(batch.map(|bytes| NewLine {
            service: Clone::clone(&service),
            run: 1,
            at,
            stream: Stream::Stdout,
            bytes: bytes.clone(),
        }));
    }
    let took = began.elapsed();
    let flushing = Instant::now();
    store.logs().flush();
    println!(
        "everything written after {:.0} ms more",
        millis(flushing.elapsed())
    );
    assert_eq!(
        store.logs().len() + store.logs().dropped_in_all(),
        lines as u64
    );
    took
}

fn measure(store: &Telemetry, name: &str, pattern: &str, text: &Path) {
    let search = Search::regex(pattern).expect("a pattern");
    let select = Select {
        patience: usize::MAX,
        ..Select::default()
    };
    let began = Instant::now();
    let page = store.search_page(select, &search, Position::LAST, Direction::Back, SCREEN);
    let first = began.elapsed();
    let (other, floor, found) = by_others(pattern, text);
    let began = Instant::now();
    let (count, complete) = store.count_matches(select, &search);
    let took = began.elapsed();
    assert!(complete && count as u64 == found, "{count} and {found}");
    println!(
        "{name} `{pattern}`: {count} lines in {:.0} ms ({other}: {:.0} ms, ratio {:.2}); {} on screen after {:.1} ms",
        millis(took),
        millis(floor),
        took.as_secs_f64() / floor.as_secs_f64(),
        page.lines.len(),
        millis(first)
    );
}

/// The same by a program that is made for it; the second of two runs, so that the file is in memory.
fn by_others(pattern: &str, text: &Path) -> (&'static str, Duration, u64) {
    let with = |program: &'static str, arguments: &[&str]| {
        let run = || {
            let began = Instant::now();
            let mut command = Command::new(program);
            command.args(arguments).arg(pattern).arg(text);
            let output = command.stderr(Stdio::null()).output().ok()?;
            let count = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            Some((began.elapsed(), count.parse().unwrap_or(0)))
        };
        run()?;
        run().map(|(took, count)| (program, took, count))
    };
    let case = if pattern.contains('N') { "--" } else { "-i" };
    with("rg", &["--count", "--smart-case"])
        .or_else(|| with("grep", &["-c", "-P", case]))
        .expect("rg or grep is installed")
}

fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) << 10
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
