//! Connections to runs that one caller's connection keeps for its next request.
//!
//! Each caller's connection has its own, as if it were connected to the run directly: a run that serves one connection
//! at a time is never blocked by an idle connection whose caller has left, and whatever a service ties to a connection stays tied.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Context;
use std::time::Duration;

use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::asked::Asked;
use super::live::Live;

/// How long a kept connection may take to become free for the next request; else another one is made.
const SETTLE: Duration = Duration::from_millis(500);

/// A connection to a run that speaks HTTP/1.1.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) live: Arc<Live>,
    pub(super) sender: SendRequest<Asked>,
}

/// A connection that was begun before the caller had said anything.
pub(super) struct Eager {
    pub(super) live: Arc<Live>,
    pub(super) stream: Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>,
}

/// The links of one caller's connection.
#[derive(Default)]
pub(super) struct Links {
    kept: Mutex<Vec<Link>>,
    eager: Mutex<Option<Eager>>,
    /// Links that have been opened and are not driven yet.
    opened: Mutex<Vec<Drive>>,
}

/// What moves a link's bytes until it ends.
type Drive = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Moves the bytes of a caller's links in the caller's own task: a request and its answer then need no other task to be
/// woken.
pub(super) struct Drivers {
    links: Arc<Links>,
    driven: Vec<Drive>,
}

impl Links {
    /// Links that begin with this connection, if there is one.
    pub(super) fn new(eager: Option<Eager>) -> Arc<Self> {
        Arc::new(Self {
            kept: Mutex::default(),
            eager: Mutex::new(eager),
            opened: Mutex::default(),
        })
    }

    /// The run to which the caller's first request goes.
    pub(super) fn preferred(&self) -> Option<u64> {
        let eager = locked(&self.eager);
        eager.as_ref().map(|eager| eager.live.upstream.run)
    }

    /// A kept link to this run that is free, if there is one.
    pub(super) async fn take(&self, live: &Live) -> Option<Link> {
        loop {
            let mut link = self.take_any(live)?;
            if link.sender.is_ready() {
                return Some(link);
            }
            if !link.sender.is_closed()
                && matches!(timeout(SETTLE, link.sender.ready()).await, Ok(Ok(())))
            {
                return Some(link);
            }
        }
    }

    /// Keeps a link for the caller's next request, unless its run gets no new ones.
    pub(super) fn keep(&self, link: Link) {
        let mut kept = locked(&self.kept);
        if !link.live.is_retired() && !link.sender.is_closed() {
            kept.push(link);
        }
    }

    /// A new link over a new connection, or over the one that was begun early.
    pub(super) async fn open(
        self: &Arc<Self>,
        live: &Arc<Live>,
        connect: impl Future<Output = io::Result<TcpStream>>,
    ) -> io::Result<Link> {
        let eager = locked(&self.eager).take();
        let early = match eager.filter(|eager| Arc::ptr_eq(&eager.live, live)) {
            // A failure may be as old as the caller's connection, so it says nothing about now.
            Some(eager) => eager.stream.await.ok(),
            None => None,
        };
        let stream = match early {
            Some(stream) => stream,
            None => connect.await?,
        };
        let (sender, connection) = Builder::new()
            .preserve_header_case(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        let drive = drive(connection, Arc::clone(live), Arc::downgrade(self));
        locked(&self.opened).push(Box::pin(drive));
        Ok(Link {
            live: Arc::clone(live),
            sender,
        })
    }

    fn take_any(&self, live: &Live) -> Option<Link> {
        let mut kept = locked(&self.kept);
        let place = kept
            .iter()
            .position(|link| std::ptr::eq(&raw const *link.live, live))?;
        Some(kept.swap_remove(place))
    }

    fn drop_retired(&self) {
        locked(&self.kept).retain(|link| !link.live.is_retired());
    }
}

impl Drivers {
    pub(super) fn of(links: &Arc<Links>) -> Self {
        Self {
            links: Arc::clone(links),
            driven: Vec::new(),
        }
    }

    /// Moves what can be moved.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        self.driven.append(&mut locked(&self.links.opened));
        self.driven
            .retain_mut(|drive| drive.as_mut().poll(cx).is_pending());
    }

    /// Lets the links end as their last exchanges do, or be upgraded, now that the caller's connection has.
    pub(super) fn let_go(mut self) {
        self.driven.append(&mut locked(&self.links.opened));
        for drive in self.driven {
            tokio::spawn(drive);
        }
    }
}

/// Moves the connection's bytes until it ends; when its run gets no new requests, it ends with the request it has.
async fn drive(
    connection: Connection<TokioIo<TcpStream>, Asked>,
    live: Arc<Live>,
    links: Weak<Links>,
) {
    let mut connection = std::pin::pin!(connection.with_upgrades());
    let retired = async {
        live.retired().await;
        if let Some(links) = links.upgrade() {
            links.drop_retired();
        }
    };
    tokio::select! {
        biased;
        // An error reaches the request that the connection has, if any.
        _ = &mut connection => return,
        () = retired => {}
    }
    drop(connection.await);
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
