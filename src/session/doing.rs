//! What is done with a recorded request or trace: sent again, saved as a check, written into a file.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::addresses::{SharedDoors, front_door};
use crate::adapters::trace_file::{Format, write};
use crate::adapters::{Wires, replay};
use crate::config;
use crate::engine::{Event, Replay, TraceFormat};
use crate::stack::{Check, HttpRequest, ServiceName, Stack};
use crate::telemetry::{Answer, Exchange, Telemetry, TraceId, What, compare};
use crate::text::Redactor;

/// How long the exchange of a request that was sent again may take to be recorded.
const RECORDED: Duration = Duration::from_secs(1);

/// Where a recorded exchange is found, by its trace and span in hexadecimal.
pub(super) struct Recorded {
    pub(super) trace: String,
    pub(super) span: String,
}

impl Recorded {
    fn find(&self, telemetry: &Telemetry) -> Option<Arc<Exchange>> {
        let trace = TraceId::parse(&self.trace)?;
        let exchanges = telemetry.exchanges().trace(trace);
        let mut exchanges = exchanges.into_iter();
        exchanges.find(|exchange| exchange.span.to_string() == self.span)
    }
}

/// Sends a request again, through the front door of the service that its URL names or, where it has none, through one that
/// nobody else knows; the comparison comes as an event.
pub(super) fn send_again(
    wires: &Wires,
    (doors, stack): (&Arc<SharedDoors>, &Arc<Stack>),
    recorded: &Recorded,
    request: HttpRequest,
) {
    let told = wires.clone();
    let failed = |what: String| {
        told.tell(Event::Problem {
            what: format!("the request was not sent again: {what}"),
            remedy: "another request can be chosen, or this one edited".into(),
        });
    };
    let Some(before) = recorded.find(&wires.telemetry) else {
        return failed("the recorded one is not known any more".into());
    };
    let service = ServiceName::new(host(&request.url));
    let door = stack
        .service(&service)
        .map(|service| front_door(doors, service));
    let Some(Some(address)) = door else {
        return failed(format!("{service} is no service that can be reached"));
    };
    let (wires, redactor) = (wires.clone(), Redactor::new(&stack.redact));
    tokio::spawn(async move {
        let event = match replay::send(&request, address).await {
            Ok(replayed) => {
                let mask = |text: &str| redactor.text(text).into_owned();
                let after = replay::as_kept(replayed.answer, mask);
                wait_until_recorded(&wires.telemetry, replayed.trace.trace).await;
                Event::Replayed {
                    replay: Replay {
                        service,
                        method: request.method.clone(),
                        path: path(&request.url).to_owned(),
                        status: after.status.unwrap_or(0),
                        ms: u64::try_from(replayed.took.as_millis()).unwrap_or(u64::MAX),
                        trace: replayed.trace.trace.to_string(),
                        differences: compare(&Answer::of(&before), &after),
                    },
                }
            }
            Err(why) => Event::Problem {
                what: format!("{} {} again: {why}", request.method, request.url),
                remedy: format!("see what {service} says, and try again"),
            },
        };
        wires.tell(event);
    });
}

/// Whoever hears of the new trace wants to see it: it is there as soon as its last byte has passed the relay.
async fn wait_until_recorded(telemetry: &Telemetry, trace: TraceId) {
    let mut changes = telemetry.changes();
    let recorded = async {
        while telemetry.exchanges().trace(trace).is_empty() {
            if changes.changed().await.is_err() {
                return;
            }
        }
    };
    // A service whose requests are not traced is never recorded.
    drop(tokio::time::timeout(RECORDED, recorded).await);
}

/// The host of a URL, without its port.
fn host(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.split(':').next().unwrap_or_default()
}

fn path(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    rest.find(['/', '?']).map_or("/", |at| &rest[at..])
}

/// Appends a check to the stack file.
pub(super) fn save_check(wires: &Wires, options: config::Options, check: Box<Check>) {
    let wires = wires.clone();
    tokio::task::spawn_blocking(move || {
        wires.tell(match config::save_check(&options, &check) {
            Ok(config::Saved { file, name, line }) => Event::CheckSaved {
                check: name,
                file,
                line,
            },
            Err(why) => Event::Problem {
                what: format!("the check was not saved: {why}"),
                remedy: "nothing was changed in the stack file".into(),
            },
        });
    });
}

/// What is known of these traces, or of all, the oldest trace first.
pub(super) fn parts(telemetry: &Telemetry, traces: &[TraceId]) -> Vec<What> {
    let all = || {
        let mut all = telemetry.traces(usize::MAX, |_| true);
        all.reverse();
        all.into_iter().map(|trace| trace.trace).collect()
    };
    let traces: Vec<TraceId> = if traces.is_empty() {
        all()
    } else {
        traces.to_vec()
    };
    traces
        .into_iter()
        .flat_map(|trace| telemetry.parts(trace))
        .collect()
}

/// Writes these traces (hexadecimal), or all, into a file that must not be there yet.
pub(super) fn export(wires: &Wires, traces: &[String], format: TraceFormat, file: PathBuf) {
    let ids: Vec<TraceId> = traces.iter().filter_map(|id| TraceId::parse(id)).collect();
    let (wires, unknown) = (wires.clone(), ids.len() < traces.len());
    tokio::task::spawn_blocking(move || {
        let parts = if unknown {
            Vec::new()
        } else {
            parts(&wires.telemetry, &ids)
        };
        let mut seen: Vec<TraceId> = parts.iter().map(What::trace).collect();
        seen.sort_unstable();
        seen.dedup();
        let written = if parts.is_empty() {
            Err("there is no such trace".to_owned())
        } else {
            write_new(&file, &write(of(format), &parts))
        };
        wires.tell(match written {
            Ok(()) => Event::TracesExported {
                file,
                traces: seen.len(),
            },
            Err(why) => Event::Problem {
                what: format!("traces were not written to {}: {why}", file.display()),
                remedy: "name another file".into(),
            },
        });
    });
}

fn of(format: TraceFormat) -> Format {
    match format {
        TraceFormat::Otlp => Format::Otlp,
        TraceFormat::Jaeger => Format::Jaeger,
        TraceFormat::Har => Format::Har,
    }
}

fn write_new(path: &Path, text: &str) -> Result<(), String> {
    let opened = OpenOptions::new().write(true).create_new(true).open(path);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => "there is such a file already".into(),
        _ => error.to_string(),
    })
}
