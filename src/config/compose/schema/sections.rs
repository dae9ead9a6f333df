//! The top of a Compose file, and everything in it that is not a service.

use super::{OPTIONS, PAIRS, Rule, Section, TEXT_OR_TEXTS, service};

/// A Compose file.
pub(super) const FILE: Section = Section::of(&[
    ("version", Rule::Text),
    ("name", Rule::Text),
    ("include", Rule::List(&INCLUDE)),
    ("services", Rule::Named(&Rule::Section(&service::SERVICE))),
    ("models", Rule::Named(&Rule::Section(&MODEL))),
    (
        "networks",
        Rule::Named(&Rule::Either(&[Rule::Section(&NETWORK), Rule::Null])),
    ),
    (
        "volumes",
        Rule::Named(&Rule::Either(&[Rule::Section(&VOLUME), Rule::Null])),
    ),
    ("secrets", Rule::Named(&Rule::Section(&SECRET))),
    ("configs", Rule::Named(&Rule::Section(&CONFIG))),
]);

const INCLUDE: Rule = Rule::Either(&[
    Rule::Text,
    Rule::Section(&Section::of(&[
        ("path", TEXT_OR_TEXTS),
        ("env_file", TEXT_OR_TEXTS),
        ("project_directory", Rule::Text),
    ])),
]);

const MODEL: Section = Section {
    keys: &[
        ("name", Rule::Text),
        ("model", Rule::Text),
        ("context_size", Rule::Int),
        ("runtime_flags", Rule::List(&Rule::Text)),
    ],
    required: &["model"],
};

const EXTERNAL: Rule = Rule::Either(&[
    Rule::BoolOrText,
    Rule::Section(&Section::of(&[("name", Rule::Text)])),
]);

const NETWORK: Section = Section::of(&[
    ("name", Rule::Text),
    ("driver", Rule::Text),
    ("driver_opts", OPTIONS),
    ("ipam", Rule::Section(&IPAM)),
    ("external", EXTERNAL),
    ("internal", Rule::BoolOrText),
    ("enable_ipv4", Rule::BoolOrText),
    ("enable_ipv6", Rule::BoolOrText),
    ("attachable", Rule::BoolOrText),
    ("labels", PAIRS),
]);

const IPAM: Section = Section::of(&[
    ("driver", Rule::Text),
    ("config", Rule::List(&Rule::Section(&POOL))),
    ("options", Rule::Free(&Rule::Text)),
]);

const POOL: Section = Section::of(&[
    ("subnet", Rule::Text),
    ("ip_range", Rule::Text),
    ("gateway", Rule::Text),
    ("aux_addresses", Rule::Free(&Rule::Text)),
]);

const VOLUME: Section = Section::of(&[
    ("name", Rule::Text),
    ("driver", Rule::Text),
    ("driver_opts", OPTIONS),
    ("external", EXTERNAL),
    ("labels", PAIRS),
]);

const SECRET: Section = Section::of(&[
    ("name", Rule::Text),
    ("environment", Rule::Text),
    ("file", Rule::Text),
    ("external", EXTERNAL),
    ("labels", PAIRS),
    ("driver", Rule::Text),
    ("driver_opts", OPTIONS),
    ("template_driver", Rule::Text),
]);

const CONFIG: Section = Section::of(&[
    ("name", Rule::Text),
    ("content", Rule::Text),
    ("environment", Rule::Text),
    ("file", Rule::Text),
    ("external", EXTERNAL),
    ("labels", PAIRS),
    ("template_driver", Rule::Text),
]);
