//! Health checks that somebody else makes of a run, whose results can be looked up.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;

use super::Executed;

/// A check that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// When it began, by the clock of whoever made it.
    pub began: Timestamp,
    /// When it ended, by the same clock.
    pub ended: Timestamp,
    /// What came of it.
    pub end: Executed,
}

type Looking = Pin<Box<dyn Future<Output = Vec<Checked>> + Send>>;

/// Looks up the latest checks of one run, oldest first; none while there are none, or they cannot be known.
#[derive(Clone)]
pub struct Checks(Arc<dyn Fn() -> Looking + Send + Sync>);

impl Checks {
    /// They are looked up by this function.
    pub fn new<F>(look: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Vec<Checked>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(look())))
    }

    /// Looks.
    pub fn look(&self) -> impl Future<Output = Vec<Checked>> + Send + use<> {
        (self.0)()
    }
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Checks")
    }
}
