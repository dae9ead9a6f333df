//! `boatyard.toml` and its variables into a stack, with every problem in its place.
