//! OpenTelemetry in: spans, log records and metrics that services send by OTLP, over gRPC and HTTP.
//!
//! [`Receiver`] listens; what comes goes straight into the telemetry stores. It has a thread of its own, so that reading
//! and unpacking never delay the loop or the relays.

mod body;
mod environment;
mod file;
mod grpc;
mod http;
mod json;
mod logs;
mod message;
mod metrics;
mod origin;
mod serve;
mod spans;
mod store;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Builder;
use tokio::sync::mpsc;

pub use environment::environment;
pub use file::{FileReader, from_base64};

use crate::telemetry::{Span, Telemetry};
use serve::Shared;
use store::{Refused, Store};

/// Where OTLP is listened for by convention, over gRPC and over HTTP.
pub const USUAL_PORTS: Ports = Ports {
    grpc: 4317,
    http: 4318,
};

/// How far beyond the usual ports free ones are looked for, before any will do.
const TRIED: u16 = 200;

/// Two ports. Both protocols are spoken on both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// For gRPC.
    pub grpc: u16,
    /// For HTTP.
    pub http: u16,
}

/// Listens for OTLP until it is dropped.
#[derive(Debug)]
pub struct Receiver {
    wanted: Ports,
    /// To the thread that serves them; it ends when this is gone.
    listeners: mpsc::UnboundedSender<TcpListener>,
    bound: Mutex<HashMap<IpAddr, Ports>>,
}

impl Receiver {
    /// Begins to listen on 127.0.0.1, on these ports or, where one is taken, on the next that is free. 0: any free one.
    ///
    /// # Errors
    /// There is no free port, or no thread.
    pub fn start(telemetry: Arc<Telemetry>, wanted: Ports) -> io::Result<Self> {
        let (listeners, coming) = mpsc::unbounded_channel();
        let shared = Shared::new(Arc::new(Store::new(telemetry)));
        let runtime = Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new()
            .name("otlp".into())
            .spawn(move || runtime.block_on(serve_all(coming, shared)))?;
        let receiver = Self {
            wanted,
            listeners,
            bound: Mutex::default(),
        };
        receiver.at(IpAddr::V4(Ipv4Addr::LOCALHOST))?;
        Ok(receiver)
    }

    /// The ports at which it listens on this address of this machine; begins to, if it does not yet.
    ///
    /// # Errors
    /// The address is none of this machine, or has no free port.
    pub fn at(&self, ip: IpAddr) -> io::Result<Ports> {
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ports) = bound.get(&ip) {
            return Ok(*ports);
        }
        let (grpc, http) = (bind(ip, self.wanted.grpc)?, bind(ip, self.wanted.http)?);
        let ports = Ports {
            grpc: grpc.local_addr()?.port(),
            http: http.local_addr()?.port(),
        };
        for listener in [grpc, http] {
            listener.set_nonblocking(true)?;
            // The thread lives as long as this sender.
            drop(self.listeners.send(listener));
        }
        bound.insert(ip, ports);
        Ok(ports)
    }

    /// The ports on 127.0.0.1.
    pub fn ports(&self) -> Ports {
        let bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        let here = bound.get(&IpAddr::V4(Ipv4Addr::LOCALHOST));
        here.copied().unwrap_or(self.wanted)
    }
}

/// Binds a port, or the next free one: in steps of two, so that the usual two keep apart.
fn bind(ip: IpAddr, wanted: u16) -> io::Result<TcpListener> {
    let next = (0..TRIED).filter_map(|step| wanted.checked_add(step * 2));
    let mut tried = next.take_while(|_| wanted != 0).chain([0]);
    let mut bind = || {
        tried
            .next()
            .map(|port| TcpListener::bind(SocketAddr::new(ip, port)))
    };
    loop {
        match bind() {
            Some(Err(error)) if error.kind() == io::ErrorKind::AddrInUse => {}
            Some(done) => return done,
            None => return Err(io::ErrorKind::AddrInUse.into()),
        }
    }
}

async fn serve_all(mut received: mpsc::UnboundedReceiver<TcpListener>, shared: Shared) {
    while let Some(listener) = received.recv().await {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => drop(tokio::spawn(serve::accept(listener, shared.clone()))),
            Err(error) => tracing::warn!("OTLP: {error}"),
        }
    }
}

/// The spans of a file in OTLP's JSON (`TracesData`), and why some were left out, if any were.
///
/// # Errors
/// It is no such file: what is wrong with it.
pub fn read_json(text: &[u8]) -> Result<(Vec<Span>, Option<String>), String> {
    let (names, mut refused) = (origin::Names::default(), Refused::default());
    let spans = spans::read(&names, json::read(text)?, &mut refused);
    let left_out =
        (refused.count > 0).then(|| format!("{} left out: {}", refused.count, refused.why));
    Ok((spans, left_out))
}
