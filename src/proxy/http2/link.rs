//! Connections to runs for one caller's connection: one a run, shared by the caller's streams.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, oneshot};
use tokio::time::timeout;

use super::greeting::{Greeted, Greeting};
use super::{HEADERS, STREAM_WINDOW, WINDOW};
use crate::proxy::link::Eager;
use crate::proxy::live::Live;

/// A connection to a run that speaks HTTP/2.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) live: Arc<Live>,
    pub(super) sender: SendRequest<Bytes>,
}

/// The links of one caller's connection.
#[derive(Default)]
pub(super) struct Links {
    kept: Mutex<Vec<Link>>,
}

/// Why there is no link.
#[derive(Debug)]
pub(super) enum Unmet {
    /// The run answered with something that is not HTTP/2.
    Other,
    /// The run said nothing for this long.
    Silent(Duration),
    /// It cannot be connected to, or broke off.
    Failed(io::Error),
}

impl Links {
    /// Meets the run over a connection that was begun early; whether it offers extended CONNECT.
    pub(super) async fn meet(
        self: &Arc<Self>,
        eager: Eager,
        within: Duration,
    ) -> Result<bool, Unmet> {
        let stream = eager.stream.await.map_err(Unmet::Failed)?;
        let mut kept = self.kept.lock().await;
        let (link, connect) = self.open(&eager.live, stream, within).await?;
        kept.push(link);
        Ok(connect)
    }

    /// The link to this run, made if there is none that still works.
    pub(super) async fn to(
        self: &Arc<Self>,
        live: &Arc<Live>,
        connect: impl Future<Output = io::Result<TcpStream>>,
        within: Duration,
    ) -> Result<Link, Unmet> {
        // Held while a link is opened, so that streams that come meanwhile share it.
        let mut kept = self.kept.lock().await;
        if let Some(at) = kept.iter().position(|link| Arc::ptr_eq(&link.live, live)) {
            let link = kept[at].clone();
            if let Ok(sender) = link.sender.ready().await {
                let live = link.live;
                return Ok(Link { live, sender });
            }
            kept.swap_remove(at);
        }
        let stream = connect.await.map_err(Unmet::Failed)?;
        let (link, _) = self.open(live, stream, within).await?;
        kept.push(link.clone());
        Ok(link)
    }

    async fn open(
        self: &Arc<Self>,
        live: &Arc<Live>,
        stream: TcpStream,
        within: Duration,
    ) -> Result<(Link, bool), Unmet> {
        let (tell, told) = oneshot::channel();
        let (sender, connection) = Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_header_list_size(HEADERS)
            .enable_push(false)
            .handshake(Greeted::new(stream, tell))
            .await
            .map_err(|error| Unmet::Failed(io::Error::other(error)))?;
        let driver = tokio::spawn(drive(connection, Arc::clone(live), Arc::downgrade(self)));
        let met = match timeout(within, told).await {
            Ok(Ok(Greeting::Http2 { connect })) => Ok(connect),
            Ok(Ok(_)) => Err(Unmet::Other),
            Ok(Err(_)) => Err(Unmet::Failed(io::ErrorKind::ConnectionReset.into())),
            Err(_) => Err(Unmet::Silent(within)),
        };
        if met.is_err() {
            driver.abort();
        }
        let live = Arc::clone(live);
        met.map(|connect| (Link { live, sender }, connect))
    }
}

/// Moves the connection's frames until it ends. When its run gets no new requests, no new stream begins on it, and it
/// ends with the last of those that it has.
async fn drive(connection: Connection<Greeted, Bytes>, live: Arc<Live>, links: Weak<Links>) {
    let mut connection = std::pin::pin!(connection);
    let retired = async {
        live.retired().await;
        if let Some(links) = links.upgrade() {
            let mut kept = links.kept.lock().await;
            kept.retain(|link| !link.live.is_retired());
        }
    };
    tokio::select! {
        // An error reaches the streams that the connection has.
        _ = &mut connection => return,
        () = retired => {}
    }
    drop(connection.await);
}

impl Unmet {
    /// The failure for whoever tries again; `None`: trying again is of no use.
    pub(super) fn into_error(self) -> Option<io::Error> {
        match self {
            Self::Other => None,
            Self::Silent(within) => Some(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("it said nothing for {:.1} s", within.as_secs_f64()),
            )),
            Self::Failed(error) => Some(error),
        }
    }
}
