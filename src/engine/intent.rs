//! The one thing to do next, as the state alone asks for it.

use super::{BuildId, RunId, Verdict};
use crate::stack::{Runtime, ServiceName};

/// One thing to do. It becomes effects when it is marked as under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Intent {
    /// Tell the world of the stack.
    Prepare,
    /// Tell the world how large terminals are.
    Resize,
    /// Tell the world what is done to requests on purpose.
    Faults,
    /// Let one request in at a time, or as many as come.
    Solo,
    /// Settle what a service runs as.
    Choose {
        service: ServiceName,
        runtime: Runtime,
        why: String,
    },
    /// Make an image of the newest content.
    Build { service: ServiceName },
    /// Give up a build that is not wanted any more.
    CancelBuild { build: BuildId, why: &'static str },
    /// The image lacks files that were synced, and a new container is needed: make a new image first.
    RefreshImage { service: ServiceName },
    /// Replace the runs of a service, because one that it follows was replaced.
    Follow {
        service: ServiceName,
        on: ServiceName,
    },
    /// Start a run; `takes_over` is stopped in the same moment, `replaces` is on its way out already.
    Start {
        service: ServiceName,
        replica: u32,
        takes_over: Option<RunId>,
        replaces: Option<RunId>,
    },
    /// Ask a run to stop.
    Stop { run: RunId },
    /// Ask a run once more to stop.
    StopAgain { run: RunId },
    /// Kill a run.
    Kill { run: RunId },
    /// Ask after the health of a run.
    Probe { run: RunId },
    /// Ask calmly, or fast again.
    Pace { run: RunId, calm: bool },
    /// Say that a run is not healthy in its time to start.
    TellLate { run: RunId },
    /// Copy what waits to be synced.
    Sync { service: ServiceName },
    /// Compare the new image with what the live runs were given ahead of it.
    Compare { service: ServiceName },
    /// Say that the saved files are served.
    GoLive { service: ServiceName },
    /// Drop a service that left the stack.
    Forget { service: ServiceName },
    /// Try a smoke check.
    Check { index: usize },
    /// The smoke test is decided.
    Decide {
        verdict: Verdict,
        why: Option<String>,
    },
    /// Nothing is left: the session ends.
    End,
}
