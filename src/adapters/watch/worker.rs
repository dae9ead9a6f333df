//! The thread that watches: what the kernel tells becomes bursts, and bursts become changes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, SystemTime};

use notify::EventKind;
use notify::event::{AccessKind, AccessMode, CreateKind, Flag, ModifyKind, RenameMode};
use tokio::sync::{mpsc, oneshot};

use super::found::Told;
use super::plan::{Plan, Saved};
use super::print::Print;
use super::settle::{Burst, Step};
use super::tree::Tree;
use super::{WatchNews, Watched};
use crate::adapters::Wires;
use crate::engine::{Change, Event, Moment};
use crate::stack::{Runtime, ServiceName, Stack};

/// How often folders are looked at of which the kernel does not tell.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// A change names at most so many of its files.
const NAMED: usize = 200;

/// How long a file that was just written waits to be read.
const READ_LATER: Duration = Duration::from_millis(100);

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Message {
    /// The kernel told something, at this moment.
    Told(notify::Result<notify::Event>, Moment),
    /// From now on this is to be watched.
    Watch(Recipe, oneshot::Sender<Watched>),
    /// It is over.
    Stop,
}

/// What a plan is made of, so that it can be made again when an ignore file changes.
#[derive(Debug, Default)]
pub(super) struct Recipe {
    pub(super) stack: Arc<Stack>,
    pub(super) runtimes: Vec<(ServiceName, Runtime)>,
    /// When this was asked for: whoever reads files from then on counts on being told what is saved later.
    pub(super) asked: Option<SystemTime>,
}

impl Recipe {
    fn plan(&self) -> Plan {
        Plan::new(&self.stack, |service| {
            let chosen = self.runtimes.iter().find(|(name, _)| name == service);
            chosen.map(|(_, runtime)| *runtime)
        })
    }
}

/// All that the thread owns.
pub(super) struct Worker {
    pub(super) wires: Wires,
    pub(super) news: mpsc::UnboundedSender<WatchNews>,
    pub(super) inbox: Receiver<Message>,
    pub(super) tree: Tree,
    recipe: Recipe,
    plan: Plan,
    burst: Option<Burst>,
    /// Events were lost: everything is compared.
    rescan: bool,
    said_limit: bool,
    found: Told,
    next_poll: Moment,
    /// Files that were too new to be read, and when they are tried again.
    too_new: (Vec<PathBuf>, Moment),
}

impl Worker {
    pub(super) fn new(
        wires: Wires,
        news: mpsc::UnboundedSender<WatchNews>,
        inbox: Receiver<Message>,
        tree: Tree,
    ) -> Self {
        Self {
            next_poll: wires.clock.now() + POLL_EVERY,
            wires,
            news,
            inbox,
            tree,
            recipe: Recipe::default(),
            plan: Plan::default(),
            burst: None,
            rescan: false,
            said_limit: false,
            found: Told::default(),
            too_new: (Vec::new(), Moment::START),
        }
    }

    /// Works until it is told to stop, or nobody can tell it anything any more.
    pub(super) fn run(mut self) {
        while let Some(message) = self.next_message() {
            match message {
                Message::Stop => return,
                Message::Watch(recipe, answer) => self.watch(recipe, answer),
                Message::Told(told, at) => self.told(told, at),
            }
        }
    }

    /// Waits for the next message, and meanwhile settles, polls, and reads what is unread. `None`: it is over.
    fn next_message(&mut self) -> Option<Message> {
        loop {
            let now = self.wires.clock.now();
            // What was told is heard first, unless there is no end to it.
            if self
                .burst
                .as_ref()
                .is_some_and(|burst| burst.is_overdue(now))
            {
                self.do_what_is_due(now);
            }
            match self.inbox.try_recv() {
                Ok(message) => return Some(message),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => self.do_what_is_due(now),
            }
            if self.burst.is_none() && self.read_ahead(now) {
                continue;
            }
            let wait = self
                .deadline()
                .map(|deadline| deadline.since(self.wires.clock.now()));
            let received = match wait {
                Some(wait) => self.inbox.recv_timeout(wait),
                None => self
                    .inbox
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
            };
            match received {
                Ok(message) => return Some(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    fn deadline(&self) -> Option<Moment> {
        let settled = self.burst.as_ref().map(Burst::over_at);
        let polled = (self.tree.counts().1 > 0).then_some(self.next_poll);
        let read = (!self.too_new.0.is_empty()).then_some(self.too_new.1);
        let canary = self.tree.mounts.deadline();
        [settled, polled, read, canary].into_iter().flatten().min()
    }

    fn do_what_is_due(&mut self, now: Moment) {
        if self
            .tree
            .mounts
            .deadline()
            .is_some_and(|until| now >= until)
        {
            let silent = self.tree.mounts.silent(now);
            self.tree.poll_devices(&silent);
            self.next_poll = now;
            self.say_mounts();
        }
        if now >= self.next_poll {
            self.next_poll = now + POLL_EVERY;
            for path in self.tree.poll(&self.plan) {
                self.note(&path, Step::Done, now);
            }
        }
        if self
            .burst
            .as_ref()
            .is_some_and(|burst| now >= burst.over_at())
        {
            self.settle(now);
        }
    }

    fn watch(&mut self, recipe: Recipe, answer: oneshot::Sender<Watched>) {
        self.recipe = recipe;
        let since = self.recipe.asked;
        let at = self.wires.clock.now();
        for path in self.lay_out(since) {
            self.note(&path, Step::Done, at);
        }
        for news in self.found.news(&self.recipe.stack, &self.plan, &self.tree) {
            self.wires.tell(news);
        }
        let (folders, polled) = self.tree.counts();
        let files = self.tree.files.len();
        let watched = Watched {
            folders,
            polled,
            files,
        };
        // Nobody need wait for it.
        let _ = answer.send(watched);
    }

    /// Watches by a new plan; answers with new files that were saved after `since`.
    fn lay_out(&mut self, since: Option<SystemTime>) -> Vec<PathBuf> {
        self.plan = self.recipe.plan();
        let saved_since = self.tree.lay_out(&self.plan, since);
        self.say_limits();
        saved_since
    }

    /// Says what works less well than it should in the folders that are watched now.
    fn say_limits(&mut self) {
        let mute = self.tree.mounts.sing(self.wires.clock.now());
        self.tree.poll_devices(&mute);
        self.say_mounts();
        self.say_limit();
    }

    fn say_mounts(&mut self) {
        for news in self.tree.mounts.news() {
            drop(self.news.send(news));
        }
    }

    fn say_limit(&mut self) {
        if !self.tree.at_limit || self.said_limit {
            return;
        }
        self.said_limit = true;
        let (native, polled) = self.tree.counts();
        let problem = WatchNews::Problem {
            what: format!(
                "the kernel watches no more folders for this user; {polled} folders are looked at once a second \
                 instead ({native} are watched)"
            ),
            remedy: "raise the limit (sudo sysctl fs.inotify.max_user_watches=524288 \
                     fs.inotify.max_user_instances=512), or exclude large trees by .dockerignore and .gitignore"
                .into(),
        };
        drop(self.news.send(problem));
    }

    fn say_lost(&self) {
        let problem = WatchNews::Problem {
            what: "more files were saved at once than the kernel tells of, so all watched files were compared instead"
                .into(),
            remedy: "nothing is lost; if it happens often, exclude large trees by .dockerignore and .gitignore, or raise \
                     fs.inotify.max_queued_events"
                .into(),
        };
        drop(self.news.send(problem));
    }

    /// The kernel told something.
    fn told(&mut self, told: notify::Result<notify::Event>, at: Moment) {
        let Ok(event) = told else {
            return self.lost(at);
        };
        if event.attrs.flag() == Some(Flag::Rescan) {
            return self.lost(at);
        }
        for path in &event.paths {
            self.tree.mounts.heard(path);
            match event.kind {
                EventKind::Create(kind) => self.appeared(path, kind == CreateKind::File, at),
                EventKind::Modify(ModifyKind::Name(RenameMode::To)) => {
                    self.appeared(path, false, at);
                }
                EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
                    self.vanished(path, at);
                }
                // Each of its two paths was told of alone.
                EventKind::Modify(ModifyKind::Name(_)) => {}
                EventKind::Modify(ModifyKind::Metadata(_)) => {
                    if self.tree.files.contains_key(path) {
                        self.burst_at(at).touch(path, at);
                    }
                }
                EventKind::Modify(_) => self.saved(path, Step::Open, at),
                EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                    self.saved(path, Step::Done, at);
                }
                EventKind::Access(_) | EventKind::Any | EventKind::Other => {}
            }
        }
    }

    /// Events were lost: everything is compared when it has become quiet.
    fn lost(&mut self, at: Moment) {
        self.rescan = true;
        let _ = self.burst_at(at);
    }

    fn burst_at(&mut self, at: Moment) -> &mut Burst {
        let clock = &self.wires.clock;
        self.burst
            .get_or_insert_with(|| Burst::begin(at, clock.now()))
    }

    fn note(&mut self, path: &Path, step: Step, at: Moment) {
        self.burst_at(at).note(path, step, at);
    }

    fn saved(&mut self, path: &Path, step: Step, at: Moment) {
        let is_known = self.burst.as_ref().is_some_and(|burst| burst.has(path))
            || self.tree.files.contains_key(path);
        if is_known || (self.plan.takes(path) && !self.tree.is_folder(path)) {
            self.note(path, step, at);
        }
    }

    /// A file or folder was made here or moved here.
    fn appeared(&mut self, path: &Path, is_being_written: bool, at: Moment) {
        let data = path.symlink_metadata();
        if data.as_ref().is_ok_and(std::fs::Metadata::is_dir) {
            self.find_new(at, |tree, plan| tree.walk(plan, path));
            if self.plan.leads_to_root(path) {
                self.find_new(at, Tree::walk_roots);
            }
            self.find_gone(path, at);
            return self.say_limits();
        }
        // A new name for a file that has one, and a link, come whole; nobody will close them.
        let is_whole = data.is_ok_and(|data| {
            data.is_symlink() || std::os::unix::fs::MetadataExt::nlink(&data) > 1
        });
        let step = if is_being_written && !is_whole {
            Step::Open
        } else {
            Step::Done
        };
        self.saved(path, step, at);
    }

    /// Notes the files of a walk that are not known as they are.
    fn find_new(&mut self, at: Moment, walk: impl FnOnce(&mut Tree, &Plan) -> Vec<PathBuf>) {
        let mut found = walk(&mut self.tree, &self.plan);
        found.retain(|path| self.tree.looks_different(path));
        for file in found {
            self.note(&file, Step::Done, at);
        }
    }

    /// Notes the known files below a folder that are not there: what was settled before the folder was watched may have seen
    /// them, and nobody told of their end.
    fn find_gone(&mut self, folder: &Path, at: Moment) {
        for file in self.tree.files_below(folder) {
            if file.symlink_metadata().is_err() {
                self.note(&file, Step::Removed, at);
            }
        }
    }

    /// A file or folder was deleted or moved away.
    fn vanished(&mut self, path: &Path, at: Moment) {
        let files = if self.tree.is_folder(path) {
            self.tree.forget_folder(path)
        } else {
            self.tree.files_below(path)
        };
        for file in files {
            self.note(&file, Step::Removed, at);
        }
        if path.symlink_metadata().is_ok_and(|data| data.is_dir()) {
            // Another one is in its place already, and what was told of that may have come first.
            self.find_new(at, |tree, plan| tree.walk(plan, path));
        }
        if self.plan.leads_to_root(path) {
            self.find_new(at, Tree::walk_roots);
        }
        // What came and went within this burst was a step of a save: nothing follows in its place.
        if let Some(burst) = &mut self.burst
            && burst.has(path)
            && !self.tree.files.contains_key(path)
        {
            burst.note(path, Step::Done, at);
        }
    }

    /// The burst is over: what differs is told.
    fn settle(&mut self, now: Moment) {
        if std::mem::take(&mut self.rescan) {
            self.compare_everything(now);
            self.say_lost();
        }
        let Some(mut burst) = self.burst.take() else {
            return;
        };
        if burst.paths().any(|path| self.is_half_saved(path)) && burst.prolong(now) {
            self.burst = Some(burst);
            return;
        }
        let (first_save, last_save) = (burst.first, burst.last);
        let mut saved = Vec::new();
        for path in burst.into_paths() {
            saved.extend(self.look(path));
        }
        if saved.is_empty() {
            return;
        }
        if saved.iter().any(|saved| self.plan.is_made_of(&saved.path)) {
            self.lay_out(None);
        }
        self.tell(&saved, first_save, last_save);
    }

    fn compare_everything(&mut self, now: Moment) {
        let mut suspects: BTreeSet<PathBuf> = self.tree.files.keys().cloned().collect();
        suspects.extend(self.tree.walk_in_doubt(&self.plan));
        self.say_limits();
        for path in suspects {
            if self.tree.looks_different(&path) {
                self.note(&path, Step::Done, now);
            }
        }
    }

    /// A file that had content and is empty now is usually in the middle of being saved.
    fn is_half_saved(&self, path: &Path) -> bool {
        let had_content = self
            .tree
            .files
            .get(path)
            .is_some_and(|print| !print.is_empty());
        had_content && Print::outside(path).is_some_and(|print| print.is_empty())
    }

    /// Compares a file with what it was.
    fn look(&mut self, path: PathBuf) -> Option<Saved> {
        let now = Print::whole(&path).filter(|_| self.plan.takes(&path));
        let Some(now) = now else {
            let known = self.tree.files.remove(&path).is_some();
            return known.then_some(Saved { path, gone: true });
        };
        let before = self.tree.files.insert(path.clone(), now);
        let changed = before.is_none_or(|before| before.differs(&now));
        changed.then_some(Saved { path, gone: false })
    }

    fn tell(&self, saved: &[Saved], first_save: Moment, last_save: Moment) {
        let of_stack = saved
            .iter()
            .filter(|saved| self.plan.is_stack_file(&saved.path));
        let paths: Vec<PathBuf> = of_stack.map(|saved| saved.path.clone()).collect();
        if !paths.is_empty() {
            drop(self.news.send(WatchNews::StackSaved { paths, first_save }));
        }
        let actions = self.plan.actions(saved);
        if actions.is_empty() {
            return;
        }
        let named = saved.iter().take(NAMED).map(|saved| saved.path.clone());
        let change = Change {
            first_save,
            last_save,
            paths: named.collect(),
            actions,
        };
        self.wires.tell(Event::Changed { change });
    }

    /// Reads the content of one file of which only the looks are known; whether there is more to do at once.
    fn read_ahead(&mut self, now: Moment) -> bool {
        let Some(path) = self.tree.unread.pop_front() else {
            if !self.too_new.0.is_empty() && now >= self.too_new.1 {
                self.tree.unread.extend(self.too_new.0.drain(..));
                return true;
            }
            return false;
        };
        let Some(print) = self.tree.files.get(&path).copied() else {
            return true;
        };
        if !print.wants_reading() {
            return true;
        }
        if let Some(whole) = print.completed(&path) {
            self.tree.files.insert(path, whole);
        } else if print.is_racy() && Print::outside(&path).is_some_and(|now| print.looks_like(&now))
        {
            if self.too_new.0.is_empty() {
                self.too_new.1 = now + READ_LATER;
            }
            self.too_new.0.push(path);
        }
        true
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
