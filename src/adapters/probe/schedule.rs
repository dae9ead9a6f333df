//! When to ask next.

use std::time::Duration;

use tokio::time::Instant;

use crate::stack::{Health, Probe};

const FIRST_DELAY: Duration = Duration::from_millis(10);

/// A run that comes up is seen within 100 ms, the question's own time included.
const EAGER_DELAY: Duration = Duration::from_millis(80);

/// The longest delay of what costs more (a command inside), or has been asked in vain for long.
const PATIENT_DELAY: Duration = Duration::from_millis(250);

/// Where nothing listens yet, the question is over at once and disturbs nobody: it is asked so much more often, within limits.
const UNHEARD: u32 = 5;
const SHORTEST: Duration = Duration::from_millis(4);

/// For how long a run is asked eagerly.
const EAGER: Duration = Duration::from_secs(60);

/// The delays between questions: growing gently while fast, the interval while calm.
#[derive(Debug)]
pub(super) struct Schedule {
    interval: Duration,
    is_costly: bool,
    began: Instant,
    delay: Duration,
}

impl Schedule {
    /// The schedule of a run that was just started.
    pub(super) fn new(health: &Health) -> Self {
        Self {
            interval: health.interval,
            is_costly: matches!(health.probe, Probe::Exec(_)),
            began: Instant::now(),
            delay: FIRST_DELAY,
        }
    }

    /// Begins again with short delays.
    pub(super) fn restart(&mut self) {
        self.began = Instant::now();
        self.delay = FIRST_DELAY;
    }

    /// The time until the next question, after one that found something listening or nothing (`unheard`).
    pub(super) fn next(&mut self, calm: bool, unheard: bool) -> Duration {
        if calm {
            return self.interval;
        }
        let longest = if self.is_costly || self.began.elapsed() > EAGER {
            PATIENT_DELAY
        } else {
            EAGER_DELAY
        };
        let delay = self.delay.min(longest);
        // A question that costs next to nothing is asked at a delay of about a twentieth of what the start took so far.
        let growth = if self.is_costly { 5 } else { 20 };
        if unheard {
            let part = (delay / UNHEARD).max(SHORTEST);
            self.delay = (delay + part / growth).min(longest);
            return part;
        }
        self.delay = (delay + delay / growth).min(longest);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::CommandWords;

    #[test]
    fn delays_grow_gently_up_to_a_limit() {
        for (probe, longest) in [
            (Probe::Tcp { port: None }, EAGER_DELAY),
            (
                Probe::Exec(CommandWords::Shell("true".into())),
                PATIENT_DELAY,
            ),
        ] {
            let mut schedule = Schedule::new(&Health::new(probe));
            let delays: Vec<_> = (0..80).map(|_| schedule.next(false, false)).collect();
            assert_eq!(delays[0], FIRST_DELAY);
            assert!(
                delays
                    .windows(2)
                    .all(|pair| pair[0] <= pair[1] && pair[1] <= pair[0] * 5 / 4)
            );
            assert_eq!(delays[79], longest);
            assert_eq!(schedule.next(true, false), Duration::from_secs(10));
            schedule.restart();
            assert_eq!(schedule.next(false, false), FIRST_DELAY);
        }
    }

    #[test]
    fn where_nothing_listens_it_is_asked_again_soon() {
        let mut schedule = Schedule::new(&Health::new(Probe::Tcp { port: None }));
        let mut asked = Duration::ZERO;
        let mut longest = Duration::ZERO;
        while asked < Duration::from_secs(1) {
            longest = schedule.next(false, true);
            asked += longest;
        }
        assert!(longest < Duration::from_millis(15), "{longest:?}");
        assert!(schedule.next(false, false) < EAGER_DELAY);
    }
}
