//! Requests that wait for a run, change runs, or are told why not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use boatyard::proxy::{Limits, Target};
use boatyard::telemetry::ExchangeStatus;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::harness::{OK, Relay, Run, SOON, http, orders, read_head, read_to_end, read_until};
use super::until::until;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

fn limits(patience: Duration, held: usize) -> Limits {
    Limits {
        hold: patience,
        held,
        reach: patience,
        ..Limits::default()
    }
}

#[tokio::test]
async fn requests_wait_until_a_run_is_ready() {
    let (run, _) = Run::answering(OK).await;
    let relay = Arc::new(Relay::holding(Limits::default()).await);
    let mut asking = JoinSet::new();
    for _ in 0..20 {
        let relay = Arc::clone(&relay);
        asking.spawn(async move { relay.ask(GET).await });
    }
    until("all are held", || relay.routes.held(&orders()) == 20).await;
    assert!(asking.try_join_next().is_none());
    relay.send_to(&[(7, run.address)]);
    for answer in asking.join_all().await {
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(relay.routes.held(&orders()), 0);
    let exchanges = relay.exchanges(20).await;
    assert!(
        exchanges
            .iter()
            .all(|one| one.run == 7 && one.held <= one.took && !one.held.is_zero())
    );
}

#[tokio::test]
async fn a_request_that_waits_too_long_is_told_so() {
    let relay = Relay::holding(limits(Duration::from_millis(50), 10)).await;
    let answer = relay.ask(GET).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(
        answer.contains("\r\n\r\norders is not ready: no run of it became ready within 0.1 s"),
        "{answer}"
    );
    let page = relay
        .ask(&GET.replace("Host", "Accept: text/html\r\nHost"))
        .await;
    assert!(
        page.contains("content-type: text/html") && page.contains("<h1"),
        "{page}"
    );
    let exchange = relay.exchanges(2).await.remove(0);
    assert_eq!((http(&exchange), exchange.run), (503, 0));
    assert!(exchange.held >= Duration::from_millis(50));
}

#[tokio::test]
async fn more_than_the_limit_are_refused_at_once() {
    let relay = Arc::new(Relay::holding(limits(SOON, 3)).await);
    let mut asking = JoinSet::new();
    for _ in 0..3 {
        let relay = Arc::clone(&relay);
        asking.spawn(async move { relay.ask(GET).await });
    }
    until("three are held", || relay.routes.held(&orders()) == 3).await;
    let answer = relay.ask(GET).await;
    assert!(
        answer.contains("orders is not ready: 3 requests for it are held already"),
        "{answer}"
    );
    let why = "its build failed".to_owned();
    relay.routes.set(&orders(), Target::Refuse(why));
    for answer in asking.join_all().await {
        assert!(
            answer.starts_with("HTTP/1.1 503")
                && answer.contains("orders is not ready: its build failed"),
            "{answer}"
        );
    }
    assert!(relay.ask(GET).await.contains("its build failed"));
    relay.routes.forget(&orders());
}

#[tokio::test]
async fn a_run_that_cannot_be_reached_is_named_in_the_end() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let relay = Relay::holding(limits(Duration::from_millis(60), 10)).await;
    relay.send_to(&[(4, gone)]);
    let answer = relay.ask(GET).await;
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    assert!(
        answer.contains(&format!("orders (run 4) cannot be reached at {gone}: ")),
        "{answer}"
    );
    let exchange = relay.exchange().await;
    assert!(
        matches!(exchange.status, ExchangeStatus::Failed(_)),
        "{exchange:?}"
    );
}

#[tokio::test]
async fn a_run_that_refuses_is_tried_again_until_it_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let relay = Arc::new(Relay::to(address).await);
    let asking = tokio::spawn({
        let relay = Arc::clone(&relay);
        async move {
            relay
                .ask(
                    &GET.replace("GET", "POST")
                        .replace("Host", "Content-Length: 0\r\nHost"),
                )
                .await
        }
    });
    tokio::time::sleep(Duration::from_millis(40)).await;
    let listener = TcpListener::bind(address).await.unwrap();
    let (mut stream, _) = timeout(SOON, listener.accept()).await.unwrap().unwrap();
    read_head(&mut stream).await;
    stream.write_all(OK.as_bytes()).await.unwrap();
    assert!(asking.await.unwrap().starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn replicas_take_turns_and_a_dead_one_is_passed_over() {
    let (one, first) = Run::answering(OK).await;
    let (two, second) = Run::answering(OK).await;
    let relay = Relay::holding(Limits::default()).await;
    relay.send_to(&[(1, one.address), (2, two.address)]);
    for _ in 0..10 {
        assert!(relay.ask(GET).await.starts_with("HTTP/1.1 200"));
    }
    assert_eq!(
        (first.lock().unwrap().len(), second.lock().unwrap().len()),
        (5, 5)
    );
    let mut caller = relay.connect().await;
    for _ in 0..10 {
        caller
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        read_until(&mut caller, "ok").await;
    }
    let (a, b) = (first.lock().unwrap().len(), second.lock().unwrap().len());
    assert!(a + b == 20 && a.abs_diff(b) <= 2, "{a} and {b}");
    one.kill();
    until("it is dead", || {
        std::net::TcpStream::connect(one.address).is_err()
    })
    .await;
    for _ in 0..10 {
        assert!(relay.ask(GET).await.starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn a_kept_connection_that_the_run_closed_is_replaced_unseen() {
    let run = Run::start(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(OK.as_bytes()).await.unwrap();
    })
    .await;
    let relay = Relay::to(run.address).await;
    let mut caller = relay.connect().await;
    for n in 0..30 {
        let request = if n % 2 == 0 {
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        } else {
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        };
        if n % 2 == 1 {
            // A request that may not be sent twice: give the close time to arrive, as a person would.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        caller.write_all(request.as_bytes()).await.unwrap();
        assert!(
            read_until(&mut caller, "ok")
                .await
                .starts_with("HTTP/1.1 200"),
            "request {n}"
        );
    }
}

#[tokio::test]
async fn only_what_may_be_repeated_is_repeated() {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    // Every connection breaks off after its second head, without an answer.
    let run = Run::start(move |mut stream| {
        let seen = Arc::clone(&seen);
        async move {
            read_head(&mut stream).await;
            stream.write_all(OK.as_bytes()).await.unwrap();
            if read_head(&mut stream).await.is_some() {
                seen.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    let relay = Relay::to(run.address).await;
    for (method, status) in [
        ("GET", "200"),
        ("DELETE", "200"),
        ("POST", "502"),
        ("PATCH", "502"),
    ] {
        let mut caller = relay.connect().await;
        let request = format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        caller.write_all(request.as_bytes()).await.unwrap();
        read_until(&mut caller, "ok").await;
        caller.write_all(request.as_bytes()).await.unwrap();
        let head = read_until(&mut caller, "\r\n\r\n").await;
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status}")),
            "{method}: {head}"
        );
    }
    assert_eq!(count.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_run_is_drained_when_its_last_plain_request_has_ended() {
    let (answer, answers) = mpsc::unbounded_channel::<()>();
    let answers = Arc::new(tokio::sync::Mutex::new(answers));
    let run = Run::start(move |mut stream| {
        let answers = Arc::clone(&answers);
        async move {
            let head = read_head(&mut stream).await.unwrap();
            if head.contains("/events") {
                stream
                    .write_all(
                        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n",
                    )
                    .await
                    .unwrap();
                read_to_end(&mut stream).await;
            } else {
                answers.lock().await.recv().await;
                stream.write_all(OK.as_bytes()).await.unwrap();
                // It sees the end of the connection though its caller stays.
                read_to_end(&mut stream).await;
            }
        }
    })
    .await;
    let (next, _) = Run::answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew").await;
    let relay = Relay::to(run.address).await;
    let (mut slow, mut events) = (relay.connect().await, relay.connect().await);
    slow.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    events
        .write_all(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut events, "data: 1\n\n").await;
    until("both have come", || {
        run.connections.load(Ordering::SeqCst) == 2
    })
    .await;
    relay.send_to(&[(2, next.address)]);
    let drained = tokio::spawn(relay.routes.drained(1));
    assert!(relay.ask(GET).await.ends_with("new"));
    assert!(!drained.is_finished());
    answer.send(()).unwrap();
    read_until(&mut slow, "ok").await;
    timeout(SOON, drained).await.unwrap().unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    assert!(
        read_until(&mut slow, "new")
            .await
            .starts_with("HTTP/1.1 200")
    );
    timeout(SOON, relay.routes.drained(99)).await.unwrap();
}

#[tokio::test]
async fn idle_connections_to_a_run_close_when_it_gets_no_more_requests() {
    let (ended, mut ends) = mpsc::unbounded_channel();
    let run = Run::start(move |mut stream| {
        let ended = ended.clone();
        async move {
            read_head(&mut stream).await;
            stream.write_all(OK.as_bytes()).await.unwrap();
            read_to_end(&mut stream).await;
            ended.send(()).unwrap();
        }
    })
    .await;
    let relay = Relay::to(run.address).await;
    let mut caller = relay.connect().await;
    caller
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut caller, "ok").await;
    relay.routes.set(&orders(), Target::Hold);
    timeout(SOON, ends.recv()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_caller_that_has_said_nothing_yet_goes_over_to_the_new_run() {
    let (ended, mut ends) = mpsc::unbounded_channel();
    let old = Run::start(move |mut stream| {
        let ended = ended.clone();
        async move { ended.send(read_to_end(&mut stream).await).unwrap() }
    })
    .await;
    let (new, _) = Run::answering(OK).await;
    let relay = Relay::to(old.address).await;
    let mut caller = relay.connect().await;
    until("it is connected early", || {
        old.connections.load(Ordering::SeqCst) == 1
    })
    .await;
    relay.send_to(&[(2, new.address)]);
    assert_eq!(timeout(SOON, ends.recv()).await.unwrap().unwrap(), "");
    caller
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut caller, "ok").await;
    assert_eq!(relay.exchange().await.run, 2);
}

/// 50 requests a second, half over new connections and half over a kept one, while runs replace each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_through_twenty_swaps() {
    let relay = Arc::new(Relay::holding(Limits::default()).await);
    let mut swaps = tokio::spawn(swap_twenty_times(Arc::clone(&relay)));
    let mut asking = JoinSet::new();
    let (kept_asks, kept_answers) = kept_caller(&relay).await;
    let mut ticks = tokio::time::interval(Duration::from_millis(40));
    let mut asked = 0;
    while !swaps.is_finished() {
        ticks.tick().await;
        let relay = Arc::clone(&relay);
        let post = GET
            .replace("GET", "POST")
            .replace("Host", "Content-Length: 0\r\nHost");
        asking.spawn(async move { relay.ask(&post).await });
        kept_asks.send(()).unwrap();
        asked += 1;
    }
    (&mut swaps).await.unwrap();
    drop(kept_asks);
    for answer in asking.join_all().await {
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
    }
    assert_eq!(kept_answers.await.unwrap(), asked);
    println!("{} requests through 20 swaps, none failed", 2 * asked);
    assert!(asked > 20);
}

/// A caller that asks over one connection for each message, and counts the good answers.
async fn kept_caller(relay: &Relay) -> (mpsc::UnboundedSender<()>, tokio::task::JoinHandle<usize>) {
    let (ask, mut asks) = mpsc::unbounded_channel();
    let mut caller = relay.connect().await;
    let answers = tokio::spawn(async move {
        let mut answers = 0;
        while asks.recv().await.is_some() {
            caller
                .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                .await
                .unwrap();
            assert!(
                read_until(&mut caller, "ok")
                    .await
                    .starts_with("HTTP/1.1 200")
            );
            answers += 1;
        }
        answers
    });
    (ask, answers)
}

/// Odd swaps overlap as processes do; even ones leave a gap in which requests are held, as containers do. The old run
/// is killed as soon as it is drained, at times before the route says so.
async fn swap_twenty_times(relay: Arc<Relay>) {
    let start = || async {
        Run::start(|mut stream: TcpStream| async move {
            while read_head(&mut stream).await.is_some() {
                tokio::time::sleep(Duration::from_millis(5)).await;
                if stream.write_all(OK.as_bytes()).await.is_err() {
                    return;
                }
            }
        })
        .await
    };
    let mut old = start().await;
    relay.send_to(&[(1, old.address)]);
    for swap in 2..=21 {
        let began = Instant::now();
        if swap % 2 == 0 {
            relay.routes.set(&orders(), Target::Hold);
            relay.routes.drained(swap - 1).await;
            old.kill();
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        let new = start().await;
        relay.send_to(&[(swap, new.address)]);
        relay.routes.drained(swap - 1).await;
        old.kill();
        old = new;
        tokio::time::sleep(Duration::from_millis(100).saturating_sub(began.elapsed())).await;
    }
    // The last run outlives the requests that are still coming.
    std::mem::forget(old);
}

#[tokio::test]
async fn the_end_waits_for_what_is_under_way_and_for_nothing_else() {
    let (answer, answers) = mpsc::unbounded_channel::<()>();
    let answers = Arc::new(tokio::sync::Mutex::new(answers));
    let run = Run::start(move |mut stream| {
        let answers = Arc::clone(&answers);
        async move {
            let head = read_head(&mut stream).await.unwrap();
            if head.contains("/chat") {
                stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").await.unwrap();
            } else {
                answers.lock().await.recv().await;
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
            read_to_end(&mut stream).await;
        }
    })
    .await;
    let mut relay = Relay::to(run.address).await;
    let (mut slow, mut chat, mut silent) = (
        relay.connect().await,
        relay.connect().await,
        relay.connect().await,
    );
    chat.write_all(b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut chat, "\r\n\r\n").await;
    slow.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    until("all are connected", || {
        run.connections.load(Ordering::SeqCst) == 3
    })
    .await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    relay.stop();
    assert_eq!(
        (read_to_end(&mut chat).await, read_to_end(&mut silent).await),
        (String::new(), String::new())
    );
    assert!(TcpStream::connect(relay.address).await.is_err());
    answer.send(()).unwrap();
    assert!(read_to_end(&mut slow).await.ends_with("ok"));
    relay.ended().await;
}

#[tokio::test]
async fn the_end_is_bounded() {
    let run = Run::start(|mut stream| async move {
        read_head(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let bound = Duration::from_millis(80);
    let mut relay = Relay::holding(Limits {
        farewell: bound,
        ..Limits::default()
    })
    .await;
    relay.send_to(&[(1, run.address)]);
    let mut slow = relay.connect().await;
    slow.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    relay.stop();
    let recorded = Arc::clone(&relay.recorded);
    relay.ended().await;
    assert_eq!(read_to_end(&mut slow).await, "");
    let recorded = recorded.lock().unwrap();
    assert!(
        matches!(&recorded[..], [one] if one.is_error()),
        "{recorded:?}"
    );
}
