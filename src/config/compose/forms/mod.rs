//! The forms in which Compose writes single values: each a pure function of a text, to the letter of the reference
//! implementation (compose-go), with its oddities, so that a file means here what it means there.
//!
//! `boatyard.toml` has relatives of most of these. They stay apart where they differ: there a size has a unit, a
//! command is split as a shell would instead of ending at a `;`, a port is never 0 and a volume's options are checked.

mod bytes;
mod dotenv;
mod duration;
mod interpolate;
mod ports;
mod volume;
mod words;

use std::ops::Range;

pub(in crate::config) use bytes::bytes;
pub(in crate::config) use dotenv::dotenv;
pub(in crate::config) use duration::{duration, duration_words};
pub(in crate::config) use interpolate::{interpolate, interpolate_noting};
pub(in crate::config) use ports::ports;
pub(in crate::config) use volume::volume;
pub(in crate::config) use words::{words, words_end};

#[cfg(test)]
mod corpus_tests;

/// Where variables come from.
pub(in crate::config) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What is wrong with the text of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct FormError {
    /// What is wrong, in the words of the reference where it has some.
    pub(in crate::config) message: String,
    /// The bytes of the text that are wrong.
    pub(in crate::config) range: Range<usize>,
    /// What to do.
    pub(in crate::config) help: Option<String>,
}

impl FormError {
    fn new(range: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            range,
            help: None,
        }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same mistake in a text of which this one begins at `offset`.
    fn moved(mut self, offset: usize) -> Self {
        self.range = self.range.start + offset..self.range.end + offset;
        self
    }
}
