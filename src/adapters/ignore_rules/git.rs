//! `.gitignore` by git's rules, for services that run as processes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// What git ignores at and below one folder: every `.gitignore` from the top of the repository down, the repository's
/// `info/exclude`, and `.git` itself. The files are read when first needed and then kept; make a new one when one changes.
#[derive(Debug)]
pub struct GitIgnore {
    /// The folder that paths are relative to.
    root: PathBuf,
    /// Top of the repository, or of the stack where there is none.
    top: PathBuf,
    exclude: Option<Gitignore>,
    folders: Mutex<HashMap<PathBuf, Option<Arc<Gitignore>>>>,
}

impl GitIgnore {
    /// The rules for what lies below this folder. Outside a repository the files from `stack` (the folder of the stack file)
    /// down to this folder count, so that a copy of a project is ignored as the project is.
    pub fn for_folder(root: &Path, stack: &Path) -> Self {
        let repository = root
            .ancestors()
            .find(|folder| folder.join(".git").symlink_metadata().is_ok());
        let stack = root.ancestors().find(|folder| *folder == stack);
        let top = repository.or(stack).unwrap_or(root);
        Self {
            root: root.to_path_buf(),
            top: top.to_path_buf(),
            exclude: info_exclude(top).and_then(|file| rules_at(top, &file)),
            folders: Mutex::default(),
        }
    }

    /// Whether git ignores this path, relative to the folder and with `/`, or a folder that it lies in.
    pub fn excludes(&self, path: &str, is_dir: bool) -> bool {
        let full = self.root.join(path);
        let Ok(below) = full.strip_prefix(&self.top) else {
            return false;
        };
        let mut current = self.top.clone();
        let mut components = below.components().peekable();
        while let Some(component) = components.next() {
            let folder = current.clone();
            current.push(component);
            let current_is_dir = components.peek().is_some() || is_dir;
            if component.as_os_str() == ".git"
                || self.ignores_one(&folder, &current, current_is_dir)
            {
                return true;
            }
        }
        false
    }

    /// Whether the rules of this folder and those above ignore exactly this path: the nearest file that says anything decides.
    fn ignores_one(&self, folder: &Path, path: &Path, is_dir: bool) -> bool {
        for folder in folder.ancestors() {
            if let Some(rules) = self.rules_of(folder) {
                match rules.matched(path, is_dir) {
                    Match::Ignore(_) => return true,
                    Match::Whitelist(_) => return false,
                    Match::None => {}
                }
            }
            if folder == self.top {
                break;
            }
        }
        let excluded = |rules: &Gitignore| rules.matched(path, is_dir).is_ignore();
        self.exclude.as_ref().is_some_and(excluded)
    }

    fn rules_of(&self, folder: &Path) -> Option<Arc<Gitignore>> {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = folders.get(folder) {
            return known.clone();
        }
        let rules = rules_at(folder, &folder.join(".gitignore")).map(Arc::new);
        folders.insert(folder.to_path_buf(), rules.clone());
        rules
    }
}

/// The rules of one file, which count from this folder. Lines that git would not understand are left out, as git does.
fn rules_at(folder: &Path, file: &Path) -> Option<Gitignore> {
    if !file.is_file() {
        return None;
    }
    let mut builder = GitignoreBuilder::new(folder);
    drop(builder.add(file));
    builder.build().ok()
}

/// Where a repository keeps its private rules; a linked worktree shares those of the main one.
fn info_exclude(top: &Path) -> Option<PathBuf> {
    let git = top.join(".git");
    if git.is_dir() {
        return Some(git.join("info/exclude"));
    }
    let pointer = std::fs::read_to_string(&git).ok()?;
    let git = top.join(pointer.strip_prefix("gitdir:")?.trim());
    let common = match std::fs::read_to_string(git.join("commondir")) {
        Ok(common) => git.join(common.trim()),
        Err(_) => git,
    };
    Some(common.join("info/exclude"))
}
