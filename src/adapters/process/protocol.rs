//! What Boatyard and a shim say to each other over the shim's standard input: a line each.

use std::fmt;
use std::time::Duration;

/// What Boatyard asks of a shim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// Send this signal to the program's process group, and kill whatever is left after the grace.
    Stop { signal: i32, grace: Duration },
    /// Kill the whole tree.
    Kill,
}

/// What a shim tells Boatyard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    /// The program runs under this process id.
    Started { pid: u32 },
    /// The program could not be executed, with this system error. The shim ends.
    Failed { errno: i32 },
    /// The program has ended. Its tree may still be going; the shim ends when all of it is gone.
    Exited { end: End },
    /// A process of the tree could not be killed (it runs with other rights) and is left.
    Left { pid: u32 },
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stop { signal, grace } => write!(f, "stop {signal} {}", grace.as_millis()),
            Self::Kill => write!(f, "kill"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { pid } => write!(f, "started {pid}"),
            Self::Failed { errno } => write!(f, "failed {errno}"),
            Self::Exited {
                end: End::Code(code),
            } => write!(f, "exited code {code}"),
            Self::Exited {
                end: End::Signal(signal),
            } => write!(f, "exited signal {signal}"),
            Self::Left { pid } => write!(f, "left {pid}"),
        }
    }
}

impl Request {
    /// Reads a line; `None` if it is none of ours.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        match *words.as_slice() {
            ["stop", signal, grace] => Some(Self::Stop {
                signal: signal.parse().ok()?,
                grace: Duration::from_millis(grace.parse().ok()?),
            }),
            ["kill"] => Some(Self::Kill),
            _ => None,
        }
    }
}

impl Report {
    /// Reads a line; `None` if it is none of ours.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        match *words.as_slice() {
            ["started", pid] => Some(Self::Started {
                pid: pid.parse().ok()?,
            }),
            ["failed", errno] => Some(Self::Failed {
                errno: errno.parse().ok()?,
            }),
            ["exited", "code", code] => Some(Self::Exited {
                end: End::Code(code.parse().ok()?),
            }),
            ["exited", "signal", signal] => Some(Self::Exited {
                end: End::Signal(signal.parse().ok()?),
            }),
            ["left", pid] => Some(Self::Left {
                pid: pid.parse().ok()?,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_said_is_understood() {
        let grace = Duration::from_millis(1500);
        for request in [Request::Stop { signal: 15, grace }, Request::Kill] {
            assert_eq!(Request::parse(&request.to_string()), Some(request));
        }
        for report in [
            Report::Started { pid: 7 },
            Report::Failed { errno: 2 },
            Report::Exited { end: End::Code(3) },
            Report::Exited {
                end: End::Signal(9),
            },
            Report::Left { pid: 8 },
        ] {
            assert_eq!(Report::parse(&report.to_string()), Some(report));
        }
        for nonsense in ["", "kill 9", "stop x 1", "exited", "started -1"] {
            assert_eq!(Request::parse(nonsense), None);
            assert_eq!(Report::parse(nonsense), None);
        }
    }
}
