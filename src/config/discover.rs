//! Which stack file is meant: the one named, or the one found in this folder or above it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::scope::normal;

/// Our own file's name.
pub const STACK_FILE: &str = "boatyard.toml";

/// Names of Compose's files, in the order in which they are tried.
pub const COMPOSE_FILES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
];

/// What decides which stack is read, and how.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The stack file, if one was named, or the compose files, of which later ones are merged onto earlier ones; relative to
    /// `directory`.
    pub files: Vec<PathBuf>,
    /// Where to look; the current folder if none was named.
    pub directory: Option<PathBuf>,
    /// Profiles whose services run too; `*` is every one.
    pub profiles: Vec<String>,
    /// The environment of this process.
    pub environment: BTreeMap<String, String>,
    /// Files of variables that compose files see instead of `.env`; relative to `directory`.
    pub env_files: Vec<PathBuf>,
    /// The name of the project of compose files, whatever they say.
    pub project_name: Option<String>,
    /// The folder to which the paths of compose files are relative, if not their own.
    pub project_directory: Option<PathBuf>,
    /// The services that are to run, with what they need; all if there are none. How the others of compose files would be
    /// built and run need not be right.
    pub services: Vec<String>,
}

impl Options {
    /// The folder in which to look, absolute.
    pub fn start(&self) -> PathBuf {
        let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        match &self.directory {
            Some(directory) => normal(&here.join(directory)),
            None => here,
        }
    }
}

/// There is no stack file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// Neither here nor above.
    #[error("{}", nowhere(.0))]
    Nowhere(PathBuf),
    /// The file that was named is not there.
    #[error("there is no file {}", .0.display())]
    Named(PathBuf),
}

fn nowhere(folder: &Path) -> String {
    let shown = folder.display();
    if folder.is_dir() {
        format!("no {STACK_FILE} and no compose file in {shown} or above it")
    } else {
        format!("there is no folder {shown}")
    }
}

impl NotFound {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Nowhere(_) => {
                "\"boatyard init\" writes a first one; -C names another folder, -f another file"
            }
            Self::Named(_) => {
                "check the path given with -f; it is relative to the current folder, or to -C"
            }
        }
    }
}

/// Finds the stack file: the one named, else `boatyard.toml` in the folder or its parents, else a compose file there.
pub fn find(options: &Options) -> Result<PathBuf, NotFound> {
    let start = options.start();
    if let Some(file) = options.files.first() {
        let file = normal(&start.join(file));
        return if file.is_dir() {
            first_of(&file, &[STACK_FILE])
                .or_else(|| first_of(&file, &COMPOSE_FILES))
                .ok_or(NotFound::Named(file))
        } else if file.exists() {
            Ok(file)
        } else {
            Err(NotFound::Named(file))
        };
    }
    let look_for = |names: &[&str]| start.ancestors().find_map(|folder| first_of(folder, names));
    look_for(&[STACK_FILE])
        .or_else(|| look_for(&COMPOSE_FILES))
        .ok_or(NotFound::Nowhere(start))
}

/// The first of these files that this folder has.
pub(super) fn first_of(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    names
        .iter()
        .map(|name| folder.join(name))
        .find(|file| file.is_file())
}

/// Whether this is a compose file rather than one of ours.
pub(super) fn is_compose(file: &Path) -> bool {
    let extension = file.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("yaml" | "yml"))
}
