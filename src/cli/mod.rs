//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// A terminal workbench for people who develop a group of services on their own machine.
///
/// It watches source trees, rebuilds container images or restarts processes when they change, runs the service graph,
/// and shows logs, health and request traces.
#[derive(Debug, Parser)]
#[command(
    name = "boatyard",
    version,
    styles = STYLES,
    propagate_version = true,
    after_help = "Examples:
  boatyard                      run the stack of this folder in the workbench (the same as `boatyard up`)
  boatyard up web orders        only these services and what they need
  boatyard watch --json         the same without a screen, one JSON object a line
  boatyard smoke --junit r.xml  bring up, check, report, take down
  boatyard check                look for mistakes in the stack file
  boatyard init                 write a first boatyard.toml

Exit codes: 0 all went well; 1 a build, a run or a check failed; 2 the command line or the stack file is wrong;
3 something needed is missing; 130 and 143 after SIGINT and SIGTERM."
)]
pub struct Cli {
    /// What to do; `up` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
}

/// What holds for every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The stack file, or compose files, later ones merged onto earlier ones [default: boatyard.toml or a compose file in
    /// this folder or one of its parents]
    #[arg(short, long = "file", global = true, value_name = "PATH")]
    pub files: Vec<PathBuf>,
    /// Act as if started in this folder
    #[arg(short = 'C', long, global = true, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Also run the services of this profile; may be given several times
    #[arg(long = "profile", global = true, value_name = "NAME")]
    pub profiles: Vec<String>,
    /// Variables for compose files, instead of .env; may be given several times
    #[arg(
        long = "env-file",
        global = true,
        value_name = "PATH",
        hide_short_help = true
    )]
    pub env_files: Vec<PathBuf>,
    /// The name of the project of compose files [default: as Compose has it]
    #[arg(
        short,
        long,
        global = true,
        value_name = "NAME",
        hide_short_help = true
    )]
    pub project_name: Option<String>,
    /// The folder to which paths of compose files are relative [default: the first one's]
    #[arg(long, global = true, value_name = "DIR", hide_short_help = true)]
    pub project_directory: Option<PathBuf>,
    /// What services run as
    #[arg(long, global = true, value_enum, default_value_t = RuntimeArg::Auto, hide_default_value = true)]
    pub runtime: RuntimeArg,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = ColorArg::Auto, hide_default_value = true)]
    pub color: ColorArg,
    /// Say more about what Boatyard itself does, on standard error; twice for everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// What services run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RuntimeArg {
    /// Containers where an engine answers, else plain processes (the default)
    Auto,
    /// Containers only
    Engine,
    /// Plain processes only
    Process,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorArg {
    /// When the output is a terminal and `NO_COLOR` is not set (the default)
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the stack, watch its sources, and show the workbench
    #[command(after_help = "Examples:
  boatyard up                   the whole stack
  boatyard up web               web and what it needs
  boatyard up --runtime process without containers

Without a terminal on standard output it behaves as `boatyard watch`.")]
    Up(Up),
    /// The same without a screen: a line for each notice and log line
    #[command(after_help = "Examples:
  boatyard watch                for people
  boatyard watch --json         for programs; docs/notices.md describes each line
  boatyard watch --no-logs      notices only
  boatyard watch --isolated     a copy beside the stack that runs, as in another git worktree

A copy's front doors are at free ports; which is told first, as lines that a shell can read.")]
    Watch(Watch),
    /// Bring the stack up, wait until it is ready, run its checks, report, and take it down
    #[command(after_help = "Examples:
  boatyard smoke                          every check
  boatyard smoke 'an order can be placed' this one
  boatyard smoke --junit report.xml --timeout 2m
  boatyard smoke --keep                   stay up after the checks until Ctrl-C")]
    Smoke(Smoke),
    /// Show the traces of a file: of a CI run, of OpenTelemetry, of Jaeger, or an HTTP archive
    #[command(after_help = "Examples:
  boatyard smoke --traces traces.json       in CI: keep the file
  boatyard traces --file traces.json        read it in the workbench's screen
  boatyard traces --file traces.json --json one JSON object a line for each trace

The file is OTLP's JSON (one message, or one a line), Jaeger's JSON, or HAR 1.2; which of them is found out. Here
--file names it, and no stack file is read. Without a terminal on standard output a list is printed.")]
    Traces(Traces),
    /// Print what the services said in the last session, or so far in the one that runs
    #[command(after_help = "Examples:
  boatyard logs --last                       everything that the services printed
  boatyard logs --last orders --tail 100     the last lines of one of them
  boatyard logs --last --grep 'timeout|5\\d\\d'  only lines that match
  boatyard logs --last --since 10m -t        the last ten minutes of the session, with times
  boatyard logs --last --json                one JSON object a line, builds too; docs/notices.md describes it

Sessions are kept in $XDG_STATE_HOME/boatyard: the last ten of a stack, and at most 2 GiB of them beside the last.")]
    Logs(Logs),
    /// Read the stack file and print every problem with its place
    #[command(after_help = "Examples:
  boatyard check                the whole stack
  boatyard check web            what would keep `boatyard up web` from running")]
    Check {
        /// Only these services and what they need
        #[arg(value_name = "SERVICE")]
        services: Vec<String>,
    },
    /// Print the graph of the services
    Graph {
        /// In which form
        #[arg(long, value_enum, default_value_t = GraphFormat::Text)]
        format: GraphFormat,
    },
    /// Write a first boatyard.toml from the Dockerfiles and compose files found here
    Init {
        /// Print it instead of writing it
        #[arg(long)]
        print: bool,
        /// Print instead a file of the workbench's keys, to be changed and put at ~/.config/boatyard/keys.toml
        #[arg(long, conflicts_with = "print")]
        keys: bool,
    },
    /// Remove every container, network and process that this stack left behind
    Down(Down),
    /// Print the stack as Boatyard understands it, secrets masked
    Config {
        /// In which form [default: toml, or yaml for compose files]
        #[arg(long, value_enum)]
        format: Option<ConfigFormat>,
        /// Say instead what sets this variable
        #[arg(long, value_name = "VAR")]
        explain: Option<String>,
    },
    /// Say which service and rule a path belongs to and what saving it does, or what leaves it out
    #[command(after_help = "Examples:
  boatyard why orders/src/app.py          what saving it would do
  boatyard why web/node_modules/          a folder; nothing of it need exist
  boatyard why --runtime process web/*    as if there were no container engine
  boatyard why --json web/README.md       one JSON object a line for each path

The stack file is read and nothing is run; no session needs to be up.")]
    Why(Why),
    /// Look at what this machine has, and say what to do about what is missing
    Doctor,
    /// Print a completion script for a shell
    #[command(after_help = "Example:
  boatyard completions bash > ~/.local/share/bash-completion/completions/boatyard")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(after_help = "Example:
  boatyard man > ~/.local/share/man/man1/boatyard.1")]
    Man,
}

/// What `up` and `watch` have in common.
#[derive(Debug, Clone, Default, Args)]
pub struct Serve {
    /// Only these services and what they need
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
    /// When a front door's port is taken: stop and say who has it, or take the next free one
    #[arg(long, value_enum, default_value_t = PortsArg::Fixed, hide_default_value = true)]
    pub ports: PortsArg,
    /// Whether it is a copy.
    #[command(flatten)]
    pub copy: Isolated,
}

/// Whether the stack itself is meant, or a copy of it beside it.
#[derive(Debug, Clone, Default, Args)]
pub struct Isolated {
    /// A second copy beside the first, with containers, networks, volumes and ports of its own; named after this folder, or
    /// by NAME
    #[arg(
        long,
        value_name = "NAME",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = ""
    )]
    pub isolated: Option<String>,
}

/// What to do when a front door's port is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum PortsArg {
    /// Stop and say who has it (the default)
    #[default]
    Fixed,
    /// Take the next free one
    Auto,
}

/// Arguments of `up`.
#[derive(Debug, Clone, Default, Args)]
pub struct Up {
    /// What it shares with `watch`.
    #[command(flatten)]
    pub serve: Serve,
    /// Colour theme: a name or a file [default: by the terminal's background]
    #[arg(long, value_name = "NAME")]
    pub theme: Option<String>,
}

/// Arguments of `watch`.
#[derive(Debug, Clone, Default, Args)]
pub struct Watch {
    /// What it shares with `up`.
    #[command(flatten)]
    pub serve: Serve,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Leave out what the services print
    #[arg(long)]
    pub no_logs: bool,
}

/// Arguments of `smoke`.
#[derive(Debug, Clone, Args)]
pub struct Smoke {
    /// Only the checks whose name is one of these
    #[arg(value_name = "CHECK")]
    pub checks: Vec<String>,
    /// Write a JUnit XML report
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write a JSON report
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the traces of the run as OTLP's JSON, for `boatyard traces --file FILE`
    #[arg(long, value_name = "FILE")]
    pub traces: Option<PathBuf>,
    /// Stay up after the checks until interrupted
    #[arg(long)]
    pub keep: bool,
    /// Time for everything together
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = parse_time)]
    pub timeout: Duration,
    /// When a front door's port is taken: stop and say who has it, or take the next free one
    #[arg(long, value_enum, default_value_t = PortsArg::Fixed, hide_default_value = true)]
    pub ports: PortsArg,
    /// Whether it is a copy.
    #[command(flatten)]
    pub copy: Isolated,
}

/// Arguments of `logs`.
#[derive(Debug, Clone, Args)]
pub struct Logs {
    /// Only these services
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
    /// Those of the last session
    #[arg(long, required = true)]
    pub last: bool,
    /// Only lines in which this regular expression is found; upper and lower case are told apart if it has an upper-case
    /// letter
    #[arg(long, value_name = "REGEX")]
    pub grep: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Only the last N lines
    #[arg(long, value_name = "N")]
    pub tail: Option<usize>,
    /// Only lines from this time on: a time as 2026-01-31T14:03:00Z, or as 10m before the session's last line
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    pub since: Option<Since>,
    /// With the time of day in front of each line
    #[arg(short, long)]
    pub timestamps: bool,
    /// Whether it is a copy.
    #[command(flatten)]
    pub copy: Isolated,
}

/// From when on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// So long before the last line.
    Before(Duration),
    /// From this moment.
    At(jiff::Timestamp),
}

/// Arguments of `down`.
#[derive(Debug, Clone, Args)]
pub struct Down {
    /// Remove its named volumes too, with all their data
    #[arg(long)]
    pub volumes: bool,
    /// Whether it is a copy.
    #[command(flatten)]
    pub copy: Isolated,
}

/// Arguments of `traces`; the file is that of [`Global`].
#[derive(Debug, Clone, Args)]
pub struct Traces {
    /// One JSON object a line for each trace
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `why`.
#[derive(Debug, Clone, Args)]
pub struct Why {
    /// Files and folders, which need not exist
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// One JSON object a line for each path
    #[arg(long)]
    pub json: bool,
}

/// The form of `graph`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// For people
    Text,
    /// A Mermaid diagram
    Mermaid,
    /// Graphviz
    Dot,
    /// For programs
    Json,
}

/// The form of `config`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConfigFormat {
    /// As the stack file
    Toml,
    /// For programs
    Json,
    /// As Compose files
    Yaml,
}

/// A moment, or a time before the end.
fn parse_since(text: &str) -> Result<Since, String> {
    if let Ok(at) = text.parse() {
        return Ok(Since::At(at));
    }
    let wrong = |_| format!("`{text}` is no time; write it as 2026-01-31T14:03:00Z, 10m or 1h30m");
    parse_time(text).map(Since::Before).map_err(wrong)
}

/// A time as `90s`, `5m`, `1m30s`, `500ms` or `2h`.
fn parse_time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time; write it as 90s, 5m, 1m30s or 500ms");
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let after = &rest[digits..];
        let letters = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let millis = match &after[..letters] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(wrong()),
        };
        total += Duration::from_millis(number.checked_mul(millis).ok_or_else(wrong)?);
        rest = &after[letters..];
    }
    if total.is_zero() {
        Err(wrong())
    } else {
        Ok(total)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_are_read() {
        assert_eq!(parse_time("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_time("500ms"), Ok(Duration::from_millis(500)));
        for wrong in ["", "5", "m", "5x", "-1s", "99999999999999999999s", "0s"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn since_is_a_moment_or_a_time_before_the_end() {
        assert_eq!(
            parse_since("10m"),
            Ok(Since::Before(Duration::from_secs(600)))
        );
        let at = "2026-01-31T14:03:00Z".parse().unwrap();
        assert_eq!(parse_since("2026-01-31T15:03:00+01:00"), Ok(Since::At(at)));
        assert!(parse_since("yesterday").is_err());
    }

    #[test]
    fn options_may_stand_before_and_behind_the_command() {
        let before = Cli::parse_from(["boatyard", "-C", "shop", "watch", "--json"]);
        let behind = Cli::parse_from(["boatyard", "watch", "--json", "-C", "shop"]);
        assert_eq!(before.global.directory, behind.global.directory);
    }
}
