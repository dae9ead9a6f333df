//! For people without a screen: a line for each notice and each log line.

use std::io::Write;
use std::sync::Arc;

use jiff::Timestamp;

use super::feed::Feed;
use super::paint::{Paint, bold, colored, dim};
use super::sink::Sink;
use crate::engine::{Notice, State};
use crate::runtime::{Clock, Input, Shown, View};
use crate::stack::ServiceName;
use crate::story::{Story, Told, Tone};
use crate::telemetry::{Level, LogLine, Stream, Telemetry};
use crate::text::{self, Redactor, Style, pad, sanitize, width};

/// Colours of services, by their place in the stack: neither red nor yellow, which mean trouble.
const COLORS: [u8; 8] = [6, 5, 4, 2, 14, 13, 12, 10];

/// Names are shown in at most this many columns.
const WIDEST_NAME: usize = 24;

/// How lines look.
#[derive(Debug, Clone, Copy)]
pub struct LinesOptions {
    /// With colours.
    pub color: bool,
    /// With what services print, not notices alone.
    pub logs: bool,
}

/// The view of `boatyard watch`.
#[derive(Debug)]
pub struct Lines {
    sink: Sink,
    feed: Feed,
    story: Story,
    printer: Printer,
    logs: bool,
}

impl Lines {
    /// A view that writes to `out`, from a thread of its own: a slow reader makes nobody wait.
    pub fn new(
        out: Box<dyn Write + Send>,
        telemetry: Arc<Telemetry>,
        clock: Clock,
        redactor: Redactor,
        options: LinesOptions,
    ) -> Self {
        Self {
            sink: Sink::new(out),
            feed: Feed::new(telemetry),
            story: Story::default(),
            printer: Printer::new(clock, redactor, options.color),
            logs: options.logs,
        }
    }

    /// The same with the time of day in front of each line.
    #[must_use]
    pub fn with_time(mut self) -> Self {
        self.printer = self.printer.with_time();
        self
    }
}

impl View for Lines {
    fn show(&mut self, shown: &Shown<'_>) {
        self.printer.learn(shown.state);
        let news = self.feed.news(shown.notices, &self.sink);
        let mut rows: Vec<(Timestamp, String)> = Vec::new();
        if self.logs {
            let said = news.lines.iter().filter(|line| is_said(line));
            rows.extend(said.map(|line| (line.line.at, self.printer.line(line))));
            let (what, count) = news.missed[0];
            if count > 0 {
                let notice = Notice::Dropped {
                    service: None,
                    what: what.into(),
                    count,
                };
                let told = self.story.tell(&notice, shown.state);
                let at = shown.clock.timestamp(shown.clock.now());
                rows.extend(told.map(|told| (at, self.printer.told(at, &told))));
            }
        }
        let now = shown.clock.timestamp(shown.clock.now());
        for notice in &news.held {
            let told = self.story.tell(notice, shown.state);
            rows.extend(told.map(|told| (now, self.printer.told(now, &told))));
        }
        for noticed in shown.notices {
            let at = shown.clock.timestamp(noticed.at);
            let told = self.story.tell(&noticed.notice, shown.state);
            rows.extend(told.map(|told| (at, self.printer.told(at, &told))));
        }
        // Stable, so that what happened at one moment stays in its order: what was said before what is told of it.
        rows.sort_by_key(|(at, _)| *at);
        let text: String = rows.into_iter().map(|(_, row)| row).collect();
        self.sink.write(text.into_bytes());
    }

    async fn next_input(&mut self) -> Input {
        self.feed.next_input(&self.sink).await
    }
}

/// Whether a program said it: builds and marks are told as notices.
pub(super) fn is_said(line: &LogLine) -> bool {
    matches!(
        line.line.stream,
        Stream::Stdout | Stream::Stderr | Stream::Otlp
    )
}

/// Makes rows of sentences and lines.
#[derive(Debug)]
pub(super) struct Printer {
    clock: Clock,
    redactor: Redactor,
    paint: Paint,
    with_time: bool,
    services: Vec<ServiceName>,
    columns: usize,
}

impl Printer {
    pub(super) fn new(clock: Clock, redactor: Redactor, color: bool) -> Self {
        Self {
            clock,
            redactor,
            paint: Paint { on: color },
            with_time: false,
            services: Vec::new(),
            columns: 0,
        }
    }

    /// Takes note of services that it has not met; those that it knows keep their colour.
    pub(super) fn learn(&mut self, state: &State) {
        self.learn_names(state.services.keys());
    }

    pub(super) fn learn_names<'a>(&mut self, names: impl Iterator<Item = &'a ServiceName>) {
        for name in names {
            if !self.services.contains(name) {
                self.columns = self.columns.max(width(name.as_str()).min(WIDEST_NAME));
                self.services.push(name.clone());
            }
        }
    }

    /// The same with the time of day in front of each line.
    #[must_use]
    pub(super) fn with_time(mut self) -> Self {
        self.with_time = true;
        self
    }

    /// A row, and one more for each line that belongs to it.
    pub(super) fn told(&self, at: Timestamp, told: &Told) -> String {
        let style = match told.tone {
            Tone::Plain => Style::default(),
            Tone::Good => colored(2),
            Tone::Bad => colored(1),
        };
        let sign = self.paint.text(told.tone.sign(), style);
        let front = self.front(at, told.service.as_ref());
        let text = self.clean(&told.text);
        let text = if told.tone == Tone::Bad {
            self.paint.text(&text, style)
        } else {
            text
        };
        let mut rows = format!("{front} {sign} {text}\n");
        for line in &told.more {
            let line = self.paint.text(&self.clean(line), dim());
            rows.extend([front.as_str(), "   ", &line, "\n"]);
        }
        rows
    }

    /// A line of a service.
    pub(super) fn line(&self, line: &LogLine) -> String {
        let said = self.redactor.styled(sanitize(&line.line.bytes));
        let style = level_style(line.level);
        let text = if said.spans.is_empty() {
            self.paint.text(&said.text, style)
        } else {
            self.paint.styled(&said)
        };
        let bar = match line.line.stream {
            Stream::Stderr => "┃",
            Stream::Otlp => "┊",
            _ => "│",
        };
        let bar = self
            .paint
            .text(bar, if style.is_plain() { dim() } else { style });
        format!(
            "{} {bar} {text}\n",
            self.front(line.line.at, Some(&line.line.service))
        )
    }

    fn front(&self, at: Timestamp, service: Option<&ServiceName>) -> String {
        let name = service.map_or("", ServiceName::as_str);
        let place = service.and_then(|name| self.services.iter().position(|known| known == name));
        let style = place.map_or_else(bold, |place| colored(COLORS[place % COLORS.len()]));
        let name = match name {
            "" => " ".repeat(self.columns),
            name => self.paint.text(&pad(name, self.columns), style),
        };
        if !self.with_time {
            return name;
        }
        let time = self.clock.local(at).strftime("%H:%M:%S%.3f").to_string();
        format!("{} {name}", self.paint.text(&time, dim()))
    }

    /// One line without control characters and secrets.
    pub(super) fn clean(&self, text: &str) -> String {
        self.redactor
            .text(&text::readable(text.as_bytes()))
            .into_owned()
    }

    pub(super) fn paint(&self) -> Paint {
        self.paint
    }
}

fn level_style(level: Option<Level>) -> Style {
    match level {
        Some(Level::Error | Level::Fatal) => colored(1),
        Some(Level::Warn) => colored(3),
        Some(Level::Debug | Level::Trace) => dim(),
        Some(Level::Info) | None => Style::default(),
    }
}

#[cfg(test)]
mod tests;
