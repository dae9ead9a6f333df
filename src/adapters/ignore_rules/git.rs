//! `.gitignore` by git's rules, for services that run as processes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder, Glob};

/// What git ignores at and below one folder: every `.gitignore` from the top of the repository down, the repository's
/// `info/exclude`, and `.git` itself. The files are read when first needed and then kept; make a new one when one changes.
#[derive(Debug)]
pub struct GitIgnore {
    /// The folder that paths are relative to.
    root: PathBuf,
    /// Top of the repository, or of the stack where there is none.
    top: PathBuf,
    exclude: Option<Gitignore>,
    folders: Mutex<HashMap<PathBuf, Arc<Folder>>>,
}

/// What holds in one folder.
#[derive(Debug, Default)]
struct Folder {
    /// It is ignored itself, and so is all that is in it.
    ignored: bool,
    /// The rules that count in it, the nearest first.
    rules: Vec<Arc<Gitignore>>,
}

/// A line of an ignore file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoreLine {
    /// The file.
    pub file: PathBuf,
    /// The line's number, from 1.
    pub line: usize,
    /// The line.
    pub text: String,
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
        if !full.starts_with(&self.top) {
            return false;
        }
        let above = full.parent().map(|folder| self.folder(folder));
        above.is_some_and(|above| above.ignored || self.ignores(&above, &full, is_dir))
    }

    /// The line because of which git ignores this path, or a folder that it lies in; `None` too for what lies in `.git`.
    pub fn which_line(&self, path: &str, is_dir: bool) -> Option<IgnoreLine> {
        let full = self.root.join(path);
        let below = full.strip_prefix(&self.top).ok()?;
        let mut current = self.top.clone();
        let mut components = below.components().peekable();
        while let Some(component) = components.next() {
            let folder = self.folder(&current);
            current.push(component);
            let is_dir = components.peek().is_some() || is_dir;
            if let Some(Match::Ignore(glob)) = self.decides(&folder, &current, is_dir) {
                return line_of(glob);
            }
        }
        None
    }

    /// Whether the rules of this folder and those above ignore exactly this path.
    fn ignores(&self, folder: &Folder, path: &Path, is_dir: bool) -> bool {
        path.file_name().is_some_and(|name| name == ".git")
            || self
                .decides(folder, path, is_dir)
                .is_some_and(|found| found.is_ignore())
    }

    /// What the nearest file says that says anything about exactly this path.
    fn decides<'a>(
        &'a self,
        folder: &'a Folder,
        path: &Path,
        is_dir: bool,
    ) -> Option<Match<&'a Glob>> {
        let near = folder.rules.iter().map(AsRef::as_ref);
        near.chain(&self.exclude)
            .map(|rules| rules.matched(path, is_dir))
            .find(|found| !found.is_none())
    }

    fn folder(&self, folder: &Path) -> Arc<Folder> {
        let known = |folders: &HashMap<PathBuf, Arc<Folder>>| folders.get(folder).cloned();
        if let Some(known) = known(&self.folders.lock().unwrap_or_else(PoisonError::into_inner)) {
            return known;
        }
        let above = match folder.parent() {
            Some(above) if folder != self.top && folder.starts_with(&self.top) => {
                self.folder(above)
            }
            _ => Arc::default(),
        };
        let own = rules_at(folder, &folder.join(".gitignore")).map(Arc::new);
        let found = Arc::new(Folder {
            ignored: above.ignored || (folder != self.top && self.ignores(&above, folder, true)),
            rules: own.into_iter().chain(above.rules.iter().cloned()).collect(),
        });
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        folders.insert(folder.to_path_buf(), Arc::clone(&found));
        found
    }
}

/// Where a pattern stands. Of several lines with the same text the last is the one that decides.
fn line_of(glob: &Glob) -> Option<IgnoreLine> {
    let file = glob.from()?;
    let text = std::fs::read(file).ok()?;
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().zip(1..);
    let same = lines.filter(|(line, _)| line.trim_end() == glob.original().trim_end());
    let (_, line) = same.last()?;
    Some(IgnoreLine {
        file: file.to_path_buf(),
        line,
        text: glob.original().to_owned(),
    })
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
