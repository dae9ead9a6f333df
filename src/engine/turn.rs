//! What one turn of the engine brings forth.

use std::time::Duration;

use super::{Effect, Moment, Notice, PendingEdits, RunId, ServiceState};

/// Effects and notices, in order.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) effects: Vec<Effect>,
    pub(super) notices: Vec<Notice>,
}

impl Turn {
    pub(super) fn tell(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    pub(super) fn ask(&mut self, effect: Effect) {
        self.effects.push(effect);
    }
}

/// Whole milliseconds.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Records that these edits are served, and says so. The time counts from the first save of the newest change.
pub(super) fn went_live(
    service: &mut ServiceState,
    edits: PendingEdits,
    run: RunId,
    now: Moment,
    turn: &mut Turn,
) {
    let took = now.since(edits.newest_first_save);
    service.live_times.push(took);
    service.live_up_to = service.live_up_to.max(Some(edits.last_save));
    turn.tell(Notice::ChangeLive {
        service: service.service.name.clone(),
        run,
        ms: millis(took),
        last_save: edits.last_save,
    });
}
