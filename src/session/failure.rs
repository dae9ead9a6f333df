//! Why a command could not do its work, and the exit code that says so.

use std::io;

/// A command's failure: a whole message for people, with what to do, and the kind of exit.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The command line or the stack file is wrong (2).
    #[error("{0}")]
    Wrong(String),
    /// Something that is needed is missing (3).
    #[error("{0}")]
    Missing(String),
    /// Something went wrong while working (1).
    #[error("{0}")]
    Failed(String),
}

impl Failure {
    /// Exit code when a build, a run or a check failed.
    pub(super) const FAILED: u8 = 1;
    /// Exit code when the command line or the stack file is wrong.
    pub(super) const WRONG: u8 = 2;
    /// Exit code when something needed is missing.
    pub(super) const MISSING: u8 = 3;

    /// A failed system call: what it was about, and what the system said.
    pub(super) fn io(what: &str, error: &io::Error) -> Self {
        Self::Failed(format!("error: {what}: {error}"))
    }

    /// The exit code.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Wrong(_) => Self::WRONG,
            Self::Missing(_) => Self::MISSING,
            Self::Failed(_) => Self::FAILED,
        }
    }
}
