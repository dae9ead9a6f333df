//! Accepting connections until told to stop, and letting what is under way end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;

use super::connection;
use super::limits::Limits;
use super::record::Recorder;
use super::relay::{Relay, Stage};
use super::route::Routes;
use super::target::Edge;
use crate::telemetry::Exchange;

/// How long accepting pauses when it fails, which it does when there are too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// Relays every connection that the listener accepts over this edge, until `shutdown` ends.
///
/// Then nothing more is accepted, and this returns when the exchanges under way have ended, after `limits.farewell` at the
/// latest. Connections of bytes, upgraded ones and event streams, which may go on for ever, are ended at once.
/// Each exchange is given to `recorder` when its last byte has passed or it broke off.
pub async fn run<R>(
    listener: TcpListener,
    edge: Edge,
    routes: Arc<Routes>,
    recorder: R,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) where
    R: Fn(Exchange) + Send + Sync + 'static,
{
    let (closed, _) = oneshot::channel();
    run_until(
        listener,
        edge,
        (routes, Recorder::new(recorder), limits),
        shutdown,
        closed,
    )
    .await;
}

/// As [`run`]; says when the listener is closed and its port is free again.
pub(super) async fn run_until(
    listener: TcpListener,
    edge: Edge,
    (routes, recorder, limits): (Arc<Routes>, Recorder, Limits),
    shutdown: impl Future<Output = ()>,
    closed: oneshot::Sender<()>,
) {
    let (stage, stages) = watch::channel(Stage::Open);
    let (alive, mut last) = mpsc::channel(1);
    let relay = Relay {
        routes,
        recorder,
        limits: Arc::new(limits),
        stage: stages,
        alive,
    };
    let edge = Arc::new(edge);
    tokio::select! {
        () = shutdown => {}
        () = accept(&listener, &relay, &edge) => {}
    }
    drop(listener);
    // Nobody need wait for it.
    let _ = closed.send(());
    relay.end(&stage, &mut last).await;
}

async fn accept(listener: &TcpListener, relay: &Relay, edge: &Arc<Edge>) {
    loop {
        let accepted: io::Result<(TcpStream, _)> = listener.accept().await;
        match accepted {
            Ok((stream, _)) => {
                tokio::spawn(connection::relay(relay.clone(), Arc::clone(edge), stream));
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}
