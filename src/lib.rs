//! Boatyard: a terminal workbench for people who develop a group of services on their own machine.
//!
//! `docs/ARCHITECTURE.md` is the map; the modules below stand in reading order.

#[cfg(test)]
#[path = "../tests/support/corpus.rs"]
mod corpus;

pub mod adapters;
pub mod cli;
pub mod config;
pub mod engine;
pub mod proxy;
pub mod report;
pub mod runtime;
pub mod session;
pub mod stack;
pub mod story;
pub mod telemetry;
pub mod text;
pub mod tui;
