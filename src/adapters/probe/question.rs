//! One question, asked once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use hyper::{Request, StatusCode};

use super::grpc;
use crate::adapters::ask::{ask, connect, status_words};
use crate::adapters::{Exec, Executed};
use crate::stack::{HttpProbe, Probe};
use crate::telemetry::TraceContext;
use crate::text;

/// How long a fast question waits for a connection: a lost first packet would be sent again only after a second, and
/// asking anew is sooner.
const FAST_CONNECT: Duration = Duration::from_millis(250);

/// Of a health page, this much is read, so that the service is not cut off while it writes.
const BODY_LIMIT: usize = 64 << 10;

/// Header of W3C Trace Context.
pub(super) const TRACEPARENT: &str = "traceparent";

/// Tells an instrumented service that this request need not be traced: a probe asks the same thing again and again.
pub(super) fn untraced() -> String {
    TraceContext {
        flags: 0,
        ..TraceContext::begin()
    }
    .to_string()
}

/// Where a container port of a run is reached.
pub(super) type AddressOf = Arc<dyn Fn(Option<u16>) -> Option<SocketAddr> + Send + Sync>;

/// What is asked, and how the run is reached.
pub(super) struct Question {
    probe: Probe,
    address: AddressOf,
    exec: Exec,
}

/// An answer in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) healthy: bool,
    pub(super) said: String,
}

impl Question {
    pub(super) fn new(probe: Probe, address: AddressOf, exec: Exec) -> Self {
        Self {
            probe,
            address,
            exec,
        }
    }

    /// Asks once. A command may take `limit`; the caller bounds the time of everything else.
    pub(super) async fn ask(&self, limit: Duration, calm: bool) -> Asked {
        let connect_within = if calm { limit } else { FAST_CONNECT.min(limit) };
        let asked = match &self.probe {
            Probe::Http(http) => self.ask_http(http, connect_within).await,
            Probe::Tcp { port } => self.ask_tcp(*port, connect_within).await,
            Probe::Grpc { port, service } => match self.address(*port) {
                Ok(address) => grpc::ask(address, service, connect_within).await,
                Err(why) => Err(why),
            },
            Probe::Exec(command) => self
                .exec
                .run(command.argv(), limit)
                .await
                .map(|end| executed(&end)),
            // Lines are followed, not asked for.
            Probe::Log(_) => Err("no line matched yet".into()),
        };
        asked.unwrap_or_else(|said| Asked {
            healthy: false,
            said,
        })
    }

    fn address(&self, port: Option<u16>) -> Result<SocketAddr, String> {
        (self.address)(port).ok_or_else(|| match port {
            Some(port) => format!("nobody knows yet where its port {port} is reached"),
            None => "nobody knows yet where it is reached".into(),
        })
    }

    async fn ask_http(&self, http: &HttpProbe, within: Duration) -> Result<Asked, String> {
        let address = self.address(http.port)?;
        let request = Request::get(&http.path)
            .header(HOST, format!("localhost:{}", address.port()))
            .header(USER_AGENT, "boatyard-probe")
            .header(ACCEPT, "*/*")
            .header(TRACEPARENT, untraced())
            .header(CONNECTION, "close")
            .body(Full::new(Bytes::new()))
            .map_err(|error| format!("the path {:?} cannot be asked for: {error}", http.path))?;
        let answer = ask(address, request, within, BODY_LIMIT).await?;
        Ok(Asked {
            healthy: is_healthy(answer.status, http.status),
            said: status_words(answer.status),
        })
    }

    async fn ask_tcp(&self, port: Option<u16>, within: Duration) -> Result<Asked, String> {
        connect(self.address(port)?, within).await?;
        Ok(Asked {
            healthy: true,
            said: "connected".into(),
        })
    }
}

fn is_healthy(status: StatusCode, wanted: Option<u16>) -> bool {
    match wanted {
        Some(wanted) => status.as_u16() == wanted,
        None => status.is_success() || status.is_redirection(),
    }
}

/// A command's end in words, with the last line that it printed if it failed.
pub(super) fn executed(executed: &Executed) -> Asked {
    let last = last_line(&executed.stderr).or_else(|| last_line(&executed.stdout));
    let said = match (executed.code, last) {
        (0, _) | (_, None) => format!("exit code {}", executed.code),
        (code, Some(line)) => format!("exit code {code}: {line}"),
    };
    Asked {
        healthy: executed.code == 0,
        said,
    }
}

fn last_line(output: &[u8]) -> Option<String> {
    let line = output
        .trim_ascii_end()
        .rsplit(|byte| *byte == b'\n')
        .next()?;
    let line = text::plain(line);
    let line = line.trim();
    (!line.is_empty()).then(|| text::truncate(line, 200, "…").into_owned())
}
