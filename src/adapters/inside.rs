//! What all terminals inside services have in common.

use super::Wires;
use crate::engine::{Exit, RunId};
use crate::stack::ServiceName;
use crate::telemetry::terminals::Terminal;

/// So many lines that were printed before anybody looked are shown at first.
const SEEN_BEFORE: usize = 200;

/// Shows the last lines that a run printed before somebody came to look at its terminal.
pub(super) fn seed(wires: &Wires, service: &ServiceName, run: RunId, terminal: &Terminal) {
    let lines = wires.telemetry.logs().run_tail(service, run.0, SEEN_BEFORE);
    for line in lines {
        terminal.feed(format!("{line}\r\n").as_bytes());
    }
}

/// How what was started inside a service has ended, in words.
pub(super) fn told(exit: &Exit) -> String {
    if exit.is_success() {
        "it ended well: exit code 0".into()
    } else {
        exit.cause()
    }
}
