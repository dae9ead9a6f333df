//! Compose files.

mod forms;
