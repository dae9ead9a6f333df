//! A first `boatyard.toml` from the Dockerfiles and the compose file found in a folder, for `boatyard init`.

mod compose;
mod compose_service;
mod dockerfiles;
mod proposal;
mod yaml;

use std::path::{Path, PathBuf};

use super::discover::{COMPOSE_FILES, Options, STACK_FILE, first_of};
use super::environment::{read_text, reason};
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
    /// What was not carried over, and what still has to be done by hand.
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
    let dockerfiles = dockerfiles::find(&directory);
    let draft = match first_of(&directory, &COMPOSE_FILES) {
        Some(file) => from_compose(&file, &directory, &dockerfiles)?,
        None if dockerfiles.is_empty() => return Err(InitError::NothingFound(directory)),
        None => dockerfiles::propose(&dockerfiles, &directory)?,
    };
    Ok(finish(draft, &directory))
}

fn from_compose(
    file: &Path,
    directory: &Path,
    dockerfiles: &[PathBuf],
) -> Result<Draft, InitError> {
    let unreadable = |why| InitError::Unreadable {
        file: file.to_path_buf(),
        why,
    };
    let text = read_text(file).map_err(|error| unreadable(reason(&error)))?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let mut draft = compose::propose(&text, &name).map_err(unreadable)?;
    for dockerfile in dockerfiles {
        let folder = dockerfile.parent().unwrap_or(directory);
        let shown = dockerfiles::relative(dockerfile, directory);
        if !draft.builds(&dockerfiles::relative(folder, directory)) {
            draft.note(None, format!("{shown} belongs to no service of {name}"));
        }
    }
    Ok(draft)
}

/// Writes the draft out, and reads it back: what is wrong with it is no surprise to the user then.
fn finish(mut draft: Draft, directory: &Path) -> InitOutcome {
    if draft.name.is_none() {
        draft.name = Some(name_of_folder(directory));
    }
    let text = draft.write();
    let file = directory.join(STACK_FILE);
    let options = Options {
        environment: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        profiles: vec!["*".into()],
        ..Options::default()
    };
    let loaded = read(
        &Source::new(PathBuf::from(STACK_FILE), text.clone()),
        &file,
        &options,
    );
    let errors = loaded
        .problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error);
    let mut notes = draft.notes;
    notes.extend(errors.map(|problem| format!("still to do: {}", problem.line())));
    InitOutcome {
        text,
        found: draft.found,
        notes,
    }
}

#[cfg(test)]
mod tests;
