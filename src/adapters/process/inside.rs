//! Inside a process run: a shell or a command beside its program, as that was started; or its program's own terminal.
//!
//! What is started has a shim of its own, so nothing of it outlives the session, and the run's mark in its environment.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use portable_pty::MasterPty;
use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::life::Ask;
use super::protocol::{End, Report, Request};
use super::spawn::{Launch, Launched, Shim};
use super::{Inner, signals, words};
use crate::adapters::inside::{seed, told};
use crate::engine::{Exit, Inside, RunId, TerminalSize};
use crate::telemetry::terminals::{self, Size, Terminal};

/// How long a shell that is to end may take.
const GRACE: Duration = Duration::from_secs(1);

/// How long output may come after the last process has gone.
const OUTPUT_LATE: Duration = Duration::from_secs(2);

/// Opens a terminal inside a run and stays with it to its end, which the terminal then tells.
pub(super) async fn stay(inner: &Inner, run: RunId, what: Inside, mut inside: terminals::Inside) {
    let terminal = Arc::clone(&inside.terminal);
    let how = match what {
        Inside::Own => look_on(inner, run, inside).await,
        Inside::Shell | Inside::Command { .. } => match begin(inner, run, &what, &mut inside).await
        {
            Ok(guest) => guest.live_out(&mut inside).await,
            Err(why) => why,
        },
    };
    terminal.ended(&how);
}

impl From<Size> for TerminalSize {
    fn from(size: Size) -> Self {
        Self {
            columns: size.columns,
            rows: size.rows,
        }
    }
}

/// A program that was started inside a run.
struct Guest {
    shim: Shim,
    reports: Lines<BufReader<OwnedReadHalf>>,
    requests: OwnedWriteHalf,
    master: Box<dyn MasterPty + Send>,
    /// Told when all that it printed has been read.
    read: oneshot::Receiver<()>,
}

async fn begin(
    inner: &Inner,
    run: RunId,
    what: &Inside,
    inside: &mut terminals::Inside,
) -> Result<Guest, String> {
    let known = inner
        .runs()
        .get(&run)
        .map(|entry| (entry.launch.clone(), entry.service.clone()));
    let (launch, service) = known.ok_or_else(|| format!("run {run} does not run any more"))?;
    let launch = launch_of(launch, what, inside.size());
    let shown = shell_words::join(&launch.argv);
    let argv = launch.argv.clone();
    let failed = |error: io::Error| format!("`{shown}` cannot be started: {error}");
    let directory = launch.directory.clone();
    let Launched {
        shim,
        control,
        output,
        input,
        ..
    } = inner.spawner.start(launch).await.map_err(failed)?;
    inner.record(&service, run, shim.id(), "shim of a terminal");
    control.set_nonblocking(true).map_err(failed)?;
    let (reports, requests) = UnixStream::from_std(control).map_err(failed)?.into_split();
    let (done, read) = oneshot::channel();
    read_on_thread(output.reader, Arc::clone(&inside.terminal), done).map_err(failed)?;
    let mut guest = Guest {
        shim,
        reports: BufReader::new(reports).lines(),
        requests,
        master: output.master,
        read,
    };
    let first = guest.reports.next_line().await.ok().flatten();
    match first.and_then(|said| Report::parse(&said)) {
        Some(Report::Started { .. }) => {
            let typed = std::mem::replace(&mut inside.typed, tokio::sync::mpsc::channel(1).1);
            write_on_thread(input, typed).map_err(failed)?;
            inside.terminal.opened(match what {
                Inside::Command { .. } => "/bin/sh -c",
                Inside::Shell | Inside::Own => &shown,
            });
            Ok(guest)
        }
        Some(Report::Failed { errno }) => {
            guest.bury().await;
            let path = std::env::var("PATH").unwrap_or_default();
            Err(words::exec_failed(errno, &argv, &directory, &path))
        }
        _ => Err(format!("`{shown}` was not started: its shim ended before")),
    }
}

/// As the run was started, but for what is run.
fn launch_of(launch: Launch, what: &Inside, size: Size) -> Launch {
    let argv = match what {
        Inside::Command { line } => vec!["/bin/sh".into(), "-c".into(), line.clone()],
        Inside::Shell | Inside::Own => vec![shell_of(&launch.environment)],
    };
    // A terminal's own size says more than what the log had room for.
    let is_size = |name: &str| matches!(name, "COLUMNS" | "LINES");
    let environment = launch.environment.into_iter();
    Launch {
        argv,
        size: size.into(),
        one_terminal: true,
        environment: environment.filter(|(name, _)| !is_size(name)).collect(),
        ..launch
    }
}

/// The shell that the run's environment names, or Boatyard's own.
fn shell_of(environment: &[(String, String)]) -> String {
    let named = environment.iter().rev().find(|(name, _)| name == "SHELL");
    let named = named
        .map(|(_, value)| value.clone())
        .or_else(|| std::env::var("SHELL").ok());
    named
        .filter(|shell| shell.starts_with('/') && std::path::Path::new(shell).is_file())
        .unwrap_or_else(|| "/bin/sh".into())
}

impl Guest {
    /// Until its shim has ended; how it ended, in words.
    async fn live_out(mut self, inside: &mut terminals::Inside) -> String {
        let (mut end, mut asked) = (None, false);
        loop {
            tokio::select! {
                line = self.reports.next_line() => match line {
                    Ok(Some(line)) => if let Some(Report::Exited { end: how }) = Report::parse(&line) {
                        end = Some(how);
                    },
                    Ok(None) | Err(_) => break,
                },
                Ok(()) = inside.wish.changed() => {
                    let wish = *inside.wish.borrow_and_update();
                    if let Some(size) = wish.size {
                        drop(self.master.resize(TerminalSize::from(size).into()));
                    }
                    if wish.end && !asked {
                        asked = true;
                        let stop = Request::Stop { signal: Signal::HUP.as_raw(), grace: GRACE };
                        drop(self.requests.write_all(format!("{stop}\n").as_bytes()).await);
                    }
                }
            }
        }
        let shim = self.bury().await;
        let exit = match end {
            Some(End::Code(code)) => Exit::code(code),
            Some(End::Signal(number)) => by_signal(number),
            None => by_signal(shim.unwrap_or(Signal::KILL.as_raw())),
        };
        if asked {
            "ended, as you asked".into()
        } else {
            told(&exit)
        }
    }

    /// Waits for the shim's end and for the last of the output; by which signal it ended, if by one.
    async fn bury(self) -> Option<i32> {
        let Self { shim, read, .. } = self;
        let waited = tokio::task::spawn_blocking(move || shim.wait()).await;
        drop(timeout(OUTPUT_LATE, read).await);
        waited.ok().flatten()?.signal()
    }
}

fn by_signal(number: i32) -> Exit {
    Exit {
        signal: Some(signals::name(number)),
        ..Exit::default()
    }
}

/// Shows what the run's program prints, and types into its terminal, until somebody wants to leave or the run ends.
async fn look_on(inner: &Inner, run: RunId, mut inside: terminals::Inside) -> String {
    let known = inner
        .runs()
        .get(&run)
        .map(|entry| (entry.guest.clone(), entry.service.clone()));
    let Some((guest, service)) = known else {
        return format!("run {run} does not run any more");
    };
    seed(&inner.wires, &service, run, &inside.terminal);
    guest.is(Some(Arc::clone(&inside.terminal)));
    inside.terminal.opened("its own terminal");
    inner.ask(run, Ask::Resize(inside.size().into()));
    loop {
        tokio::select! {
            typed = inside.typed.recv() => match typed {
                Some(bytes) => inner.ask(run, Ask::Write(bytes)),
                None => break,
            },
            changed = inside.wish.changed() => {
                let wish = *inside.wish.borrow_and_update();
                if wish.end || changed.is_err() {
                    break;
                }
                // Whom nobody looks at has the room that the log has.
                let size = wish.size.map_or_else(|| *inner.size(), TerminalSize::from);
                inner.ask(run, Ask::Resize(size));
            }
        }
    }
    guest.is(None);
    inner.ask(run, Ask::Resize(*inner.size()));
    "detached; its program goes on".into()
}

/// Reads a terminal to its end into ours.
fn read_on_thread(
    mut from: Box<dyn Read + Send>,
    terminal: Arc<Terminal>,
    done: oneshot::Sender<()>,
) -> io::Result<()> {
    let read = move || {
        let mut buffer = [0; 8 << 10];
        loop {
            match from.read(&mut buffer) {
                Ok(count @ 1..) => terminal.feed(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => break,
            }
        }
        // Nobody may be waiting any more.
        let _ = done.send(());
    };
    thread::Builder::new()
        .name("read a terminal".into())
        .stack_size(256 << 10)
        .spawn(read)
        .map(drop)
}

/// Writes what is typed on a thread of its own: a program that reads nothing blocks the writer.
fn write_on_thread(
    mut into: Box<dyn Write + Send>,
    mut typed: tokio::sync::mpsc::Receiver<Vec<u8>>,
) -> io::Result<()> {
    let write = move || {
        while let Some(bytes) = typed.blocking_recv() {
            if into.write_all(&bytes).is_err() {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("type into a terminal".into())
        .stack_size(64 << 10)
        .spawn(write)
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    #[test]
    fn the_shell_is_the_one_that_is_named_if_it_is_there() {
        assert_eq!(shell_of(&[pair("SHELL", "/bin/sh")]), "/bin/sh");
        assert_eq!(shell_of(&[pair("SHELL", "/no/such/shell")]), "/bin/sh");
        assert_eq!(shell_of(&[pair("SHELL", "sh")]), "/bin/sh");
    }

    #[test]
    fn what_is_inside_is_started_as_the_run_was() {
        let launch = Launch {
            shim: "/shim".into(),
            argv: vec!["python3".into()],
            directory: "/app".into(),
            environment: vec![pair("COLUMNS", "120"), pair("PORT", "8000")],
            size: TerminalSize::default(),
            one_terminal: false,
        };
        let line = "echo $((6*7))".to_owned();
        let size = Size {
            columns: 90,
            rows: 20,
        };
        let inside = launch_of(launch, &Inside::Command { line }, size);
        assert_eq!(inside.argv, ["/bin/sh", "-c", "echo $((6*7))"]);
        assert_eq!(inside.environment, [pair("PORT", "8000")]);
        assert_eq!((inside.directory, inside.size.columns), ("/app".into(), 90));
        assert!(inside.one_terminal);
    }
}
