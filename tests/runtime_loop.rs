//! The loop with a scripted world and a view that only listens; and its tape, replayed.

use std::collections::VecDeque;
use std::sync::Arc;

use boatyard::engine::{
    Effect, Engine, Event, Exit, Notice, Options, Place, RuntimeChoice, Verdict,
};
use boatyard::runtime::{
    Clock, Input, Interrupt, Interrupts, Parts, Shown, Tape, TapeHead, View, World, replay, run,
};
use boatyard::stack::{CommandWords, EnvValue, Service, Stack};
use boatyard::telemetry::{Stream, Telemetry};
use tokio::sync::mpsc;

/// Answers every start and every stop at once.
#[derive(Default)]
struct Script {
    events: VecDeque<Event>,
}

impl World for Script {
    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::StartRun(start) => self.events.push_back(Event::RunStarted {
                run: start.run,
                place: Place::Process { pid: 7, port: 8000 },
            }),
            Effect::StopRun { run, .. } | Effect::KillRun { run } => {
                let exit = Exit::code(0);
                self.events.push_back(Event::RunExited { run, exit });
            }
            _ => {}
        }
    }

    async fn next_event(&mut self) -> Event {
        match self.events.pop_front() {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    async fn finish(&mut self) -> Vec<String> {
        vec!["a network".into()]
    }
}

/// Keeps what it is told, and interrupts the session once a run is ready.
struct Listener {
    told: Vec<Notice>,
    interrupt: mpsc::UnboundedSender<Interrupt>,
}

impl View for Listener {
    fn show(&mut self, shown: &Shown<'_>) {
        for noticed in shown.notices {
            if matches!(noticed.notice, Notice::RunReady { .. }) {
                self.interrupt
                    .send(Interrupt::Term)
                    .expect("the loop listens");
            }
            self.told.push(noticed.notice.clone());
        }
    }

    async fn next_input(&mut self) -> Input {
        std::future::pending().await
    }
}

fn stack() -> Arc<Stack> {
    let mut service = Service::named("web");
    service.run = Some(CommandWords::Shell("true".into()));
    service
        .environment
        .insert("LEVEL".into(), EnvValue::text("info"));
    let mut stack = Stack {
        name: "shop".into(),
        ..Stack::default()
    };
    stack.services.insert(service.name.clone(), service);
    Arc::new(stack)
}

#[tokio::test]
async fn a_session_runs_to_its_end_and_its_tape_tells_it_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("tape");
    let options = Options {
        runtime: RuntimeChoice::Process,
        smoke: None,
    };
    let head = TapeHead {
        stack: stack(),
        options,
    };
    let (interrupt, interrupts) = mpsc::unbounded_channel();
    let telemetry = Arc::new(Telemetry::default());
    let parts = Parts {
        start: Engine::new(stack(), options),
        telemetry: Arc::clone(&telemetry),
        clock: Clock::start(),
        interrupts: Interrupts::Channel(interrupts),
        tape: Some(Tape::create(&path, &head).expect("a tape can be written")),
    };
    let mut view = Listener {
        told: Vec::new(),
        interrupt,
    };

    let ended = run(parts, &mut Script::default(), &mut view).await;

    assert_eq!(ended.interrupted_by, Some(Interrupt::Term));
    assert_eq!(ended.left_behind, ["a network"]);
    let last = view.told.last().expect("something was told");
    assert_eq!(
        *last,
        Notice::SessionEnded {
            verdict: Verdict::Passed,
            why: None,
            left_behind: vec!["a network".into()],
            changes: Vec::new(),
        },
        "the end is told once, with what is left"
    );
    let marks = telemetry.logs().since(0, 100).lines;
    assert!(
        marks
            .iter()
            .all(|line| matches!(line.line.stream, Stream::Mark(_)))
    );
    assert_eq!(marks.len(), 3, "the run began, was live, and was stopped");

    let again = replay(&path).expect("the tape can be read");
    assert_eq!(again.state(), ended.engine.state());
}
