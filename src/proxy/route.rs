//! Where requests for a service go at this moment.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::limits::{Limits, Policy};
use super::live::{InFlight, Live};
use super::solo::{Inside, Solo};
use super::target::{Edge, Target, Upstream};
use crate::stack::{Holding, ServiceName};
use crate::telemetry::Telemetry;

/// A held request goes on when the run it goes to has fewer requests than this,
const FEW: usize = 4;

/// or so long after the held request before it.
const RELEASE_GAP: Duration = Duration::from_millis(10);

/// The routes of all services. Shared as `Arc<Routes>`.
#[derive(Debug, Default)]
pub struct Routes {
    services: Mutex<HashMap<ServiceName, Arc<Route>>>,
    lives: Mutex<HashMap<u64, Weak<Live>>>,
    /// Where held requests are counted for those who watch.
    telemetry: Option<Arc<Telemetry>>,
    solo: Arc<Solo>,
}

/// The route of one service.
#[derive(Debug)]
pub(super) struct Route {
    service: ServiceName,
    telemetry: Option<Arc<Telemetry>>,
    aim: watch::Sender<Aim>,
    policy: watch::Sender<Policy>,
    turn: AtomicUsize,
    held: AtomicUsize,
    gate: tokio::sync::Mutex<()>,
}

/// A [`Target`] whose runs are counted.
#[derive(Debug, Clone)]
pub(super) enum Aim {
    Hold,
    Refuse(Arc<str>),
    Runs(Vec<Arc<Live>>),
}

impl Routes {
    /// Routes whose held requests are counted there.
    pub fn counted_in(telemetry: Arc<Telemetry>) -> Self {
        Self {
            telemetry: Some(telemetry),
            ..Self::default()
        }
    }

    /// Sets where requests for this service go from now on; held requests go on at once. A run that is no longer among
    /// them gets no new request after this returns, and the idle connections to it are closed.
    pub fn set(&self, service: &ServiceName, target: Target) {
        let aim = match target {
            Target::Hold => Aim::Hold,
            Target::Runs(runs) if runs.is_empty() => Aim::Hold,
            Target::Refuse(why) => Aim::Refuse(why.into()),
            Target::Runs(runs) => Aim::Runs(self.lives_of(runs)),
        };
        let now: Vec<u64> = aim.runs().iter().map(|live| live.upstream.run).collect();
        let before = self.route(service).aim.send_replace(aim);
        for live in before.runs() {
            if !now.contains(&live.upstream.run) {
                live.set_retired(true);
            }
        }
    }

    /// From now on front doors let one request in at a time, or as many as come. What is under way goes on.
    pub fn set_solo(&self, on: bool) {
        self.solo.set(on);
    }

    /// Lets a request over this edge in, when it is its turn; `None` for one that comes through no front door.
    pub(super) async fn enter(&self, edge: &Edge) -> Option<Inside> {
        if edge.caller.is_some() {
            return None;
        }
        Some(self.solo.enter(self.telemetry.as_ref()).await)
    }

    /// Sets what is done with requests for this service from now on.
    pub fn set_policy(&self, service: &ServiceName, policy: Policy) {
        self.route(service).policy.send_replace(policy);
    }

    /// Where requests for this service go.
    pub fn target(&self, service: &ServiceName) -> Target {
        match &*self.route(service).aim.borrow() {
            Aim::Hold => Target::Hold,
            Aim::Refuse(why) => Target::Refuse(why.to_string()),
            Aim::Runs(lives) => {
                Target::Runs(lives.iter().map(|live| live.upstream.clone()).collect())
            }
        }
    }

    /// How many requests for this service are held at this moment.
    pub fn held(&self, service: &ServiceName) -> usize {
        self.route(service).held.load(Ordering::Relaxed)
    }

    /// Ends when no request of this run is under way; at once for a run that never got one.
    ///
    /// Requests count until the last byte of their answer. What can go on for ever does not count: upgraded connections,
    /// connections of bytes, and event streams (`text/event-stream`) once their answer has begun. They break off when
    /// the run ends, and their clients connect again. The time is not bounded here.
    pub fn drained(&self, run: u64) -> impl Future<Output = ()> + Send + 'static + use<> {
        let live = locked(&self.lives).get(&run).and_then(Weak::upgrade);
        async move {
            if let Some(live) = live {
                live.drained().await;
            }
        }
    }

    /// Forgets a service that left the stack; requests that still come are refused.
    pub fn forget(&self, service: &ServiceName) {
        let why = format!("{service} is no longer part of the stack");
        self.set(service, Target::Refuse(why));
        locked(&self.services).remove(service);
    }

    /// The route of this service; requests for one that nobody has set yet are held.
    pub(super) fn route(&self, service: &ServiceName) -> Arc<Route> {
        let mut services = locked(&self.services);
        let route = services.entry(service.clone()).or_insert_with(|| {
            Arc::new(Route {
                service: service.clone(),
                telemetry: self.telemetry.clone(),
                aim: watch::Sender::new(Aim::Hold),
                policy: watch::Sender::new(Policy::default()),
                turn: AtomicUsize::new(0),
                held: AtomicUsize::new(0),
                gate: tokio::sync::Mutex::new(()),
            })
        });
        Arc::clone(route)
    }

    /// The counted runs: the known ones, so that what is in flight stays counted, and new ones.
    fn lives_of(&self, runs: Vec<Upstream>) -> Vec<Arc<Live>> {
        let mut known = locked(&self.lives);
        known.retain(|_, live| live.strong_count() > 0);
        let mut lives = Vec::with_capacity(runs.len());
        for upstream in runs {
            let same = known.get(&upstream.run).and_then(Weak::upgrade);
            let live = same
                .filter(|live| live.upstream == upstream)
                .unwrap_or_else(|| Arc::new(Live::new(upstream)));
            live.set_retired(false);
            known.insert(live.upstream.run, Arc::downgrade(&live));
            lives.push(live);
        }
        lives
    }
}

impl Aim {
    fn runs(&self) -> &[Arc<Live>] {
        match self {
            Self::Runs(lives) => lives,
            Self::Hold | Self::Refuse(_) => &[],
        }
    }
}

/// What a request is to do now.
#[derive(Debug)]
pub(super) enum Next {
    Hold,
    Refuse(Arc<str>),
    Go(InFlight),
}

/// A request that is held, counted while it is.
#[derive(Debug)]
pub(super) struct Held<'a>(&'a Route);

impl Route {
    /// Takes the next run in turn, one that is not among `avoid` if there is any, and `prefer` if it is among them.
    ///
    /// The request counts as in flight before the lock on the aim is given back, so a run that left the target can
    /// never get one after [`Routes::set`] has returned.
    pub(super) fn next(&self, prefer: Option<u64>, avoid: &[u64]) -> Next {
        match &*self.aim.borrow() {
            Aim::Hold => Next::Hold,
            Aim::Refuse(why) => Next::Refuse(Arc::clone(why)),
            Aim::Runs(lives) => self
                .choose(lives, prefer, avoid)
                .map_or(Next::Hold, |live| Next::Go(live.begin())),
        }
    }

    /// The next run in turn for a connection on which nothing has been said yet.
    pub(super) fn glance(&self) -> Option<Arc<Live>> {
        self.choose(self.aim.borrow().runs(), None, &[]).cloned()
    }

    /// Whether a run that is not among `tried` takes requests.
    pub(super) fn has_other_than(&self, tried: &[u64]) -> bool {
        let aim = self.aim.borrow();
        aim.runs()
            .iter()
            .any(|live| !tried.contains(&live.upstream.run))
    }

    /// Whether this run takes requests.
    pub(super) fn takes(&self, run: u64) -> bool {
        let aim = self.aim.borrow();
        aim.runs().iter().any(|live| live.upstream.run == run)
    }

    /// Follows the aim; what was set before this call is seen already.
    pub(super) fn follow(&self) -> watch::Receiver<Aim> {
        self.aim.subscribe()
    }

    pub(super) fn policy(&self) -> Policy {
        self.policy.borrow().clone()
    }

    /// Lets held requests go one after another, each when the run has few to answer, or after [`RELEASE_GAP`]: all at once
    /// they would overflow the short queue of connections of many a small server.
    pub(super) async fn pass_gate(&self, live: &Live) {
        let _turn = self.gate.lock().await;
        drop(timeout(RELEASE_GAP, live.fewer_than(FEW)).await);
    }

    /// Counts a request as held; `None` if `limit` are held already.
    pub(super) fn hold(&self, limit: usize) -> Option<Held<'_>> {
        let is_free = |held: usize| (held < limit).then_some(held + 1);
        let (relaxed, held) = (Ordering::Relaxed, &self.held);
        held.fetch_update(relaxed, relaxed, is_free).ok()?;
        if let Some(telemetry) = &self.telemetry {
            telemetry.held().begin(&self.service);
            telemetry.touch();
        }
        Some(Held(self))
    }

    /// How long and how many requests are held: as was said of this service, else as the relay does.
    pub(super) fn holding(&self, limits: &Limits) -> Holding {
        self.policy.borrow().hold.unwrap_or(Holding {
            time: limits.hold,
            requests: u32::try_from(limits.held).unwrap_or(u32::MAX),
        })
    }

    fn choose<'a>(
        &self,
        lives: &'a [Arc<Live>],
        prefer: Option<u64>,
        avoid: &[u64],
    ) -> Option<&'a Arc<Live>> {
        let run = |live: &Arc<Live>| live.upstream.run;
        if let Some(preferred) = lives.iter().find(|live| Some(run(live)) == prefer) {
            return Some(preferred);
        }
        let turn = if lives.len() > 1 {
            self.turn.fetch_add(1, Ordering::Relaxed)
        } else {
            0
        };
        let in_turn = || (0..lives.len()).map(|n| &lives[(turn.wrapping_add(n)) % lives.len()]);
        in_turn()
            .find(|live| !avoid.contains(&run(live)))
            .or_else(|| in_turn().next())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let Self(route) = self;
        route.held.fetch_sub(1, Ordering::Relaxed);
        if let Some(telemetry) = &route.telemetry {
            telemetry.held().end(&route.service);
            telemetry.touch();
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
