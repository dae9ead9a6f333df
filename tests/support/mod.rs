//! What several integration tests share.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod scenario;
pub(crate) mod words;
