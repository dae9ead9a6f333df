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
    /// A person's own file of keys; it need not be there.
    pub keys: Option<PathBuf>,
    /// The folder in which is kept between the sessions of a stack how the screen was left, and what was typed; `None`: it is not
    /// kept.
    pub state: Option<PathBuf>,
}

impl Options {
    /// Where it is kept how the screen was left.
    pub(super) fn view(&self) -> Option<PathBuf> {
        Some(self.state.as_ref()?.join("view.json"))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            theme: None,
            color: true,
            mouse: true,
            keys: None,
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
