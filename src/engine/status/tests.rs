//! The word for what a service is at, case by case.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::engine::{
    BuildFailure, BuildId, BuildStep, Completion, Exit, Held, Run, RunHealth, RunId,
};
use crate::stack::{Runtime, Service};

const NOW: Moment = Moment::from_millis(5000);

fn service(phases: &[RunPhase]) -> ServiceState {
    let mut service = ServiceState::new(Arc::new(Service::named("web")));
    service.runtime = Some(Runtime::Process);
    for (id, phase) in (1..).zip(phases) {
        service.runs.push(Run {
            id: RunId(id),
            replica: 0,
            runtime: Runtime::Process,
            service: Arc::clone(&service.service),
            generation: 1,
            given: 0,
            asked: Moment::START,
            phase: *phase,
            place: None,
            ready_at: None,
            health: RunHealth::default(),
            probe: None,
            told_late: false,
            stop_again: false,
        });
    }
    service
}

fn held(hold: Hold) -> ServiceState {
    let mut service = service(&[]);
    let since = Moment::from_millis(1800);
    service.hold = Some(Held { hold, since });
    service
}

fn build(service: &mut ServiceState, step: Option<(u32, u32)>) {
    service.build = BuildState::Building {
        build: BuildId(1),
        content: 1,
        since: Moment::START,
        step: step.map(|(number, total)| BuildStep {
            number,
            total,
            name: "RUN".into(),
            cached: false,
        }),
        cancelling: false,
    };
}

const READY: RunPhase = RunPhase::Ready {
    since: Moment::START,
};
const PROBING: RunPhase = RunPhase::Probing {
    since: Moment::START,
};
const UNHEALTHY: RunPhase = RunPhase::Unhealthy {
    since: Moment::START,
};
const STOPPING: RunPhase = RunPhase::Stopping {
    since: Moment::START,
    killed: false,
};

#[test]
fn the_newest_runs_give_the_word() {
    let cases: [(&[RunPhase], Status); 8] = [
        (&[], Status::Waiting),
        (&[RunPhase::Starting], Status::Starting),
        (&[PROBING], Status::Probing),
        (&[READY], Status::Ready),
        (&[READY, UNHEALTHY], Status::Unhealthy),
        (&[READY, PROBING], Status::Probing),
        (&[STOPPING], Status::Stopping),
        (&[STOPPING, READY], Status::Ready),
    ];
    for (phases, expected) in cases {
        assert_eq!(service(phases).status(), expected, "{phases:?}");
    }
}

#[test]
fn an_old_run_gives_the_word_only_without_a_new_one() {
    let mut service = service(&[READY, RunPhase::Starting]);
    service.generation = 2;
    assert_eq!(service.status(), Status::Starting);
    service.runs[1].generation = 2;
    assert_eq!(service.status(), Status::Starting);
    service.runs.remove(1);
    assert_eq!(service.status(), Status::Ready);
}

#[test]
fn a_build_counts_its_steps_and_says_whether_an_old_run_serves() {
    let mut service = service(&[READY]);
    build(&mut service, Some((3, 7)));
    let (step, of, serving) = (3, 7, true);
    assert_eq!(service.status(), Status::Building { step, of, serving });
    assert_eq!(service.explain(NOW), "building 3/7");
    build(&mut service, None);
    assert_eq!(service.explain(NOW), "building");
}

#[test]
fn a_failed_build_is_failed_only_while_it_holds() {
    let mut service = service(&[READY]);
    service.build = BuildState::Failed {
        build: BuildId(1),
        content: 1,
        at: NOW,
        failure: BuildFailure {
            step: None,
            message: "no".into(),
            last_lines: Vec::new(),
            missing_base: None,
        },
    };
    assert_eq!(service.status(), Status::Ready, "it runs as a process now");
    service.hold = Some(Held {
        hold: Hold::BuildFailed,
        since: NOW,
    });
    assert_eq!(service.status(), Status::Failed { serving: true });
    assert_eq!(service.words_for(Condition::Ready), "its build failed");
}

#[test]
fn an_end_and_a_stop_by_hand_have_their_words() {
    let mut service = service(&[]);
    service.completed = Some(Completion {
        at: NOW,
        run: RunId(1),
        generation: 1,
        exit: Exit::code(0),
    });
    assert_eq!(service.status(), Status::Completed);
    service.wanted = Wanted::Stopped;
    assert_eq!(service.status(), Status::Completed);
    service.completed = None;
    assert_eq!(service.status(), Status::Stopped);
    let mut service = self::service(&[STOPPING]);
    service.wanted = Wanted::Stopped;
    assert_eq!(service.status(), Status::Stopping);
}

#[test]
fn what_waits_says_for_what_and_how_long() {
    let dependency = Hold::Dependency {
        on: "db".into(),
        condition: Condition::Ready,
        state: "not healthy yet".into(),
    };
    let cases = [
        (dependency, "waits for db: not healthy yet, 3.2 s"),
        (
            Hold::Backoff {
                until: NOW + Duration::from_millis(500),
                cause: "exit code 1".into(),
            },
            "exit code 1; starts again in 0.5 s",
        ),
        (Hold::BuildSlot, "waits for a free build slot, 3.2 s"),
        (Hold::Stopped, "stopped by hand"),
        (
            Hold::GaveUp {
                attempts: 8,
                has_sources: true,
            },
            "gave up after 8 tries; save an edit or restart it",
        ),
        (
            Hold::Ended {
                cause: "exit code 1".into(),
                has_sources: false,
            },
            "failed: exit code 1; restart it",
        ),
    ];
    for (hold, expected) in cases {
        assert_eq!(held(hold).explain(NOW), expected);
    }
}

#[test]
fn a_hold_that_differs_by_a_number_says_the_same() {
    let building = |step: u32| Hold::Dependency {
        on: "db".into(),
        condition: Condition::Ready,
        state: format!("building {step}/7"),
    };
    assert!(building(3).says_the_same(&building(4)));
    assert!(!building(3).says_the_same(&Hold::BuildSlot));
    let gave_up = |attempts| Hold::GaveUp {
        attempts,
        has_sources: true,
    };
    assert!(!gave_up(1).says_the_same(&gave_up(2)));
}
