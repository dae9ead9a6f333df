//! HTTP/1.x messages, as they go in and as they come out.

use std::sync::{Arc, Mutex};

use boatyard::proxy::Policy;
use boatyard::telemetry::ExchangeStatus;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::harness::{OK, Relay, Run, http, orders, read_head, read_to_end, read_until};
use super::until::until;

fn untraced(relay: &Relay) {
    let policy = Policy {
        trace: false,
        ..Policy::default()
    };
    relay.routes.set_policy(&orders(), policy);
}

#[tokio::test]
async fn untraced_messages_pass_byte_for_byte() {
    const REQUEST: &str = "GET /a%2Fb//c/../d?q=%20+&&x[]={}| HTTP/1.1\r\nHost: Svc.Test\r\nX-OdD-case: 1\r\n\
        traceparent: 00-not-mine\r\nAccept:  */*\r\nX-Empty:\r\n\r\n";
    const ANSWER: &str = "HTTP/1.1 299 Odd Reason\r\nX-OdD-case: 2\r\nSet-Cookie: a=1\r\nContent-Length: 3\r\n\r\nabc";
    let (run, heads) = Run::answering(ANSWER).await;
    let relay = Relay::to(run.address).await;
    untraced(&relay);
    let mut caller = relay.connect().await;
    caller.write_all(REQUEST.as_bytes()).await.unwrap();
    assert_eq!(read_until(&mut caller, "abc").await, ANSWER);
    assert_eq!(*heads.lock().unwrap(), [REQUEST.replace(":  ", ": ")]);
    assert!(relay.recorded.lock().unwrap().is_empty());
}

#[tokio::test]
async fn one_callers_requests_share_one_connection_to_the_run() {
    let (run, heads) = Run::answering(OK).await;
    let relay = Relay::to(run.address).await;
    let mut caller = relay.connect().await;
    for _ in 0..5 {
        caller
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        read_until(&mut caller, "ok").await;
    }
    assert_eq!(heads.lock().unwrap().len(), 5);
    assert_eq!(run.connections.load(std::sync::atomic::Ordering::SeqCst), 1);
    drop(caller);
    assert_eq!(relay.exchanges(5).await.iter().map(http).sum::<u16>(), 1000);
}

#[tokio::test]
async fn ambiguous_and_malformed_requests_never_reach_the_run() {
    let (run, heads) = Run::answering(OK).await;
    let relay = Relay::to(run.address).await;
    for (request, status) in [
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "400",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            "400",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
            "400",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
            "400",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
            "400",
        ),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400"),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        (
            "CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere:443\r\n\r\n",
            "405",
        ),
    ] {
        let mut caller = relay.connect().await;
        caller.write_all(request.as_bytes()).await.unwrap();
        let answer = read_until(&mut caller, "\r\n\r\n").await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{request:?}: {answer:?}"
        );
    }
    assert_eq!(*heads.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn bad_chunking_breaks_the_request_off_and_smuggles_nothing() {
    let seen = Arc::new(Mutex::new(String::new()));
    let sink = Arc::clone(&seen);
    let run = Run::start(move |mut stream| {
        let sink = Arc::clone(&sink);
        async move {
            let text = read_to_end(&mut stream).await;
            sink.lock().unwrap().push_str(&text);
        }
    })
    .await;
    let relay = Relay::to(run.address).await;
    for chunks in [
        "zz\r\nab\r\n0\r\n\r\n",
        "2\r\nabGET /smuggled HTTP/1.1\r\n\r\n",
        "-1\r\n\r\n",
    ] {
        let mut caller = relay.connect().await;
        let request =
            format!("POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        caller.write_all(request.as_bytes()).await.unwrap();
        let answer = read_to_end(&mut caller).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{chunks:?}: {answer:?}");
    }
    assert!(!seen.lock().unwrap().contains("smuggled"));
}

/// A run that answers the first request with a head, then sends each piece it is told to.
async fn dictated(head: &'static str) -> (Run, mpsc::UnboundedSender<&'static str>) {
    let (tell, told) = mpsc::unbounded_channel::<&'static str>();
    let told = Arc::new(tokio::sync::Mutex::new(told));
    let run = Run::start(move |mut stream| {
        let told = Arc::clone(&told);
        async move {
            if read_head(&mut stream).await.is_none() {
                return;
            }
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut told = told.lock().await;
            while let Some(piece) = told.recv().await {
                if stream.write_all(piece.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (run, tell)
}

#[tokio::test]
async fn each_event_arrives_before_the_next_is_sent() {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (run, tell) = dictated(head).await;
    let relay = Relay::to(run.address).await;
    let mut caller = relay.connect().await;
    caller
        .write_all(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut caller, "\r\n\r\n").await;
    for _ in 0..3 {
        tell.send("9\r\ndata: 1\n\n\r\n").unwrap();
        assert_eq!(
            read_until(&mut caller, "\n\n\r\n").await,
            "9\r\ndata: 1\n\n\r\n"
        );
    }
    tell.send("0\r\n\r\n").unwrap();
    read_until(&mut caller, "0\r\n\r\n").await;
    let exchange = relay.exchange().await;
    assert_eq!((http(&exchange), exchange.response_bytes), (200, 27));
}

#[tokio::test]
async fn each_piece_of_an_upload_arrives_before_the_next_is_sent() {
    let (seen, mut pieces) = mpsc::unbounded_channel();
    let run = Run::start(move |mut stream| {
        let seen = seen.clone();
        async move {
            read_head(&mut stream).await;
            for _ in 0..3 {
                seen.send(read_until(&mut stream, "abcd\r\n").await)
                    .unwrap();
            }
            read_until(&mut stream, "0\r\n\r\n").await;
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    })
    .await;
    let relay = Relay::to(run.address).await;
    let mut caller = relay.connect().await;
    caller
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await
        .unwrap();
    for _ in 0..3 {
        caller.write_all(b"4\r\nabcd\r\n").await.unwrap();
        assert_eq!(pieces.recv().await.unwrap(), "4\r\nabcd\r\n");
    }
    caller.write_all(b"0\r\n\r\n").await.unwrap();
    read_until(&mut caller, "ok").await;
    assert_eq!(relay.exchange().await.request_bytes, 12);
}

#[tokio::test]
async fn a_body_that_is_not_wanted_is_not_sent() {
    let (run, heads) =
        Run::answering("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n").await;
    let relay = Relay::to(run.address).await;
    let mut caller = relay.connect().await;
    let request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    caller.write_all(request.as_bytes()).await.unwrap();
    let answer = read_until(&mut caller, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 417"), "{answer}");
    assert!(heads.lock().unwrap()[0].contains("Expect: 100-continue"));
    assert_eq!(relay.exchange().await.request_bytes, 0);
}

#[tokio::test]
async fn a_body_is_sent_once_it_is_wanted() {
    let run = Run::start(|mut stream| async move {
        read_head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
            .await
            .unwrap();
        read_until(&mut stream, "hello").await;
        stream.write_all(OK.as_bytes()).await.unwrap();
    })
    .await;
    let relay = Relay::to(run.address).await;
    let mut caller = relay.connect().await;
    let request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    caller.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(
        read_until(&mut caller, "\r\n\r\n").await,
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    caller.write_all(b"hello").await.unwrap();
    assert!(
        read_until(&mut caller, "ok")
            .await
            .starts_with("HTTP/1.1 200")
    );
}

#[tokio::test]
async fn hints_come_before_the_answer_and_each_with_its_own_request() {
    let answer = "HTTP/1.1 103 Early Hints\r\nLink: </x.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let (run, _) = Run::answering(answer).await;
    let relay = Relay::to(run.address).await;
    let mut caller = relay.connect().await;
    caller
        .write_all("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3).as_bytes())
        .await
        .unwrap();
    for _ in 0..3 {
        let text = read_until(&mut caller, "ok").await;
        assert_eq!(text.to_lowercase(), answer.to_lowercase());
    }
    let old = relay.ask("GET / HTTP/1.0\r\n\r\n").await;
    assert!(
        old.starts_with("HTTP/1.0 200") && !old.contains("103"),
        "{old}"
    );
}

#[tokio::test]
async fn an_upgraded_connection_passes_bytes_both_ways_and_is_recorded_at_its_end() {
    let run = Run::start(|mut stream| async move {
        let head = read_head(&mut stream).await.unwrap();
        assert!(head.to_lowercase().contains("connection: upgrade\r\n"), "{head}");
        let accept = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n";
        stream.write_all(accept.as_bytes()).await.unwrap();
        stream.write_all(b"\x81\x02hi").await.unwrap();
        read_until(&mut stream, "bye").await;
        stream.shutdown().await.unwrap();
    })
    .await;
    let relay = Relay::to(run.address).await;
    let mut caller = relay.connect().await;
    let request = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";
    caller.write_all(request.as_bytes()).await.unwrap();
    let head = read_until(&mut caller, "\r\n\r\n").await;
    assert!(
        head.starts_with("HTTP/1.1 101") && head.contains("Sec-WebSocket-Accept: x"),
        "{head}"
    );
    let mut greeting = [0; 4];
    caller.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"\x81\x02hi");
    caller.write_all(b"bye").await.unwrap();
    assert_eq!(read_to_end(&mut caller).await, "");
    drop(caller);
    let exchange = relay.exchange().await;
    assert_eq!(exchange.status, ExchangeStatus::Bytes);
    assert_eq!(
        (exchange.method.as_str(), exchange.path.as_str()),
        ("GET", "/chat")
    );
    assert_eq!((exchange.request_bytes, exchange.response_bytes), (3, 4));
}

#[tokio::test]
async fn an_upgrade_that_is_declined_is_a_plain_answer() {
    let (run, _) = Run::answering(OK).await;
    let relay = Relay::to(run.address).await;
    let mut caller = relay.connect().await;
    for _ in 0..2 {
        let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
        caller.write_all(request.as_bytes()).await.unwrap();
        assert!(
            read_until(&mut caller, "ok")
                .await
                .starts_with("HTTP/1.1 200")
        );
    }
}

#[tokio::test]
async fn a_caller_that_half_closes_has_its_answer() {
    let (run, tell) = dictated("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n").await;
    let relay = Relay::to(run.address).await;
    let mut caller = relay.connect().await;
    caller
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    caller.shutdown().await.unwrap();
    read_until(&mut caller, "\r\n\r\n").await;
    // Longer than it takes to see that nobody holds the caller's socket any more, if that were so.
    tokio::time::sleep(std::time::Duration::from_millis(60)).await;
    tell.send("late").unwrap();
    assert_eq!(read_to_end(&mut caller).await, "late");
    assert_eq!(http(&relay.exchange().await), 200);
}

#[tokio::test]
async fn a_caller_that_leaves_is_noticed_while_the_run_still_thinks() {
    let (left, mut has_left) = mpsc::unbounded_channel();
    let run = Run::start(move |mut stream| {
        let left = left.clone();
        async move {
            read_head(&mut stream).await;
            read_to_end(&mut stream).await;
            left.send(()).unwrap();
        }
    })
    .await;
    let relay = Relay::to(run.address).await;
    let mut caller = relay.connect().await;
    caller
        .write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    until("the run is connected", || {
        run.connections.load(std::sync::atomic::Ordering::SeqCst) == 1
    })
    .await;
    drop(caller);
    has_left.recv().await.unwrap();
    assert_eq!(relay.exchange().await.status, ExchangeStatus::CallerLeft);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_seen_to_break_off() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
    ] {
        let run = Run::start(move |mut stream: TcpStream| async move {
            read_head(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        let relay = Relay::to(run.address).await;
        let seen = relay.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(!seen.ends_with("0\r\n\r\n") && seen.len() < 150, "{seen:?}");
        let exchange = relay.exchange().await;
        let ExchangeStatus::Failed(why) = &exchange.status else {
            panic!("{exchange:?}");
        };
        assert!(why.starts_with("answered 200, then broke off"), "{why}");
    }
}

#[tokio::test]
async fn a_body_without_length_is_passed_on_as_chunks() {
    let run = Run::start(|mut stream| async move {
        read_head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.0 200 OK\r\n\r\nuntil the end")
            .await
            .unwrap();
    })
    .await;
    let relay = Relay::to(run.address).await;
    let mut caller = relay.connect().await;
    caller
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let answer = read_until(&mut caller, "0\r\n\r\n").await.to_lowercase();
    assert!(
        answer.contains("transfer-encoding: chunked") && answer.contains("until the end"),
        "{answer}"
    );
    assert_eq!(relay.exchange().await.response_bytes, 13);
}

#[tokio::test]
async fn a_run_that_serves_one_connection_at_a_time_is_not_blocked_by_callers_that_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = Relay::to(listener.local_addr().unwrap()).await;
    let run = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            while read_head(&mut stream).await.is_some() {
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
        }
    });
    for _ in 0..5 {
        let mut caller = relay.connect().await;
        caller
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        read_until(&mut caller, "ok").await;
    }
    assert_eq!(
        relay
            .ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await
            .matches("ok")
            .count(),
        1
    );
    run.abort();
}

#[tokio::test]
async fn protocols_switched_unasked_are_an_error() {
    let (run, _) = Run::answering(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    )
    .await;
    let relay = Relay::to(run.address).await;
    let answer = relay
        .ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    assert!(matches!(
        relay.exchange().await.status,
        ExchangeStatus::Failed(_)
    ));
}
