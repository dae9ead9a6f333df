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

type Awaited<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Looks up the latest checks of one run. Cheap to clone.
#[derive(Clone)]
pub struct HealthChecks(Arc<Source>);

struct Source {
    look: Box<dyn Fn() -> Awaited<Vec<Checked>> + Send + Sync>,
    changed: Box<dyn Fn() -> Awaited<()> + Send + Sync>,
}

impl HealthChecks {
    /// `look` tells the latest checks, oldest first; none while there are none, or they cannot be known. `changed` ends when
    /// they tell something else than before, for all that happens from the moment at which it was called.
    pub fn new<F, G>(
        look: impl Fn() -> F + Send + Sync + 'static,
        changed: impl Fn() -> G + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Vec<Checked>> + Send + 'static,
        G: Future<Output = ()> + Send + 'static,
    {
        Self(Arc::new(Source {
            look: Box::new(move || Box::pin(look())),
            changed: Box::new(move || Box::pin(changed())),
        }))
    }

    /// Looks.
    pub fn look(&self) -> impl Future<Output = Vec<Checked>> + Send + use<> {
        (self.0.look)()
    }

    /// Waits for a change from now on.
    pub fn changed(&self) -> impl Future<Output = ()> + Send + use<> {
        (self.0.changed)()
    }
}

impl fmt::Debug for HealthChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HealthChecks")
    }
}
