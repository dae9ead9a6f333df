//! Requests that wait at a relay at this moment because no run of their service is ready.

use std::collections::HashMap;
use std::time::Instant;

use crate::stack::ServiceName;

/// The held requests of one session, counted by service.
#[derive(Debug, Default)]
pub struct HeldRequests {
    services: HashMap<ServiceName, Held>,
}

/// The held requests of one service. There is at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// How many there are.
    pub now: usize,
    /// How many there were at most since there was none.
    pub most: usize,
    /// Since when there is at least one.
    pub since: Instant,
}

impl HeldRequests {
    /// A request of this service is held from now on.
    pub fn begin(&mut self, service: &ServiceName) {
        if let Some(held) = self.services.get_mut(service) {
            held.now += 1;
            held.most = held.most.max(held.now);
            return;
        }
        let held = Held {
            now: 1,
            most: 1,
            since: Instant::now(),
        };
        self.services.insert(service.clone(), held);
    }

    /// One of them is held no longer.
    pub fn end(&mut self, service: &ServiceName) {
        let Some(held) = self.services.get_mut(service) else {
            return;
        };
        held.now -= 1;
        if held.now == 0 {
            self.services.remove(service);
        }
    }

    /// Those of this service, if there are any.
    pub fn of(&self, service: &ServiceName) -> Option<Held> {
        self.services.get(service).copied()
    }

    /// Every service that has any.
    pub fn all(&self) -> impl Iterator<Item = (&ServiceName, Held)> {
        self.services.iter().map(|(name, held)| (name, *held))
    }

    /// How many there are of all services.
    pub fn total(&self) -> usize {
        self.services.values().map(|held| held.now).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_go_up_and_down_and_the_most_is_remembered_while_there_is_one() {
        let (web, db) = ("web".into(), "db".into());
        let mut held = HeldRequests::default();
        held.end(&web);
        for _ in 0..3 {
            held.begin(&web);
        }
        held.begin(&db);
        held.end(&web);
        let of_web = held.of(&web).unwrap();
        assert_eq!((of_web.now, of_web.most, held.total()), (2, 3, 3));
        held.end(&web);
        held.end(&web);
        assert_eq!(held.of(&web), None);
        held.begin(&web);
        assert_eq!(held.of(&web).unwrap().most, 1);
        assert_eq!(held.all().count(), 2);
    }
}
