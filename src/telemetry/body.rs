//! What is kept of a message's body: its beginning, bounded.

use std::fmt;

/// The beginning of a body.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct BodyHead {
    /// Its first bytes as they came (so encoded, if the message says so), secrets masked.
    pub bytes: Box<[u8]>,
    /// Whether more came than is kept.
    pub truncated: bool,
    /// Whether nothing is kept because secrets are to be masked and cannot be found in it: it is compressed.
    pub withheld: bool,
}

/// A kept body with what its message's headers say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body<'a> {
    /// Its beginning.
    pub head: &'a BodyHead,
    /// `Content-Type`.
    pub content_type: Option<&'a str>,
    /// `Content-Encoding`; `None`: as it is.
    pub encoding: Option<&'a str>,
}

impl BodyHead {
    /// How many bytes of one body are kept at most.
    pub const MOST: usize = 16 << 10;

    /// Whether there is nothing to tell of it.
    pub fn is_none(&self) -> bool {
        self.bytes.is_empty() && !self.truncated && !self.withheld
    }
}

impl fmt::Debug for BodyHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.truncated { "…" } else { "" };
        write!(f, "\"{}\"{more}", self.bytes.escape_ascii())
    }
}
