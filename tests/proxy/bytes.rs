//! Connections that are not HTTP.

use boatyard::proxy::Limits;
use boatyard::telemetry::ExchangeStatus;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::harness::{Relay, Run, read_to_end, read_until};

#[tokio::test]
async fn half_close_goes_through_in_both_directions() {
    let run = Run::start(|mut stream| async move {
        let said = read_to_end(&mut stream).await;
        stream
            .write_all(said.to_uppercase().as_bytes())
            .await
            .unwrap();
    })
    .await;
    let relay = Relay::to(run.address).await;
    let mut caller = relay.connect().await;
    caller.write_all(b"set key value\r\n").await.unwrap();
    caller.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut caller).await, "SET KEY VALUE\r\n");
    let exchange = relay.exchange().await;
    assert_eq!(
        (exchange.method.as_str(), exchange.status),
        ("TCP", ExchangeStatus::Bytes)
    );
    assert_eq!(
        (
            exchange.request_bytes,
            exchange.response_bytes,
            exchange.run
        ),
        (15, 15, 1)
    );
}

#[tokio::test]
async fn a_run_that_ends_first_still_hears_the_caller() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let run = Run::start(move |mut stream| {
        let tell = tell.clone();
        async move {
            stream.write_all(b"220 hello\r\n").await.unwrap();
            stream.shutdown().await.unwrap();
            tell.send(read_to_end(&mut stream).await).unwrap();
        }
    })
    .await;
    let relay = Relay::to(run.address).await;
    let mut caller = relay.connect().await;
    assert_eq!(read_to_end(&mut caller).await, "220 hello\r\n");
    caller.write_all(b"QUIT\r\n").await.unwrap();
    drop(caller);
    assert_eq!(told.recv().await.unwrap(), "QUIT\r\n");
}

#[tokio::test]
async fn a_run_that_speaks_first_is_heard_at_once_even_after_waiting_for_it() {
    let run = Run::start(|mut stream| async move {
        stream.write_all(b"220 mail\r\n").await.unwrap();
        read_until(&mut stream, "QUIT\r\n").await;
    })
    .await;
    let relay = Relay::holding(Limits::default()).await;
    let mut caller = relay.connect().await;
    relay.send_to(&[(1, run.address)]);
    assert_eq!(read_until(&mut caller, "\r\n").await, "220 mail\r\n");
    // What looks like HTTP is bytes once the run has spoken first.
    caller
        .write_all(b"GET / HTTP/1.1\r\nQUIT\r\n")
        .await
        .unwrap();
    assert_eq!(read_to_end(&mut caller).await, "");
    drop(caller);
    assert_eq!(relay.exchange().await.method, "TCP");
}

#[tokio::test]
async fn bytes_are_held_until_a_run_is_ready() {
    let run = Run::start(|mut stream| async move {
        read_until(&mut stream, "PING\r\n").await;
        stream.write_all(b"+PONG\r\n").await.unwrap();
    })
    .await;
    let relay = Relay::holding(Limits::default()).await;
    let mut caller = relay.connect().await;
    caller.write_all(b"*1\r\n$4\r\nPING\r\n").await.unwrap();
    super::until::until("it is held", || {
        relay.routes.held(&super::harness::orders()) == 1
    })
    .await;
    relay.send_to(&[(1, run.address)]);
    assert_eq!(read_until(&mut caller, "\r\n").await, "+PONG\r\n");
    drop(caller);
    assert!(!relay.exchange().await.held.is_zero());
}

#[tokio::test]
async fn http_2_and_tls_pass_untouched() {
    for hello in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"[..],
        b"\x16\x03\x01\x00\x05hello",
        b"\0\0\0\x08\x04\xd2\x16\x2f",
    ] {
        let run = Run::start(|mut stream| async move {
            let mut buffer = vec![0; 1 << 10];
            let read = stream.read(&mut buffer).await.unwrap();
            stream.write_all(&buffer[..read]).await.unwrap();
        })
        .await;
        let relay = Relay::to(run.address).await;
        let mut caller = relay.connect().await;
        caller.write_all(hello).await.unwrap();
        let mut echo = Vec::new();
        caller.read_to_end(&mut echo).await.unwrap();
        assert_eq!(echo, hello);
    }
}

#[tokio::test]
async fn a_port_check_is_no_exchange() {
    let run = Run::start(|mut stream| async move {
        read_to_end(&mut stream).await;
    })
    .await;
    let relay = Relay::to(run.address).await;
    for _ in 0..5 {
        let mut caller = relay.connect().await;
        caller.shutdown().await.unwrap();
        read_to_end(&mut caller).await;
    }
    assert!(relay.recorded.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_reset_arrives_as_a_reset() {
    let run = Run::start(|mut stream: TcpStream| async move {
        read_until(&mut stream, "x").await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    let relay = Relay::to(run.address).await;
    let mut caller = relay.connect().await;
    caller.write_all(b"\x01x").await.unwrap();
    let error = caller.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

/// A `ClientHello` that asks for `db.test`, in two records.
fn client_hello() -> Vec<u8> {
    let name = b"db.test";
    let mut hello = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0]].concat();
    let length = u8::try_from(name.len()).unwrap();
    hello.extend([
        0,
        length + 9,
        0,
        0,
        0,
        length + 5,
        0,
        length + 3,
        0,
        0,
        length,
    ]);
    hello.extend(name);
    let message = [&[1, 0, 0, u8::try_from(hello.len()).unwrap()][..], &hello].concat();
    let records = message.chunks(20);
    records
        .flat_map(|part| [&[22, 3, 1, 0, u8::try_from(part.len()).unwrap()][..], part].concat())
        .collect()
}

#[tokio::test]
async fn a_tls_connection_is_told_by_the_name_that_is_asked_for() {
    let hello = client_hello();
    let length = hello.len();
    let run = Run::start(move |mut stream| async move {
        let mut said = vec![0; length];
        stream.read_exact(&mut said).await.unwrap();
        stream.write_all(&said).await.unwrap();
    })
    .await;
    let relay = Relay::to(run.address).await;
    let mut caller = relay.connect().await;
    let (first, second) = hello.split_at(17);
    caller.write_all(first).await.unwrap();
    // The first part is on its way to the run before the second is sent.
    while run.connections.load(std::sync::atomic::Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    caller.write_all(second).await.unwrap();
    let mut echo = vec![0; length];
    caller.read_exact(&mut echo).await.unwrap();
    assert_eq!(echo, hello);
    drop(caller);
    let exchange = relay.exchange().await;
    assert_eq!(
        (
            exchange.method.as_str(),
            exchange.path.as_str(),
            exchange.status
        ),
        ("TLS", "db.test", ExchangeStatus::Bytes)
    );
    assert!(exchange.request_body.is_none() && exchange.request_bytes == length as u64);
}

#[tokio::test]
async fn a_greeting_arrives_although_the_caller_says_nothing() {
    for greeting in [
        &b"220 mail ready\r\n"[..],
        b"J\0\0\0\x0a8.0.36\0",
        b"\0\0\0\x04",
    ] {
        let run = Run::start(move |mut stream| async move {
            stream.write_all(greeting).await.unwrap();
            read_to_end(&mut stream).await;
        })
        .await;
        let relay = Relay::to(run.address).await;
        let mut caller = relay.connect().await;
        let mut said = vec![0; greeting.len()];
        // The last might become the greeting of an HTTP/2 server, which does not have the first word; so it takes a while.
        let within = std::time::Duration::from_secs(8);
        let came = tokio::time::timeout(within, caller.read_exact(&mut said)).await;
        assert!(came.is_ok_and(|read| read.is_ok()) && said == greeting);
    }
}
