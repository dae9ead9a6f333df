//! Records facts. Decides nothing: what follows from a fact is for `decide` to see in the state.

mod build;
mod change;
mod check;
mod command;
mod infer;
mod link;
mod mode;
mod probe;
mod reload;
mod run;
mod sync;

pub(super) use infer::compare;
pub(super) use run::LONG_READY;

use super::turn::Turn;
use super::{Event, Moment, Notice, State};

/// Records one fact, and tells it where it is to be told.
pub(super) fn apply(state: &mut State, now: Moment, event: Event, turn: &mut Turn) {
    match event {
        Event::Deadline => {}
        Event::ContainerEngine { link } => link::changed(state, link, turn),
        Event::Changed { change } => change::seen(state, now, &change, turn),
        Event::Found { service, files } => change::found(state, &service, files),
        Event::StackReloaded { stack } => reload::reloaded(state, now, stack, turn),
        Event::StackRefused { problems } => reload::refused(state, problems, turn),
        Event::BuildProgress { build, step } => build::progress(state, build, step, turn),
        Event::BuildFinished {
            build,
            image,
            cached,
        } => build::finished(state, now, build, (image, cached), turn),
        Event::BuildFailed { build, failure } => build::failed(state, now, build, failure, turn),
        Event::BuildCancelled { build } => build::cancelled(state, now, build),
        Event::RunStarted { run, place } => run::started(state, now, run, place, turn),
        Event::RunFailed { run, why } => run::failed(state, now, run, why, turn),
        Event::RunExited { run, exit } => run::exited(state, now, run, exit, turn),
        Event::Probed { run, answer } => probe::answered(state, now, run, answer, turn),
        Event::Synced { sync, files } => sync::done(state, now, sync, files, turn),
        Event::SyncFailed { sync, why } => sync::failed(state, now, sync, why, turn),
        Event::Compared { build, difference } => infer::compared(state, build, difference, turn),
        Event::FirstAnswer {
            service,
            change,
            run,
        } => change::answered(state, now, &service, (change, run), turn),
        Event::CheckEnded { check, outcome } => check::ended(state, now, check, outcome, turn),
        Event::OtlpListening { grpc, http, taken } => {
            turn.tell(Notice::OtlpListening { grpc, http, taken });
        }
        Event::FrontDoor {
            service,
            port,
            address,
            variable,
        } => turn.tell(Notice::FrontDoor {
            service,
            port,
            address,
            variable,
        }),
        Event::Replayed { replay } => turn.tell(Notice::Replayed(replay)),
        Event::CheckSaved { check, file, line } => {
            turn.tell(Notice::CheckSaved { check, file, line });
        }
        Event::TracesExported { file, traces } => {
            turn.tell(Notice::TracesExported { file, traces });
        }
        Event::Problem { what, remedy } => turn.tell(Notice::Problem { what, remedy }),
        Event::Command { command } => command::given(state, now, command, turn),
    }
}
