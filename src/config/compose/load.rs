//! Files into one model: each is filled in, extended, joined with what it includes, merged onto the ones before it,
//! checked and made canonical.

use std::path::{Path, PathBuf};

use super::environment::{self, Environment};
use super::node::{Map, Node, Spot, Value};
use super::reading::Reading;
use super::{
    canonical, defaults, extend, fill, include, merge, objects, paths, schema, typed, unique,
};

/// What a set of files shares: those of the project, or those of one `include`.
#[derive(Debug, Clone)]
pub(super) struct Level {
    /// The folder to which paths are relative.
    pub(super) directory: PathBuf,
    /// The variables that the files see.
    pub(super) environment: Environment,
    /// The files that include these, the outermost first.
    pub(super) included_by: Vec<PathBuf>,
}

/// The model that these files make, with absolute paths.
pub(super) fn files(
    files: &[(PathBuf, Spot)],
    level: &Level,
    reading: &mut Reading,
) -> Option<Node> {
    let mut model = Node::new(Value::Map(Map::new()), &Spot::default());
    let mut all_read = true;
    for (file, asked) in files {
        match mappings(file, asked, reading) {
            Some(documents) => {
                for document in documents {
                    add(&mut model, document, file, level, reading);
                }
            }
            None => all_read = false,
        }
    }
    model.entries().next()?;
    defaults::set(&mut model);
    objects::check(&model, reading);
    paths::resolve(&mut model, &level.directory, reading);
    environment::resolve(&mut model, &level.environment);
    if !all_read {
        // The model is of no use, but each value in it is right or wrong whatever the file says that cannot be read.
        typed::settle(&mut model, reading);
        return None;
    }
    Some(model)
}

/// Merges one document of a file onto the model.
fn add(model: &mut Node, mut document: Node, file: &Path, level: &Level, reading: &mut Reading) {
    fill::fill(&mut document, &level.environment, reading);
    schema::check(&document, Some(model), reading);
    extend::apply(&mut document, file, level, reading);
    include::apply(&mut document, file, level, reading);
    merge::merge(model, document, reading);
    unique::enforce(model);
    schema::check(model, None, reading);
    if let Some(version) = model.remove("version") {
        let spot = version.key_spot().clone();
        let warning = reading.warning(&spot, "\"version\" means nothing any more");
        warning.help("remove it");
    }
    tidy(model, reading);
}

/// Makes a model canonical; twins may show only then, as where a range of ports meets an override.
pub(super) fn tidy(model: &mut Node, reading: &mut Reading) {
    canonical::expand(model, reading);
    omit_empty(model);
    unique::enforce(model);
}

/// The documents of a file, each a mapping; what is not is an error.
pub(super) fn mappings(file: &Path, asked: &Spot, reading: &mut Reading) -> Option<Vec<Node>> {
    let documents = reading.documents(file, asked)?;
    let mut found = Vec::new();
    for document in documents {
        match document.value {
            Value::Map(_) => found.push(document),
            Value::Null => {}
            _ => {
                let message = format!("a Compose file is a mapping, found {}", document.kind());
                reading.error(&document.at, message);
            }
        }
    }
    if found.is_empty() && !reading.has_errors() {
        let message = format!("{} is empty", reading.shown(file));
        reading
            .error(asked, message)
            .help("a Compose file has at least one service: \"services:\"");
    }
    Some(found)
}

/// Name servers that a variable left empty are left out.
fn omit_empty(model: &mut Node) {
    let services = model.get_mut("services").and_then(Node::as_map_mut);
    for service in services.into_iter().flat_map(Map::values_mut) {
        if let Some(Value::List(servers)) = service.get_mut("dns").map(|dns| &mut dns.value) {
            servers.retain(|server| !server.is_null() && server.as_text() != Some(""));
        }
    }
}
