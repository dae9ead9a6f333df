//! The watched trees: which folders are watched and how, and what each file was like.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::mounts::Mounts;
use super::plan::Plan;
use super::print::Print;

/// A watched folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Folder {
    device: u64,
    inode: u64,
    /// The kernel tells of it.
    native: bool,
    /// It is looked at again and again.
    polled: bool,
}

/// Folders and files as far as they are known.
#[derive(Debug)]
pub(super) struct Tree {
    native: Option<RecommendedWatcher>,
    folders: BTreeMap<PathBuf, Folder>,
    /// How many folders the kernel tells of, and how many are polled.
    native_count: usize,
    polled_count: usize,
    /// Folders that the walk under way has come through.
    walked: BTreeSet<PathBuf>,
    pub(super) files: BTreeMap<PathBuf, Print>,
    /// Files whose content is to be read when there is time.
    pub(super) unread: VecDeque<PathBuf>,
    /// A folder could not be watched because the kernel's limit is reached.
    pub(super) at_limit: bool,
    /// The greatest number of native watches.
    pub(super) most: usize,
    /// The file systems on which they are.
    pub(super) mounts: Mounts,
    /// Also what is watched already is watched again: the kernel may have dropped it unseen.
    doubts: bool,
}

impl Tree {
    /// Nothing is watched; without a native watcher everything will be polled.
    pub(super) fn new(native: Option<RecommendedWatcher>, most: usize) -> Self {
        Self {
            at_limit: native.is_none(),
            native,
            folders: BTreeMap::new(),
            native_count: 0,
            polled_count: 0,
            walked: BTreeSet::new(),
            files: BTreeMap::new(),
            unread: VecDeque::new(),
            most,
            mounts: Mounts::default(),
            doubts: false,
        }
    }

    /// How many folders the kernel tells of, and how many are polled.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.native_count, self.polled_count)
    }

    pub(super) fn is_folder(&self, path: &Path) -> bool {
        self.folders.contains_key(path)
    }

    /// Whether exactly the folder that is there is watched.
    #[cfg(test)]
    pub(super) fn watches(&self, path: &Path) -> bool {
        let known = self.folders.get(path);
        known.is_some_and(|known| {
            fs::metadata(path)
                .is_ok_and(|data| (known.device, known.inode) == (data.dev(), data.ino()))
        })
    }

    /// Watches what the plan wants and nothing else. New files are taken as they are, but for those that were saved after
    /// `since`: whoever read them before must be told. Answers with these.
    pub(super) fn lay_out(&mut self, plan: &Plan, since: Option<SystemTime>) -> Vec<PathBuf> {
        let mut saved_since = Vec::new();
        for path in self.walk_anew(plan) {
            if !self.remember(&path, since) {
                saved_since.push(path);
            }
        }
        self.files.retain(|path, _| plan.takes(path));
        saved_since
    }

    /// Walks every root as if the kernel had never been asked to watch anything; answers with the files that were found.
    pub(super) fn walk_in_doubt(&mut self, plan: &Plan) -> Vec<PathBuf> {
        self.doubts = true;
        let found = self.walk_anew(plan);
        self.doubts = false;
        found
    }

    /// Walks every root and forgets the folders that were not met.
    fn walk_anew(&mut self, plan: &Plan) -> Vec<PathBuf> {
        self.walked.clear();
        let found = self.walk_roots(plan);
        let walked = std::mem::take(&mut self.walked);
        let left: Vec<PathBuf> = self
            .folders
            .keys()
            .filter(|path| !walked.contains(*path))
            .cloned()
            .collect();
        for path in left {
            self.unwatch(&path);
        }
        found
    }

    /// Walks every root; answers with the files that were found.
    pub(super) fn walk_roots(&mut self, plan: &Plan) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for root in plan.roots() {
            self.watch_above(plan, root);
            if root.is_dir() {
                found.extend(self.walk(plan, root));
            } else if root.exists() {
                found.push(root.clone());
            }
        }
        found
    }

    /// A root may be deleted and made again, which only the folders above it tell. More of them may be made while they are
    /// being watched, of which nobody tells before the one that they are in is.
    fn watch_above(&mut self, plan: &Plan, root: &Path) {
        let mut above = plan.above(root);
        loop {
            for folder in &above {
                self.watch(folder);
            }
            let now = plan.above(root);
            if now == above {
                return;
            }
            above = now;
        }
    }

    /// Watches a folder and the folders below it that matter; answers with their files. A folder is watched before it is
    /// listed, so that a file is either listed or told of.
    pub(super) fn walk(&mut self, plan: &Plan, folder: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![folder.to_owned()];
        while let Some(folder) = open.pop() {
            if !plan.enters(&folder) || !self.watch(&folder) {
                continue;
            }
            let (folders, files) = list(&folder);
            open.extend(folders);
            found.extend(files.into_iter().filter(|path| plan.takes(path)));
        }
        found
    }

    /// Watches one folder; whether there is one.
    fn watch(&mut self, path: &Path) -> bool {
        let Ok(data) = fs::metadata(path) else {
            return false;
        };
        if !data.is_dir() {
            return false;
        }
        self.walked.insert(path.to_owned());
        if let Some(known) = self.folders.get(path) {
            let is_same = (known.device, known.inode) == (data.dev(), data.ino());
            if is_same && !self.doubts {
                return true;
            }
            if is_same {
                let known = self.folders.remove(path);
                self.count_out(known);
            } else {
                // Its watch goes on elsewhere, under a name that is not its own any more.
                self.unwatch(path);
            }
        }
        let native = self.watch_natively(path);
        let must_poll = native && self.mounts.meet(data.dev(), path);
        let folder = Folder {
            device: data.dev(),
            inode: data.ino(),
            native,
            polled: !native || must_poll,
        };
        self.folders.insert(path.to_owned(), folder);
        self.native_count += usize::from(folder.native);
        self.polled_count += usize::from(folder.polled);
        true
    }

    /// From now on the folders of these file systems are polled.
    pub(super) fn poll_devices(&mut self, devices: &[u64]) {
        let mine = |folder: &&mut Folder| devices.contains(&folder.device) && !folder.polled;
        for folder in self.folders.values_mut().filter(mine) {
            folder.polled = true;
            self.polled_count += 1;
        }
    }

    fn count_out(&mut self, folder: Option<Folder>) {
        if let Some(folder) = folder {
            self.native_count -= usize::from(folder.native);
            self.polled_count -= usize::from(folder.polled);
        }
    }

    fn watch_natively(&mut self, path: &Path) -> bool {
        let Some(native) = &mut self.native else {
            return false;
        };
        if self.native_count >= self.most {
            self.at_limit = true;
            return false;
        }
        match native.watch(path, RecursiveMode::NonRecursive) {
            Ok(()) => true,
            Err(error) => {
                self.at_limit |= matches!(error.kind, ErrorKind::MaxFilesWatch);
                false
            }
        }
    }

    fn unwatch(&mut self, path: &Path) {
        let folder = self.folders.remove(path);
        self.count_out(folder);
        if let (Some(Folder { native: true, .. }), Some(native)) = (folder, &mut self.native) {
            // It may be gone already, and the watch with it.
            drop(native.unwatch(path));
        }
    }

    /// A folder was deleted or moved away: it and all below it are unknown again. Answers with the files that were there.
    pub(super) fn forget_folder(&mut self, folder: &Path) -> Vec<PathBuf> {
        let below: Vec<PathBuf> = below(&self.folders, folder).cloned().collect();
        for path in below {
            self.unwatch(&path);
        }
        self.files_below(folder)
    }

    /// The known files below a folder.
    pub(super) fn files_below(&self, folder: &Path) -> Vec<PathBuf> {
        below(&self.files, folder).cloned().collect()
    }

    /// Takes a file as it is, if it is not known; not if it was saved later than this.
    fn remember(&mut self, path: &Path, since: Option<SystemTime>) -> bool {
        if self.files.contains_key(path) {
            return true;
        }
        let Some(print) = Print::outside(path) else {
            return true;
        };
        if since.is_some_and(|since| print.is_younger_than(since)) {
            self.files.insert(path.to_owned(), Print::of_none());
            return false;
        }
        if print.wants_reading() {
            self.unread.push_back(path.to_owned());
        }
        self.files.insert(path.to_owned(), print);
        true
    }

    /// Looks at the polled folders; answers with the files that look different, are new, or are gone.
    pub(super) fn poll(&mut self, plan: &Plan) -> Vec<PathBuf> {
        let polled: Vec<PathBuf> = self
            .folders
            .iter()
            .filter(|(_, folder)| folder.polled)
            .map(|(path, _)| path.clone())
            .collect();
        let mut suspects = BTreeSet::new();
        for folder in polled {
            if !folder.is_dir() {
                suspects.extend(self.forget_folder(&folder));
                continue;
            }
            let (folders, files) = list(&folder);
            let known = below(&self.files, &folder);
            suspects.extend(known.filter(|path| path.parent() == Some(&folder)).cloned());
            suspects.extend(files.into_iter().filter(|path| plan.takes(path)));
            for new in folders {
                if !self.folders.contains_key(&new) {
                    suspects.extend(self.walk(plan, &new));
                }
            }
        }
        suspects.retain(|path| self.looks_different(path));
        suspects.into_iter().collect()
    }

    /// Whether a file must be read to know whether it is as it was.
    pub(super) fn looks_different(&self, path: &Path) -> bool {
        match (self.files.get(path), Print::outside(path)) {
            (Some(before), Some(now)) => before.may_differ(&now),
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        }
    }
}

/// The folders and the files in a folder. A link is a file: it is not followed.
fn list(folder: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let (folders, files): (Vec<_>, Vec<_>) =
        entries.partition(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let paths = |entries: Vec<fs::DirEntry>| entries.iter().map(fs::DirEntry::path).collect();
    (paths(folders), paths(files))
}

/// The keys that are this path or lie below it.
fn below<'a, V>(
    map: &'a BTreeMap<PathBuf, V>,
    path: &'a Path,
) -> impl Iterator<Item = &'a PathBuf> {
    map.range(path.to_owned()..)
        .map(|(key, _)| key)
        .take_while(move |key| key.starts_with(path))
}
