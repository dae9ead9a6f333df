//! `extends`: a service takes what another one says, of the same file or of another.

use std::path::{Path, PathBuf};

use super::super::nearest::suggest;
use super::super::problem::quoted;
use super::load::{Level, mappings, tidy};
use super::node::{Map, Node, Spot, Value};
use super::reading::Reading;
use super::{fill, merge, paths};

/// The services of one file, as they stand in it.
struct Services {
    file: PathBuf,
    /// The folder to which `extends.file` is relative.
    directory: PathBuf,
    of: Map,
}

/// A service that is being extended, and where it says so.
type Chain = Vec<(PathBuf, String, Spot)>;

/// Extends every service of this document.
pub(super) fn apply(document: &mut Node, file: &Path, level: &Level, reading: &mut Reading) {
    let Some(services) = document.get("services").and_then(Node::as_map) else {
        return;
    };
    let raw = Services {
        file: file.to_path_buf(),
        directory: level.directory.clone(),
        of: services.clone(),
    };
    for name in raw.of.keys() {
        if raw.of[name].get("extends").is_none() {
            continue;
        }
        let extended = extended(name, &raw, level, &mut Chain::new(), reading);
        let there = document
            .get_mut("services")
            .and_then(|services| services.get_mut(name));
        if let (Some(there), Some(extended)) = (there, extended) {
            *there = extended;
        }
    }
}

/// The service of this name with everything that it extends.
fn extended(
    name: &str,
    raw: &Services,
    level: &Level,
    chain: &mut Chain,
    reading: &mut Reading,
) -> Option<Node> {
    let mut service = raw.of.get(name)?.clone();
    let Some(extends) = service.remove("extends") else {
        return Some(service);
    };
    let Some((base, file)) = wanted(&extends) else {
        return Some(service);
    };
    chain.push((raw.file.clone(), name.to_owned(), extends.at.clone()));
    let found = match file {
        Some(file) => {
            let other = other_file(file, raw, level, reading);
            other.and_then(|other| base_of(&base, &other, level, chain, reading))
        }
        None => base_of(&base, raw, level, chain, reading),
    };
    chain.pop();
    let Some(mut found) = found else {
        reading.spoil(service.key_spot());
        return Some(service);
    };
    if found.is_null() {
        return Some(service);
    }
    merge::clean(&mut found);
    let (at, key) = (service.at.clone(), service.key.clone());
    let merged = merge::extend(found, service, name, reading);
    Some(Node { at, key, ..merged })
}

/// The service that is extended, and the file in which it stands.
fn wanted(extends: &Node) -> Option<(Node, Option<&Node>)> {
    match &extends.value {
        Value::Text(_) => Some((extends.clone(), None)),
        Value::Map(map) => {
            let service = map.get("service")?;
            service.as_text()?;
            let file = map.get("file").filter(|file| file.as_text().is_some());
            Some((service.clone(), file))
        }
        _ => None,
    }
}

fn base_of(
    base: &Node,
    services: &Services,
    level: &Level,
    chain: &mut Chain,
    reading: &mut Reading,
) -> Option<Node> {
    let name = base.as_text().unwrap_or_default();
    let again = chain
        .iter()
        .position(|(file, known, _)| *file == services.file && known == name);
    if let Some(start) = again {
        circle(chain.get(start..).unwrap_or_default(), reading);
        return None;
    }
    if !services.of.contains_key(name) {
        let file = reading.shown(&services.file);
        let message = format!("there is no service {} to extend in {file}", quoted(name));
        let names = services.of.keys().map(String::as_str);
        let help = suggest(name, names, "service");
        reading.error(&base.at, message).help_if(help);
        return None;
    }
    extended(name, services, level, chain, reading)
}

/// Notes a circle, beginning with the first name of the alphabet, so that it is one and the same wherever it is met.
fn circle(ring: &[(PathBuf, String, Spot)], reading: &mut Reading) {
    let mut ring: Vec<_> = ring.iter().collect();
    let first = (0..ring.len()).min_by_key(|index| &ring[*index].1);
    ring.rotate_left(first.unwrap_or(0));
    let mut names: Vec<&str> = ring.iter().map(|(_, name, _)| name.as_str()).collect();
    names.extend(names.first().copied());
    let message = format!(
        "services extend each other in a circle: {}",
        names.join(" → ")
    );
    let Some(((_, _, last), others)) = ring.split_last() else {
        return;
    };
    let problem = reading.error(last, message);
    problem.help("remove one of these \"extends\"");
    if problem.more_places.is_empty() {
        for (_, name, spot) in others {
            if let Some(place) = spot.place() {
                problem.also(place, format!("{} extends here", quoted(name)));
            }
        }
    }
}

/// The services of another file, with absolute paths.
fn other_file(
    asked: &Node,
    raw: &Services,
    level: &Level,
    reading: &mut Reading,
) -> Option<Services> {
    let file = reading.local_file(asked, &raw.directory)?;
    let directory = file.parent().unwrap_or(Path::new("/")).to_path_buf();
    let mut model = Node::new(Value::Map(Map::new()), &asked.at);
    for mut document in mappings(&file, &asked.at, reading)? {
        fill::fill(&mut document, &level.environment, reading);
        merge::merge(&mut model, document, reading);
        tidy(&mut model, reading);
    }
    paths::resolve(&mut model, &directory, reading);
    let Some(services) = model.get("services").and_then(Node::as_map) else {
        let message = format!("{} has no services", reading.shown(&file));
        reading.error(&asked.at, message);
        return None;
    };
    Some(Services {
        of: services.clone(),
        file,
        directory,
    })
}
