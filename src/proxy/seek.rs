//! Finding the run for one request: waiting while none is ready, trying again while one refuses, giving up in time.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::limits::Limits;
use super::live::{InFlight, Live};
use super::route::{Next, Route};
use super::target::Edge;

/// How soon a run that refused a connection is asked again, if nothing changes before.
const AGAIN: Duration = Duration::from_millis(25);

/// An attempt to connect is given up for another one after this long, the next after twice as long, and so on.
const FIRST_PATIENCE: Duration = Duration::from_millis(100);

/// The search for one request's run.
pub(super) struct Seeker<'a> {
    edge: &'a Edge,
    route: &'a Route,
    limits: &'a Limits,
    /// Runs that could not be connected to since the last pause.
    tried: Vec<u64>,
    /// When the first connection failed.
    failing_since: Option<Instant>,
    /// How long the request has waited so far.
    pub(super) held: Duration,
}

/// Why a request gets no run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// None became ready in time.
    NotReady { waited: Duration },
    /// None is ready, and requests are not held.
    NotHeld,
    /// Too many are held already.
    TooMany { held: usize },
    /// It is refused for this reason.
    Refused(Arc<str>),
    /// The run cannot be connected to.
    Unreachable(String),
}

impl<'a> Seeker<'a> {
    pub(super) fn new(edge: &'a Edge, route: &'a Route, limits: &'a Limits) -> Self {
        Self {
            edge,
            route,
            limits,
            tried: Vec::new(),
            failing_since: None,
            held: Duration::ZERO,
        }
    }

    /// The run that takes the request; waits until there is one.
    pub(super) async fn next(&mut self, prefer: Option<u64>) -> Result<InFlight, Refusal> {
        match self.route.next(prefer, &self.tried) {
            Next::Go(run) => Ok(run),
            Next::Refuse(why) => Err(Refusal::Refused(why)),
            Next::Hold => self.wait(prefer).await,
        }
    }

    /// Waits before the next try because a connection to `run` failed; an error if it has failed for too long.
    pub(super) async fn failed(&mut self, live: &Live, error: &io::Error) -> Result<(), Refusal> {
        let now = Instant::now();
        let since = *self.failing_since.get_or_insert(now);
        self.tried.push(live.upstream.run);
        if self.route.has_other_than(&self.tried) {
            return Ok(());
        }
        if now.duration_since(since) >= self.limits.reach {
            return Err(Refusal::Unreachable(self.words_for(live, error)));
        }
        let mut aim = self.route.follow();
        drop(timeout(AGAIN, aim.changed()).await);
        self.tried.clear();
        self.held += now.elapsed();
        Ok(())
    }

    /// Connects to a run.
    pub(super) async fn connect(&self, live: &Live) -> io::Result<TcpStream> {
        connect(live, self.edge.port, self.limits.connect).await
    }

    async fn wait(&mut self, prefer: Option<u64>) -> Result<InFlight, Refusal> {
        let bounds = self.route.holding(self.limits);
        if bounds.is_off() {
            return Err(Refusal::NotHeld);
        }
        let most = usize::try_from(bounds.requests).unwrap_or(usize::MAX);
        let Some(_held) = self.route.hold(most) else {
            return Err(Refusal::TooMany { held: most });
        };
        let began = Instant::now();
        let until = began + bounds.time.saturating_sub(self.held);
        let decided = self.decided(prefer, until).await;
        self.held += began.elapsed();
        decided.unwrap_or(Err(Refusal::NotReady { waited: self.held }))
    }

    /// The run, or why there is none; `None` if neither is known at that time.
    async fn decided(
        &self,
        prefer: Option<u64>,
        until: Instant,
    ) -> Option<Result<InFlight, Refusal>> {
        let mut aim = self.route.follow();
        let mut has_waited = false;
        loop {
            match self.route.next(prefer, &self.tried) {
                Next::Go(run) if has_waited => {
                    let live = Arc::clone(run.live());
                    drop(run);
                    self.route.pass_gate(&live).await;
                    has_waited = false;
                }
                Next::Go(run) => return Some(Ok(run)),
                Next::Refuse(why) => return Some(Err(Refusal::Refused(why))),
                Next::Hold => {
                    timeout_at(until, aim.changed()).await.ok()?.ok()?;
                    has_waited = true;
                }
            }
        }
    }

    fn words_for(&self, live: &Live, error: &io::Error) -> String {
        let Edge { callee, port, .. } = self.edge;
        let run = live.upstream.run;
        match live.upstream.reach.at(*port) {
            Some(address) => {
                format!("{callee} (run {run}) cannot be reached at {address}: {error}")
            }
            None => format!("{callee} (run {run}) has no port {port}"),
        }
    }
}

/// Connects to a run's address for this container port. Who has a full queue of connections drops what comes, and the kernel
/// asks again only after a second: here it is begun anew much sooner.
pub(super) async fn connect(live: &Live, port: u16, within: Duration) -> io::Result<TcpStream> {
    let Some(address) = live.upstream.reach.at(port) else {
        return Err(io::Error::new(
            io::ErrorKind::AddrNotAvailable,
            format!("it has no port {port}"),
        ));
    };
    let until = Instant::now() + within;
    let mut patience = FIRST_PATIENCE;
    loop {
        let ends = until.min(Instant::now() + patience);
        match timeout_at(ends, TcpStream::connect(address)).await {
            Ok(connected) => {
                let stream = connected?;
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(elapsed) if ends == until => return Err(elapsed.into()),
            Err(_) => patience *= 2,
        }
    }
}

impl Refusal {
    /// The status of the answer.
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Unreachable(_) => 502,
            _ => 503,
        }
    }

    /// Why, in words for the one who asked.
    pub(super) fn words(&self, callee: impl fmt::Display) -> String {
        match self {
            Self::NotReady { waited } => {
                format!(
                    "{callee} is not ready: no run of it became ready within {:.1} s",
                    waited.as_secs_f64()
                )
            }
            Self::NotHeld => {
                format!(
                    "{callee} is not ready, and its requests are not held (`hold = false` in the stack file)"
                )
            }
            Self::TooMany { held } => {
                let requests = if *held == 1 { "request" } else { "requests" };
                let are = if *held == 1 { "is" } else { "are" };
                format!("{callee} is not ready: {held} {requests} for it {are} held already")
            }
            Self::Refused(why) => format!("{callee} is not ready: {why}"),
            Self::Unreachable(why) => why.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::target::Upstream;
    use crate::stack::Reach;

    /// A listener whose queue is full, and the connections in it.
    async fn full() -> (tokio::net::TcpListener, Vec<TcpStream>) {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket
            .bind(([127, 0, 0, 1], 0).into())
            .expect("a free port");
        let listener = socket.listen(1).expect("it listens");
        let address = listener.local_addr().expect("an address");
        let mut queued = Vec::new();
        let short = Duration::from_millis(50);
        while let Ok(stream) = timeout(short, TcpStream::connect(address)).await {
            queued.push(stream.expect("it connects"));
        }
        (listener, queued)
    }

    #[tokio::test]
    async fn who_had_a_full_queue_is_reached_before_the_kernel_asks_again() {
        let (listener, queued) = full().await;
        let address = listener.local_addr().expect("an address");
        let live = Live::new(Upstream {
            run: 1,
            reach: Reach::Only(address),
        });
        let (connected, ()) = tokio::join!(connect(&live, 80, Duration::from_millis(900)), async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            for _ in &queued {
                drop(listener.accept().await.expect("one of the queue"));
            }
        });
        connected.expect("another attempt reaches it");
    }
}
