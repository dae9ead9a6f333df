//! The view of a smoke test: what happens while it runs, then a summary with the verdict last.

use std::io::Write;

use super::lines::Printer;
use super::outcome::{Gatherer, SmokeReport};
use super::sink::Sink;
use super::summary::summary;
use crate::engine::{Goal, Notice, State, Verdict};
use crate::runtime::{Clock, Input, Shown, View};
use crate::story::Story;
use crate::text::Redactor;

/// The view of `boatyard smoke`.
#[derive(Debug)]
pub struct Smoke {
    sink: Sink,
    story: Story,
    printer: Printer,
    redactor: Redactor,
    gatherer: Gatherer,
    /// The summary was printed, and the stack stays up.
    stays: bool,
}

impl Smoke {
    /// A view that writes to `out`, from a thread of its own.
    pub fn new(out: Box<dyn Write + Send>, clock: Clock, redactor: Redactor, color: bool) -> Self {
        Self {
            sink: Sink::new(out),
            story: Story::default(),
            printer: Printer::new(clock, redactor.clone(), color),
            redactor,
            gatherer: Gatherer::default(),
            stays: false,
        }
    }

    /// What came of the test, without secrets; `None` if nothing was decided because the session broke off.
    pub fn report(&self) -> Option<SmokeReport> {
        Some(self.gatherer.report()?.cleaned(&self.redactor))
    }
}

impl View for Smoke {
    fn show(&mut self, shown: &Shown<'_>) {
        self.printer.learn(shown.state);
        self.gatherer.see(shown);
        let mut text = String::new();
        for noticed in shown.notices {
            if matches!(noticed.notice, Notice::SessionEnded { .. }) {
                if let Some(report) = self.report().filter(|_| !self.stays) {
                    text.push_str(&summary(&report, &self.printer));
                }
            } else if let Some(told) = self.story.tell(&noticed.notice, shown.state) {
                text.push_str(&self.printer.told(shown.clock.timestamp(noticed.at), &told));
            }
        }
        if !self.stays
            && stays_up(shown.state)
            && let Some(report) = self.report()
        {
            self.stays = true;
            text.push_str(&summary(&report, &self.printer));
            text.push_str("The stack stays up until Ctrl-C.\n");
        }
        self.sink.write(text.into_bytes());
    }

    async fn next_input(&mut self) -> Input {
        // Nobody is asked, and a reader that has gone away ends no test: its reports are still wanted.
        std::future::pending().await
    }
}

/// Whether the test is decided and its stack was asked to stay.
fn stays_up(state: &State) -> bool {
    match &state.goal {
        Goal::Smoke(smoke) => smoke.keep && smoke.verdict.is_some() && state.is_running(),
        Goal::Serve => false,
    }
}

/// The word for how a test ended.
pub(super) fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::Interrupted => "interrupted",
    }
}
