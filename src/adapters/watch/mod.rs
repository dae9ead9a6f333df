//! Watching source trees: which files were saved, settled into changes.

mod actions;
mod docker_rules;
mod explain;
mod found;
#[cfg(test)]
mod history;
mod infer;
mod mounts;
mod names;
mod plan;
mod print;
mod settle;
mod tree;
mod worker;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc as blocking;
use std::thread;
use std::time::SystemTime;

use notify::event::{AccessKind, AccessMode};
use notify::{Config, EventKind, RecommendedWatcher, Watcher as _};
use tokio::sync::{mpsc, oneshot};

pub use self::explain::{Exclusion, Explained, Explanation, Ground, Verdict, explain};
pub use self::found::find;
pub use self::plan::Why;
use self::tree::Tree;
use self::worker::{Message, Recipe, Worker};
use super::Wires;
use crate::engine::Moment;
use crate::stack::{Runtime, ServiceName, Stack};

/// Watches until it is dropped. What was saved is told as `Event::Changed`, what containers lack as `Event::Found`.
#[derive(Debug)]
pub struct Watcher {
    messages: blocking::Sender<Message>,
}

/// What the watcher tells the session rather than the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchNews {
    /// The stack file, or a file that it was made from, has another content (or is gone).
    StackSaved {
        paths: Vec<PathBuf>,
        first_save: Moment,
    },
    /// Something works less well than it should.
    Problem { what: String, remedy: String },
}

/// What is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    /// Folders of which the kernel tells.
    pub folders: usize,
    /// Folders that are looked at once a second, because the kernel does not tell of them.
    pub polled: usize,
    /// Files whose saving means something.
    pub files: usize,
}

impl Watcher {
    /// Starts the watching thread; nothing is watched yet.
    pub fn start(wires: Wires, news: mpsc::UnboundedSender<WatchNews>) -> io::Result<Self> {
        let (messages, inbox) = blocking::channel();
        let native = native(&wires, messages.clone());
        let tree = Tree::new(native, usize::MAX);
        Self::over(wires, news, (messages, inbox), tree)
    }

    fn over(
        wires: Wires,
        news: mpsc::UnboundedSender<WatchNews>,
        (messages, inbox): (blocking::Sender<Message>, blocking::Receiver<Message>),
        tree: Tree,
    ) -> io::Result<Self> {
        let worker = Worker::new(wires, news, inbox, tree);
        thread::Builder::new()
            .name("watch".into())
            .spawn(move || worker.run())?;
        Ok(Self { messages })
    }

    /// Watches what matters to this stack, and only that, given what each service runs as as far as that is decided. What is
    /// watched already stays so, and a change under way is not lost. Returns at once; the answer comes when every folder is
    /// watched.
    pub fn watch(
        &self,
        stack: &Arc<Stack>,
        runtime_of: impl Fn(&ServiceName) -> Option<Runtime>,
    ) -> oneshot::Receiver<Watched> {
        let runtimes = stack
            .services
            .keys()
            .filter_map(|name| Some((name.clone(), runtime_of(name)?)))
            .collect();
        let recipe = Recipe {
            stack: Arc::clone(stack),
            runtimes,
            asked: Some(SystemTime::now()),
        };
        let (answer, answered) = oneshot::channel();
        drop(self.messages.send(Message::Watch(recipe, answer)));
        answered
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.messages.send(Message::Stop));
    }
}

/// The kernel's own watching; `None` if this user has no instance of it left.
fn native(wires: &Wires, messages: blocking::Sender<Message>) -> Option<RecommendedWatcher> {
    let clock = wires.clock.clone();
    let pass_on = move |told: notify::Result<notify::Event>| {
        // Opening and reading is what we do ourselves, and means nothing.
        let is_reading = told.as_ref().is_ok_and(|event| {
            matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write))
        });
        if !is_reading {
            drop(messages.send(Message::Told(told, clock.now())));
        }
    };
    RecommendedWatcher::new(pass_on, Config::default().with_follow_symlinks(false)).ok()
}

#[cfg(test)]
mod tests;
