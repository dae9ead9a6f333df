//! What people asked to be done, in plain words: faults, requests sent again, checks saved, traces written.

use super::{Told, Tone, counted, told};
use crate::engine::{Notice, Replay};

/// What was done on purpose: faults, and what was asked for by hand.
pub(super) fn of(notice: &Notice) -> Option<Told> {
    let of_session = |text: String| Told {
        service: None,
        tone: Tone::Good,
        text,
        more: vec![],
    };
    Some(match notice {
        Notice::Replayed(replay) => replayed(replay),
        Notice::CheckSaved { check, file, line } => of_session(format!(
            "saved as the check \"{check}\" at {}:{line}",
            file.display()
        )),
        Notice::TracesExported { file, traces } => {
            let traces = counted(*traces as u64, "trace");
            of_session(format!("{traces} written to {}", file.display()))
        }
        Notice::Solo { on } => of_session(solo(*on).to_owned()),
        Notice::FaultsSet { service, faults } => {
            let text = format!("faults on purpose: {}", faults.join("; "));
            told(service, Tone::Bad, text, vec![])
        }
        Notice::FaultsCleared { service } => {
            let text = "no faults on purpose any more".to_owned();
            told(service, Tone::Plain, text, vec![])
        }
        _ => return None,
    })
}

fn solo(on: bool) -> &'static str {
    if on {
        "front doors let one request in at a time"
    } else {
        "front doors let all requests in at once again"
    }
}

fn replayed(replay: &Replay) -> Told {
    let Replay {
        method,
        path,
        status,
        ms,
        differences,
        ..
    } = replay;
    let (tone, how) = match differences.len() as u64 {
        0 => (Tone::Good, "the same answer".to_owned()),
        many => (Tone::Bad, counted(many, "difference")),
    };
    let text = format!("{method} {path} again: {status} in {ms} ms, {how}");
    told(&replay.service, tone, text, differences.clone())
}
