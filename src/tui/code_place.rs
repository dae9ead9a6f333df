//! Places in files that lines name, `app.py:12` and the like, and which files of this machine they are.

use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use super::editor::FilePlace;
use crate::stack::{MountKind, Reaction, Runtime, Service, Stack};

/// A place as a line names it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    path: String,
    line: usize,
    column: Option<usize>,
}

/// Of a line no more than this is looked at, in bytes.
const LOOKED_AT: usize = 16 << 10;

/// How places are named: `File "PATH", line N` of Python; `PATH on line N` and `PATH line N` of PHP and Perl; `PATH(N,C)`; and
/// `PATH:N:C` of nearly all others.
const FORMS: [&str; 4] = [
    r#"File \\?"(?P<path>[^"\\]+)\\?", line (?P<line>[0-9]+)"#,
    r"(?P<path>[\w./@+~-]*[\w-]\.\w+) (?:on )?line (?P<line>[0-9]+)",
    r"(?P<path>[\w./@+~-]*[\w-]\.\w+)\((?P<line>[0-9]+)(?:,(?P<column>[0-9]+))?\)",
    r"(?P<path>[\w./@+~-]*[\w-]):(?P<line>[0-9]+)(?::(?P<column>[0-9]+))?",
];

static NAMED: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let form = |form: &&str| Regex::new(form).unwrap_or_else(|_| unreachable!("{form} is right"));
    FORMS.iter().map(form).collect()
});

/// Folders within a container whose files are nobody's own.
const FOREIGN: [&str; 7] = [
    "/usr/",
    "/lib/",
    "/rustc/",
    "/proc/",
    "/site-packages/",
    "/node_modules/",
    "/pkg/mod/",
];

/// The first place among these lines that is in a file of this machine; in a traceback of Python's the last, where it happened.
/// `is_file` tells whether there is a file.
pub(super) fn find<'a>(
    lines: impl IntoIterator<Item = &'a str>,
    service: (&Stack, &Service, Option<Runtime>),
    is_file: impl Fn(&Path) -> bool,
) -> Option<FilePlace> {
    let mut last = None;
    for line in lines {
        let line = beginning(line);
        let is_innermost_last = line.contains("Traceback (most recent call last)");
        for named in named(line) {
            let Some(path) = resolve(&named.path, service, &is_file) else {
                continue;
            };
            let place = FilePlace {
                path,
                line: named.line,
                column: named.column,
            };
            let is_python = line.trim_start().starts_with("File \"");
            if !is_python && !is_innermost_last {
                return Some(last.unwrap_or(place));
            }
            last = Some(place);
        }
    }
    last
}

fn beginning(line: &str) -> &str {
    let mut end = line.len().min(LOOKED_AT);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

/// The places that a line names, from left to right.
fn named(line: &str) -> Vec<Named> {
    let mut found: Vec<(usize, Named)> = Vec::new();
    for form in NAMED.iter() {
        for captures in form.captures_iter(line) {
            let number = |name| captures.name(name)?.as_str().parse::<usize>().ok();
            let (Some(path), Some(line)) = (captures.name("path"), number("line")) else {
                continue;
            };
            if line == 0 {
                continue;
            }
            // `file:///app/x.js` is `/app/x.js`, of which the form sees `///app/x.js`.
            let start = path.as_str();
            let trimmed = start.trim_start_matches('/');
            let path_of = if start.len() > trimmed.len() {
                format!("/{trimmed}")
            } else {
                start.to_owned()
            };
            let named = Named {
                path: path_of,
                line,
                column: number("column").filter(|column| *column > 0),
            };
            found.push((path.start(), named));
        }
    }
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, named)| named).collect()
}

/// Which file of this machine it is that a run of the service calls so.
fn resolve(
    path: &str,
    (stack, service, runtime): (&Stack, &Service, Option<Runtime>),
    is_file: impl Fn(&Path) -> bool,
) -> Option<PathBuf> {
    let context = service.build.as_ref().map(|build| &build.context);
    let folders: Vec<&PathBuf> = [Some(&service.directory), context, Some(&stack.directory)]
        .into_iter()
        .flatten()
        .collect();
    let is_there = |path: PathBuf| is_file(&path).then_some(path);
    let named = Path::new(path);
    if named.is_relative() {
        let mut bases = folders.iter();
        return bases.find_map(|folder| is_there(plain(&folder.join(named))));
    }
    let named = plain(named);
    if runtime == Some(Runtime::Container) {
        if let Some(known) = out_of_container(&named, service).and_then(is_there) {
            return Some(known);
        }
        let is_own = folders.iter().any(|folder| named.starts_with(folder));
        if is_own && is_file(&named) {
            return Some(named);
        }
        return copied(&named, &folders, is_file);
    }
    is_there(named)
}

/// Where a mount or a rule that syncs says that the file comes from.
fn out_of_container(path: &Path, service: &Service) -> Option<PathBuf> {
    let below = |target: &str, source: &Path| {
        let rest = path.strip_prefix(target).ok()?;
        Some(if rest.as_os_str().is_empty() {
            source.to_owned()
        } else {
            source.join(rest)
        })
    };
    let mounted = service
        .volumes
        .iter()
        .filter_map(|mount| match &mount.kind {
            MountKind::Bind(source) => Some((mount.target.as_str(), source.as_path())),
            MountKind::Volume(_) | MountKind::Anonymous | MountKind::Tmpfs => None,
        });
    let synced = service
        .watch
        .iter()
        .filter_map(|rule| match &rule.reaction {
            Reaction::Sync { target, .. } => Some((target.as_str(), rule.path.as_path())),
            Reaction::Rebuild | Reaction::Restart => None,
        });
    let all = mounted.chain(synced);
    // The nearest one counts: what lies below another is seen in its place.
    let nearest = all.filter_map(|(target, source)| Some((target.len(), below(target, source)?)));
    nearest
        .max_by_key(|(length, _)| *length)
        .map(|(_, path)| path)
}

/// A file that an image has under another folder, as `COPY . /app` makes it: the longest end of the path that is there.
fn copied(path: &Path, folders: &[&PathBuf], is_file: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let text = path.to_string_lossy();
    if FOREIGN.iter().any(|foreign| text.contains(foreign)) {
        return None;
    }
    let parts: Vec<Component<'_>> = path.components().skip(1).collect();
    for from in 0..parts.len() {
        let end: PathBuf = parts[from..].iter().collect();
        let mut there = folders.iter().map(|folder| folder.join(&end));
        if let Some(found) = there.find(|path| is_file(path)) {
            return Some(found);
        }
    }
    None
}

/// The same without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
#[path = "code_place_tests.rs"]
mod tests;
