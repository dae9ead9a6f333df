//! All that was told in the session, as the screen keeps it: bounded, filtered, with the place where the person is.

use std::collections::{BTreeSet, VecDeque};

use super::goal::Goal;
use super::secrets::Secrets;
use crate::engine::{Moment, Notice, Noticed, State};
use crate::stack::ServiceName;
use crate::story::{Kind, Story, Tone, name};
use crate::telemetry::{Filter, Level, Remark};

/// How many notices are kept: a day of work at an ordinary desk has some thousands.
const KEPT: usize = 10_000;
/// Lines that are kept of what belongs to one notice: a build tells its last twenty.
const LINES: usize = 50;

/// One notice, ready to be drawn: harmless and without secrets.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// When it was given.
    pub(super) at: Moment,
    /// The services that it is about; none: the session.
    pub(super) services: Vec<ServiceName>,
    /// What it is about.
    pub(super) kind: Kind,
    /// Its public name.
    name: String,
    /// How it is meant.
    pub(super) tone: Tone,
    /// How serious it is.
    pub(super) level: Level,
    /// The run that it is about.
    run: Option<u64>,
    /// The sentence.
    pub(super) text: String,
    /// What belongs to it, a line each.
    pub(super) more: Vec<String>,
    /// Where it leads.
    pub(super) goal: Goal,
}

impl Entry {
    fn passes(&self, filter: &Filter) -> bool {
        let mut text = self.text.clone();
        for line in &self.more {
            text.push('\n');
            text.push_str(line);
        }
        let passes = |service: &str| {
            filter.matches_remark(&Remark {
                service,
                kind: [self.kind.word(), &self.name],
                level: self.level,
                run: self.run,
                text: &text,
            })
        };
        match self.services.as_slice() {
            [] => passes(""),
            services => services.iter().any(|name| passes(name.as_str())),
        }
    }
}

/// What was told, and where in it the person is.
#[derive(Debug)]
pub(super) struct Notices {
    story: Story,
    secrets: Secrets,
    kept: VecDeque<Entry>,
    /// How many older ones were let go: the number of the first that is kept.
    let_go: u64,
    most: usize,
    /// The numbers of those that pass the filter.
    shown: VecDeque<u64>,
    filter: Option<Filter>,
    /// The number of the one the person is at; `None`: the newest, whichever it is.
    cursor: Option<u64>,
    /// How many are shown below it, if there are so many.
    below: usize,
    /// How many there were when following ended.
    seen: u64,
    /// Those that are shown with all that belongs to them.
    unfolded: BTreeSet<u64>,
}

impl Default for Notices {
    fn default() -> Self {
        Self::keeping(KEPT)
    }
}

impl Notices {
    fn keeping(most: usize) -> Self {
        Self {
            story: Story::default(),
            secrets: Secrets::default(),
            kept: VecDeque::new(),
            let_go: 0,
            most,
            shown: VecDeque::new(),
            filter: None,
            cursor: None,
            below: 0,
            seen: 0,
            unfolded: BTreeSet::new(),
        }
    }

    /// Takes in a notice; its sentence, harmless and without secrets, if it is worth one.
    pub(super) fn hear(&mut self, noticed: &Noticed, state: &State) -> Option<&str> {
        let told = self.story.tell(&noticed.notice, state)?;
        self.secrets.learn(&state.stack);
        let kind = Kind::of(&noticed.notice);
        let entry = Entry {
            at: noticed.at,
            services: services(&noticed.notice, told.service),
            kind,
            name: name(&noticed.notice),
            tone: told.tone,
            level: kind.level(told.tone),
            run: run(&noticed.notice),
            text: self.secrets.clean(&told.text),
            more: told
                .more
                .iter()
                .take(LINES)
                .map(|line| self.secrets.clean(line))
                .collect(),
            goal: Goal::of(&noticed.notice, noticed.at),
        };
        self.push(entry);
        self.kept.back().map(|entry| entry.text.as_str())
    }

    fn push(&mut self, entry: Entry) {
        let number = self.count();
        if self
            .filter
            .as_ref()
            .is_none_or(|filter| entry.passes(filter))
        {
            self.shown.push_back(number);
        }
        self.kept.push_back(entry);
        if self.kept.len() > self.most {
            self.kept.pop_front();
            let gone = self.let_go;
            self.let_go += 1;
            self.unfolded.remove(&gone);
            if self.shown.front() == Some(&gone) {
                self.shown.pop_front();
            }
        }
    }

    /// How many were told in all.
    fn count(&self) -> u64 {
        self.let_go + self.kept.len() as u64
    }

    /// How many of the oldest are no longer kept.
    pub(super) fn let_go(&self) -> u64 {
        self.let_go
    }

    /// Whether nothing was told yet.
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How many pass the filter.
    pub(super) fn passing(&self) -> usize {
        self.shown.len()
    }

    /// The one at this place among those that pass the filter, and whether all that belongs to it is shown.
    pub(super) fn get(&self, place: usize) -> Option<(&Entry, bool)> {
        let number = *self.shown.get(place)?;
        let at = usize::try_from(number.checked_sub(self.let_go)?).ok()?;
        Some((self.kept.get(at)?, self.unfolded.contains(&number)))
    }

    /// The place of the one the person is at, among those that pass the filter.
    pub(super) fn place(&self) -> usize {
        let last = self.shown.len().saturating_sub(1);
        let Some(cursor) = self.cursor else {
            return last;
        };
        // Where the filter hides it, the next one after it stands for it.
        self.shown
            .partition_point(|number| *number < cursor)
            .min(last)
    }

    /// The one the person is at.
    pub(super) fn current(&self) -> Option<&Entry> {
        self.get(self.place()).map(|(entry, _)| entry)
    }

    /// Whether the newest are shown as they come.
    pub(super) fn is_following(&self) -> bool {
        self.cursor.is_none()
    }

    /// How many that pass the filter came since following ended.
    pub(super) fn new_below(&self) -> usize {
        if self.is_following() {
            return 0;
        }
        self.shown.len() - self.shown.partition_point(|number| *number < self.seen)
    }

    /// How many are to be shown below the one the person is at.
    pub(super) fn below(&self) -> usize {
        self.below
    }

    /// Goes down (or up, if negative) in a window of so many rows; at the end it follows again.
    pub(super) fn go(&mut self, by: isize, rows: usize) {
        self.go_to(self.place().saturating_add_signed(by), rows);
    }

    /// Goes to this place, or to the last.
    pub(super) fn go_to(&mut self, place: usize, rows: usize) {
        if place + 1 >= self.shown.len() {
            self.cursor = None;
            self.below = 0;
            return;
        }
        // The window stays where it is until its edge is reached.
        let below = (self.place() + self.below).saturating_sub(place);
        self.below = below.min(rows.saturating_sub(1));
        if self.cursor.is_none() {
            self.seen = self.count();
        }
        self.cursor = self.shown.get(place).copied();
    }

    /// Shows all that belongs to the one the person is at, or its first line alone.
    pub(super) fn turn(&mut self) {
        let Some(number) = self.shown.get(self.place()).copied() else {
            return;
        };
        if !self.unfolded.remove(&number) {
            self.unfolded.insert(number);
        }
    }

    /// The filter as typed; empty: none.
    pub(super) fn filtered(&self) -> &str {
        self.filter.as_ref().map_or("", Filter::text)
    }

    /// Sets the filter; nothing typed takes it away.
    ///
    /// # Errors
    /// What is wrong with it, in one line. The old filter stays.
    pub(super) fn set_filter(&mut self, text: &str) -> Result<(), String> {
        let filter = Filter::parse(text).map_err(|wrong| wrong.to_string())?;
        self.filter = Some(filter).filter(|filter| !filter.is_empty());
        let numbered = (self.let_go..).zip(&self.kept);
        let passing = numbered.filter(|(_, entry)| {
            let filter = self.filter.as_ref();
            filter.is_none_or(|filter| entry.passes(filter))
        });
        self.shown = passing.map(|(number, _)| number).collect();
        Ok(())
    }
}

/// The services that a notice is about.
fn services(notice: &Notice, told: Option<ServiceName>) -> Vec<ServiceName> {
    match notice {
        Notice::ChangeSeen { services, .. } => services.clone(),
        _ => told.into_iter().collect(),
    }
}

/// The run that a notice is about.
fn run(notice: &Notice) -> Option<u64> {
    match notice {
        Notice::RunStarted { run, .. }
        | Notice::RunFailed { run, .. }
        | Notice::RunReady { run, .. }
        | Notice::RunExited { run, .. }
        | Notice::Health { run, .. }
        | Notice::ChangeLive { run, .. }
        | Notice::ChangeServed { run, .. } => Some(run.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::{BuildId, Engine, Options, RunId};
    use crate::stack::Stack;

    fn state(secrets: &[&str]) -> State {
        let stack = Stack {
            redact: secrets.iter().map(|secret| (*secret).to_owned()).collect(),
            ..Stack::default()
        };
        let (engine, _, _) = Engine::new(Arc::new(stack), Options::default());
        engine.state().clone()
    }

    fn ready(run: u64) -> Noticed {
        Noticed {
            at: Moment::from_millis(run),
            notice: Notice::RunReady {
                service: if run.is_multiple_of(2) { "web" } else { "db" }.into(),
                run: RunId(run),
                ms: 10,
            },
        }
    }

    fn failed(message: &str) -> Noticed {
        let notice = Notice::BuildFailed {
            service: "web".into(),
            build: BuildId(1),
            ms: 10,
            step: None,
            message: message.into(),
            last_lines: vec!["one".into(), "two".into()],
        };
        Noticed {
            at: Moment::START,
            notice,
        }
    }

    fn shown(notices: &Notices) -> Vec<u64> {
        notices.shown.iter().copied().collect()
    }

    #[test]
    fn the_oldest_are_let_go_and_counted() {
        let (state, mut notices) = (state(&[]), Notices::keeping(3));
        for run in 0..5 {
            assert!(notices.hear(&ready(run), &state).is_some());
        }
        assert_eq!((notices.let_go(), notices.passing()), (2, 3));
        let first = notices.get(0).map(|(entry, _)| entry.text.as_str());
        assert_eq!(first, Some("run #2 ready after 10 ms"));
        notices.go(-2, 9);
        for run in 5..9 {
            notices.hear(&ready(run), &state);
        }
        assert_eq!((notices.place(), notices.new_below()), (0, 3));
        notices.go(9, 9);
        assert!(notices.is_following());
    }

    #[test]
    fn a_filter_holds_for_what_was_told_and_for_what_comes() {
        let (state, mut notices) = (state(&[]), Notices::keeping(9));
        for run in 0..4 {
            notices.hear(&ready(run), &state);
        }
        notices.hear(&failed("it broke"), &state);
        notices.set_filter("service=web").expect("a right filter");
        assert_eq!(shown(&notices), [0, 2, 4]);
        notices.hear(&ready(6), &state);
        notices.hear(&ready(7), &state);
        assert_eq!(shown(&notices), [0, 2, 4, 5]);
        notices.set_filter("level>=warn").expect("a right filter");
        assert_eq!(shown(&notices), [4]);
        notices.set_filter("kind=build-failed two").expect("right");
        assert_eq!(shown(&notices), [4], "what belongs to it is looked at too");
        notices.set_filter("run=3").expect("right");
        assert_eq!(shown(&notices), [3]);
        assert!(notices.set_filter("knd=1").is_err());
        assert_eq!(shown(&notices), [3], "the old one stays");
        notices.set_filter("").expect("right");
        assert_eq!(notices.passing(), 7);
    }

    #[test]
    fn secrets_and_control_letters_do_not_get_in() {
        let (state, mut notices) = (state(&["hunter2"]), Notices::default());
        notices.hear(&failed("\u{1b}[2Jlogin hunter2 refused"), &state);
        let text = notices.current().map(|entry| entry.text.clone());
        let text = text.expect("it was told");
        assert!(
            text.contains("login *** refused") && !text.contains('\u{1b}'),
            "{text}"
        );
    }
}
