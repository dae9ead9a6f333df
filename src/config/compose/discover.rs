//! Which files make a project, in which folder, under which name, with which variables and profiles.

use std::path::{Path, PathBuf};

use super::super::discover::first_of;
use super::super::problem::quoted;
use super::super::scope::normal;
use super::Given;
use super::environment::{Environment, Origin};
use super::node::Spot;
use super::reading::Reading;

/// Names of Compose's files, in the order in which they are tried.
const FILES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];

/// Names of files that are merged onto the first, in the order in which they are tried.
const OVERRIDES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// What is known before any Compose file is read.
#[derive(Debug)]
pub(super) struct Found {
    /// The files, in the order in which they are merged.
    pub(super) files: Vec<PathBuf>,
    /// The project's folder.
    pub(super) directory: PathBuf,
    /// The variables that the files see.
    pub(super) environment: Environment,
    /// Profiles that are enabled.
    pub(super) profiles: Vec<String>,
}

/// Finds all of that.
pub(super) fn find(given: &Given, reading: &mut Reading) -> Found {
    let mut environment = Environment::of_process(&given.environment);
    let asked: Vec<PathBuf> = absolute(&given.files, &given.directory);
    let project = given
        .project_directory
        .as_ref()
        .map(|folder| normal(&given.directory.join(folder)));
    let beside = |files: &[PathBuf]| {
        let first = files.first().and_then(|file| file.parent());
        first.map(Path::to_path_buf)
    };
    let early = project
        .clone()
        .or_else(|| beside(&asked))
        .unwrap_or_else(|| given.directory.clone());
    read_env_files(given, &early, &mut environment, reading);
    let files = if asked.is_empty() {
        from_variable(given, &environment).unwrap_or_else(|| {
            from_folders(project.as_deref().unwrap_or(&given.directory), reading)
        })
    } else {
        asked
    };
    let directory = project
        .or_else(|| beside(&files))
        .unwrap_or_else(|| given.directory.clone());
    if directory != early && given.env_files.is_empty() {
        read_env_files(given, &directory, &mut environment, reading);
    }
    let profiles = if given.profiles.is_empty() {
        let chosen = environment.get("COMPOSE_PROFILES").unwrap_or_default();
        let names = chosen.split(',').map(str::trim);
        names
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    } else {
        given.profiles.clone()
    };
    Found {
        files,
        directory,
        environment,
        profiles,
    }
}

fn absolute(files: &[PathBuf], base: &Path) -> Vec<PathBuf> {
    files.iter().map(|file| normal(&base.join(file))).collect()
}

/// Reads the env files that were named, or else `.env` in this folder.
fn read_env_files(
    given: &Given,
    folder: &Path,
    environment: &mut Environment,
    reading: &mut Reading,
) {
    let mut wanted = given.env_files.clone();
    if wanted.is_empty() {
        let listed = environment.filled("COMPOSE_ENV_FILES").unwrap_or_default();
        let names = listed.split(',').map(str::trim);
        wanted.extend(names.filter(|name| !name.is_empty()).map(PathBuf::from));
    }
    let mut files = absolute(&wanted, &given.directory);
    if files.is_empty() {
        let default = folder.join(".env");
        reading.depends_on(&default);
        if default.is_file() && !environment.says_yes("COMPOSE_DISABLE_ENV_FILE") {
            files.push(default);
        }
    }
    let files: Vec<_> = files
        .into_iter()
        .map(|file| (file, Spot::default()))
        .collect();
    environment.add_files(&files, reading);
}

/// The files that `COMPOSE_FILE` names.
fn from_variable(given: &Given, environment: &Environment) -> Option<Vec<PathBuf>> {
    let listed = environment.filled("COMPOSE_FILE")?;
    let separator = environment
        .filled("COMPOSE_PATH_SEPARATOR")
        .unwrap_or_else(|| ":".into());
    let names = listed
        .split(separator.as_str())
        .filter(|name| !name.is_empty());
    Some(
        names
            .map(|name| normal(&given.directory.join(name)))
            .collect(),
    )
}

/// The files of the nearest folder that has one: this or one above it.
fn from_folders(start: &Path, reading: &mut Reading) -> Vec<PathBuf> {
    for folder in start.ancestors() {
        let Some(main) = the_first(folder, &FILES, reading) else {
            continue;
        };
        let mut files = vec![main];
        files.extend(the_first(folder, &OVERRIDES, reading));
        return files;
    }
    Vec::new()
}

/// The first of these files that this folder has; that there are more is said.
fn the_first(folder: &Path, names: &[&str], reading: &mut Reading) -> Option<PathBuf> {
    let file = first_of(folder, names)?;
    let others = names.iter().map(|name| folder.join(name));
    let others: Vec<String> = others
        .filter(|other| *other != file && other.is_file())
        .map(|other| reading.shown(&other))
        .collect();
    if !others.is_empty() {
        let (read, unread) = (reading.shown(&file), others.join(", "));
        reading
            .warning(&Spot::default(), format!("{read} is read, {unread} is not"))
            .help("name the files with -f, or remove those that are not meant");
    }
    Some(file)
}

/// The project's name: the one given, else `COMPOSE_PROJECT_NAME`, else `named` by the files, else the folder's.
/// It becomes `COMPOSE_PROJECT_NAME`.
pub(super) fn name(
    given: &Given,
    named: Option<&str>,
    found: &mut Found,
    reading: &mut Reading,
) -> String {
    let from_variable = found.environment.filled("COMPOSE_PROJECT_NAME");
    let asked = given.project_name.clone().filter(|name| !name.is_empty());
    let name = if let Some(name) = asked.or(from_variable) {
        if normalized(&name) != name {
            let message = format!("{} cannot be a project's name", quoted(&name));
            reading.error(&Spot::default(), message).help(
                "use lowercase letters, digits, \"-\" and \"_\", and begin with a letter or a digit",
            );
        }
        name
    } else {
        let folder = found.directory.file_name().unwrap_or_default();
        let from_files = named.map(normalized).filter(|name| !name.is_empty());
        from_files.unwrap_or_else(|| normalized(&folder.to_string_lossy()))
    };
    if name.is_empty() {
        reading
            .error(&Spot::default(), "the project has no name")
            .help("add \"name: NAME\" to the Compose file, or set COMPOSE_PROJECT_NAME");
    }
    found
        .environment
        .set("COMPOSE_PROJECT_NAME", name.clone(), Origin::Boatyard);
    name
}

/// The name that this text makes: in lowercase, without what a name cannot have.
pub(super) fn normalized(text: &str) -> String {
    let fits = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    let kept: String = text.to_lowercase().chars().filter(fits).collect();
    kept.trim_start_matches(['_', '-']).to_owned()
}
