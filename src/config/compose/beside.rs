//! A `boatyard.toml` that builds on compose files (`compose = "compose.yaml"`) and adds what they cannot say.

use super::super::checks::Drafts;
use super::super::item::Item;
use super::super::problem::{Problem, quoted};
use super::super::scope::Scope;
use super::super::services::Draft;
use super::into_stack::into_stack;
use super::{Given, project};
use crate::stack::{ServiceName, Stack};

/// What the compose files say.
#[derive(Debug)]
pub(in crate::config) struct Base {
    /// The project's name.
    pub(in crate::config) name: String,
    /// Its services.
    pub(in crate::config) drafts: Drafts,
    /// All else.
    pub(in crate::config) stack: Stack,
    /// What is wrong with it; of which service, if it is one's alone.
    pub(in crate::config) problems: Vec<(Option<ServiceName>, Problem)>,
}

/// Reads the compose files that `compose` names, one or a list of them. When they cannot be read that is noted, and is all
/// that counts of them.
pub(in crate::config) fn read(
    item: &Item<'_>,
    name: Option<&Item<'_>>,
    scope: &mut Scope<'_>,
) -> Option<Base> {
    let mut files = Vec::new();
    for member in item.one_or_more() {
        let name = member.filled_text(scope)?;
        let path = scope.path(name);
        if !path.is_file() {
            let message = format!("{}: there is no file {}", member.what, quoted(name));
            scope
                .error(member.span(), message)
                .help("it is relative to the stack file; correct the name");
            return None;
        }
        files.push(path);
    }
    let given = Given {
        files,
        directory: scope.directory.to_owned(),
        project_directory: None,
        project_name: name.and_then(|item| item.filled_text(scope).map(str::to_owned)),
        env_files: Vec::new(),
        profiles: scope.profiles.iter().cloned().collect(),
        environment: scope.variables.process.clone(),
    };
    let project = project(&given);
    for file in project.files.iter().chain(&project.also_read) {
        scope.depends_on_file(file);
    }
    let is_wrong = project.has_errors();
    scope.problems.extend(project.problems.iter().cloned());
    if is_wrong {
        return None;
    }
    let mut mapped = into_stack(&project);
    for file in &mapped.stack.also_read {
        scope.depends_on_file(file);
    }
    scope.rules.extend(mapped.rules);
    let mut stack = mapped.stack;
    let mut drafts = Drafts::new();
    for (name, mut service) in std::mem::take(&mut stack.services) {
        service.hold = scope.defaults.hold;
        service.watch_mode = scope.defaults.watch_mode;
        service.trace = scope.defaults.trace.unwrap_or(service.trace);
        let mut draft = Draft::of(service, &item.key_span);
        draft.port_places = mapped.doors.remove(&name).unwrap_or_default();
        drafts.insert(name.to_string(), draft);
    }
    Some(Base {
        name: project.name.clone(),
        drafts,
        stack,
        problems: mapped.problems,
    })
}
