//! Plain processes: on a terminal of their own, below a shim that lets nothing outlive the session.

mod inside;
mod life;
mod lines;
mod output;
mod ports;
mod protocol;
mod shim;
mod signals;
mod spawn;
mod usage;
mod words;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

pub use shim::{SHIM_WORD, shim_main};

use self::life::{Ask, Who};
use self::ports::Ports;
use self::protocol::Request;
use self::spawn::{Launch, Spawner};
use super::state::{self, Ledger};
use super::{Identity, Wires};
use crate::engine::{Event, Inside, RunId, StartFailure, StartRun, TerminalSize};
use crate::stack::{ServiceName, Signal};
use crate::telemetry::terminals;

/// The program that serves as shim: a `boatyard` whose first argument [`SHIM_WORD`] leads to [`shim_main`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShimProgram(pub PathBuf);

impl ShimProgram {
    /// This very program, even if its file has been replaced or deleted since it was started.
    pub fn this() -> Self {
        Self("/proc/self/exe".into())
    }
}

/// The process runs of a session. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Processes {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    wires: Wires,
    identity: Identity,
    shim: ShimProgram,
    spawner: Spawner,
    ports: Ports,
    ledger: Ledger,
    runs: Mutex<BTreeMap<RunId, Entry>>,
    /// Of the terminals of runs to come.
    size: Mutex<TerminalSize>,
    sampling: AtomicBool,
}

/// A run that has not ended.
#[derive(Debug)]
struct Entry {
    service: ServiceName,
    stop_signal: Signal,
    asks: mpsc::UnboundedSender<Ask>,
    /// How it was started: what is inside of it is started like it.
    launch: Launch,
    guest: output::Guest,
    /// Process id of its shim, once there is one.
    shim: Option<u32>,
}

impl Processes {
    /// No runs yet. Whoever calls this holds the stack's lock and has swept what an earlier session left.
    pub fn new(wires: Wires, identity: Identity, shim: ShimProgram) -> io::Result<Self> {
        let inner = Inner {
            ledger: Ledger::new(&identity),
            wires,
            identity,
            shim,
            spawner: Spawner::new()?,
            ports: Ports::new(),
            runs: Mutex::default(),
            size: Mutex::default(),
            sampling: AtomicBool::new(false),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// A port on which nobody listens, another one each time; `None` if all are taken.
    pub fn free_port(&self) -> Option<u16> {
        self.inner.ports.free()
    }

    /// Starts a run of `service.run` in the service's folder, on a terminal of the present size, with Boatyard's own
    /// environment, these variables on top, and `PORT`. Returns at once and must be called within the runtime; answers with
    /// `RunStarted` and later once with `RunExited`, when all its output was kept and its whole tree is gone; or with
    /// `RunFailed` alone.
    pub fn start(&self, start: &StartRun, environment: Vec<(String, String)>, port: u16) {
        let (run, service) = (start.run, &start.service);
        let Some(command) = &service.run else {
            let message = format!(
                "{}: the stack file does not say how it runs as a process; give it `run`",
                service.name
            );
            let why = StartFailure {
                message,
                missing_image: None,
            };
            return self.inner.wires.tell(Event::RunFailed { run, why });
        };
        let (asks, asked) = mpsc::unbounded_channel();
        let guest = output::Guest::default();
        let mut runs = self.inner.runs();
        // Read while the runs are held: a change of size meanwhile is found here, or sent to it.
        let size = *self.inner.size();
        let launch = Launch {
            shim: self.inner.shim.0.clone(),
            argv: command.argv(),
            directory: service.directory.clone(),
            environment: self.inner.environment(run, environment, port, size),
            size,
            one_terminal: false,
        };
        let entry = Entry {
            service: service.name.clone(),
            stop_signal: service.stop_signal.clone(),
            asks,
            launch: launch.clone(),
            guest: guest.clone(),
            shim: None,
        };
        runs.insert(run, entry);
        drop(runs);
        let who = Who {
            run,
            service: service.name.clone(),
            port,
            command: command.shown(),
            guest,
        };
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move { life::live(&inner, who, launch, asked).await });
        self.sample();
    }

    /// Asks a run to stop by its service's signal, and kills what is left after the grace. A run that has ended already
    /// has told so.
    pub fn stop(&self, run: RunId, grace: Duration) {
        let named = self
            .inner
            .runs()
            .get(&run)
            .and_then(|entry| signals::parse(&entry.stop_signal.0));
        let signal = named.unwrap_or(rustix::process::Signal::TERM).as_raw();
        self.inner
            .ask(run, Ask::Shim(Request::Stop { signal, grace }));
    }

    /// Kills a run and its whole tree.
    pub fn kill(&self, run: RunId) {
        self.inner.ask(run, Ask::Shim(Request::Kill));
    }

    /// Gives the terminals of all runs, and of those to come, another size; programs are told by `SIGWINCH`.
    pub fn resize(&self, size: TerminalSize) {
        *self.inner.size() = size;
        for entry in self.inner.runs().values() {
            // A run that has just ended has nobody left to be told.
            drop(entry.asks.send(Ask::Resize(size)));
        }
    }

    /// Types into a run's terminal.
    pub fn write(&self, run: RunId, bytes: Vec<u8>) {
        self.inner.ask(run, Ask::Write(bytes));
    }

    /// Opens a terminal inside a run, and stays with it to its end. Returns at once and must be called within the runtime.
    pub fn go_inside(&self, run: RunId, what: Inside, terminal: terminals::Inside) {
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move { inside::stay(&inner, run, what, terminal).await });
    }

    /// Begins to sample what the runs use, if that has not begun.
    fn sample(&self) {
        if self.inner.sampling.swap(true, Ordering::Relaxed) {
            return;
        }
        let inner = Arc::downgrade(&self.inner);
        let runs = move || Some(inner.upgrade()?.sampled());
        tokio::spawn(usage::sample_until_over(self.inner.wires.clone(), runs));
    }
}

impl Inner {
    fn runs(&self) -> MutexGuard<'_, BTreeMap<RunId, Entry>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn size(&self) -> MutexGuard<'_, TerminalSize> {
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run that has ended already needs nothing any more.
    fn ask(&self, run: RunId, ask: Ask) {
        if let Some(entry) = self.runs().get(&run) {
            drop(entry.asks.send(ask));
        }
    }

    fn environment(
        &self,
        run: RunId,
        given: Vec<(String, String)>,
        port: u16,
        size: TerminalSize,
    ) -> Vec<(String, String)> {
        let mut environment: Vec<(String, String)> = vec![
            ("TERM".into(), "xterm-256color".into()),
            ("COLUMNS".into(), size.columns.to_string()),
            ("LINES".into(), size.rows.to_string()),
        ];
        environment.extend(given);
        environment.push(("PORT".into(), port.to_string()));
        environment.push((state::MARK.into(), state::mark(&self.identity, run.0)));
        environment
    }

    fn record(&self, service: &ServiceName, run: RunId, pid: u32, what: &str) {
        if let Err(error) = self.ledger.record(pid, run.0, service.as_str(), what) {
            // The shim and the mark in the environment still find it.
            tracing::warn!(%service, pid, %error, "cannot record a started process");
        }
    }

    fn watch_usage(&self, run: RunId, shim: u32) {
        if let Some(entry) = self.runs().get_mut(&run) {
            entry.shim = Some(shim);
        }
    }

    fn sampled(&self) -> Vec<(ServiceName, u32)> {
        let runs = self.runs();
        let sampled = runs
            .values()
            .filter_map(|entry| Some((entry.service.clone(), entry.shim?)));
        sampled.collect()
    }

    /// Nothing of the run is left.
    fn over(&self, run: RunId) {
        self.runs().remove(&run);
        if let Err(error) = self.ledger.forget(run.0) {
            tracing::warn!(%run, %error, "cannot update the record of started processes");
        }
    }
}
