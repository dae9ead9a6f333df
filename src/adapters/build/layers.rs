//! How many bytes an image's layers have, so that what images share is counted once.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// A layer on top of all that lie below it: equal names, one and the same place on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layer {
    pub name: String,
    pub bytes: u64,
}

/// An entry of an image's history: what made it, and how many bytes it added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Past {
    pub made_by: String,
    pub bytes: u64,
}

/// The layers of an image, the lowest first. `history` is in the same order; `size` is that of the whole image. The engine
/// does not say which entries made a layer. Where that cannot be told, the topmost layer counts as the whole image, which
/// is never too little.
pub(super) fn layers(content: &[String], history: &[Past], size: u64) -> Vec<Layer> {
    let bytes = sizes(content.len(), history, size);
    let mut below = Sha256::new();
    let layers = content.iter().zip(bytes).map(|(digest, bytes)| {
        below.update(digest.as_bytes());
        let mut name = String::with_capacity(64);
        for byte in below.clone().finalize() {
            let _ = write!(name, "{byte:02x}");
        }
        Layer { name, bytes }
    });
    layers.collect()
}

fn sizes(count: usize, history: &[Past], size: u64) -> Vec<u64> {
    let with_content = |past: &&Past| past.bytes > 0;
    let with_layer = |past: &&Past| past.bytes > 0 || makes_a_layer(&past.made_by);
    for wanted in [&with_layer as &dyn Fn(&&Past) -> bool, &with_content] {
        let found: Vec<u64> = history
            .iter()
            .filter(wanted)
            .map(|past| past.bytes)
            .collect();
        if found.len() == count {
            return found;
        }
    }
    let mut unknown = vec![0; count];
    if let Some(top) = unknown.last_mut() {
        *top = size;
    }
    unknown
}

/// Whether an instruction makes a layer even if it adds no byte.
fn makes_a_layer(made_by: &str) -> bool {
    let instruction = made_by
        .split_once("#(nop)")
        .map_or(made_by, |(_, classic)| classic)
        .trim_start();
    let is_classic_run = made_by.starts_with("/bin/sh -c") && !made_by.contains("#(nop)")
        || made_by.starts_with('|');
    let word = instruction.split_whitespace().next().unwrap_or_default();
    is_classic_run || matches!(word, "RUN" | "COPY" | "ADD" | "WORKDIR")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(entries: &[(&str, u64)]) -> Vec<Past> {
        let past = |(made_by, bytes): &(&str, u64)| Past {
            made_by: (*made_by).to_owned(),
            bytes: *bytes,
        };
        entries.iter().map(past).collect()
    }

    fn sized(count: usize, entries: &[(&str, u64)]) -> Vec<u64> {
        let digests: Vec<String> = (0..count)
            .map(|number| format!("sha256:{number}"))
            .collect();
        let layers = layers(&digests, &past(entries), 999);
        layers.iter().map(|layer| layer.bytes).collect()
    }

    #[test]
    fn entries_are_matched_with_layers_where_that_is_certain() {
        let buildkit = [
            ("", 70),
            ("ENV A=1", 0),
            ("WORKDIR /app", 0),
            ("RUN /bin/sh -c pip install # buildkit", 20),
            ("COPY . . # buildkit", 5),
            ("CMD [\"x\"]", 0),
        ];
        assert_eq!(sized(4, &buildkit), [70, 0, 20, 5]);
        assert_eq!(sized(3, &buildkit), [70, 20, 5], "WORKDIR made none");
        assert_eq!(sized(5, &buildkit), [0, 0, 0, 0, 999], "nobody knows");
        let classic = [
            ("/bin/sh -c #(nop) ADD file:1 in / ", 70),
            ("/bin/sh -c #(nop)  ENV A=1", 0),
            ("/bin/sh -c true", 0),
            ("|1 X=1 /bin/sh -c make", 3),
            ("/bin/sh -c #(nop) COPY dir:1 in /x ", 0),
        ];
        assert_eq!(sized(4, &classic), [70, 0, 3, 0]);
        assert_eq!(sized(0, &[]), [0_u64; 0]);
    }

    #[test]
    fn a_layer_is_the_same_only_above_the_same_layers() {
        let names = |digests: [&str; 2]| {
            let digests = digests.map(str::to_owned);
            let layers = layers(&digests, &[], 1);
            layers
                .into_iter()
                .map(|layer| layer.name)
                .collect::<Vec<_>>()
        };
        let (one, two, three) = (names(["a", "b"]), names(["a", "c"]), names(["c", "b"]));
        assert_eq!(one[0], two[0]);
        assert_ne!(one[1], two[1]);
        assert_ne!(one[1], three[1]);
    }
}
