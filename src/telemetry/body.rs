//! What is kept of a message's body: its beginning, bounded.

use std::fmt;

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The beginning of a body.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BodyHead {
    /// Its first bytes as they came (so encoded, if the message says so), secrets masked.
    #[serde(serialize_with = "as_latin1", deserialize_with = "of_latin1")]
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

/// Bytes as the text that has them in Latin-1: most bodies are text, and stay as short as they are.
fn as_latin1<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    serializer.serialize_str(&text)
}

fn of_latin1<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<[u8]>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let byte = |letter: char| {
        let wrong = |_| D::Error::invalid_value(Unexpected::Char(letter), &"a byte");
        u8::try_from(u32::from(letter)).map_err(wrong)
    };
    text.chars().map(byte).collect()
}

impl fmt::Debug for BodyHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.truncated { "…" } else { "" };
        write!(f, "\"{}\"{more}", self.bytes.escape_ascii())
    }
}
