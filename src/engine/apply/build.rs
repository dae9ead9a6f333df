//! Facts about builds. Whatever carries another number than the build under way is ignored.

use super::super::turn::{Turn, millis};
use super::super::{
    BuildFailure, BuildId, BuildState, BuildStep, EngineLink, Image, Moment, Notice, ServiceState,
    State,
};

pub(super) fn progress(state: &mut State, build: BuildId, reached: BuildStep, turn: &mut Turn) {
    let Some(service) = state.find_build(build) else {
        return;
    };
    turn.tell(Notice::BuildOutput {
        service: service.service.name.clone(),
        build,
        step: reached.number,
        of: reached.total,
        name: reached.name.clone(),
        cached: reached.cached,
    });
    if let BuildState::Building { step, .. } = &mut service.build {
        *step = Some(reached);
    }
}

/// An image was made; perhaps of content that is not the newest any more, and then it is kept as an old image only.
pub(super) fn finished(
    state: &mut State,
    now: Moment,
    build: BuildId,
    (name, cached): (String, bool),
    turn: &mut Turn,
) {
    let Some((service, content, since)) = ended(state, build) else {
        return;
    };
    let took = now.since(since);
    service.changes.built(build, cached, now);
    service.image = Some(Image {
        name: name.clone(),
        content,
    });
    service.build = if content == service.content {
        service.fresh = false;
        BuildState::Built {
            build,
            took,
            cached,
        }
    } else {
        BuildState::Wanted
    };
    turn.tell(Notice::BuildFinished {
        service: service.service.name.clone(),
        build,
        ms: millis(took),
        image: name,
        cached,
    });
}

pub(super) fn failed(
    state: &mut State,
    now: Moment,
    build: BuildId,
    failure: BuildFailure,
    turn: &mut Turn,
) {
    let is_engine_lost = matches!(state.engine_link, EngineLink::Lost { .. });
    let Some((service, content, since)) = ended(state, build) else {
        return;
    };
    let was_given_up = is_given_up(service);
    if was_given_up || content != service.content || is_engine_lost {
        service.build = BuildState::Wanted;
    }
    if was_given_up {
        return;
    }
    turn.tell(Notice::BuildFailed {
        service: service.service.name.clone(),
        build,
        ms: millis(now.since(since)),
        step: failure.step.clone(),
        message: failure.message.clone(),
        last_lines: failure.last_lines.clone(),
    });
    if let Some(base) = &failure.missing_base {
        service.no_container = Some(format!("its base image {base} cannot be had"));
    }
    if service.building().is_some() {
        service.changes.failed(now, &failure.message);
        service.build = BuildState::Failed {
            build,
            content,
            at: now,
            failure,
        };
    }
}

/// A build that was given up has ended. One that nobody gave up has failed.
pub(super) fn cancelled(state: &mut State, now: Moment, build: BuildId) {
    let Some((service, content, _)) = ended(state, build) else {
        return;
    };
    if is_given_up(service) || content != service.content {
        service.build = BuildState::Wanted;
        return;
    }
    let message = "the build was cancelled by somebody else";
    service.changes.failed(now, message);
    service.build = BuildState::Failed {
        build,
        content,
        at: now,
        failure: BuildFailure {
            step: None,
            message: message.into(),
            last_lines: Vec::new(),
            missing_base: None,
        },
    };
}

fn is_given_up(service: &ServiceState) -> bool {
    matches!(
        service.build,
        BuildState::Building {
            cancelling: true,
            ..
        }
    )
}

/// The service of a build under way, the content it is made of, and when it began.
fn ended(state: &mut State, build: BuildId) -> Option<(&mut ServiceState, u64, Moment)> {
    let service = state.find_build(build)?;
    let BuildState::Building { content, since, .. } = service.build else {
        return None;
    };
    Some((service, content, since))
}
