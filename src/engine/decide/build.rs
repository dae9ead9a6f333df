//! Whether an image is to be made, or a build to be given up.

use super::super::intent::Intent;
use super::super::{BuildState, Hold, ServiceState, State};
use super::{Step, runtime};

/// Gives up a build whose content is not the newest any more, or whose image nobody needs.
pub(super) fn overtaken(service: &ServiceState) -> Option<Intent> {
    let BuildState::Building {
        build,
        content,
        cancelling: false,
        ..
    } = service.build
    else {
        return None;
    };
    let why = if content != service.content {
        "newer edits overtook it"
    } else if !service.needs_build() {
        "no image is needed any more"
    } else {
        return None;
    };
    Some(Intent::CancelBuild { build, why })
}

/// Makes the image that the newest content needs; nothing if it is there.
///
/// Builds do not wait for dependencies, only for the engine and for a free slot.
pub(super) fn step(state: &State, service: &ServiceState) -> Option<Step> {
    if service.has_image() {
        return None;
    }
    if service.building().is_some() {
        return Some(Step::Rest(None));
    }
    if service.has_failed_build() {
        let runs = service.current().filter(|run| run.phase.is_serving());
        let is_served = service.is_ahead() && runs.count() >= service.replicas();
        let hold = if is_served {
            Hold::AheadOfImage
        } else {
            Hold::BuildFailed
        };
        return Some(Step::Rest(Some(hold)));
    }
    if let Some(hold) = runtime::engine_hold(&state.engine_link) {
        return Some(Step::Rest(Some(hold)));
    }
    if !state.has_build_slot() {
        return Some(Step::Rest(Some(Hold::BuildSlot)));
    }
    Some(Step::Do(Intent::Build {
        service: service.service.name.clone(),
    }))
}
