//! What every session begins with: the stack, its lock, a clean slate, and its front doors.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::addresses::{SharedDoors, open_front_doors};
use super::answers::FirstAnswers;
use super::between::Between;
use super::engine_side::EngineSide;
use super::otlp::Otlp;
use super::world::RealWorld;
use super::{Failure, inspect, isolation, logs, reload};
use crate::adapters::check::Checks;
use crate::adapters::probe::Probes;
use crate::adapters::process::{Processes, ShimProgram};
use crate::adapters::state::{self, LockRefused, SessionLock};
use crate::adapters::watch::Watcher;
use crate::adapters::{Identity, Wires};
use crate::cli::{Global, PortsArg, RuntimeArg};
use crate::config;
use crate::engine::{Engine, Options, RuntimeChoice};
use crate::proxy::{Doors, Limits, Routes, into_store};
use crate::report;
use crate::runtime::{Clock, Interrupts, Parts, Tape, TapeHead};
use crate::stack::{Published, Stack};
use crate::telemetry::{Exchange, Telemetry};

/// Names the file to which the session tape is written.
const TAPE: &str = "BOATYARD_TAPE";

/// What the command line asks of a session.
pub(super) struct Wish {
    /// What holds for every command.
    pub(super) global: Global,
    /// Only these services and what they need.
    pub(super) services: Vec<String>,
    /// What to do when a front door's port is taken.
    pub(super) ports: PortsArg,
    /// Whether sources and the stack file are watched.
    pub(super) watch: bool,
    /// The copy that is meant, if it is one.
    pub(super) isolated: Option<String>,
}

impl Wish {
    /// How the stack is read.
    fn options(&self) -> config::Options {
        config::Options {
            services: self.services.clone(),
            ..inspect::options(&self.global)
        }
    }
}

/// A stack that this process alone may run, with nothing of an earlier session left but in the container engine.
pub(super) struct Opening {
    /// The stack.
    pub(super) stack: Arc<Stack>,
    /// What it is called, and by which labels it is known.
    pub(super) identity: Identity,
    wish: Wish,
    /// The front doors as the stack file has them, if it is a copy.
    published: Vec<Published>,
    // Given back when the session is over.
    lock: SessionLock,
}

impl Opening {
    /// Reads the stack, takes its lock, and ends what a dead session left of its processes.
    pub(super) fn new(wish: Wish) -> Result<Self, Failure> {
        let (mut stack, _) = inspect::stack_of(&wish.options())?;
        let published = isolation::apply(&mut stack, wish.isolated.as_deref())?;
        inspect::keep_only(&mut stack, &wish.services)?;
        let identity = identity(&stack);
        let lock = SessionLock::acquire(&identity).map_err(|refused| refuse(&refused))?;
        for line in state::sweep(&identity) {
            tracing::info!("left by an earlier session: {line}");
        }
        Ok(Self {
            stack: Arc::new(stack),
            identity,
            wish,
            published,
            lock,
        })
    }

    /// Opens the front doors and makes the world and the loop's parts. Needs the asynchronous runtime.
    pub(super) fn open(
        self,
        options: Options,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> Result<Opened, Failure> {
        // Caught before anything is made that would have to be taken down.
        let interrupts =
            Interrupts::catch().map_err(|error| Failure::io("cannot catch signals", &error))?;
        let tape = tape(&self.stack, &options)?;
        let world = self.world(options.runtime, &telemetry, &clock)?;
        let exports = isolation::doors(&self.published, &world.doors);
        let exports = exports.iter().map(isolation::Door::export).collect();
        tokio::spawn(keep_joined(Arc::clone(&telemetry)));
        let start = Engine::new(Arc::clone(&self.stack), options);
        let parts = Parts {
            start,
            telemetry,
            clock,
            interrupts,
            tape,
        };
        Ok(Opened {
            world,
            parts,
            lock: self.lock,
            state_folder: self.identity.state_folder(),
            exports,
        })
    }

    fn world(
        &self,
        choice: RuntimeChoice,
        telemetry: &Arc<Telemetry>,
        clock: &Clock,
    ) -> Result<RealWorld, Failure> {
        let (events, received) = mpsc::unbounded_channel();
        let wires = Wires {
            events,
            telemetry: Arc::clone(telemetry),
            clock: clock.clone(),
        };
        logs::keep_on_disk(&self.identity, &wires);
        let routes = Arc::new(Routes::counted_in(Arc::clone(telemetry)));
        let answers = Arc::new(FirstAnswers::default());
        let record = recorder(&wires, &answers);
        let doors = self.doors(&routes, &wires, record.clone())?;
        for door in isolation::doors(&self.published, &doors) {
            wires.tell(door.told());
        }
        let processes = Processes::new(wires.clone(), self.identity.clone(), ShimProgram::this())
            .map_err(|error| Failure::io("cannot start processes", &error))?;
        let watching = self.wish.watch.then(|| self.watcher(&wires, &doors));
        let engine = EngineSide::start(&wires, &self.identity, choice);
        engine.containers.describe(&self.stack);
        Ok(RealWorld {
            otlp: Otlp::start(&wires),
            between: Between::start(&wires, &engine, choice, record),
            engine,
            identity: self.identity.clone(),
            stack: Arc::clone(&self.stack),
            any_port: self.any_port(),
            options: self.wish.options(),
            choice,
            routes,
            doors,
            processes,
            probes: Probes::new(wires.clone()),
            checks: Checks::new(wires.clone()),
            watcher: watching.transpose()?,
            wires,
            events: received,
            runtimes: HashMap::new(),
            runs: HashMap::new(),
            missing: None,
            routed: HashMap::new(),
            faults: HashMap::new(),
            answers,
        })
    }

    /// The front doors, open before anything is built: a port that is taken is known at once.
    fn doors(
        &self,
        routes: &Arc<Routes>,
        wires: &Wires,
        record: impl Fn(Exchange) + Send + Sync + 'static,
    ) -> Result<Arc<SharedDoors>, Failure> {
        let doors = Doors::new(Arc::clone(routes), record, Limits::default());
        let doors = Arc::new(SharedDoors::new(doors, Arc::clone(&wires.telemetry)));
        match open_front_doors(&doors, &self.stack, self.any_port()) {
            Ok(moved) => {
                for moved in moved {
                    wires.tell(moved.told());
                }
                Ok(doors)
            }
            Err(errors) => {
                let taken = errors.iter().map(|error| format!("error: {error}"));
                let help = "help: `--ports auto` takes the next free port instead".to_owned();
                let lines: Vec<String> = taken.chain([help]).collect();
                Err(Failure::Missing(lines.join("\n")))
            }
        }
    }

    fn any_port(&self) -> bool {
        self.wish.ports == PortsArg::Auto
    }

    /// What the engine is asked to be, apart from smoke tests.
    pub(super) fn options(&self) -> Options {
        let runtime = match self.wish.global.runtime {
            RuntimeArg::Auto => RuntimeChoice::Auto,
            RuntimeArg::Engine => RuntimeChoice::Engine,
            RuntimeArg::Process => RuntimeChoice::Process,
        };
        Options {
            runtime,
            ..Options::default()
        }
    }

    fn watcher(&self, wires: &Wires, doors: &Arc<SharedDoors>) -> Result<Watcher, Failure> {
        let (tell, news) = mpsc::unbounded_channel();
        let watcher = Watcher::start(wires.clone(), tell)
            .map_err(|error| Failure::io("cannot watch the sources", &error))?;
        let reloader = reload::Reloader {
            wires: wires.clone(),
            options: self.wish.options(),
            isolated: self.wish.isolated.clone(),
            services: self.wish.services.clone(),
            doors: Arc::clone(doors),
            any_port: self.any_port(),
            identity: self.identity.clone(),
        };
        tokio::spawn(reloader.run(news));
        Ok(watcher)
    }
}

/// What is done with each exchange: it is kept, and it may be an answer that is waited for.
fn recorder(
    wires: &Wires,
    answers: &Arc<FirstAnswers>,
) -> impl Fn(Exchange) + Clone + Send + Sync + 'static {
    let keep = into_store(Arc::clone(&wires.telemetry));
    let (answers, told) = (Arc::clone(answers), wires.clone());
    move |exchange| {
        if let Some(event) = answers.see(&exchange) {
            told.tell(event);
        }
        keep(exchange);
    }
}

/// A session about to begin.
pub(super) struct Opened {
    /// The world.
    pub(super) world: RealWorld,
    /// The loop's parts.
    pub(super) parts: Parts,
    /// The stack's lock, given back when the session is over.
    pub(super) lock: SessionLock,
    /// Where what outlives the session is kept.
    pub(super) state_folder: PathBuf,
    /// Lines for the shell: where the front doors of a copy are.
    pub(super) exports: Vec<String>,
}

impl Opened {
    /// Prints the lines for the shell, if there are any.
    pub(super) fn print_exports(&self) {
        if !self.exports.is_empty() {
            report::print(&format!("{}\n", self.exports.join("\n")));
        }
    }
}

/// The identity of a stack in a session of this process.
pub(super) fn identity(stack: &Stack) -> Identity {
    let session = format!(
        "{}-{}",
        std::process::id(),
        jiff::Timestamp::now().as_millisecond()
    );
    Identity::of(stack, session)
}

/// A lock that was not given, as a failure with what to do.
pub(super) fn refuse(refused: &LockRefused) -> Failure {
    let help = match refused {
        LockRefused::Held(_) => "\nhelp: end that session first, or work in a copy of the folder",
        LockRefused::Unusable { .. } => "",
    };
    Failure::Missing(format!("error: {refused}{help}"))
}

fn tape(stack: &Arc<Stack>, options: &Options) -> Result<Option<Tape>, Failure> {
    let Some(path) = std::env::var_os(TAPE) else {
        return Ok(None);
    };
    let head = TapeHead {
        stack: Arc::clone(stack),
        options: *options,
    };
    let failed = |error: io::Error| {
        Failure::io(&format!("cannot write the tape {}", path.display()), &error)
    };
    Tape::create(path.as_ref(), &head).map(Some).map_err(failed)
}

/// Joins exchanges as they come, on a thread where that may take its time. Ends with the asynchronous runtime.
async fn keep_joined(telemetry: Arc<Telemetry>) {
    /// A trace is looked at this long after its last exchange, or a little later.
    const PACE: Duration = Duration::from_millis(50);
    /// Then once more, when what may have caused it has been answered.
    const AGAIN: Duration = Duration::from_millis(150);
    let mut changes = telemetry.changes();
    let (mut waiting, mut took) = (false, Duration::ZERO);
    loop {
        let told = changes.changed();
        let gone = if waiting {
            tokio::time::timeout(AGAIN, told)
                .await
                .is_ok_and(|seen| seen.is_err())
        } else {
            told.await.is_err()
        };
        if gone {
            return;
        }
        // A quarter of one core at most.
        tokio::time::sleep(PACE.max(3 * took)).await;
        changes.mark_unchanged();
        // Log lines and figures are news too.
        if !waiting && !telemetry.has_unjoined() {
            continue;
        }
        let began = Instant::now();
        let telemetry = Arc::clone(&telemetry);
        let (done, joined) = oneshot::channel();
        // Not one of the runtime's threads: these are waited for at the end.
        let thread = thread::Builder::new()
            .name("join".to_owned())
            .spawn(move || {
                let _ = done.send(telemetry.join(jiff::Timestamp::now()));
            });
        let (Ok(_), Ok(again)) = (thread, joined.await) else {
            tracing::error!("exchanges are not joined any more: no thread, or it broke off");
            return;
        };
        (waiting, took) = (again, began.elapsed());
    }
}
