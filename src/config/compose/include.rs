//! `include`: files that are projects of their own, with their own folder and variables, joined with this one.

use std::path::{Path, PathBuf};

use super::load::{self, Level};
use super::merge::into_members;
use super::node::{Map, Node, Spot, Value};
use super::reading::Reading;

/// The sections that are joined.
const SECTIONS: [&str; 6] = [
    "services", "volumes", "networks", "secrets", "configs", "models",
];

/// Joins a document with what it includes.
pub(super) fn apply(document: &mut Node, file: &Path, level: &Level, reading: &mut Reading) {
    let Some(includes) = document.remove("include") else {
        return;
    };
    for include in into_members(includes) {
        let Some(wanted) = Wanted::of(&include, level, reading) else {
            continue;
        };
        let mut included_by = level.included_by.clone();
        included_by.push(file.to_path_buf());
        let (first, asked) = &wanted.files[0];
        if included_by.contains(first) {
            circle(&included_by, first, asked, reading);
            continue;
        }
        let mut environment = level.environment.clone();
        environment.add_files(&wanted.env_files, reading);
        let inner = Level {
            directory: wanted.directory,
            environment,
            included_by,
        };
        if let Some(model) = load::files(&wanted.files, &inner, reading) {
            join(document, model, &include.at, reading);
        }
    }
}

fn circle(included_by: &[PathBuf], file: &Path, asked: &Spot, reading: &mut Reading) {
    let start = included_by.iter().position(|known| known == file);
    let ring = included_by.get(start.unwrap_or(0)..).unwrap_or_default();
    let mut names: Vec<String> = ring.iter().map(|file| reading.shown(file)).collect();
    names.push(reading.shown(file));
    let message = format!(
        "files include each other in a circle: {}",
        names.join(" → ")
    );
    reading.error(asked, message);
}

/// One entry of `include`.
struct Wanted {
    /// The first, and those merged onto it; at least one.
    files: Vec<(PathBuf, Spot)>,
    directory: PathBuf,
    env_files: Vec<(PathBuf, Spot)>,
}

impl Wanted {
    fn of(include: &Node, level: &Level, reading: &mut Reading) -> Option<Self> {
        let absolute = |node: &Node, reading: &Reading| {
            let text = node.as_text()?;
            let file = reading.absolute(text, &level.directory);
            Some((file, node.at.clone()))
        };
        let paths = match &include.value {
            Value::Text(_) => vec![include.clone()],
            _ => include
                .get("path")
                .cloned()
                .map(into_members)
                .unwrap_or_default(),
        };
        let mut files = Vec::new();
        for path in &paths {
            let file = reading.local_file(path, &level.directory)?;
            files.push((file, path.at.clone()));
        }
        let (first, _) = files.first()?;
        let directory = match include.text_of("project_directory") {
            Some(folder) if !folder.is_empty() => reading.absolute(folder, &level.directory),
            _ => first.parent().unwrap_or(Path::new("/")).to_path_buf(),
        };
        let named = include.get("env_file").cloned().map(into_members);
        let mut env_files: Vec<_> = named
            .unwrap_or_default()
            .iter()
            .filter_map(|path| absolute(path, reading))
            .collect();
        if env_files.is_empty() {
            let default = directory.join(".env");
            reading.depends_on(&default);
            if default.is_file() {
                env_files.push((default, Spot::default()));
            }
        }
        Some(Self {
            files,
            directory,
            env_files,
        })
    }
}

/// Adds what was included. What both define must be the same.
fn join(document: &mut Node, included: Node, asked: &Spot, reading: &mut Reading) {
    let Value::Map(mut included) = included.value else {
        return;
    };
    for section in SECTIONS {
        let Some(entries) = included.shift_remove(section) else {
            continue;
        };
        let Value::Map(entries) = entries.value else {
            continue;
        };
        document.set_default(section, Value::Map(Map::new()));
        let there = document.get_mut(section);
        let Some(there) = there.and_then(|there| {
            if there.is_null() {
                there.value = Value::Map(Map::new());
            }
            there.as_map_mut()
        }) else {
            continue;
        };
        for (name, node) in entries {
            match there.get(&name) {
                None => {
                    there.insert(name, node);
                }
                Some(known) if *known == node => {}
                Some(known) => conflict(section, &name, known, &node, asked, reading),
            }
        }
    }
}

fn conflict(
    section: &str,
    name: &str,
    known: &Node,
    included: &Node,
    asked: &Spot,
    reading: &mut Reading,
) {
    let message =
        format!("\"{section}.{name}\" is defined here, and differently in what is included");
    let problem = reading.error(known.key_spot(), message);
    problem.help("rename one of the two, or change what is included in an override file");
    if let Some(place) = included.key_spot().place() {
        problem.also(place, "included from here");
    }
    if let Some(place) = asked.place() {
        problem.also(place, "by this");
    }
}
