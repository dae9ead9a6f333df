//! The relay between raw sockets: what it passes on, what it holds, what it records.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skipped or measured"
)]

mod between;
mod bytes;
#[path = "../support/corpus.rs"]
mod corpus;
mod doors;
mod faults;
mod go_between;
mod harness;
mod held;
mod holding;
mod http2;
mod messages;
mod smuggling;
mod solo;
mod tracing;
#[path = "../support/until.rs"]
mod until;
