//! The real world: which adapter performs which effect, and what the session itself must know to do so.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::addresses::{Caller, SharedDoors, close_front_doors, front_door, open_front_doors};
use super::answers::FirstAnswers;
use super::between::Between;
use super::engine_side::EngineSide;
use super::exec;
use super::inside;
use super::otlp::Otlp;
use crate::adapters::check::Checks;
use crate::adapters::container::{Aim, sweep};
use crate::adapters::probe::Probes;
use crate::adapters::process::Processes;
use crate::adapters::watch::{Watcher, find};
use crate::adapters::{Exec, Identity, Wires};
use crate::config;
use crate::engine::{
    BuildFailure, BuildId, CheckId, Command, Effect, EngineLink, Event, Place, RunId,
    RuntimeChoice, StartFailure, StartRun, SyncCopy, SyncId,
};
use crate::proxy::{Routes, Target, Upstream};
use crate::runtime::World;
use crate::stack::{Check, CheckKind, Fault, Reach, Runtime, Service, ServiceName, Stack, Then};
use crate::text::Redactor;

/// Longest time that a run which is being replaced gets to finish its requests before it is asked to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Longest time that relays between containers get at the end to tell of the last exchanges: a little more than they give
/// those that are under way.
const FAREWELL: Duration = Duration::from_secs(8);

/// The adapters of one session, and what ties them together.
pub(super) struct RealWorld {
    pub(super) wires: Wires,
    pub(super) identity: Identity,
    pub(super) stack: Arc<Stack>,
    /// A front door's port that is taken is replaced by the next free one.
    pub(super) any_port: bool,
    /// How the stack file is found and read.
    pub(super) options: config::Options,
    /// Which runtime was asked for.
    pub(super) choice: RuntimeChoice,
    pub(super) routes: Arc<Routes>,
    pub(super) doors: Arc<SharedDoors>,
    pub(super) engine: EngineSide,
    pub(super) otlp: Otlp,
    /// The relays between containers.
    pub(super) between: Between,
    pub(super) processes: Processes,
    pub(super) probes: Probes,
    pub(super) checks: Checks,
    pub(super) watcher: Option<Watcher>,
    pub(super) events: mpsc::UnboundedReceiver<Event>,
    pub(super) runtimes: HashMap<ServiceName, Runtime>,
    pub(super) runs: HashMap<RunId, Live>,
    /// What is missing without which the session cannot go on, with what to do.
    pub(super) missing: Option<String>,
    /// Which runs the engine wants requests to go to.
    pub(super) routed: HashMap<ServiceName, Vec<RunId>>,
    /// What is done to requests for services on purpose.
    pub(super) faults: HashMap<ServiceName, Arc<[Fault]>>,
    /// Answers that the engine waits for; every exchange is shown to it.
    pub(super) answers: Arc<FirstAnswers>,
}

/// A run that has not ended.
pub(super) struct Live {
    service: Arc<Service>,
    pub(super) runtime: Runtime,
    environment: Vec<(String, String)>,
    reach: Option<Reach>,
}

impl World for RealWorld {
    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Prepare { stack } => self.prepare(stack),
            Effect::UseRuntime { service, runtime } => self.use_runtime(service, runtime),
            Effect::StartBuild {
                build,
                service,
                fresh,
            } => self.start_build(build, service, fresh),
            Effect::CancelBuild { build } => {
                if let Some(builds) = self.engine.builds() {
                    builds.cancel(build);
                }
            }
            Effect::StartRun(start) => self.start_run(start),
            Effect::StopRun {
                run,
                grace,
                replaced,
            } => self.stop_run(run, grace, replaced),
            Effect::KillRun { run } => self.kill_run(run),
            Effect::Route { service, runs } => self.reroute(&service, runs),
            Effect::Refuse { service, why } => {
                self.routed.remove(&service);
                self.engine.containers.aim(&service, Aim::Refuse);
                self.between.set(&service, Target::Refuse(why.clone()));
                self.routes.set(&service, Target::Refuse(why));
            }
            Effect::Probe { run, service } => self.probe(run, &service),
            Effect::PaceProbe { run, calm } => self.probes.pace(run, calm),
            Effect::Sync {
                sync,
                runs,
                copies,
                then,
            } => self.sync(sync, runs, copies, then),
            Effect::CompareImage {
                build,
                service,
                image,
                runs,
                paths,
            } => self
                .engine
                .containers
                .compare(build, service, image, runs, paths),
            Effect::AwaitAnswer {
                service,
                change,
                runs,
            } => self.answers.wait(service, change, runs, Timestamp::now()),
            Effect::RunCheck { check, spec } => self.check(check, spec),
            Effect::Resize(size) => self.processes.resize(size),
            Effect::SetSolo { on } => self.routes.set_solo(on),
            Effect::SetFaults { service, faults } => self.set_faults(&service, faults),
            Effect::Replay { .. } | Effect::SaveCheck { .. } | Effect::Export { .. } => {
                self.do_with_recorded(effect);
            }
            Effect::GoInside { .. } => self.go_inside(effect),
            Effect::Forget { service } => self.forget(&service),
        }
    }

    async fn next_event(&mut self) -> Event {
        loop {
            tokio::select! {
                Some(event) = self.events.recv() => {
                    if let Some(event) = self.heard(event) {
                        return event;
                    }
                }
                Some(run) = self.engine.moved.recv() => self.moved(run),
            }
        }
    }

    async fn finish(&mut self) -> Vec<String> {
        self.watcher = None;
        let closing = self.doors.lock().close_all();
        let farewell = tokio::time::timeout(FAREWELL, self.between.farewell());
        // A relay that does not answer is no reason to stay.
        drop(tokio::join!(closing, farewell));
        let mut left: Vec<String> = Vec::new();
        self.engine.settle().await;
        self.engine.containers.finish().await;
        // An engine that has stopped answering is no reason to stay.
        drop(tokio::time::timeout(DRAIN, self.engine.containers.compared()).await);
        if let Some(engine) = self.engine.containers.link().engine() {
            // Runs were removed one by one; this takes the network, and looks whether anything else carries our labels.
            match sweep(&engine, &self.identity, None, false).await {
                Ok(swept) => left.extend(
                    swept
                        .containers
                        .iter()
                        .map(|name| format!("container {name} had to be removed")),
                ),
                Err(why) => left.push(format!(
                    "containers or networks: {why}; `boatyard down` tries again"
                )),
            }
        }
        let identity = self.identity.clone();
        let killed =
            tokio::task::spawn_blocking(move || crate::adapters::state::sweep(&identity)).await;
        left.extend(killed.unwrap_or_default());
        left
    }
}

impl RealWorld {
    fn prepare(&mut self, stack: Arc<Stack>) {
        self.stack = stack;
        self.engine.containers.describe(&self.stack);
        let redactor = Redactor::new(&self.stack.redact);
        self.wires.telemetry.logs().mask(redactor.clone());
        self.wires.telemetry.spans().mask(redactor.clone());
        self.checks.mask(redactor);
        self.set_policies();
        self.between.bring_up(&self.stack);
        self.keep_front_doors();
        self.watch();
        self.find_files();
    }

    /// A reload has opened them already, unless somebody took a port in between.
    fn keep_front_doors(&self) {
        close_front_doors(&self.doors, &self.stack);
        match open_front_doors(&self.doors, &self.stack, self.any_port) {
            Ok(moved) => moved.iter().for_each(|moved| self.wires.tell(moved.told())),
            Err(errors) => errors.iter().for_each(|error| {
                self.wires.tell(Event::Problem {
                    what: format!("a front door stays closed: {error}"),
                    remedy: "free that port and save the stack file again".into(),
                });
            }),
        }
    }

    fn use_runtime(&mut self, service: ServiceName, runtime: Runtime) {
        self.runtimes.insert(service, runtime);
        self.watch();
    }

    fn watch(&mut self) {
        let runtimes = &self.runtimes;
        if let Some(watcher) = &self.watcher {
            // Nobody here waits until every folder is watched.
            drop(watcher.watch(&self.stack, |service| runtimes.get(service).copied()));
        }
    }

    /// Where nobody watches, containers still need the files that their images lack.
    fn find_files(&self) {
        if self.watcher.is_none() {
            let (wires, stack) = (self.wires.clone(), Arc::clone(&self.stack));
            tokio::task::spawn_blocking(move || {
                for found in find(&stack) {
                    wires.tell(found);
                }
            });
        }
    }

    fn start_run(&mut self, start: StartRun) {
        let process_port = match start.runtime {
            Runtime::Process => self.processes.free_port(),
            Runtime::Container => None,
        };
        let caller = Caller {
            service: &start.service,
            runtime: start.runtime,
            runtimes: &self.runtimes,
            gateway: self.engine.gateway(),
        };
        let port = process_port.or_else(|| start.service.port());
        let mut environment = caller.environment(&self.doors, &self.stack, port);
        environment.extend(self.otlp.environment(&start, self.engine.gateway()));
        let live = Live {
            service: Arc::clone(&start.service),
            runtime: start.runtime,
            environment: environment.clone(),
            reach: None,
        };
        self.runs.insert(start.run, live);
        match (start.runtime, process_port) {
            (Runtime::Container, _) => self.engine.containers.start(start, environment, Vec::new()),
            (Runtime::Process, Some(port)) => self.processes.start(&start, environment, port),
            (Runtime::Process, None) => self.wires.tell(Event::RunFailed {
                run: start.run,
                why: no_port(),
            }),
        }
    }

    /// The service left the stack.
    fn forget(&mut self, service: &ServiceName) {
        self.routed.remove(service);
        self.faults.remove(service);
        self.runtimes.remove(service);
        self.routes.forget(service);
        self.between.forget(service);
        self.engine.containers.forget(service);
        self.answers.forget(service);
        for edge in self
            .doors
            .edges()
            .iter()
            .filter(|edge| edge.callee == *service)
        {
            self.doors.close(edge);
        }
    }

    fn start_build(&self, build: BuildId, service: Arc<Service>, fresh: bool) {
        let Some(builds) = self.engine.builds() else {
            return self.wires.tell(Event::BuildFailed {
                build,
                failure: no_engine_to_build(),
            });
        };
        self.engine.containers.prepare(&service);
        builds.set_budget(self.stack.image_budget);
        builds.start(build, service, fresh);
    }

    fn sync(&self, sync: SyncId, runs: Vec<RunId>, copies: Vec<SyncCopy>, then: Then) {
        let (routes, between) = (Arc::clone(&self.routes), self.between.clone());
        let drained = move |run: RunId| {
            let (here, there) = (routes.drained(run.0), between.drained(run.0));
            async move {
                tokio::join!(here, there);
            }
        };
        let containers = &self.engine.containers;
        containers.sync(sync, runs, copies, then, drained);
    }

    fn stop_run(&mut self, run: RunId, grace: Duration, replaced: bool) {
        let Some(live) = self.runs.get(&run) else {
            return;
        };
        let (here, there) = (self.routes.drained(run.0), self.between.drained(run.0));
        let drained = async move {
            tokio::join!(here, there);
        };
        match live.runtime {
            Runtime::Container => self
                .engine
                .containers
                .stop(run, grace, replaced, async move {
                    drop(tokio::time::timeout(DRAIN, drained).await);
                }),
            Runtime::Process => {
                let processes = self.processes.clone();
                tokio::spawn(async move {
                    drop(tokio::time::timeout(DRAIN.min(grace), drained).await);
                    processes.stop(run, grace);
                });
            }
        }
    }

    fn kill_run(&mut self, run: RunId) {
        match self.runs.get(&run).map(|live| live.runtime) {
            Some(Runtime::Container) => self.engine.containers.kill(run),
            Some(Runtime::Process) => self.processes.kill(run),
            None => {}
        }
    }

    /// From now on these runs are asked. New ones may behave otherwise than what was learned of the service.
    fn reroute(&mut self, service: &ServiceName, runs: Vec<RunId>) {
        let before = self.routed.get(service);
        let known = |run: &RunId| before.is_some_and(|before| before.contains(run));
        if !runs.iter().all(known) {
            self.wires.telemetry.replaced_service(service);
        }
        self.routed.insert(service.clone(), runs);
        self.route(service);
    }

    fn route(&self, service: &ServiceName) {
        let Some(runs) = self.routed.get(service) else {
            return;
        };
        let upstreams: Vec<Upstream> = runs
            .iter()
            .filter_map(|run| {
                Some(Upstream {
                    run: run.0,
                    reach: self.runs.get(run)?.reach.clone()?,
                })
            })
            .collect();
        let addresses = upstreams
            .iter()
            .filter_map(|upstream| match upstream.reach {
                Reach::Host(address) => Some(address),
                Reach::Ports(_) | Reach::Only(_) => None,
            });
        let containers = &self.engine.containers;
        containers.aim(service, Aim::To(addresses.collect()));
        let target = if upstreams.is_empty() {
            Target::Hold
        } else {
            Target::Runs(upstreams)
        };
        self.between.set(service, target.clone());
        self.routes.set(service, target);
    }

    fn probe(&mut self, run: RunId, service: &Arc<Service>) {
        let Some(live) = self.runs.get(&run) else {
            return;
        };
        let (reach, own) = (live.reach.clone(), service.port().unwrap_or(0));
        let address = move |port: Option<u16>| reach.as_ref()?.at(port.unwrap_or(own));
        let exec = self.exec(run, live);
        let is_checked =
            live.runtime == Runtime::Container && service.container.healthcheck.is_some();
        let checks = is_checked.then(|| exec::checks_of(self.engine.containers.clone(), run));
        self.probes.start(run, service, address, exec, checks);
    }

    fn exec(&self, run: RunId, live: &Live) -> Exec {
        match live.runtime {
            Runtime::Container => exec::in_container(self.engine.containers.clone(), run),
            Runtime::Process => {
                Exec::on_this_machine(live.service.directory.clone(), live.environment.clone())
            }
        }
    }

    fn check(&mut self, check: CheckId, spec: Arc<Check>) {
        let exec = match &spec.kind {
            CheckKind::Command {
                inside: Some(service),
                ..
            } => {
                let run = self
                    .runs
                    .iter()
                    .find(|(_, live)| live.service.name == *service);
                run.map(|(run, live)| self.exec(*run, live))
            }
            _ => Some(Exec::on_this_machine(
                self.stack.directory.clone(),
                Vec::new(),
            )),
        };
        let spec = self.observable(spec);
        let (doors, stack) = (Arc::clone(&self.doors), Arc::clone(&self.stack));
        self.checks.run(
            check,
            spec,
            move |service| front_door(&doors, stack.service(service)?),
            exec,
        );
    }

    /// The check with its expected trace shortened to what can be seen: what goes from container to container is seen only
    /// where a relay has the callee's name. Says so where it shortens.
    fn observable(&self, spec: Arc<Check>) -> Arc<Check> {
        let is_container =
            |name: &ServiceName| self.runtimes.get(name) == Some(&Runtime::Container);
        let Some(trace) = &spec.trace else {
            return spec;
        };
        let unseen = trace
            .through
            .windows(2)
            .position(|edge| edge.iter().all(is_container) && !self.between.sees(&edge[1]));
        let Some(seen) = unseen.map(|edge| edge + 1) else {
            return spec;
        };
        self.wires.tell(Event::Problem {
            what: format!(
                "check \"{}\": requests from container to container for {} are not recorded, so its trace is looked at only \
                 up to {}",
                spec.name,
                trace.through[seen],
                trace.through[seen - 1]
            ),
            remedy: "leave out `trace = false`, or run as processes (`--runtime process`)".into(),
        });
        let mut shortened = Check::clone(&spec);
        if let Some(trace) = &mut shortened.trace {
            trace.through.truncate(seen);
        }
        Arc::new(shortened)
    }

    /// Takes note of what the session itself needs to know; `None` when the engine is to be told later.
    fn heard(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::ContainerEngine { link } => {
                let link = self.engine.link(link)?;
                if self.choice != RuntimeChoice::Process
                    && let Some(why) = self.engine.refusal()
                {
                    self.give_up(why);
                }
                if let EngineLink::Missing { looked } = &link {
                    self.do_without_engine(looked);
                }
                Some(Event::ContainerEngine { link })
            }
            Event::RunStarted { run, ref place } => {
                let reach = match place {
                    Place::Process { port, .. } => {
                        Some(Reach::Only(([127, 0, 0, 1], *port).into()))
                    }
                    Place::Container { .. } => self.engine.containers.reach(run),
                };
                self.found(run, reach);
                Some(event)
            }
            Event::RunExited { run, .. } | Event::RunFailed { run, .. } => {
                self.probes.stop(run);
                inside::left(&self.wires.telemetry, run);
                self.found(run, None);
                self.runs.remove(&run);
                Some(event)
            }
            other => Some(other),
        }
    }

    /// Ends the session when a service cannot run without the engine that was not found.
    fn do_without_engine(&mut self, looked: &[String]) {
        let cannot = |service: &&Service| match self.choice {
            RuntimeChoice::Process => false,
            RuntimeChoice::Engine => service.has_image(),
            RuntimeChoice::Auto => service.has_image() && service.run.is_none(),
        };
        let stuck: Vec<&str> = self
            .stack
            .services
            .values()
            .filter(cannot)
            .map(|service| service.name.as_str())
            .collect();
        if stuck.is_empty() || self.missing.is_some() {
            return;
        }
        self.give_up(format!(
            "error: no container engine answers, and {} cannot run without one\n  looked at:\n    {}\nhelp: start the engine \
             (`boatyard doctor` looks closer), or give each service a `run` command, to run it as a plain process",
            stuck.join(", "),
            looked.join("\n    ")
        ));
    }

    /// Ends the session: something is missing without which it cannot go on.
    fn give_up(&mut self, what: String) {
        if self.missing.is_none() {
            self.missing = Some(what);
            self.wires.tell(Event::Command {
                command: Command::Quit,
            });
        }
    }

    /// A run is found there from now on; `None`: nowhere.
    fn found(&mut self, run: RunId, reach: Option<Reach>) {
        let mut whereabouts = self.wires.telemetry.whereabouts();
        whereabouts.set_run(run.0, reach.clone());
        drop(whereabouts);
        if let Some(live) = self.runs.get_mut(&run) {
            live.reach = reach;
        }
    }

    fn moved(&mut self, run: RunId) {
        if !self.runs.contains_key(&run) {
            return;
        }
        self.found(run, self.engine.containers.reach(run));
        let Some(live) = self.runs.get(&run) else {
            return;
        };
        let service = Arc::clone(&live.service);
        self.route(&service.name);
        if service.health.is_some() {
            self.probe(run, &service);
        }
    }
}

fn no_engine_to_build() -> BuildFailure {
    BuildFailure {
        step: None,
        message: "the container engine went away before the build began".into(),
        last_lines: Vec::new(),
        missing_base: None,
    }
}

fn no_port() -> StartFailure {
    StartFailure {
        message: "no free port on 127.0.0.1: too many connections are open on this machine".into(),
        missing_image: None,
    }
}
