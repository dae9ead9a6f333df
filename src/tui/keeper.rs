//! A file of the state folder that is written now and then, on a thread of its own, so that no key waits for a disk.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Writes the file; of several contents that wait only the newest. Dropped, it waits until the last is written.
#[derive(Debug)]
pub(super) struct Keeper {
    sender: Option<Sender<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
    failed: Arc<Mutex<Option<io::Error>>>,
}

impl Keeper {
    /// Keeps this file, which need not be there, nor its folder.
    pub(super) fn new(path: PathBuf) -> Self {
        let (sender, received) = channel();
        let failed = Arc::<Mutex<Option<io::Error>>>::default();
        let why = Arc::clone(&failed);
        let thread = std::thread::Builder::new()
            .name("keeper".into())
            .spawn(move || work(&path, &received, &why));
        Self {
            sender: Some(sender),
            // Without a thread nothing is kept, and all else works.
            thread: thread.ok(),
            failed,
        }
    }

    /// This is to be its contents. Gives back why an earlier one could not be written, once.
    pub(super) fn write(&self, bytes: Vec<u8>) -> Option<io::Error> {
        if let Some(sender) = &self.sender {
            drop(sender.send(bytes));
        }
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.take()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn work(path: &Path, received: &Receiver<Vec<u8>>, failed: &Mutex<Option<io::Error>>) {
    while let Ok(mut bytes) = received.recv() {
        while let Ok(newer) = received.try_recv() {
            bytes = newer;
        }
        if let Err(error) = write(path, &bytes) {
            *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }
}

/// Writes beside and renames; only this user may read it.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension("json.new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_written_and_a_failure_told_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("some/view.json");
        let keeper = Keeper::new(file.clone());
        for number in 0..100 {
            assert!(keeper.write(format!("{number}").into_bytes()).is_none());
        }
        drop(keeper);
        assert_eq!(fs::read_to_string(&file).expect("written"), "99");
        let below_a_file = Keeper::new(file.join("none.json"));
        let mut told = below_a_file.write(b"x".to_vec());
        while told.is_none() {
            std::thread::yield_now();
            told = below_a_file.write(b"x".to_vec());
        }
        drop(below_a_file);
    }
}
