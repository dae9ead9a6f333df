//! Connections of bytes: upgraded ones, and those that never were HTTP.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::fault;
use super::hello::Hello;
use super::live::Live;
use super::record::{Opening, Recording};
use super::relay::{Relay, Stage};
use super::route::Route;
use super::seek::{Refusal, Seeker};
use super::splice::{Passed, splice};
use super::target::Edge;
use crate::telemetry::{ExchangeStatus, Headers, TraceContext};

/// Relays a connection after `101 Switching Protocols`, until it or the relay ends.
pub(super) async fn upgraded(
    relay: Relay,
    caller: OnUpgrade,
    run: OnUpgrade,
    recording: Option<Recording>,
    bandwidth: Option<u64>,
) {
    let passed = Passed::default();
    let relayed = async {
        let ends: Result<(Upgraded, Upgraded), hyper::Error> =
            async { Ok((caller.await?, run.await?)) }.await;
        let (caller, run) = ends.map_err(io::Error::other)?;
        let (caller, run) = (TokioIo::new(caller), TokioIo::new(run));
        splice(caller, run, &passed, bandwidth, |_| {}).await
    };
    let mut stage = relay.stage.clone();
    tokio::select! {
        // Whichever side broke off, what has passed has passed.
        _ = relayed => {}
        () = Stage::reached(&mut stage, Stage::Closing) => {}
    }
    end(recording, &passed, ExchangeStatus::Bytes, &Hello::default());
}

/// Relays a connection that is not HTTP; `said` was read to recognise it.
pub(super) async fn bytes(
    relay: Relay,
    edge: Arc<Edge>,
    route: Arc<Route>,
    (mut caller, said): (TcpStream, Bytes),
    connected: Option<(Arc<Live>, TcpStream)>,
) {
    let policy = route.policy();
    let injected = fault::draw(&policy, &edge, true);
    let bandwidth = injected.as_ref().and_then(|injected| injected.bandwidth);
    let mut recording = policy.trace.then(|| begin(&relay, &edge, policy.redact));
    if let (Some(recording), Some(injected)) = (&mut recording, &injected) {
        recording.injected(&injected.words);
    }
    let mut seeker = Seeker::new(&edge, &route, &relay.limits);
    let mut stage = relay.stage.clone();
    let passed = Passed::default();
    let mut hello = Hello::default();
    hello.follow(&said);
    let relayed = async {
        if let Some(injected) = injected
            && injected.strikes().await.is_some()
        {
            return Err(Refusal::Unreachable(fault::ABORTED.into()));
        }
        let (live, run) = match connected {
            Some(connected) => connected,
            None => connect(&mut seeker).await?,
        };
        if let Some(recording) = &mut recording {
            recording.held(seeker.held);
            recording.given_to(live.upstream.run);
        }
        Ok::<_, Refusal>(pass(&mut caller, run, &said, (&passed, bandwidth), &mut hello).await)
    };
    let ended = tokio::select! {
        ended = relayed => ended,
        () = Stage::reached(&mut stage, Stage::Closing) => Ok(Ok(())),
    };
    let status = match ended {
        Ok(Ok(())) => ExchangeStatus::Bytes,
        Ok(Err(_)) => {
            // A side that broke off is told from one that ended: the caller is reset too.
            drop(caller.set_zero_linger());
            ExchangeStatus::Bytes
        }
        Err(refusal) => {
            drop(caller.set_zero_linger());
            ExchangeStatus::Failed(refusal.words(&edge.callee))
        }
    };
    end(recording, &passed, status, &hello);
}

async fn pass(
    caller: &mut TcpStream,
    mut run: TcpStream,
    said: &Bytes,
    (passed, bandwidth): (&Passed, Option<u64>),
    hello: &mut Hello,
) -> io::Result<()> {
    run.write_all(said).await?;
    passed.up.fetch_add(said.len() as u64, Ordering::Relaxed);
    let relayed = splice(caller, &mut run, passed, bandwidth, |bytes| {
        hello.follow(bytes);
    })
    .await;
    if relayed.is_err() {
        drop(run.set_zero_linger());
    }
    relayed
}

async fn connect(seeker: &mut Seeker<'_>) -> Result<(Arc<Live>, TcpStream), Refusal> {
    loop {
        let in_flight = seeker.next(None).await?;
        match seeker.connect(in_flight.live()).await {
            Ok(stream) => return Ok((Arc::clone(in_flight.live()), stream)),
            Err(error) => seeker.failed(in_flight.live(), &error).await?,
        }
    }
}

fn begin(relay: &Relay, edge: &Edge, redact: Arc<[String]>) -> Recording {
    let opening = Opening {
        edge,
        context: TraceContext::begin(),
        parent: None,
        method: "TCP",
        path: String::new(),
        headers: Headers::default(),
        redact,
        inside: None,
    };
    Recording::begin(&relay.recorder, opening)
}

/// Hands the exchange on. A connection on which nothing was ever said, as port checks make them, is none.
fn end(recording: Option<Recording>, passed: &Passed, status: ExchangeStatus, hello: &Hello) {
    let (up, down) = (
        passed.up.load(Ordering::Relaxed),
        passed.down.load(Ordering::Relaxed),
    );
    let Some(mut recording) = recording else {
        return;
    };
    let length = |bytes| usize::try_from(bytes).unwrap_or(usize::MAX);
    recording.bodies.asked.count(length(up));
    recording.bodies.answered.count(length(down));
    if let Some(name) = hello.name() {
        recording.called("TLS", name);
    }
    if up == 0 && down == 0 && status == ExchangeStatus::Bytes {
        recording.discard();
    } else {
        recording.end(status);
    }
}
