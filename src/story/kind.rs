//! What a notice is about, in a word and a symbol, and how serious it is.

use super::Tone;
use crate::engine::Notice;
use crate::telemetry::Level;

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The session, its front doors and receivers.
    Session,
    /// The container engine.
    Engine,
    /// The stack file.
    Stack,
    /// A service waits, and for what.
    Wait,
    /// Saved files, on their way or live.
    Change,
    /// An image is made.
    Build,
    /// A run begins or ends.
    Run,
    /// The health of a run.
    Health,
    /// Requests that are held.
    Held,
    /// Faults on purpose, and one request at a time.
    Fault,
    /// Smoke checks.
    Check,
    /// What somebody asked for was done.
    Done,
    /// Something works less well than it should.
    Problem,
    /// Something was lost.
    Lost,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Session,
        Self::Engine,
        Self::Stack,
        Self::Wait,
        Self::Change,
        Self::Build,
        Self::Run,
        Self::Health,
        Self::Held,
        Self::Fault,
        Self::Check,
        Self::Done,
        Self::Problem,
        Self::Lost,
    ];

    /// What this notice is about.
    pub fn of(notice: &Notice) -> Self {
        match notice {
            Notice::SessionStarted { .. }
            | Notice::SessionEnded { .. }
            | Notice::OtlpListening { .. }
            | Notice::FrontDoor { .. } => Self::Session,
            Notice::Engine { .. } => Self::Engine,
            Notice::StackReloaded { .. } | Notice::StackRefused { .. } => Self::Stack,
            Notice::ServiceHeld { .. } => Self::Wait,
            Notice::ChangeSeen { .. }
            | Notice::ChangeLive { .. }
            | Notice::ChangeServed { .. }
            | Notice::Synced { .. }
            | Notice::SyncFailed { .. }
            | Notice::Mode { .. }
            | Notice::EditsWait { .. }
            | Notice::EditsApplied { .. } => Self::Change,
            Notice::BuildStarted { .. }
            | Notice::BuildOutput { .. }
            | Notice::BuildCancelled { .. }
            | Notice::BuildFinished { .. }
            | Notice::BuildFailed { .. }
            | Notice::ImageCompared { .. } => Self::Build,
            Notice::RuntimeChosen { .. }
            | Notice::RunStarted { .. }
            | Notice::RunFailed { .. }
            | Notice::RunReady { .. }
            | Notice::RunExited { .. }
            | Notice::RestartScheduled { .. }
            | Notice::RestartFollows { .. }
            | Notice::GaveUp { .. } => Self::Run,
            Notice::Health { .. } => Self::Health,
            Notice::RequestsHeld { .. } | Notice::RequestsReleased { .. } => Self::Held,
            Notice::FaultsSet { .. } | Notice::FaultsCleared { .. } | Notice::Solo { .. } => {
                Self::Fault
            }
            Notice::CheckPassed { .. } | Notice::CheckFailed { .. } => Self::Check,
            Notice::Replayed(_) | Notice::CheckSaved { .. } | Notice::TracesExported { .. } => {
                Self::Done
            }
            Notice::Problem { .. } => Self::Problem,
            Notice::Dropped { .. } => Self::Lost,
        }
    }

    /// Its word, as filters ask for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Engine => "engine",
            Self::Stack => "stack",
            Self::Wait => "wait",
            Self::Change => "change",
            Self::Build => "build",
            Self::Run => "run",
            Self::Health => "health",
            Self::Held => "held",
            Self::Fault => "fault",
            Self::Check => "check",
            Self::Done => "done",
            Self::Problem => "problem",
            Self::Lost => "lost",
        }
    }

    /// Its symbol: every kind has its own shape.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Session => "◇",
            Self::Engine => "◎",
            Self::Stack => "≡",
            Self::Wait => "◌",
            Self::Change => "▾",
            Self::Build => "▆",
            Self::Run => "●",
            Self::Health => "▲",
            Self::Held => "‖",
            Self::Fault => "↯",
            Self::Check => "◈",
            Self::Done => "↻",
            Self::Problem => "!",
            Self::Lost => "∅",
        }
    }

    /// How serious a notice of this kind is if it is meant like that: what went wrong is an error, what may go on all the
    /// same a warning.
    pub fn level(self, tone: Tone) -> Level {
        match (tone, self) {
            (Tone::Plain | Tone::Good, _) => Level::Info,
            (
                Tone::Bad,
                Self::Session
                | Self::Health
                | Self::Held
                | Self::Fault
                | Self::Done
                | Self::Problem
                | Self::Lost,
            ) => Level::Warn,
            (Tone::Bad, _) => Level::Error,
        }
    }
}

/// The public name of a notice, as `docs/notices.md` has it: `build-failed`.
pub fn name(notice: &Notice) -> String {
    let told = serde_json::to_value(notice).ok();
    let name = told
        .as_ref()
        .and_then(|told| told.get("notice")?.as_str().map(str::to_owned));
    name.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_has_a_word_and_a_shape_of_its_own() {
        let words: BTreeSet<&str> = Kind::ALL.map(Kind::word).into();
        let symbols: BTreeSet<&str> = Kind::ALL.map(Kind::symbol).into();
        assert_eq!(
            (words.len(), symbols.len()),
            (Kind::ALL.len(), Kind::ALL.len())
        );
        assert!(symbols.iter().all(|symbol| crate::text::width(symbol) == 1));
    }

    #[test]
    fn a_notice_is_known_by_its_public_name() {
        let solo = Notice::Solo { on: true };
        assert_eq!(
            (name(&solo).as_str(), Kind::of(&solo)),
            ("solo", Kind::Fault)
        );
    }

    #[test]
    fn only_what_went_wrong_is_more_than_information() {
        assert_eq!(Kind::Build.level(Tone::Bad), Level::Error);
        assert_eq!(Kind::Problem.level(Tone::Bad), Level::Warn);
        assert_eq!(Kind::Run.level(Tone::Good), Level::Info);
    }
}
