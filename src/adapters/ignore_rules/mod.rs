//! `.dockerignore` and `.gitignore` rules.

mod docker;
mod git;
mod pattern;

pub use docker::{BadPattern, DockerIgnore, RuleIndex};
pub use git::GitIgnore;
pub use pattern::clean;
