//! How an image is built.

use super::{HOSTS, MOUNTED_FILES, PAIRS, Rule, Section, ULIMITS};

/// A build.
pub(super) const BUILD: Rule = Rule::Either(&[
    Rule::Text,
    Rule::Section(&Section::of(&[
        ("additional_contexts", PAIRS),
        ("args", PAIRS),
        ("cache_from", Rule::List(&Rule::Text)),
        ("cache_to", Rule::List(&Rule::Text)),
        ("context", Rule::Text),
        ("dockerfile", Rule::Text),
        ("dockerfile_inline", Rule::Text),
        ("entitlements", Rule::List(&Rule::Text)),
        ("extra_hosts", HOSTS),
        ("isolation", Rule::Text),
        ("labels", PAIRS),
        ("network", Rule::Text),
        ("no_cache", Rule::BoolOrText),
        ("platforms", Rule::List(&Rule::Text)),
        ("privileged", Rule::BoolOrText),
        ("provenance", Rule::BoolOrText),
        ("pull", Rule::BoolOrText),
        ("sbom", Rule::BoolOrText),
        ("secrets", MOUNTED_FILES),
        ("shm_size", Rule::IntOrText),
        ("ssh", Rule::Either(&[Rule::Text, PAIRS])),
        ("tags", Rule::List(&Rule::Text)),
        ("target", Rule::Text),
        ("ulimits", ULIMITS),
    ])),
]);
