//! What every reader of a part of the stack file has at hand: the source, the variables, and where problems go.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use crate::stack::ServiceName;

use super::problem::{Place, Problem};
use super::source::Source;
use super::tree::Span;
use crate::stack::{Holding, WatchMode};

/// The variables that `${NAME}` sees: this process's environment, then `.env`.
#[derive(Debug, Default)]
pub(super) struct Variables {
    /// This process's environment.
    pub(super) process: BTreeMap<String, String>,
    /// What `.env` beside the stack file says.
    pub(super) dotenv: BTreeMap<String, String>,
}

impl Variables {
    /// The value of a variable.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.process
            .get(name)
            .or_else(|| self.dotenv.get(name))
            .cloned()
    }
}

/// The state of one reading of one stack file.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    /// The stack file.
    pub(super) source: &'a Source,
    /// Its folder, absolute.
    pub(super) directory: &'a Path,
    /// What `${NAME}` sees.
    pub(super) variables: &'a Variables,
    /// Profiles that were chosen.
    pub(super) profiles: &'a BTreeSet<String>,
    /// The services that are to run, with what they need; all if there are none.
    pub(super) wanted: &'a [String],
    /// The names of all services of the file.
    pub(super) service_names: BTreeSet<String>,
    /// What was found wrong so far.
    pub(super) problems: Vec<Problem>,
    /// Where the watch rules of each service stand, in their order.
    pub(super) rules: Vec<(ServiceName, Place)>,
    /// Files that were read, or that would have been, besides the stack file.
    pub(super) also_read: Vec<PathBuf>,
    /// How requests are held, and when saved files are acted upon, where a service does not say.
    pub(super) defaults: Defaults,
    /// Whether the service being read is part of the chosen profiles. What is missing on disk for another is no problem.
    pub(super) active: bool,
}

/// What the top of the file says for every service.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Defaults {
    /// How long and how many requests are held.
    pub(super) hold: Holding,
    /// When saved files are acted upon.
    pub(super) watch_mode: WatchMode,
    /// Whether requests are recorded; nothing said: they are.
    pub(super) trace: Option<bool>,
}

impl Scope<'_> {
    /// Notes an error at this place of the stack file.
    pub(super) fn error(&mut self, span: &Span, message: impl Into<String>) -> &mut Problem {
        let place = self.source.place(span);
        self.push(Problem::error(Some(place), message))
    }

    /// Notes a warning at this place of the stack file.
    pub(super) fn warning(&mut self, span: &Span, message: impl Into<String>) -> &mut Problem {
        let place = self.source.place(span);
        self.push(Problem::warning(Some(place), message))
    }

    /// Notes a problem.
    pub(super) fn push(&mut self, problem: Problem) -> &mut Problem {
        let index = self.problems.len();
        self.problems.push(problem);
        &mut self.problems[index]
    }

    /// Where this stands.
    pub(super) fn place(&self, span: &Span) -> Place {
        self.source.place(span)
    }

    /// A path of the stack file, absolute and without `.` and `..`; `~` is the home folder.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        let home = self.variables.process.get("HOME");
        let path = match (text.strip_prefix('~'), home) {
            (Some(""), Some(home)) => PathBuf::from(home),
            (Some(rest), Some(home)) if rest.starts_with('/') => Path::new(home).join(&rest[1..]),
            _ => self.directory.join(text),
        };
        normal(&path)
    }

    /// Remembers that saving this file must reload the stack.
    pub(super) fn depends_on_file(&mut self, path: &Path) {
        if !self.also_read.iter().any(|known| known == path) {
            self.also_read.push(path.to_path_buf());
        }
    }
}

/// The path without `.` and `..`, as written: links are not followed.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() {
                    out.push(part);
                }
            }
            _ => out.push(part),
        }
    }
    out
}
