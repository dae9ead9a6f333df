//! The helper's own side: what runs as process 1 of a container.
//!
//! One thread with tokio's single-threaded runtime, whose signal streams need no `unsafe`. It knows nothing of the engine
//! and nothing of Boatyard but the socket.

mod files;
mod forward;
mod program;
mod user;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, wait};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

use self::forward::Forwarder;
use self::program::{Program, kill_everything_else};
use super::protocol::{Done, Order, Told, Word, frame, next};

pub(in super::super) use self::forward::listening_in;
pub use self::program::{BECOME_WORD, become_main};

/// First argument of our binary that makes it a helper.
pub const HELPER_WORD: &str = "__helper";

/// Signals to the container that are meant for the program.
const PASSED_ON: [Signal; 12] = [
    Signal::TERM,
    Signal::INT,
    Signal::HUP,
    Signal::QUIT,
    Signal::USR1,
    Signal::USR2,
    Signal::WINCH,
    Signal::ALARM,
    Signal::CONT,
    Signal::TSTP,
    Signal::IO,
    Signal::POWER,
];

/// Whether a signal of this name that is sent to the container reaches the program. (Nobody can keep `SIGKILL` from it.)
pub(in super::super) fn passes_on(name: &str) -> bool {
    let signal = program::signal_named(name);
    signal.is_some_and(|signal| signal == Signal::KILL || PASSED_ON.contains(&signal))
}

/// Whether a helper that is told to can send the program a signal of this name.
pub(in super::super) fn can_send(name: &str) -> bool {
    program::signal_named(name).is_some()
}

/// How long a program that leaves may finish what came to it directly; whoever keeps a connection open does not count.
const QUIET_WITHIN: Duration = Duration::from_millis(300);

/// Runs a helper: `--socket PATH --key KEY [--user USER] [--keep-home] [--env NAME=VALUE]… -- PROGRAM ARGUMENT…` (what follows
/// [`HELPER_WORD`]). Without a program it holds the container and nothing else. Ends as the program ends.
pub fn helper_main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Some(settings) = Settings::parse(arguments) else {
        return ExitCode::from(125);
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = runtime.and_then(|runtime| runtime.block_on(Helper::run(settings)));
    ExitCode::from(ended.unwrap_or(125))
}

/// What a helper is started with.
#[derive(Debug, Default)]
struct Settings {
    socket: OsString,
    key: String,
    program: Program,
}

impl Settings {
    fn parse(arguments: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut settings = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(flag) = arguments.next() {
            match flag.to_str()? {
                "--socket" => settings.socket = arguments.next()?,
                "--key" => settings.key = arguments.next()?.into_string().ok()?,
                "--user" => settings.program.user = arguments.next()?.into_string().ok()?,
                "--keep-home" => settings.program.keeps_home = true,
                "--env" => {
                    let pair = arguments.next()?.into_string().ok()?;
                    let (name, value) = pair.split_once('=')?;
                    settings
                        .program
                        .environment
                        .push((name.to_owned(), value.to_owned()));
                }
                "--" => settings.program.words = arguments.by_ref().collect(),
                _ => return None,
            }
        }
        Some(settings)
    }
}

/// How a program ended: the code that the container is to end with.
type EndCode = u8;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The word to start the program.
    Waiting,
    /// The program's end.
    Running { program: Pid },
    /// The program's end, after which something follows; killed when the time comes.
    Ending {
        program: Pid,
        until: Instant,
        then: Then,
        id: u64,
    },
    /// Nothing: the program has ended, and the container is kept.
    Keeping,
}

/// What follows when a program that was told to end has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Again,
    Keep,
}

struct Helper {
    settings: Settings,
    phase: Phase,
    orders: mpsc::Receiver<(Told, Vec<u8>)>,
    answers: OwnedWriteHalf,
    forwarder: Forwarder,
    /// Where the program listened when that was looked at last.
    ports: Vec<u16>,
}

impl Helper {
    async fn run(settings: Settings) -> io::Result<EndCode> {
        let mut children = signal(SignalKind::child())?;
        let mut passed_on = listen()?;
        let stream = UnixStream::connect(&settings.socket).await?;
        let (mut reader, mut answers) = stream.into_split();
        let hello = Word::Hello {
            key: settings.key.clone(),
        };
        answers.write_all(&frame(&hello, &[])?).await?;
        let (send, orders) = mpsc::channel(4);
        tokio::spawn(async move {
            while let Ok(Some(told)) = next(&mut reader).await {
                if send.send(told).await.is_err() {
                    return;
                }
            }
        });
        let mut helper = Self {
            settings,
            phase: Phase::Waiting,
            orders,
            answers,
            forwarder: Forwarder::default(),
            ports: Vec::new(),
        };
        loop {
            if let Some(code) = helper.turn(&mut children, &mut passed_on).await {
                return Ok(code);
            }
        }
    }

    /// Waits for the next thing to happen, and answers it; gives the code to end with, if it is time to end.
    async fn turn(
        &mut self,
        children: &mut SignalStream,
        passed_on: &mut mpsc::UnboundedReceiver<Signal>,
    ) -> Option<EndCode> {
        let alarm = match self.phase {
            Phase::Ending { until, .. } => until,
            Phase::Waiting | Phase::Running { .. } | Phase::Keeping => {
                Instant::now() + Duration::from_secs(3600)
            }
        };
        tokio::select! {
            _ = children.recv() => return self.reap().await,
            Some(signal) = passed_on.recv() => return self.signalled(signal),
            Some((told, body)) = self.orders.recv() => self.obey(told, &body).await,
            () = tokio::time::sleep_until(alarm) => self.kill(),
        }
        None
    }

    /// A signal to the container. Without a program it means us.
    fn signalled(&self, signal: Signal) -> Option<EndCode> {
        match self.phase {
            Phase::Running { program } | Phase::Ending { program, .. } => {
                program::signal_group(program, signal);
                None
            }
            Phase::Waiting | Phase::Keeping => {
                let ends = [Signal::TERM, Signal::INT, Signal::QUIT].contains(&signal);
                ends.then(|| end_code_of(signal.as_raw()))
            }
        }
    }

    fn kill(&mut self) {
        if let Phase::Ending { program, until, .. } = &mut self.phase {
            *until = Instant::now() + Duration::from_secs(1);
            program::signal_group(*program, Signal::KILL);
        }
    }

    async fn obey(&mut self, Told { id, order }: Told, body: &[u8]) {
        let done = match order {
            Order::Start => self.start(),
            Order::Files { files } => {
                files::write(&files, body, |named| self.settings.program.owner(named))
            }
            Order::Restart { signal, grace_ms } => {
                return self.end(id, &signal, grace_ms, Then::Again).await;
            }
            Order::Yield { signal, grace_ms } => {
                self.ports = forward::listening();
                forward::quiet(&self.ports, QUIET_WITHIN).await;
                return self.end(id, &signal, grace_ms, Then::Keep).await;
            }
            Order::Signal { signal } => self.send(&signal),
            Order::Forward { ports, to } => {
                self.forwarder.forward(&ports, to);
                Ok(())
            }
            Order::Refuse => {
                self.forwarder.refuse();
                Ok(())
            }
        };
        self.answer(id, done.err()).await;
    }

    fn start(&mut self) -> Result<(), String> {
        if self.phase != Phase::Waiting {
            return Err("it has been started already".into());
        }
        self.spawn()
    }

    fn spawn(&mut self) -> Result<(), String> {
        let program = self.settings.program.spawn()?;
        self.phase = Phase::Running { program };
        Ok(())
    }

    fn send(&self, name: &str) -> Result<(), String> {
        let signal = program::signal_named(name).ok_or(format!("there is no signal {name}"))?;
        match self.phase {
            Phase::Running { program } => {
                program::signal_group(program, signal);
                Ok(())
            }
            Phase::Waiting | Phase::Ending { .. } | Phase::Keeping => {
                Err("its program does not run".into())
            }
        }
    }

    /// Begins to end the program.
    async fn end(&mut self, id: u64, signal: &str, grace_ms: u64, then: Then) {
        let Phase::Running { program } = self.phase else {
            return self
                .answer(id, Some("its program does not run".into()))
                .await;
        };
        let signal = program::signal_named(signal).unwrap_or(Signal::TERM);
        self.phase = Phase::Ending {
            program,
            until: Instant::now() + Duration::from_millis(grace_ms),
            then,
            id,
        };
        program::signal_group(program, signal);
        // A stopped program could not answer.
        program::signal_group(program, Signal::CONT);
    }

    /// Reaps whatever has ended.
    async fn reap(&mut self) -> Option<EndCode> {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => {
                    let code = status
                        .exit_status()
                        .map(|code| u8::try_from(code).unwrap_or(255));
                    let code = code.or(status.terminating_signal().map(end_code_of));
                    if let Some(code) = code
                        && let Some(code) = self.ended(pid, code).await
                    {
                        return Some(code);
                    }
                }
                Err(rustix::io::Errno::INTR) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// A process has ended; gives the code to end with if it was the program, and nothing follows.
    async fn ended(&mut self, pid: Pid, code: EndCode) -> Option<EndCode> {
        match self.phase {
            Phase::Running { program } if program == pid => Some(code),
            Phase::Ending {
                program, then, id, ..
            } if program == pid => {
                kill_everything_else();
                self.follow(then, id, code).await
            }
            Phase::Waiting | Phase::Running { .. } | Phase::Ending { .. } | Phase::Keeping => None,
        }
    }

    async fn follow(&mut self, then: Then, id: u64, code: EndCode) -> Option<EndCode> {
        match then {
            Then::Keep => {
                self.phase = Phase::Keeping;
                self.forwarder.forward(&self.ports, Vec::new());
                let done = Done {
                    ports: self.ports.clone(),
                    code: Some(code.into()),
                };
                self.say(Word::Done {
                    id,
                    error: None,
                    done,
                })
                .await;
                None
            }
            Then::Again => {
                let started = self.spawn();
                let failed = started.is_err();
                self.answer(id, started.err()).await;
                failed.then_some(127)
            }
        }
    }

    async fn answer(&mut self, id: u64, error: Option<String>) {
        let done = Done::default();
        self.say(Word::Done { id, error, done }).await;
    }

    /// Boatyard may be gone; then nobody needs an answer.
    async fn say(&mut self, word: Word) {
        if let Ok(bytes) = frame(&word, &[]) {
            drop(self.answers.write_all(&bytes).await);
        }
    }
}

/// The exit code by which shells and engines tell of an end by a signal.
fn end_code_of(signal: i32) -> EndCode {
    u8::try_from(128 + signal).unwrap_or(255)
}

fn listen() -> io::Result<mpsc::UnboundedReceiver<Signal>> {
    let (tell, told) = mpsc::unbounded_channel();
    for kind in PASSED_ON {
        let mut stream = signal(SignalKind::from_raw(kind.as_raw()))?;
        let tell = tell.clone();
        tokio::spawn(
            async move { while stream.recv().await.is_some() && tell.send(kind).is_ok() {} },
        );
    }
    Ok(told)
}
