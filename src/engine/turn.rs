//! What one turn of the engine brings forth.

use std::time::Duration;

use super::{ChangeStory, Effect, Moment, Notice, PendingEdits, RunId, ServiceState, Way};

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

/// How many times from save to live are remembered.
const LIVE_TIMES: usize = 1_000;

/// Records that these edits are served, says so, and asks to be told of the first good answer. The time counts from the
/// first save of the newest change, or from when it was asked to be applied.
pub(super) fn went_live(
    service: &mut ServiceState,
    edits: PendingEdits,
    run: RunId,
    now: Moment,
    turn: &mut Turn,
) {
    let took = now.since(edits.newest_first_save);
    if service.live_times.len() == LIVE_TIMES {
        service.live_times.remove(0);
    }
    service.live_times.push(took);
    service.live_up_to = service.live_up_to.max(Some(edits.last_save));
    let name = service.service.name.clone();
    let within = |percent| service.live_within(percent).map_or(0, millis);
    let (p50_ms, p95_ms) = (within(50), within(95));
    let gone = service.changes.go_live(edits.newest, run, now);
    let story = gone.map(|(story, _)| story);
    turn.tell(Notice::ChangeLive {
        service: name.clone(),
        run,
        change: edits.newest,
        ms: millis(took),
        last_save: edits.last_save,
        way: story
            .and_then(|story| story.way)
            .map(|way| way.word().into()),
        reused: story
            .is_some_and(|story| matches!(story.way, Some(Way::Build { reused: true, .. }))),
        overtaken: gone.map_or(0, |(_, overtaken)| overtaken),
        waited_ms: story.and_then(|story| Some(millis(story.applied?.since(story.first_save)))),
        stages: story.map(ChangeStory::stages).unwrap_or_default(),
        p50_ms,
        p95_ms,
    });
    let runs: Vec<RunId> = service
        .current()
        .filter(|run| run.phase.is_serving())
        .map(|run| run.id)
        .collect();
    if !runs.is_empty() {
        turn.ask(Effect::AwaitAnswer {
            service: name,
            change: edits.newest,
            runs,
        });
    }
}
