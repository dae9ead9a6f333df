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

use boatyard::proxy::{self, Edge, Limits, Reach, Routes, Target, Upstream};

const MIB: usize = 1 << 20;
/// Sizes of the bodies: the first makes every buffer that there will be.
const BODIES: [usize; 2] = [16 * MIB, 256 * MIB];

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
    let piece = vec![0xa5; MIB];
    let mut most = 0;
    for _ in 0..body / MIB {
        stream.write_all(&piece).unwrap();
        most = most.max(resident());
    }
    most
}

fn receive(stream: &mut TcpStream, body: usize) {
    let mut buffer = vec![0; MIB];
    let mut left = body;
    while left > 0 {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0 && buffer[..read].iter().all(|byte| *byte == 0xa5));
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

#[test]
fn a_large_body_needs_no_memory() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let routes = Arc::new(Routes::default());
    let upstream = Upstream {
        run: 1,
        reach: Reach::Only(run()),
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
    runtime.spawn(proxy::run(
        listener,
        edge,
        routes,
        |_| {},
        Limits::default(),
        never,
    ));
    let mut caller = TcpStream::connect(relay).unwrap();
    let mut most = BODIES.map(|body| {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {body}\r\n\r\n");
        caller.write_all(head.as_bytes()).unwrap();
        let upload = send(&mut caller, body);
        read_head(&mut caller);
        receive(&mut caller, body);
        upload.max(resident())
    });
    most.reverse();
    let [large, small] = most;
    let grown = large.saturating_sub(small);
    println!(
        "{} MiB each way: memory grew by {} KiB",
        BODIES[1] / MIB,
        grown >> 10
    );
    assert!(grown < 4 * MIB, "it grew by {} KiB", grown >> 10);
}
