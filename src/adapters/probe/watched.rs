//! Answers that need not be asked for: the engine makes the same check by itself.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::question::{Asked, executed};
use crate::adapters::{Checked, HealthChecks};
use crate::engine::ProbeAnswer;
use crate::stack::Health;

/// Checks that are made this often are enough even while a run starts: asking beside them would gain little, and whoever
/// else looks at the container's health sees it change in the order in which Boatyard acts upon it.
const SOON: Duration = Duration::from_millis(500);

/// How often is looked beside what is told: while a run starts, and later. Each look costs the engine a little.
const LOOK: Duration = Duration::from_millis(500);
const CALM_LOOK: Duration = Duration::from_secs(5);

/// How late a check may be before Boatyard asks by itself.
const LATE: Duration = Duration::from_secs(2);

/// The checks of one run, and which of them were told.
pub(super) struct Watched {
    checks: HealthChecks,
    interval: Duration,
    timeout: Duration,
    /// Those that began no later are not told (any more); by the clock of whoever makes them, which may be another.
    since: Option<Timestamp>,
    /// Whether what there is now is older than what Boatyard found out by itself.
    overtaken: bool,
    /// When the last one was made, or could have been.
    heard: Instant,
}

impl Watched {
    pub(super) fn new(checks: HealthChecks, health: &Health) -> Self {
        Self {
            checks,
            interval: health.interval,
            timeout: health.timeout,
            since: None,
            overtaken: false,
            heard: Instant::now(),
        }
    }

    /// Whether these checks are all that is wanted now.
    pub(super) fn suffice(&self, calm: bool) -> bool {
        calm || self.interval <= SOON
    }

    /// Boatyard asks by itself: what was found out before does not count any more.
    pub(super) fn overtaken(&mut self) {
        self.overtaken = true;
    }

    /// What came of the checks that were made meanwhile, oldest first; `None` when they are not made, as it seems.
    pub(super) async fn news(&mut self) -> Option<Vec<ProbeAnswer>> {
        let mut checks = self.checks.look().await;
        if std::mem::take(&mut self.overtaken) {
            self.since = checks.last().map(|check| check.began).or(self.since);
        }
        checks.retain(|check| self.since.is_none_or(|since| check.began > since));
        let Some(last) = checks.last() else {
            let due = self.interval * 2 + self.timeout + LATE;
            return (self.heard.elapsed() < due).then(Vec::new);
        };
        self.heard = Instant::now();
        self.since = Some(last.began);
        Some(checks.iter().map(answer).collect())
    }

    /// Ends when the checks begin to tell something else, from now on.
    pub(super) fn changed(&self) -> impl Future<Output = ()> + Send + use<> {
        self.checks.changed()
    }

    /// When to look again, though nothing changes.
    pub(super) fn next(&self, calm: bool) -> Duration {
        if calm {
            self.interval.max(CALM_LOOK)
        } else {
            LOOK
        }
    }
}

fn answer(check: &Checked) -> ProbeAnswer {
    let took = check.ended.duration_since(check.began);
    let Asked { healthy, said } = executed(&check.end);
    ProbeAnswer {
        healthy,
        took: Duration::try_from(took).unwrap_or_default(),
        said,
    }
}
