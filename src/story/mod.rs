//! Notices in plain words: the sentences that every view tells, with a screen or without.

mod doing;
mod edits;
mod held;
mod kind;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use held::HeldWatch;
pub use kind::{Kind, name};

use crate::engine::{BuildId, EngineLink, Hold, Notice, ServiceState, State, Verdict};
use crate::stack::ServiceName;
use crate::text::{self, duration};

/// How a sentence is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Something went on.
    Plain,
    /// Something went well.
    Good,
    /// Something to look at.
    Bad,
}

impl Tone {
    /// The sign in front of the sentence.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Plain => "▸",
            Self::Good => "✓",
            Self::Bad => "✗",
        }
    }
}

/// A sentence about a service, or about the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Which service; `None`: the session.
    pub service: Option<ServiceName>,
    /// How it is meant.
    pub tone: Tone,
    /// The sentence. What came from outside is in it as it came: whoever shows it makes it harmless and masks secrets.
    pub text: String,
    /// What belongs to it, a line each, just as raw.
    pub more: Vec<String>,
}

/// Tells notices in plain words, remembering what earlier ones said.
#[derive(Debug, Default)]
pub struct Story {
    steps: HashMap<BuildId, Steps>,
    edits: HashMap<ServiceName, Vec<PathBuf>>,
}

#[derive(Debug, Default)]
struct Steps {
    of: u32,
    cached: u32,
}

impl Story {
    /// The sentence for this notice; `None` if it is not worth one.
    pub fn tell(&mut self, notice: &Notice, state: &State) -> Option<Told> {
        self.remember(notice);
        if let Some(told) = self.of_build(notice, state) {
            return Some(told);
        }
        if is_told_otherwise(notice, state) {
            return None;
        }
        if let Some((service, tone, text)) = edits::waiting(notice) {
            return Some(Told {
                service,
                tone,
                text,
                more: vec![],
            });
        }
        of_run(notice)
            .or_else(|| self.of_change(notice, state))
            .or_else(|| of_end(notice, state))
            .or_else(|| of_session(notice))
            .or_else(|| doing::of(notice))
            .or_else(|| of_stack_file(notice))
            .or_else(|| of_check(notice))
    }

    fn remember(&mut self, notice: &Notice) {
        match notice {
            Notice::BuildOutput {
                build, of, cached, ..
            } => {
                let steps = self.steps.entry(*build).or_default();
                steps.of = *of;
                steps.cached += u32::from(*cached);
            }
            Notice::ChangeSeen {
                services, paths, ..
            } => {
                for service in services {
                    let edits = self.edits.entry(service.clone()).or_default();
                    edits.extend(paths.iter().cloned());
                    edits.sort();
                    edits.dedup();
                }
            }
            _ => {}
        }
    }

    fn of_build(&mut self, notice: &Notice, state: &State) -> Option<Told> {
        let (service, tone, text, more) = match notice {
            Notice::BuildStarted { service, build } => {
                (service, Tone::Plain, format!("build {build}"), vec![])
            }
            Notice::BuildOutput {
                service,
                step,
                of,
                name,
                cached: false,
                ..
            } => (
                service,
                Tone::Plain,
                format!("step {step}/{of} {name}"),
                vec![],
            ),
            Notice::BuildCancelled {
                service,
                build,
                why,
            } => {
                self.steps.remove(build);
                (
                    service,
                    Tone::Plain,
                    format!("build {build} cancelled: {why}"),
                    vec![],
                )
            }
            Notice::BuildFinished {
                service,
                build,
                ms,
                cached,
                ..
            } => {
                let how = how_built(self.steps.remove(build), *cached, state);
                let text = format!("build {build} ready in {}{how}", millis(*ms));
                (service, Tone::Good, text, vec![])
            }
            Notice::BuildFailed {
                service,
                build,
                ms,
                step,
                message,
                last_lines,
            } => {
                self.steps.remove(build);
                let at = step
                    .as_ref()
                    .map(|step| format!(" at {step}"))
                    .unwrap_or_default();
                let text = format!("build {build} failed after {}{at}: {message}", millis(*ms));
                (service, Tone::Bad, text, last_lines.clone())
            }
            _ => return None,
        };
        Some(told(service, tone, text, more))
    }

    fn of_change(&mut self, notice: &Notice, state: &State) -> Option<Told> {
        let directory = &state.stack.directory;
        let (service, tone, text) = match notice {
            Notice::ChangeSeen {
                services, paths, ..
            } => {
                let text = format!("saved: {}", some_paths(paths, directory));
                let service = services.first().filter(|_| services.len() == 1).cloned();
                let text = match services.len() {
                    0 | 1 => text,
                    _ => format!("{text} ({})", names(services)),
                };
                return Some(Told {
                    service,
                    tone: Tone::Plain,
                    text,
                    more: vec![],
                });
            }
            Notice::Synced { service, files, ms } => {
                let files = counted(*files as u64, "file");
                let of = state.services.get(service);
                let behind = if of.is_some_and(ServiceState::is_ahead) {
                    "; its image builds behind"
                } else {
                    ""
                };
                let text = format!("synced {files} in {}{behind}", millis(*ms));
                (service, Tone::Plain, text)
            }
            Notice::ImageCompared {
                service,
                build,
                difference,
                ..
            } => {
                let text = match difference {
                    None => format!("image {build} agrees with what was synced"),
                    Some(how) => format!("image {build} replaces the runs: {how}"),
                };
                (service, Tone::Plain, text)
            }
            Notice::SyncFailed { service, why } => {
                (service, Tone::Bad, format!("sync failed: {why}"))
            }
            Notice::ChangeLive { service, .. } => {
                let saved = self.edits.remove(service);
                let saved = saved.map(|paths| some_paths(&paths, directory));
                (service, Tone::Good, edits::live(notice, saved.as_deref())?)
            }
            _ => return None,
        };
        Some(told(service, tone, text, vec![]))
    }
}

/// Whether a hold repeats what a notice of its own has just told.
fn is_told_otherwise(notice: &Notice, state: &State) -> bool {
    let Notice::ServiceHeld { service, .. } = notice else {
        return false;
    };
    let held = state
        .services
        .get(service)
        .and_then(|service| service.hold.as_ref());
    matches!(
        held.map(|held| &held.hold),
        Some(
            Hold::Backoff { .. }
                | Hold::GaveUp { .. }
                | Hold::BuildFailed
                | Hold::CannotStart { .. }
                | Hold::Ended { .. }
        )
    )
}

fn of_run(notice: &Notice) -> Option<Told> {
    let (service, tone, text) = match notice {
        Notice::RuntimeChosen {
            service,
            runtime,
            why,
        } => (service, Tone::Plain, format!("runs as a {runtime}: {why}")),
        Notice::ServiceHeld { service, hold } => (service, Tone::Plain, hold.clone()),
        Notice::RunStarted {
            service,
            run,
            place,
            ..
        } => (service, Tone::Plain, format!("run {run} started ({place})")),
        Notice::RunFailed {
            service,
            run,
            message,
        } => (
            service,
            Tone::Bad,
            format!("run {run} could not be started: {message}"),
        ),
        Notice::RunReady { service, run, ms } => (
            service,
            Tone::Good,
            format!("run {run} ready after {}", millis(*ms)),
        ),
        _ => return None,
    };
    Some(told(service, tone, text, vec![]))
}

fn of_end(notice: &Notice, state: &State) -> Option<Told> {
    let (service, tone, text, more) = match notice {
        Notice::RunExited {
            service,
            run,
            code,
            cause,
            expected,
            last_lines,
            ..
        } => match (expected, code) {
            (_, Some(0)) => (service, Tone::Plain, format!("run {run} {cause}"), vec![]),
            (true, _) => (service, Tone::Plain, format!("run {run} stopped"), vec![]),
            (false, _) => (
                service,
                Tone::Bad,
                format!("run {run} {cause}"),
                last_lines.clone(),
            ),
        },
        Notice::RestartScheduled {
            service,
            attempt,
            ms,
        } => (
            service,
            Tone::Plain,
            format!("starts again in {} (attempt {attempt})", millis(*ms)),
            vec![],
        ),
        Notice::RestartFollows { service, on } => {
            let text = format!("is restarted, because {on}, which it follows, was replaced");
            (service, Tone::Plain, text, vec![])
        }
        Notice::GaveUp { service, attempts } => {
            let known = state.services.get(service);
            let goes_on = Hold::goes_on(known.is_none_or(|known| known.service.has_sources()));
            let text = format!("gave up after {attempts} attempts; {goes_on}");
            (service, Tone::Bad, text, vec![])
        }
        Notice::Health {
            service,
            healthy: true,
            said,
            ..
        } => (service, Tone::Good, format!("healthy: {said}"), vec![]),
        Notice::Health {
            service,
            healthy: false,
            said,
            ..
        } => (service, Tone::Bad, format!("not healthy: {said}"), vec![]),
        Notice::FrontDoor {
            service,
            port,
            address,
            ..
        } => {
            let text = format!("{port} → {address}");
            (service, Tone::Plain, text, vec![])
        }
        _ => return None,
    };
    Some(told(service, tone, text, more))
}

fn of_session(notice: &Notice) -> Option<Told> {
    let (tone, text, more) = match notice {
        Notice::SessionStarted { stack, services } => {
            let services = counted(services.len() as u64, "service");
            (Tone::Plain, format!("{stack}: {services}"), vec![])
        }
        Notice::Engine { state, detail } => {
            let tone = if state == "lost" {
                Tone::Bad
            } else {
                Tone::Plain
            };
            let detail = if detail.is_empty() {
                String::new()
            } else {
                format!(": {detail}")
            };
            (tone, format!("container engine {state}{detail}"), vec![])
        }
        Notice::OtlpListening { grpc, http, taken } => otlp(grpc, http, taken),
        Notice::Problem { what, remedy } => {
            let more = vec![format!("→ {remedy}")];
            (Tone::Bad, what.clone(), more)
        }
        Notice::Dropped {
            service,
            what,
            count,
        } => {
            let text = format!("{count} {what} were dropped");
            return Some(Told {
                service: service.clone(),
                tone: Tone::Bad,
                text,
                more: vec![],
            });
        }
        Notice::SessionEnded {
            verdict,
            why,
            left_behind,
            changes,
        } => {
            let because = why
                .as_ref()
                .map(|why| format!(": {why}"))
                .unwrap_or_default();
            let left = left_behind
                .iter()
                .map(|what| format!("left behind: {what}"))
                .chain(edits::summary(changes))
                .collect();
            let (tone, word) = verdict_words(*verdict);
            (tone, format!("session {word}{because}"), left)
        }
        _ => return None,
    };
    Some(Told {
        service: None,
        tone,
        text,
        more,
    })
}

fn otlp(grpc: &str, http: &str, taken: &[String]) -> (Tone, String, Vec<String>) {
    let (tone, taken) = match taken {
        [] => (Tone::Plain, String::new()),
        taken => (Tone::Bad, format!(", because {}", taken.join(" and "))),
    };
    let text = format!("OpenTelemetry is received at {http} and, over gRPC, {grpc}{taken}");
    (tone, text, vec![])
}

fn of_stack_file(notice: &Notice) -> Option<Told> {
    let (tone, text, more) = match notice {
        Notice::StackReloaded {
            added,
            removed,
            changed,
        } => {
            let parts = [("added", added), ("removed", removed), ("changed", changed)];
            let parts = parts.iter().filter(|(_, services)| !services.is_empty());
            let said: Vec<String> = parts
                .map(|(what, services)| format!("{what} {}", names(services)))
                .collect();
            let said = if said.is_empty() {
                "nothing to do".into()
            } else {
                said.join("; ")
            };
            (Tone::Good, format!("stack file read again: {said}"), vec![])
        }
        Notice::StackRefused { problems } => (
            Tone::Bad,
            "the stack file is wrong; the old one stays".into(),
            problems.clone(),
        ),
        _ => return None,
    };
    Some(Told {
        service: None,
        tone,
        text,
        more,
    })
}

fn of_check(notice: &Notice) -> Option<Told> {
    let (tone, text, more) = match notice {
        Notice::CheckPassed {
            check, ms, tries, ..
        } => (
            Tone::Good,
            format!("{check} ({}{})", millis(*ms), tries_words(*tries)),
            vec![],
        ),
        Notice::CheckFailed {
            check,
            ms,
            tries,
            failures,
            ..
        } => (
            Tone::Bad,
            format!("{check} ({}{})", millis(*ms), tries_words(*tries)),
            failures.clone(),
        ),
        _ => return None,
    };
    Some(Told {
        service: None,
        tone,
        text,
        more,
    })
}

/// The word for a verdict, and how it is meant.
fn verdict_words(verdict: Verdict) -> (Tone, &'static str) {
    match verdict {
        Verdict::Passed => (Tone::Good, "ended"),
        Verdict::Failed => (Tone::Bad, "failed"),
        Verdict::Interrupted => (Tone::Plain, "interrupted"),
    }
}

/// `, 3 tries`, if it took more than one.
pub fn tries_words(tries: u32) -> String {
    match tries {
        0 | 1 => String::new(),
        tries => format!(", {tries} tries"),
    }
}

/// `1 file`, `2 files`.
pub fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

/// Milliseconds as people read them.
pub fn millis(ms: u64) -> String {
    duration(Duration::from_millis(ms))
}

/// A sentence about a service.
fn told(service: &ServiceName, tone: Tone, text: String, more: Vec<String>) -> Told {
    Told {
        service: Some(service.clone()),
        tone,
        text,
        more,
    }
}

fn how_built(steps: Option<Steps>, cached: bool, state: &State) -> String {
    if cached {
        return " (already built)".into();
    }
    let builder = match &state.engine_link {
        EngineLink::Connected { builder, .. } if !builder.is_empty() => Some(builder.clone()),
        _ => None,
    };
    let steps = steps.filter(|steps| steps.of > 0);
    let steps = steps.map(|steps| format!("{} of {} steps cached", steps.cached, steps.of));
    let parts: Vec<String> = builder.into_iter().chain(steps).collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!(" ({})", parts.join(", "))
    }
}

fn names(services: &[ServiceName]) -> String {
    let names: Vec<&str> = services.iter().map(ServiceName::as_str).collect();
    names.join(", ")
}

/// The first of these paths, relative to the stack's folder, and how many more there are.
fn some_paths(paths: &[PathBuf], directory: &Path) -> String {
    let Some(first) = paths.first() else {
        return "nothing".into();
    };
    let shown = first.strip_prefix(directory).unwrap_or(first).display();
    match paths.len() {
        1 => text::plain(shown.to_string().as_bytes()),
        many => format!("{shown} and {} more", many - 1),
    }
}
