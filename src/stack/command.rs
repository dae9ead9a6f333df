//! A command as the stack file gives it.

use serde::{Deserialize, Serialize};

/// A command line: words for the kernel, or one line for a shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandWords {
    /// A list of words, run as they are.
    Words(Vec<String>),
    /// One line, run by `/bin/sh -c`.
    Shell(String),
}

impl CommandWords {
    /// The words to execute: the list itself, or `/bin/sh -c LINE`.
    pub fn argv(&self) -> Vec<String> {
        match self {
            Self::Words(words) => words.clone(),
            Self::Shell(line) => vec!["/bin/sh".into(), "-c".into(), line.clone()],
        }
    }

    /// The command as a person would type it.
    pub fn shown(&self) -> String {
        match self {
            Self::Words(words) => shell_words::join(words),
            Self::Shell(line) => line.clone(),
        }
    }
}
