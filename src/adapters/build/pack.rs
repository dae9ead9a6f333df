//! Reading everything that a build is made from, before a builder is asked.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::cache::ContextCache;
use super::dockerfile::Dockerfile;
use super::filesync::Recipe;
use super::tree::Tree;
use crate::adapters::ignore_rules::DockerIgnore;
use crate::stack::{Build, SecretSource};

/// Everything that is read before a builder is asked.
#[derive(Debug)]
pub(super) struct Packed {
    pub context: Arc<Tree>,
    pub recipe: Arc<Recipe>,
    pub dockerfile: PathBuf,
    pub dockerfile_name: String,
    pub dockerfile_text: Vec<u8>,
    pub bases: Vec<String>,
    pub syntax: Option<String>,
    /// Secrets that the Dockerfile mounts and nobody gives: empty files, unless a step requires them.
    pub missing_secrets: Vec<String>,
    pub secrets: HashMap<String, Vec<u8>>,
    pub key: String,
}

/// What is read before the context is walked.
#[derive(Debug)]
pub(super) struct Opening {
    text: Vec<u8>,
    rules: DockerIgnore,
    dockerfile: Dockerfile,
    /// The images that the Dockerfile builds on.
    pub bases: Vec<String>,
}

/// Reads the Dockerfile and the ignore rules; errors in words.
pub(super) fn open(build: &Build) -> Result<Opening, String> {
    let text = match &build.inline {
        Some(text) => text.clone().into_bytes(),
        None => std::fs::read(&build.dockerfile).map_err(|error| {
            let place = build.dockerfile.display();
            format!(
                "no Dockerfile can be read at {place} ({error}); create it, or set `build.dockerfile`"
            )
        })?,
    };
    let rules = DockerIgnore::for_build(&build.context, &build.dockerfile)
        .map_err(|error| error.to_string())?;
    if let Some(problem) = rules.problems().first() {
        let place = rules
            .source()
            .unwrap_or(Path::new(".dockerignore"))
            .display()
            .to_string();
        return Err(format!("{place}: {problem}; correct or remove the line"));
    }
    let dockerfile = Dockerfile::parse(&String::from_utf8_lossy(&text));
    Ok(Opening {
        text,
        rules,
        bases: dockerfile.bases(&build.args),
        dockerfile,
    })
}

/// Reads all else that a build is made from; errors in words.
pub(super) fn pack(
    build: &Build,
    opening: Opening,
    cache: &ContextCache,
    stop: &AtomicBool,
) -> Result<Packed, String> {
    let Opening {
        text,
        rules,
        dockerfile,
        bases,
    } = opening;
    let context =
        Tree::walk(&build.context, &rules, cache, stop).map_err(|error| error.to_string())?;
    let name = build.dockerfile.file_name().and_then(|name| name.to_str());
    let name = name
        .ok_or("the Dockerfile's name is not UTF-8; rename it")?
        .to_owned();
    let secrets = secrets(build)?;
    let mut missing_secrets = dockerfile.secrets();
    missing_secrets.retain(|id| !secrets.contains_key(id));
    Ok(Packed {
        context: Arc::new(context),
        recipe: Arc::new(Recipe::new(&name, &text)),
        dockerfile: build.dockerfile.clone(),
        dockerfile_name: name,
        bases,
        syntax: dockerfile.syntax,
        dockerfile_text: text,
        missing_secrets,
        secrets,
        key: String::new(),
    })
}

fn secrets(build: &Build) -> Result<HashMap<String, Vec<u8>>, String> {
    let mut values = HashMap::new();
    for secret in &build.secrets {
        let id = &secret.id;
        let value = match &secret.source {
            SecretSource::File(path) => std::fs::read(path).map_err(|error| {
                let place = path.display();
                format!("the build secret {id} cannot be read from {place} ({error}); create the file, or correct `build.secrets`")
            })?,
            SecretSource::Environment(name) => std::env::var_os(name)
                .map(std::ffi::OsString::into_encoded_bytes)
                .ok_or_else(|| format!("the build secret {id} comes from the environment variable {name}, which is not set; set it before starting"))?,
        };
        values.insert(id.clone(), value);
    }
    Ok(values)
}
