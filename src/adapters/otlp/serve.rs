//! The server: connections, and which of the two protocols a request speaks. Both are spoken on both ports.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::body::Room;
use super::store::Store;
use super::{grpc, http};

/// The body of an answer.
pub(super) type Answer = UnsyncBoxBody<Bytes, Infallible>;

/// Connections at the same time.
const CONNECTIONS: usize = 512;
/// Requests at the same time on one connection of HTTP/2.
const STREAMS: u32 = 64;
/// Bytes of headers.
const HEADERS: u32 = 32 << 10;
/// Bytes that may be under way before they are taken.
const WINDOW: u32 = 1 << 20;
/// How long accepting rests when the system refuses it (no more open files).
const REST: Duration = Duration::from_millis(100);

/// What every request needs. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) store: Arc<Store>,
    pub(super) room: Room,
    connections: Arc<Semaphore>,
}

impl Shared {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            room: Room::default(),
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }
}

/// Takes connections for as long as it is polled.
pub(super) async fn accept(listener: TcpListener, shared: Shared) {
    loop {
        let Ok(permit) = Arc::clone(&shared.connections).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(REST).await;
            continue;
        };
        let shared = shared.clone();
        tokio::spawn(async move {
            connection(stream, shared).await;
            drop(permit);
        });
    }
}

async fn connection(stream: TcpStream, shared: Shared) {
    // Answers are small: they must not wait for more.
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(answer(request, &shared).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADERS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(4 * WINDOW);
    // A connection that breaks was told of by whatever its request was answered; there is nobody else to tell.
    drop(
        builder
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

async fn answer(request: Request<Incoming>, shared: &Shared) -> Response<Answer> {
    let kind = header(request.headers(), &CONTENT_TYPE);
    if kind.starts_with("application/grpc") && !kind.starts_with("application/grpc-web") {
        grpc::answer(request, shared).await
    } else {
        http::answer(request, shared).await
    }
}

/// A header's value, if it is text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}
