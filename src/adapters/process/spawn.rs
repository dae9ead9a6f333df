//! Starting a shim on two fresh terminals.
//!
//! Standard output and standard error have a terminal each: the program sees a terminal on both, so it colours both, and
//! Boatyard can still tell them apart. (One terminal for both would mix them; a pipe would take the colours of errors
//! away and make some programs buffer.) What is written on the two within the same instant may change places.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

use portable_pty::{MasterPty, PtySize, native_pty_system};
use rustix::fs::{Mode, OFlags};
use tokio::sync::oneshot;

use super::shim::SHIM_WORD;
use crate::engine::TerminalSize;

impl From<TerminalSize> for PtySize {
    fn from(size: TerminalSize) -> Self {
        Self {
            rows: size.rows.max(1),
            cols: size.columns.max(1),
            ..Self::default()
        }
    }
}

/// What is to be started.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    pub(super) shim: PathBuf,
    pub(super) argv: Vec<String>,
    pub(super) directory: PathBuf,
    pub(super) environment: Vec<(String, String)>,
    pub(super) size: TerminalSize,
    /// One terminal for both outputs, as a person's own has it.
    pub(super) one_terminal: bool,
}

/// A shim that has been started.
pub(super) struct Launched {
    pub(super) shim: Shim,
    pub(super) control: StdStream,
    pub(super) output: Terminal,
    /// That of standard error, if it is another one.
    pub(super) errors: Option<Terminal>,
    pub(super) input: Box<dyn Write + Send>,
}

/// The process of a shim. Somebody always waits for its end, so that it leaves no zombie.
pub(super) struct Shim(Option<Child>);

impl Shim {
    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.0.as_ref().map_or(0, Child::id)
    }

    /// Blocks until it has ended; `None` if nobody can say how.
    pub(super) fn wait(mut self) -> Option<ExitStatus> {
        self.0.take()?.wait().ok()
    }
}

impl Drop for Shim {
    /// It ends by itself once its connection is closed, which whoever drops this does too.
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            // Where no thread can be had, it stays until the end of the session.
            drop(
                thread::Builder::new()
                    .name("wait for a shim".into())
                    .stack_size(64 << 10)
                    .spawn(move || drop(child.wait())),
            );
        }
    }
}

/// Our end of a terminal.
pub(super) struct Terminal {
    pub(super) master: Box<dyn MasterPty + Send>,
    pub(super) reader: Box<dyn Read + Send>,
}

type Order = (Launch, oneshot::Sender<io::Result<Launched>>);

/// The one thread that starts shims. The parent-death signal tells a shim of the end of the *thread* that started it, so
/// that thread must live as long as the session.
#[derive(Debug, Clone)]
pub(super) struct Spawner {
    orders: mpsc::Sender<Order>,
}

impl Spawner {
    /// Starts the thread; it ends with the last clone of this.
    pub(super) fn new() -> io::Result<Self> {
        let (orders, received) = mpsc::channel::<Order>();
        let serve = move || {
            for (launch, answer) in received {
                drop(answer.send(start(&launch)));
            }
        };
        thread::Builder::new()
            .name("start processes".into())
            .spawn(serve)?;
        Ok(Self { orders })
    }

    /// Starts a shim.
    pub(super) async fn start(&self, launch: Launch) -> io::Result<Launched> {
        let gone = || io::Error::other("the thread that starts processes has ended");
        let (answer, answered) = oneshot::channel();
        self.orders.send((launch, answer)).map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

fn start(launch: &Launch) -> io::Result<Launched> {
    let (output, output_end) = open_terminal(launch.size)?;
    let (errors, errors_end) = if launch.one_terminal {
        (None, output_end.try_clone()?)
    } else {
        let (errors, end) = open_terminal(launch.size)?;
        (Some(errors), end)
    };
    let input = output.master.take_writer().map_err(io::Error::other)?;
    let (control, shim_end) = StdStream::pair()?;
    let shim = Command::new(&launch.shim)
        .arg0("boatyard")
        .args([SHIM_WORD, "--parent", &std::process::id().to_string(), "--"])
        .args(&launch.argv)
        .current_dir(&launch.directory)
        .envs(launch.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::from(OwnedFd::from(shim_end)))
        .stdout(Stdio::from(output_end))
        .stderr(Stdio::from(errors_end))
        .spawn()?;
    Ok(Launched {
        shim: Shim(Some(shim)),
        control,
        output,
        errors,
        input,
    })
}

/// Opens a terminal: our end, and the program's.
fn open_terminal(size: TerminalSize) -> io::Result<(Terminal, OwnedFd)> {
    let pair = native_pty_system()
        .openpty(size.into())
        .map_err(io::Error::other)?;
    let reader = pair.master.try_clone_reader().map_err(io::Error::other)?;
    let name = pair.master.tty_name();
    let name = name.ok_or_else(|| io::Error::other("a fresh terminal has no name"))?;
    // Without NOCTTY it could become the controlling terminal of Boatyard itself.
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let end = rustix::fs::open(name, flags, Mode::empty())?;
    let master = pair.master;
    Ok((Terminal { master, reader }, end))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::adapters::state::proc::ProcStat;

    #[test]
    fn a_shim_that_nobody_waited_for_is_no_zombie() {
        let mut reads = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let connection = reads.stdin.take();
        let shim = Shim(Some(reads));
        let pid = shim.id();
        drop(shim);
        assert!(ProcStat::read(pid).is_some());
        drop(connection);
        let patience = Instant::now() + Duration::from_secs(30);
        while ProcStat::read(pid).is_some() {
            assert!(Instant::now() < patience, "it is still there");
            thread::yield_now();
        }
    }
}
