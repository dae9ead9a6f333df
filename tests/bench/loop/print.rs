//! How results are printed.

use std::time::Duration;

/// Prints one row of milliseconds and gives its median.
pub(super) fn row(what: &str, mut times: Vec<Duration>) -> f64 {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    println!("{what:<62} {:>9.1} {:>9.1} {:>9.1}", at(50), at(95), at(0));
    at(50)
}

/// Prints how many times its floor something took.
pub(super) fn ratio(what: &str, ours: f64, floor: f64, most: f64) {
    let verdict = verdict(ours / floor <= most);
    println!(
        "{what:<62} {:>9.2} ×  bar {most} ×: {verdict}",
        ours / floor
    );
}

/// Prints a value and the most that it may be.
pub(super) fn bar(what: &str, value: f64, most: f64, unit: &str) {
    let verdict = verdict(value <= most);
    println!("{what:<62} {value:>9.1} {unit}  bar {most:.1} {unit}: {verdict}");
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}
