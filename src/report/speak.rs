//! The two voices of a command: results on standard output, everything else on standard error.

use std::io::{self, IsTerminal, Write};

/// Prints a result, as it is. A reader that has gone away is no error: it has seen what it wanted.
pub fn print(text: &str) {
    let mut out = io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Prints a part of a long result. Tells whether the reader is still there.
pub fn print_on(text: &str) -> bool {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).is_ok()
}

/// Prints a complaint or a remark on standard error, a line end behind it.
pub fn complain(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Whether complaints get colour: standard error is a terminal, and `NO_COLOR` is not set.
pub fn stderr_has_color() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
