//! Why something waits.

use serde::{Deserialize, Serialize};

use super::Moment;
use crate::stack::{Condition, ServiceName};

/// The one thing a service waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hold", rename_all = "kebab-case")]
pub enum Hold {
    /// The container engine has not answered yet, so its runtime is not known.
    EngineUnknown,
    /// It needs the container engine, which is gone or was never there.
    EngineMissing { why: String },
    /// As many builds run as are allowed.
    BuildSlot,
    /// Its build failed; an edit or a rebuild goes on.
    BuildFailed,
    /// Its runs have the newest files, and the build of the image that should have them too failed.
    AheadOfImage,
    /// It needs another service first.
    Dependency {
        on: ServiceName,
        condition: Condition,
        state: String,
    },
    /// It ended and is started again at this moment.
    Backoff { until: Moment, cause: String },
    /// It ended too often; an edit or a restart goes on.
    GaveUp {
        attempts: u32,
        /// Whether there is anything to edit.
        has_sources: bool,
    },
    /// It failed, and its restart policy says that it stays so; an edit or a restart goes on.
    Ended {
        cause: String,
        /// Whether there is anything to edit.
        has_sources: bool,
    },
    /// The files that its rules put into a new container are being looked for.
    Files,
    /// Its old run must end first.
    OldRun,
    /// It cannot be started; an edit or a restart goes on.
    CannotStart { message: String },
    /// A person stopped it.
    Stopped,
    /// Services that depend on it must stop first.
    Dependents { first: ServiceName },
}

impl Hold {
    /// What makes a service go on that has come to rest, in words; `has_sources`: whether there is anything to edit.
    pub fn goes_on(has_sources: bool) -> &'static str {
        if has_sources {
            "save an edit or restart it"
        } else {
            "restart it"
        }
    }

    /// The hold in words, to follow the service's name: "waits for db: not healthy yet".
    pub fn shown(&self) -> String {
        match self {
            Self::EngineUnknown => "waits for the container engine to answer".into(),
            Self::EngineMissing { why } => format!("needs a container engine: {why}"),
            Self::BuildSlot => "waits for a free build slot".into(),
            Self::BuildFailed => "its build failed; save an edit or rebuild".into(),
            Self::AheadOfImage => {
                "runs the synced edits, but its image build failed; save an edit or rebuild".into()
            }
            Self::Dependency { on, state, .. } => format!("waits for {on}: {state}"),
            Self::Backoff { cause, .. } => format!("{cause}; starts again soon"),
            Self::GaveUp {
                attempts,
                has_sources,
            } => format!(
                "gave up after {attempts} tries; {}",
                Self::goes_on(*has_sources)
            ),
            Self::Ended { cause, has_sources } => {
                format!("failed: {cause}; {}", Self::goes_on(*has_sources))
            }
            Self::Files => "waits until its files are found".into(),
            Self::OldRun => "waits for its old run to end".into(),
            Self::CannotStart { message } => format!("cannot start: {message}"),
            Self::Stopped => "stopped by hand".into(),
            Self::Dependents { first } => format!("stops after {first}"),
        }
    }

    /// Whether a person who was told `other` learns nothing from being told this: only a number in it moved.
    pub fn says_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Dependency { on, state, .. },
                Self::Dependency {
                    on: other_on,
                    state: other_state,
                    ..
                },
            ) => on == other_on && without_digits(state).eq(without_digits(other_state)),
            _ => self == other,
        }
    }
}

fn without_digits(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|letter| !letter.is_ascii_digit())
}
