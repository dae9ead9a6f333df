//! Facts about files of which it is inferred where they land: live runs have them ahead of their image.
//!
//! The image is made behind. When it is there, it is compared with what the runs were given: either it has just that, and
//! is the image of the next container, or the runs are replaced by runs of it.

use indexmap::IndexSet;

use super::super::turn::Turn;
use super::super::{
    Ahead, BuildId, BuildState, Effect, Notice, PendingEdits, QueuedSync, RunId, ServiceState,
    State, SyncCopy,
};
use super::change::can_take;
use crate::stack::Then;

/// Files were saved that can be put into the live runs ahead of the image. Where no run could take them, a new image and
/// new runs bring them.
pub(super) fn seen(service: &mut ServiceState, copies: Vec<&SyncCopy>, edits: PendingEdits) {
    if !can_take(service) {
        return service.want_new_image();
    }
    // A build under way is overtaken by this number; the runs are not, for they get the files.
    service.content += 1;
    service.image_lacks_sync = false;
    let paths = copies.iter().map(|copy| copy.to.clone());
    service.ahead.paths.extend(paths);
    service.sync_queue.push_back(QueuedSync {
        copies: copies.into_iter().cloned().collect(),
        then: Then::Restart,
        edits: Some(edits),
    });
}

/// Asks for the comparison of the image that is there. Where nothing lives any more, there is nothing to compare: whatever
/// is started is started with this image.
pub(in super::super) fn compare(service: &mut ServiceState, turn: &mut Turn) {
    // A run that is just being started is started with this image.
    let up = service.current().filter(|run| run.phase.is_up());
    let runs: Vec<RunId> = up.map(|run| run.id).collect();
    let (BuildState::Built { build, .. }, Some(image)) = (&service.build, &service.image) else {
        return;
    };
    if runs.is_empty() {
        service.ahead = Ahead::default();
        return;
    }
    service.ahead.comparing = Some((*build, service.content));
    turn.ask(Effect::CompareImage {
        build: *build,
        service: service.service.clone(),
        image: image.name.clone(),
        runs,
        paths: service.ahead.paths.iter().cloned().collect(),
    });
}

/// An image was compared with what the runs were given. If more was saved meanwhile, this says nothing: the next image
/// is compared again.
pub(super) fn compared(
    state: &mut State,
    build: BuildId,
    difference: Option<String>,
    turn: &mut Turn,
) {
    let is_it = |service: &&mut ServiceState| {
        let comparing = service.ahead.comparing;
        comparing.is_some_and(|(compared, _)| compared == build)
    };
    let is_running = state.is_running();
    let Some(service) = state.services.values_mut().find(is_it) else {
        return;
    };
    let content = service.ahead.comparing.take().map(|(_, content)| content);
    if content != Some(service.content) || !is_running {
        return;
    }
    let paths: IndexSet<String> = std::mem::take(&mut service.ahead.paths);
    let is_different = difference.is_some();
    turn.tell(Notice::ImageCompared {
        service: service.service.name.clone(),
        build,
        files: paths.len(),
        difference,
    });
    if is_different {
        service.want_new_runs();
    }
}
