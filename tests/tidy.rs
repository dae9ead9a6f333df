//! House rules that a look at the source can check: the module table, sizes, and words that must not stay.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Which top-level modules a module may name: the table of `docs/ARCHITECTURE.md`.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("text", &[]),
    ("stack", &[]),
    ("engine", &["stack"]),
    ("telemetry", &["stack", "text"]),
    ("config", &["stack"]),
    ("runtime", &["stack", "engine", "telemetry"]),
    (
        "adapters",
        &["stack", "engine", "telemetry", "runtime", "text"],
    ),
    ("proxy", &["stack", "telemetry"]),
    ("story", &["stack", "engine", "telemetry", "text"]),
    (
        "tui",
        &["stack", "engine", "telemetry", "runtime", "text", "story"],
    ),
    (
        "report",
        &["stack", "engine", "telemetry", "runtime", "text", "story"],
    ),
    ("cli", &[]),
    (
        "session",
        &[
            "text",
            "stack",
            "engine",
            "telemetry",
            "config",
            "runtime",
            "adapters",
            "proxy",
            "tui",
            "report",
            "cli",
        ],
    ),
];

/// Which crates may be named under which modules only.
const CRATES: &[(&str, &[&str])] = &[
    ("alacritty_terminal", &["telemetry"]),
    ("bollard", &["adapters"]),
    ("hyper", &["adapters", "proxy"]),
    ("notify", &["adapters"]),
    ("portable_pty", &["adapters"]),
    ("ratatui", &["tui"]),
    ("crossterm", &["tui"]),
];

/// Modules that stay plain functions over data.
const WITHOUT_TOKIO: &[&str] = &["engine", "stack", "text"];

const MOST_LINES_A_FILE: usize = 600;
const MOST_LINES_A_FUNCTION: usize = 70;

struct Source {
    path: PathBuf,
    module: String,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

fn sources(folder: &str) -> Vec<Source> {
    let base = root().join(folder);
    let mut paths = Vec::new();
    files_below(&base, &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let inside = path.strip_prefix(&base).expect("found below its base");
        let module = inside
            .components()
            .next()
            .expect("a path has a part")
            .as_os_str()
            .to_string_lossy()
            .replace(".rs", "");
        Source {
            text: fs::read_to_string(&path).expect("a source file can be read"),
            path,
            module,
        }
    };
    paths.into_iter().map(read).collect()
}

/// The code of a line, without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// Every name that follows `crate::` on this line, `use crate::{a, b}` included.
fn named_modules(line: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (index, found) in code(line).match_indices("crate::") {
        let rest = &code(line)[index + found.len()..];
        let list = rest
            .strip_prefix('{')
            .map_or(rest, |inner| inner.split('}').next().unwrap_or(inner));
        let many = rest.starts_with('{');
        for part in list.split(',').take(if many { usize::MAX } else { 1 }) {
            let name: String = part
                .trim()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            names.push(name);
        }
    }
    names
}

fn report(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn every_module_keeps_to_the_table() {
    let table: BTreeMap<&str, BTreeSet<&str>> = MAY_NAME
        .iter()
        .map(|(module, named)| (*module, named.iter().copied().collect()))
        .collect();
    let mut problems = Vec::new();
    for source in sources("src") {
        if matches!(source.module.as_str(), "lib" | "main") {
            continue;
        }
        let Some(allowed) = table.get(source.module.as_str()) else {
            problems.push(format!(
                "{}: module {} is not in the table",
                source.path.display(),
                source.module
            ));
            continue;
        };
        for (number, line) in source.text.lines().enumerate() {
            for name in named_modules(line) {
                if table.contains_key(name.as_str())
                    && name != source.module
                    && !allowed.contains(name.as_str())
                {
                    problems.push(format!(
                        "{}:{}: {} may not name {name}",
                        source.path.display(),
                        number + 1,
                        source.module
                    ));
                }
            }
        }
    }
    report(&problems);
}

#[test]
fn the_table_has_no_cycle() {
    let table: BTreeMap<&str, &[&str]> = MAY_NAME.iter().copied().collect();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    while done.len() < table.len() {
        let next = table.iter().find(|(module, named)| {
            !done.contains(*module) && named.iter().all(|name| done.contains(name))
        });
        done.insert(next.expect("the table has a cycle").0);
    }
}

#[test]
fn crates_stay_in_their_rooms() {
    let mut problems = Vec::new();
    for source in sources("src") {
        for (number, line) in source.text.lines().enumerate() {
            let line = code(line);
            let mut complain = |what: &str| {
                problems.push(format!(
                    "{}:{}: names {what}",
                    source.path.display(),
                    number + 1
                ));
            };
            for (name, rooms) in CRATES {
                let named =
                    line.contains(&format!("{name}::")) || line.contains(&format!("use {name};"));
                if named && !rooms.contains(&source.module.as_str()) {
                    complain(name);
                }
            }
            if WITHOUT_TOKIO.contains(&source.module.as_str()) && line.contains("tokio::") {
                complain("tokio");
            }
        }
    }
    report(&problems);
}

#[test]
fn files_and_functions_are_short() {
    let mut problems = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        let lines: Vec<&str> = source.text.lines().collect();
        if lines.len() > MOST_LINES_A_FILE {
            problems.push(format!("{}: {} lines", source.path.display(), lines.len()));
        }
        for (start, length) in functions(&lines) {
            if length > MOST_LINES_A_FUNCTION {
                problems.push(format!(
                    "{}:{}: a function of {length} lines",
                    source.path.display(),
                    start + 1
                ));
            }
        }
    }
    report(&problems);
}

/// Where each function begins and how many lines it has; rustfmt puts its last brace at its own indentation.
fn functions(lines: &[&str]) -> Vec<(usize, usize)> {
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let begins = |line: &str| {
        let words = line.trim_start();
        let after = ["pub ", "pub(crate) ", "pub(super) ", "const ", "async "]
            .iter()
            .fold(words, |rest, word| rest.strip_prefix(word).unwrap_or(rest));
        after.starts_with("fn ")
    };
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate().filter(|(_, line)| begins(line)) {
        let closing = format!("{}}}", " ".repeat(indentation(line)));
        let single = line.trim_end().ends_with(';') || line.trim_end().ends_with('}');
        let end = lines[start..].iter().position(|other| *other == closing);
        if let (false, Some(end)) = (single, end) {
            found.push((start, end + 1));
        }
    }
    found
}

#[test]
fn nothing_unfinished_stays() {
    // Spelled in two halves, so that this file does not find itself.
    let words = [
        concat!("to", "do!"),
        concat!("unimple", "mented!"),
        concat!("FIX", "ME"),
        concat!("for ", "now"),
        concat!("#[all", "ow("),
        concat!("#[ig", "nore"),
    ];
    let mut problems = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        for (number, line) in source.text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                problems.push(format!(
                    "{}:{}: {}",
                    source.path.display(),
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    report(&problems);
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<String> = sources("src")
        .into_iter()
        .filter(|source| !source.text.starts_with("//!"))
        .map(|source| {
            format!(
                "{}: does not begin with a //! sentence",
                source.path.display()
            )
        })
        .collect();
    report(&silent);
}
