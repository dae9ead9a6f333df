//! OTLP in: spans per second that one core takes, and whether any is lost.
//!
//! `cargo bench --bench otlp`. The receiver is a process of its own, on one core if `taskset` is there; the sender keeps 4
//! requests of 512 spans under way, of the kind that HTTP instrumentation makes (8 attributes). Told are spans per second
//! by the clock and by the receiver's own processor time; the second does not depend on what else the machine does.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking, and says what it measured"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use boatyard::adapters::otlp::{Ports, Receiver};
use boatyard::telemetry::Telemetry;
use flate2::Compression;
use flate2::write::GzEncoder;

const SPANS: u64 = 512;
const CONNECTIONS: u64 = 4;
/// Fewer than the ring holds, and many more.
const REQUESTS: [u64; 2] = [100, 2000];

fn main() {
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return serve();
    }
    for (name, gzip) in [("plain", false), ("gzip", true)] {
        for requests in REQUESTS {
            measure(name, gzip, requests);
        }
    }
}

/// The receiver: says its port, and at the end of its input what it has.
fn serve() {
    let telemetry = Arc::new(Telemetry::default());
    let ports = Ports { grpc: 0, http: 0 };
    let receiver = Receiver::start(Arc::clone(&telemetry), ports).unwrap();
    println!("{}", receiver.ports().http);
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    let spans = telemetry.spans();
    println!("{} {} {}", spans.len(), spans.dropped(), spans.used());
}

fn start() -> (Child, BufReader<std::process::ChildStdout>, u16) {
    let this = std::env::current_exe().unwrap();
    let pinned = Command::new("taskset").arg("-V").output().is_ok();
    let mut command = if pinned {
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).arg(&this);
        command
    } else {
        Command::new(&this)
    };
    let mut child = command
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut port = String::new();
    said.read_line(&mut port).unwrap();
    (child, said, port.trim().parse().unwrap())
}

fn measure(name: &str, gzip: bool, requests: u64) {
    let bodies: Vec<Vec<u8>> = (0..CONNECTIONS).map(|of| request(of, gzip)).collect();
    let (mut child, mut said, port) = start();
    let before = processor_seconds(child.id());
    let began = Instant::now();
    std::thread::scope(|scope| {
        for body in &bodies {
            scope.spawn(move || send(port, body, requests / CONNECTIONS));
        }
    });
    let took = began.elapsed().as_secs_f64();
    let used = processor_seconds(child.id()) - before;
    drop(child.stdin.take());
    let mut counts = String::new();
    said.read_line(&mut counts).unwrap();
    child.wait().unwrap();
    let counts: Vec<u64> = counts
        .split_whitespace()
        .map(|count| count.parse().unwrap())
        .collect();
    let sent = requests * SPANS;
    let lost = sent - counts[0] - counts[1];
    println!(
        "{name:<6} {sent:>8} spans of {} bytes: {:>8.0}/s by the clock, {:>8.0}/s of processor time; kept {} ({} MB), dropped {}, lost {lost}",
        bodies[0].len() as u64 / SPANS,
        sent as f64 / took,
        sent as f64 / used.max(0.01),
        counts[0],
        counts[2] >> 20,
        counts[1],
    );
    assert_eq!(lost, 0);
}

/// Sends a request again and again on one connection, and waits for each answer.
fn send(port: u16, request: &[u8], times: u64) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    for _ in 0..times {
        stream.write_all(request).unwrap();
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        assert!(line.contains(" 200 "), "{line}");
        // An answer that refuses nothing has no body.
        while line != "\r\n" {
            line.clear();
            answers.read_line(&mut line).unwrap();
        }
    }
}

/// Processor time that a process has used, user's and system's, in hundredths that are seconds here.
fn processor_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks: u64 = [11, 12]
        .iter()
        .map(|at| fields[*at].parse::<u64>().unwrap())
        .sum();
    ticks as f64 / 100.0
}

/// A whole request with an `ExportTraceServiceRequest`.
fn request(of: u64, gzip: bool) -> Vec<u8> {
    let spans: Vec<u8> = (0..SPANS)
        .flat_map(|n| field(2, &span(of * SPANS + n)))
        .collect();
    let resource = field(1, &attribute("service.name", "orders"));
    let scope = field(1, &field(1, b"opentelemetry.instrumentation.flask"));
    let scope_spans = field(2, &[scope, spans].concat());
    let mut body = field(1, &[field(1, &resource), scope_spans].concat());
    let mut head =
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n"
            .to_owned();
    if gzip {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&body).unwrap();
        body = packed.finish().unwrap();
        head.push_str("content-encoding: gzip\r\n");
    }
    let head = format!("{head}content-length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body].concat()
}

fn span(n: u64) -> Vec<u8> {
    let trace = (u128::from(n / 8 + 1) << 64 | 0x1234_5678).to_be_bytes();
    let start = 1_700_000_000_000_000_000_u64 + n * 1_000_000;
    let fixed = |number: u8, value: u64| [&[number << 3 | 1][..], &value.to_le_bytes()].concat();
    let mut span = [
        field(1, &trace),
        field(2, &(n + 1).to_be_bytes()),
        field(4, &(n / 8 + 1).to_be_bytes()),
        field(5, b"GET /orders/<id>"),
        vec![6 << 3, 2],
        fixed(7, start),
        fixed(8, start + 5_000_000),
    ]
    .concat();
    for (name, value) in [
        ("http.method", "GET"),
        ("http.server_name", "0.0.0.0"),
        ("http.scheme", "http"),
        ("http.host", "orders:8000"),
        ("http.target", "/orders/17?full=1"),
        ("net.peer.ip", "172.18.0.4"),
        ("http.user_agent", "python-requests/2.32.3"),
        ("http.route", "/orders/<id>"),
    ] {
        span.extend(field(9, &attribute(name, value)));
    }
    span
}

fn attribute(name: &str, value: &str) -> Vec<u8> {
    let value = field(2, &field(1, value.as_bytes()));
    [field(1, name.as_bytes()), value].concat()
}

/// A length-delimited field.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap());
    bytes.extend_from_slice(content);
    bytes
}
