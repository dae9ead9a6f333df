//! The engine's one entrance: an event in, effects and notices out.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use super::decide::{self, Holds, Next};
use super::perform::{self, Ids};
use super::turn::Turn;
use super::{
    CheckProgress, CheckState, Effect, EngineLink, Event, Faults, Goal, Held, Hold, Moment, Notice,
    Phase, RuntimeChoice, ServiceState, Shared, Smoke, State, Switch, TerminalSize, Verdict, apply,
    deadline, route,
};
use crate::stack::Stack;

/// What a session is asked to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Options {
    /// Which runtime was asked for.
    pub runtime: RuntimeChoice,
    /// Bring up, check, take down: with this much time for all of it, and whether to stay up afterwards.
    pub smoke: Option<(Duration, bool)>,
}

/// The state machine.
#[derive(Debug)]
pub struct Engine {
    state: State,
    ids: Ids,
    now: Moment,
}

impl Engine {
    /// An engine for this stack, and what is to be done first.
    pub fn new(stack: Arc<Stack>, options: Options) -> (Self, Vec<Effect>, Vec<Notice>) {
        let mut turn = Turn::default();
        turn.tell(Notice::SessionStarted {
            stack: stack.name.clone(),
            services: stack.services.keys().cloned().collect(),
        });
        let mut engine = Self {
            state: first_state(stack, options),
            ids: Ids::default(),
            now: Moment::START,
        };
        engine.settle(&mut turn);
        (engine, turn.effects, turn.notices)
    }

    /// Records what happened, decides what is to be done, and says so.
    ///
    /// `now` must not lie before that of an earlier call; if it does, the earlier one counts.
    pub fn handle(&mut self, now: Moment, event: Event) -> (Vec<Effect>, Vec<Notice>) {
        let mut turn = Turn::default();
        self.now = self.now.max(now);
        if self.is_ended() {
            return (turn.effects, turn.notices);
        }
        apply::apply(&mut self.state, self.now, event, &mut turn);
        self.settle(&mut turn);
        (turn.effects, turn.notices)
    }

    /// When the engine wants to be told [`Event::Deadline`] next.
    pub fn next_deadline(&self) -> Option<Moment> {
        deadline::next(&self.state, self.now)
    }

    /// All that is known.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether everything has stopped and nothing more will happen.
    pub fn is_ended(&self) -> bool {
        self.state.phase == Phase::Ended
    }

    /// How the session went, and why: of a smoke test as soon as it is decided, else once it has ended.
    pub fn verdict(&self) -> Option<(Verdict, Option<String>)> {
        match &self.state.goal {
            Goal::Smoke(smoke) => smoke.verdict.clone(),
            Goal::Serve => self.is_ended().then_some((Verdict::Passed, None)),
        }
    }

    /// Does one thing after another until there is nothing to do; then records what waits, and for what.
    fn settle(&mut self, turn: &mut Turn) {
        loop {
            match decide::next(&self.state, self.now) {
                Next::Do(intent) => {
                    perform::perform(&mut self.state, &mut self.ids, self.now, intent, turn);
                }
                Next::Rest(holds) => {
                    let holds = self.second_look(holds);
                    self.record_holds(holds, turn);
                    break;
                }
            }
        }
        route::update_all(&mut self.state, turn);
    }

    /// A hold names in words what the service waited for is at, which its own hold tells: so look again with all known.
    fn second_look(&mut self, holds: Holds) -> Holds {
        let now = self.now;
        let mut before = Vec::with_capacity(holds.len());
        for (name, hold) in holds {
            if let Some(service) = self.state.services.get_mut(&name) {
                let fresh = hold.map(|hold| Held { hold, since: now });
                before.push((name, std::mem::replace(&mut service.hold, fresh)));
            }
        }
        let again = match decide::next(&self.state, now) {
            Next::Rest(holds) => holds,
            Next::Do(_) => Vec::new(),
        };
        for (name, held) in before {
            if let Some(service) = self.state.services.get_mut(&name) {
                service.hold = held;
            }
        }
        again
    }

    fn record_holds(&mut self, holds: Holds, turn: &mut Turn) {
        for (name, hold) in holds {
            if let Some(service) = self.state.services.get_mut(&name) {
                record_hold(service, hold, self.now, turn);
            }
        }
    }
}

/// Keeps since when it waits, and says what it waits for when that is news.
fn record_hold(service: &mut ServiceState, hold: Option<Hold>, now: Moment, turn: &mut Turn) {
    let Some(hold) = hold else {
        service.hold = None;
        return;
    };
    let before = service.hold.take();
    let same = before.filter(|held| held.hold.says_the_same(&hold));
    if same.is_none() {
        turn.tell(Notice::ServiceHeld {
            service: service.service.name.clone(),
            hold: hold.shown(),
        });
    }
    let since = same.map_or(now, |held| held.since);
    service.hold = Some(Held { hold, since });
}

fn first_state(stack: Arc<Stack>, options: Options) -> State {
    let services: IndexMap<_, _> = stack
        .services
        .iter()
        .map(|(name, service)| (name.clone(), ServiceState::new(Arc::new(service.clone()))))
        .collect();
    let goal = options
        .smoke
        .map_or(Goal::Serve, |(time, keep)| smoke_goal(&stack, time, keep));
    State {
        stack,
        services,
        phase: Phase::Running,
        goal,
        wanted_runtime: options.runtime,
        engine_link: EngineLink::Unknown,
        stack_problems: Vec::new(),
        shared: Shared::default(),
        prepared: false,
        terminal: TerminalSize::default(),
        terminal_told: true,
        hold: None,
        waiting_stack: None,
        faults: Faults::default(),
        solo: Switch::default(),
    }
}

fn smoke_goal(stack: &Stack, time: Duration, keep: bool) -> Goal {
    let check = |spec: &crate::stack::Check| CheckState {
        spec: Arc::new(spec.clone()),
        progress: CheckProgress::Waiting {
            not_before: Moment::START,
        },
        tries: 0,
    };
    Goal::Smoke(Smoke {
        time,
        deadline: Moment::START + time,
        checks: stack.smoke.iter().map(check).collect(),
        keep,
        verdict: None,
    })
}
