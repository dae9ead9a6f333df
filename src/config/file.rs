//! The whole of `boatyard.toml`: its top-level keys, and the stack they make.

use std::path::Path;

use crate::stack::Stack;

use super::checks::{self, Drafts};
use super::compose::beside;
use super::compose::into_stack::{idle, told};
use super::item::{Item, Section};
use super::nearest::suggest;
use super::problem::{Problem, quoted};
use super::scope::Scope;
use super::tree::{Table, Value};
use super::{holding, redact, services, smoke, watch};

const HINTS: [(&str, &str); 7] = [
    (
        "service",
        "did you mean \"services\"? One is written [services.NAME]",
    ),
    ("version", "the file has no version; leave it out"),
    (
        "networks",
        "all services of a stack share one network; leave it out",
    ),
    (
        "secrets",
        "write build = { secrets = { ID = { file = \"…\" } } } in the service",
    ),
    ("checks", "did you mean \"smoke\"? One is written [[smoke]]"),
    ("tests", "did you mean \"smoke\"? One is written [[smoke]]"),
    (
        "include",
        "not supported; write the services into this file",
    ),
];

/// Reads the stack from its tree. What is wrong is noted in `scope`.
pub(super) fn read(table: &Table, scope: &mut Scope<'_>) -> Stack {
    let mut root = Section::root(table);
    let name = root.take("name");
    let services_item = root.take("services");
    let smoke_item = root.take("smoke");
    let redact_item = root.take("redact");
    let max_builds = root.take("max_builds");
    let image_budget = root.take("image_budget");
    let volumes = root.take("volumes");
    let usual = scope.defaults.hold;
    if let Some(hold) = root
        .take("hold")
        .and_then(|item| holding::read(&item, usual, scope))
    {
        scope.defaults.hold = hold;
    }
    if let Some(mode) = root
        .take("watch_mode")
        .and_then(|item| watch::mode(&item, scope))
    {
        scope.defaults.watch_mode = mode;
    }
    scope.defaults.trace = root.take("trace").and_then(|item| item.boolean(scope));
    let compose = root.take("compose");
    let base = compose.and_then(|item| beside::read(&item, name.as_ref(), scope));
    root.finish(&HINTS, scope);

    let name = match (&name, &base) {
        (None, Some(base)) => base.name.clone(),
        (name, _) => stack_name(name.as_ref(), scope),
    };
    let known = base.as_ref().map(|base| &base.drafts);
    let mut drafts = read_services(services_item.as_ref(), known, scope);
    let checks = smoke_item
        .map(|item| smoke::read(&item, scope))
        .unwrap_or_default();
    checks::services(&mut drafts, scope);
    let checks = checks::smoke(checks, &drafts, scope);
    if let Some(declared) = volumes.and_then(|item| volume_names(&item, scope)) {
        checks::volumes(&declared, &drafts, scope);
    }
    if base.is_none() {
        unknown_profiles(&drafts, scope);
    }
    let mut redact = redact::read(redact_item.as_ref(), &drafts, scope);
    let (base, problems) = base
        .map(|base| (base.stack, base.problems))
        .unwrap_or_default();
    redact.extend(base.redact.iter().cloned());
    let builds = max_builds.and_then(|item| item.integer(1, 64, scope));
    let active = drafts.values().filter(|draft| draft.active);
    let stack = Stack {
        name,
        directory: scope.directory.to_path_buf(),
        services: active
            .map(|draft| (draft.service.name.clone(), draft.service.clone()))
            .collect(),
        smoke: checks.into_iter().map(|draft| draft.check).collect(),
        redact,
        max_builds: builds
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or_else(default_builds),
        image_budget: image_budget.and_then(|item| item.size(scope)),
        ..base
    };
    let idle = idle(&stack, scope.wanted);
    checks::host_ports(&drafts, &idle, scope);
    scope.problems.extend(told(problems, &idle));
    stack
}

/// Half of the processors, but not fewer than two and not more than four: builds use several each.
pub(super) fn default_builds() -> usize {
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    (processors / 2).clamp(2, 4)
}

/// The name given, else the folder's.
fn stack_name(item: Option<&Item<'_>>, scope: &mut Scope<'_>) -> String {
    let fallback = name_of_folder(scope.directory);
    let Some(item) = item else {
        return fallback;
    };
    let Some(text) = item.filled_text(scope) else {
        return fallback;
    };
    let normal = normalise(text);
    if normal != text {
        let message = format!("{} cannot be the name of a stack", quoted(text));
        let problem = scope.error(item.span(), message);
        problem.help(if normal.is_empty() {
            "use lower-case letters, digits, \"-\" and \"_\", beginning with a letter or digit".to_owned()
        } else {
            format!("did you mean \"{normal}\"? Only lower-case letters, digits, \"-\" and \"_\" can stand in it")
        });
    }
    text.to_owned()
}

/// The folder's name as a stack's name.
pub(super) fn name_of_folder(directory: &Path) -> String {
    let name = directory.file_name().unwrap_or_default();
    match normalise(&name.to_string_lossy()) {
        name if name.is_empty() => "stack".into(),
        name => name,
    }
}

/// Lower case, without what cannot stand in a name, beginning with a letter or digit.
pub(super) fn normalise(text: &str) -> String {
    let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let kept: String = text.to_lowercase().chars().filter(fits).collect();
    kept.trim_start_matches(['-', '_']).to_owned()
}

fn read_services(item: Option<&Item<'_>>, known: Option<&Drafts>, scope: &mut Scope<'_>) -> Drafts {
    let mut drafts = known.cloned().unwrap_or_default();
    let entries = item
        .and_then(|item| item.entries(scope))
        .unwrap_or_default();
    let names = entries.iter().map(|(name, _)| (*name).to_owned());
    scope.service_names = names.chain(drafts.keys().cloned()).collect();
    if scope.service_names.is_empty() && scope.problems.is_empty() {
        let mut problem = Problem::error(
            None,
            format!("{} has no services", scope.source.file.display()),
        );
        problem.help("add one: [services.web] with build = \"FOLDER\", image = \"NAME:TAG\" or run = \"COMMAND\"");
        scope.push(problem);
    }
    for (name, item) in entries {
        let base = known.and_then(|known| known.get(name));
        if let Some(draft) = services::read(name, &item, base, scope) {
            drafts.insert(name.to_owned(), draft);
        }
    }
    drafts
}

/// The names in `[volumes]`, whose values may only be empty.
fn volume_names<'n>(item: &Item<'n>, scope: &mut Scope<'_>) -> Option<Vec<&'n str>> {
    let mut names = Vec::new();
    for (name, entry) in item.entries(scope)? {
        if !matches!(&entry.node.value, Value::Table(_)) {
            entry.expected("an empty table, {}", scope);
        } else if let Some(section) = entry.section(entry.what.clone(), scope) {
            section.finish(&[], scope);
        }
        names.push(name);
    }
    Some(names)
}

/// Warns of a chosen profile that no service has.
fn unknown_profiles(drafts: &Drafts, scope: &mut Scope<'_>) {
    let known: Vec<&str> = drafts
        .values()
        .flat_map(|draft| draft.profiles.iter().map(String::as_str))
        .collect();
    for profile in scope.profiles {
        if profile != "*" && !known.contains(&profile.as_str()) {
            let mut names = known.clone();
            names.sort_unstable();
            names.dedup();
            let message = format!("no service has the profile {}", quoted(profile));
            let mut problem = Problem::warning(None, message);
            problem.help_if(suggest(profile, names, "profile"));
            scope.push(problem);
        }
    }
}
