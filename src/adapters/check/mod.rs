//! Smoke checks: requests and commands with expected answers.

mod expect;
mod http;
mod trace;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use self::expect::Snippets;
use super::ask::time_words;
use super::{Exec, Wires, run_here};
use crate::engine::{CheckId, CheckOutcome, Event};
use crate::stack::{Check, CheckKind, ServiceName};
use crate::telemetry::TraceContext;
use crate::text::{self, Redactor};

/// Of an answer, this much goes into the report, in bytes.
const ANSWER_LIMIT: usize = 2048;

/// Where a service's front door for this container port (`None`: its first) is reached, if it has one.
pub type DoorOf = dyn Fn(&ServiceName, Option<u16>) -> Option<SocketAddr> + Send + Sync;

/// Runs commands inside a service, if a run of it is up.
pub type ExecOf = dyn Fn(&ServiceName) -> Option<Exec> + Send + Sync;

/// What a check may need of the stack around it.
pub struct Surroundings {
    /// Folder of the stack file: where commands run.
    pub directory: PathBuf,
    /// Front doors.
    pub door: Box<DoorOf>,
    /// Commands inside services.
    pub exec: Box<ExecOf>,
    /// Masks secrets.
    pub redactor: Redactor,
}

/// The checks under way.
#[derive(Debug)]
pub struct Checks {
    wires: Wires,
    running: HashMap<CheckId, AbortHandle>,
}

impl Drop for Checks {
    fn drop(&mut self) {
        for running in self.running.values() {
            running.abort();
        }
    }
}

/// What came of a try before its trace was looked at.
#[derive(Debug, Default)]
struct Tried {
    failures: Vec<String>,
    /// What came back, not yet made harmless.
    answer: Vec<u8>,
    /// Whether anything came back at all.
    answered: bool,
}

impl Tried {
    fn failed(why: impl Into<String>) -> Self {
        Self {
            failures: vec![why.into()],
            ..Self::default()
        }
    }
}

impl Checks {
    /// Checks that tell their outcome through these wires.
    pub fn new(wires: Wires) -> Self {
        Self {
            wires,
            running: HashMap::new(),
        }
    }

    /// Tries a check once. Its outcome comes as [`Event::CheckEnded`].
    pub fn run(&mut self, check: CheckId, spec: Arc<Check>, around: Surroundings) {
        self.running.retain(|_, running| !running.is_finished());
        let wires = self.wires.clone();
        let running = tokio::spawn(async move {
            let outcome = outcome(&spec, &around, &wires).await;
            wires.tell(Event::CheckEnded { check, outcome });
        });
        self.running.insert(check, running.abort_handle());
    }

    /// Ends every try without an outcome, its commands too.
    pub fn stop(&mut self) {
        for (_, running) in self.running.drain() {
            running.abort();
        }
    }
}

/// Tries once and judges the answer and its trace.
async fn outcome(spec: &Check, around: &Surroundings, wires: &Wires) -> CheckOutcome {
    let context = http::given_context(spec).unwrap_or_else(TraceContext::begin);
    let began = Instant::now();
    let tried = timeout(spec.timeout, tried(spec, around, context)).await;
    let took = began.elapsed();
    let mut tried = tried
        .unwrap_or_else(|_| Tried::failed(format!("timed out after {}", time_words(spec.timeout))));
    if let Some(within) = within(spec)
        && tried.answered
        && took > within
    {
        let (wanted, found) = (time_words(within), text::duration(took));
        tried
            .failures
            .push(format!("time: expected within {wanted}, found {found}"));
    }
    if let Some(expected) = &spec.trace
        && tried.answered
    {
        tried
            .failures
            .extend(trace::failures(expected, context.trace, &wires.telemetry).await);
    }
    CheckOutcome {
        failures: tried.failures,
        took,
        answer: shown(&tried.answer, &around.redactor),
        trace: Some(context.trace.to_string()),
    }
}

fn within(spec: &Check) -> Option<Duration> {
    match &spec.kind {
        CheckKind::Http { expect, .. } => expect.within,
        CheckKind::Command { .. } => None,
    }
}

async fn tried(spec: &Check, around: &Surroundings, context: TraceContext) -> Tried {
    let snippets = Snippets::new(&around.redactor);
    match &spec.kind {
        CheckKind::Http { request, expect } => {
            match http::ask_for(request, context, around, spec.timeout).await {
                Ok(answer) => Tried {
                    failures: expect::http(expect, &answer, &snippets),
                    answer: http::shown(&answer),
                    answered: true,
                },
                Err(why) => Tried::failed(why),
            }
        }
        CheckKind::Command {
            command,
            inside,
            expect,
        } => {
            let argv = command.argv();
            let ended = match inside {
                Some(service) => match (around.exec)(service) {
                    Some(exec) => exec.run(argv, spec.timeout).await,
                    None => Err(format!("no run of {service} is up to run it in")),
                },
                None => {
                    // For commands that pass it on.
                    let environment = vec![("TRACEPARENT".into(), context.to_string())];
                    run_here(argv, &around.directory, environment).await
                }
            };
            match ended {
                Ok(ended) => Tried {
                    failures: expect::command(expect, &ended, &snippets),
                    answer: [ended.stdout, ended.stderr].concat(),
                    answered: true,
                },
                Err(why) => Tried::failed(format!("the command could not be run: {why}")),
            }
        }
    }
}

/// An answer as it goes into the report: harmless, without secrets, and not too long.
fn shown(answer: &[u8], redactor: &Redactor) -> String {
    // More than is shown, so that a secret on the edge is masked and not halved.
    let beginning = &answer[..answer.len().min(4 * ANSWER_LIMIT)];
    let plain = text::plain_lines(beginning);
    let masked = redactor.text(plain.trim_end());
    let mut end = masked.len().min(ANSWER_LIMIT);
    while !masked.is_char_boundary(end) {
        end -= 1;
    }
    if end == masked.len() && beginning.len() == answer.len() {
        return masked.into_owned();
    }
    format!(
        "{}… ({} in all)",
        &masked[..end],
        text::bytes(answer.len() as u64)
    )
}

#[cfg(test)]
mod tests;
