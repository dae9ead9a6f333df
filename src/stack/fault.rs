//! Faults: what is done to requests on purpose, to see how a stack bears it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ServiceName;

/// What is done to the requests of one edge, or to all requests for a service. Several may be in force at once: their
/// delays add up, the first error or abort that strikes is the end of the request, and the smallest bandwidth counts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fault {
    /// Whose requests.
    #[serde(default)]
    pub from: Callers,
    /// How long a request waits before it is passed on.
    #[serde(default)]
    pub latency: Duration,
    /// How much longer or shorter than that it waits, at most; each length is as likely as any other.
    #[serde(default)]
    pub jitter: Duration,
    /// How many requests are answered with an error, and with which.
    #[serde(default)]
    pub error: Option<ErrorFault>,
    /// How many requests, or connections of bytes, are broken off without an answer.
    #[serde(default)]
    pub abort: Option<Share>,
    /// Bytes a second of each body, or of each direction of a connection of bytes; never 0.
    #[serde(default)]
    pub bandwidth: Option<u64>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Callers {
    /// Anybody.
    #[default]
    Anybody,
    /// Somebody on this machine, through the front door.
    FrontDoor,
    /// A service of the stack.
    Service(ServiceName),
}

/// Requests that are answered with an error instead of being passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorFault {
    /// The status of the answer; a call of gRPC gets the code that belongs to it.
    pub status: u16,
    /// How many of them.
    pub share: Share,
}

/// A part of all requests, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Share(u32);

/// A fault of one service, as a smoke check names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceFault {
    /// The callee.
    pub service: ServiceName,
    /// What is done to its requests.
    pub fault: Fault,
}

impl Fault {
    /// Whether requests of this caller (`None`: through the front door) have it.
    pub fn concerns(&self, caller: Option<&ServiceName>) -> bool {
        match (&self.from, caller) {
            (Callers::Anybody, _) | (Callers::FrontDoor, None) => true,
            (Callers::Service(from), Some(caller)) => from == caller,
            (Callers::FrontDoor, Some(_)) | (Callers::Service(_), None) => false,
        }
    }

    /// Whether it does nothing.
    pub fn is_none(&self) -> bool {
        self.latency.is_zero()
            && self.jitter.is_zero()
            && self.error.is_none_or(|error| error.share == Share::NONE)
            && self.abort.is_none_or(|share| share == Share::NONE)
            && self.bandwidth.is_none()
    }
}

impl Share {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(Self::WHOLE);
    const WHOLE: u32 = 1_000_000;

    /// The nearest to this number between 0 and 1; `None` for any other.
    pub fn of(share: f64) -> Option<Self> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it lies between 0 and a million"
        )]
        let millionths = |share: f64| (share * f64::from(Self::WHOLE)).round() as u32;
        (0.0..=1.0)
            .contains(&share)
            .then(|| Self(millionths(share)))
    }

    /// As a number between 0 and 1.
    pub fn number(self) -> f64 {
        f64::from(self.0) / f64::from(Self::WHOLE)
    }

    /// Whether the one with these random bits is among them.
    pub fn has(self, random: u64) -> bool {
        ((random >> 32) * u64::from(Self::WHOLE)) >> 32 < u64::from(self.0)
    }
}

impl fmt::Display for Share {
    /// In percent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(millionths) = self;
        match (millionths / 10_000, millionths % 10_000) {
            (whole, 0) => write!(f, "{whole} %"),
            (whole, rest) => {
                let rest = format!("{rest:04}");
                write!(f, "{whole}.{} %", rest.trim_end_matches('0'))
            }
        }
    }
}

impl Callers {
    /// How the stack file writes the front door: no service is called like that.
    pub const FRONT_DOOR: &'static str = "@front-door";
}

impl fmt::Display for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anybody => f.write_str("anybody"),
            Self::FrontDoor => f.write_str("the front door"),
            Self::Service(name) => write!(f, "{name}"),
        }
    }
}

impl fmt::Display for Fault {
    /// As people read it: "from web: 200ms ± 50ms later, 10 % answered 503".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let Self {
            latency, jitter, ..
        } = self;
        match (latency.is_zero(), jitter.is_zero()) {
            (true, true) => {}
            (true, false) => parts.push(format!("up to {jitter:?} later")),
            (false, true) => parts.push(format!("{latency:?} later")),
            (false, false) => parts.push(format!("{latency:?} ± {jitter:?} later")),
        }
        if let Some(ErrorFault { status, share }) = self.error {
            parts.push(format!("{share} answered {status}"));
        }
        if let Some(share) = self.abort {
            parts.push(format!("{share} broken off"));
        }
        if let Some(bytes) = self.bandwidth {
            parts.push(format!("at most {}", bandwidth_words(bytes)));
        }
        if parts.is_empty() {
            parts.push("nothing".into());
        }
        match &self.from {
            Callers::Anybody => {}
            from => write!(f, "from {from}: ")?,
        }
        f.write_str(&parts.join(", "))
    }
}

/// Bytes a second as people read them.
pub fn bandwidth_words(bytes: u64) -> String {
    for (unit, factor) in [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)] {
        if bytes >= factor && bytes.is_multiple_of(factor / 10) {
            let (whole, tenth) = (bytes / factor, bytes % factor / (factor / 10));
            return match tenth {
                0 => format!("{whole} {unit}/s"),
                tenth => format!("{whole}.{tenth} {unit}/s"),
            };
        }
    }
    format!("{bytes} B/s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_in_words() {
        let fault = Fault {
            from: Callers::Service("web".into()),
            latency: Duration::from_millis(200),
            jitter: Duration::from_millis(50),
            error: Some(ErrorFault {
                status: 503,
                share: Share::of(0.1).unwrap(),
            }),
            abort: Share::of(0.0025),
            bandwidth: Some(1_500_000),
        };
        assert_eq!(
            fault.to_string(),
            "from web: 200ms ± 50ms later, 10 % answered 503, 0.25 % broken off, at most 1.5 MB/s"
        );
        let small = Fault {
            bandwidth: Some(1234),
            ..Fault::default()
        };
        assert_eq!(small.to_string(), "at most 1234 B/s");
        assert_eq!(Fault::default().to_string(), "nothing");
        assert!(Fault::default().is_none() && !small.is_none());
    }

    #[test]
    fn a_fault_concerns_its_callers_only() {
        let from = |from| Fault {
            from,
            ..Fault::default()
        };
        let (web, cart) = (ServiceName::from("web"), ServiceName::from("cart"));
        let of_web = from(Callers::Service(web.clone()));
        assert!(of_web.concerns(Some(&web)) && !of_web.concerns(Some(&cart)));
        assert!(!of_web.concerns(None));
        let of_door = from(Callers::FrontDoor);
        assert!(of_door.concerns(None) && !of_door.concerns(Some(&web)));
        let of_any = from(Callers::Anybody);
        assert!(of_any.concerns(None) && of_any.concerns(Some(&web)));
    }

    #[test]
    fn shares_are_met() {
        assert!(Share::ALL.has(u64::MAX) && Share::ALL.has(0));
        assert!(!Share::NONE.has(0) && !Share::NONE.has(u64::MAX));
        let tenth = Share::of(0.1).unwrap();
        let step = u64::MAX / 10_000;
        let struck = (0..10_000).filter(|n| tenth.has(n * step)).count();
        assert!((999..=1001).contains(&struck), "{struck}");
        assert_eq!(
            (Share::of(1.1), Share::of(-0.1), Share::of(f64::NAN)),
            (None, None, None)
        );
        assert_eq!(Share::of(0.25).map(Share::number), Some(0.25));
    }
}
