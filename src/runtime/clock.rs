//! The one place that knows what time it is.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, Zoned, tz::TimeZone};
use tokio::time::Instant;

use crate::engine::Moment;

/// Ties the engine's moments to the hours of the day.
#[derive(Debug, Clone)]
pub struct Clock {
    began: Instant,
    began_at: Timestamp,
    zone: TimeZone,
    /// It stands still at this moment, for pictures.
    stopped: Option<Moment>,
}

impl Clock {
    /// A clock whose session begins now, in this machine's time zone.
    pub fn start() -> Self {
        Self {
            began: Instant::now(),
            began_at: Timestamp::now(),
            zone: TimeZone::system(),
            stopped: None,
        }
    }

    /// A clock for tests: began at this time, in UTC.
    pub fn fixed(began_at: Timestamp) -> Self {
        Self {
            began: Instant::now(),
            began_at,
            zone: TimeZone::UTC,
            stopped: None,
        }
    }

    /// A clock for tests of a session that has lasted for some time: began at this time, in UTC.
    pub fn fixed_since(began_at: Timestamp, lasted: Duration) -> Self {
        let now = Instant::now();
        Self {
            began: now.checked_sub(lasted).unwrap_or(now),
            ..Self::fixed(began_at)
        }
    }

    /// The same, standing still at this moment.
    #[must_use]
    pub fn stopped_at(self, moment: Moment) -> Self {
        Self {
            stopped: Some(moment),
            ..self
        }
    }

    /// Which moment it is.
    pub fn now(&self) -> Moment {
        self.stopped.unwrap_or_else(|| Moment(self.began.elapsed()))
    }

    /// When this moment is, for a timer.
    pub fn instant(&self, moment: Moment) -> Instant {
        self.began + moment.0
    }

    /// The moment of a time of day; the session's beginning if it lies before.
    pub fn moment(&self, at: Timestamp) -> Moment {
        let since = at.duration_since(self.began_at);
        Moment(Duration::try_from(since).unwrap_or_default())
    }

    /// The time of day of this moment.
    pub fn timestamp(&self, moment: Moment) -> Timestamp {
        let since = SignedDuration::try_from(moment.0).unwrap_or(SignedDuration::MAX);
        self.began_at
            .saturating_add(since)
            .unwrap_or(Timestamp::MAX)
    }

    /// The time of day of this moment in this machine's time zone.
    pub fn zoned(&self, moment: Moment) -> Zoned {
        self.timestamp(moment).to_zoned(self.zone.clone())
    }

    /// A time of day in this machine's time zone.
    pub fn local(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.zone.clone())
    }
}
