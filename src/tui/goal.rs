//! Where a notice or an event leads: the place where more is seen of what it is about.

use crate::engine::{BuildId, Moment, Notice};
use crate::stack::ServiceName;
use crate::telemetry::TraceId;

/// A place to go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Goal {
    /// The build of a service.
    Build {
        service: ServiceName,
        build: BuildId,
    },
    /// The changes of a service, which stand in the same pane.
    Changes(ServiceName),
    /// What a service said at this moment.
    Logs { service: ServiceName, at: Moment },
    /// How a service is.
    Health(ServiceName),
    /// A service in the list.
    Service(ServiceName),
    /// A trace.
    Trace(TraceId),
    /// Nowhere: all that is known stands in the notice.
    Nowhere,
}

impl Goal {
    /// Where this notice, given at this moment, leads.
    pub(super) fn of(notice: &Notice, at: Moment) -> Self {
        let logs = |service: &ServiceName| Self::Logs {
            service: service.clone(),
            at,
        };
        match notice {
            Notice::BuildStarted { service, build }
            | Notice::BuildOutput { service, build, .. }
            | Notice::BuildCancelled { service, build, .. }
            | Notice::BuildFinished { service, build, .. }
            | Notice::BuildFailed { service, build, .. }
            | Notice::ImageCompared { service, build, .. } => Self::Build {
                service: service.clone(),
                build: *build,
            },
            Notice::ChangeSeen { services, .. } => {
                let first = services.first().cloned();
                first.map_or(Self::Nowhere, Self::Changes)
            }
            Notice::ChangeLive { service, .. }
            | Notice::ChangeServed { service, .. }
            | Notice::Synced { service, .. }
            | Notice::SyncFailed { service, .. } => Self::Changes(service.clone()),
            Notice::EditsWait { service, .. }
            | Notice::EditsApplied { service, .. }
            | Notice::Mode { service, .. } => {
                let service = service.clone();
                service.map_or(Self::Nowhere, Self::Changes)
            }
            Notice::RunStarted { service, .. }
            | Notice::RunFailed { service, .. }
            | Notice::RunReady { service, .. }
            | Notice::RunExited { service, .. }
            | Notice::GaveUp { service, .. }
            | Notice::RestartScheduled { service, .. }
            | Notice::Dropped {
                service: Some(service),
                ..
            } => logs(service),
            Notice::Health { service, .. } => Self::Health(service.clone()),
            Notice::RuntimeChosen { service, .. }
            | Notice::ServiceHeld { service, .. }
            | Notice::RestartFollows { service, .. }
            | Notice::RequestsHeld { service, .. }
            | Notice::RequestsReleased { service, .. }
            | Notice::FaultsSet { service, .. }
            | Notice::FaultsCleared { service }
            | Notice::FrontDoor { service, .. } => Self::Service(service.clone()),
            Notice::Replayed(replay) => trace(Some(&replay.trace)),
            Notice::CheckPassed { trace, .. } | Notice::CheckFailed { trace, .. } => {
                self::trace(trace.as_deref())
            }
            Notice::Dropped { service: None, .. }
            | Notice::SessionStarted { .. }
            | Notice::SessionEnded { .. }
            | Notice::Engine { .. }
            | Notice::StackReloaded { .. }
            | Notice::StackRefused { .. }
            | Notice::OtlpListening { .. }
            | Notice::Solo { .. }
            | Notice::CheckSaved { .. }
            | Notice::TracesExported { .. }
            | Notice::Problem { .. } => Self::Nowhere,
        }
    }
}

fn trace(id: Option<impl AsRef<str>>) -> Goal {
    let id = id.and_then(|id| u128::from_str_radix(id.as_ref(), 16).ok());
    id.map_or(Goal::Nowhere, |id| Goal::Trace(TraceId(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_leads_to_its_trace_if_it_has_one() {
        let passed = |trace: Option<&str>| Notice::CheckPassed {
            check: "orders".into(),
            ms: 3,
            tries: 1,
            trace: trace.map(str::to_owned),
        };
        let goal = |notice| Goal::of(&notice, Moment::START);
        assert_eq!(goal(passed(Some("2a"))), Goal::Trace(TraceId(42)));
        assert_eq!(goal(passed(Some("no id"))), Goal::Nowhere);
        assert_eq!(goal(passed(None)), Goal::Nowhere);
    }
}
