//! What a service is at, in one word and a few more: the same on screen, in lines and in reports.

use super::{BuildState, Hold, RunPhase, ServiceState, Wanted};

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
        if matches!(self.build, BuildState::Failed { .. })
            || self.crashes.gave_up
            || self.start_failure.is_some()
        {
            return Status::Failed { serving };
        }
        let newest = self
            .runs
            .iter()
            .rev()
            .find(|run| !matches!(run.phase, RunPhase::Stopping { .. }));
        match (newest.map(|run| run.phase), &self.hold) {
            (Some(RunPhase::Starting), _) => Status::Starting,
            (Some(RunPhase::Probing { .. }), _) => Status::Probing,
            (Some(RunPhase::Unhealthy { .. }), _) => Status::Unhealthy,
            (Some(RunPhase::Ready { .. }), _) => Status::Ready,
            (Some(RunPhase::Stopping { .. }), _) => Status::Stopping,
            (None, Some(held)) if held.hold == Hold::Stopped && self.runs.is_empty() => {
                Status::Stopped
            }
            (None, Some(held)) if !matches!(held.hold, Hold::Stopped) => Status::Waiting,
            (None, _) if !self.runs.is_empty() => Status::Stopping,
            (None, _) if self.completed.is_some() => Status::Completed,
            (None, _) if self.wanted == Wanted::Up && self.runtime.is_some() => Status::Waiting,
            (None, _) => Status::Stopped,
        }
    }

    /// Whether a run of it takes requests now.
    pub fn is_serving(&self) -> bool {
        self.runs.iter().any(|run| {
            matches!(
                run.phase,
                RunPhase::Ready { .. } | RunPhase::Unhealthy { .. }
            )
        })
    }
}
