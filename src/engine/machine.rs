//! The engine's one entrance: an event in, effects and notices out.

use std::sync::Arc;

use super::{Effect, Event, Moment, Notice, RuntimeChoice, State};
use crate::stack::Stack;

/// What a session is asked to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Options {
    /// Which runtime was asked for.
    pub runtime: RuntimeChoice,
    /// Bring up, check, take down: with this much time for all of it, and whether to stay up afterwards.
    pub smoke: Option<(std::time::Duration, bool)>,
}

/// The state machine.
#[derive(Debug)]
pub struct Engine {
    state: State,
}

impl Engine {
    /// An engine for this stack, and what is to be done first.
    pub fn new(_stack: Arc<Stack>, _options: Options) -> (Self, Vec<Effect>, Vec<Notice>) {
        unimplemented!("being written")
    }

    /// Records what happened, decides what is to be done, and says so.
    pub fn handle(&mut self, _now: Moment, _event: Event) -> (Vec<Effect>, Vec<Notice>) {
        unimplemented!("being written")
    }

    /// When the engine wants to be told [`Event::Deadline`] next.
    pub fn next_deadline(&self) -> Option<Moment> {
        None
    }

    /// All that is known.
    pub fn state(&self) -> &State {
        &self.state
    }
}
