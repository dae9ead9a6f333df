//! Whether what a service needs is there, and in which words it is not.

use super::super::{Hold, RunPhase, ServiceState, State};
use crate::stack::Condition;

/// The first of its dependencies that is not as it must be at the moment of starting.
pub(super) fn hold(state: &State, service: &ServiceState) -> Option<Hold> {
    let needs = service.service.depends_on.iter();
    needs
        .filter_map(|(on, condition)| Some((on, *condition, state.services.get(on)?)))
        .find(|(_, condition, needed)| !is_met(needed, *condition))
        .map(|(on, condition, needed)| Hold::Dependency {
            on: on.clone(),
            condition,
            state: needed.words_for(condition),
        })
}

/// Whether a service is as its dependents want it.
pub(in super::super) fn is_met(needed: &ServiceState, condition: Condition) -> bool {
    match condition {
        Condition::Started => needed.has_completed() || needed.live().any(|run| run.phase.is_up()),
        Condition::Ready => needed
            .live()
            .any(|run| matches!(run.phase, RunPhase::Ready { .. })),
        Condition::Completed => needed.has_completed(),
    }
}
