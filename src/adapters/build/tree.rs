//! The build context as it is on disk: walked in a fixed order, without what the ignore rules exclude.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::cache::ContextCache;
use crate::adapters::ignore_rules::{DockerIgnore, RuleIndex};

/// A context: what was in it at one moment. A folder comes before what is in it; siblings are sorted by name, which is
/// the order that the builder's file sync demands (component by component).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// The folder.
    pub root: PathBuf,
    /// What is in it.
    pub entries: Vec<Entry>,
    /// What was left out because no image can hold it (sockets).
    pub skipped: Vec<String>,
}

/// One file, folder or link of a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path below the context, with `/`.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits, with set-id and sticky bits.
    pub mode: u32,
    /// Time of the last change, nanoseconds since 1970.
    pub modified: i64,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A folder.
    Folder,
    /// A file, with its size in bytes and the SHA-256 of its content.
    File { size: u64, hash: [u8; 32] },
    /// A symbolic link and where it points.
    Link { target: String },
    /// A named pipe.
    Pipe,
}

/// Why a context cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The folder is not there.
    #[error("the build context {} is not a folder that exists; correct `build` or create it", .0.display())]
    NoContext(PathBuf),
    /// A path cannot be read.
    #[error("{}: {error}; make it readable, or exclude it in .dockerignore", .path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    /// A name that the builder's protocol cannot carry.
    #[error("{} has a name that is not UTF-8; rename it, or exclude it in .dockerignore", .0.display())]
    BadName(PathBuf),
    /// The build was cancelled meanwhile.
    #[error("cancelled")]
    Cancelled,
}

impl Tree {
    /// Walks a context. Excluded folders are entered only where an exception may bring something back. Files that go away
    /// meanwhile are left out. `stop` ends the walk early.
    pub fn walk(
        root: &Path,
        rules: &DockerIgnore,
        cache: &ContextCache,
        stop: &AtomicBool,
    ) -> Result<Self, TreeError> {
        if !root.is_dir() {
            return Err(TreeError::NoContext(root.to_path_buf()));
        }
        let mut walk = Walk {
            rules,
            cache,
            stop,
            tree: Self {
                root: root.to_path_buf(),
                ..Self::default()
            },
        };
        walk.folder(root, "", None)?;
        Ok(walk.tree)
    }

    /// The entry of this path.
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        let wanted = path.split('/');
        let index = self
            .entries
            .binary_search_by(|entry| entry.path.split('/').cmp(wanted.clone()));
        index.ok().map(|index| &self.entries[index])
    }

    /// Where an entry is on this machine.
    pub fn place(&self, entry: &Entry) -> PathBuf {
        self.root.join(&entry.path)
    }
}

struct Walk<'a> {
    rules: &'a DockerIgnore,
    cache: &'a ContextCache,
    stop: &'a AtomicBool,
    tree: Tree,
}

impl Walk<'_> {
    /// Adds what is in a folder; `decision` is what the rules said about it.
    fn folder(
        &mut self,
        place: &Path,
        path: &str,
        decision: Option<RuleIndex>,
    ) -> Result<(), TreeError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(TreeError::Cancelled);
        }
        for name in sorted_names(place)? {
            let place = place.join(&name);
            let name = name
                .to_str()
                .ok_or_else(|| TreeError::BadName(place.clone()));
            let child = match name {
                Ok(name) if path.is_empty() => name.to_owned(),
                Ok(name) => format!("{path}/{name}"),
                Err(error) if self.excludes_lossy(path, decision, &place) => {
                    drop(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.child(&place, child, decision)?;
        }
        Ok(())
    }

    fn child(
        &mut self,
        place: &Path,
        path: String,
        above: Option<RuleIndex>,
    ) -> Result<(), TreeError> {
        let decision = self.rules.decide(above, &path);
        let excluded = self.rules.is_excluding(decision);
        let Some(metadata) = unless_gone(place, place.symlink_metadata())? else {
            return Ok(());
        };
        if !metadata.is_dir() {
            return if excluded {
                Ok(())
            } else {
                self.leaf(place, path, &metadata)
            };
        }
        if excluded && !self.rules.could_contain(decision, &path) {
            return Ok(());
        }
        let before = self.tree.entries.len();
        self.tree.entries.push(Entry {
            kind: EntryKind::Folder,
            ..entry(path.clone(), &metadata)
        });
        self.folder(place, &path, decision)?;
        let is_empty = self.tree.entries.len() == before + 1;
        if excluded && is_empty {
            self.tree.entries.pop();
        }
        Ok(())
    }

    fn leaf(&mut self, place: &Path, path: String, metadata: &Metadata) -> Result<(), TreeError> {
        let kind = metadata.file_type();
        let kind = if kind.is_file() {
            match unless_gone(place, self.cache.hash(place, metadata))? {
                Some((size, hash)) => EntryKind::File { size, hash },
                None => return Ok(()),
            }
        } else if kind.is_symlink() {
            let Some(target) = unless_gone(place, place.read_link())? else {
                return Ok(());
            };
            let target = target.into_os_string().into_string();
            let target = target.map_err(|_| TreeError::BadName(place.to_path_buf()))?;
            EntryKind::Link { target }
        } else if kind.is_fifo() {
            EntryKind::Pipe
        } else {
            self.tree.skipped.push(path);
            return Ok(());
        };
        self.tree.entries.push(Entry {
            kind,
            ..entry(path, metadata)
        });
        Ok(())
    }

    /// Whether the rules exclude a path whose name is not UTF-8, judged by its readable part.
    fn excludes_lossy(&self, folder: &str, above: Option<RuleIndex>, place: &Path) -> bool {
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let path = if folder.is_empty() {
            name.into_owned()
        } else {
            format!("{folder}/{name}")
        };
        self.rules.is_excluding(self.rules.decide(above, &path))
    }
}

fn entry(path: String, metadata: &Metadata) -> Entry {
    Entry {
        path,
        kind: EntryKind::Folder,
        mode: metadata.mode() & 0o7777,
        modified: metadata.mtime().saturating_mul(1_000_000_000) + metadata.mtime_nsec(),
    }
}

fn sorted_names(place: &Path) -> Result<Vec<std::ffi::OsString>, TreeError> {
    let Some(listing) = unless_gone(place, place.read_dir())? else {
        return Ok(Vec::new());
    };
    let mut names = Vec::new();
    for child in listing {
        names.extend(unless_gone(place, child)?.map(|child| child.file_name()));
    }
    names.sort_unstable();
    Ok(names)
}

/// The result, or nothing if the path went away meanwhile.
fn unless_gone<T>(place: &Path, result: io::Result<T>) -> Result<Option<T>, TreeError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(TreeError::Unreadable {
            path: place.to_path_buf(),
            error,
        }),
    }
}
