//! The container adapter against the real engine.

#[path = "../support/engine.rs"]
mod engine;

mod cut;
mod endings;
mod finding;
mod output;
mod speed;
mod starting;
mod sweeping;
mod syncing;
