//! Who has a port of this machine.

use std::fmt;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::sockets;

/// A process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortOwner {
    /// Its id.
    pub pid: u32,
    /// Its command, shortened.
    pub program: String,
}

impl fmt::Display for PortOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.program, self.pid)
    }
}

/// The process that listens where this address cannot be bound. `None` if there is none, or it belongs to somebody whose
/// processes may not be looked at.
pub fn owner_of(address: SocketAddr) -> Option<PortOwner> {
    let sockets = sockets::all()?;
    let mut inodes = sockets
        .iter()
        .filter(|socket| socket.listens && socket.inode != 0 && collides(socket.local, address))
        .map(|socket| socket.inode);
    inodes.find_map(holder_of)
}

/// Whether a listener on one of the addresses keeps the other from being bound.
fn collides(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
    let anywhere =
        |wide: IpAddr, other: IpAddr| wide.is_unspecified() && (wide.is_ipv6() || other.is_ipv4());
    one.port() == other.port() && (a == b || anywhere(a, b) || anywhere(b, a))
}

/// The process that holds the socket with this inode number.
fn holder_of(inode: u64) -> Option<PortOwner> {
    let wanted = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?.flatten();
    for process in processes {
        let Some(pid) = process
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        if holds(&process.path(), &wanted) {
            return Some(PortOwner {
                pid,
                program: program_of(&process.path()),
            });
        }
    }
    None
}

fn holds(process: &Path, wanted: &str) -> bool {
    let Ok(files) = fs::read_dir(process.join("fd")) else {
        return false;
    };
    let mut links = files
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok());
    links.any(|link| link.as_os_str() == wanted)
}

/// The command line's first words, or the kernel's short name for it.
fn program_of(process: &Path) -> String {
    const WORDS: usize = 3;
    let line = fs::read(process.join("cmdline")).unwrap_or_default();
    let words: Vec<_> = line
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .take(WORDS)
        .map(|word| String::from_utf8_lossy(word).escape_default().to_string())
        .collect();
    if words.is_empty() {
        let short = fs::read_to_string(process.join("comm")).unwrap_or_default();
        return short.trim().escape_default().to_string();
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_found_with_its_process() {
        for bound in ["127.0.0.1:0", "0.0.0.0:0", "[::]:0"] {
            let Ok(listener) = std::net::TcpListener::bind(bound) else {
                continue;
            };
            let port = listener.local_addr().unwrap().port();
            let owner = owner_of(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
            assert_eq!(owner.pid, std::process::id(), "{bound}");
            assert!(!owner.program.is_empty());
        }
        let free = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        assert_eq!(owner_of(free), None);
    }

    #[test]
    fn only_addresses_that_overlap_collide() {
        for (one, other, expected) in [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "127.0.0.1:81", false),
            ("127.0.0.2:80", "127.0.0.1:80", false),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "0.0.0.0:80", true),
            ("[::]:80", "127.0.0.1:80", true),
            ("[::1]:80", "127.0.0.1:80", false),
            ("0.0.0.0:80", "[::1]:80", false),
        ] {
            let address = |text: &str| text.parse::<SocketAddr>().unwrap();
            assert_eq!(
                collides(address(one), address(other)),
                expected,
                "{one} {other}"
            );
        }
    }
}
