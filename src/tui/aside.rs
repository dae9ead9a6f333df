//! What is done beside the screen, so that no key waits for it: lines written into a file, text given to the clipboard. What
//! came of it is told in the last line of the screen.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;

use super::clipboard;
use super::log_export::{self, Export};
use crate::telemetry::Telemetry;

/// What is under way, and what came of what ended.
#[derive(Debug)]
pub(super) struct Asides {
    sender: mpsc::UnboundedSender<String>,
    heard: mpsc::UnboundedReceiver<String>,
    /// Tells what is under way to end.
    stop: Arc<AtomicBool>,
    /// Files that are being written.
    files: Vec<Writing>,
}

/// A file that is being written.
#[derive(Debug)]
struct Writing {
    file: PathBuf,
    /// Whether a part of it is there that this program made.
    is_torn: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Default for Asides {
    fn default() -> Self {
        let (sender, heard) = mpsc::unbounded_channel();
        Self {
            sender,
            heard,
            stop: Arc::default(),
            files: Vec::new(),
        }
    }
}

impl Asides {
    /// What came of something, if something ended.
    pub(super) fn try_hear(&mut self) -> Option<String> {
        self.heard.try_recv().ok()
    }

    /// Waits until something ended; what came of it. Nothing is lost if it is dropped.
    pub(super) async fn hear(&mut self) -> String {
        match self.heard.recv().await {
            Some(words) => words,
            // Never: one of its senders is here.
            None => std::future::pending().await,
        }
    }

    /// Writes log lines into a file.
    pub(super) fn export(&mut self, export: Export, telemetry: &Arc<Telemetry>) {
        let (sender, stop) = (self.sender.clone(), Arc::clone(&self.stop));
        let (telemetry, file) = (Arc::clone(telemetry), export.file.clone());
        let is_torn = Arc::<AtomicBool>::default();
        let torn = Arc::clone(&is_torn);
        let work = move || {
            if let Some(words) = log_export::write(&export, &telemetry, &stop, &torn) {
                // Whoever asked is gone only if the session is over.
                drop(sender.send(words));
            }
        };
        self.files.retain(|writing| !writing.thread.is_finished());
        match std::thread::Builder::new()
            .name("export".into())
            .spawn(work)
        {
            Ok(thread) => self.files.push(Writing {
                file,
                is_torn,
                thread,
            }),
            Err(error) => drop(self.sender.send(format!("nothing was written: {error}"))),
        }
    }

    /// Gives text to the clipboard of this machine, where a program for that is; it was given to the terminal too. `said`
    /// tells what was copied.
    pub(super) fn copy(&self, text: String, said: String) {
        let variable = |name: &str| std::env::var_os(name);
        let Some(tool) = clipboard::tool(variable) else {
            drop(self.sender.send(clipboard::without(&said, variable)));
            return;
        };
        let without = clipboard::without(&said, variable);
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let words = clipboard::give(&tool, &text, &said, &without).await;
            drop(sender.send(words));
        });
    }
}

impl Drop for Asides {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for writing in self.files.drain(..) {
            // A search through very many lines may not hear of it at once: nobody waits, and no part of a file stays.
            if !writing.thread.is_finished() && writing.is_torn.load(Ordering::SeqCst) {
                drop(std::fs::remove_file(writing.file));
            }
        }
    }
}
