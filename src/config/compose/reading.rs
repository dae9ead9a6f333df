//! What every step of reading has at hand: the files that were read, and where problems go.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::environment::{read_text, reason};
use super::super::problem::{Problem, Severity, quoted};
use super::super::scope::normal;
use super::super::source::{Source, shown_from};
use super::environment::Setting;
use super::forms::FormError;
use super::node::{Node, Spot};
use super::yaml;

/// The state of one reading of one project.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The folder from which messages name files.
    here: PathBuf,
    /// The home folder, for `~`.
    home: Option<PathBuf>,
    /// What was found wrong so far.
    pub(super) problems: Vec<Problem>,
    /// Compose files that were read, or that should have been.
    pub(super) files: Vec<PathBuf>,
    /// Other files that were read, or that would have been.
    pub(super) also_read: Vec<PathBuf>,
    /// What env files set for the Compose files; a later setting of the same variable counts.
    pub(super) settings: Vec<Setting>,
    sources: HashMap<PathBuf, Arc<Source>>,
    /// Values that are known to be wrong: what else is said of them is a consequence.
    spoiled: HashSet<(PathBuf, usize, usize)>,
    /// Variables without a value that were named.
    unset: BTreeSet<String>,
    /// Where what is said of a consequence goes.
    unsaid: Option<Problem>,
}

impl Reading {
    /// Nothing is read yet.
    pub(super) fn new(here: &Path, home: Option<&str>) -> Self {
        Self {
            here: here.to_path_buf(),
            home: home.map(PathBuf::from),
            ..Self::default()
        }
    }

    /// Notes a problem. The same problem is noted once.
    pub(super) fn push(&mut self, problem: Problem) -> &mut Problem {
        let same =
            |known: &Problem| known.message == problem.message && known.place == problem.place;
        let index = self.problems.iter().position(same).unwrap_or_else(|| {
            self.problems.push(problem);
            self.problems.len() - 1
        });
        &mut self.problems[index]
    }

    /// Notes an error at this spot, unless the value there is known to be wrong.
    pub(super) fn error(&mut self, spot: &Spot, message: impl Into<String>) -> &mut Problem {
        let problem = Problem::error(spot.place(), message);
        if self.is_spoiled(spot) {
            return self.unsaid.insert(problem);
        }
        self.push(problem)
    }

    /// Notes a warning at this spot.
    pub(super) fn warning(&mut self, spot: &Spot, message: impl Into<String>) -> &mut Problem {
        self.push(Problem::warning(spot.place(), message))
    }

    /// Notes what is wrong with the text of a value, in the part of it that is wrong. `what` names the value.
    pub(super) fn form_error(&mut self, node: &Node, what: &str, error: FormError) {
        let piece = node.as_text().and_then(|text| text.get(error.range));
        let spot = piece.map_or_else(|| node.at.clone(), |piece| node.at.part(piece));
        if self.is_spoiled(&node.at) {
            return;
        }
        self.error(&spot, format!("{what}: {}", error.message))
            .help_if(error.help);
        self.spoil(&node.at);
    }

    /// Warns of a variable that has no value; once for each.
    pub(super) fn unset(&mut self, name: &str, spot: &Spot) {
        if self.unset.insert(name.to_owned()) {
            self.warning(
                spot,
                format!("the variable {name} is not set: it becomes empty"),
            )
            .help(format!("set it in .env, or write ${{{name}:-DEFAULT}}"));
        }
    }

    /// Remembers that the value at this spot is wrong.
    pub(super) fn spoil(&mut self, spot: &Spot) {
        if let Some(key) = spot_key(spot) {
            self.spoiled.insert(key);
        }
    }

    fn is_spoiled(&self, spot: &Spot) -> bool {
        spot_key(spot).is_some_and(|key| self.spoiled.contains(&key))
    }

    /// Whether something was found that makes the model useless.
    pub(super) fn has_errors(&self) -> bool {
        let is_error = |problem: &Problem| problem.severity == Severity::Error;
        self.problems.iter().any(is_error)
    }

    /// The text of this file.
    pub(super) fn source(&mut self, path: &Path) -> io::Result<Arc<Source>> {
        if let Some(source) = self.sources.get(path) {
            return Ok(Arc::clone(source));
        }
        let text = read_text(path)?;
        let source = Arc::new(Source::new(shown_from(&self.here, path), text));
        self.sources.insert(path.to_path_buf(), Arc::clone(&source));
        Ok(source)
    }

    /// The Compose file that `asked` names, absolute; what is not on this machine is an error.
    pub(super) fn local_file(&mut self, asked: &Node, base: &Path) -> Option<PathBuf> {
        let text = asked.as_text()?;
        let is_remote = text.contains("://") || text.starts_with("git@");
        if is_remote {
            let message = format!("{} is not on this machine", quoted(text));
            self.error(&asked.at, message)
                .help("fetch it, and name the file; Boatyard reads local Compose files only");
            return None;
        }
        Some(self.absolute(text, base))
    }

    /// The documents of this Compose file; `asked` is where it is asked for. `None` if it cannot be read.
    pub(super) fn documents(&mut self, path: &Path, asked: &Spot) -> Option<Vec<Node>> {
        if !self.files.iter().any(|known| known == path) {
            self.files.push(path.to_path_buf());
        }
        let source = match self.source(path) {
            Ok(source) => source,
            Err(error) => {
                let message = format!("{} cannot be read: {}", self.shown(path), reason(&error));
                self.error(asked, message);
                return None;
            }
        };
        let mut found = Vec::new();
        let documents = yaml::parse(&source, &mut found);
        let is_broken = !found.is_empty() && documents.is_empty();
        for problem in found {
            self.push(problem);
        }
        (!is_broken).then_some(documents)
    }

    /// Remembers that saving this file changes the project.
    pub(super) fn depends_on(&mut self, path: &Path) {
        if !self.also_read.iter().any(|known| known == path) {
            self.also_read.push(path.to_path_buf());
        }
    }

    /// The path as messages name it.
    pub(super) fn shown(&self, path: &Path) -> String {
        shown_from(&self.here, path).display().to_string()
    }

    /// A path of a file, absolute: below `base` if it is relative; `~` is the home folder. An absolute path stays
    /// as it is written.
    pub(super) fn absolute(&self, text: &str, base: &Path) -> PathBuf {
        let path = match (text.strip_prefix('~'), &self.home) {
            (Some(""), Some(home)) => home.clone(),
            (Some(rest), Some(home)) if rest.starts_with('/') => home.join(&rest[1..]),
            _ => PathBuf::from(text),
        };
        if path.is_absolute() || is_windows(text) {
            return path;
        }
        normal(&base.join(path))
    }
}

/// Whether this is an absolute path of a Windows machine.
fn is_windows(path: &str) -> bool {
    let mut chars = path.chars();
    let is_drive = chars
        .next()
        .is_some_and(|letter| letter.is_ascii_alphabetic())
        && chars.next() == Some(':')
        && matches!(chars.next(), Some('\\' | '/'));
    is_drive || path.starts_with("\\\\")
}

fn spot_key(spot: &Spot) -> Option<(PathBuf, usize, usize)> {
    let place = spot.place()?;
    Some((place.file, place.line, place.column))
}
