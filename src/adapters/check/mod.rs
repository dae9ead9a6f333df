//! Smoke checks: requests and commands with expected answers.

mod expect;
mod http;
mod trace;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use self::expect::Snippets;
use super::ask::time_words;
use super::{Exec, Wires};
use crate::engine::{CheckId, CheckOutcome, Event};
use crate::stack::{Check, CheckKind, ServiceName};
use crate::telemetry::TraceContext;
use crate::text::{self, Redactor};

/// Of an answer, this much goes into the report, in bytes.
const ANSWER_LIMIT: usize = 2048;

type DoorOf = dyn Fn(&ServiceName) -> Option<SocketAddr> + Send + Sync;

/// What a try needs of the stack around it.
struct Around {
    door: Box<DoorOf>,
    exec: Option<Exec>,
    redactor: Redactor,
}

/// The checks under way.
#[derive(Debug)]
pub struct Checks {
    wires: Wires,
    redactor: Redactor,
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
            redactor: Redactor::default(),
            running: HashMap::new(),
        }
    }

    /// From now on masks these secrets in outcomes: before they are cut, so that no half of one is left.
    pub fn mask(&mut self, redactor: Redactor) {
        self.redactor = redactor;
    }

    /// Tries a check once. Its outcome comes as [`Event::CheckEnded`].
    ///
    /// `door` tells where the front door of a service is reached, if it has one. `exec` runs the check's command:
    /// inside the service that it names, else on this machine in the stack's folder; `None` if that service is not up.
    pub fn run(
        &mut self,
        check: CheckId,
        spec: Arc<Check>,
        door: impl Fn(&ServiceName) -> Option<SocketAddr> + Send + Sync + 'static,
        exec: Option<Exec>,
    ) {
        self.running.retain(|_, running| !running.is_finished());
        let wires = self.wires.clone();
        let around = Around {
            door: Box::new(door),
            exec,
            redactor: self.redactor.clone(),
        };
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
async fn outcome(spec: &Check, around: &Around, wires: &Wires) -> CheckOutcome {
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

async fn tried(spec: &Check, around: &Around, context: TraceContext) -> Tried {
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
            let ended = match (&around.exec, inside) {
                (Some(exec), _) => exec.run(command.argv(), spec.timeout).await,
                (None, Some(service)) => Err(format!("no run of {service} is up to run it in")),
                (None, None) => Err("there is nowhere to run it".into()),
            };
            match ended {
                Ok(ended) => Tried {
                    failures: expect::command(expect, &ended, &snippets),
                    answer: [ended.stdout, ended.stderr].concat(),
                    answered: true,
                },
                Err(why) => Tried::failed(format!("command: {why}")),
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
