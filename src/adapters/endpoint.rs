//! Where a container engine listens, and how a connection to it is opened.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::{ClientVersion, Docker};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// Time after which an engine that does not take a connection counts as not there.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Time for one ordinary request through bollard, in seconds; streams are not bound by it.
const REQUEST_TIMEOUT: u64 = 120;

/// The address of a container engine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A unix socket.
    Unix(PathBuf),
    /// `HOST:PORT`, spoken to without encryption.
    Tcp(String),
}

/// A byte stream to the engine, whatever it runs over.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// An open connection to the engine.
pub type RawStream = Box<dyn ByteStream>;

/// A container's output: what the engine already sent, then the raw stream.
pub struct Attached {
    /// Bytes that came together with the answer's head.
    pub early: Bytes,
    /// The connection.
    pub stream: RawStream,
}

impl Endpoint {
    /// Reads what `DOCKER_HOST` or a Docker context says.
    ///
    /// # Errors
    /// A sentence that says what is not supported and what to do instead.
    pub fn parse(host: &str) -> Result<Self, String> {
        let (scheme, rest) = host.split_once("://").unwrap_or(("tcp", host));
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Self::Unix(PathBuf::from(rest))),
            "unix" => Err(format!(
                "{host}: a unix socket needs an absolute path, as in unix:///var/run/docker.sock"
            )),
            "tcp" | "http" => tcp(host, rest),
            "ssh" => Err(format!(
                "{host}: an engine behind ssh is not supported; forward its socket with `ssh -nNT -L /tmp/engine.sock:/var/run/docker.sock {}` and set DOCKER_HOST=unix:///tmp/engine.sock",
                rest.trim_end_matches('/')
            )),
            "https" => Err(tls_unsupported(host)),
            _ => Err(format!(
                "{host}: unknown kind of address; use unix:///PATH or tcp://HOST:PORT"
            )),
        }
    }

    /// Whether the engine is spoken to over a socket of this machine.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Unix(_))
    }

    /// The socket's path, unless the engine is behind TCP.
    pub fn unix_path(&self) -> Option<&Path> {
        match self {
            Self::Unix(path) => Some(path),
            Self::Tcp(_) => None,
        }
    }

    /// Opens a connection, within [`CONNECT_TIMEOUT`].
    pub async fn open(&self) -> io::Result<RawStream> {
        let connecting = async {
            Ok::<RawStream, io::Error>(match self {
                Self::Unix(path) => Box::new(UnixStream::connect(path).await?),
                Self::Tcp(address) => {
                    let stream = TcpStream::connect(address.as_str()).await?;
                    stream.set_nodelay(true)?;
                    Box::new(stream)
                }
            })
        };
        tokio::time::timeout(CONNECT_TIMEOUT, connecting)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// A bollard client for it that speaks this API version.
    pub fn client(&self, version: &ClientVersion) -> Result<Docker, bollard::errors::Error> {
        match self {
            Self::Unix(path) => {
                Docker::connect_with_unix(&path.to_string_lossy(), REQUEST_TIMEOUT, version)
            }
            Self::Tcp(address) => {
                Docker::connect_with_http(&format!("tcp://{address}"), REQUEST_TIMEOUT, version)
            }
        }
    }

    /// Sends one request on a connection of its own and waits, without limit, for the answer's head.
    ///
    /// For what bollard cannot give: answers that come late, headers, bodies as they arrive.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> io::Result<Response<Incoming>> {
        self.request_with(method, path, headers, Bytes::new()).await
    }

    async fn request_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> io::Result<Response<Incoming>> {
        let io = TokioIo::new(self.open().await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io)
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(connection.with_upgrades());
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("Host", self.host());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).map_err(io::Error::other)?;
        sender.send_request(request).await.map_err(io::Error::other)
    }

    /// Posts to `path` and takes the connection over once the engine has switched to `protocol`: `h2c` for `/session` and
    /// `/grpc`, `tcp` to attach. What the engine sent together with its answer is read first.
    ///
    /// # Errors
    /// That no connection can be had, or the engine's reason for not switching.
    pub async fn upgrade(
        &self,
        path: &str,
        protocol: &str,
        headers: &[(&str, &str)],
    ) -> io::Result<Upgraded> {
        self.upgrade_with(path, protocol, headers, Bytes::new())
            .await
    }

    async fn upgrade_with(
        &self,
        path: &str,
        protocol: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> io::Result<Upgraded> {
        let mut all = vec![("Connection", "Upgrade"), ("Upgrade", protocol)];
        all.extend_from_slice(headers);
        let response = self.request_with(Method::POST, path, &all, body).await?;
        let status = response.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            let why = refusal(status, response).await;
            let route = path.split('?').next().unwrap_or(path);
            return Err(io::Error::new(
                why.kind(),
                format!("{route} answered {why}"),
            ));
        }
        hyper::upgrade::on(response).await.map_err(io::Error::other)
    }

    /// Attaches to a container. The path begins with the API version (`/v1.41/containers/…`).
    ///
    /// # Errors
    /// As [`Self::upgrade`].
    pub async fn attach(&self, path: &str) -> io::Result<Attached> {
        Self::attached(self.upgrade(path, "tcp", &[]).await?)
    }

    /// Starts a command in a container, attached to its terminal. The path begins with the API version (`/v1.41/exec/…`).
    ///
    /// # Errors
    /// As [`Self::upgrade`].
    pub async fn start_exec(&self, path: &str) -> io::Result<Attached> {
        let headers = [("Content-Type", "application/json")];
        let body = Bytes::from_static(br#"{"Detach":false,"Tty":true}"#);
        Self::attached(self.upgrade_with(path, "tcp", &headers, body).await?)
    }

    fn attached(upgraded: Upgraded) -> io::Result<Attached> {
        let parts = upgraded
            .downcast::<TokioIo<RawStream>>()
            .map_err(|_| io::Error::other("the connection is of another kind"))?;
        Ok(Attached {
            early: parts.read_buf,
            stream: parts.io.into_inner(),
        })
    }

    fn host(&self) -> &str {
        match self {
            Self::Unix(_) => "localhost",
            Self::Tcp(address) => address,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

/// The engine's reason for an answer that was not the wished one.
pub(super) async fn refusal(status: StatusCode, response: Response<Incoming>) -> io::Error {
    let body = response.into_body().collect().await;
    let body = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let said = serde_json::from_slice::<serde_json::Value>(&body)
        .ok()
        .and_then(|json| json.get("message")?.as_str().map(str::to_owned))
        .unwrap_or_else(|| String::from_utf8_lossy(&body).trim().to_owned());
    let kind = match status {
        StatusCode::NOT_FOUND => io::ErrorKind::NotFound,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, format!("{status}: {said}"))
}

pub(super) fn tls_unsupported(host: &str) -> String {
    format!(
        "{host}: an engine behind TLS is not supported; forward its socket through ssh and set DOCKER_HOST=unix:///PATH"
    )
}

fn tcp(host: &str, rest: &str) -> Result<Endpoint, String> {
    let address = rest.trim_end_matches('/');
    if address.is_empty() || address.contains('/') {
        return Err(format!("{host}: not an address; use tcp://HOST:PORT"));
    }
    let has_port = address
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Ok(Endpoint::Tcp(if has_port {
        address.to_owned()
    } else {
        format!("{address}:2375")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_refused_with_a_remedy() {
        let unix = |path: &str| Ok(Endpoint::Unix(path.into()));
        let tcp = |address: &str| Ok(Endpoint::Tcp(address.into()));
        for (host, expected) in [
            ("unix:///run/x.sock", unix("/run/x.sock")),
            ("tcp://10.0.0.1:2375", tcp("10.0.0.1:2375")),
            ("tcp://box", tcp("box:2375")),
            ("http://box:80/", tcp("box:80")),
            ("box:99", tcp("box:99")),
            ("tcp://[::1]:2375", tcp("[::1]:2375")),
            ("unix://relative", Err("absolute path")),
            ("ssh://me@box", Err("ssh -nNT -L")),
            ("https://box", Err("TLS")),
            ("npipe:////./pipe/docker_engine", Err("unknown kind")),
            ("tcp://", Err("tcp://HOST:PORT")),
        ] {
            match (Endpoint::parse(host), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{host}"),
                (Err(found), Err(part)) => assert!(found.contains(part), "{host}: {found}"),
                (found, expected) => panic!("{host}: {found:?} instead of {expected:?}"),
            }
        }
    }
}
