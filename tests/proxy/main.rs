//! The relay between raw sockets: what it passes on, what it holds, what it records.

mod bytes;
mod doors;
mod go_between;
mod harness;
mod holding;

mod messages;
mod tracing;
