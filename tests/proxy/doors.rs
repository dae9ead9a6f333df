//! Doors open, say who is in the way, and close.

use std::net::SocketAddr;
use std::sync::Arc;

use boatyard::proxy::{DoorError, Doors, Limits, Routes, Target};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::harness::{OK, Run, edge, orders, read_until, upstream};

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn doors() -> (Doors, Arc<Routes>) {
    let routes = Arc::new(Routes::default());
    let doors = Doors::new(Arc::clone(&routes), |_| {}, Limits::default());
    (doors, routes)
}

#[tokio::test]
async fn a_door_is_opened_once_moved_and_closed() {
    let (mut doors, routes) = doors();
    let (run, _) = Run::answering(OK).await;
    routes.set(&orders(), Target::Runs(vec![upstream(1, run.address)]));
    let first = doors.open(edge(), anywhere()).unwrap();
    assert_eq!(doors.open(edge(), anywhere()).unwrap(), first);
    assert_eq!(doors.open(edge(), first).unwrap(), first);
    assert_eq!(doors.address(&edge()), Some(first));
    let mut caller = TcpStream::connect(first).await.unwrap();
    caller
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut caller, "ok").await;
    doors.close(&edge()).await;
    assert_eq!(doors.address(&edge()), None);
    // Its port is free at once, though its caller still holds a connection.
    assert_eq!(doors.open(edge(), first).unwrap(), first);
    doors.close_all().await;
    assert!(TcpStream::connect(first).await.is_err());
    assert_eq!(doors.all().count(), 0);
}

#[tokio::test]
async fn a_taken_port_is_named_with_its_holder() {
    let (mut doors, _) = doors();
    let holder = std::net::TcpListener::bind(anywhere()).unwrap();
    let taken = holder.local_addr().unwrap();
    let error = doors.open(edge(), taken).unwrap_err();
    let words = error.to_string();
    assert!(
        words.starts_with(&format!("{taken} is taken by ")),
        "{words}"
    );
    assert!(
        words.contains(&format!("(pid {})", std::process::id())),
        "{words}"
    );
    let DoorError::Taken {
        owner: Some(owner), ..
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(owner.pid, std::process::id());
    assert_eq!(doors.address(&edge()), None);
    let elsewhere = SocketAddr::from(([203, 0, 113, 1], 1));
    let words = doors.open(edge(), elsewhere).unwrap_err().to_string();
    assert!(words.starts_with("203.0.113.1:1 "), "{words}");
}
