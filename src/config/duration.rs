//! Lengths of time as text: `500ms`, `1m30s`, `1.5h`.

use std::time::Duration;

/// Units, the longer spelling of two before its prefix, with their nanoseconds.
const UNITS: [(&str, f64); 9] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
    ("d", 86_400e9),
    ("w", 604_800e9),
];

/// Longest time that makes sense here: a thousand years.
const LONGEST: f64 = 3.2e10;

/// Reads a duration: numbers with units, one after another, as Go and Compose write them.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let fault = || format!("\"{text}\" is not a duration");
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.starts_with('-') {
        return Err(format!("\"{text}\": a duration cannot be negative"));
    }
    if rest.is_empty() {
        return Err(fault());
    }
    let mut nanos = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(|| format!("\"{text}\" has no unit"))?;
        let number: f64 = rest[..digits].parse().map_err(|_| fault())?;
        rest = &rest[digits..];
        let unit_length = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let unit = &rest[..unit_length];
        let (_, factor) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(fault)?;
        nanos += number * factor;
        rest = &rest[unit_length..];
    }
    let seconds = nanos / 1e9;
    if seconds > LONGEST {
        return Err(format!("\"{text}\" is too long"));
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| fault())
}

/// The duration as [`parse`] reads it back.
pub(super) fn show(time: Duration) -> String {
    let nanos = time.as_nanos();
    if nanos == 0 {
        return "0s".into();
    }
    for (unit, size) in [
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
    ] {
        if nanos.is_multiple_of(size) {
            return format!("{}{unit}", nanos / size);
        }
    }
    format!("{nanos}ns")
}
