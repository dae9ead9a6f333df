//! How a workbench is wanted.

use std::path::PathBuf;

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
