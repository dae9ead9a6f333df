//! One HTTP/1.1 request to one address, and what went wrong in words.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::text;

const CUT_OFF: &str = "connection closed before the answer was complete";

/// An answer, read to its end or to the given limit.
#[derive(Debug)]
pub(super) struct Answer {
    /// Status.
    pub(super) status: StatusCode,
    /// Headers.
    pub(super) headers: HeaderMap,
    /// As much of the body as was wanted.
    pub(super) body: Vec<u8>,
    /// Whether the body went on.
    pub(super) cut: bool,
}

/// Sends a request and reads its answer. The caller bounds the time by dropping the future.
pub(super) async fn ask(
    address: SocketAddr,
    request: Request<Full<Bytes>>,
    connect_within: Duration,
    body_limit: usize,
) -> Result<Answer, String> {
    let stream = connect(address, connect_within).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| in_words(&error))?;
    let talk = async {
        let response = sender.send_request(request).await;
        read(response.map_err(|error| in_words(&error))?, body_limit).await
    };
    tokio::pin!(talk);
    // The connection is driven here and not by a task of its own, so that dropping this drops all of it.
    tokio::select! {
        biased;
        answer = &mut talk => answer,
        driven = connection => match driven {
            Ok(()) => talk.await,
            Err(error) => Err(in_words(&error)),
        },
    }
}

/// Opens a connection, or says in words why that cannot be done.
pub(super) async fn connect(address: SocketAddr, within: Duration) -> Result<TcpStream, String> {
    match timeout(within, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => {
            // Questions are small and wait for answers.
            drop(stream.set_nodelay(true));
            Ok(stream)
        }
        Ok(Err(error)) => Err(io_words(&error)),
        Err(_) => Err(format!("no connection within {}", time_words(within))),
    }
}

/// What is said where nothing listens.
pub(super) const REFUSED: &str = "connection refused";

/// A time limit in words: `3 s`, `250 ms`.
pub(super) fn time_words(limit: Duration) -> String {
    if limit.subsec_nanos() == 0 && limit.as_secs() < 60 {
        format!("{} s", limit.as_secs())
    } else {
        text::duration(limit)
    }
}

/// A status in words: `503 Service Unavailable`.
pub(super) fn status_words(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

async fn read(response: Response<Incoming>, limit: usize) -> Result<Answer, String> {
    let (head, mut rest) = response.into_parts();
    let mut answer = Answer {
        status: head.status,
        headers: head.headers,
        body: Vec::new(),
        cut: false,
    };
    while let Some(frame) = rest.frame().await {
        let frame = frame.map_err(|error| in_words(&error))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        let room = limit - answer.body.len();
        answer.body.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            answer.cut = true;
            break;
        }
    }
    Ok(answer)
}

fn io_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => REFUSED.into(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "connection reset".into(),
        io::ErrorKind::UnexpectedEof => CUT_OFF.into(),
        io::ErrorKind::HostUnreachable => "host unreachable".into(),
        io::ErrorKind::NetworkUnreachable => "network unreachable".into(),
        _ => error.to_string(),
    }
}

fn in_words(error: &hyper::Error) -> String {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return io_words(io);
        }
        source = cause.source();
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        CUT_OFF.into()
    } else if error.is_parse() {
        "the answer is not HTTP/1.1".into()
    } else {
        error.to_string()
    }
}
