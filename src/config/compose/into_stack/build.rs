//! `build`: how a service's image is made.

use std::path::{Path, PathBuf};

use super::super::super::{dockerfile, scope};
use super::super::node::Node;
use super::{Mapping, get};
use crate::stack::{Build, BuildSecret, FileContent, SecretSource};

/// What a Dockerfile is called that stands in the compose file.
const INLINE: &str = ".inline.dockerfile";

/// How a service is built; `None` if it is not, or cannot be.
pub(super) fn read(service: &Node, mapping: &mut Mapping<'_>) -> Option<Build> {
    let node = service.get("build").filter(|node| !node.is_null())?;
    let context = get::text(node, "context").unwrap_or_else(|| ".".into());
    let at = node.get("context").map_or(&node.at, |node| &node.at);
    if is_remote(&context) {
        let message = format!("the build context {context} lies elsewhere, and is not fetched");
        mapping.error(at, message, "clone it, and name the folder");
        return None;
    }
    let context = scope::normal(&mapping.project.directory.join(context));
    if !context.is_dir() {
        let message = format!("the build context {} does not exist", context.display());
        mapping.error(at, message, "create the folder, or correct the path");
        return None;
    }
    let inline = get::text(node, "dockerfile_inline");
    let named = match inline {
        Some(_) => INLINE.to_owned(),
        None => get::text(node, "dockerfile").unwrap_or_else(|| "Dockerfile".into()),
    };
    let dockerfile = scope::normal(&context.join(named));
    if inline.is_none() && !dockerfile.is_file() {
        let at = node.get("dockerfile").map_or(&node.at, |node| &node.at);
        let message = format!("the Dockerfile {} does not exist", dockerfile.display());
        mapping.error(
            at,
            message,
            "create it, or name another with \"dockerfile\"",
        );
        return None;
    }
    if inline.is_none() {
        mapping.also_read(&dockerfile);
    }
    let mut args: Vec<(String, String)> = arguments(node, mapping);
    args.sort();
    let mut labels: Vec<(String, String)> = get::pairs(node, "labels").into_iter().collect();
    labels.sort();
    Some(Build {
        context,
        dockerfile,
        inline,
        target: get::text(node, "target"),
        args,
        secrets: secrets(node, mapping),
        labels,
        network: get::text(node, "network"),
        no_cache: get::flag(node, "no_cache").unwrap_or(false),
        pull: get::flag(node, "pull").unwrap_or(false),
    })
}

/// Whether a context is a repository or an archive rather than a folder.
fn is_remote(context: &str) -> bool {
    context.contains("://")
        || context.starts_with("git@")
        || context.starts_with("github.com/")
        || Path::new(context).extension() == Some("git".as_ref())
}

/// Arguments; one without a value has that of the environment, or is left out.
fn arguments(node: &Node, mapping: &Mapping<'_>) -> Vec<(String, String)> {
    let entries = node.get("args").into_iter().flat_map(Node::entries);
    entries
        .filter_map(|(name, value)| {
            let value = value.scalar().or_else(|| mapping.variable(name))?;
            Some((name.to_owned(), value))
        })
        .collect()
}

fn secrets(node: &Node, mapping: &Mapping<'_>) -> Vec<BuildSecret> {
    let grants = node.get("secrets").map(Node::members).unwrap_or_default();
    let read = |grant: &Node| {
        let source = get::text(grant, "source").or_else(|| grant.scalar())?;
        let id = get::text(grant, "target").unwrap_or_else(|| source.clone());
        let source = match mapping.secrets.get(&source)? {
            FileContent::File(path) => SecretSource::File(path.clone()),
            FileContent::Environment { variable, .. } => {
                SecretSource::Environment(variable.clone())
            }
            FileContent::Text(_) | FileContent::External { .. } => return None,
        };
        Some(BuildSecret { id, source })
    };
    grants.iter().filter_map(read).collect()
}

/// The container ports that the Dockerfile exposes.
pub(super) fn exposed(build: &Build) -> Vec<u16> {
    let text = match &build.inline {
        Some(text) => text.clone(),
        None => std::fs::read_to_string(&build.dockerfile).unwrap_or_default(),
    };
    let args = build.args.iter().cloned().collect();
    let stage = dockerfile::stage(&text, build.target.as_deref(), &args);
    stage.map(|stage| stage.expose).unwrap_or_default()
}

/// The folder in which a service's process would start.
pub(super) fn folder(build: Option<&Build>, directory: &Path) -> PathBuf {
    build.map_or_else(|| directory.to_owned(), |build| build.context.clone())
}
