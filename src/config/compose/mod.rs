//! Compose files: from the files of a project to one resolved model, as the Compose specification says.
//!
//! [`discover`] finds the files, their folder and their variables. Each file becomes a tree whose parts know where
//! they stand ([`yaml`], [`node`]); its variables are filled in ([`fill`]), it takes what it extends ([`extend`]) and
//! includes ([`include`]), and is merged onto the files before it ([`merge`], [`unique`]), held against the
//! specification ([`schema`]) and made canonical ([`canonical`]): [`load`] says in which order. Then come defaults
//! ([`defaults`], [`normal`]), the form of every value ([`typed`]), what files say of services ([`env_files`]) and what
//! concerns several of them ([`consistency`]). Nothing stops at the first problem.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::problem::{Problem, Severity};
use super::show::yaml::emit;

pub(super) mod beside;
mod canonical;
mod consistency;
mod defaults;
mod discover;
pub(super) mod entry;
mod env_files;
mod environment;
mod extend;
mod fill;
mod forms;
mod include;
pub(super) mod into_stack;
mod kinds;
mod load;
mod merge;
mod node;
mod normal;
mod objects;
mod output;
mod path;
mod paths;
mod profiles;
mod reading;
mod scalar;
mod schema;
mod typed;
mod unique;
mod yaml;

pub(super) use environment::{Origin, Setting};
pub(super) use node::{Node, Spot};

use environment::Environment;
use load::Level;
use reading::Reading;

/// A Compose project that was read.
#[derive(Debug)]
pub(super) struct Project {
    /// Its name.
    pub(super) name: String,
    /// Its folder, absolute.
    pub(super) directory: PathBuf,
    /// The Compose files that were read, included and extended ones too.
    pub(super) files: Vec<PathBuf>,
    /// Other files that were read, or that would have been.
    pub(super) also_read: Vec<PathBuf>,
    /// What it says, in the form of `docker compose config`; of use when no problem is an error.
    pub(super) model: Node,
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
    /// What sets each variable: of the files first, then of services; a later setting of the same one counts.
    pub(super) variables: Vec<Setting>,
}

/// What decides which project is read, and how.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    /// The files, if some were named; relative to `directory`.
    pub(super) files: Vec<PathBuf>,
    /// The current folder, absolute: files are looked for in it and above it.
    pub(super) directory: PathBuf,
    /// The folder to which paths in the files are relative, if it is not that of the first file.
    pub(super) project_directory: Option<PathBuf>,
    /// The project's name, if one was given.
    pub(super) project_name: Option<String>,
    /// Env files that are read instead of `.env`; relative to `directory`.
    pub(super) env_files: Vec<PathBuf>,
    /// Profiles whose services run too; `*` is every one. None: those of `COMPOSE_PROFILES`.
    pub(super) profiles: Vec<String>,
    /// The environment of this process.
    pub(super) environment: BTreeMap<String, String>,
}

impl Project {
    /// Whether the model cannot be used.
    pub(super) fn has_errors(&self) -> bool {
        let mut problems = self.problems.iter();
        problems.any(|problem| problem.severity == Severity::Error)
    }

    /// The model as `docker compose config --format json` prints it.
    pub(super) fn to_json(&self) -> serde_json::Value {
        output::escaped(output::to_json(&self.model))
    }

    /// The model as `docker compose config` prints it.
    pub(super) fn to_yaml(&self) -> String {
        emit(self.to_json())
    }
}

/// What a Compose project says, for whoever is outside.
#[derive(Debug)]
pub struct ComposeModel {
    /// The model as `docker compose config --format json` prints it, but every `$` as it is; of use when no problem is an
    /// error.
    pub json: serde_json::Value,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// Reads the project that these Compose files make, in this folder and with this environment.
pub fn read_compose(
    directory: &Path,
    files: &[PathBuf],
    environment: &BTreeMap<String, String>,
) -> ComposeModel {
    let project = project(&Given {
        files: files.to_vec(),
        directory: directory.to_path_buf(),
        environment: environment.clone(),
        ..Given::default()
    });
    ComposeModel {
        json: output::to_json(&project.model),
        problems: project.problems,
    }
}

/// Reads a project.
pub(super) fn project(given: &Given) -> Project {
    let home = given.environment.get("HOME").map(String::as_str);
    let mut reading = Reading::new(&given.directory, home);
    let mut found = discover::find(given, &mut reading);
    let named = written_name(&found.files, &found.environment, &mut reading);
    let name = discover::name(given, named.as_deref(), &mut found, &mut reading);
    if found.files.is_empty() {
        let message = format!(
            "there is no Compose file in {} or above it",
            given.directory.display()
        );
        reading.error(&Spot::default(), message);
    }
    let level = Level {
        directory: found.directory.clone(),
        environment: found.environment,
        included_by: Vec::new(),
    };
    let files: Vec<_> = found
        .files
        .into_iter()
        .map(|file| (file, Spot::default()))
        .collect();
    let mut model = load::files(&files, &level, &mut reading).unwrap_or_default();
    let mut variables = std::mem::take(&mut reading.settings);
    variables.extend(level.environment.own_settings());
    finish(
        &mut model,
        &name,
        &found.profiles,
        &level.environment,
        &mut variables,
        &mut reading,
    );
    let Reading {
        mut problems,
        files,
        also_read,
        ..
    } = reading;
    sort(&mut problems);
    Project {
        name,
        directory: level.directory,
        files,
        also_read,
        model,
        problems,
        variables,
    }
}

/// Everything that is done once all files are merged.
fn finish(
    model: &mut Node,
    name: &str,
    enabled: &[String],
    environment: &Environment,
    variables: &mut Vec<Setting>,
    reading: &mut Reading,
) {
    if model.as_map().is_none() {
        return;
    }
    model.set("name", Node::text(name, &Spot::default()));
    normal::normalize(model, name, environment);
    typed::settle(model, reading);
    let disabled = profiles::disable(model, enabled);
    consistency::check(model, &disabled, reading);
    env_files::read(model, environment, variables, reading);
    profiles::drop_unused(model);
}

/// The name that the files give their project: the last one counts.
fn written_name(
    files: &[PathBuf],
    environment: &Environment,
    reading: &mut Reading,
) -> Option<String> {
    let mut named = None;
    for file in files {
        let Ok(source) = reading.source(file) else {
            continue;
        };
        for document in yaml::parse(&source, &mut Vec::new()) {
            let text = document.text_of("name").filter(|text| !text.is_empty());
            named = text.map(str::to_owned).or(named);
        }
    }
    let lookup = |name: &str| environment.get(name);
    forms::interpolate(&named?, &lookup).ok()
}

/// By place, and errors before warnings where there is none.
fn sort(problems: &mut [Problem]) {
    problems.sort_by_cached_key(|problem| {
        let place = problem.place.as_ref();
        let place = place.map(|place| (place.file.clone(), place.line, place.column));
        (place, problem.severity)
    });
}

#[cfg(test)]
mod tests;
