//! Durations and sizes in a few characters.

use std::time::Duration;

/// A duration as people say it: `0.4 ms`, `38 ms`, `3.2 s`, `2m05s`, `1h04m`.
pub fn duration(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    let seconds = time.as_secs();
    match seconds {
        _ if millis < 1.0 => format!("{millis:.1} ms"),
        0 => format!("{millis:.0} ms"),
        1..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// A size as people say it, in powers of 1024: `512 B`, `1.5 KB`, `41 MB`.
pub fn bytes(size: u64) -> String {
    const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    if size < 1024 {
        return format!("{size} B");
    }
    let mut value = size as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value < 10.0 {
        format!("{value:.1} {}", UNITS[unit])
    } else {
        format!("{value:.0} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let shown = |millis: f64| duration(Duration::from_secs_f64(millis / 1000.0));
        assert_eq!(shown(0.42), "0.4 ms");
        assert_eq!(shown(38.2), "38 ms");
        assert_eq!(shown(3210.0), "3.2 s");
        assert_eq!(shown(125_000.0), "2m05s");
        assert_eq!(shown(3_840_000.0), "1h04m");
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(1536), "1.5 KB");
        assert_eq!(bytes(41 * 1024 * 1024), "41 MB");
    }
}
