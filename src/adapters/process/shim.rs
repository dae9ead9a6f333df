//! The shim: the parent of every process service, which lets nothing of it outlive the session.
//!
//! A small process of our own binary stands between Boatyard and the program. It is a *child subreaper*
//! (`prctl(2)`, `PR_SET_CHILD_SUBREAPER`), so whatever the program detaches (a double fork, a session of its own) becomes
//! its child sooner or later; and it learns of Boatyard's end twice over: its standard input, a socket, comes to its end,
//! and the parent-death signal arrives. When Boatyard or the program ends, it kills all that is left below it and
//! goes only when it has no child any more.
//!
//! If the shim itself is killed by SIGKILL, Boatyard (or the next session's sweep) ends what it left: the members of its
//! session and whatever carries the run's mark in its environment. Only a process that left the session *and* wiped its
//! environment is not found then.
//!
//! It is one thread with tokio's single-threaded runtime, whose signal streams need no `unsafe` and no further crate.

use std::ffi::OsString;
use std::io;
use std::os::unix::net::UnixStream as StdStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitOptions, getppid, ioctl_tiocsctty, kill_process, kill_process_group,
    set_child_subreaper, set_parent_process_death_signal, setsid, wait,
};
use rustix::termios::tcsetpgrp;
use std::os::fd::AsFd;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::time::Instant;

use super::protocol::{End, Report, Request};
use crate::adapters::state::proc;

/// First argument of our binary that makes it a shim.
pub const SHIM_WORD: &str = "__shim";

/// The parent-death signal. Nobody else sends it, so it cannot be mistaken for something to pass on.
const PARENT_DIED: Signal = Signal::POWER;

/// How long what the program left behind may take after it was asked to stop, when the program ended by itself.
const LINGER: Duration = Duration::from_millis(300);

/// How long the shim tries to kill what cannot be killed before it says so and goes.
const GIVE_UP: Duration = Duration::from_secs(3);

/// Signals to the shim that are meant for the program.
const PASSED_ON: [Signal; 6] = [
    Signal::TERM,
    Signal::INT,
    Signal::HUP,
    Signal::QUIT,
    Signal::USR1,
    Signal::USR2,
];

/// Runs a shim until nothing is left below it: `--parent PID -- PROGRAM ARGUMENT…` (what follows [`SHIM_WORD`]).
///
/// Standard input is the socket to Boatyard, standard output the program's terminal, standard error the terminal of its
/// standard error. Call it before any thread or runtime exists.
pub fn shim_main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Some((parent, words)) = parse(arguments.into_iter().collect()) else {
        return ExitCode::from(2);
    };
    match run(parent, &words) {
        Ok(End::Code(code)) => ExitCode::from(u8::try_from(code).unwrap_or(255)),
        Ok(End::Signal(number)) => ExitCode::from(u8::try_from(128 + number).unwrap_or(255)),
        Err(_) => ExitCode::from(125),
    }
}

fn parse(arguments: Vec<OsString>) -> Option<(Pid, Vec<OsString>)> {
    let mut arguments = arguments.into_iter();
    if arguments.next()? != "--parent" {
        return None;
    }
    let parent = Pid::from_raw(arguments.next()?.to_str()?.parse().ok()?)?;
    if arguments.next()? != "--" {
        return None;
    }
    let words: Vec<OsString> = arguments.collect();
    (!words.is_empty()).then_some((parent, words))
}

fn run(parent: Pid, words: &[OsString]) -> io::Result<End> {
    set_child_subreaper(Some(rustix::process::getpid()))?;
    set_parent_process_death_signal(Some(PARENT_DIED))?;
    // The parent may have died before the signal was ordered.
    if getppid() != Some(parent) {
        return Err(io::ErrorKind::NotConnected.into());
    }
    setsid()?;
    ioctl_tiocsctty(io::stdout())?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(Shim::run(parent, words))
}

/// How far the end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The program runs, or what it left is still going by itself.
    Running,
    /// Asked to stop with this signal; killed when the time comes.
    Stopping { signal: Signal, until: Instant },
    /// Being killed; given up when the time comes.
    Killing { until: Instant },
}

struct Shim {
    parent: Pid,
    program: Pid,
    phase: Phase,
    end: Option<End>,
    requests: Option<Lines<BufReader<OwnedReadHalf>>>,
    reports: OwnedWriteHalf,
    signals: Signals,
}

struct Signals {
    children: SignalStream,
    parent_died: SignalStream,
    passed_on: tokio::sync::mpsc::UnboundedReceiver<Signal>,
}

impl Shim {
    async fn run(parent: Pid, words: &[OsString]) -> io::Result<End> {
        let control = StdStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        control.set_nonblocking(true)?;
        let (requests, mut reports) = UnixStream::from_std(control)?.into_split();
        let signals = Signals::listen()?;
        let program = match start(words) {
            Ok(program) => program,
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(0);
                tell(&mut reports, Report::Failed { errno }).await;
                return Err(error);
            }
        };
        let pid = program.as_raw_nonzero().get().unsigned_abs();
        tell(&mut reports, Report::Started { pid }).await;
        let shim = Self {
            parent,
            program,
            phase: Phase::Running,
            end: None,
            requests: Some(BufReader::new(requests).lines()),
            reports,
            signals,
        };
        Ok(shim.until_nothing_is_left().await)
    }

    async fn until_nothing_is_left(mut self) -> End {
        loop {
            if self.reap().await {
                return self.end.unwrap_or(End::Signal(Signal::KILL.as_raw()));
            }
            match self.phase {
                Phase::Killing { until } if Instant::now() >= until => return self.give_up().await,
                Phase::Killing { .. } => kill_all_below_us(),
                Phase::Stopping { until, .. } if Instant::now() >= until => self.begin_killing(),
                Phase::Stopping { .. } | Phase::Running => {}
            }
            self.wait().await;
        }
    }

    /// Waits for the next thing to happen, and answers it.
    async fn wait(&mut self) {
        // While killing, processes that were just being made must be found again soon.
        let alarm = match self.phase {
            Phase::Running => Instant::now() + Duration::from_secs(3600),
            Phase::Stopping { until, .. } => until,
            Phase::Killing { .. } => Instant::now() + Duration::from_millis(5),
        };
        tokio::select! {
            _ = self.signals.children.recv() => {}
            _ = self.signals.parent_died.recv() => {
                // It also comes when merely the thread that started us has ended.
                if getppid() != Some(self.parent) {
                    self.begin_killing();
                }
            }
            Some(signal) = self.signals.passed_on.recv() => self.signal_group(signal),
            line = next_line(&mut self.requests) => self.answer(line),
            () = tokio::time::sleep_until(alarm) => {}
        }
    }

    fn answer(&mut self, line: Option<String>) {
        let Some(line) = line else {
            self.requests = None;
            return self.begin_killing();
        };
        match Request::parse(&line) {
            Some(Request::Stop { signal, grace }) => self.stop(signal, grace),
            Some(Request::Kill) => self.begin_killing(),
            None => {}
        }
    }

    fn stop(&mut self, number: i32, grace: Duration) {
        if matches!(self.phase, Phase::Killing { .. }) {
            return;
        }
        let signal = Signal::from_named_raw(number).unwrap_or(Signal::TERM);
        let until = Instant::now() + grace;
        self.phase = Phase::Stopping { signal, until };
        self.signal_group(signal);
        // A stopped program could not answer.
        self.signal_group(Signal::CONT);
    }

    fn signal_group(&self, signal: Signal) {
        let _ = kill_process_group(self.program, signal);
    }

    fn begin_killing(&mut self) {
        if !matches!(self.phase, Phase::Killing { .. }) {
            let until = Instant::now() + GIVE_UP;
            self.phase = Phase::Killing { until };
            kill_all_below_us();
        }
    }

    /// Reaps whatever has ended. Whether nothing is left: as a subreaper we have a child as long as we have any descendant.
    async fn reap(&mut self) -> bool {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.program => {
                    let code = status.exit_status().map(End::Code);
                    let end = code.or(status.terminating_signal().map(End::Signal));
                    if let Some(end) = end {
                        self.program_ended(end).await;
                    }
                }
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
    }

    /// The program has ended. What it left is asked to stop too, and killed soon.
    async fn program_ended(&mut self, end: End) {
        self.end = Some(end);
        tell(&mut self.reports, Report::Exited { end }).await;
        match self.phase {
            Phase::Running => {
                let until = Instant::now() + LINGER;
                self.phase = Phase::Stopping {
                    signal: Signal::TERM,
                    until,
                };
                for pid in below_us() {
                    let _ = kill_process(pid, Signal::TERM);
                }
            }
            // The group has had the signal, and a second one makes some programs give up their work.
            Phase::Stopping { signal, .. } => {
                for pid in below_us() {
                    if rustix::process::getpgid(Some(pid)) != Ok(self.program) {
                        let _ = kill_process(pid, signal);
                    }
                }
            }
            Phase::Killing { .. } => {}
        }
    }

    async fn give_up(mut self) -> End {
        for pid in below_us() {
            let pid = pid.as_raw_nonzero().get().unsigned_abs();
            tell(&mut self.reports, Report::Left { pid }).await;
        }
        self.end.unwrap_or(End::Signal(Signal::KILL.as_raw()))
    }
}

impl Signals {
    fn listen() -> io::Result<Self> {
        let (tell, passed_on) = tokio::sync::mpsc::unbounded_channel();
        for kind in PASSED_ON {
            let mut stream = signal(SignalKind::from_raw(kind.as_raw()))?;
            let tell = tell.clone();
            tokio::spawn(async move {
                while stream.recv().await.is_some() && tell.send(kind).is_ok() {}
            });
        }
        Ok(Self {
            children: signal(SignalKind::child())?,
            parent_died: signal(SignalKind::from_raw(PARENT_DIED.as_raw()))?,
            passed_on,
        })
    }
}

/// Starts the program in a process group of its own, in the foreground of its terminal.
fn start(words: &[OsString]) -> io::Result<Pid> {
    let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let terminal = io::stdout().as_fd().try_clone_to_owned()?;
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::from(terminal))
        .process_group(0)
        .spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(io::ErrorKind::InvalidData)?;
    // It may have ended already, which `reap` will see.
    let _ = tcsetpgrp(io::stdout(), pid);
    // It was a background group for some microseconds, and stands still if it read from its terminal in them.
    let _ = kill_process_group(pid, Signal::CONT);
    Ok(pid)
}

fn kill_all_below_us() {
    for pid in below_us() {
        let _ = kill_process(pid, Signal::KILL);
    }
}

fn below_us() -> Vec<Pid> {
    proc::descendants(std::process::id())
        .into_iter()
        .filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?))
        .collect()
}

/// The next line from Boatyard; `None` when there will be none. Pending for ever once that was said.
async fn next_line(requests: &mut Option<Lines<BufReader<OwnedReadHalf>>>) -> Option<String> {
    match requests {
        Some(lines) => lines.next_line().await.ok().flatten(),
        None => std::future::pending().await,
    }
}

/// Boatyard may be gone, which is learnt elsewhere.
async fn tell(reports: &mut OwnedWriteHalf, report: Report) {
    drop(reports.write_all(format!("{report}\n").as_bytes()).await);
}
