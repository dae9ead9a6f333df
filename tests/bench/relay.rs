//! The relay beside a plain hyper proxy and nginx (if it is installed), in the same run, in turns.
//!
//! `cargo bench --bench relay`. Every proxy is a process of its own, and so is the run behind it. 32 connections with
//! keep-alive ask as fast as they can (`wrk` where it is installed, otherwise this program); then one asks 500 times a
//! second. Besides requests per second it tells each proxy's processor time a request, which other programs on the
//! machine disturb less.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking, and says what it measured"
)]

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use boatyard::proxy::{self, Edge, Limits, Policy, Routes, Target, Upstream};
use boatyard::stack::Reach;
use boatyard::telemetry::Telemetry;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

const CONNECTIONS: usize = 32;
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(3);
const SIZES: [usize; 2] = [100, 10 << 10];
const REQUEST: &[u8] = b"GET /orders/17?full=1 HTTP/1.1\r\nHost: orders:8000\r\nUser-Agent: bench\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("serve") => serve(arguments[2].parse().unwrap()).await,
        Some("relay") => relay(arguments[2].parse().unwrap(), true).await,
        Some("untraced") => relay(arguments[2].parse().unwrap(), false).await,
        Some("hyper") => plain_hyper(arguments[2].parse().unwrap()).await,
        _ => compare().await,
    }
}

/// A proxy under test, ended when dropped.
struct Contender {
    name: &'static str,
    address: SocketAddr,
    process: Option<Child>,
}

impl Contender {
    /// Processor time of its process and of its workers so far, in seconds.
    fn worked(&self) -> f64 {
        let Some(process) = &self.process else {
            return 0.0;
        };
        let pid = process.id();
        let workers = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let workers = workers.unwrap_or_default();
        let pids = workers
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok());
        pids.chain([pid]).map(worked).sum()
    }
}

/// Processor time of a process, in seconds: `utime` and `stime` of `/proc/PID/stat`, in hundredths.
fn worked(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let words = after_name.split_whitespace().skip(11).take(2);
    words
        .filter_map(|word| word.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

impl Drop for Contender {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // Not killed, because nginx has workers to take with it.
            let pid = Pid::from_child(process);
            kill_process(pid, Signal::TERM).unwrap();
            process.wait().unwrap();
        }
    }
}

async fn compare() {
    for size in SIZES {
        let run = child("serve", &size.to_string());
        let mut contenders = vec![Contender {
            name: "direct",
            address: run.address,
            process: None,
        }];
        for name in ["relay", "untraced", "hyper"] {
            contenders.push(child(name, &run.address.to_string()));
        }
        match nginx(run.address) {
            Some(nginx) => contenders.push(nginx),
            None => println!("nginx is not installed, so it is left out"),
        }
        println!("\nanswers of {size} bytes, {CONNECTIONS} connections, median of {ROUNDS} rounds");
        throughput(&contenders).await;
        if size == SIZES[0] {
            println!("\none connection, 500 requests a second");
            latency(&contenders).await;
        }
    }
}

async fn throughput(contenders: &[Contender]) {
    let mut rates = vec![Vec::new(); contenders.len()];
    let mut costs = vec![Vec::new(); contenders.len()];
    for _ in 0..ROUNDS {
        for (at, contender) in contenders.iter().enumerate() {
            let before = contender.worked();
            let rate = match wrk(contender.address).await {
                Some(rate) => rate,
                None => hammer(contender.address).await,
            };
            rates[at].push(rate);
            let asked = rate * ROUND.as_secs_f64();
            costs[at].push((contender.worked() - before) * 1e6 / asked);
        }
    }
    let middle = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[ROUNDS / 2]
    };
    let rates: Vec<f64> = rates.iter_mut().map(middle).collect();
    let last = rates.last().copied().unwrap_or_default();
    for ((contender, rate), costs) in contenders.iter().zip(&rates).zip(&mut costs) {
        let (name, cost) = (contender.name, middle(costs));
        println!(
            "{name:>9}: {rate:>8.0} requests/s, {:.2} x {}, {cost:.1} µs of processor a request",
            rate / last,
            contenders[contenders.len() - 1].name
        );
    }
}

/// Requests per second as `wrk` tells them; `None` if it is not installed.
async fn wrk(address: SocketAddr) -> Option<f64> {
    let mut wrk = tokio::process::Command::new("wrk");
    wrk.args(["-t1", &format!("-c{CONNECTIONS}")]);
    wrk.arg(format!("-d{}s", ROUND.as_secs()));
    for header in ["User-Agent: bench", "Accept: */*", "Accept-Encoding: gzip"] {
        wrk.args(["-H", header]);
    }
    wrk.arg(format!("http://{address}/orders/17?full=1"));
    let said = wrk.output().await.ok()?.stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(!said.contains("Non-2xx"), "{said}");
    let (_, rate) = said.split_once("Requests/sec:")?;
    rate.split_whitespace().next()?.parse().ok()
}

/// Requests per second that all connections together get answered.
async fn hammer(address: SocketAddr) -> f64 {
    let mut asking = JoinSet::new();
    let until = Instant::now() + ROUND;
    for _ in 0..CONNECTIONS {
        asking.spawn(async move {
            let mut caller = Caller::connect(address).await;
            let mut count = 0_u64;
            while Instant::now() < until {
                caller.ask().await;
                count += 1;
            }
            count
        });
    }
    let count: u64 = asking.join_all().await.into_iter().sum();
    count as f64 / ROUND.as_secs_f64()
}

async fn latency(contenders: &[Contender]) {
    let mut direct = None;
    for contender in contenders {
        let mut caller = Caller::connect(contender.address).await;
        let mut ticks = interval(Duration::from_millis(2));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut times = Vec::new();
        for _ in 0..2_500 {
            ticks.tick().await;
            let began = Instant::now();
            caller.ask().await;
            times.push(began.elapsed());
        }
        times.sort();
        let (half, most) = (times[times.len() / 2], times[times.len() * 99 / 100]);
        let (base_half, base_most) = *direct.get_or_insert((half, most));
        println!(
            "{:>9}: p50 {half:?}, p99 {most:?}; over direct {:?} and {:?}",
            contender.name,
            half.saturating_sub(base_half),
            most.saturating_sub(base_most)
        );
    }
}

/// One connection that asks.
struct Caller {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Bytes of an answer, known after the first.
    answer: Option<usize>,
}

impl Caller {
    async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: vec![0; 64 << 10],
            answer: None,
        }
    }

    async fn ask(&mut self) {
        self.stream.write_all(REQUEST).await.unwrap();
        let mut read = 0;
        loop {
            let count = self.stream.read(&mut self.buffer[read..]).await.unwrap();
            assert!(count > 0, "the answer breaks off");
            read += count;
            let expected = self.answer.or_else(|| length_of(&self.buffer[..read]));
            if expected.is_some_and(|expected| read >= expected) {
                self.answer = expected;
                return;
            }
        }
    }
}

/// How long an answer is, head and body.
fn length_of(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head])
        .unwrap()
        .to_ascii_lowercase();
    assert!(text.starts_with("http/1.1 200"), "{text}");
    let (_, length) = text.split_once("content-length: ")?;
    Some(head + length.split_once('\r')?.0.parse::<usize>().unwrap())
}

/// This program again in another part; it says its port first.
fn child(part: &'static str, argument: &str) -> Contender {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([part, argument]).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    Contender {
        name: part,
        address: line.trim().parse().unwrap(),
        process: Some(process),
    }
}

async fn listen() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    listener
}

/// The run: answers every head that it reads.
async fn serve(size: usize) {
    let listener = listen().await;
    let body = "x".repeat(size);
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n{body}"
    );
    let answer: Arc<[u8]> = answer.into_bytes().into();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let answer = Arc::clone(&answer);
        tokio::spawn(async move {
            stream.set_nodelay(true).unwrap();
            let mut buffer = vec![0; 16 << 10];
            let mut filled = 0;
            while let Ok(read @ 1..) = stream.read(&mut buffer[filled..]).await {
                filled += read;
                if buffer[..filled].ends_with(b"\r\n\r\n") {
                    filled = 0;
                    if stream.write_all(&answer).await.is_err() {
                        return;
                    }
                }
            }
        });
    }
}

async fn relay(run: SocketAddr, trace: bool) {
    let listener = listen().await;
    let routes = Arc::new(Routes::default());
    let upstream = Upstream {
        run: 1,
        reach: Reach::Only(run),
    };
    routes.set(&"orders".into(), Target::Runs(vec![upstream]));
    routes.set_policy(
        &"orders".into(),
        Policy {
            trace,
            ..Policy::default()
        },
    );
    let edge = Edge {
        caller: None,
        callee: "orders".into(),
        port: 0,
    };
    let recorder = proxy::into_store(Arc::new(Telemetry::default()));
    proxy::run(
        listener,
        edge,
        routes,
        recorder,
        Limits::default(),
        std::future::pending(),
    )
    .await;
}

/// What a reverse proxy of hyper's own parts does at the least: one connection to the run for each of the caller's.
async fn plain_hyper(run: SocketAddr) {
    let listener = listen().await;
    loop {
        let (caller, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            caller.set_nodelay(true).unwrap();
            let stream = TcpStream::connect(run).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
                .await
                .unwrap();
            tokio::spawn(connection);
            let sender = Arc::new(tokio::sync::Mutex::new(sender));
            let service = service_fn(move |request: Request<Incoming>| {
                let sender = Arc::clone(&sender);
                async move {
                    let mut sender = sender.lock().await;
                    sender.ready().await.unwrap();
                    let answer: Response<Incoming> = sender.send_request(request).await.unwrap();
                    Ok::<_, Infallible>(answer)
                }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(caller), service);
            // The end of the round breaks connections off.
            drop(connection.await);
        });
    }
}

/// nginx as a reverse proxy with kept connections and its access log on, if it is installed.
fn nginx(run: SocketAddr) -> Option<Contender> {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let folder = std::env::temp_dir().join(format!("boatyard-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let at = folder.display();
    let configuration = format!(
        "worker_processes 2; pid {at}/pid; error_log {at}/error.log; daemon off;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log {at}/access.log; keepalive_requests 100000000; client_body_temp_path {at}/body;\n\
         proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;\n\
         upstream run {{ server {run}; keepalive 64; keepalive_requests 100000000; }}\n\
         server {{ listen {address}; location / {{ proxy_pass http://run; proxy_http_version 1.1;\n\
         proxy_set_header Connection \"\"; proxy_set_header Host $http_host; }} }} }}\n"
    );
    let file = folder.join("nginx.conf");
    std::fs::write(&file, configuration).unwrap();
    let process = Command::new("nginx")
        .arg("-c")
        .arg(&file)
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let began = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "nginx does not start"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    Some(Contender {
        name: "nginx",
        address,
        process: Some(process),
    })
}
