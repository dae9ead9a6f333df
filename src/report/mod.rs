//! The views without a screen: lines, JSON, `JUnit`, summaries.

mod speak;

pub use speak::{complain, print, stderr_has_color};
