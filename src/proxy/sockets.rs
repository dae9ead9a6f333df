//! What the kernel tells about TCP sockets in `/proc/net/tcp` and `/proc/net/tcp6`
//! (format: `proc_net_tcp` in the kernel's networking documentation).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpStream;

/// State number of a listening socket.
const LISTEN: u8 = 0x0a;

/// One socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) listens: bool,
    /// 0: no process holds it any more.
    pub(super) inode: u64,
}

/// The other end of a connection, if it is on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    here: SocketAddr,
    there: SocketAddr,
}

impl Peer {
    /// The other end of this connection; `None` if it is (or may be) on another machine.
    pub(super) fn of(stream: &TcpStream) -> Option<Self> {
        let (here, there) = (stream.local_addr().ok()?, stream.peer_addr().ok()?);
        let local = there.ip().to_canonical().is_loopback();
        local.then_some(Self { here, there })
    }
}

/// Whether no process holds the peer's socket any more: it was closed and not only shut down for writing.
pub(super) fn is_gone(peer: &Peer) -> bool {
    let Some(sockets) = all() else {
        return false;
    };
    let (here, there) = (canonical(peer.here), canonical(peer.there));
    let its =
        |socket: &Socket| canonical(socket.local) == there && canonical(socket.remote) == here;
    sockets
        .iter()
        .find(|socket| its(socket))
        .is_none_or(|socket| socket.inode == 0)
}

/// All TCP sockets of this network namespace; `None` if the kernel does not tell.
pub(super) fn all() -> Option<Vec<Socket>> {
    let v4 = std::fs::read_to_string("/proc/net/tcp").ok()?;
    let v6 = std::fs::read_to_string("/proc/net/tcp6").unwrap_or_default();
    Some([v4, v6].iter().flat_map(|table| parse(table)).collect())
}

/// The sockets of one table. Lines that are not understood are left out.
pub(super) fn parse(table: &str) -> Vec<Socket> {
    table.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Socket> {
    let mut words = line.split_ascii_whitespace();
    let number = words.next()?;
    number.strip_suffix(':')?.parse::<u32>().ok()?;
    let local = parse_address(words.next()?)?;
    let remote = parse_address(words.next()?)?;
    let state = u8::from_str_radix(words.next()?, 16).ok()?;
    // Queues, timer, retransmits, uid and timeout stand before the inode.
    let inode = words.nth(5)?.parse().ok()?;
    Some(Socket {
        local,
        remote,
        listens: state == LISTEN,
        inode,
    })
}

/// `0100007F:1F90`: each 32-bit word of the address in the machine's byte order, the port in the network's.
fn parse_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |index: usize| {
        let digits = address.get(8 * index..8 * index + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut octets = [0; 16];
            for index in 0..4 {
                octets[4 * index..4 * index + 4].copy_from_slice(&word(index)?);
            }
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_table_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            \x20  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31337 1 0 100 0 0 10 0\n\
            \x20 12: 0100007F:C350 0100007F:1F90 05 00000000:00000000 03:00000FFF 00000000     0        0 0 3 0\n\
            \x20 13: nonsense\n\
            \x20 14: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 7 1";
        let sockets = parse(table);
        let shown: Vec<_> = sockets
            .iter()
            .map(|socket| {
                format!(
                    "{} {} {} {}",
                    socket.local, socket.remote, socket.listens, socket.inode
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "127.0.0.1:8080 0.0.0.0:0 true 31337",
                "127.0.0.1:50000 127.0.0.1:8080 false 0",
                "[::1]:80 [::]:0 true 7",
            ]
        );
    }

    #[test]
    fn a_closed_peer_is_told_from_a_half_closed_one() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_server, _) = listener.accept().unwrap();
        let peer = Peer {
            here: listener.local_addr().unwrap(),
            there: client.local_addr().unwrap(),
        };
        assert!(!is_gone(&peer));
        client.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(!is_gone(&peer));
        drop(client);
        assert!(is_gone(&peer));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(table in "([0-9A-F: é]{0,60}\n){0,4}") {
            parse(&table);
        }
    }
}
