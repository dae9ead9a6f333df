//! The words of scenarios: events read from a line, effects and notices written as one.
//!
//! Runs, builds and syncs are named by number (`#2`) or by their service: `built web` is the end of its build under
//! way, `started web` that of its newest start, `exited web 1` that of its newest run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use boatyard::engine::{
    Action, BuildFailure, BuildId, BuildState, BuildStep, Change, CheckId, CheckOutcome,
    CheckProgress, Command, Effect, EngineLink, Event, Exit, Goal, Inside, Moment, Notice, Place,
    ProbeAnswer, RunId, RunPhase, ServiceState, StartFailure, State, SyncCopy, SyncId,
    TerminalSize,
};
use boatyard::stack::{Fault, Runtime, ServiceName, Signal, Stack, Then, WatchMode};

/// The event that a line means; `None` for "begin", which is no event.
pub(crate) fn event(line: &str, now: Moment, state: &State) -> Option<Event> {
    let words: Vec<&str> = line.split_whitespace().collect();
    Some(match words.as_slice() {
        ["begin"] => return None,
        ["tick"] => Event::Deadline,
        ["engine", how] => Event::ContainerEngine { link: engine(how) },
        ["refused", problem] => Event::StackRefused {
            problems: vec![(*problem).into()],
        },
        ["edit", first, actions @ ..] => Event::Changed {
            change: change(first, actions, now),
        },
        ["found", service, files @ ..] => Event::Found {
            service: (*service).into(),
            files: files.iter().map(|name| found(name)).collect(),
        },
        ["check", verdict] => check(verdict, state),
        ["quit"] => command(Command::Quit),
        ["kill"] => command(Command::Kill),
        ["resize", columns, rows] => command(Command::Resize(TerminalSize {
            columns: columns.parse().unwrap(),
            rows: rows.parse().unwrap(),
        })),
        ["hold"] => command(Command::Hold { on: true }),
        ["release"] => command(Command::Hold { on: false }),
        ["late", service, ms] => command(Command::SetFault {
            service: (*service).into(),
            fault: late(ms.parse().unwrap()).unwrap_or_default(),
        }),
        ["shell", service] => command(Command::GoInside {
            service: (*service).into(),
            what: Inside::Shell,
        }),
        ["solo"] => command(Command::Solo { on: true }),
        ["no-solo"] => command(Command::Solo { on: false }),
        ["clear", service] => command(Command::ClearFaults {
            service: (*service).into(),
            from: None,
        }),
        ["flush"] => command(Command::Flush { service: None }),
        ["flush", service] => command(Command::Flush {
            service: Some((*service).into()),
        }),
        [mode @ ("manual" | "auto"), service] => command(Command::SetMode {
            service: (*service).into(),
            mode: watch_mode(mode),
        }),
        ["served", whom] => served(whom, state),
        [verb @ ("restart" | "rebuild" | "stop" | "start"), service] => {
            command(service_command(verb, (*service).into()))
        }
        [verb, whom, rest @ ..] => about_build(verb, whom, rest, state)
            .unwrap_or_else(|| about_run(verb, whom, rest, state)),
        _ => panic!("what does `{line}` mean?"),
    })
}

/// The stack file was saved and is right.
pub(crate) fn reload(stack: Stack) -> Event {
    Event::StackReloaded {
        stack: Arc::new(stack),
    }
}

fn command(command: Command) -> Event {
    Event::Command { command }
}

fn watch_mode(word: &str) -> WatchMode {
    match word {
        "manual" => WatchMode::Manual,
        _ => WatchMode::Auto,
    }
}

/// The newest run answered well, and has the newest change that is live.
fn served(whom: &str, state: &State) -> Event {
    let service = service(whom, state);
    let mut stories = service.changes.newest_first();
    let story = stories.find(|story| story.live.is_some());
    Event::FirstAnswer {
        service: whom.into(),
        change: story
            .unwrap_or_else(|| panic!("{whom} has no live change"))
            .change,
        run: service.runs.last().unwrap().id,
    }
}

fn service_command(verb: &str, service: ServiceName) -> Command {
    match verb {
        "restart" => Command::Restart { service },
        "rebuild" => Command::Rebuild { service },
        "stop" => Command::Stop { service },
        _ => Command::Start { service },
    }
}

fn engine(word: &str) -> EngineLink {
    match word {
        "connected" => EngineLink::Connected {
            name: "docker".into(),
            version: "28".into(),
            builder: "buildkit".into(),
        },
        "missing" => EngineLink::Missing {
            looked: vec!["/run/docker.sock".into()],
        },
        "lost" => EngineLink::Lost {
            why: "connection reset".into(),
        },
        _ => panic!("an engine is connected, missing or lost, not `{word}`"),
    }
}

/// `edit 5 rebuild:web sync:orders:restart`: saved 5 ms ago.
fn change(ago: &str, actions: &[&str], now: Moment) -> Change {
    let saved = now - Duration::from_millis(ago.parse().unwrap());
    Change {
        first_save: saved,
        last_save: saved,
        paths: vec![PathBuf::from("/shop/app.py")],
        actions: actions.iter().map(|words| action(words)).collect(),
    }
}

fn action(words: &str) -> (ServiceName, Action) {
    let parts: Vec<&str> = words.split(':').collect();
    let copies = || {
        let from = Some("/shop/app.py".into());
        vec![SyncCopy::new(from, "/app/app.py")]
    };
    match parts.as_slice() {
        ["infer", service] => {
            let copies = copies();
            ((*service).into(), Action::Infer { copies })
        }
        ["rebuild", service] => ((*service).into(), Action::Rebuild),
        ["restart", service] => ((*service).into(), Action::Restart),
        ["sync", service, then @ ..] => {
            let then = match then {
                [] => Then::Nothing,
                ["restart"] => Then::Restart,
                _ => Then::Signal(Signal("SIGHUP".into())),
            };
            let copies = copies();
            ((*service).into(), Action::Sync { copies, then })
        }
        _ => panic!("what does the action `{words}` mean?"),
    }
}

/// `app.py` or `app.py:restart`: a file of a sync rule.
fn found(words: &str) -> (SyncCopy, Then) {
    let (name, then) = match words.split_once(':') {
        Some((name, _)) => (name, Then::Restart),
        None => (words, Then::Nothing),
    };
    let from = Some(format!("/shop/{name}").into());
    let copy = SyncCopy::new(from, format!("/app/{name}"));
    (copy, then)
}

fn check(verdict: &str, state: &State) -> Event {
    let Goal::Smoke(smoke) = &state.goal else {
        panic!("this is no smoke test");
    };
    let running = smoke.checks.iter().find_map(|check| match check.progress {
        CheckProgress::Running { check } => Some(check),
        _ => None,
    });
    let failures = match verdict {
        "passed" => Vec::new(),
        why => vec![why.into()],
    };
    Event::CheckEnded {
        check: running.unwrap_or(CheckId(0)),
        outcome: CheckOutcome {
            failures,
            took: Duration::from_millis(5),
            answer: "200".into(),
            trace: None,
        },
    }
}

fn number(whom: &str) -> Option<u64> {
    Some(whom.strip_prefix('#')?.parse().unwrap())
}

fn service<'a>(whom: &str, state: &'a State) -> &'a ServiceState {
    let service = state.services.get(whom);
    service.unwrap_or_else(|| panic!("there is no service `{whom}`"))
}

fn about_build(verb: &str, whom: &str, rest: &[&str], state: &State) -> Option<Event> {
    if !verb.starts_with("buil") && verb != "cancelled" {
        return None;
    }
    let build = number(whom).map_or_else(
        || match service(whom, state).build {
            BuildState::Building { build, .. } => build,
            ref other => panic!("{whom} is not being built: {other:?}"),
        },
        BuildId,
    );
    Some(match verb {
        "built" => Event::BuildFinished {
            build,
            image: format!("image{build}"),
            cached: false,
        },
        "building" => Event::BuildProgress {
            build,
            step: BuildStep {
                number: rest[0].parse().unwrap(),
                total: 7,
                name: "RUN".into(),
                cached: false,
            },
        },
        "build-failed" => Event::BuildFailed {
            build,
            failure: BuildFailure {
                step: None,
                message: "exit code 1".into(),
                last_lines: vec!["oh no".into()],
                missing_base: rest.first().map(ToString::to_string),
            },
        },
        "cancelled" => Event::BuildCancelled { build },
        _ => panic!("what does `{verb}` mean?"),
    })
}

fn about_run(verb: &str, whom: &str, rest: &[&str], state: &State) -> Event {
    if matches!(verb, "same" | "differs") {
        return compared(verb, whom, state);
    }
    if matches!(verb, "synced" | "sync-failed") {
        return about_sync(verb, whom, state);
    }
    let run = number(whom).map_or_else(|| newest(verb, whom, state), RunId);
    let healthy = verb == "healthy";
    match verb {
        "started" => Event::RunStarted {
            run,
            place: place(run, state, rest.contains(&"kept")),
        },
        "start-failed" => Event::RunFailed {
            run,
            why: StartFailure {
                message: "port taken".into(),
                missing_image: rest.first().map(ToString::to_string),
            },
        },
        "exited" => Event::RunExited {
            run,
            exit: Exit::code(rest[0].parse().unwrap()),
        },
        "healthy" | "unhealthy" => Event::Probed {
            run,
            answer: ProbeAnswer {
                healthy,
                took: Duration::from_millis(2),
                said: if healthy { "200 OK" } else { "refused" }.into(),
            },
        },
        _ => panic!("what does `{verb}` mean?"),
    }
}

/// `same web`, `differs #2`: of the image of its build that is being compared, or of this build.
fn compared(verb: &str, whom: &str, state: &State) -> Event {
    let comparing = || service(whom, state).ahead.comparing.unwrap().0;
    let difference = (verb == "differs").then(|| "/app/app.py differs".into());
    Event::Compared {
        build: number(whom).map_or_else(comparing, BuildId),
        difference,
    }
}

fn about_sync(verb: &str, whom: &str, state: &State) -> Event {
    let sync =
        number(whom).map_or_else(|| service(whom, state).sync.as_ref().unwrap().sync, SyncId);
    if verb == "synced" {
        return Event::Synced { sync, files: 1 };
    }
    let why = "no space left".into();
    Event::SyncFailed { sync, why }
}

fn newest(verb: &str, whom: &str, state: &State) -> RunId {
    let runs = &service(whom, state).runs;
    let is_it = |phase: RunPhase| match verb {
        "started" | "start-failed" => phase == RunPhase::Starting,
        _ => true,
    };
    let run = runs.iter().rev().find(|run| is_it(run.phase));
    run.unwrap_or_else(|| panic!("{whom} has no run to be {verb}"))
        .id
}

fn place(run: RunId, state: &State, kept: bool) -> Place {
    let mut runs = state.services.values().flat_map(|service| &service.runs);
    let runtime = runs.find(|other| other.id == run).map(|run| run.runtime);
    match runtime {
        Some(Runtime::Container) => Place::Container {
            id: format!("c{}", run.0),
            name: format!("shop-{}", run.0),
            kept,
        },
        _ => Place::Process {
            pid: 100,
            port: 4000,
        },
    }
}

/// An effect as a line: `start #2 web replaces #1`.
pub(crate) fn effect(effect: &Effect) -> String {
    let list = |runs: &[RunId]| -> String {
        let shown: Vec<String> = runs.iter().map(ToString::to_string).collect();
        shown.join(" ")
    };
    match effect {
        Effect::Prepare { .. } => "prepare".into(),
        Effect::Replay { span, request, .. } => format!("replay {span} {}", request.url),
        Effect::SaveCheck { check } => format!("save-check {}", check.name),
        Effect::Export { traces, file, .. } => {
            format!("export {} to {}", traces.len(), file.display())
        }
        Effect::GoInside { run, what, .. } => inside(*run, what),
        Effect::SetSolo { on: true } => "solo".into(),
        Effect::SetSolo { on: false } => "no-solo".into(),
        Effect::SetFaults { service, faults } if faults.is_empty() => {
            format!("no-faults {service}")
        }
        Effect::SetFaults { service, faults } => {
            let words: Vec<String> = faults.iter().map(ToString::to_string).collect();
            format!("faults {service}: {}", words.join("; "))
        }
        Effect::UseRuntime { service, runtime } => format!("use {} for {service}", runtime.word()),
        Effect::StartBuild {
            build,
            service,
            fresh,
        } => {
            let fresh = if *fresh { " fresh" } else { "" };
            format!("build {build} {}{fresh}", service.name)
        }
        Effect::CancelBuild { build } => format!("cancel-build {build}"),
        Effect::StartRun(start) => {
            let with = start.image.as_ref().map(|image| format!(" with {image}"));
            let replaces = start.replaces.map(|old| format!(" replaces {old}"));
            let (with, replaces) = (with.unwrap_or_default(), replaces.unwrap_or_default());
            let given = match start.given.len() {
                0 => String::new(),
                files => format!(" given {files} files"),
            };
            let (run, service) = (start.run, &start.service.name);
            format!("start {run} {service}{with}{replaces}{given}")
        }
        Effect::StopRun { run, .. } => format!("stop {run}"),
        Effect::KillRun { run } => format!("kill {run}"),
        Effect::Route { service, runs } if runs.is_empty() => format!("hold {service}"),
        Effect::Route { service, runs } => format!("route {service} {}", list(runs)),
        Effect::Refuse { service, .. } => format!("refuse {service}"),
        Effect::Probe { run, .. } => format!("probe {run}"),
        Effect::PaceProbe { run, calm: true } => format!("calm {run}"),
        Effect::PaceProbe { run, calm: false } => format!("fast {run}"),
        Effect::Sync {
            sync, runs, copies, ..
        } => format!("sync {sync} {} files to {}", copies.len(), list(runs)),
        Effect::CompareImage {
            image, runs, paths, ..
        } => format!("compare {image} {} files with {}", paths.len(), list(runs)),
        Effect::AwaitAnswer {
            service,
            change,
            runs,
        } => format!("await {service} {change} from {}", list(runs)),
        Effect::RunCheck { check, spec } => format!("check {check} {}", spec.name),
        Effect::Resize(size) => format!("resize {} {}", size.columns, size.rows),
        Effect::Forget { service } => format!("forget {service}"),
    }
}

/// A notice as words: its name, then `key=value` for each of its fields, with `_` for a space.
pub(crate) fn notice(notice: &Notice) -> Vec<String> {
    let serde_json::Value::Object(fields) = serde_json::to_value(notice).unwrap() else {
        panic!("a notice is an object");
    };
    let name = fields["notice"].as_str().unwrap().to_owned();
    let rest = fields.iter().filter(|(key, _)| *key != "notice");
    let shown = rest.map(|(key, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), Into::into);
        format!("{key}={}", value.replace(' ', "_"))
    });
    std::iter::once(name).chain(shown).collect()
}

/// A fault that makes requests so many milliseconds late; none of no time.
pub(crate) fn late(ms: u64) -> Option<Fault> {
    (ms > 0).then(|| Fault {
        latency: Duration::from_millis(ms),
        ..Fault::default()
    })
}

fn inside(run: RunId, what: &Inside) -> String {
    match what {
        Inside::Shell => format!("shell in {run}"),
        Inside::Own => format!("attach to {run}"),
        Inside::Command { line } => format!("run `{line}` in {run}"),
    }
}
