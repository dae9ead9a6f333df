//! The loop itself: it waits for whichever comes first and hands it to the engine.

use std::sync::Arc;

use super::{Asked, Clock, Input, Interrupt, Interrupts, Shown, Tape, View, World, marks};
use crate::engine::{
    Command, Effect, Engine, Event, LiveSummary, Moment, Notice, Noticed, Verdict,
};
use crate::telemetry::Telemetry;

/// What the loop is made of, besides the world and the view.
#[derive(Debug)]
pub struct Parts {
    /// The engine, and what it wants done and told first.
    pub start: (Engine, Vec<Effect>, Vec<Notice>),
    /// What services say and do.
    pub telemetry: Arc<Telemetry>,
    /// What time it is.
    pub clock: Clock,
    /// Signals.
    pub interrupts: Interrupts,
    /// Where facts are written down, if they are.
    pub tape: Option<Tape>,
}

/// How a session ended.
#[derive(Debug)]
pub struct Ended {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, where there is something to say.
    pub why: Option<String>,
    /// What could not be removed.
    pub left_behind: Vec<String>,
    /// The signal that ended it, if one did.
    pub interrupted_by: Option<Interrupt>,
    /// The engine as it was at the end.
    pub engine: Engine,
}

enum Woken {
    Event(Event),
    Input(Input),
    Asked(Asked),
}

/// Runs a session until nothing of it is left.
pub async fn run<W: World, V: View>(parts: Parts, world: &mut W, view: &mut V) -> Ended {
    let Parts {
        start: (engine, effects, notices),
        telemetry,
        clock,
        interrupts,
        tape,
    } = parts;
    let mut pump = Pump {
        engine,
        telemetry,
        clock,
        interrupts,
        tape,
        interrupted_by: None,
        ending: None,
        changes: Vec::new(),
    };
    pump.carry_out(Moment::START, effects, notices, world, view);
    while pump.ending.is_none() {
        match pump.wait(world, view).await {
            Woken::Input(Input::Show) => pump.show(&[], view),
            Woken::Input(Input::Command(command)) => {
                pump.tell(Event::Command { command }, world, view);
            }
            Woken::Asked(asked) => pump.asked(asked, world, view),
            Woken::Event(event) => pump.tell(event, world, view),
        }
    }
    pump.finish(world, view).await
}

struct Pump {
    engine: Engine,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    interrupts: Interrupts,
    tape: Option<Tape>,
    interrupted_by: Option<Interrupt>,
    ending: Option<(Verdict, Option<String>)>,
    /// How fast changes went live, for the last notice.
    changes: Vec<LiveSummary>,
}

impl Pump {
    async fn wait<W: World, V: View>(&mut self, world: &mut W, view: &mut V) -> Woken {
        let deadline = self
            .engine
            .next_deadline()
            .map(|moment| self.clock.instant(moment));
        let due = async {
            match deadline {
                Some(instant) => tokio::time::sleep_until(instant).await,
                None => std::future::pending().await,
            }
        };
        // Keys and signals first: a flood of facts must not delay them.
        tokio::select! {
            biased;
            asked = self.interrupts.next() => Woken::Asked(asked),
            input = view.next_input() => Woken::Input(input),
            event = world.next_event() => Woken::Event(event),
            () = due => Woken::Event(Event::Deadline),
        }
    }

    fn asked<W: World, V: View>(&mut self, asked: Asked, world: &mut W, view: &mut V) {
        let command = match asked {
            Asked::End(Interrupt::Int) if view.lends_terminal() => return,
            Asked::End(_) if self.interrupted_by.is_some() => Command::Kill,
            Asked::End(interrupt) => {
                self.interrupted_by = Some(interrupt);
                Command::Quit
            }
            Asked::Apply => Command::Flush { service: None },
            Asked::Hold => Command::Hold {
                on: self.engine.state().hold.is_none(),
            },
        };
        self.tell(Event::Command { command }, world, view);
    }

    fn tell<W: World, V: View>(&mut self, event: Event, world: &mut W, view: &mut V) {
        let now = self.clock.now();
        if let Some(tape) = &mut self.tape
            && let Err(error) = tape.record(now, &event)
        {
            tracing::warn!(%error, "the session tape ends here");
            self.tape = None;
        }
        let (effects, notices) = self.engine.handle(now, event);
        self.carry_out(now, effects, notices, world, view);
    }

    fn carry_out<W: World, V: View>(
        &mut self,
        now: Moment,
        effects: Vec<Effect>,
        notices: Vec<Notice>,
        world: &mut W,
        view: &mut V,
    ) {
        for effect in effects {
            tracing::debug!(?effect);
            world.perform(effect);
        }
        marks::set(
            &self.telemetry,
            self.engine.state(),
            self.clock.timestamp(now),
            &notices,
        );
        let mut told = Vec::with_capacity(notices.len());
        for notice in notices {
            // The last notice waits until it is known whether anything was left behind.
            if let Notice::SessionEnded {
                verdict,
                why,
                changes,
                ..
            } = notice
            {
                self.changes = changes;
                self.ending = Some((verdict, why));
            } else {
                told.push(Noticed { at: now, notice });
            }
        }
        self.show(&told, view);
    }

    fn show<V: View>(&self, notices: &[Noticed], view: &mut V) {
        let Self {
            telemetry, clock, ..
        } = self;
        view.show(&Shown {
            state: self.engine.state(),
            notices,
            telemetry,
            clock,
        });
    }

    async fn finish<W: World, V: View>(mut self, world: &mut W, view: &mut V) -> Ended {
        let (verdict, why) = self.ending.take().unwrap_or((Verdict::Interrupted, None));
        let left_behind = world.finish().await;
        let notice = Notice::SessionEnded {
            verdict,
            why: why.clone(),
            left_behind: left_behind.clone(),
            changes: std::mem::take(&mut self.changes),
        };
        self.show(
            &[Noticed {
                at: self.clock.now(),
                notice,
            }],
            view,
        );
        Ended {
            verdict,
            why,
            left_behind,
            interrupted_by: self.interrupted_by,
            engine: self.engine,
        }
    }
}
