//! Front doors that let one request in at a time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use boatyard::proxy::{Doors, Edge, Limits, Routes, Target};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::harness::{OK, Run, edge, orders, read_head, read_to_end, upstream};
use super::until::until;

/// A run that answers when so many requests are with it at once, and how many were at most.
async fn gathering(wanted: usize) -> (Run, Arc<AtomicUsize>) {
    let (now, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let seen = Arc::clone(&most);
    let run = Run::start(move |mut stream| {
        let (now, most) = (Arc::clone(&now), Arc::clone(&seen));
        async move {
            while read_head(&mut stream).await.is_some() {
                let with_it = now.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(with_it, Ordering::SeqCst);
                until("enough are here", || most.load(Ordering::SeqCst) >= wanted).await;
                now.fetch_sub(1, Ordering::SeqCst);
                if stream.write_all(OK.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (run, most)
}

async fn ask(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    read_to_end(&mut stream).await
}

async fn all_answered(address: SocketAddr, count: usize) {
    let mut asking = JoinSet::new();
    for _ in 0..count {
        asking.spawn(ask(address));
    }
    for answer in asking.join_all().await {
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

fn at_the_front() -> Edge {
    Edge {
        caller: None,
        ..edge()
    }
}

#[tokio::test]
async fn one_at_a_time_while_it_is_on_and_all_at_once_when_it_is_off() {
    let routes = Arc::new(Routes::default());
    let mut doors = Doors::new(Arc::clone(&routes), |_| {}, Limits::default());
    let address = doors.open(at_the_front(), ([127, 0, 0, 1], 0).into());
    let address = address.unwrap();
    let (run, most) = gathering(1).await;
    routes.set(&orders(), Target::Runs(vec![upstream(1, run.address)]));
    routes.set_solo(true);
    all_answered(address, 8).await;
    assert_eq!(most.load(Ordering::SeqCst), 1);
    routes.set_solo(false);
    let (run, most) = gathering(3).await;
    routes.set(&orders(), Target::Runs(vec![upstream(2, run.address)]));
    all_answered(address, 3).await;
    assert_eq!(most.load(Ordering::SeqCst), 3);
}
