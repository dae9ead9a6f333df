//! Relative paths into absolute ones.

use std::path::Path as FilePath;

use super::node::{Node, Value};
use super::path::{MEMBER, Path};
use super::reading::Reading;

/// What a path is for.
#[derive(Debug, Clone, Copy)]
enum Use {
    /// A file.
    File,
    /// A file or folder; nothing is the folder to which paths are relative.
    Place,
    /// Sources of an image: a folder, or what only the builder can read.
    Context,
    /// What is watched: where the folder really is.
    Watched,
    /// A mount: its source, if it is a bind mount.
    Mount,
    /// A volume whose driver binds a folder.
    Volume,
}

const PATHS: &[(&str, Use)] = &[
    ("configs.*.file", Use::Place),
    ("secrets.*.file", Use::Place),
    ("services.*.build.additional_contexts.*", Use::Context),
    ("services.*.build.context", Use::Context),
    ("services.*.build.ssh.*", Use::Place),
    ("services.*.credential_spec.file", Use::File),
    ("services.*.develop.watch.*.path", Use::Watched),
    ("services.*.env_file.*.path", Use::File),
    ("services.*.label_file.*", Use::File),
    ("services.*.volumes.*", Use::Mount),
    ("volumes.*", Use::Volume),
];

/// Makes every path below this node absolute; relative ones are below `base`.
pub(super) fn resolve(model: &mut Node, base: &FilePath, reading: &mut Reading) {
    resolve_node(model, Path::TOP, base, reading);
}

fn resolve_node(node: &mut Node, path: Path<'_>, base: &FilePath, reading: &mut Reading) {
    if let Some(use_of) = path.look_up(PATHS) {
        resolve_path(node, use_of, path, base, reading);
        return;
    }
    match &mut node.value {
        Value::Map(map) => {
            for (key, member) in map {
                resolve_node(member, path.then(key), base, reading);
            }
        }
        Value::List(members) => {
            for member in members {
                resolve_node(member, path.then(MEMBER), base, reading);
            }
        }
        _ => {}
    }
}

fn resolve_path(
    node: &mut Node,
    use_of: Use,
    path: Path<'_>,
    base: &FilePath,
    reading: &mut Reading,
) {
    match use_of {
        Use::Context if node.as_text().is_some_and(is_remote) => {}
        Use::File | Use::Context => file(node, base, reading),
        Use::Place => place(node, base, reading),
        Use::Watched => {
            file(node, base, reading);
            let real = node
                .as_text()
                .and_then(|text| FilePath::new(text).canonicalize().ok());
            if let Some(real) = real {
                node.value = Value::Text(real.display().to_string());
            }
        }
        Use::Mount => {
            if node.text_of("type") != Some("bind") {
                return;
            }
            if let Some(source) = node.get_mut("source") {
                place(source, base, reading);
                return;
            }
            let message = format!("{}: a bind mount has no \"source\"", path.words());
            reading
                .error(&node.at, message)
                .help("add \"source: ./FOLDER\", or write \"type: volume\"");
        }
        Use::Volume => {
            if node.text_of("driver") != Some("local") {
                return;
            }
            let Some(options) = node.get_mut("driver_opts") else {
                return;
            };
            if options.text_of("o") == Some("bind")
                && let Some(device) = options.get_mut("device")
            {
                place(device, base, reading);
            }
        }
    }
}

fn file(node: &mut Node, base: &FilePath, reading: &Reading) {
    if node.as_text() != Some("") {
        place(node, base, reading);
    }
}

fn place(node: &mut Node, base: &FilePath, reading: &Reading) {
    let Some(text) = node.as_text() else { return };
    let absolute = reading.absolute(text, base);
    node.value = Value::Text(absolute.display().to_string());
}

/// Whether only the builder can read these sources: a repository, an archive, another service's image.
fn is_remote(context: &str) -> bool {
    const BEGINNINGS: [&str; 3] = ["service:", "github.com/", "git@"];
    context.contains("://") || BEGINNINGS.iter().any(|start| context.starts_with(start))
}
