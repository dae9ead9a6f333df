//! A first `boatyard.toml` from the Dockerfiles and the compose file found in a folder, for `boatyard init`.

mod compose;
mod dockerfiles;
mod proposal;

use std::path::{Path, PathBuf};

use super::discover::{COMPOSE_FILES, Options, STACK_FILE, first_of};
use super::file::name_of_folder;
use super::load::read;
use super::problem::Severity;
use super::source::Source;
use proposal::Draft;

/// A proposed stack file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitOutcome {
    /// The text of the file.
    pub text: String,
    /// What it was made from, relative to the folder.
    pub found: Vec<String>,
    /// What still has to be done by hand.
    pub notes: Vec<String>,
}

/// Why no stack file can be proposed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InitError {
    /// There is one already.
    #[error("{} is already there; remove it first, or edit it", .0.display())]
    AlreadyThere(PathBuf),
    /// There is nothing to make one from.
    #[error(
        "no Dockerfile and no compose file in {} or three folders below it; write a {STACK_FILE} with a service such \
         as [services.web] and run = \"COMMAND\"", .0.display()
    )]
    NothingFound(PathBuf),
    /// A file that was found cannot be read.
    #[error("{} cannot be read: {why}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        why: String,
    },
}

/// Proposes a stack file for this folder. Nothing is written; a folder that has one is refused.
pub fn init(directory: &Path) -> Result<InitOutcome, InitError> {
    let existing = directory.join(STACK_FILE);
    if existing.exists() {
        return Err(InitError::AlreadyThere(existing));
    }
    let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_path_buf());
    let options = Options {
        environment: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        profiles: vec!["*".into()],
        ..Options::default()
    };
    let draft = if let Some(file) = first_of(&directory, &COMPOSE_FILES) {
        compose::propose(&directory, &options).map_err(|why| InitError::Unreadable { file, why })?
    } else {
        let dockerfiles = dockerfiles::find(&directory);
        if dockerfiles.is_empty() {
            return Err(InitError::NothingFound(directory));
        }
        dockerfiles::propose(&dockerfiles, &directory)?
    };
    Ok(finish(draft, &directory, &options))
}

/// Writes the draft out, and reads it back: what is wrong with it is no surprise to the user then.
fn finish(mut draft: Draft, directory: &Path, options: &Options) -> InitOutcome {
    if draft.compose.is_empty() {
        draft.name = Some(name_of_folder(directory));
    }
    let text = draft.write();
    let file = directory.join(STACK_FILE);
    let loaded = read(
        &Source::new(PathBuf::from(STACK_FILE), text.clone()),
        &file,
        options,
    );
    let errors = loaded
        .problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error);
    InitOutcome {
        text,
        found: draft.found,
        notes: errors
            .map(|problem| format!("still to do: {}", problem.line()))
            .collect(),
    }
}

#[cfg(test)]
mod tests;
