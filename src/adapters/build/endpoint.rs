//! A raw byte stream to the engine, and its upgrade to what `/session` and `/grpc` speak.

use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// Where the engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A unix socket.
    Unix(PathBuf),
    /// A host and a port, without TLS.
    Tcp(String, u16),
}

/// A stream of bytes both ways.
pub trait RawStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> RawStream for T {}

impl Endpoint {
    /// Opens a connection.
    pub async fn connect(&self) -> io::Result<Box<dyn RawStream>> {
        match self {
            Self::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Self::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
        }
    }

    /// Opens a connection and asks the engine to speak HTTP/2 on it, as `POST /session` and `POST /grpc` do. An engine
    /// that has neither answers with an error, which is told in words.
    pub(super) async fn upgrade(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> io::Result<Upgraded> {
        let stream = self.connect().await?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(io::Error::other)?;
        tokio::spawn(connection.with_upgrades());
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("Host", "engine")
            .header("Connection", "Upgrade")
            .header("Upgrade", "h2c");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Empty::<Bytes>::new())
            .map_err(io::Error::other)?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?;
        let status = answer.status();
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return hyper::upgrade::on(answer).await.map_err(io::Error::other);
        }
        let body = answer
            .into_body()
            .collect()
            .await
            .map_err(io::Error::other)?;
        let said = String::from_utf8_lossy(&body.to_bytes()).trim().to_owned();
        Err(io::Error::other(format!(
            "{path} answered {status}: {said}"
        )))
    }
}
