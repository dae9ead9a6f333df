//! `healthcheck`: a command that is run inside.

use std::time::Duration;

use super::super::node::Node;
use super::{Mapping, get};
use crate::stack::{CommandWords, Health, Healthcheck, ImageHealth, Probe};

/// Compose's schedule where the file does not say.
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const RETRIES: u32 = 3;

/// Who asks after a service's health, and how.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asking {
    /// How Boatyard does.
    pub(super) health: Option<Health>,
    /// How the engine does.
    pub(super) check: Option<Healthcheck>,
    /// What becomes of the check that the image defines.
    pub(super) of_image: ImageHealth,
}

/// Reads `healthcheck`. `awaited`: somebody waits until the service is healthy.
pub(super) fn read(service: &Node, awaited: bool) -> Asking {
    let asked_of_image = |check: Option<&Node>| Asking {
        health: Some(schedule(
            check,
            Probe::Exec(CommandWords::Words(Vec::new())),
        )),
        check: Some(engine_check(check, Vec::new())),
        of_image: ImageHealth::Asked,
    };
    let off = Asking {
        of_image: ImageHealth::Off,
        ..Asking::default()
    };
    let Some(check) = service.get("healthcheck") else {
        return if awaited {
            asked_of_image(None)
        } else {
            Asking::default()
        };
    };
    if get::flag(check, "disable") == Some(true) {
        return off;
    }
    let test = get::texts(check, "test");
    let is_one_line = check.text_of("test").is_some();
    let words = match test.split_first() {
        None => return asked_of_image(Some(check)),
        Some((first, _)) if first == "NONE" && !is_one_line => return off,
        Some((first, rest)) if first == "CMD" && !is_one_line => CommandWords::Words(rest.to_vec()),
        Some((first, rest)) => CommandWords::Shell(match first.as_str() {
            "CMD-SHELL" if !is_one_line => rest.first().cloned().unwrap_or_default(),
            line => line.to_owned(),
        }),
    };
    let test = match &words {
        CommandWords::Words(words) => [&["CMD".to_owned()], words.as_slice()].concat(),
        CommandWords::Shell(line) => vec!["CMD-SHELL".into(), line.clone()],
    };
    Asking {
        health: Some(schedule(Some(check), Probe::Exec(words))),
        check: Some(engine_check(Some(check), test)),
        of_image: ImageHealth::Off,
    }
}

/// Tells of a check that begins a command and has none: the engine would make it, and it would never succeed.
pub(super) fn check_command(service: &Node, mapping: &mut Mapping<'_>) {
    let Some(check) = service.get("healthcheck") else {
        return;
    };
    if get::flag(check, "disable") == Some(true) {
        return;
    }
    let Some(test) = check.get("test") else {
        return;
    };
    if let [way] = test.members()
        && let Some(way @ ("CMD" | "CMD-SHELL")) = way.as_text()
    {
        let message = format!("healthcheck.test: {way} has no command, so it would never succeed");
        let help = format!("write [\"{way}\", \"COMMAND\"], or [\"NONE\"] for no check");
        mapping.error(&test.at, message, &help);
    }
}

fn engine_check(check: Option<&Node>, test: Vec<String>) -> Healthcheck {
    let time = |key| get::duration(check?, key);
    let retries = check.and_then(|check| get::integer(check, "retries"));
    Healthcheck {
        test,
        interval: time("interval"),
        timeout: time("timeout"),
        start_period: time("start_period"),
        retries: retries.and_then(|number| u32::try_from(number).ok()),
    }
}

/// This probe as often as the check says.
fn schedule(check: Option<&Node>, probe: Probe) -> Health {
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
        probe,
        interval,
        timeout: time("timeout", TIMEOUT),
        retries,
        start_period: start.saturating_add(interval.saturating_mul(retries)),
    }
}
