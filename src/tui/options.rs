//! How a workbench is wanted.

use std::io;
use std::path::PathBuf;

use super::theme::{BUILT_IN, Depth, Ground, Theme};

/// How a workbench is wanted.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of the theme; `None`: dark or light, as the terminal is.
    pub theme: Option<String>,
    /// Whether colours may be used (`NO_COLOR`, `--color`).
    pub color: bool,
    /// Whether the mouse works in the panes.
    pub mouse: bool,
    /// The folder in which is kept what was typed, between the sessions of a stack; `None`: it is not kept.
    pub state: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            theme: None,
            color: true,
            mouse: true,
            state: None,
        }
    }
}

/// The theme of this name, else the one for the terminal.
///
/// # Errors
/// When no theme is called so.
pub(super) fn chosen_theme(
    name: Option<&str>,
    ground: Option<Ground>,
    depth: Depth,
) -> io::Result<Theme> {
    let Some(name) = name else {
        return Ok(Theme::for_ground(ground.unwrap_or(Ground::Dark), depth));
    };
    Theme::named(name, depth).ok_or_else(|| {
        let known: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        let words = format!(
            "no theme is called `{name}`, or its file is wrong; there are {}, and the files in ~/.config/boatyard/themes",
            known.join(", ")
        );
        io::Error::new(io::ErrorKind::InvalidInput, words)
    })
}
