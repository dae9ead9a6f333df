//! The watched trees: which folders are watched and how, and what each file was like.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::plan::Plan;
use super::print::Print;

/// File systems that other machines write to, which the kernel does not tell of (`statfs(2)`): NFS, SMB, CIFS, 9p, FUSE,
/// `VirtualBox` shared folders.
const REMOTE: [u32; 6] = [
    0x6969,
    0xfe53_4d42,
    0xff53_4d42,
    0x0102_1997,
    0x6573_5546,
    0x786f_4256,
];

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
        }
    }

    /// How many folders the kernel tells of, and how many are polled.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.native_count, self.polled_count)
    }

    pub(super) fn is_folder(&self, path: &Path) -> bool {
        self.folders.contains_key(path)
    }

    /// Watches what the plan wants and nothing else. New files are taken as they are.
    pub(super) fn lay_out(&mut self, plan: &Plan) {
        self.walked.clear();
        for path in self.walk_roots(plan) {
            self.remember(path);
        }
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
        self.files.retain(|path, _| plan.takes(path));
    }

    /// Walks every root; answers with the files that were found.
    pub(super) fn walk_roots(&mut self, plan: &Plan) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for root in plan.roots() {
            // A root may be deleted and made again, which only the folders above it tell.
            for above in plan.above(root) {
                self.watch(above);
            }
            if root.is_dir() {
                found.extend(self.walk(plan, root));
            } else if root.exists() {
                found.push(root.clone());
            }
        }
        found
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
        let known = self.folders.get(path);
        if known.is_some_and(|known| (known.device, known.inode) == (data.dev(), data.ino())) {
            return true;
        }
        let native = self.watch_natively(path);
        let folder = Folder {
            device: data.dev(),
            inode: data.ino(),
            native,
            polled: !native || is_remote(path),
        };
        let before = self.folders.insert(path.to_owned(), folder);
        self.count_out(before);
        self.native_count += usize::from(folder.native);
        self.polled_count += usize::from(folder.polled);
        true
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

    /// Takes a file as it is, if it is not known.
    fn remember(&mut self, path: PathBuf) {
        if self.files.contains_key(&path) {
            return;
        }
        if let Some(print) = Print::outside(&path) {
            if print.wants_reading() {
                self.unread.push_back(path.clone());
            }
            self.files.insert(path, print);
        }
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

    /// Whether a file does not look as it did.
    pub(super) fn looks_different(&self, path: &Path) -> bool {
        match (self.files.get(path), Print::outside(path)) {
            (Some(before), Some(now)) => !before.looks_like(&now),
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

fn is_remote(path: &Path) -> bool {
    rustix::fs::statfs(path)
        .ok()
        .and_then(|data| u32::try_from(data.f_type).ok())
        .is_some_and(|kind| REMOTE.contains(&kind))
}
