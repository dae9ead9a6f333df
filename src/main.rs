use std::process::ExitCode;

use boatyard::adapters::process::{SHIM_WORD, shim_main};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|word| word == SHIM_WORD) {
        return shim_main(arguments);
    }
    ExitCode::SUCCESS
}
