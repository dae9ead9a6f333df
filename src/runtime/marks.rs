//! Marks in the logs: where a run began, took over and ended, and where a smoke check passed or failed.

use jiff::Timestamp;

use crate::engine::{Goal, Notice, RunId, State};
use crate::stack::{Check, CheckKind, ServiceName};
use crate::telemetry::{MarkKind, NewLine, Stream, Telemetry};

/// Sets a mark for each notice that stands for a turn in a service's life, or for a check that asked it.
pub(super) fn set(telemetry: &Telemetry, state: &State, at: Timestamp, notices: &[Notice]) {
    let marks: Vec<NewLine> = notices
        .iter()
        .filter_map(|notice| {
            let (service, run, kind, text) = mark(notice).or_else(|| checked(notice, state))?;
            Some(NewLine {
                service: service.clone(),
                run: run.0,
                at,
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

/// The mark of a smoke check, among the lines of the service that it asked.
fn checked<'a>(
    notice: &Notice,
    state: &'a State,
) -> Option<(&'a ServiceName, RunId, MarkKind, String)> {
    let (name, text) = match notice {
        Notice::CheckPassed { check, ms, .. } => {
            (check, format!("check \"{check}\" passed in {ms} ms"))
        }
        Notice::CheckFailed {
            check, failures, ..
        } => {
            let why = failures.first().map(String::as_str).unwrap_or_default();
            (check, format!("check \"{check}\" failed: {why}"))
        }
        _ => return None,
    };
    let Goal::Smoke(smoke) = &state.goal else {
        return None;
    };
    let check = smoke.checks.iter().find(|check| check.spec.name == *name)?;
    let (service, of) = state.services.get_key_value(asked(&check.spec)?)?;
    let run = of.runs.last().map_or(RunId(0), |run| run.id);
    Some((service, run, MarkKind::Checked, text))
}

/// The service that a check asks, or whose program it runs in, as the stack file names it.
fn asked(check: &Check) -> Option<&str> {
    match &check.kind {
        CheckKind::Http { request, .. } => {
            let (_, rest) = request.url.split_once("://")?;
            rest.split([':', '/', '?', '#']).next()
        }
        CheckKind::Command { inside, .. } => inside.as_ref().map(ServiceName::as_str),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::{Engine, Options};
    use crate::stack::{CommandExpect, CommandWords, HttpExpect, HttpRequest, Service, Stack};

    fn check(name: &str, kind: CheckKind) -> Check {
        Check {
            name: name.into(),
            kind,
            retries: 0,
            retry_delay: Duration::ZERO,
            timeout: Duration::from_secs(1),
            trace: None,
            faults: Vec::new(),
        }
    }

    fn http(url: &str) -> CheckKind {
        CheckKind::Http {
            request: HttpRequest {
                method: "GET".into(),
                url: url.into(),
                headers: indexmap::IndexMap::new(),
                body: crate::stack::RequestBody::Empty,
            },
            expect: HttpExpect::default(),
        }
    }

    fn command(inside: Option<&str>) -> CheckKind {
        CheckKind::Command {
            command: CommandWords::Words(vec!["true".into()]),
            inside: inside.map(ServiceName::from),
            expect: CommandExpect::default(),
        }
    }

    #[test]
    fn a_check_is_marked_where_it_asked() {
        let services = ["web", "orders"].map(|name| (name.into(), Service::named(name)));
        let stack = Stack {
            services: services.into_iter().collect(),
            smoke: vec![
                check("window", http("http://web/shop?a=1")),
                check("port", http("http://orders:8000")),
                check("elsewhere", http("http://localhost:1/")),
                check("inside", command(Some("orders"))),
                check("here", command(None)),
            ],
            ..Stack::default()
        };
        let options = Options {
            smoke: Some((Duration::from_secs(60), false)),
            ..Options::default()
        };
        let (engine, _, _) = Engine::new(stack.into(), options);
        let passed = |check: &str| Notice::CheckPassed {
            check: check.into(),
            ms: 12,
            tries: 1,
            trace: None,
        };
        let failed = Notice::CheckFailed {
            check: "inside".into(),
            ms: 3,
            tries: 1,
            failures: vec!["exit code 1 instead of 0".into()],
            answer: String::new(),
            trace: None,
        };
        let notices = [
            passed("window"),
            passed("port"),
            passed("elsewhere"),
            failed,
            passed("here"),
            passed("unknown"),
        ];
        let telemetry = Telemetry::default();
        set(&telemetry, engine.state(), Timestamp::UNIX_EPOCH, &notices);
        let lines = telemetry.logs().since(0, 10).lines;
        let told: Vec<String> = lines
            .iter()
            .map(|line| {
                assert_eq!(line.line.stream, Stream::Mark(MarkKind::Checked));
                let words = String::from_utf8_lossy(&line.line.bytes);
                format!("{}: {words}", line.line.service)
            })
            .collect();
        assert_eq!(
            told,
            [
                "web: check \"window\" passed in 12 ms",
                "orders: check \"port\" passed in 12 ms",
                "orders: check \"inside\" failed: exit code 1 instead of 0",
            ]
        );
        let serving = Engine::new(Stack::default().into(), Options::default()).0;
        set(&telemetry, serving.state(), Timestamp::UNIX_EPOCH, &notices);
        assert_eq!(telemetry.logs().len(), 3);
    }
}
