//! How far each change came on its way from the save to being served: the newest changes of one service.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::turn::millis;
use super::{BuildId, Change, ChangeId, Moment, RunId, Stages};

/// How many changes of a service are remembered.
const KEPT: usize = 50;

/// The newest changes of one service, the oldest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    kept: VecDeque<ChangeStory>,
    seen: u64,
}

/// One change to one service, and when it came how far. What did not happen, or not yet, is `None`; what did is in this
/// order.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeStory {
    /// Its number among the changes of its service.
    pub change: ChangeId,
    /// How many files were saved.
    pub files: usize,
    /// The first save.
    pub first_save: Moment,
    /// The last save.
    pub last_save: Moment,
    /// Nothing more was saved, and the engine was told.
    pub settled: Moment,
    /// It waited, and was asked to be applied: its time counts from here.
    pub applied: Option<Moment>,
    /// What brings it.
    pub way: Option<Way>,
    /// Its build or its sync began.
    pub begun: Option<Moment>,
    /// Its image was there, or its files were copied.
    pub made: Option<Moment>,
    /// The last of its runs had started.
    pub started: Option<Moment>,
    /// The last of its runs had become ready.
    pub ready: Option<Moment>,
    /// Every run had it.
    pub live: Option<Moment>,
    /// The first good answer of a run that had it.
    pub served: Option<Moment>,
    /// What became of it.
    pub fate: Fate,
}

/// What brings a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// A new image; `reused`: it was there already.
    Build { build: BuildId, reused: bool },
    /// Files copied into live runs.
    Sync,
    /// New runs of the same image or program.
    Restart,
    /// Nothing: the program uses the files where they are.
    InPlace,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Nothing is done about it until somebody asks for it.
    Waiting,
    /// It is on its way.
    UnderWay,
    /// It stopped here, and may go on later unless a newer change came.
    Failed {
        at: Moment,
        why: String,
        by: Option<ChangeId>,
    },
    /// A newer change came before it was served.
    Overtaken { by: ChangeId },
    /// It is, or was, served.
    Live { run: RunId },
}

impl Way {
    /// The word for people and programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Build { .. } => "build",
            Self::Sync => "sync",
            Self::Restart => "restart",
            Self::InPlace => "in-place",
        }
    }
}

impl ChangeStory {
    /// From when its time counts: its first save, or when it was asked to be applied.
    pub fn from(&self) -> Moment {
        self.applied.unwrap_or(self.first_save)
    }

    /// Whether it may still go live.
    pub fn is_open(&self) -> bool {
        matches!(self.fate, Fate::UnderWay | Fate::Failed { by: None, .. })
    }

    /// How far it came, in milliseconds from when its time counts.
    pub(super) fn stages(&self) -> Stages {
        let after = |stage: Option<Moment>| stage.map(|at| millis(at.since(self.from())));
        let copied = self.way == Some(Way::Sync);
        Stages {
            settled: after(Some(self.settled).filter(|_| self.applied.is_none())),
            build_started: after(self.begun.filter(|_| !copied)),
            built: after(self.made.filter(|_| !copied)),
            sync_started: after(self.begun.filter(|_| copied)),
            synced: after(self.made.filter(|_| copied)),
            started: after(self.started),
            ready: after(self.ready),
        }
    }

    /// Forgets how far it came: it begins once more.
    fn begin_again(&mut self) {
        self.fate = Fate::UnderWay;
        self.started = None;
        self.ready = None;
    }
}

impl FromIterator<ChangeStory> for Changes {
    fn from_iter<I: IntoIterator<Item = ChangeStory>>(stories: I) -> Self {
        let kept: VecDeque<ChangeStory> = stories.into_iter().collect();
        let seen = kept.iter().map(|story| story.change.0).max();
        Self {
            seen: seen.unwrap_or(0),
            kept,
        }
    }
}

impl Changes {
    /// The changes, the newest first.
    pub fn newest_first(&self) -> impl ExactSizeIterator<Item = &ChangeStory> {
        self.kept.iter().rev()
    }

    /// A change was seen; its number.
    pub(super) fn seen(&mut self, change: &Change, now: Moment, fate: Fate) -> ChangeId {
        self.seen += 1;
        let number = ChangeId(self.seen);
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(ChangeStory {
            change: number,
            files: change.paths.len(),
            first_save: change.first_save,
            last_save: change.last_save,
            settled: now,
            applied: None,
            way: None,
            begun: None,
            made: None,
            started: None,
            ready: None,
            live: None,
            served: None,
            fate,
        });
        number
    }

    /// The service left: nothing will come of any of them. Numbers are not given twice.
    pub(super) fn forget(&mut self) {
        self.kept.clear();
    }

    /// What waits is to be applied: the newest of it is on its way, and has the others with it. Its number.
    pub(super) fn applied(&mut self, now: Moment) -> ChangeId {
        let is_waiting = |story: &ChangeStory| story.fate == Fate::Waiting;
        let Some(newest) = self.kept.iter_mut().rev().find(|story| is_waiting(story)) else {
            return ChangeId(self.seen);
        };
        newest.fate = Fate::UnderWay;
        newest.applied = Some(now);
        let by = newest.change;
        self.overtake(by, is_waiting);
        by
    }

    /// Whatever runs next has all that is on its way: of it, only the newest change will be said to be live.
    pub(super) fn overtake_older(&mut self) {
        let newest = self.kept.iter().rev().find(|story| story.is_open());
        if let Some(by) = newest.map(|story| story.change) {
            self.overtake(by, ChangeStory::is_open);
        }
    }

    fn overtake(&mut self, by: ChangeId, which: impl Fn(&ChangeStory) -> bool) {
        for story in &mut self.kept {
            if story.change >= by || !which(story) {
                continue;
            }
            match &mut story.fate {
                Fate::Failed { by: newer, .. } => *newer = Some(by),
                fate => *fate = Fate::Overtaken { by },
            }
        }
    }

    /// What will bring the newest change on its way.
    pub(super) fn goes(&mut self, way: Way) {
        if let Some(story) = self.kept.iter_mut().rev().find(|story| story.is_open()) {
            story.way = Some(way);
        }
    }

    /// A build began that brings all that is on its way.
    pub(super) fn build_began(&mut self, build: BuildId, now: Moment) {
        for story in self.open() {
            story.begin_again();
            story.way = Some(Way::Build {
                build,
                reused: false,
            });
            story.begun = Some(now);
            story.made = None;
        }
    }

    /// An image was made that has all that its build was begun with.
    pub(super) fn built(&mut self, made: BuildId, cached: bool, now: Moment) {
        for story in self.open() {
            if let Some(Way::Build { build, reused }) = &mut story.way
                && *build == made
            {
                *reused = cached;
                story.made = Some(now);
            }
        }
    }

    /// A copying began of all up to this change.
    pub(super) fn sync_began(&mut self, up_to: ChangeId, now: Moment) {
        for story in self.open().filter(|story| story.change <= up_to) {
            story.begin_again();
            story.way = Some(Way::Sync);
            story.begun = Some(now);
            story.made = None;
        }
    }

    /// A copying is done of all up to this change.
    pub(super) fn synced(&mut self, up_to: ChangeId, now: Moment) {
        for story in self.open().filter(|story| story.change <= up_to) {
            if story.way == Some(Way::Sync) {
                story.made = Some(now);
            }
        }
    }

    /// A run that has all that is on its way has started.
    pub(super) fn run_started(&mut self, now: Moment) {
        for story in self.open().filter(|story| !story.is_being_made()) {
            story.begin_again();
            story.started = Some(now);
        }
    }

    /// A run that has all that is on its way has become ready.
    pub(super) fn run_ready(&mut self, now: Moment) {
        for story in self.open().filter(|story| !story.is_being_made()) {
            story.ready = Some(now);
        }
    }

    /// What is on its way stops here, unless somebody does something.
    pub(super) fn failed(&mut self, now: Moment, why: &str) {
        self.failed_up_to(ChangeId(self.seen), now, why);
    }

    /// The same, of all up to this change.
    pub(super) fn failed_up_to(&mut self, up_to: ChangeId, now: Moment, why: &str) {
        for story in self.open().filter(|story| story.change <= up_to) {
            story.fate = Fate::Failed {
                at: now,
                why: why.to_owned(),
                by: None,
            };
        }
    }

    /// A change is served, and with it all before it. Gives it back, with the number of those that it overtook.
    pub(super) fn go_live(
        &mut self,
        by: ChangeId,
        run: RunId,
        now: Moment,
    ) -> Option<(&ChangeStory, usize)> {
        let is_it = |story: &ChangeStory| story.is_open() && story.change == by;
        let place = self.kept.iter().position(is_it)?;
        self.overtake(by, ChangeStory::is_open);
        let is_over = |story: &&ChangeStory| !matches!(story.fate, Fate::Live { .. });
        let before = self.kept.range(..place).rev();
        let overtaken = before.take_while(is_over).count();
        let story = &mut self.kept[place];
        story.live = Some(now);
        story.fate = Fate::Live { run };
        Some((story, overtaken))
    }

    /// A run that had this change answered well; gives it back if it is the first time.
    pub(super) fn served(&mut self, change: ChangeId, now: Moment) -> Option<&ChangeStory> {
        let is_it = |story: &&mut ChangeStory| story.change == change;
        let story = self.kept.iter_mut().find(is_it)?;
        if story.live.is_none() || story.served.is_some() {
            return None;
        }
        story.served = Some(now);
        Some(story)
    }

    fn open(&mut self) -> impl Iterator<Item = &mut ChangeStory> {
        self.kept.iter_mut().filter(|story| story.is_open())
    }
}

impl ChangeStory {
    /// Whether its image or its copying is still to come: a run that starts meanwhile does not have it.
    fn is_being_made(&self) -> bool {
        self.begun.is_some() && self.made.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    fn see(changes: &mut Changes, save: u64, fate: Fate) {
        let change = Change {
            first_save: at(save),
            last_save: at(save),
            paths: Vec::new(),
            actions: Vec::new(),
        };
        changes.seen(&change, at(save + 20), fate);
    }

    fn changes(saves: &[u64]) -> Changes {
        let mut changes = Changes::default();
        for save in saves {
            see(&mut changes, *save, Fate::UnderWay);
        }
        changes
    }

    fn fates(changes: &Changes) -> Vec<&Fate> {
        changes.newest_first().map(|story| &story.fate).collect()
    }

    #[test]
    fn the_newest_takes_those_before_it_along() {
        let mut changes = changes(&[10, 20, 30]);
        let run = RunId(4);
        let (story, overtaken) = changes.go_live(ChangeId(2), run, at(90)).unwrap();
        assert_eq!((story.change, overtaken), (ChangeId(2), 1));
        let by = ChangeId(2);
        let expected = [
            &Fate::UnderWay,
            &Fate::Live { run },
            &Fate::Overtaken { by },
        ];
        assert_eq!(fates(&changes), expected);
        assert!(
            changes.go_live(ChangeId(2), run, at(95)).is_none(),
            "only once"
        );
    }

    #[test]
    fn what_waited_counts_from_when_it_was_applied() {
        let mut changes = Changes::default();
        for save in [10, 20] {
            see(&mut changes, save, Fate::Waiting);
        }
        let newest = ChangeId(2);
        assert!(changes.go_live(newest, RunId(1), at(30)).is_none());
        assert_eq!(changes.applied(at(500)), newest);
        let (story, overtaken) = changes.go_live(newest, RunId(1), at(600)).unwrap();
        assert_eq!((story.from(), overtaken), (at(500), 1));
    }

    #[test]
    fn stages_that_begin_again_are_forgotten() {
        let mut changes = changes(&[10]);
        changes.build_began(BuildId(1), at(31));
        changes.run_ready(at(40));
        changes.failed(at(50), "exit code 1");
        changes.build_began(BuildId(2), at(60));
        changes.built(BuildId(1), false, at(61));
        changes.built(BuildId(2), true, at(70));
        changes.run_started(at(80));
        changes.run_ready(at(90));
        let story = changes.newest_first().next().unwrap();
        let reused = Way::Build {
            build: BuildId(2),
            reused: true,
        };
        assert_eq!((story.way, story.begun), (Some(reused), Some(at(60))));
        let stages = (story.made, story.started, story.ready);
        assert_eq!(stages, (Some(at(70)), Some(at(80)), Some(at(90))));
        assert_eq!(story.fate, Fate::UnderWay);
    }

    #[test]
    fn the_first_good_answer_is_told_once_and_only_of_what_is_live() {
        let mut changes = changes(&[10, 20]);
        changes.go_live(ChangeId(1), RunId(1), at(50));
        assert!(changes.served(ChangeId(2), at(60)).is_none());
        assert!(changes.served(ChangeId(1), at(60)).is_some());
        assert!(changes.served(ChangeId(1), at(70)).is_none());
    }

    #[test]
    fn only_the_newest_are_kept() {
        let saves: Vec<u64> = (0..200).collect();
        let changes = changes(&saves);
        assert_eq!(changes.newest_first().len(), KEPT);
        let newest = changes.newest_first().next().unwrap();
        assert_eq!(newest.change, ChangeId(200));
    }
}
