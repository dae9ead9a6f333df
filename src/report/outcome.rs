//! What came of a smoke test: gathered while it goes on, because at its end everything has been taken down.

use indexmap::IndexMap;
use serde::Serialize;

use super::json::{time, whole_millis};
use crate::engine::{
    BuildState, CheckProgress, CheckState, Goal, Moment, Notice, RunId, ServiceState, State,
    Status, Verdict,
};
use crate::runtime::Shown;
use crate::stack::ServiceName;
use crate::telemetry::Telemetry;
use crate::text;

/// How many of the last lines of a service that failed are reported.
const LAST_LINES: usize = 20;

/// What came of a smoke test. Serialized, it is the JSON report that `docs/notices.md` describes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SmokeReport {
    /// Name of the stack.
    pub stack: String,
    /// When it began: RFC 3339, milliseconds, UTC.
    pub began: String,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, where there is something to say.
    pub why: Option<String>,
    /// The services, in the order of the stack file.
    pub services: Vec<ServiceReport>,
    /// The checks, in the order of the stack file.
    pub checks: Vec<CheckReport>,
    /// What could not be removed.
    pub left_behind: Vec<String>,
}

/// What came of one service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceReport {
    /// Its name.
    pub service: ServiceName,
    /// Whether it was ready, or had completed, when the test was decided.
    pub ready: bool,
    /// Milliseconds from the beginning of the session until it was ready first.
    pub ready_ms: Option<u64>,
    /// What it was at, in a word.
    pub status: String,
    /// Why it was not ready; `null` also if the test was interrupted before that was known.
    pub failure: Option<String>,
    /// What its probe said last.
    pub probe: Option<String>,
    /// The last lines of what failed: of its build, else of its run.
    pub last_lines: Vec<String>,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckResult {
    /// As expected.
    Passed,
    /// Otherwise.
    Failed,
    /// It was not tried, or not to its end.
    Skipped,
}

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckReport {
    /// Its name.
    pub check: String,
    /// How it went.
    pub result: CheckResult,
    /// How long its last try took, in milliseconds.
    pub ms: u64,
    /// How often it was tried.
    pub tries: u32,
    /// Every difference between the expected and the found.
    pub failures: Vec<String>,
    /// What came back, bounded.
    pub answer: String,
    /// The trace of the last try.
    pub trace: Option<String>,
}

/// The report as a JSON document.
pub fn json_report(report: &SmokeReport) -> String {
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    text
}

/// Watches a session and keeps what a report will need.
#[derive(Debug, Default)]
pub(super) struct Gatherer {
    services: IndexMap<ServiceName, Seen>,
    decided: Option<SmokeReport>,
}

/// What a service was at when it was seen last.
#[derive(Debug)]
struct Seen {
    ready_at: Option<Moment>,
    is_up: bool,
    status: Status,
    words: String,
    probe: Option<String>,
    run: Option<RunId>,
}

impl Gatherer {
    /// Takes note of how things are, until the test is decided, and of its end.
    pub(super) fn see(&mut self, shown: &Shown<'_>) {
        let now = shown.clock.now();
        if self.decided.is_none() {
            let verdict = match &shown.state.goal {
                Goal::Smoke(smoke) => smoke.verdict.clone(),
                Goal::Serve => None,
            };
            match verdict {
                Some((verdict, why)) => self.decide(shown, verdict, why),
                None => self.look(shown.state, now),
            }
        }
        let end = shown
            .notices
            .iter()
            .find_map(|noticed| match &noticed.notice {
                Notice::SessionEnded {
                    verdict,
                    why,
                    left_behind,
                    ..
                } => Some((noticed.at, *verdict, why.clone(), left_behind.clone())),
                _ => None,
            });
        if let Some((at, verdict, why, left_behind)) = end {
            if self.decided.is_none() {
                self.decide(shown, verdict, why.clone());
            }
            if let Some(report) = &mut self.decided {
                report.ms = whole_millis(at.since(Moment::START));
                report.verdict = verdict;
                report.why = why.or_else(|| report.why.take());
                report.left_behind = left_behind;
            }
        }
    }

    /// The report, once the test is decided.
    pub(super) fn report(&self) -> Option<&SmokeReport> {
        self.decided.as_ref()
    }

    fn look(&mut self, state: &State, now: Moment) {
        for (name, service) in &state.services {
            let status = service.status();
            let is_up = matches!(status, Status::Ready | Status::Completed);
            let ready_before = self.services.get(name).and_then(|seen| seen.ready_at);
            let last_run = service.runs.last();
            let last_answer = last_run.and_then(|run| run.health.last.as_ref());
            let seen = Seen {
                ready_at: ready_before.or(is_up.then_some(now)),
                is_up,
                status,
                words: words(service, now),
                probe: last_answer.map(|(_, answer)| answer.said.clone()),
                run: last_run.map(|run| run.id),
            };
            self.services.insert(name.clone(), seen);
        }
    }

    /// The facts are those of the state; what a service was at before all was stopped is what was seen last.
    fn decide(&mut self, shown: &Shown<'_>, verdict: Verdict, why: Option<String>) {
        let state = shown.state;
        if self.services.is_empty() {
            self.look(state, shown.clock.now());
        }
        let services = state.services.iter().filter_map(|(name, service)| {
            let seen = self.services.get(name)?;
            let failure = failure(name, service, seen, why.as_deref())
                .filter(|_| verdict != Verdict::Interrupted);
            Some(service_report(
                name,
                service,
                seen,
                failure,
                shown.telemetry,
            ))
        });
        let services = services.collect();
        let checks = match &state.goal {
            Goal::Smoke(smoke) => smoke.checks.iter().map(check_report).collect(),
            Goal::Serve => Vec::new(),
        };
        self.decided = Some(SmokeReport {
            stack: state.stack.name.clone(),
            began: time(shown.clock.timestamp(Moment::START)),
            ms: whole_millis(shown.clock.now().since(Moment::START)),
            verdict,
            why,
            services,
            checks,
            left_behind: Vec::new(),
        });
    }
}

impl SmokeReport {
    /// The report without these secrets and without control characters.
    pub(super) fn cleaned(&self, redactor: &text::Redactor) -> Self {
        let clean = |value: &str| {
            let plain = text::plain_lines(value.as_bytes());
            redactor.text(&plain).into_owned()
        };
        let all = |values: &[String]| values.iter().map(|value| clean(value)).collect();
        let mut report = self.clone();
        report.why = report.why.as_deref().map(clean);
        report.left_behind = all(&report.left_behind);
        for service in &mut report.services {
            service.failure = service.failure.as_deref().map(clean);
            service.probe = service.probe.as_deref().map(clean);
            service.last_lines = all(&service.last_lines);
        }
        for check in &mut report.checks {
            check.failures = all(&check.failures);
            check.answer = clean(&check.answer);
        }
        report
    }
}

/// What a service is at, without how long already: a report is read later.
fn words(service: &ServiceState, now: Moment) -> String {
    let held = service.hold.as_ref();
    held.map_or_else(|| service.explain(now), |held| held.hold.shown())
}

/// Why a service was not as it should be.
fn failure(
    name: &ServiceName,
    service: &ServiceState,
    seen: &Seen,
    why: Option<&str>,
) -> Option<String> {
    let named = why.and_then(|why| why.strip_prefix(name.as_str())?.strip_prefix(": "));
    if let Some(named) = named {
        return Some(named.to_owned());
    }
    if let Some(completion) = service
        .completed
        .as_ref()
        .filter(|done| !done.exit.is_success())
    {
        return Some(completion.exit.cause());
    }
    if seen.is_up {
        return None;
    }
    if let BuildState::Failed { failure, .. } = &service.build {
        return Some(format!("its build failed: {}", failure.message));
    }
    if let Some((_, failure)) = &service.start_failure {
        return Some(format!("it cannot be started: {}", failure.message));
    }
    Some(seen.words.clone())
}

fn service_report(
    name: &ServiceName,
    service: &ServiceState,
    seen: &Seen,
    failure: Option<String>,
    telemetry: &Telemetry,
) -> ServiceReport {
    let last_lines = match &failure {
        Some(_) => last_lines(name, service, seen, telemetry),
        None => Vec::new(),
    };
    ServiceReport {
        service: name.clone(),
        ready: seen.is_up && failure.is_none(),
        ready_ms: seen
            .ready_at
            .map(|at| whole_millis(at.since(Moment::START))),
        status: seen.status.word().into(),
        failure,
        probe: seen.probe.clone(),
        last_lines,
    }
}

fn last_lines(
    name: &ServiceName,
    service: &ServiceState,
    seen: &Seen,
    telemetry: &Telemetry,
) -> Vec<String> {
    if let BuildState::Failed { failure, .. } = &service.build
        && !failure.last_lines.is_empty()
    {
        return failure.last_lines.clone();
    }
    let ended = service.last_exit.as_ref().map(|(_, run, _)| *run);
    let newest = ended.into_iter().chain(seen.run).max();
    let printed = newest.map(|run| telemetry.logs().run_tail(name, run.0, LAST_LINES));
    let told = || {
        service
            .last_exit
            .as_ref()
            .map(|(_, _, exit)| exit.last_lines.clone())
    };
    printed
        .filter(|lines| !lines.is_empty())
        .or_else(told)
        .unwrap_or_default()
}

fn check_report(check: &CheckState) -> CheckReport {
    let mut report = CheckReport {
        check: check.spec.name.clone(),
        result: CheckResult::Skipped,
        ms: 0,
        tries: check.tries,
        failures: Vec::new(),
        answer: String::new(),
        trace: None,
    };
    if let CheckProgress::Done { outcome } = &check.progress {
        report.result = if outcome.failures.is_empty() {
            CheckResult::Passed
        } else {
            CheckResult::Failed
        };
        report.ms = whole_millis(outcome.took);
        report.failures.clone_from(&outcome.failures);
        report.answer.clone_from(&outcome.answer);
        report.trace.clone_from(&outcome.trace);
    }
    report
}
