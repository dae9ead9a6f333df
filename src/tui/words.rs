//! What a service is at, in a symbol and a few words.

use std::time::Duration;

use crate::engine::{BuildState, Hold, Moment, Run, RunPhase, ServiceState, State, Status};
use crate::runtime::Clock;
use crate::stack::WatchMode;
use crate::text;

/// The symbol of a status: every one has its own shape, so that colour is never needed to tell them apart.
pub(super) fn symbol(status: Status) -> &'static str {
    match status {
        Status::Ready => "●",
        Status::Completed => "✓",
        Status::Building { .. } => "◐",
        Status::Starting => "◔",
        Status::Probing => "◑",
        Status::Unhealthy => "▲",
        Status::Waiting => "◌",
        Status::Failed { .. } => "✗",
        Status::Stopping => "◒",
        Status::Stopped => "○",
    }
}

/// What a service is at: a word or a few, and for how long, if that matters.
pub(super) fn standing(service: &ServiceState, now: Moment) -> (String, Option<Duration>) {
    let status = service.status();
    match status {
        Status::Building { step, of, .. } => (building(step, of), under_way(service, now)),
        Status::Failed { serving } => (failure(service, serving), None),
        Status::Waiting => waiting(service, now),
        Status::Starting | Status::Probing | Status::Unhealthy | Status::Stopping => {
            (status.word().to_owned(), under_way(service, now))
        }
        Status::Ready | Status::Completed | Status::Stopped => (status.word().to_owned(), None),
    }
}

/// The same in one sentence.
pub(super) fn sentence(service: &ServiceState, now: Moment) -> String {
    match standing(service, now) {
        (words, Some(time)) if words.ends_with(" in") => format!("{words} {}", age(time)),
        (words, Some(time)) => format!("{words}, {}", age(time)),
        (words, None) => words,
    }
}

fn building(step: u32, of: u32) -> String {
    match (step, of) {
        (0, _) => "building".into(),
        (step, of) if of < step => format!("building {step}"),
        (step, of) => format!("building {step}/{of}"),
    }
}

fn failure(service: &ServiceState, serving: bool) -> String {
    let what = match service.hold.as_ref().map(|held| &held.hold) {
        _ if matches!(service.build, BuildState::Failed { .. }) => "build failed".to_owned(),
        Some(hold) => text::plain(hold.shown().as_bytes()),
        None => Status::Failed { serving }.word().to_owned(),
    };
    if serving {
        format!("{what}, old run serves")
    } else {
        what
    }
}

fn waiting(service: &ServiceState, now: Moment) -> (String, Option<Duration>) {
    let Some(held) = &service.hold else {
        return ("waiting".into(), None);
    };
    match &held.hold {
        Hold::Backoff { until, cause } => {
            let words = format!("{cause}; again in");
            (words, Some(until.since(now)))
        }
        other => (
            text::plain(other.shown().as_bytes()),
            Some(now.since(held.since)),
        ),
    }
}

/// That edits of this service wait, or would, and what applies them; `None` where they are acted upon at once.
pub(super) fn waiting_edits(state: &State, service: &ServiceState) -> Option<String> {
    let why = match (state.hold, service.mode) {
        (Some(_), _) => "on hold",
        (None, WatchMode::Manual) => "manual",
        (None, WatchMode::Auto) => return None,
    };
    Some(match edits(service) {
        Some(edits) => format!("{why}: {edits}, u applies them"),
        None => format!("{why}: edits wait until u applies them"),
    })
}

/// `3 edits wait`, if any do.
pub(super) fn edits(service: &ServiceState) -> Option<String> {
    let waiting = service.waiting.as_ref()?;
    Some(match waiting.changes {
        1 => "1 edit waits".into(),
        count => format!("{count} edits wait"),
    })
}

/// For how long what is under way has been so.
fn under_way(service: &ServiceState, now: Moment) -> Option<Duration> {
    if let BuildState::Building { since, .. } = &service.build {
        return Some(now.since(*since));
    }
    let run = service.runs.last()?;
    match run.phase {
        RunPhase::Starting => Some(now.since(run.asked)),
        RunPhase::Probing { since }
        | RunPhase::Unhealthy { since }
        | RunPhase::Stopping { since, .. } => Some(now.since(since)),
        RunPhase::Ready { .. } => None,
    }
}

/// An age as it is drawn while it grows: tenths below ten seconds, seconds from there on, so that nothing flickers.
pub(super) fn age(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", (time.as_millis() / 100) as f64 / 10.0),
        seconds @ 10..60 => format!("{seconds} s"),
        _ => text::duration(time),
    }
}

/// Where a run stands in its life, and since when.
pub(super) fn phase(clock: &Clock, run: &Run) -> String {
    let at = |moment| clock.zoned(moment).strftime("%H:%M:%S").to_string();
    match run.phase {
        RunPhase::Starting => format!("asked for {}", at(run.asked)),
        RunPhase::Probing { since } => format!("up since {}", at(since)),
        RunPhase::Ready { since } => format!("ready since {}", at(since)),
        RunPhase::Unhealthy { since } => format!("unhealthy since {}", at(since)),
        RunPhase::Stopping {
            since,
            killed: false,
        } => format!("stopping since {}", at(since)),
        RunPhase::Stopping {
            since,
            killed: true,
        } => format!("killed {}", at(since)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_become_calm() {
        assert_eq!(age(Duration::from_millis(3_290)), "3.2 s");
        assert_eq!(age(Duration::from_millis(12_900)), "12 s");
        assert_eq!(age(Duration::from_secs(125)), "2m05s");
    }

    #[test]
    fn every_status_has_its_own_shape() {
        let all = [
            Status::Ready,
            Status::Completed,
            Status::Building {
                step: 1,
                of: 2,
                serving: false,
            },
            Status::Starting,
            Status::Probing,
            Status::Unhealthy,
            Status::Waiting,
            Status::Failed { serving: false },
            Status::Stopping,
            Status::Stopped,
        ];
        let mut symbols: Vec<&str> = all.iter().map(|status| symbol(*status)).collect();
        symbols.sort_unstable();
        symbols.dedup();
        assert_eq!(symbols.len(), all.len());
    }
}
