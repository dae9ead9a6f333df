//! `healthcheck`: a command that is run inside.

use std::time::Duration;

use super::super::node::Node;
use super::get;
use crate::stack::{CommandWords, Health, ImageHealth, Probe};

/// Compose's schedule where the file does not say.
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const RETRIES: u32 = 3;

/// The probe of a service, and what becomes of the one that its image defines. `awaited`: somebody waits until it is healthy.
pub(super) fn read(service: &Node, awaited: bool) -> (Option<Health>, ImageHealth) {
    let Some(check) = service.get("healthcheck") else {
        return if awaited {
            (Some(schedule(None, Vec::new())), ImageHealth::Asked)
        } else {
            (None, ImageHealth::Left)
        };
    };
    if get::flag(check, "disable") == Some(true) {
        return (None, ImageHealth::Off);
    }
    let test = get::texts(check, "test");
    let is_one_line = check.text_of("test").is_some();
    match test.split_first() {
        None => (Some(schedule(Some(check), Vec::new())), ImageHealth::Asked),
        Some((first, _)) if first == "NONE" && !is_one_line => (None, ImageHealth::Off),
        Some((first, rest)) if first == "CMD" && !is_one_line => {
            (Some(schedule(Some(check), rest.to_vec())), ImageHealth::Off)
        }
        Some((first, rest)) => {
            let line = match first.as_str() {
                "CMD-SHELL" if !is_one_line => rest.first().cloned().unwrap_or_default(),
                line => line.to_owned(),
            };
            let probe = Probe::Exec(CommandWords::Shell(line));
            let health = Health {
                probe,
                ..schedule(Some(check), Vec::new())
            };
            (Some(health), ImageHealth::Off)
        }
    }
}

/// A probe with these words; none stand for the image's own.
fn schedule(check: Option<&Node>, words: Vec<String>) -> Health {
    let time = |key: &str, usual: Duration| {
        let given = check.and_then(|check| get::duration(check, key));
        given.filter(|time| !time.is_zero()).unwrap_or(usual)
    };
    let interval = time("interval", INTERVAL);
    let retries = check.and_then(|check| get::integer(check, "retries"));
    let retries = retries.and_then(|number| u32::try_from(number).ok());
    let retries = retries.filter(|number| *number > 0).unwrap_or(RETRIES);
    // The engine asks for the first time after an interval, and after the start period it takes `retries` failures in a row
    // before a container is unhealthy. Boatyard asks often while a service starts, and gives it the same time.
    let start = time("start_period", Duration::ZERO);
    Health {
        probe: Probe::Exec(CommandWords::Words(words)),
        interval,
        timeout: time("timeout", TIMEOUT),
        retries,
        start_period: start.saturating_add(interval.saturating_mul(retries)),
    }
}
