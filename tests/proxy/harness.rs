//! Both ends of a relay: a run that answers raw bytes, and a caller that sends them.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use boatyard::proxy::{self, Edge, Limits, Routes, Target, Upstream};
use boatyard::stack::{Reach, ServiceName};
use boatyard::telemetry::{Exchange, ExchangeStatus};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::until::until;

/// How long anything may take that should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// A relay for the service `orders`, and what it recorded.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    pub(crate) routes: Arc<Routes>,
    pub(crate) recorded: Arc<Mutex<Vec<Exchange>>>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

pub(crate) fn orders() -> ServiceName {
    "orders".into()
}

pub(crate) fn edge() -> Edge {
    Edge {
        caller: Some("web".into()),
        callee: orders(),
        port: 8000,
    }
}

pub(crate) fn upstream(run: u64, address: SocketAddr) -> Upstream {
    Upstream {
        run,
        reach: Reach::Only(address),
    }
}

impl Relay {
    /// A relay whose service has no run yet.
    pub(crate) async fn holding(limits: Limits) -> Self {
        Self::with_routes(Arc::new(Routes::default()), limits).await
    }

    /// The same with these routes.
    pub(crate) async fn with_routes(routes: Arc<Routes>, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let recorded = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = oneshot::channel();
        let record = {
            let recorded = Arc::clone(&recorded);
            move |exchange| recorded.lock().unwrap().push(exchange)
        };
        let shutdown = async {
            drop(stopped.await);
        };
        let task = tokio::spawn(proxy::run(
            listener,
            edge(),
            Arc::clone(&routes),
            record,
            limits,
            shutdown,
        ));
        Self {
            address,
            routes,
            recorded,
            stop: Some(stop),
            task,
        }
    }

    /// A relay to run 1 at this address.
    pub(crate) async fn to(address: SocketAddr) -> Self {
        let relay = Self::holding(Limits::default()).await;
        relay.send_to(&[(1, address)]);
        relay
    }

    pub(crate) fn send_to(&self, runs: &[(u64, SocketAddr)]) {
        let runs = runs
            .iter()
            .map(|&(run, address)| upstream(run, address))
            .collect();
        self.routes.set(&orders(), Target::Runs(runs));
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends these bytes over a new connection, and reads until the relay closes it.
    pub(crate) async fn ask(&self, request: &str) -> String {
        let mut caller = self.connect().await;
        caller.write_all(request.as_bytes()).await.unwrap();
        read_to_end(&mut caller).await
    }

    /// The exchanges recorded so far, once there are this many.
    pub(crate) async fn exchanges(&self, count: usize) -> Vec<Exchange> {
        let recorded = Arc::clone(&self.recorded);
        until("exchanges are recorded", || {
            recorded.lock().unwrap().len() >= count
        })
        .await;
        let exchanges = self.recorded.lock().unwrap().clone();
        assert_eq!(exchanges.len(), count, "{exchanges:#?}");
        exchanges
    }

    /// The one exchange recorded.
    pub(crate) async fn exchange(&self) -> Exchange {
        self.exchanges(1).await.remove(0)
    }

    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until the relay has ended.
    pub(crate) async fn ended(self) {
        timeout(SOON, self.task)
            .await
            .expect("the relay ends")
            .unwrap();
    }
}

/// A run: each connection is given to `serve`.
pub(crate) struct Run {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Run {
    pub(crate) async fn start<F, S>(serve: S) -> Self
    where
        S: Fn(TcpStream) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                serving.spawn(serve(stream));
            }
        });
        Self {
            address,
            connections,
            task,
        }
    }

    /// Answers each request head (requests have no body) with these bytes, and remembers the heads.
    pub(crate) async fn answering(answer: &'static str) -> (Self, Arc<Mutex<Vec<String>>>) {
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        let run = Self::start(move |mut stream| {
            let seen = Arc::clone(&seen);
            async move {
                while let Some(head) = read_head(&mut stream).await {
                    seen.lock().unwrap().push(head);
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            }
        })
        .await;
        (run, heads)
    }

    /// Stops listening and breaks every connection off.
    pub(crate) fn kill(&self) {
        self.task.abort();
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads one head; `None` at the end of the connection.
pub(crate) async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// Reads until exactly these bytes have come at the end.
pub(crate) async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    let reading = async {
        while !read.ends_with(end.as_bytes()) {
            match stream.read_u8().await {
                Ok(byte) => read.push(byte),
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&read)),
            }
        }
    };
    let came = timeout(SOON, reading).await.is_ok();
    assert!(
        came,
        "{end:?} did not come: {:?}",
        String::from_utf8_lossy(&read)
    );
    String::from_utf8_lossy(&read).into_owned()
}

pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    // A connection that is reset has ended too; what came before is what counts.
    let ended = timeout(SOON, stream.read_to_end(&mut read)).await;
    let text = String::from_utf8_lossy(&read).into_owned();
    assert!(ended.is_ok(), "the connection does not end: {text:?}");
    text
}

pub(crate) fn http(exchange: &Exchange) -> u16 {
    match exchange.status {
        ExchangeStatus::Http(status) => status,
        ref other => panic!("{other:?}"),
    }
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
