//! What the engine promises, looked at before each effect and after each step, against what is really there.

use boatyard::engine::{
    Effect, Fate, Hold, Moment, Notice, Phase, Run, RunPhase, ServiceState, StartRun, Wanted,
};
use boatyard::stack::{Runtime, ServiceName, Swap, WatchMode};

use crate::truth::SaveKind;
use crate::world::World;

/// What must hold in the moment in which something is asked.
pub(crate) fn before_effect(world: &World, effect: &Effect) {
    match effect {
        Effect::StartBuild { service, .. } => {
            assert!(!world.is_quitting, "a build was started after quit");
            let mut builds = world.truth.builds.values();
            assert!(
                builds.all(|build| build.service.name != service.name),
                "two builds of {}",
                service.name
            );
        }
        Effect::StartRun(start) => starts(world, start),
        Effect::StopRun { run, .. } => stops(world, *run),
        Effect::Sync { .. } | Effect::CompareImage { .. } | Effect::RunCheck { .. } => {
            assert!(!world.is_quitting, "something was begun after quit");
        }
        Effect::Route { service, runs } => {
            for run in runs {
                let truth = &world.truth.runs[run];
                assert!(
                    truth.ready && !truth.stopping && !truth.gone,
                    "{service} is routed to {run}, which is not ready"
                );
            }
        }
        Effect::CancelBuild { build } => {
            let truth = world.truth.builds.get(build);
            assert!(
                truth.is_some_and(|build| !build.cancelled),
                "build {build} was cancelled twice or after its end"
            );
        }
        Effect::Prepare { .. }
        | Effect::UseRuntime { .. }
        | Effect::KillRun { .. }
        | Effect::Refuse { .. }
        | Effect::Probe { .. }
        | Effect::PaceProbe { .. }
        | Effect::Resize(_)
        | Effect::SetFaults { .. }
        | Effect::SetSolo { .. }
        | Effect::Replay { .. }
        | Effect::SaveCheck { .. }
        | Effect::Export { .. }
        | Effect::GoInside { .. }
        | Effect::Forget { .. } => {}
        Effect::AwaitAnswer { service, runs, .. } => {
            for run in runs {
                let truth = &world.truth.runs[run];
                assert!(truth.ready, "{service}: {run} cannot answer");
            }
        }
    }
}

/// Nothing starts before what it needs is there, of older content than the newest, or after quit.
fn starts(world: &World, start: &StartRun) {
    let name = &start.service.name;
    assert!(!world.is_quitting, "{name} was started after quit");
    number_of_runs(world, name, &world.engine.state().services[name]);
    for (on, condition) in &start.service.depends_on {
        assert!(
            world.truth.is_met(on, *condition),
            "{name} was started, but {on} is not {condition:?}"
        );
    }
    if start.runtime == Runtime::Process {
        return;
    }
    if start.service.build.is_none() {
        let has_rules = !start.service.watch.is_empty();
        assert!(
            !has_rules || world.truth.found.contains(name),
            "{name} was started before its files were found"
        );
        return;
    }
    let image = start
        .image
        .as_ref()
        .and_then(|image| world.truth.images.get(image));
    let has = *image.expect("a container with a build has an image");
    for (number, save) in (1_u64..).zip(world.truth.saves.get(name).into_iter().flatten()) {
        assert!(
            has >= number || save.lost || save.waits || save.kind == SaveKind::Restart,
            "{name} was started with an image that lacks save {number}"
        );
    }
}

/// A dependent stops before what it depends on; and who serves alone is not stopped where its successor can overlap.
fn stops(world: &World, id: boatyard::engine::RunId) {
    let truth = &world.truth.runs[&id];
    let name = &truth.service.name;
    let Some(service) = world.engine.state().services.get(name) else {
        return;
    };
    if truth.stopping {
        return; // It is asked once more, because the container engine was away.
    }
    if world.is_quitting {
        for (other, definition) in &world.engine.state().services {
            let depends = definition.service.depends_on.contains_key(name);
            let is_there = world.truth.present(other).next().is_some();
            assert!(
                !(depends && is_there),
                "{name} was stopped before {other}, which depends on it"
            );
        }
        return;
    }
    let overlaps = truth.service.swap(truth.runtime) == Swap::Overlap
        && service
            .runtime
            .is_some_and(|runtime| service.service.swap(runtime) == Swap::Overlap);
    if overlaps && service.wanted == Wanted::Up && truth.ready && !service.has_completed() {
        let mut others = world.truth.live(name).filter(|(other, _)| **other != id);
        assert!(
            others.any(|(_, run)| run.ready),
            "{name} was left without a run that takes requests"
        );
    }
}

/// What must hold after every step.
pub(crate) fn after_step(world: &World, notices: &[Notice]) {
    let state = world.engine.state();
    let allowed = match world.stack.max_builds {
        0 => 2,
        allowed => allowed,
    };
    assert!(world.truth.builds.len() <= allowed, "too many builds");
    no_stale_builds(world);
    for (name, service) in &state.services {
        if state.phase != Phase::Ended {
            is_not_stuck(world, name, service);
        }
        stages_are_in_order(name, service);
        waits_only_if_asked(world, name, service);
        for run in world.truth.routes.get(name).into_iter().flatten() {
            let truth = &world.truth.runs[run];
            assert!(
                !truth.stopping && !truth.gone && truth.ready,
                "{name} is still routed to {run}"
            );
        }
    }
    for notice in notices {
        is_honest(world, notice);
    }
}

/// A build that newer edits made stale is given up.
fn no_stale_builds(world: &World) {
    for build in world.truth.builds.values().filter(|build| !build.cancelled) {
        let name = &build.service.name;
        let saves = world.truth.saves.get(name).into_iter().flatten();
        let is_newer = |(number, save): (u64, &crate::truth::Save)| {
            let is_in_image = matches!(save.kind, SaveKind::Rebuild | SaveKind::Infer { .. });
            number > build.saves && !save.lost && !save.waits && is_in_image
        };
        assert!(
            !(1_u64..).zip(saves).any(is_newer),
            "a stale build of {name} goes on"
        );
    }
}

/// Never one run more than allowed: one more than the replicas where they may overlap, else as many. A stack file that
/// allows fewer than there are is no reason to start one.
fn number_of_runs(world: &World, name: &ServiceName, service: &ServiceState) {
    let live = world.truth.live(name).count() + 1;
    let present = world.truth.present(name).count() + 1;
    let replicas = service.replicas();
    let same = world
        .truth
        .present(name)
        .all(|(_, run)| Some(run.runtime) == service.runtime);
    let is_kept = |(_, run): (_, &crate::truth::RunTruth)| run.started && run.kept;
    let overlaps = world.truth.live(name).any(is_kept);
    let (may_live, may_be) = match service.runtime.map(|runtime| service.service.swap(runtime)) {
        Some(Swap::Handover) if same && !overlaps => (replicas, 3 * replicas),
        Some(Swap::Exclusive) if same => (replicas, replicas),
        _ => (replicas + 1, 3 * replicas + 1),
    };
    assert!(live <= may_live, "{name} has {live} live runs");
    assert!(present <= may_be, "{name} has {present} runs");
}

/// Something is under way, or a named hold says why not.
fn is_not_stuck(world: &World, name: &ServiceName, service: &ServiceState) {
    if let Some(held) = &service.hold {
        if let Hold::Backoff { until, .. } = held.hold {
            let wakes = world.engine.next_deadline();
            assert!(
                wakes.is_some_and(|wakes| wakes <= until),
                "{name} waits for a moment at which nobody wakes"
            );
        }
        return;
    }
    let is_moving = |run: &Run| {
        matches!(
            run.phase,
            RunPhase::Starting | RunPhase::Probing { .. } | RunPhase::Stopping { .. }
        )
    };
    let builds = world
        .truth
        .builds
        .values()
        .any(|build| build.service.name == *name);
    let is_over = !world.engine.state().is_running() && service.runs.is_empty();
    assert!(
        service.is_all_current()
            || service.has_completed()
            || service.runs.iter().any(is_moving)
            || builds
            || is_over,
        "{name} is silently stuck: {service:?}"
    );
}

/// Each change has its stages in their order, as far as it came, and a fate that agrees with them.
fn stages_are_in_order(name: &ServiceName, service: &ServiceState) {
    for story in service.changes.newest_first() {
        let stages = [
            Some(story.first_save),
            Some(story.settled),
            story.applied,
            story.begun,
            story.made,
            story.started,
            story.ready,
            story.live,
            story.served,
        ];
        let came: Vec<Moment> = stages.into_iter().flatten().collect();
        assert!(came.is_sorted(), "{name}: out of order: {story:?}");
        let is_live = matches!(story.fate, Fate::Live { .. });
        assert_eq!(is_live, story.live.is_some(), "{name}: {story:?}");
        assert!(story.served.is_none() || is_live, "{name}: {story:?}");
    }
    assert!(service.changes.newest_first().len() <= 50);
}

/// Edits wait only while somebody wants it so, and then they are counted.
fn waits_only_if_asked(world: &World, name: &ServiceName, service: &ServiceState) {
    let state = world.engine.state();
    let waiting = service.changes.newest_first();
    let waiting = waiting.filter(|story| story.fate == Fate::Waiting).count();
    let counted = service
        .waiting
        .as_ref()
        .map_or(0, |edits| edits.changes as usize);
    let is_wanted = state.hold.is_some() || service.mode == WatchMode::Manual;
    assert!(
        counted == 0 || is_wanted || !state.is_running(),
        "{name}: edits wait, and nobody wants it"
    );
    if service.wanted != Wanted::Removed {
        assert_eq!(waiting, counted.min(50), "{name}: edits are not counted");
    }
}

/// What is called live is live.
fn is_honest(world: &World, notice: &Notice) {
    let Notice::ChangeLive {
        service, last_save, ..
    } = notice
    else {
        return;
    };
    let serving = world.truth.live(service).filter(|(_, run)| run.ready);
    for (run, _) in serving {
        let lacks = world.truth.lacks(*run, *last_save);
        assert!(
            lacks.is_none(),
            "{service}: called live up to {last_save:?}, but {run} lacks save {lacks:?}"
        );
    }
}

/// What must hold once faults have ended and everything had its time.
pub(crate) fn at_rest(world: &World) {
    for (name, definition) in &world.stack.services {
        let service = &world.engine.state().services[name];
        let shown = format!("{name}: {:?}, {:?}", service.status(), service.hold);
        let runs: Vec<_> = world.truth.present(name).collect();
        assert!(service.pending.is_none(), "{shown}: edits are not served");
        assert!(
            !service.is_ahead() || service.has_completed(),
            "{shown}: nothing was compared"
        );
        assert!(service.waiting.is_none(), "{shown}: edits wait");
        let mut stories = service.changes.newest_first();
        assert!(
            stories.all(|story| story.fate != Fate::UnderWay),
            "{shown}: {:?}",
            service.changes
        );
        if service.has_completed() {
            let run = world.truth.completed[name];
            let lacks = world
                .truth
                .lacks(run, Moment::START + std::time::Duration::MAX);
            assert_eq!(lacks, None, "{shown}: completed with old content");
            continue;
        }
        assert_eq!(
            runs.len(),
            service.replicas(),
            "{shown}: {:?}",
            service.runs
        );
        for (run, truth) in runs {
            assert!(truth.ready, "{shown}: {run} is not ready");
            let lacks = world
                .truth
                .lacks(*run, Moment::START + std::time::Duration::MAX);
            assert_eq!(lacks, None, "{shown}: {run} is not the newest");
            let amiss = world.truth.has_amiss(*run, u64::MAX);
            assert_eq!(amiss, None, "{shown}: {run} differs from its image");
            assert_eq!(truth.service.environment, definition.environment, "{shown}");
            let routed = &world.truth.routes[name];
            assert!(routed.contains(run), "{shown}: {run} gets no requests");
        }
    }
}
