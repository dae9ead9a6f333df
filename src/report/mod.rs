//! The views without a screen: lines, JSON, `JUnit`, summaries.
