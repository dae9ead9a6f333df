//! The service's program: started as its user, signalled, and cleared away with all that it left.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use rustix::thread::{Gid, Uid, set_thread_gid, set_thread_groups, set_thread_uid};

use super::super::super::pack::Owner;
use super::HELPER_WORD;
use super::user::{self, User};
use crate::adapters::state::proc;

/// First argument of our binary that makes it take on a user and become a program.
pub const BECOME_WORD: &str = "__become";

/// A program, and as whom it runs.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) words: Vec<OsString>,
    /// The user as the image or the stack file names it.
    pub(super) user: String,
    /// `HOME` was given, and is not the user's.
    pub(super) keeps_home: bool,
    /// What its environment has beside ours.
    pub(super) environment: Vec<(String, String)>,
}

impl Program {
    /// Starts it in a process group of its own. Errors in words.
    pub(super) fn spawn(&self) -> Result<Pid, String> {
        let (first, rest) = self.words.split_first().ok_or("there is no program")?;
        let user = user::find(&self.user)?;
        let mut command = if user.owner == Owner::default() {
            let mut command = Command::new(first);
            command.args(rest);
            command
        } else {
            as_user(&user, &self.words)?
        };
        if !self.keeps_home && user.owner.user != 0 {
            command.env("HOME", &user.home);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let started = command.process_group(0).spawn();
        let child = started
            .map_err(|error| format!("`{}` cannot be started: {error}", first.to_string_lossy()))?;
        i32::try_from(child.id())
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| "it has no process id".into())
    }

    /// Who owns files of this user, or of its own; root where the user is not known.
    pub(super) fn owner(&self, named: Option<&str>) -> Owner {
        let user = user::find(named.unwrap_or(&self.user));
        user.map_or_else(|_| Owner::default(), |user| user.owner)
    }
}

/// Our own binary once more, which gives up its rights and then becomes the program: giving them up between fork and exec
/// would need `unsafe`.
fn as_user(user: &User, words: &[OsString]) -> Result<Command, String> {
    let own = std::fs::read("/proc/self/cmdline").map_err(|error| error.to_string())?;
    let own = own.split(|byte| *byte == 0).map(|word| {
        use std::os::unix::ffi::OsStringExt;
        OsString::from_vec(word.to_vec())
    });
    let mut own = own.take_while(|word| word != HELPER_WORD);
    let mut command = Command::new(own.next().ok_or("its own command is not known")?);
    let groups: Vec<String> = user.groups.iter().map(ToString::to_string).collect();
    command
        .args(own)
        .arg(BECOME_WORD)
        .arg(user.owner.user.to_string())
        .arg(user.owner.group.to_string())
        .arg(groups.join(","))
        .args(words);
    Ok(command)
}

/// Takes on a user and becomes a program: `UID GID GROUP,… PROGRAM ARGUMENT…` (what follows [`BECOME_WORD`]). Returns only if
/// that fails, with the code that shells use for it.
pub fn become_main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    let mut number = || arguments.next()?.to_str()?.parse::<u32>().ok();
    let (Some(user), Some(group)) = (number(), number()) else {
        return ExitCode::from(125);
    };
    let groups = arguments.next().unwrap_or_default();
    let groups: Vec<Gid> = groups
        .to_string_lossy()
        .split(',')
        .filter_map(|group| group.parse().ok().map(Gid::from_raw))
        .collect();
    let Some(program) = arguments.next() else {
        return ExitCode::from(125);
    };
    // One thread is all there is, so its rights are the process's.
    let given_up = set_thread_groups(&groups)
        .and_then(|()| set_thread_gid(Gid::from_raw(group)))
        .and_then(|()| set_thread_uid(Uid::from_raw(user)));
    let error = match given_up {
        Ok(()) => Command::new(&program).args(arguments).exec(),
        Err(error) => error.into(),
    };
    complain(&program, &error);
    ExitCode::from(match error.kind() {
        io::ErrorKind::NotFound => 127,
        _ => 126,
    })
}

#[expect(
    clippy::print_stderr,
    reason = "it speaks in the program's place, to whoever reads its output"
)]
fn complain(program: &OsString, error: &io::Error) {
    eprintln!("`{}` cannot be started: {error}", program.to_string_lossy());
}

/// Sends a signal to the program's process group.
pub(super) fn signal_group(program: Pid, signal: Signal) {
    // It may have ended just now.
    let _ = kill_process_group(program, signal);
}

/// Kills what the program left below us: only our descendants, so that a command that somebody runs in the container goes on.
pub(super) fn kill_everything_else() {
    for pid in proc::descendants(std::process::id()) {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// The signal of this name (`SIGHUP` or `HUP`) or number.
pub(super) fn signal_named(name: &str) -> Option<Signal> {
    let short = name.strip_prefix("SIG").unwrap_or(name);
    Some(match short {
        "HUP" => Signal::HUP,
        "INT" => Signal::INT,
        "QUIT" => Signal::QUIT,
        "KILL" => Signal::KILL,
        "USR1" => Signal::USR1,
        "USR2" => Signal::USR2,
        "TERM" => Signal::TERM,
        "CONT" => Signal::CONT,
        "STOP" => Signal::STOP,
        "WINCH" => Signal::WINCH,
        "ALRM" => Signal::ALARM,
        "PIPE" => Signal::PIPE,
        "ABRT" => Signal::ABORT,
        "URG" => Signal::URG,
        "IO" | "POLL" => Signal::IO,
        "PWR" => Signal::POWER,
        "TSTP" => Signal::TSTP,
        "TTIN" => Signal::TTIN,
        "TTOU" => Signal::TTOU,
        "ILL" => Signal::ILL,
        "TRAP" => Signal::TRAP,
        "BUS" => Signal::BUS,
        "FPE" => Signal::FPE,
        "SEGV" => Signal::SEGV,
        "CHLD" => Signal::CHILD,
        "XCPU" => Signal::XCPU,
        "XFSZ" => Signal::XFSZ,
        number => Signal::from_named_raw(number.parse().ok()?)?,
    })
}
