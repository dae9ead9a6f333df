//! `.dockerignore` and `.gitignore` rules.

mod docker;
mod git;
mod pattern;

pub use docker::{BadPattern, DockerIgnore, RuleIndex};
pub use git::{GitIgnore, IgnoreLine};
pub use pattern::clean;
