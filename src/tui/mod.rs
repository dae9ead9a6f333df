//! The workbench: the view with a screen.
//!
//! [`Workbench`] draws with the files of `pane`, each of which only reads; keys and clicks change the screen's own state
//! in `update` alone. Nothing a service says reaches the terminal but through [`crate::text`].

mod alerts;
mod bins;
mod body;
mod builds;
mod compare_view;
mod details;
mod details_view;
mod draw;
mod fault_line;
mod frame;
mod goal;
mod heartbeat;
mod keys;
mod layout;
mod log_entries;
mod log_groups;
mod log_moves;
mod log_rows;
mod log_view;
mod notices;
mod open_trace;
mod palette;
mod pane;
mod program_keys;
mod prompt;
mod secrets;
mod service_map;
mod startup;
mod terminal;
mod theme;
mod time_of_day;
mod timeline;
mod timeline_view;
mod trace_view;
mod ui;
mod update;
mod use_of;
mod words;
mod workbench;

pub use terminal::{FrameWriter, restore};
pub use workbench::{Options, Workbench};

/// Every key as a row: where it works, the keys, what they do. For documents.
pub fn key_list() -> impl Iterator<Item = (&'static str, &'static [&'static str], &'static str)> {
    let rows = keys::KEYS.iter();
    rows.map(|binding| (binding.at.words(), binding.keys, binding.words))
}

/// Names of the themes that are built in.
pub fn themes() -> impl Iterator<Item = &'static str> {
    theme::BUILT_IN.iter().map(|(name, _)| *name)
}
