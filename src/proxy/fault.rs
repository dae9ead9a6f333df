//! Faults: what is done to one exchange on purpose, and the pace of what may not pass as fast as it comes.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::limits::Policy;
use super::target::Edge;
use crate::stack::{Fault, bandwidth_words};
use crate::telemetry::SpanId;

/// What is done to one exchange.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Injected {
    /// The same in words, as the exchange carries it.
    pub(super) words: String,
    /// Bytes a second of each body.
    pub(super) bandwidth: Option<u64>,
    delay: Duration,
    strike: Option<Strike>,
}

/// How an exchange is ended before it is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strike {
    /// With this status.
    Error(u16),
    /// By breaking it off.
    Abort,
}

/// What a service's faults do to the next exchange over this edge; `None`: nothing. Connections of bytes have no status
/// that could tell an error.
pub(super) fn draw(policy: &Policy, edge: &Edge, is_bytes: bool) -> Option<Injected> {
    let mut all = policy.faults.iter();
    if policy.faults.is_empty() {
        return None;
    }
    let mine = all
        .by_ref()
        .filter(|one| one.concerns(edge.caller.as_ref()));
    let (mut delay, mut bandwidth, mut strike) = (Duration::ZERO, None::<u64>, None);
    for fault in mine {
        delay = delay.saturating_add(delay_of(fault, random()));
        bandwidth = bandwidth.into_iter().chain(fault.bandwidth).min();
        let error = fault
            .error
            .filter(|error| !is_bytes && error.share.has(random()));
        let abort = fault.abort.filter(|share| share.has(random()));
        strike = strike
            .or(abort.map(|_| Strike::Abort))
            .or(error.map(|error| Strike::Error(error.status)));
    }
    let is_nothing = delay.is_zero() && bandwidth.is_none() && strike.is_none();
    (!is_nothing).then(|| Injected {
        words: words(delay, bandwidth, strike),
        bandwidth: bandwidth.filter(|_| strike.is_none()),
        delay,
        strike,
    })
}

impl Injected {
    /// Waits as long as the exchange is to wait; then tells how it ends, unless it is passed on.
    pub(super) async fn strikes(&self) -> Option<Strike> {
        if !self.delay.is_zero() {
            sleep(self.delay).await;
        }
        self.strike
    }
}

/// What an exchange that is broken off on purpose is said to have failed of.
pub(super) const ABORTED: &str = "broken off on purpose, by a fault";

/// The words of an answer that is an error on purpose.
pub(super) fn said(edge: &Edge, status: u16) -> String {
    format!(
        "{status} on purpose: a fault is set for requests to {}",
        edge.callee
    )
}

fn random() -> u64 {
    SpanId::random().0
}

/// The latency, and as much of the jitter as the random bits say, either way.
fn delay_of(fault: &Fault, random: u64) -> Duration {
    let Fault {
        latency, jitter, ..
    } = fault;
    // From nothing to twice the jitter; latencies of a fault are far below the years that this could overflow at.
    let share = (random >> 32) as f64 / f64::from(u32::MAX);
    let shift = jitter.saturating_mul(2).mul_f64(share);
    latency.saturating_add(shift).saturating_sub(*jitter)
}

fn words(delay: Duration, bandwidth: Option<u64>, strike: Option<Strike>) -> String {
    let mut parts = Vec::new();
    if !delay.is_zero() {
        parts.push(format!("{} ms later", delay.as_millis()));
    }
    match (strike, bandwidth) {
        (Some(Strike::Error(status)), _) => parts.push(format!("answered {status}")),
        (Some(Strike::Abort), _) => parts.push("broken off".into()),
        (None, Some(bytes)) => parts.push(format!("at most {}", bandwidth_words(bytes))),
        (None, None) => {}
    }
    parts.join(", ")
}

/// The pace of one direction: says how many bytes may pass, when they may.
#[derive(Debug)]
pub(super) struct Pace {
    /// Bytes a second.
    rate: u64,
    /// When all that was let pass so far has passed.
    until: Instant,
    passing: Option<(usize, Pin<Box<Sleep>>)>,
}

/// How much of the time that was slept too long is made good.
const SLACK: Duration = Duration::from_millis(10);

impl Pace {
    /// A pace that begins now.
    pub(super) fn new(rate: u64) -> Self {
        Self {
            rate: rate.max(1),
            until: Instant::now(),
            passing: None,
        }
    }

    /// Ready, when so many bytes may pass: at least one, at most `wanted`, which must not be 0. Never sooner than the rate allows.
    pub(super) fn poll_room(&mut self, wanted: usize, cx: &mut Context<'_>) -> Poll<usize> {
        if self.passing.is_none() {
            // A twentieth of a second at once.
            let piece = usize::try_from(self.rate / 20).unwrap_or(usize::MAX).max(1);
            let room = wanted.min(piece);
            let takes = Duration::from_secs_f64(room as f64 / self.rate as f64);
            let now = Instant::now();
            let from = now
                .checked_sub(SLACK)
                .map_or(now, |soonest| self.until.max(soonest));
            self.until = from + takes;
            self.passing = Some((room, Box::pin(sleep_until(self.until))));
        }
        let Some((room, sleep)) = &mut self.passing else {
            return Poll::Pending;
        };
        ready!(sleep.as_mut().poll(cx));
        let room = (*room).min(wanted);
        self.passing = None;
        Poll::Ready(room)
    }

    /// The same, waiting.
    pub(super) async fn room(&mut self, wanted: usize) -> usize {
        poll_fn(|cx| self.poll_room(wanted, cx)).await
    }
}

/// A body that passes at a pace, if it has one.
#[derive(Debug)]
pub(super) struct Paced {
    body: Incoming,
    pace: Option<Box<Pace>>,
    /// What has come and may not pass yet.
    waiting: Bytes,
}

impl Paced {
    /// The body at so many bytes a second; `None`: as fast as it comes.
    pub(super) fn new(body: Incoming, bandwidth: Option<u64>) -> Self {
        Self {
            body,
            pace: bandwidth.map(|rate| Box::new(Pace::new(rate))),
            waiting: Bytes::new(),
        }
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self {
            body,
            pace,
            waiting,
        } = self.get_mut();
        let Some(pace) = pace else {
            return Pin::new(body).poll_frame(cx);
        };
        if waiting.is_empty() {
            let frame = match ready!(Pin::new(body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                ended => return Poll::Ready(ended),
            };
            match frame.into_data() {
                Ok(data) if data.is_empty() => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(data) => *waiting = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let room = ready!(pace.poll_room(waiting.len(), cx));
        Poll::Ready(Some(Ok(Frame::data(waiting.split_to(room)))))
    }

    fn is_end_stream(&self) -> bool {
        self.waiting.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.body.size_hint();
        let waiting = self.waiting.len() as u64;
        let mut hint = SizeHint::new();
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + waiting);
        }
        hint.set_lower(rest.lower() + waiting);
        hint
    }
}

/// What ends a connection that is broken off on purpose.
pub(super) fn aborted() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, ABORTED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{Callers, ErrorFault, Share};

    fn policy(faults: Vec<Fault>) -> Policy {
        Policy {
            faults: faults.into(),
            ..Policy::default()
        }
    }

    fn edge(caller: Option<&str>) -> Edge {
        Edge {
            caller: caller.map(Into::into),
            callee: "orders".into(),
            port: 80,
        }
    }

    #[test]
    fn faults_of_one_edge_add_up() {
        let ms = Duration::from_millis;
        let policy = policy(vec![
            Fault {
                latency: ms(200),
                bandwidth: Some(5_000),
                ..Fault::default()
            },
            Fault {
                from: Callers::Service("web".into()),
                latency: ms(50),
                bandwidth: Some(1_000),
                ..Fault::default()
            },
            Fault {
                from: Callers::FrontDoor,
                error: Some(ErrorFault {
                    status: 503,
                    share: Share::ALL,
                }),
                ..Fault::default()
            },
        ]);
        let web = draw(&policy, &edge(Some("web")), false).unwrap();
        assert_eq!(
            (web.delay, web.bandwidth, web.strike),
            (ms(250), Some(1_000), None)
        );
        assert_eq!(web.words, "250 ms later, at most 1 kB/s");
        let door = draw(&policy, &edge(None), false).unwrap();
        assert_eq!(door.strike, Some(Strike::Error(503)));
        assert_eq!(door.words, "200 ms later, answered 503");
        // Bytes have no status.
        let bytes = draw(&policy, &edge(None), true).unwrap();
        assert_eq!((bytes.strike, bytes.bandwidth), (None, Some(5_000)));
    }

    #[test]
    fn what_does_not_strike_is_no_fault() {
        let never = Fault {
            abort: Some(Share::NONE),
            ..Fault::default()
        };
        assert_eq!(draw(&policy(vec![never]), &edge(None), false), None);
        assert_eq!(draw(&policy(vec![]), &edge(None), false), None);
        let half = Fault {
            abort: Share::of(0.5),
            ..Fault::default()
        };
        let policy = policy(vec![half]);
        let struck = (0..1000).filter(|_| draw(&policy, &edge(None), false).is_some());
        assert!((300..700).contains(&struck.count()));
    }

    #[test]
    fn jitter_goes_either_way_and_never_below_nothing() {
        let ms = Duration::from_millis;
        let fault = |latency, jitter| Fault {
            latency: ms(latency),
            jitter: ms(jitter),
            ..Fault::default()
        };
        assert_eq!(delay_of(&fault(200, 50), 0), ms(150));
        assert_eq!(delay_of(&fault(200, 50), u64::MAX), ms(250));
        assert_eq!(delay_of(&fault(0, 50), 0), ms(0));
        assert_eq!(delay_of(&fault(10, 0), 12345 << 32), ms(10));
    }
}
