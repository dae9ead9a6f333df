//! How soon a screen on which nothing happens looks different all the same: ages grow, rates fall.

use std::time::Duration;

use super::pane::header::WINDOW;
use super::words;
use crate::engine::{BuildState, Moment, Phase, State};
use crate::runtime::Clock;
use crate::telemetry::Telemetry;

/// After which time to draw again; `None`: never by itself.
pub(super) fn period(
    state: &State,
    telemetry: &Telemetry,
    clock: &Clock,
    now: Moment,
) -> Option<Duration> {
    let ages = state.services.values();
    let youngest = ages
        .filter_map(|service| {
            let (_, age) = words::standing(service, now);
            match &service.build {
                BuildState::Building { since, .. } => Some(now.since(*since)),
                _ => age,
            }
        })
        .min();
    match youngest {
        // Tenths of a second are shown.
        Some(age) if age < Duration::from_secs(10) => Some(Duration::from_millis(100)),
        Some(_) => Some(Duration::from_secs(1)),
        None if matches!(state.phase, Phase::Stopping { .. }) => Some(Duration::from_secs(1)),
        None if has_traffic(state, telemetry, clock, now) => Some(Duration::from_secs(1)),
        None => None,
    }
}

/// Whether a figure of traffic on the screen is about to fall.
fn has_traffic(state: &State, telemetry: &Telemetry, clock: &Clock, now: Moment) -> bool {
    // One second more than is looked back, so that the last figure goes too.
    let window = WINDOW + Duration::from_secs(2);
    let now = clock.timestamp(now);
    let exchanges = telemetry.exchanges();
    let mut services = state.services.keys();
    services.any(|name| exchanges.rates(name, window, now).requests > 0)
}
