//! Faults as they are typed: `from web 200ms±50ms 503:10% abort:5% 1MB/s`, in any order.

use std::fmt::Write as _;
use std::time::Duration;

use crate::stack::{Callers, ErrorFault, Fault, ServiceName, Share};

/// What can be typed, for a person who has typed nothing yet.
pub(super) const EXAMPLE: &str =
    "200ms±50ms  503:10%  abort:5%  1MB/s  from web; nothing: no fault";

/// Reads a line; whom it names must be a service. An empty line is a fault that does nothing.
pub(super) fn parse(line: &str, is_service: &dyn Fn(&str) -> bool) -> Result<Fault, String> {
    let mut fault = Fault::default();
    let mut words = line.split_whitespace();
    while let Some(word) = words.next() {
        if word == "from" {
            let caller = words.next().ok_or("from whom? A service, or the door")?;
            fault.from = callers(caller, is_service)?;
        } else if !read(word, &mut fault)? {
            return Err(format!("{word}? Write {EXAMPLE}"));
        }
    }
    Ok(fault)
}

/// The line that [`parse`] reads as this fault.
pub(super) fn line(fault: &Fault) -> String {
    let mut line = String::new();
    match &fault.from {
        Callers::Anybody => {}
        Callers::FrontDoor => line.push_str("from door "),
        Callers::Service(name) => {
            let _ = write!(line, "from {name} ");
        }
    }
    if !fault.latency.is_zero() || !fault.jitter.is_zero() {
        let _ = write!(line, "{}", time_shown(fault.latency));
        if !fault.jitter.is_zero() {
            let _ = write!(line, "±{}", time_shown(fault.jitter));
        }
        line.push(' ');
    }
    if let Some(ErrorFault { status, share }) = fault.error {
        let _ = write!(line, "{status}{} ", share_shown(share));
    }
    if let Some(share) = fault.abort {
        let _ = write!(line, "abort{} ", share_shown(share));
    }
    if let Some(bytes) = fault.bandwidth {
        let _ = write!(line, "{bytes}B/s ");
    }
    line.truncate(line.trim_end().len());
    line
}

fn callers(name: &str, is_service: &dyn Fn(&str) -> bool) -> Result<Callers, String> {
    match name {
        "anybody" => Ok(Callers::Anybody),
        "door" => Ok(Callers::FrontDoor),
        _ if is_service(name) => Ok(Callers::Service(ServiceName::from(name))),
        _ => Err(format!("no service is called {name}")),
    }
}

/// Adds what a word says; whether it says anything.
fn read(word: &str, fault: &mut Fault) -> Result<bool, String> {
    let (what, share) = match word.split_once(':') {
        Some((what, share)) => (what, percent(share).ok_or_else(|| no_share(share))?),
        None => (word, Share::ALL),
    };
    if what == "abort" {
        fault.abort = Some(share);
    } else if let Ok(status) = what.parse::<u16>() {
        if !(400..=599).contains(&status) {
            return Err(format!("{status} is no error: 400 to 599 are"));
        }
        fault.error = Some(ErrorFault { status, share });
    } else if word.contains(':') {
        return Ok(false);
    } else if let Some(bytes) = bandwidth(word) {
        if bytes == 0 {
            return Err("at 0 bytes a second nothing would ever pass".into());
        }
        fault.bandwidth = Some(bytes);
    } else {
        let (latency, jitter) = word.split_once('±').unwrap_or((word, ""));
        let read = |text: &str| match text {
            "" => Some(Duration::ZERO),
            text => time(text),
        };
        let (Some(latency), Some(jitter)) = (read(latency), read(jitter)) else {
            return Ok(false);
        };
        (fault.latency, fault.jitter) = (latency, jitter);
    }
    Ok(true)
}

fn no_share(share: &str) -> String {
    format!("{share} is no part of all requests: write 10%")
}

fn percent(text: &str) -> Option<Share> {
    let number: f64 = text.strip_suffix('%')?.parse().ok()?;
    Share::of(number / 100.0)
}

fn share_shown(share: Share) -> String {
    if share == Share::ALL {
        return String::new();
    }
    format!(":{}", share.to_string().replace(' ', ""))
}

/// A number and its unit.
fn with_unit(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(at);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    Some(number.parse::<f64>().ok()? * factor)
}

/// At most an hour: nobody waits longer on purpose.
fn time(text: &str) -> Option<Duration> {
    let seconds = with_unit(text, &[("ms", 1e-3), ("s", 1.0), ("m", 60.0)])?;
    let time = Duration::try_from_secs_f64(seconds).ok()?;
    (time <= Duration::from_secs(3600)).then_some(time)
}

fn time_shown(time: Duration) -> String {
    if time.subsec_nanos() == 0 {
        return format!("{}s", time.as_secs());
    }
    format!("{}ms", time.as_secs_f64() * 1000.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it saturates, and no sign is read"
)]
fn bandwidth(text: &str) -> Option<u64> {
    let units = [
        ("B/s", 1.0),
        ("kB/s", 1e3),
        ("KB/s", 1e3),
        ("MB/s", 1e6),
        ("GB/s", 1e9),
    ];
    with_unit(text, &units).map(|bytes| bytes as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Fault, String> {
        parse(text, &|name| name == "web")
    }

    #[test]
    fn what_is_typed_is_what_is_told() {
        let shown = |text: &str| read(text).map(|fault| fault.to_string());
        assert_eq!(
            shown("503:10% from web 200ms±50ms abort:0.25% 1.5MB/s").unwrap(),
            "from web: 200ms ± 50ms later, 10 % answered 503, 0.25 % broken off, at most 1.5 MB/s"
        );
        assert_eq!(
            shown("from door 2s").unwrap(),
            "from the front door: 2s later"
        );
        assert_eq!(shown("abort").unwrap(), "100 % broken off");
        assert!(read("  ").unwrap().is_none());
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, said) in [
            ("200", "200 is no error"),
            ("from nobody", "no service is called nobody"),
            ("from", "from whom"),
            ("503:ten", "ten is no part"),
            ("503:101%", "101% is no part"),
            ("0kB/s", "nothing would ever pass"),
            ("slow", "slow? Write"),
            ("200ms:10%", "200ms:10%? Write"),
            ("9000h", "9000h? Write"),
        ] {
            let wrong = read(text).unwrap_err();
            assert!(wrong.contains(said), "{text}: {wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_line_is_read_as_it_was_written(
            latency in 0..100_000_u64, jitter in 0..100_000_u64, status in prop::option::of((400..600_u16, 1..1000_u32)),
            abort in prop::option::of(1..1000_u32), bandwidth in prop::option::of(1..1_000_000_000_u64), from in 0..3_usize,
        ) {
            let share = |thousandths: u32| Share::of(f64::from(thousandths) / 1000.0).unwrap();
            let fault = Fault {
                from: [Callers::Anybody, Callers::FrontDoor, Callers::Service("web".into())][from].clone(),
                latency: Duration::from_millis(latency),
                jitter: Duration::from_millis(jitter),
                error: status.map(|(status, part)| ErrorFault { status, share: share(part) }),
                abort: abort.map(share),
                bandwidth,
            };
            prop_assert_eq!(read(&line(&fault)).unwrap(), fault);
        }

        #[test]
        fn no_line_panics(text in "[ -~±µ]{0,40}") {
            drop(read(&text));
        }
    }
}
