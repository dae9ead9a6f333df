//! The relays of a session: opened, looked up, and closed by edge.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::limits::Limits;
use super::listen::run_until;
use super::port_owner::{PortOwner, owner_of};
use super::record::Recorder;
use super::route::Routes;
use super::target::Edge;
use crate::telemetry::Exchange;

/// Why a door does not open.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Somebody listens there already.
    #[error("{address} is taken{}", by(.owner.as_ref()))]
    Taken {
        /// Where the door should have been.
        address: SocketAddr,
        /// Who has it, if that can be known.
        owner: Option<PortOwner>,
    },
    /// This user may not listen there.
    #[error("{address} may not be listened on by this user; ports from 1024 on may")]
    Denied {
        /// Where the door should have been.
        address: SocketAddr,
    },
    /// Anything else.
    #[error("{address} cannot be listened on: {source}")]
    Other {
        /// Where the door should have been.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

fn by(owner: Option<&PortOwner>) -> String {
    match owner {
        Some(owner) => format!(" by {owner}"),
        None => " by a process that this user may not look at".into(),
    }
}

impl From<DoorError> for io::Error {
    fn from(error: DoorError) -> Self {
        let kind = match &error {
            DoorError::Taken { .. } => io::ErrorKind::AddrInUse,
            DoorError::Denied { .. } => io::ErrorKind::PermissionDenied,
            DoorError::Other { source, .. } => source.kind(),
        };
        Self::new(kind, error)
    }
}

/// The open relays, by edge. Dropped, all of them close.
#[derive(Debug)]
pub struct Doors {
    routes: Arc<Routes>,
    recorder: Recorder,
    limits: Limits,
    open: HashMap<Edge, Door>,
    /// Relays whose door is closed and whose last exchanges may still be under way.
    ending: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Door {
    /// What was asked for, maybe with port 0.
    wanted: SocketAddr,
    address: SocketAddr,
    /// Dropping it closes the door.
    close: oneshot::Sender<()>,
    closed: oneshot::Receiver<()>,
    relay: JoinHandle<()>,
}

impl Doors {
    /// No doors yet; what passes through those that will be opened is given to `recorder`.
    pub fn new<R>(routes: Arc<Routes>, recorder: R, limits: Limits) -> Self
    where
        R: Fn(Exchange) + Send + Sync + 'static,
    {
        Self {
            routes,
            recorder: Recorder::new(recorder),
            limits,
            open: HashMap::new(),
            ending: Vec::new(),
        }
    }

    /// Opens a relay for this edge; port 0: any free one. Gives back its address.
    ///
    /// An edge that is open at this address already stays as it is; one that is open elsewhere is closed there once the
    /// new door is open. Must be called within the runtime.
    pub fn open(&mut self, edge: Edge, address: SocketAddr) -> Result<SocketAddr, DoorError> {
        match self.open.get(&edge) {
            Some(door) if door.wanted == address => Ok(door.address),
            _ => self.open_instead(edge, address, address),
        }
    }

    /// The same for an edge whose door is wanted elsewhere, where it cannot be.
    pub fn open_instead(
        &mut self,
        edge: Edge,
        wanted: SocketAddr,
        address: SocketAddr,
    ) -> Result<SocketAddr, DoorError> {
        if let Some(door) = self.open.get_mut(&edge)
            && door.address == address
        {
            door.wanted = wanted;
            return Ok(address);
        }
        let (listener, bound) = listen(address)?;
        let (close, asked_to_close) = oneshot::channel();
        let (has_closed, closed) = oneshot::channel();
        let shutdown = async {
            // Being dropped is the message.
            drop(asked_to_close.await);
        };
        let parts = (
            Arc::clone(&self.routes),
            self.recorder.for_another(),
            self.limits.clone(),
        );
        let relay = tokio::spawn(run_until(
            listener,
            edge.clone(),
            parts,
            shutdown,
            has_closed,
        ));
        let door = Door {
            wanted,
            address: bound,
            close,
            closed,
            relay,
        };
        if let Some(elsewhere) = self.open.insert(edge, door) {
            self.ending.push(elsewhere.relay);
        }
        Ok(bound)
    }

    /// The address of this edge's door, if it is open.
    pub fn address(&self, edge: &Edge) -> Option<SocketAddr> {
        self.open.get(edge).map(|door| door.address)
    }

    /// Where this edge's door was asked for, if it is open.
    pub fn wanted(&self, edge: &Edge) -> Option<SocketAddr> {
        self.open.get(edge).map(|door| door.wanted)
    }

    /// All open doors.
    pub fn all(&self) -> impl Iterator<Item = (&Edge, SocketAddr)> {
        self.open.iter().map(|(edge, door)| (edge, door.address))
    }

    /// Closes a door. What this gives back is done when its port is free again; exchanges under way go on to their end.
    pub fn close(&mut self, edge: &Edge) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.ending.retain(|relay| !relay.is_finished());
        let closed = self.open.remove(edge).map(|door| {
            drop(door.close);
            self.ending.push(door.relay);
            door.closed
        });
        async move {
            if let Some(closed) = closed {
                // An error would mean that the relay is gone, and its listener with it.
                drop(closed.await);
            }
        }
    }

    /// Closes all doors. What this gives back is done when the last exchange has ended, at most `limits.farewell` and a
    /// little later.
    pub fn close_all(&mut self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let mut ending = std::mem::take(&mut self.ending);
        for (_, door) in self.open.drain() {
            drop(door.close);
            ending.push(door.relay);
        }
        async move {
            // A relay that panicked has ended too.
            drop(join_all(ending).await);
        }
    }
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), DoorError> {
    let bound = std::net::TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        Ok((TcpListener::from_std(listener)?, bound))
    });
    bound.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => DoorError::Taken {
            address,
            owner: owner_of(address),
        },
        io::ErrorKind::PermissionDenied => DoorError::Denied { address },
        _ => DoorError::Other { address, source },
    })
}
