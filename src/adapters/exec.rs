//! Running a command inside a service, whatever the service runs as.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Executed {
    /// Its exit code.
    pub code: i32,
    /// What it printed on stdout, bounded by whoever ran it.
    pub stdout: Vec<u8>,
    /// What it printed on stderr, bounded by whoever ran it.
    pub stderr: Vec<u8>,
}

/// A command under way. Dropping it ends the command, as far as the runtime can.
pub type Executing = Pin<Box<dyn Future<Output = Result<Executed, String>> + Send>>;

type Execute = dyn Fn(Vec<String>, Duration) -> Executing + Send + Sync;

/// Runs commands inside one run of a service: in its container, or on this machine with its folder and environment.
#[derive(Clone)]
pub struct Exec(Arc<Execute>);

impl Exec {
    /// Commands are run by this function: given the words and the time it may take, it tells the end, or in words why
    /// the command could not be run or was not done in time.
    pub fn new<F>(execute: impl Fn(Vec<String>, Duration) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Executed, String>> + Send + 'static,
    {
        Self(Arc::new(move |argv, timeout| {
            Box::pin(execute(argv, timeout))
        }))
    }

    /// Runs a command.
    pub fn run(&self, argv: Vec<String>, timeout: Duration) -> Executing {
        (self.0)(argv, timeout)
    }
}

impl fmt::Debug for Exec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exec")
    }
}
