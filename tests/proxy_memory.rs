//! A large body flows through the relay in both directions without being kept. Alone in its program, because it
//! looks at the whole program's memory.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it measured"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use boatyard::proxy::{self, Edge, Limits, Routes, Target, Upstream};
use boatyard::stack::Reach;

#[path = "support/frames.rs"]
mod frames;

const MIB: usize = 1 << 20;
/// What the ends move at once; small, because it is their memory that is looked at too.
const PIECE: usize = 16 << 10;
/// Sizes of the bodies: the first makes every buffer that there will be.
const BODIES: [usize; 2] = [16 * MIB, 1024 * MIB];

/// Memory that this program holds, in bytes.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn read_head(stream: &mut TcpStream) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
}

/// Sends a whole body, and gives back the most memory that was held meanwhile.
fn send(stream: &mut TcpStream, body: usize) -> usize {
    let mut most = 0;
    for _ in 0..body / MIB {
        for _ in 0..MIB / PIECE {
            stream.write_all(&[0xa5; PIECE]).unwrap();
        }
        most = most.max(resident());
    }
    most
}

fn receive(stream: &mut TcpStream, body: usize) {
    let (mut buffer, expected) = ([0; PIECE], [0xa5; PIECE]);
    let mut left = body;
    while left > 0 {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0 && buffer[..read] == expected[..read]);
        left -= read;
    }
}

/// Takes an upload, then sends a download, for each size.
fn run() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        for body in BODIES {
            read_head(&mut stream);
            receive(&mut stream, body);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {body}\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            send(&mut stream, body);
        }
        // The caller ends the connection.
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    });
    address
}

/// The caller's end of a relay over HTTP/1.1: uploads and takes downloads; the most memory that was held for each size.
fn over_http_1(relay: SocketAddr) -> [usize; 2] {
    let mut caller = TcpStream::connect(relay).unwrap();
    BODIES.map(|body| {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {body}\r\n\r\n");
        caller.write_all(head.as_bytes()).unwrap();
        let upload = send(&mut caller, body);
        read_head(&mut caller);
        receive(&mut caller, body);
        upload.max(resident())
    })
}

/// The same over HTTP/2, a stream for each size.
fn over_http_2(relay: SocketAddr) -> [usize; 2] {
    let mut caller = frames::Peer::new(TcpStream::connect(relay).unwrap(), true);
    let mut stream = 1;
    BODIES.map(|body| {
        // POST, http, `/`, and `a` as authority.
        caller.begin(stream, &[0x83, 0x86, 0x84, 0x01, 0x01, b'a']);
        let upload = caller.give(stream, body, resident);
        caller.take(stream, body);
        stream += 2;
        upload.max(resident())
    })
}

/// As [`run`], over HTTP/2.
fn run_http_2() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        // The relay asks at once, over the connection that it makes for its caller.
        let (stream, _) = listener.accept().unwrap();
        let mut peer = frames::Peer::new(stream, false);
        for (body, stream) in BODIES.into_iter().zip([1, 3]) {
            peer.take(stream, body);
            peer.begin(stream, &[0x88]);
            peer.give(stream, body, resident);
        }
        // Until the caller ends the connection.
        while peer.read().is_some() {}
    });
    address
}

fn grown(run: SocketAddr, over: impl FnOnce(SocketAddr) -> [usize; 2]) -> usize {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let routes = Arc::new(Routes::default());
    let upstream = Upstream {
        run: 1,
        reach: Reach::Only(run),
    };
    routes.set(&"orders".into(), Target::Runs(vec![upstream]));
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let relay = listener.local_addr().unwrap();
    let edge = Edge {
        caller: None,
        callee: "orders".into(),
        port: 0,
    };
    let never = std::future::pending();
    let limits = Limits::default();
    runtime.spawn(proxy::run(listener, edge, routes, |_| {}, limits, never));
    let [small, large] = over(relay);
    large.saturating_sub(small)
}

/// One after the other, because each looks at the whole program's memory.
#[test]
fn a_large_body_needs_no_memory() {
    for (name, grown) in [
        ("HTTP/1.1", grown(run(), over_http_1)),
        ("HTTP/2", grown(run_http_2(), over_http_2)),
    ] {
        println!(
            "{name}, {} MiB each way: memory grew by {} KiB",
            BODIES[1] / MIB,
            grown >> 10
        );
        assert!(grown < 4 * MIB, "{name}: it grew by {} KiB", grown >> 10);
    }
}
