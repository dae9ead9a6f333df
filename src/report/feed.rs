//! What services say and do, followed by a view that has no screen.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::sink::Sink;
use crate::engine::{Command, Notice, Noticed};
use crate::runtime::Input;
use crate::story::HeldWatch;
use crate::telemetry::{Exchange, LogLine, Span, Telemetry};

/// Shown at most this often, so that a shouting service costs little more than its lines.
const GAP: Duration = Duration::from_millis(20);

/// Lines that are taken at once, so that one showing stays short.
const AT_ONCE: usize = 4000;

/// Lines that are told at the end of a session at most, for a reader that was slow: what is told waits in memory. All of
/// them are on disk.
const AT_END: usize = 250_000;

/// Follows the stores from the beginning of the session.
#[derive(Debug)]
pub(super) struct Feed {
    telemetry: Arc<Telemetry>,
    changes: watch::Receiver<u64>,
    next_line: u64,
    next_exchange: u64,
    next_span: u64,
    lost: u64,
    held: HeldWatch,
    shown: Instant,
    fresh: bool,
    has_quit: bool,
}

/// What is new.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) lines: Vec<Arc<LogLine>>,
    pub(super) exchanges: Vec<Arc<Exchange>>,
    pub(super) spans: Vec<Arc<Span>>,
    /// Lines, exchanges and spans that were dropped before they could be read.
    pub(super) missed: [(&'static str, u64); 3],
    /// What there is to tell of held requests.
    pub(super) held: Vec<Notice>,
}

impl Feed {
    pub(super) fn new(telemetry: Arc<Telemetry>) -> Self {
        Self {
            changes: telemetry.changes(),
            telemetry,
            next_line: 0,
            next_exchange: 0,
            next_span: 0,
            lost: 0,
            held: HeldWatch::default(),
            shown: Instant::now(),
            fresh: true,
            has_quit: false,
        }
    }

    /// What came since the last time: as much as is good at once, or all of it at the end of the session. Nothing
    /// while the reader is slow: the stores are bounded and count what they drop.
    pub(super) fn news(&mut self, notices: &[Noticed], sink: &Sink) -> News {
        let ends = |noticed: &Noticed| matches!(noticed.notice, Notice::SessionEnded { .. });
        let is_end = notices.iter().any(ends);
        self.shown = Instant::now();
        if !is_end && !sink.has_room() {
            self.fresh = true;
            return News::default();
        }
        self.changes.mark_unchanged();
        let limit = if is_end { AT_END } else { AT_ONCE };
        let mut followed = self.telemetry.logs().since(self.next_line, limit);
        if is_end {
            let end = self.telemetry.logs().next_seq();
            followed.missed += end.saturating_sub(followed.next);
        }
        let since = self.telemetry.exchanges().since(self.next_exchange);
        let spans = self.telemetry.spans().since(self.next_span);
        self.next_span = spans.cursor;
        self.next_line = followed.next;
        self.next_exchange = since.cursor;
        let missed = since.missed + since.lost - self.lost;
        self.lost = since.lost;
        self.fresh = followed.lines.len() == limit;
        News {
            lines: followed.lines,
            exchanges: since.exchanges,
            spans: spans.spans,
            missed: [
                ("log lines", followed.missed),
                ("exchanges", missed),
                ("spans", spans.missed),
            ],
            held: self
                .held
                .look(&self.telemetry.held(), self.shown.into_std()),
        }
    }

    /// The next wish of a view that nobody types into: to show what is new, or to end when its reader has gone away.
    pub(super) async fn next_input(&mut self, sink: &Sink) -> Input {
        loop {
            if sink.is_closed() && !self.has_quit {
                self.has_quit = true;
                return Input::Command(Command::Quit);
            }
            if self.fresh && sink.has_room() && !self.has_quit {
                sleep_until(self.shown + GAP).await;
                return Input::Show;
            }
            let next = self.held.next();
            let held_long = async {
                match next {
                    Some(next) => sleep_until(next.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = held_long => self.fresh = true,
                changed = self.changes.changed() => match changed {
                    Ok(()) => self.fresh = true,
                    Err(_) => std::future::pending().await,
                },
                () = sink.moved() => {}
            }
        }
    }
}
