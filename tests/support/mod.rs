//! What several integration tests share.

pub(crate) mod scenario;
pub(crate) mod words;
