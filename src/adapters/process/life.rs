//! One run's life: started through a shim, listened to, and reported as ended when nothing of it is left.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::mpsc as blocking;
use std::thread;
use std::time::Duration;

use portable_pty::MasterPty;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::protocol::{End, Report, Request};
use super::spawn::{Launch, Launched, Shim, Terminal};
use super::{Inner, output, signals, words};
use crate::adapters::state::{self, proc};
use crate::engine::{Event, Exit, Place, RunId, StartFailure, TerminalSize};
use crate::stack::ServiceName;
use crate::telemetry::Stream;

/// How long a shim may take beyond the grace before it is itself taken for hung.
const SHIM_LATE: Duration = Duration::from_secs(5);

/// How long output may come after the last process has gone: only if one was left that cannot be killed.
const OUTPUT_LATE: Duration = Duration::from_secs(2);

/// How many last lines an end's report has.
const LAST_LINES: usize = 20;

/// What is asked of a run.
#[derive(Debug)]
pub(super) enum Ask {
    Shim(Request),
    Resize(TerminalSize),
    Write(Vec<u8>),
}

/// What a run is.
#[derive(Debug, Clone)]
pub(super) struct Who {
    pub(super) run: RunId,
    pub(super) service: ServiceName,
    pub(super) port: u16,
    /// The command as a person would type it.
    pub(super) command: String,
    /// Who looks at its terminal.
    pub(super) guest: output::Guest,
}

/// Starts a run and stays with it to its end. Tells `RunStarted` and later `RunExited`, or `RunFailed` alone.
pub(super) async fn live(
    inner: &Inner,
    who: Who,
    launch: Launch,
    asks: mpsc::UnboundedReceiver<Ask>,
) {
    match begin(inner, &who, &launch, asks).await {
        Ok(life) => life.live_out(inner).await,
        Err(message) => {
            inner.over(who.run);
            let missing_image = None;
            let message = format!("{}: {message}", who.service);
            let why = StartFailure {
                message,
                missing_image,
            };
            inner.wires.tell(Event::RunFailed { run: who.run, why });
        }
    }
}

/// A run whose program has been started.
struct Life {
    who: Who,
    shim: Shim,
    reports: Lines<BufReader<OwnedReadHalf>>,
    requests: OwnedWriteHalf,
    asks: mpsc::UnboundedReceiver<Ask>,
    terminals: Vec<Box<dyn MasterPty + Send>>,
    input: blocking::SyncSender<Vec<u8>>,
    output: JoinHandle<()>,
    end: Option<End>,
    /// When the shim must have ended.
    shim_due: Option<Instant>,
}

async fn begin(
    inner: &Inner,
    who: &Who,
    launch: &Launch,
    asks: mpsc::UnboundedReceiver<Ask>,
) -> Result<Life, String> {
    let path = launch
        .environment
        .iter()
        .rev()
        .find(|(name, _)| name == "PATH")
        .map_or_else(own_path, |(_, value)| value.clone());
    words::check(&launch.argv, &launch.directory, &path)?;
    let mut life = Life::new(inner, who, launch.clone(), asks).await?;
    let first = life.reports.next_line().await.ok().flatten();
    let said = first.and_then(|said| Report::parse(&said));
    if let Some(Report::Started { pid }) = said {
        life.started(inner, pid);
        return Ok(life);
    }
    let ended = life.bury(inner).await;
    if let Some(Report::Failed { errno }) = said {
        return Err(words::exec_failed(
            errno,
            &launch.argv,
            &launch.directory,
            &path,
        ));
    }
    let how = ended.map_or_else(|| "nobody knows how".into(), |status| status.to_string());
    Err(format!(
        "its shim ended before the program was started ({how})"
    ))
}

fn own_path() -> String {
    std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".into())
}

impl Life {
    async fn new(
        inner: &Inner,
        who: &Who,
        launch: Launch,
        asks: mpsc::UnboundedReceiver<Ask>,
    ) -> Result<Self, String> {
        let failed = |error| format!("a process cannot be started: {error}");
        let launched = inner.spawner.start(launch).await.map_err(failed)?;
        let Launched {
            shim,
            control,
            output,
            errors,
            input,
        } = launched;
        inner.record(&who.service, who.run, shim.id(), "shim");
        inner.watch_usage(who.run, shim.id());
        let (lane, chunks) = output::lane();
        let name = who.service.as_str();
        let mut terminals = Vec::with_capacity(2);
        for (stream, terminal) in [(Stream::Stdout, Some(output)), (Stream::Stderr, errors)] {
            let Some(Terminal { master, reader }) = terminal else {
                continue;
            };
            output::read_on_thread(name, stream, reader, lane.clone(), who.guest.clone())
                .map_err(failed)?;
            terminals.push(master);
        }
        drop(lane);
        let speaker = output::Speaker {
            service: who.service.clone(),
            run: who.run.0,
        };
        control.set_nonblocking(true).map_err(failed)?;
        let (reports, requests) = UnixStream::from_std(control).map_err(failed)?.into_split();
        Ok(Self {
            who: who.clone(),
            shim,
            reports: BufReader::new(reports).lines(),
            requests,
            asks,
            terminals,
            input: write_on_thread(input).map_err(failed)?,
            output: tokio::spawn(output::keep(inner.wires.clone(), speaker, chunks)),
            end: None,
            shim_due: None,
        })
    }

    fn started(&mut self, inner: &Inner, pid: u32) {
        let who = &self.who;
        inner.record(&who.service, who.run, pid, &who.command);
        let place = Place::Process {
            pid,
            port: who.port,
        };
        let run = who.run;
        inner.wires.tell(Event::RunStarted { run, place });
    }

    async fn live_out(mut self, inner: &Inner) {
        self.until_the_shim_ends().await;
        let run = self.who.run;
        let service = self.who.service.clone();
        let end = self.end;
        let shim = self.bury(inner).await;
        let mut exit = match end {
            Some(End::Code(code)) => Exit::code(code),
            Some(End::Signal(number)) => by_signal(number),
            // The shim itself was killed, and the program with it.
            None => by_signal(shim.and_then(|status| status.signal()).unwrap_or(9)),
        };
        let logs = inner.wires.telemetry.logs();
        exit.last_lines = logs.run_tail(&service, run.0, LAST_LINES);
        tracing::debug!(%service, %run, ?exit, "run ended");
        inner.over(run);
        inner.wires.tell(Event::RunExited { run, exit });
    }

    async fn until_the_shim_ends(&mut self) {
        loop {
            let due = self.shim_due;
            tokio::select! {
                line = self.reports.next_line() => match line {
                    Ok(Some(line)) => self.told(&line),
                    Ok(None) | Err(_) => return,
                },
                Some(ask) = self.asks.recv() => self.asked(ask).await,
                () = until(due) => {
                    // It hangs (somebody stopped it with a signal, perhaps); its tree is ended from outside.
                    self.shim_due = None;
                    kill_tree(self.shim.id());
                }
            }
        }
    }

    fn told(&mut self, line: &str) {
        match Report::parse(line) {
            Some(Report::Exited { end }) => self.end = Some(end),
            Some(Report::Left { pid }) => {
                let service = &self.who.service;
                tracing::warn!(%service, pid, "a process could not be killed and is left");
            }
            Some(Report::Started { .. } | Report::Failed { .. }) | None => {}
        }
    }

    async fn asked(&mut self, ask: Ask) {
        match ask {
            Ask::Shim(request) => {
                match request {
                    Request::Stop { grace, .. } => {
                        self.shim_due = Some(Instant::now() + grace + SHIM_LATE);
                    }
                    Request::Kill => self.shim_due = Some(Instant::now() + SHIM_LATE),
                }
                let line = format!("{request}\n");
                drop(self.requests.write_all(line.as_bytes()).await);
            }
            Ask::Resize(size) => {
                for terminal in &self.terminals {
                    drop(terminal.resize(size.into()));
                }
            }
            Ask::Write(bytes) => {
                // As a terminal does whose queue is full: what a program does not read is not kept for it without end.
                if self.input.try_send(bytes).is_err() {
                    tracing::debug!("what was typed into a program was not read");
                }
            }
        }
    }

    /// Waits for the shim's end, ends whatever it left, and waits for the last of the output.
    async fn bury(self, inner: &Inner) -> Option<ExitStatus> {
        let Self {
            shim,
            who,
            output,
            end,
            ..
        } = self;
        let mark = state::mark(&inner.identity, who.run.0);
        let wait = move || {
            let id = shim.id();
            let status = shim.wait();
            if end.is_none() {
                end_orphans(id, &mark);
            }
            status
        };
        let status = tokio::task::spawn_blocking(wait).await.ok().flatten();
        let stop_reading = output.abort_handle();
        if timeout(OUTPUT_LATE, output).await.is_err() {
            stop_reading.abort();
        }
        status
    }
}

fn by_signal(number: i32) -> Exit {
    Exit {
        signal: Some(signals::name(number)),
        ..Exit::default()
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Kills a shim and all below it, from outside.
fn kill_tree(shim: u32) {
    for pid in std::iter::once(shim).chain(proc::descendants(shim)) {
        proc::kill(pid);
    }
}

/// Ends what a shim that was itself killed has left: whatever belongs to its session or carries the run's mark.
fn end_orphans(shim: u32, mark: &str) {
    let deadline = std::time::Instant::now() + Duration::from_secs(3);
    loop {
        let left: Vec<u32> = proc::all_pids()
            .into_iter()
            .filter_map(proc::ProcStat::read)
            .filter(|stat| !stat.is_dead())
            .filter(|stat| {
                stat.session == shim
                    || proc::environment(stat.pid, state::MARK).as_deref() == Some(mark)
            })
            .map(|stat| stat.pid)
            .collect();
        if left.is_empty() || std::time::Instant::now() > deadline {
            return;
        }
        left.into_iter().for_each(proc::kill);
        thread::sleep(Duration::from_millis(5));
    }
}

/// So many pieces of what was typed wait for a program that does not read.
const UNREAD: usize = 256;

/// Writes to a terminal on a thread of its own, begun with the first bytes: a program that does not read would block the
/// writer. The thread ends with the sender, or when the terminal is gone.
fn write_on_thread(
    mut terminal: Box<dyn Write + Send>,
) -> std::io::Result<blocking::SyncSender<Vec<u8>>> {
    let (sender, received) = blocking::sync_channel::<Vec<u8>>(UNREAD);
    thread::Builder::new()
        .name("write to a terminal".into())
        .stack_size(64 << 10)
        .spawn(move || {
            for bytes in received {
                if terminal.write_all(&bytes).is_err() {
                    return;
                }
            }
        })?;
    Ok(sender)
}
