//! How a service is deployed, and how it is developed.

use super::{HOOK, PAIRS, Rule, Section, TEXT_OR_TEXTS, device_requests};

/// How a service is deployed.
pub(super) const DEPLOY: Section = Section::of(&[
    ("mode", Rule::Text),
    ("endpoint_mode", Rule::Text),
    ("replicas", Rule::IntOrText),
    ("labels", PAIRS),
    ("rollback_config", Rule::Section(&UPDATE)),
    ("update_config", Rule::Section(&UPDATE)),
    ("resources", Rule::Section(&RESOURCES)),
    ("restart_policy", Rule::Section(&RESTART)),
    ("placement", Rule::Section(&PLACEMENT)),
]);

const UPDATE: Section = Section::of(&[
    ("parallelism", Rule::IntOrText),
    ("delay", Rule::Text),
    ("failure_action", Rule::Text),
    ("monitor", Rule::Text),
    ("max_failure_ratio", Rule::NumberOrText),
    ("order", Rule::Word(&["start-first", "stop-first"])),
]);

const RESOURCES: Section = Section::of(&[
    (
        "limits",
        Rule::Section(&Section::of(&[
            ("cpus", Rule::NumberOrText),
            ("memory", Rule::Text),
            ("pids", Rule::IntOrText),
        ])),
    ),
    (
        "reservations",
        Rule::Section(&Section::of(&[
            ("cpus", Rule::NumberOrText),
            ("memory", Rule::Text),
            ("generic_resources", Rule::List(&Rule::Section(&GENERIC))),
            (
                "devices",
                Rule::List(&Rule::Section(&device_requests(&["capabilities"]))),
            ),
        ])),
    ),
]);

const GENERIC: Section = Section::of(&[(
    "discrete_resource_spec",
    Rule::Section(&Section::of(&[
        ("kind", Rule::Text),
        ("value", Rule::NumberOrText),
    ])),
)]);

const RESTART: Section = Section::of(&[
    ("condition", Rule::Text),
    ("delay", Rule::Text),
    ("max_attempts", Rule::IntOrText),
    ("window", Rule::Text),
]);

const PLACEMENT: Section = Section::of(&[
    ("constraints", Rule::List(&Rule::Text)),
    (
        "preferences",
        Rule::List(&Rule::Section(&Section::of(&[("spread", Rule::Text)]))),
    ),
    ("max_replicas_per_node", Rule::IntOrText),
]);

/// How a service is developed.
pub(super) const DEVELOP: Section = Section::of(&[("watch", Rule::List(&Rule::Section(&WATCH)))]);

const WATCH: Section = Section {
    keys: &[
        ("ignore", TEXT_OR_TEXTS),
        ("include", TEXT_OR_TEXTS),
        ("path", Rule::Either(&[Rule::Text, Rule::List(&Rule::Text)])),
        (
            "action",
            Rule::Word(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"]),
        ),
        ("target", Rule::Text),
        ("exec", Rule::Section(&HOOK)),
        ("initial_sync", Rule::Bool),
    ],
    required: &["path", "action"],
};
