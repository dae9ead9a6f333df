//! `build`: how a service's image is made.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::stack::{Build, BuildSecret, SecretSource};

use super::dockerfile;
use super::environment::{pairs, read_text, reason};
use super::item::{Item, Section};
use super::nearest::suggest;
use super::problem::quoted;
use super::scope::Scope;
use super::source::shown_here;
use super::tree::Value;

const HINTS: [(&str, &str); 12] = [
    ("path", "did you mean \"context\"?"),
    ("file", "did you mean \"dockerfile\"?"),
    ("stage", "did you mean \"target\"?"),
    (
        "cache_from",
        "the builder's own cache is used; leave it out",
    ),
    ("cache_to", "the builder's own cache is used; leave it out"),
    ("tags", "an \"image\" beside \"build\" is the tag"),
    (
        "platforms",
        "images are built for this machine; leave it out",
    ),
    ("ssh", "not supported; use \"secrets\""),
    ("shm_size", "not supported; leave it out"),
    ("privileged", "not supported; leave it out"),
    ("dockerfile_inline", "not supported; write a Dockerfile"),
    (
        "additional_contexts",
        "not supported; copy what is needed into the context",
    ),
];

/// How a service is built, and the container ports that its Dockerfile exposes.
pub(super) fn read(item: &Item<'_>, of: &str, scope: &mut Scope<'_>) -> Option<(Build, Vec<u16>)> {
    let build = match &item.node.value {
        Value::Text(_) => {
            let folder = item.filled_text(scope)?;
            Places {
                build: plain(scope.path(folder)),
                context: Some(item.clone()),
                dockerfile: None,
                target: None,
                clean: true,
            }
        }
        Value::Table(_) => table(item, of, scope)?,
        _ => {
            item.expected("a folder, or a table such as { context = \"web\" }", scope);
            return None;
        }
    };
    let expose = if scope.active && build.clean {
        look_at_disk(item, &build, scope)
    } else {
        Vec::new()
    };
    Some((build.build, expose))
}

/// A build, and the items that say where its files are.
struct Places<'n> {
    build: Build,
    context: Option<Item<'n>>,
    dockerfile: Option<Item<'n>>,
    target: Option<Item<'n>>,
    /// Whether all its keys were understood: only then is it sure which files are meant.
    clean: bool,
}

fn plain(context: PathBuf) -> Build {
    Build {
        inline: None,
        dockerfile: context.join("Dockerfile"),
        context,
        target: None,
        args: Vec::new(),
        secrets: Vec::new(),
        labels: Vec::new(),
        network: None,
        no_cache: false,
        pull: false,
    }
}

fn table<'n>(item: &Item<'n>, of: &str, scope: &mut Scope<'_>) -> Option<Places<'n>> {
    let mut section: Section<'n> = item.section(format!("the build of {of}"), scope)?;
    let context = section.take("context");
    let dockerfile = section.take("dockerfile");
    let target = section.take("target");
    let folder = match &context {
        Some(item) => item.filled_text(scope),
        None => Some("."),
    };
    let mut build = plain(scope.path(folder.unwrap_or(".")));
    if let Some(name) = dockerfile.as_ref().and_then(|item| item.filled_text(scope)) {
        build.dockerfile = super::scope::normal(&build.context.join(name));
    }
    build.target = target
        .as_ref()
        .and_then(|item| item.filled_text(scope))
        .map(str::to_owned);
    build.args = sorted(section.take("args").as_ref(), scope);
    build.labels = sorted(section.take("labels").as_ref(), scope);
    build.secrets = section
        .take("secrets")
        .map(|item| secrets(&item, scope))
        .unwrap_or_default();
    build.network = section
        .take("network")
        .and_then(|item| item.filled_text(scope).map(str::to_owned));
    let mut flag = |key, scope: &mut Scope<'_>| {
        let item = section.take(key)?;
        item.boolean(scope)
    };
    build.no_cache = flag("no_cache", scope).unwrap_or(false);
    build.pull = flag("pull", scope).unwrap_or(false);
    let clean = section.finish(&HINTS, scope);
    folder?;
    Some(Places {
        build,
        context,
        dockerfile,
        target,
        clean,
    })
}

/// Names and values, sorted by name. A name alone takes its value from the environment, or is left out.
fn sorted(item: Option<&Item<'_>>, scope: &mut Scope<'_>) -> Vec<(String, String)> {
    let Some(item) = item else {
        return Vec::new();
    };
    let mut values = BTreeMap::new();
    for (name, value, _) in pairs(item, scope) {
        if let Some(value) = value.or_else(|| scope.variables.get(&name)) {
            values.insert(name, value);
        }
    }
    values.into_iter().collect()
}

/// `{ ID = { file = … } }`, `{ ID = { environment = … } }`, or a list of tables with an `id`.
fn secrets(item: &Item<'_>, scope: &mut Scope<'_>) -> Vec<BuildSecret> {
    if item.as_table().is_some() {
        let entries = item.entries(scope).unwrap_or_default();
        return entries
            .into_iter()
            .filter_map(|(id, item)| {
                let section = item.section(item.what.clone(), scope)?;
                secret(Some(id.to_owned()), section, scope)
            })
            .collect();
    }
    let members = item.list(scope).unwrap_or_default();
    members
        .into_iter()
        .filter_map(|member| {
            let mut section = member.section(format!("a member of {}", member.what), scope)?;
            let id = section.need("id", scope)?;
            let id = id.filled_text(scope).map(str::to_owned);
            secret(id, section, scope)
        })
        .collect()
}

fn secret(
    id: Option<String>,
    mut section: Section<'_>,
    scope: &mut Scope<'_>,
) -> Option<BuildSecret> {
    let file = section.take("file");
    let variable = section.take("environment");
    let span = section.span.clone();
    let of = section.of.clone();
    let hints = [
        ("env", "did you mean \"environment\"?"),
        ("src", "did you mean \"file\"?"),
    ];
    section.finish(&hints, scope);
    let source = match (file, variable) {
        (Some(file), None) => {
            let name = file.filled_text(scope)?;
            let path = scope.path(name);
            if scope.active && !path.is_file() {
                let message = format!("{}: there is no such file", file.what);
                scope
                    .error(file.span(), message)
                    .help("create it; paths are relative to the stack file");
            }
            SecretSource::File(path)
        }
        (None, Some(variable)) => {
            let name = variable.filled_text(scope)?;
            if scope.variables.get(name).is_none() {
                let message = format!("{}: the variable \"{name}\" is not set", variable.what);
                scope.warning(variable.span(), message);
            }
            SecretSource::Environment(name.to_owned())
        }
        _ => {
            scope
                .error(
                    &span,
                    format!("{of}: give either \"file\" or \"environment\""),
                )
                .help("{ file = \"PATH\" } or { environment = \"NAME\" }");
            return None;
        }
    };
    Some(BuildSecret { id: id?, source })
}

/// Makes sure that the context and the Dockerfile are there, and reads what the latter exposes.
fn look_at_disk(item: &Item<'_>, places: &Places<'_>, scope: &mut Scope<'_>) -> Vec<u16> {
    let build = &places.build;
    if !build.context.is_dir() {
        let at = places.context.as_ref().unwrap_or(item);
        let message = format!(
            "{}: there is no folder {}",
            at.what,
            shown_here(&build.context)
        );
        scope
            .error(at.span(), message)
            .help("the build folder is relative to the stack file; create it or correct the name");
        return Vec::new();
    }
    scope.depends_on_file(&build.dockerfile);
    let text = match read_text(&build.dockerfile) {
        Ok(text) => text,
        Err(error) => {
            let at = places
                .dockerfile
                .as_ref()
                .or(places.context.as_ref())
                .unwrap_or(item);
            let file = shown_here(&build.dockerfile);
            let message = format!("{}: {file} cannot be read: {}", at.what, reason(&error));
            scope.error(at.span(), message).help(
                "create it, or name another with build = { context = \"…\", dockerfile = \"…\" }",
            );
            return Vec::new();
        }
    };
    let args = build.args.iter().cloned().collect();
    let stage = dockerfile::stage(&text, build.target.as_deref(), &args);
    if let (None, Some(target)) = (&stage, &places.target) {
        missing_target(target, &text, scope);
    }
    stage.map(|stage| stage.expose).unwrap_or_default()
}

/// A target that is no stage of the Dockerfile. A number is the position of a stage, which the builder knows too.
fn missing_target(target: &Item<'_>, text: &str, scope: &mut Scope<'_>) {
    let Some(name) = target.text(scope) else {
        return;
    };
    if name.parse::<usize>().is_ok() {
        return;
    }
    let names = dockerfile::stage_names(text);
    let help = suggest(name, names.iter().map(String::as_str), "stage");
    let message = format!(
        "{}: the Dockerfile has no stage {}",
        target.what,
        quoted(name)
    );
    scope.error(target.span(), message).help_if(help);
}
