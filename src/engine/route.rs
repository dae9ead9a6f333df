//! Where the requests for each service go, said only when it changes.

use super::turn::Turn;
use super::{Effect, Hold, Routing, RunId, ServiceState, State, Wanted};

/// Says for every service where its requests go now.
pub(super) fn update_all(state: &mut State, turn: &mut Turn) {
    let is_running = state.is_running();
    for service in state.services.values_mut() {
        update(service, is_running, turn);
    }
}

/// Says where the requests for this service go now, if that is not what was said last.
pub(super) fn update(service: &mut ServiceState, is_running: bool, turn: &mut Turn) {
    let wished = wished(service, is_running);
    let is_refused = |routing: &Routing| matches!(routing, Routing::Refuse(_));
    let is_same = service.routing.as_ref() == Some(&wished);
    let is_over = !is_running && service.routing.as_ref().is_some_and(is_refused);
    if is_same || is_over {
        return;
    }
    let name = service.service.name.clone();
    turn.ask(match &wished {
        Routing::Hold => Effect::Route {
            service: name,
            runs: Vec::new(),
        },
        Routing::Runs(runs) => Effect::Route {
            service: name,
            runs: runs.clone(),
        },
        Routing::Refuse(why) => Effect::Refuse {
            service: name,
            why: why.clone(),
        },
    });
    service.routing = Some(wished);
}

fn wished(service: &ServiceState, is_running: bool) -> Routing {
    let serving: Vec<RunId> = service
        .live()
        .filter(|run| run.phase.is_serving())
        .map(|run| run.id)
        .collect();
    if !serving.is_empty() {
        return Routing::Runs(serving);
    }
    let why = match service.wanted {
        _ if !is_running => Some("the session ends".to_owned()),
        Wanted::Removed => Some("it left the stack".to_owned()),
        Wanted::Stopped => Some("it was stopped by hand".to_owned()),
        Wanted::Up => refusal(service),
    };
    why.map_or(Routing::Hold, |why| {
        Routing::Refuse(format!("{}: {why}", service.service.name))
    })
}

/// Why waiting is of no use.
fn refusal(service: &ServiceState) -> Option<String> {
    let is_leaving = service.runs.iter().any(|run| run.phase.is_stopping());
    let is_coming = service.live().next().is_some() || service.building().is_some();
    if is_coming {
        return None;
    }
    if let Some(completion) = &service.completed {
        return Some(completion.exit.cause());
    }
    match &service.hold.as_ref()?.hold {
        _ if is_leaving => None,
        hold @ (Hold::EngineMissing { .. }
        | Hold::BuildFailed
        | Hold::AheadOfImage
        | Hold::GaveUp { .. }
        | Hold::CannotStart { .. }
        | Hold::Ended { .. }
        | Hold::Stopped) => Some(hold.shown()),
        Hold::EngineUnknown
        | Hold::BuildSlot
        | Hold::Dependency { .. }
        | Hold::Backoff { .. }
        | Hold::Files
        | Hold::OldRun
        | Hold::Dependents { .. } => None,
    }
}
