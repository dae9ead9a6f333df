//! Faults on an edge: latency, errors, aborts and bandwidth, over every protocol. Times are looked at as lower bounds only.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use boatyard::proxy::{Limits, Policy};
use boatyard::stack::{Callers, ErrorFault, Fault, Share};
use boatyard::telemetry::{Exchange, ExchangeStatus, Filter};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::harness::{OK, Relay, Run, http, orders, read_head, read_to_end, read_until};

const GET: &str = "GET /tea HTTP/1.1\r\nHost: orders\r\nConnection: close\r\n\r\n";

fn set(relay: &Relay, faults: Vec<Fault>) {
    let policy = Policy {
        faults: faults.into(),
        ..Policy::default()
    };
    relay.routes.set_policy(&orders(), policy);
}

fn late(ms: u64) -> Fault {
    Fault {
        latency: Duration::from_millis(ms),
        ..Fault::default()
    }
}

fn error(status: u16) -> Fault {
    Fault {
        error: Some(ErrorFault {
            status,
            share: Share::ALL,
        }),
        ..Fault::default()
    }
}

fn abort() -> Fault {
    Fault {
        abort: Some(Share::ALL),
        ..Fault::default()
    }
}

fn slow(bytes: u64) -> Fault {
    Fault {
        bandwidth: Some(bytes),
        ..Fault::default()
    }
}

/// Filters know a fault by the words with which the relay tells of it.
fn assert_found(exchange: &Exchange, kind: &str) {
    for other in ["latency", "error", "abort", "bandwidth"] {
        let filter = Filter::parse(&format!("fault={other}")).expect("a filter");
        assert_eq!(filter.matches_exchange(exchange), other == kind, "{other}");
    }
}

#[tokio::test]
async fn a_late_request_waits_and_says_so() {
    let (run, heads) = Run::answering(OK).await;
    let relay = Relay::to(run.address).await;
    set(&relay, vec![late(120)]);
    let began = Instant::now();
    assert!(relay.ask(GET).await.ends_with("ok"));
    assert!(began.elapsed() >= Duration::from_millis(120));
    let exchange = relay.exchange().await;
    assert_eq!(exchange.injected.as_deref(), Some("120 ms later"));
    assert_found(&exchange, "latency");
    assert!(exchange.took >= Duration::from_millis(120));
    assert_eq!((exchange.held, http(&exchange)), (Duration::ZERO, 200));
    // Gone, it leaves no mark.
    set(&relay, vec![]);
    assert!(relay.ask(GET).await.ends_with("ok"));
    assert_eq!(relay.exchanges(2).await[1].injected, None);
    assert_eq!(heads.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn an_error_is_answered_and_the_run_sees_nothing() {
    let (run, heads) = Run::answering(OK).await;
    let relay = Relay::to(run.address).await;
    set(&relay, vec![error(503)]);
    let answer = relay.ask(GET).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(
        answer.contains("503 on purpose: a fault is set for requests to orders"),
        "{answer}"
    );
    let exchange = relay.exchange().await;
    assert_eq!((http(&exchange), exchange.run), (503, 0));
    assert_eq!(exchange.injected.as_deref(), Some("answered 503"));
    assert_found(&exchange, "error");
    assert!(heads.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_kept_connection_goes_on_after_an_error_also_with_a_body() {
    let (run, _) = Run::answering(OK).await;
    let relay = Relay::to(run.address).await;
    set(&relay, vec![error(418)]);
    let mut caller = relay.connect().await;
    let post = "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 3\r\n\r\ntea";
    caller.write_all(post.as_bytes()).await.unwrap();
    let answer = read_until(&mut caller, "requests to orders\n").await;
    assert!(answer.starts_with("HTTP/1.1 418 "), "{answer}");
    set(&relay, vec![]);
    caller
        .write_all(b"GET / HTTP/1.1\r\nHost: orders\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut caller, "ok").await;
    let statuses: Vec<u16> = relay.exchanges(2).await.iter().map(http).collect();
    assert_eq!(statuses, [418, 200]);
}

#[tokio::test]
async fn an_abort_resets_the_connection() {
    let (run, heads) = Run::answering(OK).await;
    let relay = Relay::to(run.address).await;
    set(&relay, vec![abort()]);
    let mut caller = relay.connect().await;
    caller.write_all(GET.as_bytes()).await.unwrap();
    assert_eq!(end_of(&mut caller).await, Err(ErrorKind::ConnectionReset));
    let exchange = relay.exchange().await;
    let why = "broken off on purpose, by a fault";
    assert_eq!(exchange.status, ExchangeStatus::Failed(why.into()));
    assert_eq!(exchange.injected.as_deref(), Some("broken off"));
    assert_found(&exchange, "abort");
    assert!(heads.lock().unwrap().is_empty());
}

/// How the connection ends, and how many bytes came before.
async fn end_of(stream: &mut TcpStream) -> Result<usize, ErrorKind> {
    let mut read = Vec::new();
    let end = stream.read_to_end(&mut read).await;
    end.map_err(|error| error.kind())
}

#[tokio::test]
async fn others_than_its_callers_have_nothing_of_a_fault() {
    let (run, _) = Run::answering(OK).await;
    let relay = Relay::to(run.address).await;
    let from = |from| Fault { from, ..error(500) };
    // The caller of this relay is web.
    let cart = Callers::Service("cart".into());
    set(&relay, vec![from(Callers::FrontDoor), from(cart)]);
    assert!(relay.ask(GET).await.starts_with("HTTP/1.1 200 "));
    set(&relay, vec![from(Callers::Service("web".into()))]);
    assert!(relay.ask(GET).await.starts_with("HTTP/1.1 500 "));
}

#[tokio::test]
async fn a_part_of_the_requests_has_an_error() {
    let (run, _) = Run::answering(OK).await;
    let relay = Relay::to(run.address).await;
    let mut half = error(500);
    half.error.as_mut().unwrap().share = Share::of(0.5).unwrap();
    set(&relay, vec![half]);
    for _ in 0..80 {
        relay.ask(GET).await;
    }
    let exchanges = relay.exchanges(80).await;
    let struck = exchanges.iter().filter(|one| http(one) == 500).count();
    assert!((8..=72).contains(&struck), "{struck}");
    let marked = exchanges.iter().filter(|one| one.injected.is_some());
    assert_eq!(marked.count(), struck);
}

#[tokio::test]
async fn both_bodies_pass_at_the_bandwidth_and_whole() {
    const LENGTH: usize = 30_000;
    let run = Run::start(|mut stream| async move {
        read_head(&mut stream).await;
        let mut body = vec![0; LENGTH];
        stream.read_exact(&mut body).await.unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
    })
    .await;
    let relay = Relay::to(run.address).await;
    set(&relay, vec![slow(100_000)]);
    let body: String = ('a'..='w').cycle().take(LENGTH).collect();
    let began = Instant::now();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: orders\r\nConnection: close\r\nContent-Length: {LENGTH}\r\n\r\n{body}"
    );
    let answer = relay.ask(&request).await;
    assert!(answer.ends_with(&format!("\r\n\r\n{body}")));
    // 0.3 s up and 0.3 s down.
    assert!(began.elapsed() >= Duration::from_millis(600));
    let exchange = relay.exchange().await;
    assert_eq!(
        (exchange.request_bytes, exchange.response_bytes),
        (30_000, 30_000)
    );
    assert_eq!(exchange.injected.as_deref(), Some("at most 100 kB/s"));
    assert_found(&exchange, "bandwidth");
}

#[tokio::test]
async fn a_chunked_answer_keeps_its_trailers() {
    const ANSWER: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n\
                          5\r\nfirst\r\n6\r\nsecond\r\n0\r\nX-End: yes\r\n\r\n";
    let (run, _) = Run::answering(ANSWER).await;
    let relay = Relay::to(run.address).await;
    set(&relay, vec![slow(50)]);
    let mut caller = relay.connect().await;
    let began = Instant::now();
    let request = "GET / HTTP/1.1\r\nHost: orders\r\nTE: trailers\r\n\r\n";
    caller.write_all(request.as_bytes()).await.unwrap();
    let answer = read_until(&mut caller, "\r\n0\r\nx-end: yes\r\n\r\n").await;
    assert!(answer.to_lowercase().contains("chunked"), "{answer}");
    assert!(began.elapsed() >= Duration::from_millis(220));
    assert_eq!(relay.exchange().await.response_bytes, 11);
}

#[tokio::test]
async fn bytes_are_late_slow_and_broken_off() {
    let run = Run::start(|mut stream| async move {
        let said = read_to_end(&mut stream).await;
        drop(stream.write_all(said.as_bytes()).await);
    })
    .await;
    let relay = Relay::to(run.address).await;
    set(&relay, vec![late(100), slow(1_000), error(503)]);
    let mut caller = relay.connect().await;
    let began = Instant::now();
    caller.write_all(&[b'#'; 100]).await.unwrap();
    caller.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut caller).await.len(), 100);
    // 0.1 s of latency, and 0.1 s at least for what the run says.
    assert!(began.elapsed() >= Duration::from_millis(200));
    set(&relay, vec![abort()]);
    let mut caller = relay.connect().await;
    caller.write_all(b"#hello").await.unwrap();
    assert_eq!(end_of(&mut caller).await, Err(ErrorKind::ConnectionReset));
    let exchanges = relay.exchanges(2).await;
    assert_eq!(exchanges[0].status, ExchangeStatus::Bytes);
    assert_eq!(
        exchanges[0].injected.as_deref(),
        Some("100 ms later, at most 1 kB/s")
    );
    assert!(matches!(exchanges[1].status, ExchangeStatus::Failed(_)));
}

#[tokio::test]
async fn a_caller_that_leaves_while_it_is_late_is_recorded() {
    let (run, heads) = Run::answering(OK).await;
    let relay = Relay::to(run.address).await;
    set(&relay, vec![late(3_600_000)]);
    let mut caller = relay.connect().await;
    caller.write_all(GET.as_bytes()).await.unwrap();
    caller.set_zero_linger().unwrap();
    drop(caller);
    assert_eq!(relay.exchange().await.status, ExchangeStatus::CallerLeft);
    assert!(heads.lock().unwrap().is_empty());
}

/// A run that answers each HTTP/2 request with its body, and a client that is connected to a relay in front of it.
async fn over_http2(faults: Vec<Fault>) -> (Relay, Run, h2::client::SendRequest<Bytes>) {
    let run = Run::start(|stream| async move {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            tokio::spawn(async move {
                let mut body = request.into_body();
                let mut all = Vec::new();
                while let Some(Ok(data)) = body.data().await {
                    all.extend_from_slice(&data);
                    drop(body.flow_control().release_capacity(data.len()));
                }
                let mut to = respond
                    .send_response(hyper::Response::new(()), false)
                    .unwrap();
                drop(to.send_data(Bytes::from(all), true));
            });
        }
    })
    .await;
    let relay = Relay::holding(Limits::default()).await;
    relay.send_to(&[(1, run.address)]);
    set(&relay, faults);
    let (client, connection) = h2::client::handshake(relay.connect().await).await.unwrap();
    tokio::spawn(connection);
    (relay, run, client.ready().await.unwrap())
}

fn post(kind: &str) -> hyper::Request<()> {
    let request = hyper::Request::post("http://orders/tea").header("content-type", kind);
    request.body(()).unwrap()
}

#[tokio::test]
async fn streams_of_http2_have_faults_too() {
    let (relay, _run, mut client) = over_http2(vec![late(100), slow(10_000)]).await;
    let began = Instant::now();
    let (answer, mut to) = client.send_request(post("text/plain"), false).unwrap();
    to.send_data(Bytes::from(vec![b'a'; 1_000]), true).unwrap();
    let mut body = answer.await.unwrap().into_body();
    let mut length = 0;
    while let Some(data) = body.data().await {
        length += data.unwrap().len();
    }
    assert_eq!(length, 1_000);
    // 0.1 s of latency, 0.1 s up and 0.1 s down.
    assert!(began.elapsed() >= Duration::from_millis(300));
    set(&relay, vec![error(429)]);
    let (answer, _) = client.send_request(post("text/plain"), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 429);
    let (answer, _) = client.send_request(post("application/grpc"), true).unwrap();
    let answer = answer.await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["grpc-status"]),
        (200, &"14".parse().unwrap())
    );
    set(&relay, vec![abort()]);
    let (answer, _) = client.send_request(post("text/plain"), true).unwrap();
    let reset = answer.await.unwrap_err();
    assert_eq!(reset.reason(), Some(h2::Reason::INTERNAL_ERROR));
    let exchanges = relay.exchanges(4).await;
    let injected: Vec<_> = exchanges
        .iter()
        .map(|one| one.injected.as_deref().unwrap())
        .collect();
    assert_eq!(
        injected[1..],
        ["answered 429", "answered 429", "broken off"]
    );
    assert_eq!(exchanges[2].status, ExchangeStatus::Grpc(14));
    assert!(exchanges.iter().skip(1).all(|one| one.run == 0));
}

#[tokio::test]
async fn a_policy_with_faults_can_be_told_to_another_process() {
    let policy = Policy {
        redact: Arc::new(["hunter2".to_owned()]),
        faults: vec![
            Fault {
                from: Callers::Service("web".into()),
                jitter: Duration::from_millis(5),
                ..error(503)
            },
            Fault {
                from: Callers::FrontDoor,
                ..slow(7)
            },
        ]
        .into(),
        ..Policy::default()
    };
    let told = serde_json::to_string(&policy).unwrap();
    assert_eq!(serde_json::from_str::<Policy>(&told).unwrap(), policy);
}
