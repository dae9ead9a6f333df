//! How long and how many requests wait for a service that is not ready.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Bounds of holding; more than these, and requests are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// How long one request waits.
    pub time: Duration,
    /// How many wait at once.
    pub requests: u32,
}

impl Holding {
    /// No request waits.
    pub const OFF: Self = Self {
        time: Duration::ZERO,
        requests: 0,
    };

    /// Whether no request waits.
    pub fn is_off(self) -> bool {
        self.requests == 0 || self.time.is_zero()
    }
}

impl Default for Holding {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(10),
            requests: 1_000,
        }
    }
}
