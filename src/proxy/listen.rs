//! Accepting connections until told to stop, and letting what is under way end.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::connection;
use super::limits::Limits;
use super::record::Recorder;
use super::route::{Edge, Routes};
use crate::telemetry::Exchange;

/// How long accepting pauses when it fails, which it does when there are too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// How long the tasks that were told that it is over may take to notice.
const NOTICE: Duration = Duration::from_secs(1);

/// How far the end of a relay has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// It has not begun.
    Open,
    /// No new exchange begins; those under way may end.
    Closing,
    /// Whatever is still under way breaks off.
    Over,
}

impl Stage {
    /// Ends when this stage is reached, or the relay is gone.
    pub(super) async fn reached(stage: &mut watch::Receiver<Self>, wanted: Self) {
        drop(stage.wait_for(|now| *now >= wanted).await);
    }
}

/// What every connection of one relay shares. The relay ends when the last of these is dropped.
#[derive(Debug, Clone)]
pub(super) struct Relay {
    pub(super) routes: Arc<Routes>,
    pub(super) recorder: Recorder,
    pub(super) limits: Arc<Limits>,
    pub(super) stage: watch::Receiver<Stage>,
    _alive: mpsc::Sender<Infallible>,
}

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
    let farewell = limits.farewell;
    let relay = Relay {
        routes,
        recorder,
        limits: Arc::new(limits),
        stage: stages,
        _alive: alive,
    };
    let edge = Arc::new(edge);
    tokio::select! {
        () = shutdown => {}
        () = accept(&listener, &relay, &edge) => {}
    }
    drop(listener);
    // Nobody need wait for it.
    let _ = closed.send(());
    drop(relay);
    stage.send_replace(Stage::Closing);
    if timeout(farewell, last.recv()).await.is_err() {
        stage.send_replace(Stage::Over);
        drop(timeout(NOTICE, last.recv()).await);
    }
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
