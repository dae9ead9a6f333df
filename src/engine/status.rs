//! What a service is at, in one word and a few more: the same on screen, in lines and in reports.

use super::{BuildState, Hold, Moment, Run, RunPhase, ServiceState, Wanted};
use crate::stack::Condition;

/// One word for a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Every wanted run takes requests.
    Ready,
    /// A job that ended well, or a service that ended with 0.
    Completed,
    /// An image is being made; an old run may still serve.
    Building { step: u32, of: u32, serving: bool },
    /// A run was asked for.
    Starting,
    /// A run is up and not yet healthy.
    Probing,
    /// A run was ready and its probe fails now.
    Unhealthy,
    /// It waits; see [`ServiceState::hold`].
    Waiting,
    /// Its build failed, it cannot start, or it ended too often; an old run may still serve.
    Failed { serving: bool },
    /// It is being stopped.
    Stopping,
    /// A person stopped it, or the session is over.
    Stopped,
}

impl Status {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Completed => "completed",
            Self::Building { .. } => "building",
            Self::Starting => "starting",
            Self::Probing => "not healthy yet",
            Self::Unhealthy => "unhealthy",
            Self::Waiting => "waiting",
            Self::Failed { .. } => "failed",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }
}

impl ServiceState {
    /// What it is at.
    pub fn status(&self) -> Status {
        let serving = self.is_serving();
        if let BuildState::Building { step, .. } = &self.build {
            let (step, of) = step
                .as_ref()
                .map_or((0, 0), |step| (step.number, step.total));
            return Status::Building { step, of, serving };
        }
        if self.wanted == Wanted::Up {
            self.status_of_wanted(serving)
        } else if !self.runs.is_empty() {
            Status::Stopping
        } else if self.has_completed() {
            Status::Completed
        } else {
            Status::Stopped
        }
    }

    fn status_of_wanted(&self, serving: bool) -> Status {
        let has_failed = match self.hold.as_ref().map(|held| &held.hold) {
            Some(
                Hold::BuildFailed
                | Hold::AheadOfImage
                | Hold::GaveUp { .. }
                | Hold::CannotStart { .. }
                | Hold::Ended { .. }
                | Hold::EngineMissing { .. },
            ) => true,
            Some(
                Hold::EngineUnknown
                | Hold::BuildSlot
                | Hold::Dependency { .. }
                | Hold::Backoff { .. }
                | Hold::Files
                | Hold::OldRun
                | Hold::Stopped
                | Hold::Dependents { .. },
            )
            | None => false,
        };
        if has_failed {
            return Status::Failed { serving };
        }
        self.slowest_run().unwrap_or_else(|| {
            let is_leaving = !self.runs.is_empty() && self.hold.is_none();
            match (self.has_completed(), is_leaving) {
                (true, _) => Status::Completed,
                (false, true) => Status::Stopping,
                (false, false) => Status::Waiting,
            }
        })
    }

    /// The word for the run of the newest content that is the least far; of the old ones, if there is no new one.
    fn slowest_run(&self) -> Option<Status> {
        let words = |run: &Run| match run.phase {
            RunPhase::Starting => (0, Status::Starting),
            RunPhase::Probing { .. } if run.told_late => (1, Status::Unhealthy),
            RunPhase::Probing { .. } => (1, Status::Probing),
            RunPhase::Unhealthy { .. } => (2, Status::Unhealthy),
            RunPhase::Ready { .. } => (3, Status::Ready),
            RunPhase::Stopping { .. } => (4, Status::Stopping),
        };
        let slowest =
            |ranked: &mut dyn Iterator<Item = (u8, Status)>| ranked.min_by_key(|(rank, _)| *rank);
        let newest = slowest(&mut self.current().map(words));
        let old = || slowest(&mut self.outdated().map(words));
        newest.or_else(old).map(|(_, status)| status)
    }

    /// Whether a run of it takes requests now.
    pub fn is_serving(&self) -> bool {
        self.live().any(|run| run.phase.is_serving())
    }

    /// The short words for a list of services: what it waits for and for how long, or what it is at.
    pub fn explain(&self, now: Moment) -> String {
        let Some(held) = &self.hold else {
            return self.words();
        };
        match held.hold {
            Hold::Backoff { until, ref cause } => {
                let left = until.since(now).as_secs_f64();
                format!("{cause}; starts again in {left:.1} s")
            }
            Hold::EngineUnknown
            | Hold::BuildSlot
            | Hold::Dependency { .. }
            | Hold::Files
            | Hold::OldRun
            | Hold::Dependents { .. } => {
                let waited = now.since(held.since).as_secs_f64();
                format!("{}, {waited:.1} s", held.hold.shown())
            }
            Hold::EngineMissing { .. }
            | Hold::BuildFailed
            | Hold::AheadOfImage
            | Hold::GaveUp { .. }
            | Hold::Ended { .. }
            | Hold::CannotStart { .. }
            | Hold::Stopped => held.hold.shown(),
        }
    }

    /// What it is at, in words that follow "waits for NAME:".
    pub(super) fn words_for(&self, condition: Condition) -> String {
        match self.status() {
            Status::Ready if condition == Condition::Completed => "still running".into(),
            Status::Completed => "it has ended, and is not ready".into(),
            _ => self.words(),
        }
    }

    fn words(&self) -> String {
        match self.status() {
            Status::Building { step, of, .. } if of > 0 => format!("building {step}/{of}"),
            Status::Stopped => "stopped by hand".into(),
            Status::Failed { .. } => self.failure_words(),
            Status::Waiting => match self.hold.as_ref().map(|held| &held.hold) {
                Some(hold @ Hold::Backoff { .. }) => hold.shown(),
                _ => "not started yet".into(),
            },
            status => status.word().into(),
        }
    }

    fn failure_words(&self) -> String {
        match self.hold.as_ref().map(|held| &held.hold) {
            Some(Hold::BuildFailed) => "its build failed".into(),
            Some(Hold::AheadOfImage) => "runs synced edits, image build failed".into(),
            Some(Hold::Ended { cause, .. }) => format!("failed: {cause}"),
            Some(Hold::GaveUp { attempts, .. }) => {
                format!("gave up after {attempts} tries: {}", self.last_trouble())
            }
            Some(hold) => hold.shown(),
            None => "failed".into(),
        }
    }

    /// Why it is not ready, in words that follow its name in a list of what a smoke test waited for.
    pub(super) fn waiting_words(&self) -> String {
        let last_answer = self
            .live()
            .next_back()
            .and_then(|run| run.health.last.as_ref())
            .filter(|(_, answer)| !answer.healthy)
            .map(|(_, answer)| format!(" (its probe last said: {})", answer.said))
            .unwrap_or_default();
        match &self.hold {
            Some(held) => format!("{}{last_answer}", held.hold.shown()),
            None => format!("is {}{last_answer}", self.words()),
        }
    }

    /// The cause of the newest end or failed start.
    pub(super) fn last_trouble(&self) -> String {
        let exit = self
            .last_exit
            .as_ref()
            .map(|(at, _, exit)| (*at, exit.cause()));
        let start = self
            .start_failure
            .as_ref()
            .map(|(at, failure)| (*at, format!("could not be started: {}", failure.message)));
        exit.into_iter()
            .chain(start)
            .max_by_key(|(at, _)| *at)
            .map_or_else(|| "it ended".into(), |(_, cause)| cause)
    }
}

#[cfg(test)]
mod tests;
