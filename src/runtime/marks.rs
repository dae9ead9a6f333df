//! Marks in the logs: where a run began, took over and ended.

use super::Clock;
use crate::engine::{Moment, Notice, RunId};
use crate::stack::ServiceName;
use crate::telemetry::{MarkKind, NewLine, Stream, Telemetry};

/// Sets a mark for each notice that stands for a turn in a service's life.
pub(super) fn set(telemetry: &Telemetry, clock: &Clock, at: Moment, notices: &[Notice]) {
    let marks: Vec<NewLine> = notices
        .iter()
        .filter_map(|notice| {
            let (service, run, kind, text) = mark(notice)?;
            Some(NewLine {
                service: service.clone(),
                run: run.0,
                at: clock.timestamp(at),
                stream: Stream::Mark(kind),
                bytes: text.into_bytes(),
            })
        })
        .collect();
    if marks.is_empty() {
        return;
    }
    telemetry.logs().push_all(marks);
    telemetry.touch();
}

fn mark(notice: &Notice) -> Option<(&ServiceName, RunId, MarkKind, String)> {
    match notice {
        Notice::RunStarted { service, run, .. } => Some((
            service,
            *run,
            MarkKind::Started,
            format!("run {run} begins"),
        )),
        Notice::RunReady { service, run, .. } => {
            Some((service, *run, MarkKind::Live, format!("run {run} is live")))
        }
        Notice::RunExited {
            service,
            run,
            cause,
            expected,
            ..
        } => {
            let text = if *expected {
                format!("run {run} was stopped")
            } else {
                format!("run {run} ended: {cause}")
            };
            Some((service, *run, MarkKind::Ended, text))
        }
        _ => None,
    }
}
