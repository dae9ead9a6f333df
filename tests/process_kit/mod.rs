//! A bench for process tests: a stack of its own in a folder of its own, and what its runs tell.
#![expect(dead_code, reason = "each test program uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a failure fails the test that asked")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use boatyard::adapters::process::{Processes, ShimProgram};
use boatyard::adapters::{Identity, Wires};
use boatyard::engine::{Event, Exit, Place, RunId, StartRun};
use boatyard::runtime::Clock;
use boatyard::stack::{CommandWords, Runtime, Service};
use boatyard::telemetry::{Stream, Telemetry};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::until::until;

/// Longer than anything takes on a busy machine; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Bench {
    pub(crate) processes: Processes,
    pub(crate) identity: Identity,
    wires: Wires,
    events: mpsc::UnboundedReceiver<Event>,
    folder: PathBuf,
    /// Deletes the folder in the end, unless it is somebody else's.
    owned: Option<tempfile::TempDir>,
    next: u64,
    places: BTreeMap<RunId, (u32, u16)>,
    exits: BTreeMap<RunId, Exit>,
    failures: BTreeMap<RunId, String>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let identity = Identity::new("bench", folder.path(), format!("{}-1", std::process::id()));
        let path = folder.path().to_owned();
        let mut bench = Self::for_identity(&path, identity);
        bench.owned = Some(folder);
        bench
    }

    /// A bench in somebody else's folder.
    pub(crate) fn for_identity(folder: &Path, identity: Identity) -> Self {
        let (tell, events) = mpsc::unbounded_channel();
        let wires = Wires {
            events: tell,
            telemetry: Arc::new(Telemetry::default()),
            clock: Clock::start(),
        };
        let shim = ShimProgram(env!("CARGO_BIN_EXE_boatyard").into());
        let processes = Processes::new(wires.clone(), identity.clone(), shim).unwrap();
        Self {
            processes,
            identity,
            wires,
            events,
            folder: folder.to_owned(),
            owned: None,
            next: 1,
            places: BTreeMap::new(),
            exits: BTreeMap::new(),
            failures: BTreeMap::new(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn telemetry(&self) -> Arc<Telemetry> {
        Arc::clone(&self.wires.telemetry)
    }

    pub(crate) fn start(&mut self, script: &str) -> RunId {
        self.start_with(script, |_| ())
    }

    pub(crate) fn start_words(&mut self, argv: &[&str]) -> RunId {
        let words = argv.iter().map(|word| (*word).to_owned()).collect();
        self.start_with("", |service| service.run = Some(CommandWords::Words(words)))
    }

    pub(crate) fn start_with(&mut self, script: &str, change: impl FnOnce(&mut Service)) -> RunId {
        let run = RunId(self.next);
        self.next += 1;
        let mut service = Service::named("app");
        service.run = Some(CommandWords::Shell(script.into()));
        service.directory.clone_from(&self.folder);
        change(&mut service);
        let start = StartRun {
            run,
            service: Arc::new(service),
            replica: 0,
            runtime: Runtime::Process,
            image: None,
            replaces: None,
            given: Vec::new(),
        };
        let environment = vec![("GREETING".into(), "hello".into())];
        let port = self.processes.free_port().unwrap();
        self.processes.start(&start, environment, port);
        run
    }

    /// Process id and port of a started run.
    pub(crate) async fn started(&mut self, run: RunId) -> (u32, u16) {
        loop {
            if let Some(place) = self.places.get(&run) {
                return *place;
            }
            self.hear().await;
        }
    }

    pub(crate) async fn exit(&mut self, run: RunId) -> Exit {
        loop {
            if let Some(exit) = self.exits.get(&run) {
                assert!(self.places.contains_key(&run), "ended before it started");
                return exit.clone();
            }
            self.hear().await;
        }
    }

    pub(crate) async fn failure(&mut self, run: RunId) -> String {
        loop {
            if let Some(failure) = self.failures.get(&run) {
                return failure.clone();
            }
            self.hear().await;
        }
    }

    async fn hear(&mut self) {
        let event = timeout(PATIENCE, self.events.recv()).await;
        self.take(event.expect("an event in time").expect("the world lives"));
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::RunStarted {
                run,
                place: Place::Process { pid, port },
            } => assert_eq!(self.places.insert(run, (pid, port)), None),
            Event::RunExited { run, exit } => assert_eq!(self.exits.insert(run, exit), None),
            Event::RunFailed { run, why } => {
                assert_eq!(self.failures.insert(run, why.message), None);
            }
            other => panic!("unexpected {other:?}"),
        }
    }

    pub(crate) fn try_event(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// Nothing more is told of runs that have ended.
    pub(crate) async fn expect_silence(&mut self) {
        let more = timeout(Duration::from_millis(100), self.events.recv()).await;
        assert!(more.is_err(), "{more:?}");
    }

    pub(crate) fn lines(&self, run: RunId) -> Vec<(Stream, String)> {
        let logs = self.wires.telemetry.logs();
        let lines = logs.of_run_since(&"app".into(), run.0, 0).lines;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        lines
            .iter()
            .map(|line| (line.line.stream, text(&line.line.bytes)))
            .collect()
    }

    pub(crate) async fn until_line(&self, run: RunId, wanted: &str) {
        let has = || self.lines(run).iter().any(|(_, line)| line == wanted);
        until(wanted, has).await;
    }

    /// The ids that a run has printed as `pid N`.
    pub(crate) async fn pids(&self, run: RunId, count: usize) -> Vec<u32> {
        let find = || -> Vec<u32> {
            let lines = self.lines(run).into_iter();
            lines
                .filter_map(|(_, line)| line.strip_prefix("pid ")?.parse().ok())
                .collect()
        };
        until("the ids", || find().len() >= count).await;
        find()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(self.owned.take());
        drop(std::fs::remove_dir_all(self.identity.state_folder()));
    }
}

fn stat(pid: u32) -> Option<Vec<String>> {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields = line.rsplit_once(") ")?.1.split(' ');
    Some(fields.map(ToOwned::to_owned).collect())
}

pub(crate) fn alive(pid: u32) -> bool {
    stat(pid).is_some_and(|fields| fields[0] != "Z")
}

pub(crate) fn parent_of(pid: u32) -> u32 {
    stat(pid).unwrap()[1].parse().unwrap()
}

pub(crate) fn kill_9(pid: u32) {
    signal(pid, Signal::KILL);
}

pub(crate) fn stop(pid: u32) {
    signal(pid, Signal::STOP);
    while stat(pid).is_some_and(|fields| fields[0] != "T") {
        std::thread::yield_now();
    }
}

fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}
