//! Names and numbers of signals.

use rustix::process::Signal;

const NAMES: [(&str, Signal); 30] = [
    ("SIGHUP", Signal::HUP),
    ("SIGINT", Signal::INT),
    ("SIGQUIT", Signal::QUIT),
    ("SIGILL", Signal::ILL),
    ("SIGTRAP", Signal::TRAP),
    ("SIGABRT", Signal::ABORT),
    ("SIGBUS", Signal::BUS),
    ("SIGFPE", Signal::FPE),
    ("SIGKILL", Signal::KILL),
    ("SIGUSR1", Signal::USR1),
    ("SIGSEGV", Signal::SEGV),
    ("SIGUSR2", Signal::USR2),
    ("SIGPIPE", Signal::PIPE),
    ("SIGALRM", Signal::ALARM),
    ("SIGTERM", Signal::TERM),
    ("SIGSTKFLT", Signal::STKFLT),
    ("SIGCHLD", Signal::CHILD),
    ("SIGCONT", Signal::CONT),
    ("SIGSTOP", Signal::STOP),
    ("SIGTSTP", Signal::TSTP),
    ("SIGTTIN", Signal::TTIN),
    ("SIGTTOU", Signal::TTOU),
    ("SIGURG", Signal::URG),
    ("SIGXCPU", Signal::XCPU),
    ("SIGXFSZ", Signal::XFSZ),
    ("SIGVTALRM", Signal::VTALARM),
    ("SIGPROF", Signal::PROF),
    ("SIGWINCH", Signal::WINCH),
    ("SIGIO", Signal::IO),
    ("SIGSYS", Signal::SYS),
];

/// The signal of this name or number: `SIGTERM`, `term` or `15`.
pub(super) fn parse(name: &str) -> Option<Signal> {
    if let Ok(number) = name.parse() {
        return Signal::from_named_raw(number);
    }
    let name = name.to_ascii_uppercase();
    let short = name.strip_prefix("SIG").unwrap_or(&name);
    NAMES
        .iter()
        .find(|(known, _)| known.strip_prefix("SIG") == Some(short))
        .map(|(_, signal)| *signal)
}

/// The name of a signal; a real-time signal is `SIGRTMIN+n`.
pub(super) fn name(number: i32) -> String {
    let known = NAMES
        .iter()
        .find(|(_, signal)| signal.as_raw() == number)
        .map(|(name, _)| (*name).to_owned());
    known.unwrap_or_else(|| match number {
        34.. => format!("SIGRTMIN+{}", number - 34),
        _ => format!("signal {number}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_people_write_them() {
        for text in ["SIGTERM", "TERM", "term", "sigterm", "15"] {
            assert_eq!(parse(text), Some(Signal::TERM), "{text}");
        }
        for text in ["", "SIG", "SIGNOPE", "0", "-3", "99"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(name(9), "SIGKILL");
        assert_eq!(name(35), "SIGRTMIN+1");
    }
}
