//! A simulated world: answers effects at random times, well or badly, late or twice; saves, asks and breaks at random.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use boatyard::engine::{
    BuildFailure, BuildId, Command, Effect, Engine, Event, Exit, Moment, Notice, Options, Place,
    RunId, ServiceState, StartFailure, StartRun, SyncId,
};
use boatyard::stack::{Runtime, ServiceName, Stack, Then, WatchMode, WatchRule};

use crate::promises;
use crate::rng::Rng;
use crate::truth::{BuildTruth, RunTruth, Save, SaveKind, Truth};

/// Something that is going to happen.
#[derive(Debug, Clone)]
pub(crate) enum Planned {
    Event(Event),
    /// A program ends by itself.
    Crash(RunId, i32),
    /// The files of a service's sync rules are found.
    Find(ServiceName),
    /// A probe asks.
    Ask(RunId),
    /// A person or the world does something.
    Act,
}

/// The world, and the engine in it.
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) now: Moment,
    pub(crate) engine: Engine,
    pub(crate) truth: Truth,
    pub(crate) stack: Stack,
    /// Whether things go wrong.
    pub(crate) chaos: bool,
    pub(crate) is_connected: bool,
    pub(crate) is_quitting: bool,
    /// What happened, for the one who reads a failure; `None`: nobody will.
    pub(crate) story: Option<Vec<String>>,
    queue: BTreeMap<(Moment, u64), Planned>,
    planned: u64,
    /// What the container engine will tell when it is back.
    deferred: Vec<Event>,
    /// Rules whose files were looked for.
    pub(crate) looked: BTreeMap<ServiceName, Vec<WatchRule>>,
    pub(crate) comparing: BTreeSet<BuildId>,
    syncs: BTreeMap<SyncId, (Vec<RunId>, Vec<u64>, Then)>,
}

impl World {
    pub(crate) fn new(mut rng: Rng, stack: Stack, options: Options, tells: bool) -> Self {
        let (engine, effects, notices) = Engine::new(Arc::new(stack.clone()), options);
        rng.percent(50);
        let mut world = Self {
            rng,
            now: Moment::START,
            engine,
            truth: Truth::default(),
            stack,
            chaos: true,
            is_connected: false,
            is_quitting: false,
            story: tells.then(Vec::new),
            queue: BTreeMap::new(),
            planned: 0,
            deferred: Vec::new(),
            looked: BTreeMap::new(),
            comparing: BTreeSet::new(),
            syncs: BTreeMap::new(),
        };
        world.took(effects, &notices);
        world
    }

    /// Plans something this many milliseconds from now.
    pub(crate) fn plan(&mut self, after: u64, planned: Planned) {
        self.planned += 1;
        let at = self.now + Duration::from_millis(after);
        self.queue.insert((at, self.planned), planned);
    }

    /// Lets the next thing happen; nothing after `until`. Returns it if it is for somebody else to do.
    pub(crate) fn step(&mut self, until: Moment) -> Option<Happened> {
        let next = self.queue.keys().next().copied();
        let deadline = self.engine.next_deadline();
        let at = next.map(|(at, _)| at).into_iter().chain(deadline).min();
        let at = at.filter(|at| *at <= until)?;
        self.now = self.now.max(at);
        if deadline.is_some_and(|deadline| deadline <= self.now) {
            self.tell(Event::Deadline);
            return Some(Happened::Something);
        }
        let planned = self.queue.remove(&next?)?;
        match planned {
            Planned::Act => return Some(Happened::Act),
            Planned::Event(event) => self.arrive(event),
            Planned::Crash(run, code) => {
                if self.chaos || code == 0 {
                    self.end(run, 0, Exit::code(code));
                }
            }
            Planned::Find(service) => self.find(service),
            Planned::Ask(run) => self.probe(run),
        }
        Some(Happened::Something)
    }

    /// What comes from the container engine comes when it is back.
    pub(crate) fn arrive(&mut self, event: Event) {
        let of_container = |run: &RunId| self.truth.runs[run].runtime == Runtime::Container;
        let must_wait = !self.is_connected
            && match &event {
                Event::RunStarted { run, .. }
                | Event::RunFailed { run, .. }
                | Event::RunExited { run, .. } => of_container(run),
                Event::Synced { .. }
                | Event::SyncFailed { .. }
                | Event::Compared { .. }
                | Event::BuildFinished { .. } => true,
                _ => false,
            };
        if must_wait {
            self.deferred.push(event);
            return;
        }
        if self.chaos && self.rng.percent(5) {
            let after = self.rng.between(0, 300);
            self.plan(after, Planned::Event(event.clone()));
        }
        self.tell(event);
    }

    /// The container engine is back, and tells what it could not tell.
    pub(crate) fn tell_deferred(&mut self) {
        for event in std::mem::take(&mut self.deferred) {
            self.plan(1, Planned::Event(event));
        }
    }

    /// Tells the engine, does what it asks, and looks whether it keeps its promises.
    pub(crate) fn tell(&mut self, event: Event) {
        let is_stale = self.note(&event);
        if self.story.is_some() {
            self.write(&format!("{} {event:?}", self.now.0.as_millis()));
        }
        let is_reload = matches!(
            event,
            Event::StackReloaded { .. }
                | Event::Command {
                    command: Command::Hold { on: false } | Command::Flush { .. }
                }
        );
        let (effects, notices) = self.engine.handle(self.now, event);
        assert!(
            !is_stale || (effects.is_empty() && notices.is_empty()),
            "a late answer was not ignored: {effects:?} {notices:?}"
        );
        if is_reload {
            self.redefine();
        }
        self.took(effects, &notices);
    }

    fn write(&mut self, line: &str) {
        if let Some(story) = &mut self.story {
            story.push(line.chars().take(200).collect());
        }
    }

    fn took(&mut self, effects: Vec<Effect>, notices: &[Notice]) {
        for effect in effects {
            if self.story.is_some() {
                self.write(&format!("    {effect:?}"));
            }
            self.perform(effect);
        }
        promises::after_step(self, notices);
    }

    /// Definitions that were replaced under live runs.
    fn redefine(&mut self) {
        for service in self.engine.state().services.values() {
            for run in &service.runs {
                if let Some(truth) = self.truth.runs.get_mut(&run.id) {
                    truth.service = Arc::clone(&run.service);
                    let is_asked = run.service.health.is_some() || truth.restarting;
                    truth.ready |= truth.started && !is_asked;
                    truth.probed &= run.service.health.is_some();
                }
            }
        }
    }

    /// Records what the engine is about to be told. True if it is an answer that must be ignored.
    fn note(&mut self, event: &Event) -> bool {
        match event {
            Event::BuildFinished { build, image, .. } => match self.truth.builds.remove(build) {
                Some(truth) => {
                    self.truth.images.insert(image.clone(), truth.saves);
                    false
                }
                None => true,
            },
            Event::BuildFailed { build, .. } | Event::BuildCancelled { build } => {
                self.truth.builds.remove(build).is_none()
            }
            Event::RunStarted { run, .. } => self.note_started(*run),
            Event::RunFailed { run, .. } => self.note_gone(*run),
            Event::RunExited { run, exit } => {
                let truth = &self.truth.runs[run];
                if exit.is_success() && !truth.gone && !truth.stopping {
                    let name = truth.service.name.clone();
                    self.truth.completed.insert(name, *run);
                }
                self.note_gone(*run)
            }
            Event::Probed { run, answer } => self.note_probed(*run, answer.healthy),
            Event::Synced { sync, .. } => self.note_synced(*sync),
            Event::SyncFailed { sync, .. } => self.note_not_synced(*sync),
            Event::Compared { build, .. } => !self.comparing.remove(build),
            Event::Command { command } => {
                self.note_applied(command);
                false
            }
            _ => false,
        }
    }

    fn note_started(&mut self, run: RunId) -> bool {
        let Some(run) = self.truth.runs.get_mut(&run) else {
            return true;
        };
        if run.gone || run.started {
            return true;
        }
        run.started = true;
        run.ready = run.service.health.is_none();
        false
    }

    fn note_gone(&mut self, run: RunId) -> bool {
        self.truth.there.remove(&run);
        let Some(run) = self.truth.runs.get_mut(&run) else {
            return true;
        };
        run.ready = false;
        std::mem::replace(&mut run.gone, true)
    }

    fn note_probed(&mut self, run: RunId, healthy: bool) -> bool {
        let Some(run) = self.truth.runs.get_mut(&run) else {
            return true;
        };
        let is_late = run.gone || run.stopping || run.restarting || run.service.health.is_none();
        if !is_late {
            run.failures = if healthy { 0 } else { run.failures + 1 };
            run.ready |= healthy;
        }
        is_late
    }

    /// The program is being started again: nobody is to ask it anything.
    fn begin_restart(&mut self, runs: &[RunId]) {
        for run in runs {
            if let Some(run) = self.truth.runs.get_mut(run) {
                run.ready = false;
                run.failures = 0;
                run.restarting = true;
            }
        }
    }

    fn end_restart(&mut self, run: RunId) {
        if let Some(run) = self.truth.runs.get_mut(&run)
            && std::mem::take(&mut run.restarting)
        {
            run.failures = 0;
            run.ready = run.service.health.is_none() && run.started && !run.gone;
        }
    }

    fn note_synced(&mut self, sync: SyncId) -> bool {
        let Some((runs, saves, _)) = self.syncs.remove(&sync) else {
            return true;
        };
        for run in runs {
            self.end_restart(run);
            let Some(run) = self.truth.runs.get_mut(&run) else {
                continue;
            };
            run.synced.extend(&saves);
            let all = self.truth.saves.get(&run.service.name);
            let is_amiss = |save: &&u64| {
                let index = usize::try_from(**save).unwrap_or(0).wrapping_sub(1);
                let found = all.and_then(|all| all.get(index));
                found.is_some_and(|save| save.kind == SaveKind::Infer { rightly: false })
            };
            run.amiss.extend(saves.iter().filter(is_amiss));
        }
        false
    }

    /// What has no build has no other way to get the files.
    fn note_not_synced(&mut self, sync: SyncId) -> bool {
        let Some((runs, numbers, _)) = self.syncs.remove(&sync) else {
            return true;
        };
        for run in &runs {
            self.end_restart(*run);
        }
        let first = runs.first().and_then(|run| self.truth.runs.get(run));
        let Some(service) = first.map(|run| run.service.clone()) else {
            return false;
        };
        if let Some(saves) = self.truth.saves.get_mut(&service.name) {
            for (number, save) in (1_u64..).zip(saves) {
                save.lost |= service.build.is_none() && numbers.contains(&number);
            }
        }
        false
    }

    /// Whether edits of this service are not acted upon, as persons asked.
    fn edits_wait(&self, service: &ServiceName) -> bool {
        let state = self.engine.state();
        let is_manual = |service: &ServiceState| service.mode == WatchMode::Manual;
        state.hold.is_some() || state.services.get(service).is_some_and(is_manual)
    }

    /// A person asked for something that applies what waits of these services.
    fn note_applied(&mut self, command: &Command) {
        let state = self.engine.state();
        let is_it = |name: &ServiceName| match command {
            Command::Flush { service } => service.as_ref().is_none_or(|service| service == name),
            Command::Hold { on: false } => {
                let service = state.services.get(name);
                service.is_some_and(|service| service.mode == WatchMode::Auto)
            }
            Command::SetMode { service, mode } => {
                service == name && *mode == WatchMode::Auto && state.hold.is_none()
            }
            Command::Restart { service }
            | Command::Rebuild { service }
            | Command::Start { service } => service == name,
            _ => false,
        };
        if !state.is_running() {
            return;
        }
        for (name, saves) in &mut self.truth.saves {
            if is_it(name) {
                for save in saves {
                    save.waits = false;
                }
            }
        }
    }

    /// A file was saved.
    pub(crate) fn save(&mut self, service: &ServiceName, kind: SaveKind) -> u64 {
        let waits = self.edits_wait(service);
        let saves = self.truth.saves.entry(service.clone()).or_default();
        saves.push(Save {
            at: self.now,
            kind,
            lost: false,
            waits,
        });
        saves.len() as u64
    }

    fn perform(&mut self, effect: Effect) {
        promises::before_effect(self, &effect);
        match effect {
            Effect::StartBuild { build, service, .. } => {
                let saves = self.truth.saves_of(&service.name);
                let truth = BuildTruth {
                    service,
                    saves,
                    cancelled: false,
                };
                self.truth.builds.insert(build, truth);
                self.plan_build(build);
            }
            Effect::CancelBuild { build } => self.cancel(build),
            Effect::StartRun(start) => self.start(&start),
            Effect::StopRun { run, .. } => self.stop(run, 400),
            Effect::KillRun { run } => self.stop(run, 20),
            Effect::Route { service, runs } => drop(self.truth.routes.insert(service, runs)),
            Effect::Refuse { service, .. } => drop(self.truth.routes.insert(service, Vec::new())),
            Effect::Probe { run, .. } => self.begin_probe(run),
            Effect::PaceProbe { run, calm } => {
                if let Some(truth) = self.truth.runs.get_mut(&run) {
                    truth.calm = calm;
                }
                self.plan(10, Planned::Ask(run));
            }
            Effect::Sync {
                sync,
                runs,
                copies,
                then,
            } => {
                if then == Then::Restart {
                    self.begin_restart(&runs);
                }
                let saves = copies.iter().filter_map(|copy| copy.to.parse().ok());
                self.syncs.insert(sync, (runs, saves.collect(), then));
                let event = if self.chaos && self.rng.percent(15) {
                    let why = "no".into();
                    Event::SyncFailed { sync, why }
                } else {
                    Event::Synced { sync, files: 1 }
                };
                let after = self.rng.between(5, 100);
                self.plan(after, Planned::Event(event));
            }
            Effect::CompareImage {
                build, image, runs, ..
            } => self.compare(build, &image, &runs),
            Effect::AwaitAnswer {
                service,
                change,
                runs,
            } => self.ask(service, change, &runs),
            Effect::RunCheck { check, .. } => self.check(check),
            Effect::Prepare { stack } => self.look_for_files(&stack),
            Effect::UseRuntime { .. }
            | Effect::Resize(_)
            | Effect::SetFaults { .. }
            | Effect::SetSolo { .. }
            | Effect::Replay { .. }
            | Effect::SaveCheck { .. }
            | Effect::Export { .. }
            | Effect::GoInside { .. } => {}
            Effect::Forget { service } => self.forget(&service),
        }
    }

    fn cancel(&mut self, build: BuildId) {
        if let Some(truth) = self.truth.builds.get_mut(&build) {
            truth.cancelled = true;
        }
        let after = self.rng.between(1, 100);
        self.plan(after, Planned::Event(Event::BuildCancelled { build }));
    }

    fn forget(&mut self, service: &ServiceName) {
        self.truth.saves.remove(service);
        self.truth.completed.remove(service);
        self.truth.found.remove(service);
    }

    fn plan_build(&mut self, build: BuildId) {
        let after = self.rng.between(5, 600);
        let fails = self.chaos && (!self.is_connected || self.rng.percent(20));
        let missing_base = (fails && self.rng.percent(20)).then(|| "base".to_owned());
        let event = if fails {
            let failure = BuildFailure {
                step: None,
                message: "no".into(),
                last_lines: Vec::new(),
                missing_base,
            };
            Event::BuildFailed { build, failure }
        } else {
            Event::BuildFinished {
                build,
                image: format!("image{build}"),
                cached: false,
            }
        };
        self.plan(after, Planned::Event(event));
    }

    fn start(&mut self, start: &StartRun) {
        let name = &start.service.name;
        let image = start
            .image
            .as_ref()
            .and_then(|image| self.truth.images.get(image));
        let kept = start.runtime == Runtime::Container && self.rng.percent(50);
        let truth = RunTruth {
            service: Arc::clone(&start.service),
            runtime: start.runtime,
            started_with: self.truth.saves_of(name),
            image: image.copied().unwrap_or(0),
            synced: start
                .given
                .iter()
                .filter_map(|copy| copy.to.parse().ok())
                .collect(),
            amiss: BTreeSet::new(),
            started: false,
            kept,
            restarting: false,
            ready: false,
            failures: 0,
            stopping: false,
            gone: false,
            dead: false,
            calm: false,
            probed: false,
        };
        self.truth.completed.remove(name);
        self.truth.runs.insert(start.run, truth);
        self.truth.there.insert(start.run);
        let after = self.rng.between(1, 200);
        if self.chaos && self.rng.percent(8) {
            let missing_image = self.rng.percent(10).then(|| "image".to_owned());
            let why = StartFailure {
                message: "no".into(),
                missing_image,
            };
            let run = start.run;
            return self.plan(after, Planned::Event(Event::RunFailed { run, why }));
        }
        let place = match start.runtime {
            Runtime::Process => Place::Process { pid: 1, port: 1 },
            Runtime::Container => Place::Container {
                id: start.run.to_string(),
                name: start.run.to_string(),
                kept,
            },
        };
        let run = start.run;
        self.plan(after, Planned::Event(Event::RunStarted { run, place }));
        self.plan_life(start.run, after, name.as_str().ends_with(['0', '3']));
    }

    /// A job ends; anything else may crash.
    fn plan_life(&mut self, run: RunId, started: u64, is_job: bool) {
        let life = started + *self.rng.pick(&[1, 30, 200, 800, 3000, 12_000]);
        if is_job {
            let code = i32::from(self.chaos && self.rng.percent(20));
            let life = started + self.rng.between(1, 500);
            self.plan(life, Planned::Crash(run, code));
            if code != 0 {
                self.plan(life + 20_000, Planned::Crash(run, 0));
            }
        } else if self.chaos && self.rng.percent(35) {
            let code = i32::from(!self.rng.percent(8));
            self.plan(life, Planned::Crash(run, code));
        }
    }

    /// What is asked of a container while its engine is away may never be heard.
    fn stop(&mut self, run: RunId, at_most: u64) {
        let mut is_container = false;
        if let Some(truth) = self.truth.runs.get_mut(&run) {
            truth.stopping = true;
            truth.ready = false;
            is_container = truth.runtime == Runtime::Container;
        }
        if is_container && !self.is_connected && self.rng.percent(50) {
            return;
        }
        let after = self.rng.between(1, at_most);
        self.end(run, after, Exit::code(143));
    }

    /// The run ends, and the engine is told once.
    fn end(&mut self, run: RunId, after: u64, exit: Exit) {
        let Some(truth) = self.truth.runs.get_mut(&run) else {
            return;
        };
        if !std::mem::replace(&mut truth.dead, true) {
            self.plan(after, Planned::Event(Event::RunExited { run, exit }));
        }
    }

    /// Some containers end while the container engine is away.
    pub(crate) fn lose_containers(&mut self) {
        let runs: Vec<RunId> = self.truth.runs.keys().copied().collect();
        for run in runs {
            let is_container = self.truth.runs[&run].runtime == Runtime::Container;
            if is_container && self.rng.percent(40) {
                self.end(run, 1, Exit::code(137));
            }
        }
    }
}

/// Whether something is left to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Happened {
    Something,
    /// It is the turn of a person.
    Act,
}
