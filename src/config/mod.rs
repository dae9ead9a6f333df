//! `boatyard.toml` and its variables into a stack, with every problem in its place.
//!
//! A file becomes a tree of values that know where they stand ([`parse`]), the variables in it are filled in
//! ([`variables`]), each topic reads its part of the tree (one file each), and what concerns several services
//! is checked last ([`checks`]). Nothing stops at the first problem.

mod address;
mod build;
mod checks;
mod compose;
mod depends_on;
mod discover;
mod dockerfile;
mod doors;
mod dotenv;
mod duration;
mod environment;
mod faults;
mod file;
pub mod graph;
mod health;
mod holding;
mod init;
mod interpolate;
mod item;
mod load;
mod nearest;
mod parse;
mod ports;
mod problem;
mod redact;
mod save;
mod scope;
mod services;
mod show;
mod signal;
mod size;
mod smoke;
mod source;
mod tree;
mod variables;
mod volumes;
mod watch;
mod words;

pub use compose::{ComposeModel, read_compose};
pub use discover::{COMPOSE_FILES, NotFound, Options, STACK_FILE, find};
pub use init::{InitError, InitOutcome, init};
pub use load::{ComposeText, Loaded, ModelFormat, compose_model, explain, load, read_files};
pub use problem::{Place, Problem, Severity};
pub use save::{Saved, save_check};
pub use show::{to_json, to_toml, to_yaml};

#[cfg(test)]
mod tests;
