//! Lines of a session that were kept, told as `boatyard watch` told them.

use super::json::log_row;
use super::lines::{Printer, is_said};
use crate::runtime::Clock;
use crate::stack::ServiceName;
use crate::telemetry::{LogLine, Stream};
use crate::text::Redactor;

/// Makes rows of log lines.
#[derive(Debug)]
pub struct LogLines {
    printer: Printer,
    redactor: Redactor,
    json: bool,
}

impl LogLines {
    /// For lines of these services; as JSON, or for people.
    pub fn new(services: &[ServiceName], redactor: Redactor, color: bool, json: bool) -> Self {
        let mut printer = Printer::new(Clock::start(), redactor.clone(), color);
        printer.learn_names(services.iter());
        Self {
            printer,
            redactor,
            json,
        }
    }

    /// The same with the time of day in front of each line; JSON has it anyway.
    #[must_use]
    pub fn with_time(mut self) -> Self {
        self.printer = self.printer.with_time();
        self
    }

    /// Whether a line is told: what services said; as JSON, what their builds printed too.
    pub fn tells(&self, line: &LogLine) -> bool {
        is_said(line) || (self.json && line.line.stream == Stream::Build)
    }

    /// The row of a line, with its line end.
    pub fn row(&self, line: &LogLine) -> String {
        if self.json {
            String::from_utf8_lossy(&log_row(line, &self.redactor)).into_owned()
        } else {
            self.printer.line(line)
        }
    }
}
