//! The binary: the shim when asked to be one, else the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    boatyard::session::main()
}
