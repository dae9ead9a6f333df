//! Which faults a request suffered, by the words that its exchange carries.

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// It waited.
    Latency,
    /// It was answered with an error.
    Error,
    /// It was broken off.
    Abort,
    /// Its bytes were slowed down.
    Bandwidth,
}

impl FaultKind {
    /// All of them by name, as stack files have them.
    pub(super) const NAMES: [(&'static str, Self); 4] = [
        ("latency", Self::Latency),
        ("error", Self::Error),
        ("abort", Self::Abort),
        ("bandwidth", Self::Bandwidth),
    ];

    /// Whether these words tell of it: `200 ms later, answered 503`.
    pub(super) fn is_in(self, words: &str) -> bool {
        words.split(", ").any(|part| match self {
            Self::Latency => part.ends_with(" later"),
            Self::Error => part.starts_with("answered "),
            Self::Abort => part == "broken off",
            Self::Bandwidth => part.starts_with("at most "),
        })
    }
}
