//! One caller's HTTP/2 connection with prior knowledge: each stream is routed, held, passed on and recorded for itself.
//!
//! Through h2, below hyper's own HTTP/2, because a relay has to pass on what hyper keeps to itself: interim answers,
//! the reasons of resets, and how much the other side is ready to take.

mod greeting;
mod grpc;
mod link;
mod pump;
mod stream;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use h2::server::{Builder, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use self::link::{Links, Unmet};
use super::link::Eager;
use super::relay::{Relay, Stage};
use super::route::Route;
use super::target::Edge;
use super::tunnel;

pub(super) use self::greeting::{Greeting, greeting};

/// How much of one stream, and of a connection, is on its way within the relay at most, each way.
const STREAM_WINDOW: u32 = 256 << 10;
const WINDOW: u32 = 1 << 20;
/// Size of a head, as HTTP/2 counts it, up to which it is passed on.
const HEADERS: u32 = 1 << 20;
/// How many streams of one caller's connection there may be at once.
const STREAMS: u32 = 1_000;

/// What the streams of one caller's connection share.
struct Shared {
    relay: Relay,
    edge: Arc<Edge>,
    route: Arc<Route>,
    links: Arc<Links>,
}

/// Relays the connection until it ends; `said` was read to recognise it. If the run turns out not to speak HTTP/2, it
/// gets the caller's bytes as they are.
pub(super) async fn relay(
    relay: Relay,
    edge: Arc<Edge>,
    route: Arc<Route>,
    (stream, said): (TcpStream, Bytes),
    eager: Option<Eager>,
) {
    let links = Arc::new(Links::default());
    let met = match eager {
        Some(eager) => links.meet(eager, relay.limits.connect).await,
        // There is no run yet, so that it cannot be asked; what the caller wants to speak is known.
        None => Ok(false),
    };
    let connect = match met {
        Err(Unmet::Other | Unmet::Silent(_)) => {
            return tunnel::bytes(relay, edge, route, (stream, said), None).await;
        }
        Err(Unmet::Failed(_)) => false,
        Ok(connect) => connect,
    };
    let shared = Shared {
        relay,
        edge,
        route,
        links,
    };
    let mut builder = Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(HEADERS)
        .max_concurrent_streams(STREAMS)
        .max_send_buffer_size(STREAM_WINDOW as usize);
    if connect {
        builder.enable_connect_protocol();
    }
    let stream = Again { stream, said };
    if let Ok(connection) = builder.handshake(stream).await {
        serve(shared, connection).await;
    }
}

/// Accepts streams until the connection ends. At the relay's end its caller is told to begin no more (GOAWAY).
async fn serve(shared: Shared, mut connection: Connection<Again, Bytes>) {
    let mut stage = shared.relay.stage.clone();
    let shared = Arc::new(shared);
    let mut streams = FuturesUnordered::new();
    let mut closing = false;
    loop {
        tokio::select! {
            // First what is to be sent goes out, then streams go on.
            biased;
            accepted = connection.accept() => match accepted {
                Some(Ok((request, respond))) => {
                    streams.push(stream::relay(Arc::clone(&shared), request, respond));
                }
                // The streams that there still are notice it themselves.
                Some(Err(_)) | None => break,
            },
            Some(()) = streams.next() => {}
            () = Stage::reached(&mut stage, Stage::Closing), if !closing => {
                closing = true;
                connection.graceful_shutdown();
            }
        }
    }
    drop(connection);
    while streams.next().await.is_some() {}
}

/// A connection of which some bytes have been read already.
struct Again {
    stream: TcpStream,
    said: Bytes,
}

impl AsyncRead for Again {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.said.has_remaining() {
            let length = self.said.len().min(buffer.remaining());
            buffer.put_slice(&self.said.split_to(length));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Again {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
