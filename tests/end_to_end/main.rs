//! The real binary as its users meet it: headless and on a terminal, with plain processes and with the real engine.

mod bad_luck;
mod between;
mod builds;
mod compose;
mod containers;
mod cut_off;
mod editor;
mod edits;
mod inferred;
mod inside;
mod isolated;
mod logs;
mod otlp;
mod processes;
mod session;
mod shop;
mod terminal;
mod traces;
mod workbench;

#[path = "../support/otel.rs"]
mod otel;
