//! Saved files in plain words: when they are live and how they came there, and when they or requests wait.

use super::{Tone, counted, millis};
use crate::engine::{LiveSummary, Notice, Stages};
use crate::stack::ServiceName;

/// A sentence about a service, or about all.
pub(super) type Said = (Option<ServiceName>, Tone, String);

/// The sentence of a change that is live: `live in 212 ms (settled 16, built 120, started 165, ready 210): app.py`.
pub(super) fn live(notice: &Notice, paths: Option<&str>) -> Option<String> {
    let Notice::ChangeLive {
        ms,
        reused,
        overtaken,
        waited_ms,
        stages,
        ..
    } = notice
    else {
        return None;
    };
    let mut way = stages_words(stages, *reused);
    if let Some(waited) = waited_ms {
        way.insert(0, format!("applied after {}", millis(*waited)));
    }
    if *overtaken > 0 {
        let changes = counted(*overtaken as u64, "earlier change");
        way.push(format!("with {changes}"));
    }
    let way = if way.is_empty() {
        String::new()
    } else {
        format!(" ({})", way.join(", "))
    };
    let what = paths.map_or(String::new(), |paths| format!(": {paths}"));
    Some(format!("live in {}{way}{what}", millis(*ms)))
}

/// What came when, in milliseconds.
fn stages_words(stages: &Stages, reused: bool) -> Vec<String> {
    let built = if reused { "image reused" } else { "built" };
    let named = [
        ("settled", stages.settled),
        (built, stages.built),
        ("synced", stages.synced),
        ("started", stages.started),
        ("ready", stages.ready),
    ];
    let came = named
        .into_iter()
        .filter_map(|(name, ms)| Some(format!("{name} {}", ms?)));
    came.collect()
}

/// How fast changes went live in the session, a line for each service.
pub(super) fn summary(changes: &[LiveSummary]) -> Vec<String> {
    let line = |summary: &LiveSummary| {
        let LiveSummary {
            service,
            live,
            p50_ms,
            p95_ms,
        } = summary;
        format!(
            "{service}: {} live, half within {}, 95 of 100 within {}",
            counted(*live as u64, "change"),
            millis(*p50_ms),
            millis(*p95_ms)
        )
    };
    changes.iter().map(line).collect()
}

/// What waits, what is applied, and what is served.
pub(super) fn waiting(notice: &Notice) -> Option<Said> {
    let (service, tone, text) = match notice {
        Notice::ChangeServed { service, ms, .. } => {
            let text = format!("first good answer after {}", millis(*ms));
            (Some(service), Tone::Plain, text)
        }
        Notice::Mode { service, mode } => (
            service.as_ref(),
            Tone::Plain,
            mode_words(service.as_ref(), mode),
        ),
        Notice::EditsWait {
            service,
            edits,
            why,
        } => {
            let what = match service {
                Some(_) => counted(u64::from(*edits), "edit"),
                None => "the saved stack file".into(),
            };
            let verb = if service.is_some() && *edits != 1 {
                "wait"
            } else {
                "waits"
            };
            let text = format!("{what} {verb} to be applied ({why})");
            (service.as_ref(), Tone::Plain, text)
        }
        Notice::EditsApplied { service, edits } => {
            let what = match service {
                Some(_) => counted(u64::from(*edits), "edit"),
                None => "the stack file".into(),
            };
            (
                service.as_ref(),
                Tone::Plain,
                format!("applies {what} that waited"),
            )
        }
        _ => return held(notice),
    };
    Some((service.cloned(), tone, text))
}

fn mode_words(service: Option<&ServiceName>, mode: &str) -> String {
    let words = match (service, mode) {
        (None, "hold") => "on hold: edits wait until they are applied",
        (None, _) => "no longer on hold: edits are acted upon at once",
        (Some(_), "manual") => "its edits wait until they are applied by hand",
        (Some(_), _) => "its edits are acted upon at once",
    };
    words.into()
}

fn held(notice: &Notice) -> Option<Said> {
    let (service, text) = match notice {
        Notice::RequestsHeld { service, held, ms } => {
            let requests = counted(*held as u64, "request");
            (
                service,
                format!("{requests} held, for {} so far", millis(*ms)),
            )
        }
        Notice::RequestsReleased { service, most, ms } => {
            let requests = counted(*most as u64, "request");
            let text = format!(
                "no request held any more: {requests} at most, for {}",
                millis(*ms)
            );
            (service, text)
        }
        _ => return None,
    };
    Some((Some(service.clone()), Tone::Plain, text))
}
