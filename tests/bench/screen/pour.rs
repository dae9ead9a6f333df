//! A service that says much: so many lines of 100 bytes a second, evenly.

use std::fs;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// A batch is written this often.
const BATCH: Duration = Duration::from_millis(5);

/// Writes lines at this rate until it is ended, and each second to this file how many a second were taken.
pub(super) fn pour(rate: u64, report: &str) {
    let each = usize::try_from(rate / 200).expect("a rate");
    let line = format!("{:x<99}\n", "level=info msg=\"one of many\" id=4711 ");
    let batch = line.repeat(each);
    let (began, mut batches) = (Instant::now(), 0_u32);
    let (mut second, mut written) = (Instant::now(), 0_u64);
    let mut out = io::stdout().lock();
    while out.write_all(batch.as_bytes()).is_ok() {
        batches += 1;
        written += each as u64;
        if second.elapsed() >= Duration::from_secs(1) {
            let taken = written as f64 / second.elapsed().as_secs_f64();
            fs::write(report, format!("{taken:.0}")).expect("a report can be written");
            (second, written) = (Instant::now(), 0);
        }
        std::thread::sleep((BATCH * batches).saturating_sub(began.elapsed()));
    }
}
