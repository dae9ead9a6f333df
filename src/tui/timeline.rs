//! What happened to each service, on one axis of time: the record from which the timeline is drawn.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::goal::Goal;
use super::secrets::Secrets;
use super::startup::Start;
use crate::engine::{BuildId, Moment, Notice, Noticed, RunId, State};
use crate::runtime::Clock;
use crate::stack::ServiceName;
use crate::telemetry::{Filter, Position, Select, Telemetry};

/// Events that are kept of one service.
const KEPT: usize = 2_000;
/// Errors in logs are counted in pieces of time of this length, of which so many are kept for a service.
pub(super) const PIECE: Duration = Duration::from_millis(100);
const PIECES: usize = 20_000;
/// Lines that are looked at for errors in one frame, and errors that are taken: a few milliseconds.
const PATIENCE: usize = 50_000;
const AT_ONCE: usize = 2_000;

/// What an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// The service waits.
    Wait,
    /// Files were saved.
    Saved,
    /// Saved files are served.
    Live,
    /// An image is, or was, made; whether that failed.
    Build { build: BuildId, failed: bool },
    /// A run begins.
    Starting(RunId),
    /// A run takes requests.
    Ready(RunId),
    /// A run's probe fails.
    Unhealthy(RunId),
    /// A run ended though it should not, or could not be started.
    Failed,
    /// Requests are held.
    Held,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub(super) from: Moment,
    /// `None`: it goes on.
    pub(super) until: Option<Moment>,
    pub(super) what: What,
    /// What was told of it last, harmless and without secrets.
    pub(super) words: String,
    pub(super) goal: Goal,
}

/// What happened to one service.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// In the order in which it was told.
    pub(super) events: VecDeque<Event>,
    /// How many older events are no longer kept.
    pub(super) let_go: u64,
    /// Since when and how many errors its logs had, in pieces of time.
    pub(super) errors: VecDeque<(Moment, u32)>,
}

/// What happened to all services.
#[derive(Debug)]
pub(super) struct Timeline {
    rows: HashMap<ServiceName, Row>,
    secrets: Secrets,
    /// What the start waited for.
    pub(super) start: Start,
    /// The line up to which errors were counted.
    counted: Position,
    errors: Option<Filter>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            rows: HashMap::new(),
            secrets: Secrets::default(),
            start: Start::default(),
            counted: Position::FIRST,
            // What a build says is told by the build.
            errors: Filter::parse("level>=error stream!=build").ok(),
        }
    }
}

impl Timeline {
    /// What happened to this service, if anything did.
    pub(super) fn row(&self, service: &ServiceName) -> Option<&Row> {
        self.rows.get(service)
    }

    /// Takes in a notice, and the sentence for it, if it has one: harmless and without secrets.
    pub(super) fn hear(&mut self, noticed: &Noticed, sentence: Option<&str>, state: &State) {
        self.start.hear(noticed, &state.stack);
        let at = noticed.at;
        let words = || sentence.unwrap_or_default().to_owned();
        let goal = Goal::of(&noticed.notice, at);
        let event = |what, from, until| Event {
            from,
            until,
            what,
            words: words(),
            goal: goal.clone(),
        };
        match &noticed.notice {
            Notice::ServiceHeld { service, hold } => {
                self.secrets.learn(&state.stack);
                let words = sentence.map_or_else(|| self.secrets.clean(hold), str::to_owned);
                let row = self.of(service);
                row.end(at, |what| what == What::Wait);
                row.push(Event {
                    words,
                    ..event(What::Wait, at, None)
                });
            }
            Notice::ChangeSeen {
                services,
                first_save_ms_ago,
                ..
            } => {
                let from = at - Duration::from_millis(*first_save_ms_ago);
                for service in services {
                    self.of(service).push(Event {
                        goal: Goal::Changes(service.clone()),
                        ..event(What::Saved, from, Some(from))
                    });
                }
            }
            Notice::ChangeLive { service, .. } => {
                self.of(service).push(event(What::Live, at, Some(at)));
            }
            Notice::RequestsHeld { service, ms, .. } => {
                let from = at - Duration::from_millis(*ms);
                self.of(service).push(event(What::Held, from, None));
            }
            Notice::RequestsReleased { service, .. } => {
                self.of(service).end(at, |what| what == What::Held);
            }
            _ => {
                self.hear_of_build(noticed, event);
                self.hear_of_run(noticed, event);
            }
        }
    }

    fn hear_of_build(
        &mut self,
        noticed: &Noticed,
        event: impl Fn(What, Moment, Option<Moment>) -> Event,
    ) {
        let at = noticed.at;
        let (service, build, failed) = match &noticed.notice {
            Notice::BuildStarted { service, build } => {
                let row = self.of(service);
                row.end(at, |what| what == What::Wait);
                let what = What::Build {
                    build: *build,
                    failed: false,
                };
                row.push(event(what, at, None));
                return;
            }
            Notice::BuildFinished { service, build, .. }
            | Notice::BuildCancelled { service, build, .. } => (service, *build, false),
            Notice::BuildFailed { service, build, .. } => (service, *build, true),
            _ => return,
        };
        let is_it = |what| matches!(what, What::Build { build: it, .. } if it == build);
        let told = event(What::Build { build, failed }, at, Some(at));
        match self.of(service).open(is_it) {
            Some(open) => {
                open.until = Some(at);
                (open.what, open.words, open.goal) = (told.what, told.words, told.goal);
            }
            None => self.of(service).push(told),
        }
    }

    fn hear_of_run(
        &mut self,
        noticed: &Noticed,
        event: impl Fn(What, Moment, Option<Moment>) -> Event,
    ) {
        let at = noticed.at;
        let is_of = |run: RunId| move |what| matches!(what, What::Starting(it) | What::Ready(it) | What::Unhealthy(it) if it == run);
        match &noticed.notice {
            Notice::RunStarted { service, run, .. } => {
                let row = self.of(service);
                row.end(at, |what| what == What::Wait);
                row.push(event(What::Starting(*run), at, None));
            }
            Notice::RunReady { service, run, ms } => {
                let asked = at - Duration::from_millis(*ms);
                let row = self.of(service);
                row.end(at, |what| what == What::Wait);
                match row.open(|what| what == What::Starting(*run)) {
                    Some(open) => {
                        open.from = open.from.min(asked);
                        open.until = Some(at);
                    }
                    None => row.push(event(What::Starting(*run), asked, Some(at))),
                }
                row.push(event(What::Ready(*run), at, None));
            }
            Notice::RunExited {
                service,
                run,
                expected,
                code,
                ..
            } => {
                let row = self.of(service);
                row.end(at, is_of(*run));
                if !expected && *code != Some(0) {
                    row.push(event(What::Failed, at, Some(at)));
                }
            }
            Notice::RunFailed { service, run, .. } => {
                let row = self.of(service);
                row.end(at, is_of(*run));
                row.push(event(What::Failed, at, Some(at)));
            }
            Notice::Health {
                service,
                run,
                healthy,
                ..
            } => {
                let (before, after) = if *healthy {
                    (What::Unhealthy(*run), What::Ready(*run))
                } else {
                    (What::Ready(*run), What::Unhealthy(*run))
                };
                let row = self.of(service);
                // A run that is not ready yet is still starting, whatever its probe says.
                if row.end(at, |what| what == before) {
                    row.push(event(after, at, None));
                }
            }
            _ => {}
        }
    }

    fn of(&mut self, service: &ServiceName) -> &mut Row {
        self.rows.entry(service.clone()).or_default()
    }

    /// Counts the errors that the logs had since it was asked last; whether there is more to look at.
    pub(super) fn count_errors(&mut self, telemetry: &Telemetry, clock: &Clock) -> bool {
        let select = Select {
            services: &[],
            filter: self.errors.as_ref(),
            patience: PATIENCE,
        };
        let page = telemetry.page_after(select, self.counted, AT_ONCE);
        let last = page.lines.last().map(|line| line.position());
        let is_full = page.lines.len() == AT_ONCE;
        for line in &page.lines {
            let at = clock.moment(line.line.at);
            self.of(&line.line.service).add_error(at);
        }
        let reached = if is_full { last } else { page.reached.or(last) };
        let more = is_full || page.reached.is_some();
        self.counted = reached.unwrap_or(self.counted).max(self.counted);
        more
    }
}

impl Row {
    fn push(&mut self, event: Event) {
        if self.events.len() >= KEPT {
            self.events.pop_front();
            self.let_go += 1;
        }
        self.events.push_back(event);
    }

    /// The newest event of this kind that goes on.
    fn open(&mut self, is_it: impl Fn(What) -> bool) -> Option<&mut Event> {
        let mut events = self.events.iter_mut().rev();
        events.find(|event| event.until.is_none() && is_it(event.what))
    }

    /// Ends all events of this kind that go on; whether there was one.
    fn end(&mut self, at: Moment, is_it: impl Fn(What) -> bool) -> bool {
        let open = self.events.iter_mut();
        let open = open.filter(|event| event.until.is_none() && is_it(event.what));
        open.map(|event| event.until = Some(at.max(event.from)))
            .count()
            > 0
    }

    fn add_error(&mut self, at: Moment) {
        let piece = at.0.as_nanos() / PIECE.as_nanos();
        let piece = u32::try_from(piece).unwrap_or(u32::MAX);
        let from = Moment(PIECE.saturating_mul(piece));
        match self.errors.back_mut() {
            // Lines of several streams need not come in the order of time; one piece early or late is not seen.
            Some((last, count)) if *last >= from => *count = count.saturating_add(1),
            _ => {
                if self.errors.len() >= PIECES {
                    self.errors.pop_front();
                }
                self.errors.push_back((from, 1));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Engine, Options};
    use crate::stack::Stack;
    use crate::telemetry::{NewLine, Stream};

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    fn told(notices: impl IntoIterator<Item = (u64, Notice)>) -> Vec<(u128, Option<u128>, What)> {
        let (engine, _, _) = Engine::new(Stack::default().into(), Options::default());
        let mut timeline = Timeline::default();
        for (millis, notice) in notices {
            let at = at(millis);
            timeline.hear(&Noticed { at, notice }, None, engine.state());
        }
        let row = timeline.row(&"web".into()).expect("something happened");
        let millis = |at: Moment| at.0.as_millis();
        let events = row.events.iter();
        events
            .map(|event| (millis(event.from), event.until.map(millis), event.what))
            .collect()
    }

    fn ready(run: u64, ms: u64) -> Notice {
        let (service, run) = ("web".into(), RunId(run));
        Notice::RunReady { service, run, ms }
    }

    fn exited(run: u64, expected: bool) -> Notice {
        Notice::RunExited {
            service: "web".into(),
            run: RunId(run),
            code: Some(1),
            signal: None,
            cause: String::new(),
            expected,
            last_lines: Vec::new(),
        }
    }

    fn health(run: u64, healthy: bool) -> Notice {
        Notice::Health {
            service: "web".into(),
            run: RunId(run),
            healthy,
            said: String::new(),
        }
    }

    #[test]
    fn a_run_starts_is_ready_and_is_gone() {
        let run = RunId(1);
        let notices = [
            (300, health(1, false)),
            (500, ready(1, 400)),
            (800, health(1, false)),
            (900, health(1, true)),
            (1_000, exited(1, false)),
            (1_001, health(1, true)),
        ];
        assert_eq!(
            told(notices),
            [
                (100, Some(500), What::Starting(run)),
                (500, Some(800), What::Ready(run)),
                (800, Some(900), What::Unhealthy(run)),
                (900, Some(1_000), What::Ready(run)),
                (1_000, Some(1_000), What::Failed),
            ]
        );
    }

    #[test]
    fn a_wait_ends_when_something_goes_on() {
        let service = || ServiceName::from("web");
        let held = |hold: &str| Notice::ServiceHeld {
            service: service(),
            hold: hold.into(),
        };
        let build = BuildId(1);
        let started = Notice::BuildStarted {
            service: service(),
            build,
        };
        let cancelled = Notice::BuildCancelled {
            service: service(),
            build,
            why: String::new(),
        };
        let notices = [
            (10, held("waits for db")),
            (20, held("waits for cache")),
            (30, started),
            (40, cancelled),
            (50, held("stopped by hand")),
        ];
        let failed = false;
        assert_eq!(
            told(notices),
            [
                (10, Some(20), What::Wait),
                (20, Some(30), What::Wait),
                (30, Some(40), What::Build { build, failed }),
                (50, None, What::Wait),
            ]
        );
    }

    #[test]
    fn what_a_hold_says_itself_has_no_secrets_in_it() {
        let stack = Stack {
            redact: vec!["hunter2".into()],
            ..Stack::default()
        };
        let (engine, _, _) = Engine::new(stack.into(), Options::default());
        let mut timeline = Timeline::default();
        let notice = Notice::ServiceHeld {
            service: "web".into(),
            hold: "cannot start: \u{1b}[2Jlogin hunter2 refused".into(),
        };
        let at = at(1);
        timeline.hear(&Noticed { at, notice }, None, engine.state());
        let row = timeline.row(&"web".into()).expect("it was told");
        let words = &row.events[0].words;
        assert!(words.contains("login *** refused"), "{words}");
        assert!(!words.contains('\u{1b}'), "{words:?}");
    }

    #[test]
    fn errors_are_counted_once_however_often_it_is_asked() {
        let clock = Clock::fixed("2026-03-18T14:03:20Z".parse().expect("a right time"));
        let telemetry = Telemetry::default();
        let say = |millis: u64, words: &str| {
            telemetry.logs().push(NewLine {
                service: "web".into(),
                run: 1,
                at: clock.timestamp(at(millis)),
                stream: Stream::Stdout,
                bytes: words.as_bytes().to_vec(),
            });
        };
        let mut timeline = Timeline::default();
        for (millis, words) in [(10, "ERROR one"), (20, "INFO two"), (90, "ERROR three")] {
            say(millis, words);
        }
        assert!(!timeline.count_errors(&telemetry, &clock));
        timeline.count_errors(&telemetry, &clock);
        say(230, "ERROR four");
        timeline.count_errors(&telemetry, &clock);
        let row = timeline.row(&"web".into()).expect("it had errors");
        let errors: Vec<(Moment, u32)> = row.errors.iter().copied().collect();
        assert_eq!(errors, [(at(0), 2), (at(200), 1)]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let notices = (0..KEPT as u64 + 5).map(|at| (at, exited(at, false)));
        let told = told(notices);
        assert_eq!((told.len(), told[0].0), (KEPT, 5));
    }
}
