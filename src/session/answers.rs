//! The first good answer of a run that has a change: looked for among all exchanges, and told to the engine once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::engine::{ChangeId, Event, RunId};
use crate::stack::ServiceName;
use crate::telemetry::{Exchange, ExchangeStatus};

/// The answers that are waited for, at most one for each service.
#[derive(Debug, Default)]
pub(super) struct FirstAnswers {
    awaited: Mutex<HashMap<ServiceName, Awaited>>,
    /// Whether there is any: most of the time there is none, and then an exchange costs next to nothing here.
    any: AtomicBool,
}

#[derive(Debug)]
struct Awaited {
    change: ChangeId,
    runs: Vec<RunId>,
    /// What a run was given before may have been answered by what it had before.
    since: Timestamp,
}

impl FirstAnswers {
    /// From now on an answer of one of these runs is waited for, and of no older change of the service.
    pub(super) fn wait(
        &self,
        service: ServiceName,
        change: ChangeId,
        runs: Vec<RunId>,
        since: Timestamp,
    ) {
        let awaited = Awaited {
            change,
            runs,
            since,
        };
        self.change(|all| drop(all.insert(service, awaited)));
    }

    /// Nothing is waited for any more from this service.
    pub(super) fn forget(&self, service: &ServiceName) {
        self.change(|all| drop(all.remove(service)));
    }

    /// What to tell if this is the one that was waited for. Called for each exchange that has ended.
    pub(super) fn see(&self, exchange: &Exchange) -> Option<Event> {
        if !self.any.load(Ordering::Relaxed) || !is_good(exchange) {
            return None;
        }
        self.change(|all| {
            let awaited = all.get(&exchange.callee)?;
            let is_it = awaited.runs.contains(&RunId(exchange.run))
                && given(exchange).is_some_and(|given| given >= awaited.since);
            if !is_it {
                return None;
            }
            let (service, awaited) = all.remove_entry(&exchange.callee)?;
            Some(Event::FirstAnswer {
                service,
                change: awaited.change,
                run: RunId(exchange.run),
            })
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashMap<ServiceName, Awaited>) -> T) -> T {
        let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut awaited);
        self.any.store(!awaited.is_empty(), Ordering::Relaxed);
        changed
    }
}

/// Whether it was answered with what was asked for, or with where that is.
fn is_good(exchange: &Exchange) -> bool {
    matches!(
        exchange.status,
        ExchangeStatus::Http(200..400) | ExchangeStatus::Grpc(0)
    )
}

/// When a run was given it, at the earliest.
fn given(exchange: &Exchange) -> Option<Timestamp> {
    let held = SignedDuration::try_from(exchange.held).ok()?;
    exchange.started.checked_add(held).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::telemetry::{Headers, SpanId, TraceId};

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    fn exchange(started: i64, held: u64, run: u64, status: ExchangeStatus) -> Exchange {
        Exchange {
            trace: TraceId(1),
            span: SpanId(1),
            parent: None,
            caller: None,
            callee: "web".into(),
            run,
            method: "GET".into(),
            path: "/".into(),
            status,
            started: at(started),
            took: Duration::from_millis(5),
            held: Duration::from_millis(held),
            request_bytes: 0,
            response_bytes: 0,
            request_headers: Headers::default(),
            response_headers: Headers::default(),
            request_body: crate::telemetry::BodyHead::default(),
            response_body: crate::telemetry::BodyHead::default(),
            injected: None,
        }
    }

    #[test]
    fn only_the_first_good_answer_of_a_run_that_has_it_counts() {
        let answers = FirstAnswers::default();
        let ok = || ExchangeStatus::Http(200);
        assert_eq!(answers.see(&exchange(0, 0, 2, ok())), None);
        answers.wait("web".into(), ChangeId(7), vec![RunId(2)], at(100));
        for other in [
            exchange(120, 0, 1, ok()),
            exchange(90, 0, 2, ok()),
            exchange(120, 0, 2, ExchangeStatus::Http(404)),
            exchange(120, 0, 2, ExchangeStatus::CallerLeft),
        ] {
            assert_eq!(answers.see(&other), None, "{other:?}");
        }
        let expected = Event::FirstAnswer {
            service: "web".into(),
            change: ChangeId(7),
            run: RunId(2),
        };
        let held = exchange(50, 60, 2, ExchangeStatus::Http(302));
        assert_eq!(answers.see(&held), Some(expected));
        assert_eq!(answers.see(&held), None, "it is told once");
    }

    #[test]
    fn a_newer_change_takes_the_place_of_an_older_one() {
        let answers = FirstAnswers::default();
        answers.wait("web".into(), ChangeId(1), vec![RunId(1)], at(0));
        answers.wait("web".into(), ChangeId(2), vec![RunId(2)], at(10));
        let ok = |run| exchange(20, 0, run, ExchangeStatus::Http(204));
        assert_eq!(answers.see(&ok(1)), None);
        assert!(answers.see(&ok(2)).is_some());
        answers.wait("web".into(), ChangeId(3), vec![RunId(2)], at(30));
        answers.forget(&"web".into());
        assert_eq!(
            answers.see(&exchange(50, 0, 2, ExchangeStatus::Http(200))),
            None
        );
    }
}
