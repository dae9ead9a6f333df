//! The workbench: the view with a screen.
//!
//! [`Workbench`] draws with the files of `pane`, each of which only reads; keys and clicks change the screen's own state
//! in `update` alone. Nothing a service says reaches the terminal but through [`crate::text`].

mod alerts;
mod aside;
mod bins;
mod body;
mod builds;
mod clipboard;
mod code_place;
mod compare_view;
mod details;
mod details_view;
mod draw;
mod editor;
mod fault_line;
mod frame;
mod goal;
mod heartbeat;
mod keeper;
mod kept;
mod keys;
mod layout;
mod log_context;
mod log_density;
mod log_entries;
mod log_export;
mod log_groups;
mod log_moves;
mod log_rows;
mod log_shown;
mod log_skips;
mod log_view;
mod notices;
mod open_trace;
mod options;
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
mod trail;
mod typed;
mod ui;
mod update;
mod use_of;
mod words;
mod workbench;

use std::path::PathBuf;

pub use options::Options;
pub use terminal::{FrameWriter, restore};
pub use workbench::Workbench;

/// One row of the table of keys, for documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRow {
    /// Where it works, in words.
    pub place: &'static str,
    /// What that place is called in a file of keys.
    pub place_name: &'static str,
    /// The keys.
    pub keys: &'static [&'static str],
    /// What they do, in words.
    pub words: &'static str,
    /// What that is called in a file of keys.
    pub action: &'static str,
}

/// Every key as a row: where it works, the keys, what they do. For documents.
pub fn key_list() -> impl Iterator<Item = KeyRow> {
    keys::KEYS.iter().map(|binding| KeyRow {
        place: binding.at.words(),
        place_name: binding.at.name(),
        keys: binding.keys,
        words: binding.words,
        action: binding.action.name(),
    })
}

/// A file of keys that changes nothing, with every key in it: to be copied and changed.
pub fn key_template() -> String {
    keys::template()
}

/// Where a person's own file of keys is looked for; `None`: this user has no folder of settings.
pub fn keys_file() -> Option<PathBuf> {
    keys::own_file()
}

/// The folder of this user's settings for Boatyard (XDG base directories).
fn own_settings() -> Option<PathBuf> {
    let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let config = config.filter(|path| path.is_absolute()).or_else(home)?;
    Some(config.join("boatyard"))
}

/// Names of the themes that are built in.
pub fn themes() -> impl Iterator<Item = &'static str> {
    theme::BUILT_IN.iter().map(|(name, _)| *name)
}
