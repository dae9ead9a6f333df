//! What a saved file means for a service.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Hook, Signal};

/// One `watch` rule of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchRule {
    /// File or folder, absolute.
    pub path: PathBuf,
    /// What is done when something there changes.
    pub reaction: Reaction,
    /// Patterns (`.dockerignore` syntax, relative to `path`) that this rule leaves out.
    pub ignore: Vec<String>,
    /// Patterns of the same kind of which a file must match one; none: every file counts.
    #[serde(default)]
    pub include: Vec<String>,
    /// Whether a new container is given all that lies there before its program starts.
    #[serde(default)]
    pub initial_sync: bool,
}

/// When saved files are acted upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WatchMode {
    /// At once.
    #[default]
    Auto,
    /// When somebody asks for it; until then they are collected.
    Manual,
}

impl WatchMode {
    /// The word for people and programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Manual => "manual",
        }
    }
}

/// What a matching change causes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reaction {
    /// Build the image again and replace the runs.
    Rebuild,
    /// Replace the runs without a build.
    Restart,
    /// Copy what changed to `target` inside the live runs.
    Sync { target: String, then: Then },
}

/// What follows a sync.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    /// Nothing: the program notices by itself.
    #[default]
    Nothing,
    /// The run's program is restarted in the same container.
    Restart,
    /// A command is run inside.
    Exec(Box<Hook>),
    /// The run gets this signal.
    Signal(Signal),
}
