//! A time as people type it: `14:03`, `14:03:22`, `5m` (ago).

use jiff::{SignedDuration, Timestamp, Zoned};

/// What may be typed.
pub(super) const EXAMPLE: &str = "14:03  14:03:22  5m (ago)  90s";

/// The moment that was typed.
///
/// # Errors
/// What is wrong, in one line.
pub(super) fn read(typed: &str, now: &Zoned) -> Result<Timestamp, String> {
    let typed = typed.trim();
    let wrong = || format!("{typed} is no time; write {EXAMPLE}");
    if let Some(ago) = ago(typed) {
        return now.timestamp().checked_sub(ago).map_err(|_| wrong());
    }
    let parts: Vec<&str> = typed.split(':').collect();
    let (2..=3) = parts.len() else {
        return Err(wrong());
    };
    let number = |at: usize| parts.get(at).map_or(Ok(0), |part| part.parse::<i8>());
    let (Ok(hour), Ok(minute), Ok(second)) = (number(0), number(1), number(2)) else {
        return Err(wrong());
    };
    let time = jiff::civil::Time::new(hour, minute, second, 0).map_err(|_| wrong())?;
    let today = now
        .date()
        .to_datetime(time)
        .to_zoned(now.time_zone().clone());
    let today = today.map_err(|_| wrong())?;
    if today <= *now {
        return Ok(today.timestamp());
    }
    // A session may go on beyond midnight: a time that is still to come was yesterday's.
    let yesterday = now.date().yesterday().map_err(|_| wrong())?;
    let found = yesterday
        .to_datetime(time)
        .to_zoned(now.time_zone().clone());
    found.map(|found| found.timestamp()).map_err(|_| wrong())
}

/// `90s`, `5m`, `1h`, with or without a minus before it.
fn ago(typed: &str) -> Option<SignedDuration> {
    let typed = typed.strip_prefix('-').unwrap_or(typed);
    let seconds = match typed.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return None,
    };
    let count: u32 = typed[..typed.len() - 1].trim().parse().ok()?;
    Some(SignedDuration::from_secs(i64::from(count) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_today_or_of_yesterday() {
        let now: Zoned = "2026-03-18T14:03:30+00:00[+00:00]".parse().expect("a time");
        for (typed, told) in [
            ("14:03", "2026-03-18T14:03:00Z"),
            (" 14:03:22 ", "2026-03-18T14:03:22Z"),
            ("9:5", "2026-03-18T09:05:00Z"),
            ("23:50", "2026-03-17T23:50:00Z"),
            ("5m", "2026-03-18T13:58:30Z"),
            ("-90s", "2026-03-18T14:02:00Z"),
            ("1h", "2026-03-18T13:03:30Z"),
        ] {
            let told: Timestamp = told.parse().expect("a time");
            assert_eq!(read(typed, &now), Ok(told), "{typed}");
        }
        for typed in [
            "",
            "x",
            "25:00",
            "14",
            "14:3:2:1",
            "é",
            "5x",
            "99999999999h",
        ] {
            assert!(read(typed, &now).is_err(), "{typed}");
        }
    }
}
