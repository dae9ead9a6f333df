//! Services from Dockerfiles alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::Value;

use super::super::dockerfile::stage;
use super::super::environment::{read_text, reason};
use super::super::file::name_of_folder;
use super::InitError;
use super::proposal::{Draft, Service};

/// How many folders deep Dockerfiles are looked for.
const DEEPEST: usize = 3;

/// Folders that hold other people's code or what was made from ours.
const PASSED_OVER: [&str; 8] = [
    "node_modules",
    "target",
    "vendor",
    "dist",
    "build",
    "venv",
    "__pycache__",
    "third_party",
];

/// Every `Dockerfile` of this folder and those below it, sorted.
pub(super) fn find(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![(directory.to_path_buf(), 0)];
    while let Some((folder, depth)) = open.pop() {
        let file = folder.join("Dockerfile");
        if file.is_file() {
            found.push(file);
        }
        if depth == DEEPEST {
            continue;
        }
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        for entry in folders {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if !name.starts_with('.') && !PASSED_OVER.contains(&&*name) {
                open.push((entry.path(), depth + 1));
            }
        }
    }
    found.sort();
    found
}

/// The path as the stack file writes it.
pub(super) fn relative(path: &Path, directory: &Path) -> String {
    match path.strip_prefix(directory) {
        Ok(rest) if rest.as_os_str().is_empty() => ".".into(),
        Ok(rest) => rest.to_string_lossy().into_owned(),
        Err(_) => path.to_string_lossy().into_owned(),
    }
}

/// One service for each Dockerfile.
pub(super) fn propose(files: &[PathBuf], directory: &Path) -> Result<Draft, InitError> {
    let mut draft = Draft::default();
    let mut names = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for file in files {
        let text = read_text(file).map_err(|error| InitError::Unreadable {
            file: file.clone(),
            why: reason(&error),
        })?;
        draft.found.push(relative(file, directory));
        let folder = file.parent().unwrap_or(directory);
        let mut name = name_of_folder(folder);
        for number in 2.. {
            if names.insert(name.clone()) {
                break;
            }
            name = format!("{}-{number}", name_of_folder(folder));
        }
        let mut service = Service::named(name);
        service.put("build", relative(folder, directory));
        fill(&mut service, &text, &mut taken);
        draft.services.push(service);
    }
    Ok(draft)
}

fn fill(service: &mut Service, text: &str, taken: &mut BTreeSet<u16>) {
    let stage = stage(text, None, &BTreeMap::new()).unwrap_or_default();
    let port = stage.expose.first().copied();
    if port.is_some() {
        let ports = stage.expose.iter().map(|port| front_door(*port, taken));
        service.put("ports", Value::Array(ports.collect()));
    } else {
        service
            .comment("ports = [\"8000:8000\"]      # HOST:CONTAINER; its Dockerfile has no EXPOSE");
    }
    let port = port.unwrap_or(8000);
    service.comment(format!("health = {{ http = \":{port}/healthz\" }}"));
    service.comment("depends_on = []");
    if let Some(line) = stage.command_line() {
        service.comment("How it runs as a plain process, when there is no container engine:");
        service.comment(format!("run = {}", Value::from(line.replace('$', "$$"))));
    }
}

/// A port of this machine for a container port: the same if an ordinary user may take it and no other service has it.
fn front_door(container: u16, taken: &mut BTreeSet<u16>) -> Value {
    let first = if container < 1024 {
        container + 8000
    } else {
        container
    };
    let host = (first..=u16::MAX)
        .find(|port| taken.insert(*port))
        .unwrap_or(first);
    Value::from(format!("{host}:{container}"))
}
