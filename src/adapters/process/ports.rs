//! Free ports of this machine for process runs.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

/// Below the ports that the kernel gives to outgoing connections (32768 and up), which could otherwise take a port between
/// its choice and the program's bind.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// Hands out ports on which nobody listens, each other than the one before.
#[derive(Debug)]
pub(super) struct Ports {
    next: Mutex<u16>,
}

impl Ports {
    /// Sessions begin at different places, so that two of them seldom try the same port at once.
    pub(super) fn new() -> Self {
        let begin = std::process::id().wrapping_mul(197) % u32::from(COUNT);
        Self {
            next: Mutex::new(u16::try_from(begin).unwrap_or(0)),
        }
    }

    /// A port that was free a moment ago; `None` if all are taken.
    pub(super) fn free(&self) -> Option<u16> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        (0..COUNT).find_map(|_| {
            let port = FIRST + *next;
            *next = (*next + 1) % COUNT;
            TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .is_ok()
                .then_some(port)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_never_the_same_twice_in_a_row() {
        let ports = Ports::new();
        let first = ports.free().unwrap();
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first + 1)).ok();
        let handed: Vec<u16> = (0..200).map(|_| ports.free().unwrap()).collect();
        assert!(handed.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(taken.is_none() || !handed.contains(&(first + 1)));
    }
}
