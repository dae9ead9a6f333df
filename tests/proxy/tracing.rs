//! What is recorded, and how exchanges become traces.

use std::sync::Arc;

use boatyard::proxy::{self, Doors, Edge, Limits, Policy, Routes, Target};
use boatyard::telemetry::{Telemetry, TraceContext};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::harness::{OK, Relay, Run, http, orders, read_head, read_until, upstream};
use super::until::until;

const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn traceparent(head: &str) -> Option<TraceContext> {
    let line = head
        .lines()
        .find(|line| line.to_lowercase().starts_with("traceparent:"))?;
    TraceContext::parse(line[12..].trim().as_bytes())
}

#[tokio::test]
async fn an_exchange_tells_who_what_when_and_how_much_but_no_secret() {
    let answer = "HTTP/1.1 201 Created\r\nSet-Cookie: id=hunter2\r\nContent-Length: 4\r\nX-Id: 17\r\n\r\ntea!";
    let (run, _) = Run::answering(answer).await;
    let relay = Relay::to(run.address).await;
    let policy = Policy {
        trace: true,
        redact: Arc::new(["swordfish".to_owned()]),
        ..Policy::default()
    };
    relay.routes.set_policy(&orders(), policy);
    let mut caller = relay.connect().await;
    let request = format!(
        "GET /orders?key=swordfish HTTP/1.1\r\nHost: orders\r\nAuthorization: Bearer t\r\nCookie: a=b\r\n\
         Proxy-Authorization: Basic x\r\nX-Key: swordfish\r\ntraceparent: {GIVEN}\r\n\r\n"
    );
    caller.write_all(request.as_bytes()).await.unwrap();
    read_until(&mut caller, "tea!").await;
    let exchange = relay.exchange().await;
    let shown = format!("{exchange:?}");
    for secret in ["hunter2", "Bearer", "a=b", "Basic", "swordfish"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert_eq!(exchange.caller, Some("web".into()));
    assert_eq!((exchange.callee.as_str(), exchange.run), ("orders", 1));
    assert_eq!(
        (exchange.method.as_str(), exchange.path.as_str()),
        ("GET", "/orders?key=***")
    );
    assert_eq!(
        (
            http(&exchange),
            exchange.request_bytes,
            exchange.response_bytes
        ),
        (201, 0, 4)
    );
    assert_eq!(exchange.request_headers.get("cookie"), Some("***"));
    assert_eq!(exchange.request_headers.get("traceparent"), Some(GIVEN));
    assert_eq!(exchange.response_headers.get("x-id"), Some("17"));
    assert!(exchange.held.is_zero() && !exchange.took.is_zero());
}

#[tokio::test]
async fn the_callee_works_under_the_exchanges_own_span() {
    let (run, heads) = Run::answering(OK).await;
    let relay = Relay::to(run.address).await;
    let mut caller = relay.connect().await;
    for header in [
        format!("traceparent: {GIVEN}\r\ntracestate: a=1\r\n"),
        "tracestate: a=1\r\n".into(),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{header}\r\n");
        caller.write_all(request.as_bytes()).await.unwrap();
        read_until(&mut caller, "ok").await;
    }
    let exchanges = relay.exchanges(2).await;
    let heads = heads.lock().unwrap();
    for (head, exchange) in heads.iter().zip(&exchanges) {
        let passed = traceparent(head).unwrap();
        assert_eq!((passed.trace, passed.span), (exchange.trace, exchange.span));
    }
    assert_eq!(exchanges[0].trace.to_string(), GIVEN[3..35]);
    assert_eq!(exchanges[0].parent.unwrap().to_string(), GIVEN[36..52]);
    assert!(heads[0].contains("tracestate: a=1"));
    assert_eq!(exchanges[1].parent, None);
    assert!(!heads[1].contains("tracestate"));
}

/// A run that answers after it has asked each of these addresses in turn, passing `traceparent` on.
async fn forwarding(to: Vec<std::net::SocketAddr>) -> Run {
    Run::start(move |mut stream| {
        let to = to.clone();
        async move {
            while let Some(head) = read_head(&mut stream).await {
                let context = traceparent(&head).unwrap();
                for &address in &to {
                    let mut callee = TcpStream::connect(address).await.unwrap();
                    let request =
                        format!("GET /inner HTTP/1.1\r\nHost: a\r\ntraceparent: {context}\r\n\r\n");
                    callee.write_all(request.as_bytes()).await.unwrap();
                    read_until(&mut callee, "ok").await;
                }
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
        }
    })
    .await
}

#[tokio::test]
async fn services_that_forward_the_header_make_one_trace() {
    let telemetry = Arc::new(Telemetry::default());
    let routes = Arc::new(Routes::default());
    let recorder = proxy::into_store(Arc::clone(&telemetry));
    let mut doors = Doors::new(Arc::clone(&routes), recorder, Limits::default());
    let mut open = |caller: Option<&str>, callee: &str| {
        let edge = Edge {
            caller: caller.map(Into::into),
            callee: callee.into(),
            port: 0,
        };
        doors.open(edge, "127.0.0.1:0".parse().unwrap()).unwrap()
    };
    let front = open(None, "web");
    let (to_orders, to_catalog) = (open(Some("web"), "orders"), open(Some("web"), "catalog"));
    let to_payments = open(Some("orders"), "payments");
    let runs = [
        ("web", forwarding(vec![to_orders, to_catalog]).await),
        ("orders", forwarding(vec![to_payments]).await),
        ("catalog", forwarding(vec![]).await),
        ("payments", forwarding(vec![]).await),
    ];
    for (number, (service, run)) in (1..).zip(&runs) {
        routes.set(
            &(*service).into(),
            Target::Runs(vec![upstream(number, run.address)]),
        );
    }
    for _ in 0..2 {
        let mut caller = TcpStream::connect(front).await.unwrap();
        caller
            .write_all(b"GET /shop HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        read_until(&mut caller, "ok").await;
    }
    until("all are recorded", || telemetry.exchanges().len() == 8).await;
    let traces = telemetry.exchanges().traces(10, |_| true);
    assert_eq!(traces.len(), 2);
    let names = |trace: &boatyard::telemetry::TraceSummary| {
        trace
            .services
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("→")
    };
    assert_eq!(names(&traces[0]), "web→orders→payments→catalog");
    let root = traces[0].root.exchange().expect("an exchange");
    assert_eq!(
        (traces[0].spans, traces[0].errors, root.path.as_str()),
        (4, 0, "/shop")
    );
    let rows = telemetry.exchanges().waterfall(traces[0].trace);
    let depths: Vec<_> = rows.iter().map(|row| (row.depth, row.detached)).collect();
    assert_eq!(depths, [(0, false), (1, false), (2, false), (1, false)]);
    doors.close_all().await;
}
