//! The one filter language, for log lines and exchanges alike.
//!
//! ```text
//! filter = all { "or" all }
//! all    = one { [ "and" ] one }
//! one    = ( "not" | "!" ) one | "(" filter ")" | FIELD OP VALUE | "~" REGEX | "?" LETTERS | TEXT
//! OP     = "=" | "!=" | "~" | "!~" | "<" | "<=" | ">" | ">="
//! ```
//!
//! A text is found in upper and lower case; a regular expression tells them apart only if it has an upper-case letter.
//! `?ordtmo` finds a text by some of its letters in this order: the first begins a word, each other one follows in the same
//! word or begins one of the next few. Values and texts may stand in quotes. `service=orders,web` means one of these. What does not have a field
//! (a log line has no status) is not let through by a question about it. The word `error` finds requests and spans that
//! failed, and whatever has that word; in quotes it is only a text. The word `fault` does the same for requests to which
//! something was done on purpose.

mod fault;
mod fuzzy;
mod parse;
mod remark;
mod term;

use std::fmt;

use super::exchange::Exchange;
use super::log::LogLine;
use super::span::Span;
use super::what::What;
pub use remark::Remark;
use term::{Node, Subject};

/// Lets some log lines and exchanges pass.
#[derive(Debug, Clone)]
pub struct Filter {
    text: String,
    root: Option<Node>,
}

/// Why a filter cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// Where, in bytes from its beginning.
    pub at: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl Filter {
    /// The fields that can be asked for, and what each means.
    pub const FIELDS: &'static [(&'static str, &'static str)] = term::FIELDS;

    /// Reads a filter. The empty one lets everything pass.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Ok(Self {
            text: text.trim().to_owned(),
            root: parse::parse(text)?,
        })
    }

    /// The filter as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it lets everything pass.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// Whether this line passes.
    pub fn matches_line(&self, line: &LogLine) -> bool {
        self.matches(&term::Line::of(line))
    }

    /// Whether a part of a trace passes.
    pub fn matches_part(&self, part: &What) -> bool {
        match part {
            What::Exchange(exchange) => self.matches_exchange(exchange),
            What::Span(span) => self.matches_span(span),
        }
    }

    /// Whether a trace of these parts passes: what is asked is asked of one part (`service=orders and ms>100`: one that is
    /// both), what is denied is denied of all (`not path=/`: none).
    pub fn matches_trace(&self, parts: &[What]) -> bool {
        self.root
            .as_ref()
            .is_none_or(|root| root.matches_parts(parts))
    }

    /// Whether a span passes.
    pub fn matches_span(&self, span: &Span) -> bool {
        self.matches(span)
    }

    /// Whether something that was told passes.
    pub fn matches_remark(&self, remark: &Remark<'_>) -> bool {
        self.matches(remark)
    }

    /// Whether this exchange passes.
    pub fn matches_exchange(&self, exchange: &Exchange) -> bool {
        self.matches(exchange)
    }

    fn matches(&self, subject: &impl Subject) -> bool {
        self.root.as_ref().is_none_or(|root| root.matches(subject))
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at character {})", self.message, self.at + 1)
    }
}

impl std::error::Error for FilterError {}

#[cfg(test)]
mod tests;
