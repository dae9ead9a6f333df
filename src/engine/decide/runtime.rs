//! What a service runs as.

use super::super::intent::Intent;
use super::super::{EngineLink, Hold, RuntimeChoice, ServiceState, State};
use super::Step;
use crate::stack::Runtime;

/// Chooses the runtime, or says why it cannot be chosen; nothing if it is settled.
pub(super) fn step(state: &State, service: &ServiceState) -> Option<Step> {
    match choose(state, service) {
        Err(hold) => Some(Step::Rest(Some(hold))),
        Ok((runtime, _)) if service.runtime == Some(runtime) => None,
        Ok((runtime, why)) => Some(Step::Do(Intent::Choose {
            service: service.service.name.clone(),
            runtime,
            why,
        })),
    }
}

/// Why a service that needs the container engine cannot have it at this moment.
pub(super) fn engine_hold(link: &EngineLink) -> Option<Hold> {
    let why = match link {
        EngineLink::Connected { .. } => return None,
        EngineLink::Unknown => return Some(Hold::EngineUnknown),
        EngineLink::Missing { looked } if looked.is_empty() => "none was found".to_owned(),
        EngineLink::Missing { looked } => {
            format!("none was found; looked at {}", looked.join(", "))
        }
        EngineLink::Lost { why } => format!("it went away: {why}"),
    };
    Some(Hold::EngineMissing { why })
}

/// Why a service can never run in this session as things stand: no way to run it, or no engine and no `run`.
pub(in super::super) fn cannot_ever_run(state: &State, service: &ServiceState) -> Option<String> {
    let is_lost = matches!(state.engine_link, EngineLink::Lost { .. });
    match choose(state, service) {
        Err(hold @ Hold::CannotStart { .. }) => Some(hold.shown()),
        Err(hold @ Hold::EngineMissing { .. }) if !is_lost => Some(hold.shown()),
        Err(_) | Ok(_) => None,
    }
}

/// Whether it is about to run as something else than it did, which may well go better.
pub(in super::super) fn is_about_to_change(state: &State, service: &ServiceState) -> bool {
    choose(state, service).is_ok_and(|(runtime, _)| service.runtime != Some(runtime))
}

fn choose(state: &State, service: &ServiceState) -> Result<(Runtime, String), Hold> {
    let can_be_process = service.service.run.is_some();
    let can_be_container = service.service.has_image();
    let asked = "it was asked for".to_owned();
    match state.wanted_runtime {
        RuntimeChoice::Process if can_be_process => Ok((Runtime::Process, asked)),
        RuntimeChoice::Process => Err(impossible(
            "it has no `run`, and only processes were asked for",
        )),
        RuntimeChoice::Engine if !can_be_container => Err(impossible(
            "it has neither `build` nor `image`, and only containers were asked for",
        )),
        RuntimeChoice::Engine => container(state, service, asked),
        RuntimeChoice::Auto if !can_be_container && can_be_process => {
            Ok((Runtime::Process, "it has only `run`".into()))
        }
        RuntimeChoice::Auto if !can_be_container => {
            Err(impossible("it has none of `build`, `image` and `run`"))
        }
        RuntimeChoice::Auto => automatic(state, service, can_be_process),
    }
}

fn automatic(
    state: &State,
    service: &ServiceState,
    can_be_process: bool,
) -> Result<(Runtime, String), Hold> {
    match (&service.no_container, service.runtime, &state.engine_link) {
        (Some(why), ..) if can_be_process => Ok((Runtime::Process, why.clone())),
        (_, None, EngineLink::Missing { .. }) if can_be_process => {
            Ok((Runtime::Process, "no container engine was found".into()))
        }
        (_, Some(chosen), _) => Ok((chosen, String::new())),
        (_, None, _) => container(state, service, "a container engine answers".into()),
    }
}

fn container(
    state: &State,
    service: &ServiceState,
    why: String,
) -> Result<(Runtime, String), Hold> {
    match engine_hold(&state.engine_link) {
        Some(hold) if service.runtime.is_none() => Err(hold),
        _ => Ok((Runtime::Container, why)),
    }
}

fn impossible(why: &str) -> Hold {
    Hold::CannotStart {
        message: why.to_owned(),
    }
}
