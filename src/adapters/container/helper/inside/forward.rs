//! Connections to a container whose program has moved elsewhere, passed on to where it is now.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// How long a connection waits for somewhere to go, or for a program there to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// How soon a place that refused, or a port that is not free yet, is tried again.
const AGAIN: Duration = Duration::from_millis(5);

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// Listens at ports and passes connections on. Nothing listens at first.
#[derive(Debug)]
pub(super) struct Forwarder {
    /// The address at which it listens.
    at: IpAddr,
    to: watch::Sender<Vec<IpAddr>>,
    listeners: BTreeMap<u16, JoinSet<()>>,
}

impl Default for Forwarder {
    fn default() -> Self {
        Self {
            at: Ipv4Addr::UNSPECIFIED.into(),
            to: watch::Sender::new(Vec::new()),
            listeners: BTreeMap::new(),
        }
    }
}

impl Forwarder {
    /// From now on listens at these ports too, and passes connections on to one of these addresses; holds them while there
    /// is none.
    pub(super) fn forward(&mut self, ports: &[u16], to: Vec<IpAddr>) {
        self.to.send_replace(to);
        for port in ports {
            self.listeners.entry(*port).or_insert_with(|| {
                let mut listening = JoinSet::new();
                listening.spawn(listen(SocketAddr::new(self.at, *port), self.to.subscribe()));
                listening
            });
        }
    }

    /// From now on listens nowhere. Connections that were passed on stay.
    pub(super) fn refuse(&mut self) {
        self.to.send_replace(Vec::new());
        self.listeners.clear();
    }
}

/// Listens until it is aborted; the connections live on by themselves.
async fn listen(at: SocketAddr, to: watch::Receiver<Vec<IpAddr>>) {
    let listener = loop {
        match bind(at) {
            Ok(listener) => break listener,
            // What the program left is just being killed.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => sleep(AGAIN).await,
            Err(_) => return,
        }
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(pass_on(stream, at.port(), to.clone()))),
            Err(_) => sleep(AGAIN).await,
        }
    }
}

fn bind(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
}

async fn pass_on(mut from: TcpStream, port: u16, to: watch::Receiver<Vec<IpAddr>>) {
    let reached = timeout(PATIENCE, reach(port, to)).await;
    if let Ok(Some(mut stream)) = reached {
        let _ = (from.set_nodelay(true), stream.set_nodelay(true));
        drop(copy_bidirectional(&mut from, &mut stream).await);
    }
}

/// A connection to one of the addresses in turn, as soon as one takes it.
async fn reach(port: u16, mut to: watch::Receiver<Vec<IpAddr>>) -> Option<TcpStream> {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let addresses = to.borrow_and_update().clone();
        if addresses.is_empty() {
            to.changed().await.ok()?;
            continue;
        }
        let turn = TURN.fetch_add(1, Ordering::Relaxed);
        for index in 0..addresses.len() {
            let address = addresses[turn.wrapping_add(index) % addresses.len()];
            if let Ok(stream) = TcpStream::connect((address, port)).await {
                return Some(stream);
            }
        }
        sleep(AGAIN).await;
    }
    None
}

/// The TCP ports at which something listens in this network namespace, those of its loopback interface excepted.
pub(super) fn listening() -> Vec<u16> {
    listening_in(Path::new("/proc/net"))
}

/// The same of the network namespace whose tables are in this folder.
pub(in super::super::super) fn listening_in(tables: &Path) -> Vec<u16> {
    let mut ports: Vec<u16> = sockets(tables)
        .into_iter()
        .filter(|socket| socket.state == "0A" && !socket.is_loopback)
        .map(|socket| socket.port)
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Waits until no connection to these ports is open, no longer than this.
pub(super) async fn quiet(ports: &[u16], within: Duration) {
    let began = Instant::now();
    let is_busy = || {
        let sockets = sockets(Path::new("/proc/net"));
        let mut open = sockets.iter().filter(|socket| socket.state == "01");
        open.any(|socket| ports.contains(&socket.port))
    };
    while began.elapsed() < within && is_busy() {
        sleep(Duration::from_millis(1)).await;
    }
}

/// A socket of the kernel's table.
#[derive(Debug, PartialEq, Eq)]
struct Socket {
    port: u16,
    is_loopback: bool,
    /// `0A`: listening, `01`: connected.
    state: String,
}

fn sockets(tables: &Path) -> Vec<Socket> {
    let read = ["tcp", "tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(tables.join(table)).ok());
    read.flat_map(|table| read_table(&table)).collect()
}

/// `proc(5)`: the local address and port in hexadecimal in the second column, the state in the fourth.
fn read_table(table: &str) -> Vec<Socket> {
    let sockets = table.lines().skip(1).filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (address, port) = columns.get(1)?.split_once(':')?;
        let is_loopback = if address.len() == 8 {
            address.ends_with("7F")
        } else {
            address == "00000000000000000000000001000000" || address.ends_with("FFFF00000100007F")
        };
        Some(Socket {
            port: u16::from_str_radix(port, 16).ok()?,
            is_loopback,
            state: (*columns.get(3)?).to_owned(),
        })
    });
    sockets.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn sockets_are_read_from_the_kernels_table() {
        let table = "  sl  local_address rem_address   st tx_queue\n\
                     0: 00000000:1F40 00000000:0000 0A 00000000:00000000\n\
                     1: 0B00007F:9C41 00000000:0000 0A 00000000:00000000\n\
                     2: 020011AC:1F40 010011AC:C350 01 00000000:00000000\n\
                     3: 00000000000000000000000000000000:0050 0:0000 0A 00000000:0\n\
                     4: 00000000000000000000000001000000:0051 0:0000 0A 00000000:0\n";
        let found = read_table(table);
        let seen: Vec<_> = found
            .iter()
            .map(|socket| (socket.port, socket.is_loopback, socket.state.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                (8000, false, "0A"),
                (40001, true, "0A"),
                (8000, false, "01"),
                (80, false, "0A"),
                (81, true, "0A")
            ]
        );
    }

    #[tokio::test]
    async fn a_connection_waits_for_a_place_to_go_and_goes_there() {
        let here: IpAddr = Ipv4Addr::new(127, 0, 0, 8).into();
        let elsewhere: IpAddr = Ipv4Addr::new(127, 0, 0, 9).into();
        let server = TcpListener::bind((elsewhere, 0)).await.unwrap();
        let port = server.local_addr().unwrap().port();
        let mut forwarder = Forwarder {
            at: here,
            ..Forwarder::default()
        };
        forwarder.forward(&[port], Vec::new());
        let client = tokio::spawn(async move {
            let mut stream = loop {
                if let Ok(stream) = TcpStream::connect((here, port)).await {
                    break stream;
                }
                tokio::task::yield_now().await;
            };
            stream.write_all(b"ping").await.unwrap();
            let mut answer = [0; 4];
            stream.read_exact(&mut answer).await.unwrap();
            answer
        });
        forwarder.forward(&[port], vec![elsewhere]);
        let (mut stream, _) = server.accept().await.unwrap();
        let mut asked = [0; 4];
        stream.read_exact(&mut asked).await.unwrap();
        stream.write_all(b"pong").await.unwrap();
        assert_eq!(&client.await.unwrap(), b"pong");
        forwarder.refuse();
        while TcpStream::connect((here, port)).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
}
