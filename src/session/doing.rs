//! What is done with a recorded request or trace: sent again, saved as a check, written into a file.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::addresses::{SharedDoors, front_door};
use super::world::RealWorld;
use crate::adapters::trace_file::{Format, write};
use crate::adapters::{Wires, replay};
use crate::config;
use crate::engine::{Effect, Event, Replay, TraceFormat};
use crate::stack::{Check, HttpRequest, ServiceName, Stack};
use crate::telemetry::{Answer, Exchange, Telemetry, TraceId, What, compare};
use crate::text::Redactor;

/// How long the exchange of a request that was sent again may take to be recorded.
const RECORDED: Duration = Duration::from_secs(1);

impl RealWorld {
    /// Does what one of these three effects asks; others are none of its business.
    pub(super) fn do_with_recorded(&self, effect: Effect) {
        match effect {
            Effect::Replay {
                trace,
                span,
                request,
            } => {
                let recorded = Recorded { trace, span };
                send_again(&self.wires, (&self.doors, &self.stack), &recorded, request);
            }
            Effect::SaveCheck { check } => save_check(&self.wires, self.options.clone(), check),
            Effect::Export {
                traces,
                format,
                file,
            } => export(&self.wires, &traces, format, file),
            _ => {}
        }
    }
}

/// Where a recorded exchange is found, by its trace and span in hexadecimal.
struct Recorded {
    trace: String,
    span: String,
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
fn send_again(
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
fn save_check(wires: &Wires, options: config::Options, check: Box<Check>) {
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
            let edges = wires.telemetry.edges(&parts);
            write_new(&file, &write(of(format), &parts, &edges))
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
    // Bodies of requests are nobody else's business.
    let mut options = OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(path);
    let written = opened.and_then(|mut file| {
        let written = file.write_all(text.as_bytes());
        // A torn file would be in the way of the next try; that it cannot be removed is the lesser problem.
        if written.is_err() {
            fs::remove_file(path).unwrap_or_default();
        }
        written
    });
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => "there is such a file already".into(),
        _ => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::*;
    use crate::adapters::trace_file;
    use crate::proxy::{Doors, Limits, Policy, Routes, Target, Upstream, into_store};
    use crate::runtime::Clock;
    use crate::stack::{Reach, RequestBody, Service};
    use crate::telemetry::repeat;

    /// A stack of `web` and `orders`, of which `orders` answers, and has no front door.
    struct Shop {
        wires: Wires,
        events: mpsc::UnboundedReceiver<Event>,
        doors: Arc<SharedDoors>,
        stack: Arc<Stack>,
    }

    impl Shop {
        async fn open() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(serve(listener));
            let telemetry = Arc::new(Telemetry::default());
            let (events, received) = mpsc::unbounded_channel();
            let routes = Arc::new(Routes::default());
            let upstream = Upstream {
                run: 1,
                reach: Reach::Only(address),
            };
            routes.set(&"orders".into(), Target::Runs(vec![upstream]));
            let redact: Arc<[String]> = ["hunter2".to_owned()].into();
            let policy = Policy {
                redact,
                ..Policy::default()
            };
            routes.set_policy(&"orders".into(), policy);
            let record = into_store(Arc::clone(&telemetry));
            let doors = Doors::new(routes, record, Limits::default());
            let services = ["web", "orders"].map(|name| (name.into(), Service::named(name)));
            Self {
                doors: Arc::new(SharedDoors::new(doors, Arc::clone(&telemetry))),
                wires: Wires {
                    events,
                    telemetry,
                    clock: Clock::start(),
                },
                events: received,
                stack: Arc::new(Stack {
                    services: services.into_iter().collect(),
                    redact: vec!["hunter2".into()],
                    ..Stack::default()
                }),
            }
        }

        async fn again(&mut self, recorded: &Exchange, request: HttpRequest) -> Event {
            let recorded = Recorded {
                trace: recorded.trace.to_string(),
                span: recorded.span.to_string(),
            };
            send_again(&self.wires, (&self.doors, &self.stack), &recorded, request);
            self.events.recv().await.unwrap()
        }
    }

    /// Answers with the body that was sent, and a secret.
    async fn serve(listener: TcpListener) {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut said = Vec::new();
                while !said.ends_with(b"}") {
                    match stream.read_u8().await {
                        Ok(byte) => said.push(byte),
                        Err(_) => return,
                    }
                }
                let text = String::from_utf8(said).unwrap();
                let body = text.rsplit("\r\n\r\n").next().unwrap();
                let body = format!("{{\"said\": {body}, \"key\": \"hunter2\"}}");
                let head = format!(
                    "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                drop(stream.write_all(format!("{head}{body}").as_bytes()).await);
            });
        }
    }

    fn request(body: &str) -> HttpRequest {
        HttpRequest {
            method: "POST".into(),
            url: "http://orders/say?a=1".into(),
            headers: [("content-type".to_owned(), "application/json".to_owned())]
                .into_iter()
                .collect(),
            body: RequestBody::Text(body.into()),
        }
    }

    #[tokio::test]
    async fn a_request_is_sent_again_and_its_answer_is_compared() {
        let mut shop = Shop::open().await;
        // The first is sent as any other is, so that there is one to send again.
        let orders = shop.stack.service(&"orders".into()).unwrap();
        let address = front_door(&shop.doors, orders).unwrap();
        let first = replay::send(&request("{\"n\": 1}"), address).await.unwrap();
        wait_until_recorded(&shop.wires.telemetry, first.trace.trace).await;
        let recorded = shop
            .wires
            .telemetry
            .exchanges()
            .trace(first.trace.trace)
            .remove(0);
        let same = repeat(&recorded).unwrap().request;
        assert_eq!(same.url, "http://orders/say?a=1");
        let Event::Replayed { replay } = shop.again(&recorded, same.clone()).await else {
            panic!("it was not sent");
        };
        assert_eq!((replay.status, replay.path.as_str()), (200, "/say?a=1"));
        assert_eq!(replay.differences, Vec::<String>::new());
        let trace = TraceId::parse(&replay.trace).unwrap();
        assert_eq!(shop.wires.telemetry.exchanges().trace(trace).len(), 1);
        let Event::Replayed { replay } = shop.again(&recorded, request("{\"n\": 2}")).await else {
            panic!("it was not sent");
        };
        assert_eq!(replay.differences, ["$.said.n: 1 → 2"]);
    }

    #[tokio::test]
    async fn what_cannot_be_sent_again_is_said() {
        let mut shop = Shop::open().await;
        let orders = shop.stack.service(&"orders".into()).unwrap();
        let address = front_door(&shop.doors, orders).unwrap();
        let first = replay::send(&request("{}"), address).await.unwrap();
        wait_until_recorded(&shop.wires.telemetry, first.trace.trace).await;
        let recorded = shop
            .wires
            .telemetry
            .exchanges()
            .trace(first.trace.trace)
            .remove(0);
        let mut unknown = Exchange::clone(&recorded);
        unknown.span = crate::telemetry::SpanId(1);
        let mut elsewhere = request("{}");
        elsewhere.url = "http://elsewhere:80/".into();
        for (exchange, request, expected) in [
            (&unknown, request("{}"), "not known any more"),
            (&*recorded, elsewhere, "elsewhere is no service"),
        ] {
            match shop.again(exchange, request).await {
                Event::Problem { what, .. } => assert!(what.contains(expected), "{what}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn traces_are_written_into_a_new_file_only() {
        let mut shop = Shop::open().await;
        let orders = shop.stack.service(&"orders".into()).unwrap();
        let address = front_door(&shop.doors, orders).unwrap();
        let mut traces = Vec::new();
        for _ in 0..2 {
            let sent = replay::send(&request("{}"), address).await.unwrap();
            wait_until_recorded(&shop.wires.telemetry, sent.trace.trace).await;
            traces.push(sent.trace.trace.to_string());
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("traces.har");
        export(&shop.wires, &traces[..1], TraceFormat::Har, file.clone());
        let told = shop.events.recv().await.unwrap();
        assert_eq!(
            told,
            Event::TracesExported {
                file: file.clone(),
                traces: 1
            }
        );
        let again = Arc::new(Telemetry::default());
        let read = trace_file::read(&fs::read(&file).unwrap(), &again).unwrap();
        assert_eq!(read.exchanges, 1);
        for (traces, file) in [
            (vec![], file),
            (vec!["0".to_owned()], folder.path().join("other")),
        ] {
            export(&shop.wires, &traces, TraceFormat::Otlp, file.clone());
            let told = shop.events.recv().await.unwrap();
            assert!(matches!(told, Event::Problem { .. }), "{told:?}");
        }
        assert!(!folder.path().join("other").exists());
        export(
            &shop.wires,
            &[],
            TraceFormat::Jaeger,
            folder.path().join("all"),
        );
        let told = shop.events.recv().await.unwrap();
        assert!(
            matches!(told, Event::TracesExported { traces: 2, .. }),
            "{told:?}"
        );
    }
}
