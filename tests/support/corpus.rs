//! Where third-party data for tests lies, on a machine that has it.
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::path::{Path, PathBuf};

/// A file or folder of that data, below `$BOATYARD_CORPUS` or else beside the project; `None`, with a printed word, where it
/// is not there.
pub(crate) fn corpus(part: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let root = std::env::var_os("BOATYARD_CORPUS").map_or(beside, PathBuf::from);
    let path = root.join(part);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}
