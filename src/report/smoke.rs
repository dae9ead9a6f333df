//! The view of a smoke test: what happens while it runs, then a summary with the verdict last.

use std::io::Write;

use super::lines::Printer;
use super::outcome::{Gatherer, SmokeReport};
use super::sink::Sink;
use super::story::Story;
use super::summary::summary;
use crate::engine::{Notice, Verdict};
use crate::runtime::{Clock, Input, Shown, View};
use crate::text::Redactor;

/// The view of `boatyard smoke`.
#[derive(Debug)]
pub struct Smoke {
    sink: Sink,
    story: Story,
    printer: Printer,
    redactor: Redactor,
    gatherer: Gatherer,
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
                if let Some(report) = self.report() {
                    text.push_str(&summary(&report, &self.printer));
                }
            } else if let Some(told) = self.story.tell(&noticed.notice, shown.state) {
                text.push_str(&self.printer.told(shown.clock.timestamp(noticed.at), &told));
            }
        }
        self.sink.write(text.into_bytes());
    }

    async fn next_input(&mut self) -> Input {
        // Nobody is asked, and a reader that has gone away ends no test: its reports are still wanted.
        std::future::pending().await
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
