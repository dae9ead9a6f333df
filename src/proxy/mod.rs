//! The relay: one listener an edge, which passes requests on, holds them while nobody is ready, and records them.

mod route;

pub use route::{Edge, Routes, Target, Upstream};
