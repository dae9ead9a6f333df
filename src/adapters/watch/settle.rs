//! When a burst of saves is over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::engine::Moment;

/// Quiet after the only file of a burst was closed.
const ONE_DONE: Duration = Duration::from_millis(8);

/// Quiet after the last of its events, when each of several files was closed.
const DONE: Duration = Duration::from_millis(15);

/// Quiet after a deletion: many programs delete and then create.
const REMOVED: Duration = Duration::from_millis(150);

/// Quiet while a file is still open for writing.
const OPEN: Duration = Duration::from_millis(200);

/// A file that had content and is empty is waited for this long: its writer may be starved between two steps.
const HALF: Duration = Duration::from_millis(600);

/// When a burst must be over, and how long it waits for the rest of such a save at most: whoever writes without end is often
/// caught between two steps, because the first of them is what is heard.
const BREATH: Duration = Duration::from_millis(3);
const BREATHS: Duration = Duration::from_millis(60);

/// Greatest quiet that a long burst asks for.
const LONGEST_QUIET: Duration = Duration::from_millis(250);

/// However busy it is, a burst is over this long after its first save was heard of: what is written without end goes live
/// once a second, and telling and syncing it takes a moment too.
const LONGEST: Duration = Duration::from_millis(900);

/// So many different files are a tool at work (a branch switched, code generated), whose half way is of no use to anybody.
const MANY: usize = 1_000;

/// The same as [`LONGEST`] for a burst of that many files.
const LONGEST_OF_MANY: Duration = Duration::from_secs(6);

/// What the last event of a path said about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Closed by its writer, or moved into its place whole.
    Done,
    /// Deleted or moved away.
    Removed,
    /// Being written.
    Open,
}

/// Saves that belong together.
#[derive(Debug)]
pub(super) struct Burst {
    pub(super) first: Moment,
    pub(super) last: Moment,
    /// When it was heard of, which may be long after: its time counts from here, so that what piled up meanwhile stays one.
    heard: Moment,
    quiet_since: Moment,
    /// Not over before this, although it must be.
    breath_until: Option<Moment>,
    paths: BTreeMap<PathBuf, Step>,
    removed: usize,
    open: usize,
}

impl Burst {
    /// A burst whose first event happened at this moment, and was heard of now.
    pub(super) fn begin(at: Moment, now: Moment) -> Self {
        Self {
            first: at,
            last: at,
            heard: now.max(at),
            quiet_since: at,
            breath_until: None,
            paths: BTreeMap::new(),
            removed: 0,
            open: 0,
        }
    }

    /// Something happened to a path.
    pub(super) fn note(&mut self, path: &Path, step: Step, at: Moment) {
        self.last = self.last.max(at);
        self.quiet_since = self.quiet_since.max(at);
        match self.paths.get_mut(path) {
            Some(before) => {
                let before = std::mem::replace(before, step);
                if let Some(count) = self.count(before) {
                    *count -= 1;
                }
            }
            None => drop(self.paths.insert(path.to_owned(), step)),
        }
        if let Some(count) = self.count(step) {
            *count += 1;
        }
    }

    /// Something happened to a path that does not say how far its writer is.
    pub(super) fn touch(&mut self, path: &Path, at: Moment) {
        let step = self.paths.get(path).copied().unwrap_or(Step::Done);
        self.note(path, step, at);
    }

    fn count(&mut self, step: Step) -> Option<&mut usize> {
        match step {
            Step::Done => None,
            Step::Removed => Some(&mut self.removed),
            Step::Open => Some(&mut self.open),
        }
    }

    /// Whether something happened to this path.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.paths.contains_key(path)
    }

    /// When it is over, if nothing else happens. Quiet is asked for in proportion to how long it lasts already.
    pub(super) fn over_at(&self) -> Moment {
        let least = match (self.open, self.removed) {
            (0, 0) if self.paths.len() == 1 => ONE_DONE,
            (0, 0) => DONE,
            (0, _) => REMOVED,
            _ => OPEN,
        };
        let grown = (self.last.since(self.first) / 4).min(LONGEST_QUIET);
        (self.quiet_since + least.max(grown)).min(self.ends_at())
    }

    /// The latest moment at which it is over.
    fn ends_at(&self) -> Moment {
        let longest = if self.paths.len() < MANY {
            LONGEST
        } else {
            LONGEST_OF_MANY
        };
        let end = self.heard + longest;
        self.breath_until.map_or(end, |breath| end.max(breath))
    }

    /// Whether it lasts as long as any burst may.
    pub(super) fn is_overdue(&self, now: Moment) -> bool {
        now >= self.ends_at()
    }

    /// Lasts a little longer, if it may: a file was found empty, which is usually half a save.
    pub(super) fn prolong(&mut self, now: Moment) -> bool {
        let lasts = now.since(self.heard);
        if lasts < HALF {
            self.quiet_since = now;
            return true;
        }
        let most = LONGEST + BREATHS;
        let may = lasts < most && self.paths.len() < MANY;
        if may {
            self.breath_until = Some(now + BREATH);
            self.quiet_since = now;
        }
        may
    }

    /// The paths, each once, in order.
    pub(super) fn into_paths(self) -> Vec<PathBuf> {
        self.paths.into_keys().collect()
    }

    /// The paths, each once, in order.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.paths.keys().map(PathBuf::as_path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    #[test]
    fn a_file_that_was_closed_settles_at_once() {
        let mut burst = Burst::begin(at(100), at(100));
        burst.note(Path::new("a"), Step::Open, at(100));
        assert_eq!(burst.over_at(), at(300));
        burst.note(Path::new("a"), Step::Done, at(101));
        assert_eq!(burst.over_at(), at(109));
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

        #[test]
        fn no_burst_of_a_few_files_lasts_beyond_a_second(
            events in proptest::collection::vec((0_u64..120, 0_u8..4, 0_u8..3), 1..400),
        ) {
            let mut burst = Burst::begin(at(0), at(0));
            let mut now = 0;
            for (pause, path, step) in events {
                if burst.over_at() <= at(now + pause) {
                    break;
                }
                now += pause;
                let step = [Step::Done, Step::Removed, Step::Open][usize::from(step)];
                burst.note(Path::new(&path.to_string()), step, at(now));
                proptest::prop_assert!(burst.over_at() <= at(900));
                proptest::prop_assert!(burst.over_at() >= at(now.min(900)));
            }
        }

        #[test]
        fn one_save_settles_at_once_however_it_is_written(
            steps in proptest::collection::vec((0_u64..2, 0_u8..3), 0..6),
        ) {
            let mut burst = Burst::begin(at(0), at(0));
            let mut now = 0;
            for (pause, step) in steps {
                now += pause;
                let step = [Step::Done, Step::Removed, Step::Open][usize::from(step)];
                burst.note(Path::new("a"), step, at(now));
            }
            burst.note(Path::new("a"), Step::Done, at(now));
            proptest::prop_assert!(burst.over_at().since(at(now)) <= Duration::from_millis(30));
        }
    }

    #[test]
    fn what_piled_up_before_it_was_heard_of_is_one() {
        let mut burst = Burst::begin(at(0), at(5000));
        for millis in 0..5000 {
            assert!(!burst.is_overdue(at(5100)));
            burst.note(Path::new("a"), Step::Done, at(millis));
        }
        assert!(burst.over_at() <= at(5250));
        assert!(burst.is_overdue(at(6000)));
    }

    #[test]
    fn a_deletion_waits_for_what_may_follow() {
        let mut burst = Burst::begin(at(0), at(0));
        burst.note(Path::new("a"), Step::Removed, at(0));
        burst.note(Path::new("b"), Step::Done, at(2));
        assert_eq!(burst.over_at(), at(152));
        burst.note(Path::new("a"), Step::Done, at(3));
        assert_eq!(burst.over_at(), at(18));
    }

    #[test]
    fn a_long_burst_asks_for_a_longer_quiet_but_never_lasts_beyond_a_second() {
        let mut burst = Burst::begin(at(0), at(0));
        for millis in (0..=400).step_by(5) {
            burst.note(Path::new("a"), Step::Done, at(millis));
        }
        assert_eq!(burst.over_at(), at(500));
        for millis in (400..=5000).step_by(5) {
            burst.note(Path::new("a"), Step::Open, at(millis));
        }
        assert_eq!(burst.over_at(), at(900));
    }

    #[test]
    fn a_burst_of_many_files_waits_for_its_end_but_not_for_ever() {
        let mut burst = Burst::begin(at(0), at(0));
        for file in 0..10_000 {
            burst.note(Path::new(&file.to_string()), Step::Done, at(file / 5));
        }
        assert_eq!(burst.over_at(), at(1999 + 250));
        for file in 0..10_000 {
            burst.note(
                Path::new(&file.to_string()),
                Step::Done,
                at(2000 + file / 2),
            );
        }
        assert_eq!(burst.over_at(), at(6000));
    }

    #[test]
    fn half_a_save_is_waited_for_and_at_the_end_only_for_a_breath() {
        let mut burst = Burst::begin(at(0), at(0));
        burst.note(Path::new("a"), Step::Done, at(0));
        assert!(burst.prolong(at(8)));
        assert_eq!(burst.over_at(), at(16));
        assert!(burst.prolong(at(599)) && burst.prolong(at(900)));
        assert_eq!(burst.over_at(), at(903));
        assert!(!burst.is_overdue(at(902)) && burst.is_overdue(at(903)));
        assert!(burst.prolong(at(959)));
        assert!(!burst.prolong(at(960)));
        assert!(burst.is_overdue(at(962)));
    }
}
