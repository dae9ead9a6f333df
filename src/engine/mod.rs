//! The pure state machine that decides what to build, run, route and stop.
//!
//! [`Engine::handle`] is told one [`Event`] and answers with [`Effect`]s to perform and [`Notice`]s to tell. Time is a
//! parameter. Nothing here does I/O, reads a clock, locks or is async; `clippy.toml` and `tests/tidy.rs` hold that.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod apply;
mod command;
mod deadline;
mod decide;
mod effect;
mod event;
mod faults;
mod follow;
mod hold;
mod ids;
mod intent;
mod machine;
mod moment;
mod notice;
mod perform;
mod query;
mod route;
mod smoke;
mod state;
mod status;
mod timeline;
mod turn;
mod waiting;

pub use command::{Command, Inside, TerminalSize, TraceFormat};
pub use effect::{Effect, StartRun};
pub use event::{
    Action, BuildFailure, BuildStep, Change, CheckOutcome, EngineLink, Event, Exit, Place,
    ProbeAnswer, Replay, Stamp, StartFailure, SyncCopy,
};
pub use faults::Faults;
pub use hold::Hold;
pub use ids::{BuildId, ChangeId, CheckId, RunId, SyncId};
pub use machine::{Engine, Options};
pub use moment::Moment;
pub use notice::{LiveSummary, Notice, Noticed, Stages, Verdict};
pub use state::{
    Ahead, BuildState, CheckProgress, CheckState, Completion, Crashes, Given, Goal, Held, Image,
    PendingEdits, Phase, QueuedSync, Routing, Run, RunHealth, RunPhase, RuntimeChoice,
    ServiceState, Shared, Smoke, State, Switch, Syncing, Wanted,
};
pub use status::Status;
pub use timeline::{ChangeStory, Changes, Fate, Way};
pub use waiting::WaitingEdits;
