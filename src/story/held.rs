//! When to tell that requests for a service have been held for a while, and that none is any more.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::engine::Notice;
use crate::stack::ServiceName;
use crate::telemetry::{Held, HeldRequests};

/// Requests that wait for less than this are not worth a word: every replacement of a container holds some.
const A_WHILE: Duration = Duration::from_secs(1);

/// What was told of held requests so far.
#[derive(Debug, Default)]
pub struct HeldWatch {
    services: BTreeMap<ServiceName, Known>,
}

#[derive(Debug)]
struct Known {
    held: Held,
    is_told: bool,
}

impl HeldWatch {
    /// What there is to tell now.
    pub fn look(&mut self, held: &HeldRequests, now: Instant) -> Vec<Notice> {
        let mut notices = Vec::new();
        self.services.retain(|service, known| {
            let goes_on = held
                .of(service)
                .filter(|held| held.since == known.held.since);
            if let Some(held) = goes_on {
                known.held = held;
                return true;
            }
            if known.is_told {
                notices.push(Notice::RequestsReleased {
                    service: service.clone(),
                    most: known.held.most,
                    ms: whole_millis(now.saturating_duration_since(known.held.since)),
                });
            }
            false
        });
        for (service, held) in held.all() {
            let begun = Known {
                held,
                is_told: false,
            };
            self.services.entry(service.clone()).or_insert(begun);
        }
        for (service, known) in &mut self.services {
            let time = now.saturating_duration_since(known.held.since);
            if !known.is_told && time >= A_WHILE {
                known.is_told = true;
                notices.push(Notice::RequestsHeld {
                    service: service.clone(),
                    held: known.held.now,
                    ms: whole_millis(time),
                });
            }
        }
        notices
    }

    /// When there will be something to tell if nothing changes.
    pub fn next(&self) -> Option<Instant> {
        let untold = self.services.values().filter(|known| !known.is_told);
        untold.map(|known| known.held.since + A_WHILE).min()
    }
}

fn whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_is_told_once_when_it_lasts_and_once_when_it_ends() {
        let (web, db): (ServiceName, ServiceName) = ("web".into(), "db".into());
        let (mut held, mut watch) = (HeldRequests::default(), HeldWatch::default());
        held.begin(&web);
        held.begin(&db);
        let since = held.of(&web).unwrap().since;
        let at = |millis| since + Duration::from_millis(millis);
        assert_eq!(watch.look(&held, at(0)), []);
        assert_eq!(watch.next(), Some(at(1000)));
        held.end(&db);
        held.begin(&web);
        let (service, most) = (web.clone(), 2);
        let told = Notice::RequestsHeld {
            service: service.clone(),
            held: 2,
            ms: 1200,
        };
        assert_eq!(
            watch.look(&held, at(1200)),
            [told],
            "db was held too shortly"
        );
        assert_eq!((watch.look(&held, at(5000)), watch.next()), (vec![], None));
        held.end(&web);
        assert_eq!(watch.look(&held, at(6000)), []);
        held.end(&web);
        let ms = 7000;
        let told = Notice::RequestsReleased { service, most, ms };
        assert_eq!(watch.look(&held, at(7000)), [told]);
        assert_eq!(watch.look(&held, at(9000)), []);
    }

    #[test]
    fn what_ends_and_begins_between_two_looks_is_another_hold() {
        let web: ServiceName = "web".into();
        let (mut held, mut watch) = (HeldRequests::default(), HeldWatch::default());
        held.begin(&web);
        let since = held.of(&web).unwrap().since;
        watch.look(&held, since + A_WHILE);
        held.end(&web);
        while Instant::now() == since {}
        held.begin(&web);
        let told = watch.look(&held, since + A_WHILE * 2);
        assert!(
            matches!(told.as_slice(), [Notice::RequestsReleased { .. }, ..]),
            "{told:?}"
        );
    }
}
