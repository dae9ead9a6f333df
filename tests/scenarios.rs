//! Plays every scenario file: what happens, and what the engine must do, tell and wait for.
//!
//! `BOATYARD_SHOW=NAME` prints what a scenario really brings forth.

mod support;

use boatyard::engine::{Effect, Engine, Notice, ServiceState};

use support::scenario::{Outcome, Scenario};
use support::words;

#[test]
fn every_scenario_goes_as_it_is_written() {
    let files = Scenario::files();
    assert!(files.len() >= 30, "scenario files are missing");
    let mut failures = Vec::new();
    for path in files {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let scenario = Scenario::read(&path);
        let show = std::env::var("BOATYARD_SHOW").is_ok_and(|wanted| wanted == name);
        let mut number = 0;
        scenario.play(|engine, outcome| {
            number += 1;
            if show {
                show_step(engine, &outcome);
            }
            let place = format!("{name}, step {number} ({})", outcome.step.when);
            failures.extend(
                problems(engine, &outcome)
                    .into_iter()
                    .map(|problem| format!("{place}: {problem}")),
            );
        });
        if failures.len() > 10 {
            break;
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// Every scenario says what it shows, and its name is its title's subject in a file system.
#[test]
fn every_scenario_has_a_title_and_looks_at_something() {
    for path in Scenario::files() {
        let scenario = Scenario::read(&path);
        let shown = path.display();
        assert!(!scenario.title.is_empty(), "{shown} has no title");
        let looks = scenario
            .steps
            .iter()
            .any(|step| step.effects.is_some() || !step.tell.is_empty() || !step.waits.is_empty());
        assert!(looks, "{shown} expects nothing");
    }
}

#[expect(clippy::print_stdout, reason = "asked for by a person")]
fn show_step(engine: &Engine, outcome: &Outcome<'_>) {
    let at = outcome.now.0.as_millis();
    println!("at {at} when {}", outcome.step.when);
    for effect in &outcome.effects {
        println!("    do   {}", words::effect(effect));
    }
    for notice in &outcome.notices {
        println!("    tell {}", words::notice(notice).join(" "));
    }
    for (name, service) in &engine.state().services {
        let status = service.status().word();
        println!("    {name}: {status}: {}", service.explain(outcome.now));
    }
}

fn problems(engine: &Engine, outcome: &Outcome<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let step = outcome.step;
    if let Some(expected) = &step.effects {
        // What a service runs as is asserted by its notice; that a first answer is awaited, by that of the change.
        let shown = outcome.effects.iter().filter(|effect| {
            !matches!(
                effect,
                Effect::UseRuntime { .. } | Effect::AwaitAnswer { .. }
            )
        });
        let done: Vec<String> = shown.map(words::effect).collect();
        if done != *expected {
            found.push(format!("expected to do {expected:?}, did {done:?}"));
        }
    }
    let told: Vec<Vec<String>> = outcome.notices.iter().map(words::notice).collect();
    let mut rest = told.iter();
    for expected in &step.tell {
        if !rest.any(|told| {
            expected
                .split_whitespace()
                .all(|word| told.iter().any(|have| have == word))
        }) {
            found.push(format!("expected to tell `{expected}`, told {told:?}"));
        }
    }
    for name in &step.never_tell {
        if told.iter().any(|told| told[0] == *name) {
            found.push(format!("told {name}: {told:?}"));
        }
    }
    found.extend(wrong_services(engine, outcome));
    found.extend(wrong_answers(engine, outcome));
    let wake = engine.next_deadline().map(|at| at.0.as_millis());
    if step.wake.is_some() && step.wake.map(u128::from) != wake {
        found.push(format!("wants to be woken at {wake:?}"));
    }
    found
}

/// Whoever is told that a change is live is told of its first answer too, as far as it has runs that can answer.
fn wrong_answers(engine: &Engine, outcome: &Outcome<'_>) -> Vec<String> {
    let lives = outcome.notices.iter().filter_map(|notice| match notice {
        Notice::ChangeLive {
            service, change, ..
        } => Some((service, change)),
        _ => None,
    });
    let can_answer = |service| {
        engine
            .state()
            .services
            .get(service)
            .is_some_and(ServiceState::is_serving)
    };
    let is_awaited = |live: (_, _)| {
        outcome.effects.iter().any(|effect| {
            matches!(effect, Effect::AwaitAnswer { service, change, .. } if (service, change) == live)
        })
    };
    let missing = lives.filter(|live| can_answer(live.0) && !is_awaited(*live));
    missing
        .map(|(service, change)| {
            format!("the answer of {service} to change {change} is not awaited")
        })
        .collect()
}

fn wrong_services(engine: &Engine, outcome: &Outcome<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let services = &engine.state().services;
    for (name, expected) in &outcome.step.waits {
        let held = services
            .get(name.as_str())
            .and_then(|service| service.hold.as_ref());
        let shown = held.map_or_else(String::new, |held| held.hold.shown());
        if shown != *expected {
            found.push(format!("{name} waits: `{shown}`, not `{expected}`"));
        }
    }
    for (name, expected) in &outcome.step.status {
        let status = services
            .get(name.as_str())
            .map_or("gone", |service| service.status().word());
        if status != expected {
            found.push(format!("{name} is {status}, not {expected}"));
        }
    }
    found
}
