//! The container adapter against the real engine.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests may end a test, and say when one is skipped or measured"
)]

#[path = "../support/engine.rs"]
mod engine;

mod compose;
mod cut;
mod endings;
mod finding;
mod going_inside;
mod granted;
mod hooks;
mod inside;
mod keeping;
mod keys;
mod networks;
mod output;
mod starting;
mod sweeping;
mod syncing;
mod using;
