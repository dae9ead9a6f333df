//! Lengths of time as Go writes them, with days and weeks: `1m30s`, `1.5h`, `2d`.

use std::fmt::Write as _;
use std::time::Duration;

use super::FormError;

/// Units with their nanoseconds.
const UNITS: [(&str, u64); 10] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

/// The longest time that Go can say.
const LONGEST: u64 = i64::MAX as u64;

/// Reads a duration: numbers with units, one after another.
pub(in crate::config) fn duration(text: &str) -> Result<Duration, FormError> {
    let help = "write numbers with units, such as 30s, 1m30s or 500ms";
    let whole = 0..text.len();
    let fault = || FormError::new(whole.clone(), format!("invalid duration \"{text}\"")).help(help);
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(fault());
    }
    let mut nanos = 0_u64;
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        let (number, after) = split_where(rest, |c| !c.is_ascii_digit() && c != '.');
        let (unit, after) = split_where(after, |c| c.is_ascii_digit() || c == '.');
        if number.is_empty() || number == "." {
            return Err(fault());
        }
        if unit.is_empty() {
            let message = format!("missing unit in duration \"{text}\"");
            return Err(FormError::new(at..text.len(), message).help(help));
        }
        let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            let start = at + number.len();
            let message = format!("unknown unit \"{unit}\" in duration \"{text}\"");
            return Err(FormError::new(start..start + unit.len(), message).help(help));
        };
        nanos = part(number, *size)
            .and_then(|part| nanos.checked_add(part))
            .filter(|nanos| *nanos <= LONGEST)
            .ok_or_else(fault)?;
        rest = after;
    }
    if negative && nanos > 0 {
        let message = format!("the duration \"{text}\" is negative");
        return Err(FormError::new(whole, message).help("time only passes: leave out the minus"));
    }
    Ok(Duration::from_nanos(nanos))
}

fn split_where(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

/// The nanoseconds of this number of units of this size; `None` if there are too many, or it is no number.
fn part(number: &str, size: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') {
        return None;
    }
    let count: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut nanos = count.checked_mul(size)?;
    let mut scale = 1.0;
    let mut digits = 0.0;
    for digit in fraction.bytes().take(18) {
        digits = digits * 10.0 + f64::from(digit - b'0');
        scale *= 10.0;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "less than one unit, and not negative; what is less than a nanosecond is dropped"
    )]
    {
        nanos = nanos.checked_add((digits * (size as f64 / scale)) as u64)?;
    }
    Some(nanos)
}

/// The duration in Go's spelling, as `docker compose config` shows it: `1m30s`, `1h0m0s`, `1.5s`, `100ms`.
pub(in crate::config) fn duration_words(time: Duration) -> String {
    let nanos = time.as_nanos();
    if nanos == 0 {
        return "0s".into();
    }
    for (unit, size) in [("ns", 1), ("µs", 1_000), ("ms", 1_000_000)] {
        if nanos < size * 1_000 {
            return decimal(nanos, size, unit);
        }
    }
    let seconds = time.as_secs();
    let mut out = String::new();
    if seconds >= 3600 {
        let _ = write!(out, "{}h", seconds / 3600);
    }
    if seconds >= 60 {
        let _ = write!(out, "{}m", seconds / 60 % 60);
    }
    out + &decimal(nanos % 60_000_000_000, 1_000_000_000, "s")
}

/// A number of nanoseconds in units of this size, with no more decimals than it has.
fn decimal(nanos: u128, size: u128, unit: &str) -> String {
    let fraction = nanos % size;
    if fraction == 0 {
        return format!("{}{unit}", nanos / size);
    }
    let width = size.ilog10() as usize;
    let digits = format!("{fraction:0width$}");
    format!("{}.{}{unit}", nanos / size, digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_or_refused() {
        for (text, wanted) in [
            ("0", Ok(0)),
            ("0s", Ok(0)),
            ("-0", Ok(0)),
            ("30s", Ok(30_000_000_000)),
            ("1m30s", Ok(90_000_000_000)),
            ("1.5h", Ok(5_400_000_000_000)),
            (".5s", Ok(500_000_000)),
            ("2.s", Ok(2_000_000_000)),
            ("1d", Ok(86_400_000_000_000)),
            ("1w2d", Ok(777_600_000_000_000)),
            ("10us", Ok(10_000)),
            ("10µs", Ok(10_000)),
            ("", Err("invalid duration \"\"")),
            ("+", Err("invalid duration \"+\"")),
            ("10", Err("missing unit in duration \"10\"")),
            ("10 s", Err("unknown unit \" s\" in duration \"10 s\"")),
            ("1x", Err("unknown unit \"x\" in duration \"1x\"")),
            (".s", Err("invalid duration \".s\"")),
            ("1.2.3s", Err("invalid duration \"1.2.3s\"")),
            ("-1s", Err("the duration \"-1s\" is negative")),
            (
                "99999999999999999999s",
                Err("invalid duration \"99999999999999999999s\""),
            ),
            ("16000000w", Err("invalid duration \"16000000w\"")),
            ("${VARIABLE}", Err("invalid duration \"${VARIABLE}\"")),
        ] {
            let found = duration(text).map(|time| time.as_nanos());
            assert_eq!(
                found.map_err(|error| error.message),
                wanted.map_err(str::to_owned),
                "{text:?}"
            );
        }
    }

    #[test]
    fn durations_are_shown_as_go_shows_them() {
        for (nanos, wanted) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (100_000_000, "100ms"),
            (1_500_000_000, "1.5s"),
            (90_000_000_000, "1m30s"),
            (60_000_000_000, "1m0s"),
            (3_600_000_000_000, "1h0m0s"),
            (90_061_000_000_001, "25h1m1.000000001s"),
        ] {
            assert_eq!(duration_words(Duration::from_nanos(nanos)), wanted);
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(nanos in 0..i64::MAX as u64) {
            let time = Duration::from_nanos(nanos);
            let read = duration(&duration_words(time)).unwrap();
            prop_assert!(read.abs_diff(time) <= Duration::from_nanos(1));
        }

        #[test]
        fn any_text_is_answered(text in "[0-9.smhdwun+µ-]{0,12}|.{0,12}") {
            if let Err(error) = duration(&text) {
                prop_assert!(text.get(error.range).is_some());
            }
        }
    }
}
