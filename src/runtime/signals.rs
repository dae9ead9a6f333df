//! Signals that ask Boatyard itself to end.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// A signal that asks for the end of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// SIGINT: Ctrl-C.
    Int,
    /// SIGTERM: asked to stop by another program.
    Term,
    /// SIGHUP: the terminal is gone.
    Hangup,
}

impl Interrupt {
    /// The exit code that a program ended by this signal has.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Int => 130,
            Self::Term => 143,
            Self::Hangup => 129,
        }
    }
}

/// Where interrupts come from: this process's signals, or a test.
#[derive(Debug)]
pub enum Interrupts {
    /// The signals of this process.
    Signals {
        /// SIGINT.
        int: Signal,
        /// SIGTERM.
        term: Signal,
        /// SIGHUP.
        hangup: Signal,
    },
    /// Whatever is sent here.
    Channel(mpsc::UnboundedReceiver<Interrupt>),
}

impl Interrupts {
    /// Catches SIGINT, SIGTERM and SIGHUP from now on. Needs a tokio runtime.
    pub fn catch() -> io::Result<Self> {
        Ok(Self::Signals {
            int: signal(SignalKind::interrupt())?,
            term: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next interrupt. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Interrupt {
        match self {
            Self::Signals { int, term, hangup } => tokio::select! {
                Some(()) = int.recv() => Interrupt::Int,
                Some(()) = term.recv() => Interrupt::Term,
                Some(()) = hangup.recv() => Interrupt::Hangup,
                else => std::future::pending().await,
            },
            Self::Channel(receiver) => match receiver.recv().await {
                Some(interrupt) => interrupt,
                None => std::future::pending().await,
            },
        }
    }
}
