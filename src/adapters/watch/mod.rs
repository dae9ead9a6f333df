//! Watching source trees: which files were saved, settled into changes.
