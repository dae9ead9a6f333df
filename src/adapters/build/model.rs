//! What the parts of building share: the order, what comes out while it is made, and the result.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use crate::engine::{BuildFailure, BuildStep};
use crate::stack::Build;

/// Everything that one build is made from.
#[derive(Debug, Clone)]
pub struct BuildOrder {
    /// What to build.
    pub build: Build,
    /// Names that the image gets.
    pub tags: Vec<String>,
    /// Labels that the image gets, [`Build::labels`] not among them.
    pub labels: Vec<(String, String)>,
    /// Stays the same from build to build of one service, so that only changed files travel.
    pub shared_key: String,
    /// Use no cache of any kind.
    pub fresh: bool,
}

/// What comes out of a build while it is made.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// A step began.
    Step(BuildStep),
    /// A line for the build's log.
    Line { at: Timestamp, bytes: Vec<u8> },
}

/// Where output goes. Called from several tasks.
pub type Sink = Arc<dyn Fn(Output) + Send + Sync>;

/// A build that made an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Id of the image, `sha256:…`.
    pub image: String,
    /// What travelled to the builder for it.
    pub transfer: Transfer,
}

/// What travelled to the builder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transfer {
    /// The files whose content was sent.
    pub files: Vec<PathBuf>,
    /// How many bytes of content that was.
    pub bytes: u64,
}

/// Why a try to build ended without an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It cannot be built.
    Failed(BuildFailure),
    /// A file was saved while it was sent, so what the builder got is no state that the tree ever had.
    Torn(PathBuf),
}

impl Stopped {
    /// A failure that has no step.
    pub(super) fn message(message: impl Into<String>) -> Self {
        Self::Failed(plain(message))
    }
}

/// A line that Boatyard itself adds to a build's log.
pub(super) fn say(sink: &Sink, text: impl Into<String>) {
    sink(Output::Line {
        at: Timestamp::now(),
        bytes: text.into().into_bytes(),
    });
}

/// A failure that has only a reason.
pub(super) fn plain(message: impl Into<String>) -> BuildFailure {
    BuildFailure {
        step: None,
        message: message.into(),
        last_lines: Vec::new(),
        missing_base: None,
    }
}
