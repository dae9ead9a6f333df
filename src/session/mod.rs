//! Wiring: what each command puts together, and the exit code it ends with.

mod addresses;
mod answers;
mod between;
mod doctor;
mod doing;
mod down;
mod engine_side;
mod exec;
mod failure;
mod inside;
mod inspect;
mod isolation;
mod logs;
mod opening;
mod otlp;
mod policy;
mod reload;
mod serve;
mod smoke;
mod traces;
mod why;
mod world;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::adapters::{container, process};
use crate::cli::{Cli, ColorArg, Command, Global};
use crate::proxy;
use crate::report;

use failure::Failure;

/// The program: reads the command line, does what it says, and gives the exit code.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    // What this binary is besides: before anything else, and before any thread exists.
    let first = arguments.nth(1).unwrap_or_default();
    match first.to_str() {
        Some(process::SHIM_WORD) => return process::shim_main(arguments),
        Some(proxy::RELAY_WORD) => return proxy::relay_main(arguments),
        Some(container::HELPER_WORD) => return container::helper_main(arguments),
        Some(container::BECOME_WORD) => return container::become_main(arguments),
        _ => {}
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results; everything else is a wrong command line.
            drop(error.print());
            return ExitCode::from(if error.use_stderr() {
                Failure::WRONG
            } else {
                0
            });
        }
    };
    log_to_stderr(cli.global.verbose);
    match dispatch(cli) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            report::complain(&failure.to_string());
            ExitCode::from(failure.exit_code())
        }
    }
}

fn dispatch(cli: Cli) -> Result<u8, Failure> {
    let Cli { command, global } = cli;
    match command.unwrap_or_else(|| Command::Up(crate::cli::Up::default())) {
        Command::Up(up) => serve::up(&global, &up),
        Command::Watch(watch) => serve::watch(&global, &watch),
        Command::Smoke(smoke) => smoke::smoke(&global, &smoke),
        Command::Traces(wanted) => traces::traces(&global, &wanted),
        Command::Logs(wanted) => logs::logs(&global, &wanted),
        Command::Check { services } => inspect::check(&global, &services),
        Command::Graph { format } => inspect::graph(&global, format),
        Command::Config { format, explain } => inspect::config(&global, format, explain.as_deref()),
        Command::Init { keys: true, .. } => Ok(inspect::keys()),
        Command::Init { print, .. } => inspect::init(&global, print),
        Command::Down(down) => down::down(&global, &down),
        Command::Why(paths) => why::why(&global, &paths),
        Command::Doctor => doctor::doctor(&global),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "boatyard", &mut script);
            report::print(&String::from_utf8_lossy(&script));
            Ok(0)
        }
        Command::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command())
                .render(&mut page)
                .map_err(|error| Failure::io("the page", &error))?;
            report::print(&String::from_utf8_lossy(&page));
            Ok(0)
        }
    }
}

/// Boatyard's own log, for whoever looks for a fault in Boatyard.
fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => "boatyard=info,warn",
        2 => "boatyard=debug,info",
        _ => "trace",
    };
    let filter = tracing_subscriber::EnvFilter::new(level);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}

/// Whether standard output gets colour.
fn use_color(global: &Global) -> bool {
    match global.color {
        ColorArg::Always => true,
        ColorArg::Never => false,
        ColorArg::Auto => {
            std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                && std::io::stdout().is_terminal()
        }
    }
}

/// The asynchronous runtime of commands that need one: two threads do for what runs on one machine.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::io("threads for the session", &error))
}
