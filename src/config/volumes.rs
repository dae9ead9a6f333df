//! `volumes`: what is mounted into a service's containers.

use std::path::Path;

use crate::stack::{Mount, MountKind};

use super::item::Item;
use super::problem::quoted;
use super::scope::Scope;
use super::source::shown_here;
use super::tree::{Span, Value};

/// The mounts of a service, each with its place in the file.
pub(super) fn read(item: &Item<'_>, scope: &mut Scope<'_>) -> Vec<(Mount, Span)> {
    let members = item.list(scope).unwrap_or_default();
    let mut mounts = Vec::new();
    for member in members {
        let mount = match &member.node.value {
            Value::Text(text) => short(&member, text, scope),
            Value::Table(_) => long(&member, scope),
            _ => {
                member.expected("a volume such as \"data:/var/lib/data\"", scope);
                None
            }
        };
        if let Some(mount) = mount {
            missing_source(&member, &mount, scope);
            mounts.push((mount, member.span().clone()));
        }
    }
    mounts
}

fn missing_source(item: &Item<'_>, mount: &Mount, scope: &mut Scope<'_>) {
    let MountKind::Bind(path) = &mount.kind else {
        return;
    };
    if scope.active && !path.exists() {
        let message = format!("{}: {} does not exist", item.what, shown_here(path));
        scope
            .warning(item.span(), message)
            .help("the engine would make an empty folder of root's there; create it first");
    }
}

/// Compose's short form, taken apart: `[SOURCE:]TARGET[:OPTIONS]`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Short<'t> {
    /// A path of this machine or the name of a volume.
    pub(super) source: Option<&'t str>,
    /// Where it goes.
    pub(super) target: &'t str,
    /// `ro`, `z` and their kind.
    pub(super) options: Vec<&'t str>,
}

impl Short<'_> {
    /// Whether the source is a path rather than a name.
    pub(super) fn is_bind(&self) -> bool {
        self.source.is_some_and(is_path)
    }
}

/// Whether this source means a path of this machine.
pub(super) fn is_path(source: &str) -> bool {
    source.starts_with(['.', '/', '~'])
}

/// Takes Compose's short form apart.
pub(super) fn parse(text: &str) -> Result<Short<'_>, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts.as_slice() {
        [target] => (None, *target, ""),
        [source, target] => (Some(*source), *target, ""),
        [source, target, options] => (Some(*source), *target, *options),
        _ => return Err(format!("{} has too many colons", quoted(text))),
    };
    if target.is_empty() {
        return Err(format!("{} says nothing about where it goes", quoted(text)));
    }
    if source == Some("") {
        return Err(format!(
            "{} says nothing about what is mounted",
            quoted(text)
        ));
    }
    let options = options
        .split(',')
        .filter(|option| !option.is_empty())
        .collect();
    Ok(Short {
        source,
        target,
        options,
    })
}

fn short(item: &Item<'_>, text: &str, scope: &mut Scope<'_>) -> Option<Mount> {
    let parts = match parse(text) {
        Ok(parts) => parts,
        Err(why) => {
            scope
                .error(item.span(), format!("{}: {why}", item.what))
                .help("write \"NAME:/path\", \"./folder:/path\", either with \":ro\" behind it, or \"/path\"");
            return None;
        }
    };
    let kind = match parts.source {
        None => MountKind::Anonymous,
        Some(source) if parts.is_bind() => MountKind::Bind(scope.path(source)),
        Some(source) => named(item, source, scope)?,
    };
    let mut read_only = false;
    for option in parts.options {
        match option {
            "ro" => read_only = true,
            "rw" | "cached" | "delegated" | "consistent" => {}
            other => {
                let message = format!(
                    "{}: the option {} has no effect here",
                    item.what,
                    quoted(other)
                );
                scope
                    .warning(item.span(), message)
                    .help("only ro and rw are known; leave it out");
            }
        }
    }
    finish(item, kind, parts.target, read_only, scope)
}

/// A volume by name.
fn named(item: &Item<'_>, name: &str, scope: &mut Scope<'_>) -> Option<MountKind> {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if starts_well && name.chars().all(fits) {
        return Some(MountKind::Volume(name.to_owned()));
    }
    let message = format!(
        "{}: {} is not the name of a volume",
        item.what,
        quoted(name)
    );
    let problem = scope.error(item.span(), message);
    problem.help(if name.contains('/') {
        format!("for a folder of this machine write \"./{name}\"")
    } else {
        "use letters, digits, \"_\", \".\" and \"-\"".to_owned()
    });
    None
}

fn finish(
    item: &Item<'_>,
    kind: MountKind,
    target: &str,
    read_only: bool,
    scope: &mut Scope<'_>,
) -> Option<Mount> {
    if !Path::new(target).is_absolute() {
        let message = format!("{}: {} is not an absolute path", item.what, quoted(target));
        scope
            .error(item.span(), message)
            .help("the path in the container must begin with \"/\"");
        return None;
    }
    Some(Mount {
        kind,
        target: target.to_owned(),
        read_only,
    })
}

#[derive(Clone, Copy)]
enum Kind {
    Volume,
    Bind,
    Tmpfs,
}

/// Compose's long form.
fn long(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Mount> {
    let mut section = item.section(item.what.clone(), scope)?;
    let kind = section.take("type");
    let source = section.take("source");
    let target = section.need("target", scope);
    let read_only = section
        .take("read_only")
        .and_then(|item| item.boolean(scope));
    let hints = [
        ("bind", "its options have no meaning here; leave it out"),
        ("volume", "its options have no meaning here; leave it out"),
        ("src", "did you mean \"source\"?"),
        ("dst", "did you mean \"target\"?"),
        ("destination", "did you mean \"target\"?"),
        ("readonly", "did you mean \"read_only\"?"),
    ];
    section.finish(&hints, scope);
    let source = match source {
        Some(source) => Some(source.filled_text(scope)?),
        None => None,
    };
    let kinds = [
        ("volume", Kind::Volume),
        ("bind", Kind::Bind),
        ("tmpfs", Kind::Tmpfs),
    ];
    let kind = match (kind, source) {
        (Some(kind), _) => kind.choice(&kinds, scope)?,
        (None, Some(source)) if is_path(source) => Kind::Bind,
        (None, _) => Kind::Volume,
    };
    let target = target?.filled_text(scope)?;
    let kind = match (kind, source) {
        (Kind::Volume, None) => MountKind::Anonymous,
        (Kind::Volume, Some(name)) => named(item, name, scope)?,
        (Kind::Bind, Some(path)) => MountKind::Bind(scope.path(path)),
        (Kind::Bind, None) => {
            item.invalid("a bind mount needs a \"source\"", scope);
            return None;
        }
        (Kind::Tmpfs, _) => MountKind::Tmpfs,
    };
    finish(item, kind, target, read_only.unwrap_or(false), scope)
}
