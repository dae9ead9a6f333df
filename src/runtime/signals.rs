//! Signals that ask Boatyard itself for something: most of them to end.

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

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The end of the session.
    End(Interrupt),
    /// SIGUSR1: apply the edits that wait.
    Apply,
    /// SIGUSR2: let edits wait, or let them wait no longer.
    Hold,
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
        /// SIGUSR1.
        apply: Signal,
        /// SIGUSR2.
        hold: Signal,
    },
    /// Whatever is sent here.
    Channel(mpsc::UnboundedReceiver<Interrupt>),
}

impl Interrupts {
    /// Catches SIGINT, SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 from now on. Needs a tokio runtime.
    pub fn catch() -> io::Result<Self> {
        Ok(Self::Signals {
            int: signal(SignalKind::interrupt())?,
            term: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            apply: signal(SignalKind::user_defined1())?,
            hold: signal(SignalKind::user_defined2())?,
        })
    }

    /// What the next signal asks for. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Asked {
        match self {
            Self::Signals {
                int,
                term,
                hangup,
                apply,
                hold,
            } => tokio::select! {
                Some(()) = int.recv() => Asked::End(Interrupt::Int),
                Some(()) = term.recv() => Asked::End(Interrupt::Term),
                Some(()) = hangup.recv() => Asked::End(Interrupt::Hangup),
                Some(()) = apply.recv() => Asked::Apply,
                Some(()) = hold.recv() => Asked::Hold,
                else => std::future::pending().await,
            },
            Self::Channel(receiver) => match receiver.recv().await {
                Some(interrupt) => Asked::End(interrupt),
                None => std::future::pending().await,
            },
        }
    }
}
