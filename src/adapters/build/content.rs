//! The key of what an image is made of: equal keys, equal images.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::tree::{EntryKind, Tree};
use crate::stack::Build;

/// SHA-256, in hexadecimal, over everything of a build that decides about its image: the Dockerfile's text, target, arguments,
/// labels, network, names of secrets, the identities of the base images, and each path of the context with kind, mode and
/// content. Times and owners do not count. Secrets' values do not either: they must not reach an image, not even as a hash.
pub fn content_key(
    build: &Build,
    dockerfile: &[u8],
    bases: &[(String, String)],
    tree: &Tree,
) -> String {
    let mut key = Key(Sha256::new());
    key.part(b"boatyard content 1");
    key.part(dockerfile);
    key.part(build.target.as_deref().unwrap_or_default().as_bytes());
    key.part(build.network.as_deref().unwrap_or_default().as_bytes());
    for (name, value) in build.args.iter().chain([&split()]).chain(&build.labels) {
        key.part(name.as_bytes());
        key.part(value.as_bytes());
    }
    for secret in &build.secrets {
        key.part(secret.id.as_bytes());
    }
    for (base, id) in bases {
        key.part(base.as_bytes());
        key.part(id.as_bytes());
    }
    for entry in &tree.entries {
        key.part(entry.path.as_bytes());
        key.part(&entry.mode.to_le_bytes());
        match &entry.kind {
            EntryKind::Folder => key.part(b"folder"),
            EntryKind::Pipe => key.part(b"pipe"),
            EntryKind::File { hash, .. } => key.part(hash),
            EntryKind::Link { target } => {
                key.part(b"link");
                key.part(target.as_bytes());
            }
        }
    }
    let mut text = String::with_capacity(64);
    for byte in key.0.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// What stands between two lists of pairs, so that none of one list can be taken for one of the other.
fn split() -> (String, String) {
    (String::from("\0"), String::new())
}

struct Key(Sha256);

impl Key {
    /// Adds one part with its length, so that no two lists of parts read the same.
    fn part(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }
}
