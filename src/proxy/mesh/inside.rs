//! The relay's own side: what runs in its container.
//!
//! It knows what it is told over the socket, and ends when that closes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::super::connection;
use super::super::limits::Limits;
use super::super::record::Recorder;
use super::super::relay::{Relay, Stage};
use super::super::route::Routes;
use super::super::target::Edge;
use super::callers::Callers;
use super::line;
use super::named::{Named, named};
use super::outbox::{Outbox, outbox};
use super::words::{Told, Word, next};
use crate::stack::ServiceName;
use crate::telemetry::Telemetry;

/// First argument of our binary that makes it a relay in a container.
pub const RELAY_WORD: &str = "__relay";

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// How long accepting pauses when it fails, which it does when there are too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// How much of a connection is looked at for the name that it asks for, and how soon it is looked at again.
const LOOKED_AT: usize = 16 << 10;
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// How long a caller may be silent where the callee may have to speak first.
const SILENCE: Duration = Duration::from_millis(100);

/// How long the name is waited for once something was said.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs a relay: `--socket PATH --key KEY` (what follows [`RELAY_WORD`]). Ends when the other side of the socket does.
pub fn relay_main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Some((socket, key)) = parse(arguments) else {
        return ExitCode::from(125);
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let served = runtime.and_then(|runtime| {
        let served = runtime.block_on(serve(&socket, key));
        // Connections under way break off: nobody is left to be told of them.
        runtime.shutdown_background();
        served
    });
    ExitCode::from(u8::from(served.is_err()))
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Option<(PathBuf, String)> {
    let (mut socket, mut key) = (None, None);
    let mut arguments = arguments.into_iter();
    while let Some(flag) = arguments.next() {
        match flag.to_str()? {
            "--socket" => socket = Some(PathBuf::from(arguments.next()?)),
            "--key" => key = Some(arguments.next()?.into_string().ok()?),
            _ => return None,
        }
    }
    Some((socket?, key?))
}

async fn serve(socket: &std::path::Path, key: String) -> io::Result<()> {
    let stream = UnixStream::connect(socket).await?;
    let (mut reader, writer) = stream.into_split();
    let (words, spoken) = mpsc::unbounded_channel();
    let (outbox, outgoing) = outbox();
    // Whoever holds the other end is this function.
    let _ = words.send(Word::Hello { key });
    let telemetry = Arc::new(Telemetry::default());
    tokio::spawn(line::speak(writer, spoken, outgoing));
    tokio::spawn(line::tell_held(Arc::clone(&telemetry), words.clone()));
    let inside = Inside::new(telemetry, words, outbox);
    while let Some(told) = next::<Told>(&mut reader).await? {
        inside.obey(told);
    }
    Ok(())
}

/// A relay in its container. Cheap to clone.
#[derive(Debug, Clone)]
struct Inside(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    routes: Arc<Routes>,
    /// What connections share, until it is over; and what closes with the last of them.
    open: Mutex<Option<(Relay, mpsc::Receiver<Infallible>)>>,
    callers: Callers,
    table: Mutex<Table>,
    words: mpsc::UnboundedSender<Word>,
    stage: watch::Sender<Stage>,
}

/// Which services are at which port, and who is declared to call whom.
#[derive(Debug, Default)]
struct Table {
    ports: BTreeMap<u16, Port>,
    calls: HashMap<ServiceName, BTreeSet<ServiceName>>,
    /// By which names services are called, in lower case.
    names: HashMap<ServiceName, BTreeSet<String>>,
}

#[derive(Debug, Default)]
struct Port {
    services: Vec<ServiceName>,
    /// The task that listens; `None` where that cannot be.
    listening: Option<AbortHandle>,
    /// It was said that a connection could not be decided.
    was_undecided: bool,
}

impl Inside {
    fn new(telemetry: Arc<Telemetry>, words: mpsc::UnboundedSender<Word>, outbox: Outbox) -> Self {
        let (stage, stages) = watch::channel(Stage::Open);
        let (alive, last) = mpsc::channel(1);
        let routes = Arc::new(Routes::counted_in(telemetry));
        let relay = Relay {
            routes: Arc::clone(&routes),
            recorder: Recorder::new(move |exchange| outbox.put(exchange)),
            limits: Arc::new(Limits::default()),
            stage: stages,
            alive,
        };
        Self(Arc::new(Shared {
            routes,
            open: Mutex::new(Some((relay, last))),
            callers: Callers::default(),
            table: Mutex::default(),
            words,
            stage,
        }))
    }

    fn obey(&self, told: Told) {
        let routes = &self.0.routes;
        match told {
            Told::Target { service, target } => routes.set(&service, target),
            Told::Policy { service, policy } => routes.set_policy(&service, policy),
            Told::Forget { service } => self.forget(&service),
            Told::Ports { service, ports } => {
                for port in ports {
                    self.listen(&service, port);
                }
            }
            Told::Caller { address, service } => self.0.callers.set(address, service),
            Told::Names { service, names } => {
                let names = names.iter().map(|name| name.to_ascii_lowercase());
                self.table().names.insert(service, names.collect());
            }
            Told::Calls { service, callees } => {
                let callees = callees.into_iter().collect();
                self.table().calls.insert(service, callees);
            }
            Told::Ask { id } => self.say(Word::Done { id }),
            Told::Drained { id, run } => {
                let (drained, this) = (routes.drained(run), self.clone());
                tokio::spawn(async move {
                    drained.await;
                    this.say(Word::Done { id });
                });
            }
            Told::Farewell { id } => {
                tokio::spawn(self.clone().farewell(id));
            }
        }
    }

    /// Lets nobody in any more and what is under way end, then says so.
    async fn farewell(self, id: u64) {
        let open = self.open().take();
        if let Some((relay, mut last)) = open {
            relay.end(&self.0.stage, &mut last).await;
        }
        self.say(Word::Over { id });
    }

    fn open(&self) -> MutexGuard<'_, Option<(Relay, mpsc::Receiver<Infallible>)>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, service: &ServiceName) {
        self.0.routes.forget(service);
        let mut table = self.table();
        table.calls.remove(service);
        table.names.remove(service);
        table.ports.retain(|_, port| {
            port.services.retain(|other| other != service);
            if let (true, Some(listening)) = (port.services.is_empty(), &port.listening) {
                listening.abort();
            }
            !port.services.is_empty()
        });
    }

    fn listen(&self, service: &ServiceName, number: u16) {
        let mut table = self.table();
        let port = table.ports.entry(number).or_default();
        if port.services.contains(service) {
            return;
        }
        port.services.push(service.clone());
        if port.listening.is_some() {
            return;
        }
        match bind(number) {
            Ok(listener) => {
                let accepting = tokio::spawn(accept(self.clone(), listener, number));
                port.listening = Some(accepting.abort_handle());
            }
            Err(error) => self.say(Word::Closed {
                port: number,
                why: error.to_string(),
            }),
        }
    }

    /// Boatyard may be gone; then this ends too.
    fn say(&self, word: Word) {
        let _ = self.0.words.send(word);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at(&self, port: u16) -> Vec<ServiceName> {
        let table = self.table();
        table
            .ports
            .get(&port)
            .map_or_else(Vec::new, |port| port.services.clone())
    }

    async fn relay(self, stream: TcpStream, peer: SocketAddr, port: u16) {
        let from = self.0.callers.at(peer.ip()).await;
        let at = self.at(port);
        let to = match at.as_slice() {
            [] => None,
            [only] => Some(only.clone()),
            many => self.choose(&stream, from.as_ref(), many).await,
        };
        let Some(to) = to else {
            if at.len() > 1 {
                self.undecided(port);
            }
            // Reset, so that the caller can tell it from an answer.
            drop(stream.set_zero_linger());
            return;
        };
        let edge = Arc::new(Edge {
            caller: from,
            callee: to,
            port,
        });
        let relay = self.open().as_ref().map(|(relay, _)| relay.clone());
        if let Some(relay) = relay {
            connection::relay(relay, edge, stream).await;
        }
    }

    /// Which of several services at one port a connection is meant for: by the name that it asks for, else by whom its
    /// caller is declared to call.
    async fn choose(
        &self,
        stream: &TcpStream,
        caller: Option<&ServiceName>,
        many: &[ServiceName],
    ) -> Option<ServiceName> {
        let declared = || {
            let table = self.table();
            let calls = table.calls.get(caller?)?;
            let mut fitting = many.iter().filter(|service| calls.contains(*service));
            fitting.next().filter(|_| fitting.next().is_none()).cloned()
        };
        let asked = timeout(PATIENCE, asked_for(stream, declared().is_some())).await;
        let by_name = asked.ok().flatten().and_then(|host| {
            let table = self.table();
            let has = |service: &&ServiceName| {
                let names = table.names.get(*service);
                is_called(service, &host) || names.is_some_and(|names| is_one_of(names, &host))
            };
            many.iter().find(has).cloned()
        });
        by_name.or_else(declared)
    }

    fn undecided(&self, number: u16) {
        if let Some(port) = self.table().ports.get_mut(&number)
            && !std::mem::replace(&mut port.was_undecided, true)
        {
            self.say(Word::Undecided { port: number });
        }
    }
}

/// Whether a host is one of a service's names: `orders`, `orders-1`, `orders.some-network`.
fn is_called(service: &ServiceName, host: &str) -> bool {
    let name = service.as_str().to_ascii_lowercase();
    let is_one = |host: &str| {
        host.strip_prefix(name.as_str()).is_some_and(|rest| {
            let number = rest.strip_prefix('-').unwrap_or("x");
            rest.is_empty() || number.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    is_one(host) || host.split_once('.').is_some_and(|(first, _)| is_one(first))
}

/// Whether a host is one of these names, or one with a network's name behind it.
fn is_one_of(names: &BTreeSet<String>, host: &str) -> bool {
    let first = host.split_once('.').map(|(first, _)| first);
    names.contains(host) || first.is_some_and(|first| names.contains(first))
}

/// The name that the connection asks for; nothing is taken from it. `may_be_silent`: there is somebody to go to if nothing is
/// said.
async fn asked_for(stream: &TcpStream, may_be_silent: bool) -> Option<String> {
    let mut bytes = vec![0; LOOKED_AT];
    let first = stream.peek(&mut bytes);
    let mut count = if may_be_silent {
        timeout(SILENCE, first).await.ok()?.ok()?
    } else {
        first.await.ok()?
    };
    loop {
        match named(&bytes[..count]) {
            Named::Host(host) => return Some(host),
            Named::Nothing => return None,
            Named::More if count == LOOKED_AT || count == 0 => return None,
            Named::More => sleep(LOOK_AGAIN).await,
        }
        count = stream.peek(&mut bytes).await.ok()?;
    }
}

fn bind(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))?;
    socket.listen(BACKLOG)
}

async fn accept(inside: Inside, listener: TcpListener, port: u16) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                tokio::spawn(inside.clone().relay(stream, peer, port));
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_names_may_have_dots_of_their_own() {
        let names = ["db", "db.internal"].map(str::to_owned).into();
        for (host, expected) in [
            ("db", true),
            ("db.shop_default", true),
            ("db.internal", true),
            ("internal", false),
        ] {
            assert_eq!(is_one_of(&names, host), expected, "{host}");
        }
    }

    #[test]
    fn a_service_is_called_by_its_names_only() {
        let orders = ServiceName::from("Orders");
        for (host, expected) in [
            ("orders", true),
            ("orders-12", true),
            ("orders.boatyard-shop-1", true),
            ("orders-x", false),
            ("orders-db", false),
            ("order", false),
            ("my.orders", false),
            ("", false),
        ] {
            assert_eq!(is_called(&orders, host), expected, "{host}");
        }
    }
}
