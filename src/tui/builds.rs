//! What the notices told of each service's newest build: its steps, their times, and how it ended.

use std::collections::HashMap;
use std::time::Duration;

use crate::engine::{BuildId, Moment, Notice, Noticed};
use crate::stack::ServiceName;
use crate::text;

/// How a step of a build went so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    UnderWay,
    Done,
    /// It was under way when the build failed or was cancelled.
    Failed,
}

/// One step of a build.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// Its number, from 1.
    pub(super) number: u32,
    /// As the builder names it, made harmless.
    pub(super) name: String,
    /// Whether its result came from the cache.
    pub(super) cached: bool,
    /// How it went so far.
    pub(super) outcome: Outcome,
    /// When it was first told of.
    pub(super) began: Moment,
    /// How long until the next one was told of, or the build ended.
    pub(super) took: Option<Duration>,
}

/// How a build ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum End {
    Finished { took: Duration, cached: bool },
    Failed { took: Duration },
    Cancelled { why: String },
}

/// One build.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BuildStory {
    pub(super) build: BuildId,
    pub(super) began: Moment,
    /// How many steps it has, as far as is known.
    pub(super) of: u32,
    pub(super) steps: Vec<Step>,
    pub(super) end: Option<End>,
}

/// The newest build of each service.
#[derive(Debug, Default)]
pub(super) struct Builds {
    services: HashMap<ServiceName, BuildStory>,
}

/// More steps than this are not kept; no Dockerfile that builds in a day has them.
const MOST_STEPS: usize = 500;

impl Builds {
    /// The newest build of a service.
    pub(super) fn of(&self, service: &ServiceName) -> Option<&BuildStory> {
        self.services.get(service)
    }

    /// Takes in what a notice says about builds; whether that was anything.
    pub(super) fn hear(&mut self, noticed: &Noticed) -> bool {
        let at = noticed.at;
        match &noticed.notice {
            Notice::BuildStarted { service, build } => {
                self.services
                    .insert(service.clone(), BuildStory::new(*build, at));
            }
            Notice::BuildOutput {
                service,
                build,
                step,
                of,
                name,
                cached,
            } => {
                if let Some(story) = self.current(service, *build) {
                    story.reach(at, *step, *of, name, *cached);
                }
            }
            Notice::BuildFinished {
                service,
                build,
                ms,
                cached,
                ..
            } => {
                let took = Duration::from_millis(*ms);
                let cached = *cached;
                self.end(service, *build, at, End::Finished { took, cached });
            }
            Notice::BuildFailed {
                service, build, ms, ..
            } => {
                let took = Duration::from_millis(*ms);
                self.end(service, *build, at, End::Failed { took });
            }
            Notice::BuildCancelled {
                service,
                build,
                why,
            } => {
                let why = text::plain(why.as_bytes());
                self.end(service, *build, at, End::Cancelled { why });
            }
            _ => return false,
        }
        true
    }

    fn current(&mut self, service: &ServiceName, build: BuildId) -> Option<&mut BuildStory> {
        let story = self.services.get_mut(service);
        story.filter(|story| story.build == build)
    }

    fn end(&mut self, service: &ServiceName, build: BuildId, at: Moment, end: End) {
        if let Some(story) = self.current(service, build) {
            let outcome = match end {
                End::Finished { .. } => Outcome::Done,
                End::Failed { .. } | End::Cancelled { .. } => Outcome::Failed,
            };
            story.close_last(at, outcome);
            story.end = Some(end);
        }
    }
}

impl BuildStory {
    fn new(build: BuildId, began: Moment) -> Self {
        Self {
            build,
            began,
            of: 0,
            steps: Vec::new(),
            end: None,
        }
    }

    /// Steps may be told of twice (begun, then found in the cache) and, built side by side, out of order.
    fn reach(&mut self, at: Moment, number: u32, of: u32, name: &str, cached: bool) {
        self.of = self.of.max(of);
        if let Some(known) = self.steps.iter_mut().find(|step| step.number == number) {
            known.cached |= cached;
            return;
        }
        if self.steps.len() >= MOST_STEPS {
            return;
        }
        self.close_last(at, Outcome::Done);
        let place = self.steps.partition_point(|step| step.number < number);
        let step = Step {
            number,
            name: text::plain(name.as_bytes()),
            cached,
            outcome: Outcome::UnderWay,
            began: at,
            took: None,
        };
        self.steps.insert(place, step);
    }

    fn close_last(&mut self, at: Moment, outcome: Outcome) {
        for step in self.steps.iter_mut().filter(|step| step.took.is_none()) {
            step.took = Some(at.since(step.began));
            step.outcome = outcome;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(millis: u64, notice: Notice) -> Noticed {
        Noticed {
            at: Moment::from_millis(millis),
            notice,
        }
    }

    fn step(build: u64, number: u32, cached: bool) -> Notice {
        Notice::BuildOutput {
            service: "web".into(),
            build: BuildId(build),
            step: number,
            of: 3,
            name: format!("RUN step {number}"),
            cached,
        }
    }

    #[test]
    fn steps_take_until_the_next_one() {
        let mut builds = Builds::default();
        let started = Notice::BuildStarted {
            service: "web".into(),
            build: BuildId(2),
        };
        for (millis, notice) in [
            (0, started),
            (10, step(2, 1, true)),
            (20, step(1, 9, false)),
            (40, step(2, 2, false)),
            (45, step(2, 2, true)),
        ] {
            builds.hear(&told(millis, notice));
        }
        let failed = Notice::BuildFailed {
            service: "web".into(),
            build: BuildId(2),
            ms: 90,
            step: None,
            message: String::new(),
            last_lines: Vec::new(),
        };
        builds.hear(&told(90, failed));
        let story = builds.of(&"web".into()).unwrap();
        let outcomes: Vec<Outcome> = story.steps.iter().map(|step| step.outcome).collect();
        assert_eq!(outcomes, [Outcome::Done, Outcome::Failed]);
        let steps: Vec<(u32, bool, Option<u128>)> = story
            .steps
            .iter()
            .map(|step| {
                (
                    step.number,
                    step.cached,
                    step.took.map(|took| took.as_millis()),
                )
            })
            .collect();
        assert_eq!(steps, [(1, true, Some(30)), (2, true, Some(50))]);
        let took = Duration::from_millis(90);
        assert_eq!(story.end, Some(End::Failed { took }));
    }
}
