//! The one loop: facts in, effects and notices out.

mod clock;
mod marks;
mod pump;
mod signals;
mod tape;

use std::future::Future;

pub use clock::Clock;
pub use pump::{Ended, Parts, run};
pub use signals::{Asked, Interrupt, Interrupts};
pub use tape::{Tape, TapeError, TapeHead, replay};

use crate::engine::{Command, Effect, Event, Noticed, State};
use crate::telemetry::Telemetry;

/// Where effects are performed and facts come from: the adapters, a scripted one, a seeded one.
pub trait World {
    /// Begins to do this, and returns at once. Its answer comes as an event.
    fn perform(&mut self, effect: Effect);

    /// The next fact. Dropping the future loses nothing.
    fn next_event(&mut self) -> impl Future<Output = Event>;

    /// Takes down what served the session as a whole, looks for leftovers, and names what could not be removed.
    fn finish(&mut self) -> impl Future<Output = Vec<String>>;
}

/// Where the session is shown and commands come from: the screen, lines, JSON, the smoke report.
pub trait View {
    /// Shows the session as it is now; `notices` are those since the last call. Never waits.
    fn show(&mut self, shown: &Shown<'_>);

    /// Whether another program has the terminal, so that whoever presses Ctrl-C means that one.
    fn lends_terminal(&self) -> bool {
        false
    }

    /// The next wish. Dropping the future loses nothing. Pending for ever if there is nobody to ask.
    fn next_input(&mut self) -> impl Future<Output = Input>;
}

/// What a view is shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The truth.
    pub state: &'a State,
    /// What there is to tell since the last time, in order.
    pub notices: &'a [Noticed],
    /// What services say and do.
    pub telemetry: &'a Telemetry,
    /// Turns moments into hours of the day, and knows which moment it is.
    pub clock: &'a Clock,
}

/// What comes out of a view.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Something for the engine.
    Command(Command),
    /// Something that concerns the view alone: show again.
    Show,
}
