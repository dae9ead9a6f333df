//! The variables that a project's files see: this process's environment, then its env files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::environment::reason;
use super::super::problem::{Place, Problem};
use super::forms;
use super::node::{Node, Spot};
use super::reading::Reading;

/// What a variable was set by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) enum Origin {
    /// This process's environment.
    Process,
    /// Boatyard itself, as with `COMPOSE_PROJECT_NAME`.
    Boatyard,
    /// A file of `NAME=value` lines.
    EnvFile(PathBuf),
    /// A Compose file.
    Compose(Option<Place>),
}

/// One thing that sets a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Setting {
    /// The variable.
    pub(in crate::config) name: String,
    /// Its value; `None` where a file names it without one.
    pub(in crate::config) value: Option<String>,
    /// What sets it.
    pub(in crate::config) origin: Origin,
    /// The service whose containers get it; `None` for what the files themselves see.
    pub(in crate::config) service: Option<String>,
}

/// The variables that files see.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment {
    values: BTreeMap<String, (String, Origin)>,
}

impl Environment {
    /// This process's environment.
    pub(super) fn of_process(values: &BTreeMap<String, String>) -> Self {
        let known =
            |(name, value): (&String, &String)| (name.clone(), (value.clone(), Origin::Process));
        Self {
            values: values.iter().map(known).collect(),
        }
    }

    /// The value of a variable.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.values.get(name).map(|(value, _)| value.clone())
    }

    /// The value of a variable, if it is not empty.
    pub(super) fn filled(&self, name: &str) -> Option<String> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Whether a variable says yes.
    pub(super) fn says_yes(&self, name: &str) -> bool {
        matches!(
            self.get(name).as_deref(),
            Some("1" | "t" | "T" | "true" | "True" | "TRUE")
        )
    }

    /// Sets a variable, whatever it was.
    pub(super) fn set(&mut self, name: &str, value: String, origin: Origin) {
        self.values.insert(name.to_owned(), (value, origin));
    }

    /// Every variable that no file set.
    pub(super) fn own_settings(&self) -> impl Iterator<Item = Setting> + '_ {
        let values = self.values.iter();
        let own = values.filter(|(_, (_, origin))| !matches!(origin, Origin::EnvFile(_)));
        own.map(|(name, (value, origin))| Setting {
            name: name.clone(),
            value: Some(value.clone()),
            origin: origin.clone(),
            service: None,
        })
    }

    /// Adds what env files say; a later file wins over an earlier one, what is known already over both.
    pub(super) fn add_files(&mut self, files: &[(PathBuf, Spot)], reading: &mut Reading) {
        let mut found: BTreeMap<String, (String, Origin)> = BTreeMap::new();
        let mut settings = Vec::new();
        for (file, asked) in files {
            reading.depends_on(file);
            let lookup = |name: &str| {
                let known = self.get(name);
                known.or_else(|| found.get(name).map(|(value, _)| value.clone()))
            };
            let Some(values) = read_env_file(file, asked, &lookup, reading) else {
                continue;
            };
            for (name, value) in values {
                settings.push(Setting {
                    name: name.clone(),
                    value: Some(value.clone()),
                    origin: Origin::EnvFile(file.clone()),
                    service: None,
                });
                found.insert(name, (value, Origin::EnvFile(file.clone())));
            }
        }
        // What was known before wins, so it is told last.
        reading.settings.splice(0..0, settings);
        for (name, value) in found {
            self.values.entry(name).or_insert(value);
        }
    }
}

/// Names and values of an env file; a name alone takes its value from the surroundings, or is left out.
pub(super) fn read_env_file(
    file: &Path,
    asked: &Spot,
    lookup: &dyn Fn(&str) -> Option<String>,
    reading: &mut Reading,
) -> Option<Vec<(String, String)>> {
    let source = match reading.source(file) {
        Ok(source) => source,
        Err(error) => {
            let shown = reading.shown(file);
            reading.error(asked, format!("{shown} cannot be read: {}", reason(&error)));
            return None;
        }
    };
    match forms::dotenv(&source.text, lookup) {
        Ok(values) => {
            let filled = |(name, value): (String, Option<String>)| {
                let value = value.or_else(|| lookup(&name))?;
                Some((name, value))
            };
            Some(values.into_iter().filter_map(filled).collect())
        }
        Err(error) => {
            let spot = Spot::new(&source, error.range.clone());
            let mut problem = Problem::error(spot.place(), error.message);
            problem.help_if(error.help);
            reading.push(problem);
            None
        }
    }
}

/// Fills in the values that services, secrets and configs take from the environment of the files that define them:
/// names without a value in `environment`.
pub(super) fn resolve(model: &mut Node, environment: &Environment) {
    let Some(services) = model.get_mut("services").and_then(Node::as_map_mut) else {
        return;
    };
    for service in services.values_mut() {
        let variables = service.get_mut("environment").and_then(Node::as_map_mut);
        for (name, node) in variables.into_iter().flatten() {
            if let Some(value) = environment.get(name).filter(|_| node.is_null()) {
                *node = Node {
                    key: node.key.clone(),
                    ..Node::text(value, &node.at)
                };
            }
        }
    }
}
