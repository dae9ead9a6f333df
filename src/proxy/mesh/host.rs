//! Boatyard's side: the socket at which relays report, what they are told, and what they tell.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::super::limits::Policy;
use super::super::target::Target;
use super::words::{Told, Word, frame, next};
use crate::stack::ServiceName;
use crate::telemetry::{Exchange, Telemetry};

/// Name of the socket in its folder.
const SOCKET: &str = "socket";

/// How long a relay may take to say which it is.
const GREETS_WITHIN: Duration = Duration::from_secs(5);

/// What may wait to be told to one relay; one that is further behind does not listen any more, and is let go.
const BEHIND: usize = 16 << 10;

/// Ports of one service at most.
const PORTS: usize = 64;

/// What is told of relays, which are known by their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeshNews {
    /// It knows all there is to know, and listens.
    Up { relay: usize },
    /// It is gone.
    Down { relay: usize },
    /// A connection to this port could have been meant for several of these services, and was refused. Told once a port.
    Undecided {
        port: u16,
        services: Vec<ServiceName>,
    },
    /// This port cannot be listened at, so nobody reaches these services there.
    Closed {
        port: u16,
        services: Vec<ServiceName>,
        why: String,
    },
    /// So many exchanges were not kept, because more came than could be told.
    Dropped { exchanges: u64 },
}

/// The relays in containers of one session. Cheap to clone; when the last clone is gone they end.
#[derive(Debug, Clone)]
pub struct Mesh(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    record: Box<dyn Fn(Exchange) + Send + Sync>,
    telemetry: Arc<Telemetry>,
    news: mpsc::UnboundedSender<MeshNews>,
    accepting: Mutex<Option<AbortHandle>>,
}

/// All that a relay must know, and the relays that were told.
#[derive(Debug, Default)]
struct State {
    targets: HashMap<ServiceName, Target>,
    policies: HashMap<ServiceName, Policy>,
    ports: BTreeMap<ServiceName, BTreeSet<u16>>,
    callers: HashMap<IpAddr, ServiceName>,
    calls: HashMap<ServiceName, Vec<ServiceName>>,
    names: HashMap<ServiceName, Vec<String>>,
    relays: Vec<Relay>,
    questions: u64,
}

/// One relay, there or not.
#[derive(Debug)]
struct Relay {
    key: String,
    services: Vec<ServiceName>,
    line: Option<Line>,
}

/// The way to a relay that is there.
#[derive(Debug)]
struct Line {
    /// Tells this connection from others of the same relay.
    number: u64,
    /// `None`: it did not listen, and its connection is about to end.
    tell: Option<mpsc::Sender<Told>>,
    /// Who waits for which answer.
    waiting: HashMap<u64, oneshot::Sender<()>>,
    /// How many requests it holds.
    held: HashMap<ServiceName, usize>,
}

impl Mesh {
    /// Begins to listen in this folder, which is made. Each exchange is given to `record`; requests that are held are counted
    /// in `telemetry`. Must be called within the runtime.
    ///
    /// # Errors
    /// The folder cannot be made, or the socket not be bound.
    pub fn open(
        folder: &Path,
        record: impl Fn(Exchange) + Send + Sync + 'static,
        telemetry: Arc<Telemetry>,
        news: mpsc::UnboundedSender<MeshNews>,
    ) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let listener = bind(folder)?;
        // Nobody else of this machine gets past the folders above.
        fs::set_permissions(folder.join(SOCKET), fs::Permissions::from_mode(0o666))?;
        let inner = Arc::new(Inner {
            state: Mutex::default(),
            record: Box::new(record),
            telemetry,
            news,
            accepting: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::downgrade(&inner)));
        *locked(&inner.accepting) = Some(accepting.abort_handle());
        Ok(Self(inner))
    }

    /// Name of the socket in its folder.
    pub const SOCKET: &'static str = SOCKET;

    /// One more relay, which has the names of these services; gives its number, and the key by which it has to report.
    pub fn expect(&self, services: Vec<ServiceName>) -> (usize, String) {
        let mut state = self.state();
        let key = key();
        state.relays.push(Relay {
            key: key.clone(),
            services,
            line: None,
        });
        (state.relays.len() - 1, key)
    }

    /// The services whose names a relay has.
    pub fn services(&self, relay: usize) -> Vec<ServiceName> {
        let state = self.state();
        let relay = state.relays.get(relay);
        relay.map_or_else(Vec::new, |relay| relay.services.clone())
    }

    /// Whether a relay that is there has this service's name.
    pub fn carries(&self, service: &ServiceName) -> bool {
        let state = self.state();
        let mut there = state.relays.iter().filter(|relay| relay.line.is_some());
        there.any(|relay| relay.services.contains(service))
    }

    /// Sets where requests for a service go, as seen from the stack's network.
    pub fn set(&self, service: &ServiceName, target: Target) {
        let mut state = self.state();
        state.targets.insert(service.clone(), target.clone());
        state.tell_all(&Told::Target {
            service: service.clone(),
            target,
        });
    }

    /// Sets what is done with requests for a service, and whom it is declared to call.
    pub fn describe(&self, service: &ServiceName, policy: Policy, calls: Vec<ServiceName>) {
        let mut state = self.state();
        state.policies.insert(service.clone(), policy.clone());
        state.calls.insert(service.clone(), calls.clone());
        let service = service.clone();
        state.tell_all(&Told::Calls {
            service: service.clone(),
            callees: calls,
        });
        state.tell_all(&Told::Policy { service, policy });
    }

    /// Sets by which names a service is called.
    pub fn call(&self, service: &ServiceName, names: Vec<String>) {
        let mut state = self.state();
        state.names.insert(service.clone(), names.clone());
        state.tell_all(&Told::Names {
            service: service.clone(),
            names,
        });
    }

    /// A service left the stack.
    pub fn forget(&self, service: &ServiceName) {
        let mut state = self.state();
        state.targets.remove(service);
        state.policies.remove(service);
        state.ports.remove(service);
        state.calls.remove(service);
        state.names.remove(service);
        state.tell_all(&Told::Forget {
            service: service.clone(),
        });
    }

    /// A service is at these ports too.
    pub fn ports(&self, service: &ServiceName, ports: &[u16]) {
        let mut state = self.state();
        let known = state.ports.entry(service.clone()).or_default();
        let room = PORTS.saturating_sub(known.len());
        let new: Vec<u16> = ports
            .iter()
            .copied()
            .filter(|port| *port != 0 && !known.contains(port))
            .take(room)
            .collect();
        if new.is_empty() {
            return;
        }
        known.extend(&new);
        let told = Told::Ports {
            service: service.clone(),
            ports: new,
        };
        let has = |relay: &&mut Relay| relay.services.contains(service);
        state
            .relays
            .iter_mut()
            .filter(has)
            .for_each(|relay| relay.tell(&told));
    }

    /// An address on the network belongs to a service, or to nobody any more.
    pub fn caller(&self, address: IpAddr, service: Option<ServiceName>) {
        let mut state = self.state();
        let before = match &service {
            Some(service) => state.callers.insert(address, service.clone()),
            None => state.callers.remove(&address),
        };
        if before != service {
            state.tell_all(&Told::Caller { address, service });
        }
    }

    /// Ends when no relay has a request of this run under way. What was set before is done first, so a run that is no
    /// longer among a service's targets gets no new request after this has ended.
    pub fn drained(&self, run: u64) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.ask(move |id| Told::Drained { id, run })
    }

    /// Ends when all that was said so far has been done by every relay.
    pub fn settled(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.ask(|id| Told::Ask { id })
    }

    /// Lets nobody through any more. Ends when every relay that is connected has told of its exchanges; those under way may take 5 s
    /// to end, then they are broken off and told of so. To be called once.
    pub fn farewell(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.ask(|id| Told::Farewell { id })
    }

    fn ask<T: Fn(u64) -> Told>(
        &self,
        told: T,
    ) -> impl Future<Output = ()> + Send + 'static + use<T> {
        let mut state = self.state();
        let mut answers = Vec::new();
        state.questions += 1;
        let id = state.questions;
        for relay in &mut state.relays {
            if let Some(line) = &mut relay.line {
                let (tell, told) = oneshot::channel();
                line.waiting.insert(id, tell);
                answers.push(told);
            }
            relay.tell(&told(id));
        }
        async move {
            for answer in answers {
                // A relay that is gone has nothing under way.
                drop(answer.await);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0.state)
    }
}

impl State {
    fn tell_all(&mut self, told: &Told) {
        for relay in &mut self.relays {
            relay.tell(told);
        }
    }

    /// All that the relay of this number has to know, in the order in which it is to learn it.
    fn all_for(&self, relay: usize) -> Vec<Told> {
        let callers = self.callers.iter().map(|(address, service)| Told::Caller {
            address: *address,
            service: Some(service.clone()),
        });
        let calls = self.calls.iter().map(|(service, callees)| Told::Calls {
            service: service.clone(),
            callees: callees.clone(),
        });
        let names = self.names.iter().map(|(service, names)| Told::Names {
            service: service.clone(),
            names: names.clone(),
        });
        let policies = self.policies.iter().map(|(service, policy)| Told::Policy {
            service: service.clone(),
            policy: policy.clone(),
        });
        let targets = self.targets.iter().map(|(service, target)| Told::Target {
            service: service.clone(),
            target: target.clone(),
        });
        // Last: whoever connects finds the rest told.
        let ports = self
            .ports
            .iter()
            .filter(|(service, _)| self.relays[relay].services.contains(service))
            .map(|(service, ports)| Told::Ports {
                service: service.clone(),
                ports: ports.iter().copied().collect(),
            });
        let first = callers.chain(calls).chain(names).chain(policies);
        first.chain(targets).chain(ports).collect()
    }
}

impl Relay {
    /// Tells it, if it is there and listens.
    fn tell(&mut self, told: &Told) {
        if let Some(line) = &mut self.line
            && let Some(tell) = &line.tell
            && tell.try_send(told.clone()).is_err()
        {
            // Its connection ends with this, and another relay takes its place.
            line.tell = None;
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(accepting) = locked(&self.accepting).take() {
            accepting.abort();
        }
    }
}

/// By way of the folder's descriptor: a socket's own path may have 107 bytes at most (`unix(7)`).
fn bind(folder: &Path) -> io::Result<UnixListener> {
    drop(fs::remove_file(folder.join(SOCKET)));
    let open = fs::File::open(folder)?;
    UnixListener::bind(format!("/proc/self/fd/{}/{SOCKET}", open.as_raw_fd()))
}

/// A word that no container can guess.
fn key() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    // The standard library seeds each with randomness of the system.
    let part = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", part(), part())
}

async fn accept(listener: UnixListener, inner: Weak<Inner>) {
    let mut number = 0;
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        number += 1;
        tokio::spawn(welcome(stream, number, inner.clone()));
    }
}

/// Hears which relay this is, tells it all it must know, and listens to it until it is gone. Whoever has no key that was
/// given out is not answered.
async fn welcome(stream: UnixStream, number: u64, inner: Weak<Inner>) {
    let (mut reader, writer) = stream.into_split();
    let Ok(Ok(Some(Word::Hello { key }))) = timeout(GREETS_WITHIN, next(&mut reader)).await else {
        return;
    };
    let Some((relay, told, up)) = inner
        .upgrade()
        .and_then(|inner| inner.take_in(&key, number))
    else {
        return;
    };
    let news = inner.upgrade().map(|inner| inner.news.clone());
    let speaking = tokio::spawn(speak(writer, told));
    let hearing = hear(&mut reader, relay, number, &inner);
    let listens = async {
        if up.await.is_ok()
            && let Some(news) = news
        {
            // Whoever wanted to know may be gone.
            let _ = news.send(MeshNews::Up { relay });
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = hearing => {}
        () = listens => {}
        _ = speaking => {}
    }
    if let Some(inner) = inner.upgrade() {
        inner.let_go(relay, number);
    }
}

/// Tells a relay what there is to tell, until one side is gone.
async fn speak(mut to: OwnedWriteHalf, mut told: mpsc::Receiver<Told>) {
    let mut some = Vec::new();
    while told.recv_many(&mut some, 64).await > 0 {
        let frames: io::Result<Vec<Vec<u8>>> = some.drain(..).map(|told| frame(&told)).collect();
        let Ok(frames) = frames else {
            return;
        };
        if to.write_all(&frames.concat()).await.is_err() {
            return;
        }
    }
}

/// Listens to a relay until it is gone, or nobody wants to know any more.
async fn hear(from: &mut OwnedReadHalf, relay: usize, number: u64, inner: &Weak<Inner>) {
    while let Ok(Some(word)) = next::<Word>(from).await {
        let Some(inner) = inner.upgrade() else {
            return;
        };
        inner.heard(relay, number, word);
    }
}

impl Inner {
    /// The relay of this key is there: its number, what it is to be told, and what comes when it has done all of that.
    fn take_in(
        &self,
        key: &str,
        number: u64,
    ) -> Option<(usize, mpsc::Receiver<Told>, oneshot::Receiver<()>)> {
        let mut state = locked(&self.state);
        let relay = state.relays.iter().position(|relay| relay.key == key)?;
        let (tell, told) = mpsc::channel(BEHIND);
        let (say_up, up) = oneshot::channel();
        state.questions += 1;
        let id = state.questions;
        let mut all = state.all_for(relay);
        all.push(Told::Ask { id });
        for one in all {
            tell.try_send(one).ok()?;
        }
        self.hold_nothing(state.relays[relay].line.take());
        state.relays[relay].line = Some(Line {
            number,
            tell: Some(tell),
            waiting: HashMap::from([(id, say_up)]),
            held: HashMap::new(),
        });
        Some((relay, told, up))
    }

    fn let_go(&self, relay: usize, number: u64) {
        let mut state = locked(&self.state);
        let Some(known) = state.relays.get_mut(relay) else {
            return;
        };
        if known
            .line
            .as_ref()
            .is_some_and(|line| line.number != number)
        {
            return;
        }
        self.hold_nothing(known.line.take());
        drop(state);
        let _ = self.news.send(MeshNews::Down { relay });
    }

    fn heard(&self, relay: usize, number: u64, word: Word) {
        match word {
            Word::Exchanges { exchanges, dropped } => {
                exchanges.into_iter().for_each(&self.record);
                if dropped > 0 {
                    let _ = self.news.send(MeshNews::Dropped { exchanges: dropped });
                }
            }
            Word::Done { id } | Word::Over { id } => {
                let mut state = locked(&self.state);
                let line = state.relays.get_mut(relay).and_then(|it| it.line.as_mut());
                let waiting = line
                    .filter(|line| line.number == number)
                    .and_then(|line| line.waiting.remove(&id));
                if let Some(waiting) = waiting {
                    // Whoever waited may have given up.
                    let _ = waiting.send(());
                }
            }
            Word::Held { service, now } => self.holds(relay, number, service, now),
            Word::Undecided { port } => {
                let services = self.at(relay, port);
                let _ = self.news.send(MeshNews::Undecided { port, services });
            }
            Word::Closed { port, why } => {
                let services = self.at(relay, port);
                let _ = self.news.send(MeshNews::Closed {
                    port,
                    services,
                    why,
                });
            }
            Word::Hello { .. } => {}
        }
    }

    /// The services of a relay that are at this port.
    fn at(&self, relay: usize, port: u16) -> Vec<ServiceName> {
        let state = locked(&self.state);
        let services = state.relays.get(relay).map(|relay| &relay.services);
        let is_there = |service: &&ServiceName| {
            let ports = state.ports.get(*service);
            ports.is_some_and(|ports| ports.contains(&port))
        };
        services
            .into_iter()
            .flatten()
            .filter(is_there)
            .cloned()
            .collect()
    }

    /// Counts what a relay holds, where views look for it.
    fn holds(&self, relay: usize, number: u64, service: ServiceName, now: usize) {
        let mut state = locked(&self.state);
        let line = state.relays.get_mut(relay).and_then(|it| it.line.as_mut());
        let Some(line) = line.filter(|line| line.number == number) else {
            return;
        };
        let before = line.held.get(&service).copied().unwrap_or(0);
        let mut counts = self.telemetry.held();
        (before..now).for_each(|_| counts.begin(&service));
        (now..before).for_each(|_| counts.end(&service));
        drop(counts);
        line.held.insert(service, now);
        self.telemetry.touch();
    }

    fn hold_nothing(&self, line: Option<Line>) {
        let mut counts = self.telemetry.held();
        for (service, held) in line.into_iter().flat_map(|line| line.held) {
            (0..held).for_each(|_| counts.end(&service));
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
