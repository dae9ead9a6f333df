//! Random edit histories for tests: what people and programs do to a tree, call by call.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use notify::EventKind;
use notify::event::{
    AccessKind, AccessMode, CreateKind, DataChange, MetadataKind, ModifyKind, RemoveKind,
    RenameMode,
};
use proptest::prelude::*;

use super::names;

/// One thing that is done. Contents are few, so that files often become again what they were.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Write(String, u8),
    /// Emptied, and written in two steps.
    InSteps(String, u8),
    RenameOver(String, u8),
    Backup(String, u8),
    HardLinkSwap(String, u8),
    SymlinkSwap(String, u8),
    Delete(String),
    Touch(String),
    /// Another content, and back.
    ThereAndBack(String, u8),
    /// Deleted with all that is in it and made again, the first files as they were.
    Recreate(String, usize),
    RemoveFolder(String),
    RenameFolder(String, String),
    /// What the kernel told so far arrives, disturbed by this.
    Arrive(u64),
    /// It is quiet long enough.
    Quiet,
}

/// The files that there are at first.
pub(super) const FIRST: [(&str, u8); 5] =
    [("a", 0), ("b", 1), ("d/a", 2), ("d/e/a", 0), ("d/e/b", 1)];

/// Histories of up to so many acts.
pub(super) fn histories(most: usize) -> impl Strategy<Value = Vec<Op>> {
    let file = prop::sample::select(vec![
        "a", "b", "d/a", "d/b", "d/e/a", "d/e/b", "x/a", "x/y/a",
    ]);
    let file = file.prop_map(str::to_owned);
    let folder = prop::sample::select(vec!["d", "d/e", "x", "x/y"]).prop_map(str::to_owned);
    let saved = (file, 0_u8..3);
    let op = prop_oneof![
        4 => saved.clone().prop_map(|(path, text)| Op::Write(path, text)),
        2 => saved.clone().prop_map(|(path, text)| Op::InSteps(path, text)),
        2 => saved.clone().prop_map(|(path, text)| Op::RenameOver(path, text)),
        2 => saved.clone().prop_map(|(path, text)| Op::Backup(path, text)),
        1 => saved.clone().prop_map(|(path, text)| Op::HardLinkSwap(path, text)),
        1 => saved.clone().prop_map(|(path, text)| Op::SymlinkSwap(path, text)),
        2 => saved.clone().prop_map(|(path, _)| Op::Delete(path)),
        1 => saved.clone().prop_map(|(path, _)| Op::Touch(path)),
        2 => saved.prop_map(|(path, text)| Op::ThereAndBack(path, text)),
        2 => (folder.clone(), 0_usize..4).prop_map(|(path, kept)| Op::Recreate(path, kept)),
        1 => folder.clone().prop_map(Op::RemoveFolder),
        1 => (folder.clone(), folder).prop_map(|(from, to)| Op::RenameFolder(from, to)),
        4 => any::<u64>().prop_map(Op::Arrive),
        2 => Just(Op::Quiet),
    ];
    prop::collection::vec(op, 1..most)
}

fn text(number: u8) -> &'static [u8] {
    [b"one\n".as_slice(), b"two\n", b"three and more\n"][usize::from(number) % 3]
}

/// Writes the first files.
pub(super) fn begin(root: &Path) {
    for (name, number) in FIRST {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text(number)).unwrap();
    }
}

/// Files and links of a tree with what is in them, but for editors' own.
pub(super) fn tree_of(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(tree_of(&path));
        } else if !names::is_temporary(&entry.file_name().to_string_lossy())
            && let Some(content) = content_of(&path)
        {
            found.insert(path, content);
        }
    }
    found
}

/// What is in a file, or where a link leads, which begins with a NUL.
pub(super) fn content_of(path: &Path) -> Option<Vec<u8>> {
    match fs::read_link(path) {
        Ok(target) => Some(format!("\0-> {}", target.display()).into()),
        Err(_) => fs::read(path).ok(),
    }
}

/// Who does these things, and what a kernel would tell of them.
pub(super) struct Hand<'a> {
    pub(super) root: &'a Path,
    pub(super) tell: &'a mut dyn FnMut(EventKind, &[&Path]),
}

impl Hand<'_> {
    pub(super) fn act(&mut self, op: &Op) {
        match op {
            Op::Write(path, number) => self.write(path, &[text(*number)]),
            Op::InSteps(path, number) => {
                let (first, second) = text(*number).split_at(2);
                self.write(path, &[b"", first, second]);
            }
            Op::RenameOver(path, number) => {
                let temporary = format!("{path}.new");
                self.write(&temporary, &[text(*number)]);
                self.rename(&temporary, path);
            }
            Op::Backup(path, number) => {
                let is_there = self.path(path).symlink_metadata().is_ok();
                if is_there {
                    self.rename(path, &format!("{path}~"));
                }
                self.write(path, &[text(*number)]);
            }
            Op::HardLinkSwap(path, number) => {
                let temporary = format!("{path}.new");
                self.write(&temporary, &[text(*number)]);
                self.delete(path);
                if fs::hard_link(self.path(&temporary), self.path(path)).is_ok() {
                    self.say(EventKind::Create(CreateKind::File), path);
                }
                self.delete(&temporary);
            }
            Op::SymlinkSwap(path, number) => {
                let temporary = format!("{path}.new");
                self.folder_of(path);
                if symlink(format!("to{number}"), self.path(&temporary)).is_ok() {
                    self.say(EventKind::Create(CreateKind::File), &temporary);
                    self.rename(&temporary, path);
                }
            }
            Op::Delete(path) => self.delete(path),
            Op::Touch(path) => {
                let file = File::open(self.path(path));
                if file.is_ok_and(|file| file.set_modified(SystemTime::now()).is_ok()) {
                    let kind = ModifyKind::Metadata(MetadataKind::Any);
                    self.say(EventKind::Modify(kind), path);
                }
            }
            Op::ThereAndBack(path, number) => {
                let before = fs::read(self.path(path)).ok();
                self.write(path, &[text(*number)]);
                match before {
                    Some(before) => self.write(path, &[&before]),
                    None => self.delete(path),
                }
            }
            Op::Recreate(folder, kept) => self.recreate(folder, *kept),
            Op::RemoveFolder(folder) => self.remove_folder(folder),
            Op::RenameFolder(from, to) => {
                let is_free = self.path(to).symlink_metadata().is_err();
                if from != to && is_free && self.path(from).is_dir() && !to.starts_with(from) {
                    self.folder_of(to);
                    self.rename(from, to);
                }
            }
            Op::Arrive(_) | Op::Quiet => {}
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn say(&mut self, kind: EventKind, name: &str) {
        let path = self.path(name);
        (self.tell)(kind, &[&path]);
    }

    fn folder_of(&mut self, name: &str) {
        let Some((folder, _)) = name.rsplit_once('/') else {
            return;
        };
        if !self.path(folder).is_dir() {
            self.folder_of(folder);
            if fs::create_dir(self.path(folder)).is_ok() {
                self.say(EventKind::Create(CreateKind::Folder), folder);
            }
        }
    }

    /// Opens, empties, and writes these pieces one after another.
    fn write(&mut self, name: &str, pieces: &[&[u8]]) {
        self.folder_of(name);
        let path = self.path(name);
        if path.is_symlink() {
            self.delete(name);
        }
        let is_new = !path.exists();
        let Ok(mut file) = File::create(&path) else {
            return;
        };
        if is_new {
            self.say(EventKind::Create(CreateKind::File), name);
        }
        for piece in pieces {
            file.write_all(piece).unwrap();
            let kind = ModifyKind::Data(DataChange::Any);
            self.say(EventKind::Modify(kind), name);
        }
        drop(file);
        let closed = AccessKind::Close(AccessMode::Write);
        self.say(EventKind::Access(closed), name);
    }

    fn rename(&mut self, from: &str, to: &str) {
        let (old, new) = (self.path(from), self.path(to));
        // Whether the kernel tells of both is decided by what is watched before.
        if fs::rename(&old, &new).is_ok() {
            let kind = |mode| EventKind::Modify(ModifyKind::Name(mode));
            self.say(kind(RenameMode::From), from);
            self.say(kind(RenameMode::To), to);
            (self.tell)(kind(RenameMode::Both), &[&old, &new]);
        }
    }

    fn delete(&mut self, name: &str) {
        if fs::remove_file(self.path(name)).is_ok() {
            self.say(EventKind::Remove(RemoveKind::File), name);
        }
    }

    fn remove_folder(&mut self, folder: &str) {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten();
        for entry in entries.flatten() {
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.remove_folder(&name);
            } else {
                self.delete(&name);
            }
        }
        if fs::remove_dir(self.path(folder)).is_ok() {
            self.say(EventKind::Remove(RemoveKind::Folder), folder);
        }
    }

    fn recreate(&mut self, folder: &str, kept: usize) {
        let before = tree_of(&self.path(folder));
        self.remove_folder(folder);
        self.folder_of(&format!("{folder}/x"));
        let files = before
            .iter()
            .filter(|(_, content)| !content.starts_with(b"\0"));
        for (path, content) in files.take(kept) {
            let name = path
                .strip_prefix(self.root)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            self.write(&name, &[content]);
        }
    }
}
