//! A stack file beside compose files: it builds on them, and proposes what they cannot say.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Value;

use super::super::compose::entry;
use super::super::discover::Options;
use super::super::problem::{Problem, Severity};
use super::super::{dockerfile, environment};
use super::dockerfiles::relative;
use super::proposal::{Draft, Service};
use crate::stack;

/// A stack file for the services of the compose files in this folder; or why they cannot be read.
pub(super) fn propose(directory: &Path, options: &Options) -> Result<Draft, String> {
    let options = Options {
        directory: Some(directory.to_owned()),
        ..options.clone()
    };
    let read = entry::load(&options).ok_or("there is no compose file")?;
    let Some(stack) = &read.stack else {
        let mut errors = read.problems.iter();
        let first = errors.find(|problem| problem.severity == Severity::Error);
        return Err(first.map_or_else(String::new, Problem::line));
    };
    let stack::Naming::Compose(project) = &stack.naming else {
        return Err("it is no compose file".into());
    };
    let mut draft = Draft::default();
    // What they include or extend is read by them.
    let files = project.config_files.iter();
    let files = files.filter(|file| file.parent() == Some(directory));
    draft.compose = files.map(|file| relative(file, directory)).collect();
    draft.found.clone_from(&draft.compose);
    let services = stack.services.values();
    draft.services = services.filter_map(suggestions).collect();
    if let Some(first) = stack.services.values().find(|one| !one.ports.is_empty()) {
        draft.smoke = Some(first.name.to_string());
    }
    Ok(draft)
}

/// What may be said of a service; nothing of most that run somebody else's image.
fn suggestions(service: &stack::Service) -> Option<Service> {
    let mut suggested = Service::named(service.name.as_str());
    if let (None, Some(port)) = (&service.health, service.port()) {
        suggested.comment(match &service.build {
            Some(_) => format!("health = {{ http = \":{port}/healthz\" }}"),
            None => format!("health = {{ tcp = {port} }}"),
        });
    }
    if let Some(build) = &service.build {
        if service.watch.is_empty() {
            suggested
                .comment("sync = \"auto\"      # saved files are put into the containers at once");
        }
        let text = match &build.inline {
            Some(text) => text.clone(),
            None => environment::read_text(&build.dockerfile).unwrap_or_default(),
        };
        let stage = dockerfile::stage(&text, build.target.as_deref(), &BTreeMap::new());
        if let Some(line) = stage.and_then(|stage| stage.command_line()) {
            suggested.comment("How it runs as a plain process, when there is no container engine:");
            suggested.comment(format!("run = {}", Value::from(line.replace('$', "$$"))));
        }
    }
    (!suggested.comments.is_empty()).then_some(suggested)
}
