//! Facts about the container engine.

use super::super::turn::Turn;
use super::super::{BuildState, EngineLink, Notice, ServiceState, State};
use crate::stack::Runtime;

pub(super) fn changed(state: &mut State, link: EngineLink, turn: &mut Turn) {
    if state.engine_link == link {
        return;
    }
    let was_away = !state.is_engine_connected() && state.engine_link != EngineLink::Unknown;
    let (word, detail) = match &link {
        EngineLink::Unknown => ("unknown", String::new()),
        EngineLink::Connected {
            name,
            version,
            builder,
        } => (
            "connected",
            format!("{name} {version}, builds by {builder}"),
        ),
        EngineLink::Missing { looked } => ("missing", looked.join("; ")),
        EngineLink::Lost { why } => ("lost", why.clone()),
    };
    turn.tell(Notice::Engine {
        state: word.into(),
        detail,
    });
    state.engine_link = link;
    if was_away && state.is_engine_connected() {
        state.services.values_mut().for_each(engine_is_back);
    }
}

/// What failed may have failed because the engine was going away, and what was asked of it may have been lost.
fn engine_is_back(service: &mut ServiceState) {
    for run in &mut service.runs {
        run.stop_again = run.runtime == Runtime::Container && run.phase.is_stopping();
    }
    if service.runtime != Some(Runtime::Container) {
        return;
    }
    if matches!(service.build, BuildState::Failed { .. }) {
        service.build = BuildState::Wanted;
    }
    service.start_failures = 0;
    service.start_failure = None;
}
