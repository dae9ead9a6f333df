//! What is asked in the seeded world: probes, first answers, comparisons and checks.

use std::time::Duration;

use boatyard::engine::{BuildId, ChangeId, CheckOutcome, Event, ProbeAnswer, RunId};
use boatyard::stack::ServiceName;

use crate::world::{Planned, World};

impl World {
    /// Somebody may ask a run that has this change, and may be answered well.
    pub(crate) fn ask(&mut self, service: ServiceName, change: ChangeId, runs: &[RunId]) {
        if self.rng.percent(60) {
            let run = *self.rng.pick(runs);
            let after = self.rng.between(1, 2000);
            let event = Event::FirstAnswer {
                service,
                change,
                run,
            };
            self.plan(after, Planned::Event(event));
        }
    }

    pub(crate) fn begin_probe(&mut self, run: RunId) {
        if let Some(truth) = self.truth.runs.get_mut(&run) {
            truth.calm = false;
            let was_probed = std::mem::replace(&mut truth.probed, true);
            if !was_probed {
                self.plan(5, Planned::Ask(run));
            }
        }
    }

    pub(crate) fn probe(&mut self, run: RunId) {
        let Some(truth) = self.truth.runs.get(&run) else {
            return;
        };
        if truth.dead || truth.gone || !truth.probed {
            return;
        }
        let after = if truth.calm { 20_000 } else { 60 };
        let healthy = !(self.chaos && self.rng.percent(30));
        let answer = ProbeAnswer {
            healthy,
            took: Duration::from_millis(1),
            said: "ok".into(),
        };
        if self.chaos || !truth.calm {
            self.plan(after, Planned::Ask(run));
        }
        self.arrive(Event::Probed { run, answer });
    }

    /// Now and then it is not clear whether they are the same.
    pub(crate) fn compare(&mut self, build: BuildId, image: &str, runs: &[RunId]) {
        self.comparing.insert(build);
        let has = self.truth.images.get(image).copied().unwrap_or(0);
        let differs = |run: &RunId| self.truth.has_amiss(*run, has).is_some();
        let is_unclear = self.chaos && self.rng.percent(10);
        let difference = (is_unclear || runs.iter().any(differs)).then(|| "no".into());
        let after = self.rng.between(5, 300);
        self.plan(after, Planned::Event(Event::Compared { build, difference }));
    }

    pub(crate) fn check(&mut self, check: boatyard::engine::CheckId) {
        let failures = if self.rng.percent(30) {
            vec!["no".into()]
        } else {
            Vec::new()
        };
        let outcome = CheckOutcome {
            failures,
            took: Duration::from_millis(3),
            answer: String::new(),
            trace: None,
        };
        self.plan(20, Planned::Event(Event::CheckEnded { check, outcome }));
    }
}
