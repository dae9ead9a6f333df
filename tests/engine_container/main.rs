//! The container adapter against the real engine.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests may end a test, and say when one is skipped or measured"
)]

#[path = "../support/engine.rs"]
mod engine;

mod cut;
mod endings;
mod finding;
mod inside;
mod keeping;
mod output;
mod starting;
mod sweeping;
mod syncing;
