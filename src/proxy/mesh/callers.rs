//! Who calls, told by the address on the network.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::stack::ServiceName;

/// How long a connection from an address that nobody has yet waits for its owner to be told: a program may call in the
/// very moment in which it is started.
const PATIENCE: Duration = Duration::from_millis(250);

/// How long an address that stayed unknown is taken for a stranger's at once.
const STRANGER: Duration = Duration::from_secs(10);

/// Strangers that are remembered at most; beyond, all are forgotten.
const STRANGERS: usize = 1024;

/// The owners of addresses.
#[derive(Debug, Default)]
pub(super) struct Callers {
    known: watch::Sender<HashMap<IpAddr, ServiceName>>,
    strangers: Mutex<HashMap<IpAddr, Instant>>,
}

impl Callers {
    /// From now on this address is that service's, or nobody's.
    pub(super) fn set(&self, address: IpAddr, service: Option<ServiceName>) {
        self.strangers().remove(&address);
        self.known.send_modify(|known| match service {
            Some(service) => drop(known.insert(address, service)),
            None => drop(known.remove(&address)),
        });
    }

    /// The service at this address; `None` for a stranger.
    pub(super) async fn at(&self, address: IpAddr) -> Option<ServiceName> {
        if let Some(known) = self.known.borrow().get(&address) {
            return Some(known.clone());
        }
        let is_stranger = self.strangers().get(&address).copied();
        if is_stranger.is_some_and(|since| since.elapsed() < STRANGER) {
            return None;
        }
        let mut known = self.known.subscribe();
        let told = known.wait_for(|known| known.contains_key(&address));
        if let Ok(Ok(known)) = timeout(PATIENCE, told).await {
            return known.get(&address).cloned();
        }
        let mut strangers = self.strangers();
        if strangers.len() >= STRANGERS {
            strangers.clear();
        }
        strangers.insert(address, Instant::now());
        None
    }

    fn strangers(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, Instant>> {
        self.strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn who_has_just_come_is_waited_for_and_a_stranger_once() {
        let (web, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let callers = Callers::default();
        let (found, ()) = tokio::join!(callers.at(web), async {
            tokio::task::yield_now().await;
            callers.set(web, Some("web".into()));
        });
        assert_eq!(found, Some("web".into()));
        let began = Instant::now();
        assert_eq!(callers.at(other).await, None);
        assert!(began.elapsed() >= PATIENCE, "it was waited for");
        let known = std::pin::pin!(callers.at(other));
        assert_eq!(known.now_or_never(), Some(None), "it is not, a second time");
        callers.set(web, None);
        callers.set(other, Some("seed".into()));
        assert_eq!(callers.at(other).await, Some("seed".into()));
        assert_eq!(callers.at(web).await, None);
    }
}
