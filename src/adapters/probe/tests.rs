//! Probes against real sockets.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;
use crate::adapters::answering::serve;
use crate::adapters::{Checked, Executed};
use crate::runtime::Clock;
use crate::stack::{CommandWords, HttpProbe};
use crate::telemetry::{NewLine, Stream, Telemetry};

const PATIENCE: Duration = Duration::from_secs(10);

struct World {
    probes: Probes,
    events: mpsc::UnboundedReceiver<Event>,
    telemetry: Arc<Telemetry>,
}

impl World {
    fn new() -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let telemetry = Arc::new(Telemetry::default());
        let wires = Wires {
            events: sender,
            telemetry: Arc::clone(&telemetry),
            clock: Clock::start(),
        };
        Self {
            probes: Probes::new(wires),
            events,
            telemetry,
        }
    }

    fn start(&mut self, health: Health, address: Option<SocketAddr>, exec: Exec) {
        let service = Service {
            health: Some(health),
            ..Service::named("orders")
        };
        self.probes
            .start(RunId(7), &service, move |_| address, exec, None);
    }

    async fn answer(&mut self) -> ProbeAnswer {
        let event = timeout(PATIENCE, self.events.recv()).await;
        match event.expect("an answer in time") {
            Some(Event::Probed {
                run: RunId(7),
                answer,
            }) => answer,
            other => panic!("not an answer: {other:?}"),
        }
    }

    async fn first(health: Health, address: Option<SocketAddr>, exec: Exec) -> (bool, String) {
        let mut world = Self::new();
        world.start(health, address, exec);
        let answer = world.answer().await;
        (answer.healthy, answer.said)
    }

    fn say(&self, run: u64, line: &str) {
        self.telemetry.logs().push(NewLine {
            service: "orders".into(),
            run,
            at: jiff::Timestamp::UNIX_EPOCH,
            stream: Stream::Stdout,
            bytes: line.into(),
        });
        self.telemetry.touch();
    }
}

fn http(path: &str) -> Health {
    Health::new(Probe::Http(HttpProbe {
        path: path.into(),
        port: None,
        status: None,
    }))
}

fn nothing() -> Exec {
    Exec::new(|_, _| async { Err("nobody executes here".into()) })
}

/// An address at which nobody listens.
async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn http_answers_are_told_in_words() {
    for (reply, healthy, said) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            true,
            "200 OK",
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n",
            true,
            "302 Found",
        ),
        (
            "HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n",
            false,
            "503 Service Unavailable",
        ),
        ("HTTP/1.1 299 x\r\ncontent-length: 0\r\n\r\n", true, "299"),
        ("HTTP/1.0 200 OK\r\n\r\nuntil the end", true, "200 OK"),
        ("SSH-2.0-OpenSSH\r\n", false, "the answer is not HTTP/1.1"),
        (
            "",
            false,
            "connection closed before the answer was complete",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok",
            false,
            "connection closed before the answer was complete",
        ),
    ] {
        let (address, asked) = serve(reply).await;
        let answer = World::first(http("/healthz?a=1"), Some(address), nothing()).await;
        assert_eq!(answer, (healthy, said.to_owned()), "{reply:?}");
        let asked = asked.lock().unwrap()[0].clone();
        let host = format!("host: localhost:{}", address.port());
        assert!(
            asked.starts_with("GET /healthz?a=1 HTTP/1.1\r\n") && asked.contains(&host),
            "{asked}"
        );
    }
}

#[tokio::test]
async fn one_status_may_be_asked_for() {
    let (address, _) = serve("HTTP/1.1 401 x\r\ncontent-length: 0\r\n\r\n").await;
    let health = Health::new(Probe::Http(HttpProbe {
        path: "/".into(),
        port: None,
        status: Some(401),
    }));
    let answer = World::first(health, Some(address), nothing()).await;
    assert_eq!(answer, (true, "401 Unauthorized".to_owned()));
}

#[tokio::test]
async fn who_is_not_there_is_told_in_words() {
    let refused = (false, "connection refused".to_owned());
    let tcp = || Health::new(Probe::Tcp { port: None });
    let grpc = Health::new(Probe::Grpc {
        port: None,
        service: String::new(),
    });
    for health in [http("/"), tcp(), grpc] {
        assert_eq!(
            World::first(health, Some(nobody().await), nothing()).await,
            refused
        );
    }
    let unknown = World::first(tcp(), None, nothing()).await;
    assert_eq!(
        unknown,
        (false, "nobody knows yet where it is reached".to_owned())
    );
}

#[tokio::test]
async fn who_accepts_and_stays_silent_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let health = Health {
        timeout: Duration::from_millis(50),
        ..http("/")
    };
    let answer = World::first(health, Some(address), nothing()).await;
    assert_eq!(answer, (false, "timed out after 50 ms".to_owned()));
    let tcp = Health::new(Probe::Tcp { port: None });
    let answer = World::first(tcp, Some(address), nothing()).await;
    assert_eq!(answer, (true, "connected".to_owned()));
}

#[tokio::test]
async fn a_command_is_run_inside() {
    for (executed, healthy, said) in [
        (Ok((0, "fine", "")), true, "exit code 0"),
        (
            Ok((1, "a\n\x1b[31mno database\x1b[0m\n\n", "")),
            false,
            "exit code 1: no database",
        ),
        (Ok((2, "out", "first\nlast")), false, "exit code 2: last"),
        (Ok((3, "", "")), false, "exit code 3"),
        (Err("no such container"), false, "no such container"),
    ] {
        let exec = Exec::new(move |argv, limit| async move {
            assert_eq!((argv.len(), limit), (3, Duration::from_secs(3)));
            let (code, stdout, stderr) = executed.map_err(str::to_owned)?;
            Ok(Executed {
                code,
                stdout: stdout.into(),
                stderr: stderr.into(),
            })
        });
        let health = Health::new(Probe::Exec(CommandWords::Shell("pg_isready".into())));
        let answer = World::first(health, None, exec).await;
        assert_eq!(answer, (healthy, said.to_owned()));
    }
}

#[tokio::test]
async fn a_service_that_comes_up_is_seen_soon() {
    let mut world = World::new();
    let address = nobody().await;
    world.start(http("/"), Some(address), nothing());
    for _ in 0..3 {
        assert_eq!(world.answer().await.said, "connection refused");
    }
    let listener = TcpListener::bind(address).await.unwrap();
    let came_up = Instant::now();
    let (mut stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    // Twice the promise, so that a loaded machine does not fail it.
    assert!(
        came_up.elapsed() < Duration::from_millis(200),
        "{:?}",
        came_up.elapsed()
    );
    let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(reply).await.unwrap();
    let seen = async { while !world.answer().await.healthy {} };
    timeout(PATIENCE, seen).await.expect("healthy in time");
}

#[tokio::test]
async fn calm_asks_every_interval_and_fast_asks_at_once() {
    let (address, asked) = serve("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let mut world = World::new();
    let health = Health {
        interval: Duration::from_secs(3600),
        ..http("/")
    };
    world.start(health, Some(address), nothing());
    assert!(world.answer().await.healthy);
    world.probes.pace(RunId(7), true);
    // Whatever was under way is told; then nothing more comes.
    while timeout(Duration::from_millis(400), world.events.recv())
        .await
        .is_ok()
    {}
    let before = asked.lock().unwrap().len();
    world.probes.pace(RunId(7), false);
    assert!(world.answer().await.healthy);
    assert!(asked.lock().unwrap().len() > before);
    world.probes.stop(RunId(7));
    while timeout(Duration::from_millis(400), world.events.recv())
        .await
        .is_ok()
    {}
    assert!(world.probes.runs.is_empty());
}

#[tokio::test]
async fn a_log_line_makes_healthy_once() {
    let mut world = World::new();
    world.say(7, "starting");
    world.say(6, "ready to accept connections");
    let health = Health::new(Probe::Log("ready to accept".into()));
    world.start(health, None, nothing());
    assert_eq!(world.answer().await.said, "no line matched yet");
    world.say(7, "now \x1b[1mready\x1b[0m to accept connections");
    let answer = loop {
        let answer = world.answer().await;
        if answer.healthy {
            break answer;
        }
    };
    assert_eq!(
        answer.said,
        "a line matched: now ready to accept connections"
    );
    world.say(7, "ready to accept connections");
    let more = timeout(Duration::from_millis(300), world.events.recv()).await;
    assert!(more.is_err(), "told once: {more:?}");
}

#[tokio::test]
async fn a_line_said_before_the_question_counts() {
    let mut world = World::new();
    world.say(7, "ready");
    world.start(Health::new(Probe::Log("^ready$".into())), None, nothing());
    assert!(world.answer().await.healthy);
    let wrong = World::first(Health::new(Probe::Log("(".into())), None, nothing()).await;
    assert!(!wrong.0 && wrong.1.contains("is wrong"), "{wrong:?}");
}

/// A gRPC server whose only method answers with this status for any service but `missing`.
async fn serve_grpc(status: grpc::ServingStatus) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(move |request| answer_grpc(request, status));
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

type Frames = StreamBody<tokio_stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

async fn answer_grpc(
    request: Request<hyper::body::Incoming>,
    status: grpc::ServingStatus,
) -> Result<Response<Frames>, Infallible> {
    use http_body_util::BodyExt;
    let known = request.uri().path() == "/grpc.health.v1.Health/Check";
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let asked = grpc::HealthCheckRequest::decode(&body[5..]).unwrap();
    let code = match asked.service.as_str() {
        "missing" => "5",
        "unimplemented" => "12",
        _ if known => "0",
        _ => "13",
    };
    let message = grpc::HealthCheckResponse {
        status: status as i32,
    }
    .encode_to_vec();
    let mut data = BytesMut::new();
    data.put_u8(0);
    data.put_u32(u32::try_from(message.len()).unwrap());
    data.put_slice(&message);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", code.parse().unwrap());
    let mut frames = vec![Ok(Frame::trailers(trailers))];
    if code == "0" {
        frames.insert(0, Ok(Frame::data(data.freeze())));
    }
    let response = Response::builder().header("content-type", "application/grpc");
    Ok(response
        .body(StreamBody::new(tokio_stream::iter(frames)))
        .unwrap())
}

#[tokio::test]
async fn grpc_health_is_asked_for() {
    use grpc::ServingStatus::{NotServing, ServiceUnknown, Serving, Unknown};
    for (status, service, healthy, said) in [
        (Serving, "", true, "SERVING"),
        (Serving, "shop.Orders", true, "SERVING"),
        (NotServing, "", false, "NOT_SERVING"),
        (ServiceUnknown, "", false, "SERVICE_UNKNOWN"),
        (Unknown, "", false, "UNKNOWN"),
        (
            Serving,
            "missing",
            false,
            "its health service does not know \"missing\"",
        ),
        (
            Serving,
            "unimplemented",
            false,
            "it has no grpc.health.v1.Health service",
        ),
    ] {
        let address = serve_grpc(status).await;
        let health = Health::new(Probe::Grpc {
            port: None,
            service: service.into(),
        });
        let answer = World::first(health, Some(address), nothing()).await;
        assert_eq!(answer, (healthy, said.to_owned()));
    }
    let (address, _) = serve("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    let health = Health::new(Probe::Grpc {
        port: None,
        service: String::new(),
    });
    let answer = World::first(health, Some(address), nothing()).await;
    assert!(!answer.0 && answer.1.contains("gRPC"), "{answer:?}");
}

#[tokio::test]
async fn commands_in_ready_runs_are_asked_one_after_another() {
    let mut world = World::new();
    let [busy, most, calm] = [(); 3].map(|()| Arc::new(AtomicUsize::new(0)));
    let exec = {
        let (busy, most, calm) = (Arc::clone(&busy), Arc::clone(&most), Arc::clone(&calm));
        Exec::new(move |_, _| {
            let (busy, most) = (Arc::clone(&busy), Arc::clone(&most));
            calm.fetch_add(1, Ordering::SeqCst);
            async move {
                let now = busy.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                sleep(Duration::from_millis(5)).await;
                busy.fetch_sub(1, Ordering::SeqCst);
                Err("not yet".into())
            }
        })
    };
    let health = Health {
        interval: Duration::from_millis(1),
        ..Health::new(Probe::Exec(CommandWords::Shell("true".into())))
    };
    let service = Service {
        health: Some(health),
        ..Service::named("orders")
    };
    for run in 0..8 {
        let exec = exec.clone();
        world
            .probes
            .start(RunId(run), &service, |_| None, exec, None);
        world.probes.pace(RunId(run), true);
    }
    let all_calm = async {
        while busy.load(Ordering::SeqCst) > 1 || calm.load(Ordering::SeqCst) < 8 {
            drop(world.events.recv().await);
        }
    };
    timeout(PATIENCE, all_calm).await.expect("they get calm");
    most.store(0, Ordering::SeqCst);
    let before = calm.load(Ordering::SeqCst);
    let asked = async {
        while calm.load(Ordering::SeqCst) < before + 10 {
            drop(world.events.recv().await);
        }
    };
    timeout(PATIENCE, asked).await.expect("they are asked on");
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

/// What the engine found out, every millisecond more of it, each check the other way than the one before.
fn checks_every(step: Duration) -> HealthChecks {
    let began = jiff::Timestamp::now();
    let look = move || async move {
        let made = began.duration_until(jiff::Timestamp::now()).as_millis()
            / step.as_millis().cast_signed();
        let check = |number: i128| {
            let at = began + step * u32::try_from(number).unwrap();
            Checked {
                began: at,
                ended: at,
                end: Executed {
                    code: i32::from(number % 2 == 0),
                    stdout: format!("check {number}").into_bytes(),
                    stderr: Vec::new(),
                },
            }
        };
        (1.max(made - 4)..=made).map(check).collect()
    };
    HealthChecks::new(look, move || sleep(step / 2))
}

#[tokio::test]
async fn what_the_engine_asks_often_is_not_asked_again() {
    let health = Health {
        interval: Duration::from_millis(40),
        ..Health::new(Probe::Exec(CommandWords::Shell("true".into())))
    };
    let service = Service {
        health: Some(health),
        ..Service::named("orders")
    };
    let mut world = World::new();
    let exec = Exec::new(|_, _| async { panic!("it is asked already") });
    let checks = checks_every(Duration::from_millis(40));
    let probes = &mut world.probes;
    probes.start(RunId(7), &service, |_| None, exec, Some(checks));
    assert!(world.answer().await.healthy, "the first check passes");
    world.probes.pace(RunId(7), true);
    let mut before = None;
    for _ in 0..6 {
        let answer = world.answer().await;
        assert_ne!(
            before.replace(answer.healthy),
            Some(answer.healthy),
            "each is told once"
        );
        let said = if answer.healthy {
            "exit code 0"
        } else {
            "exit code 1: check "
        };
        assert!(answer.said.starts_with(said), "{answer:?}");
    }
}

#[tokio::test]
async fn what_the_engine_asks_seldom_is_asked_until_the_run_is_ready() {
    let health = Health {
        interval: Duration::from_secs(1),
        ..Health::new(Probe::Exec(CommandWords::Shell("true".into())))
    };
    let service = Service {
        health: Some(health),
        ..Service::named("orders")
    };
    let mut world = World::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let exec = {
        let asked = Arc::clone(&asked);
        Exec::new(move |_, _| {
            asked.fetch_add(1, Ordering::SeqCst);
            async { Err("not run".into()) }
        })
    };
    let checks = checks_every(Duration::from_millis(300));
    let probes = &mut world.probes;
    probes.start(RunId(7), &service, |_| None, exec, Some(checks));
    assert_eq!(world.answer().await.said, "not run");
    world.probes.pace(RunId(7), true);
    let from_engine = async { while world.answer().await.said == "not run" {} };
    timeout(PATIENCE, from_engine)
        .await
        .expect("the engine's are told");
    let before = asked.load(Ordering::SeqCst);
    world.answer().await;
    assert_eq!(
        asked.load(Ordering::SeqCst),
        before,
        "it is not asked beside them"
    );
}

#[tokio::test]
async fn where_the_engine_does_not_ask_boatyard_does() {
    let health = Health {
        interval: Duration::from_millis(1),
        timeout: Duration::from_millis(1),
        ..Health::new(Probe::Exec(CommandWords::Shell("true".into())))
    };
    let service = Service {
        health: Some(health),
        ..Service::named("orders")
    };
    let mut world = World::new();
    let exec = Exec::new(|_, _| async { Err("not run".into()) });
    let none = HealthChecks::new(|| async { Vec::new() }, std::future::pending);
    let probes = &mut world.probes;
    probes.start(RunId(7), &service, |_| None, exec, Some(none));
    assert_eq!(world.answer().await.said, "not run");
}
