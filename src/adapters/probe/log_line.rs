//! Healthy once a line of the run's output matches.

use regex::Regex;
use tokio::sync::watch;
use tokio::time::{Duration, Instant, interval};

use super::Teller;
use crate::engine::{ProbeAnswer, RunId};
use crate::stack::ServiceName;
use crate::telemetry::Telemetry;
use crate::text;

/// How often it is said that nothing matched yet, and looked without being told of news.
const STILL_NOTHING: Duration = Duration::from_millis(250);

/// Follows the output of the run from its first line, and tells once when a line matches.
pub(super) async fn follow(
    mut teller: Teller,
    service: ServiceName,
    pattern: String,
    mut pace: watch::Receiver<bool>,
) {
    let began = Instant::now();
    let pattern = match Regex::new(&pattern) {
        Ok(pattern) => pattern,
        Err(error) => {
            let said = format!("its regular expression {pattern:?} is wrong: {error}");
            teller.tell(answer(false, began, said), true);
            return;
        }
    };
    let mut news = teller.wires.telemetry.changes();
    let mut still = interval(STILL_NOTHING);
    let mut next = 0;
    loop {
        let found = look(
            &teller.wires.telemetry,
            &service,
            teller.run,
            &pattern,
            &mut next,
        );
        if let Some(line) = found {
            let line = text::truncate(&line, 80, "…");
            teller.tell(answer(true, began, format!("a line matched: {line}")), true);
            return;
        }
        tokio::select! {
            _ = still.tick() => {
                teller.tell(answer(false, began, "no line matched yet".into()), false);
            }
            changed = news.changed() => if changed.is_err() { return },
            // Once is enough, so that the pace does not matter; that nobody sets it any more does.
            changed = pace.changed() => if changed.is_err() { return },
        }
    }
}

/// The first line since the last look that matches.
fn look(
    telemetry: &Telemetry,
    service: &ServiceName,
    run: RunId,
    pattern: &Regex,
    next: &mut u64,
) -> Option<String> {
    let followed = telemetry.logs().of_run_since(service, run.0, *next);
    *next = followed.next;
    followed.lines.iter().find_map(|line| {
        let line = text::readable(&line.line.bytes);
        pattern.is_match(&line).then(|| line.into_owned())
    })
}

fn answer(healthy: bool, began: Instant, said: String) -> ProbeAnswer {
    ProbeAnswer {
        healthy,
        took: began.elapsed(),
        said,
    }
}
