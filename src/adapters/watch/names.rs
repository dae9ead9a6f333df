//! Names that never mean a change: what editors and tools leave for a moment, and folders that tools fill.

use std::path::Path;

/// Folders that are made by tools, never by hand; left out where git's rules decide, even if nobody wrote the rule.
const FILLED_BY_TOOLS: [&str; 9] = [
    "__pycache__",
    "node_modules",
    ".venv",
    "venv",
    "target",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".tox",
];

/// Whether a file of this name is a log: programs write it while they run, and a restart would make them write again.
pub(super) fn is_log(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("log"))
}

/// Whether a file of this name is an editor's own: a swap file, a lock, a backup, a probe.
pub(super) fn is_temporary(name: &str) -> bool {
    // vim probes whether it may create files, and counts on by 123 if the name is taken.
    matches!(name, "4913" | "5036" | "5159" | ".DS_Store")
        || name.ends_with('~')
        || name.starts_with(".#")
        || (name.len() > 1 && name.starts_with('#') && name.ends_with('#'))
        || (name.starts_with(".~lock.") && name.ends_with('#'))
        || is_swap_file(name)
        || [
            ".kate-swp",
            ".crswap",
            "___jb_tmp___",
            "___jb_old___",
            ".pyc",
        ]
        .iter()
        .any(|end| name.ends_with(end))
        || [".goutputstream-", ".nfs0", ".fuse_hidden"]
            .iter()
            .any(|begin| name.starts_with(begin))
        || (name.starts_with('.') && name.contains(".kak."))
}

/// vim: `.NAME.swp`, and `.swo`, `.swn`, … and `.swx` when the name is taken. Any name that ends in `.swp` counts.
fn is_swap_file(name: &str) -> bool {
    let Some((stem, end)) = name.rsplit_once(".sw") else {
        return false;
    };
    let one_letter = end.len() == 1 && end.bytes().all(|byte| byte.is_ascii_lowercase());
    end == "p" || (one_letter && stem.starts_with('.'))
}

/// Whether a folder of this name is entered by nobody: git's own.
pub(super) fn is_never_entered(name: &str) -> bool {
    name == ".git"
}

/// Whether tools alone write to a folder of this name.
pub(super) fn is_filled_by_tools(name: &str) -> bool {
    FILLED_BY_TOOLS.contains(&name)
}

/// Whether a file of this name holds ignore rules.
pub(super) fn holds_rules(name: &str) -> bool {
    name == ".gitignore" || name.ends_with(".dockerignore")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editors_own_files_are_known() {
        for name in [
            "4913",
            ".main.rs.swp",
            ".main.rs.swx",
            ".main.rs.swo",
            "main.rs.swp",
            "main.rs~",
            ".#main.rs",
            "#main.rs#",
            "app.py___jb_tmp___",
            ".main.rs.kak.vCYosG",
            ".goutputstream-A1B2C3",
            ".~lock.plan.odt#",
            ".nfs000000001",
            "app.cpython-312.pyc",
        ] {
            assert!(is_temporary(name), "{name}");
        }
        for name in [
            "main.rs",
            "4914",
            "a.swift",
            "x.swf",
            "data.tmp",
            ".env",
            "#",
            "notes#1",
            "answer.sw",
            ".gitignore",
            "tmp",
        ] {
            assert!(!is_temporary(name), "{name}");
        }
    }
}
