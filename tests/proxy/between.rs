//! A relay between containers, as a process of its own: what it is told, whom it knows, and what it tells.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use boatyard::proxy::{Mesh, MeshNews, Policy, RELAY_WORD, Target, Upstream};
use boatyard::stack::{Reach, ServiceName};
use boatyard::telemetry::{Exchange, Telemetry};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::harness::SOON;
use super::until::until;

/// This side of relays.
struct Side {
    mesh: Mesh,
    news: mpsc::UnboundedReceiver<MeshNews>,
    recorded: Arc<Mutex<Vec<Exchange>>>,
    telemetry: Arc<Telemetry>,
    folder: TempDir,
}

/// A relay's process, which ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Side {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (tell, news) = mpsc::unbounded_channel();
        let recorded = Arc::new(Mutex::new(Vec::new()));
        let telemetry = Arc::new(Telemetry::default());
        let keep = Arc::clone(&recorded);
        let record = move |exchange| keep.lock().unwrap().push(exchange);
        let mesh = Mesh::open(folder.path(), record, Arc::clone(&telemetry), tell).unwrap();
        Self {
            mesh,
            news,
            recorded,
            telemetry,
            folder,
        }
    }

    fn run(&self, key: &str) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_boatyard"));
        command
            .arg(RELAY_WORD)
            .arg("--socket")
            .arg(self.folder.path().join(Mesh::SOCKET))
            .args(["--key", key])
            .stdin(Stdio::null());
        Running(command.spawn().unwrap())
    }

    async fn next(&mut self) -> MeshNews {
        timeout(SOON, self.news.recv()).await.unwrap().unwrap()
    }

    async fn recorded(&self, count: usize) -> Vec<Exchange> {
        until("the exchanges are told", || {
            self.recorded.lock().unwrap().len() >= count
        })
        .await;
        self.recorded.lock().unwrap().clone()
    }
}

/// A server that answers everything with this word.
async fn server(word: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") {
                    if stream.read_buf(&mut asked).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let length = word.len();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{word}"
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            });
        }
    });
    address
}

/// A port that is free at this moment.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn to(run: u64, address: SocketAddr) -> Target {
    let reach = Reach::Only(address);
    Target::Runs(vec![Upstream { run, reach }])
}

async fn ask(port: u16, host: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("GET /x HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // A connection that is reset is answered with nothing.
    drop(
        timeout(SOON, stream.read_to_string(&mut answer))
            .await
            .unwrap(),
    );
    answer
        .rsplit("\r\n\r\n")
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_at_one_port_are_told_apart_and_callers_are_known() {
    let mut side = Side::new();
    let (orders, payments) = (ServiceName::from("orders"), ServiceName::from("payments"));
    let port = free_port();
    let (relay, key) = side.mesh.expect(vec![orders.clone(), payments.clone()]);
    let elsewhere = ServiceName::from("elsewhere");
    for service in [&orders, &payments, &elsewhere] {
        side.mesh.ports(service, &[port]);
    }
    side.mesh.set(&orders, to(1, server("orders!").await));
    side.mesh.set(&payments, to(2, server("payments!").await));
    side.mesh
        .caller(Ipv4Addr::LOCALHOST.into(), Some("web".into()));
    let _running = side.run(&key);
    assert_eq!(side.next().await, MeshNews::Up { relay });
    assert!(side.mesh.carries(&orders) && !side.mesh.carries(&elsewhere));
    assert_eq!(ask(port, "orders").await, "orders!");
    assert_eq!(
        ask(port, &format!("Payments-1.stack:{port}")).await,
        "payments!"
    );
    let recorded = side.recorded(2).await;
    let seen: Vec<_> = recorded
        .iter()
        .map(|one| {
            (
                one.caller.as_ref().map(ServiceName::as_str),
                one.callee.as_str(),
                one.run,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [(Some("web"), "orders", 1), (Some("web"), "payments", 2)]
    );

    // Who asks for neither is sent where its caller is declared to call, and nowhere if that is not known.
    assert_eq!(ask(port, "shop.test").await, "");
    let services = vec![orders.clone(), payments.clone()];
    assert_eq!(side.next().await, MeshNews::Undecided { port, services });
    let policy = Policy::default();
    side.mesh
        .describe(&"web".into(), policy, vec![payments.clone()]);
    side.mesh.settled().await;
    assert_eq!(ask(port, "shop.test").await, "payments!");

    // Headers pass untouched and nothing is told where a service is not traced.
    let untraced = Policy {
        trace: false,
        ..Policy::default()
    };
    side.mesh.describe(&orders, untraced, Vec::new());
    side.mesh.settled().await;
    assert_eq!(ask(port, "orders").await, "orders!");
    assert_eq!(ask(port, "payments").await, "payments!");
    let recorded = side.recorded(4).await;
    assert!(recorded[2..].iter().all(|one| one.callee == payments));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_held_and_led_on_and_a_new_relay_knows_all_that_the_old_one_did() {
    let mut side = Side::new();
    let orders = ServiceName::from("orders");
    let port = free_port();
    let (relay, key) = side.mesh.expect(vec![orders.clone()]);
    side.mesh.ports(&orders, &[port]);
    let running = side.run(&key);
    assert_eq!(side.next().await, MeshNews::Up { relay });
    let waiting = tokio::spawn(ask(port, "orders"));
    until("it is held, and that is told", || {
        side.telemetry.held().of(&"orders".into()).is_some()
    })
    .await;
    side.mesh.set(&orders, to(1, server("one").await));
    assert_eq!(waiting.await.unwrap(), "one");
    until("nothing is held", || side.telemetry.held().total() == 0).await;
    side.mesh.set(&orders, to(2, server("two").await));
    timeout(SOON, side.mesh.drained(1)).await.unwrap();
    assert_eq!(ask(port, "orders").await, "two");

    let held = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    side.mesh.set(&orders, Target::Hold);
    side.mesh.settled().await;
    let broken = tokio::spawn(ask(port, "orders"));
    until("it is held", || side.telemetry.held().total() == 1).await;
    drop((running, held));
    assert_eq!(side.next().await, MeshNews::Down { relay });
    assert_eq!(side.telemetry.held().total(), 0);
    assert_eq!(broken.await.unwrap(), "");
    timeout(SOON, side.mesh.drained(2)).await.unwrap();
    side.mesh.set(&orders, to(3, server("three").await));
    let _running = side.run(&key);
    assert_eq!(side.next().await, MeshNews::Up { relay });
    assert_eq!(ask(port, "orders").await, "three");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_it_says_farewell_all_that_passed_has_been_told() {
    let mut side = Side::new();
    let orders = ServiceName::from("orders");
    let port = free_port();
    let (relay, key) = side.mesh.expect(vec![orders.clone()]);
    side.mesh.ports(&orders, &[port]);
    side.mesh.set(&orders, to(1, server("one").await));
    let _running = side.run(&key);
    assert_eq!(side.next().await, MeshNews::Up { relay });
    for _ in 0..20 {
        assert_eq!(ask(port, "orders").await, "one");
    }
    // What is under way may end.
    let slow = TcpListener::bind("127.0.0.1:0").await.unwrap();
    side.mesh.set(&orders, to(2, slow.local_addr().unwrap()));
    side.mesh.settled().await;
    let under_way = tokio::spawn(ask(port, "orders"));
    let (mut stream, _) = timeout(SOON, slow.accept()).await.unwrap().unwrap();
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        let count = timeout(SOON, stream.read_buf(&mut asked)).await.unwrap();
        assert_ne!(count.unwrap(), 0, "the request comes");
    }
    let farewell = tokio::spawn(side.mesh.farewell());
    side.mesh.settled().await;
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    stream.write_all(answer).await.unwrap();
    assert_eq!(under_way.await.unwrap(), "ok");
    timeout(SOON, farewell).await.unwrap().unwrap();
    let recorded = side.recorded.lock().unwrap().clone();
    assert_eq!(recorded.len(), 21, "{:?}", recorded.last());
    assert!(recorded.iter().all(|one| !one.is_error()));
    // Nobody is let in any more, and to be asked again is no harm.
    assert_eq!(ask(port, "orders").await, "");
    timeout(SOON, side.mesh.farewell()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_ends_with_its_session_and_one_without_a_key_is_not_heard() {
    let mut side = Side::new();
    let (relay, key) = side.mesh.expect(vec!["orders".into()]);
    let mut stranger = side.run("no key");
    let mut running = side.run(&key);
    assert_eq!(side.next().await, MeshNews::Up { relay });
    until("the stranger has ended", || {
        stranger.0.try_wait().unwrap().is_some()
    })
    .await;
    drop(side);
    until("it has ended", || running.0.try_wait().unwrap().is_some()).await;
}
