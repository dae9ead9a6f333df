//! A service.

use super::{
    COMMAND, HOOK, HOSTS, MOUNTED_FILES, OPTIONS, PAIRS, Rule, Section, TEXT_OR_TEXTS, TEXTS,
    ULIMITS, build, deploy, device_requests,
};

/// A service.
pub(super) const SERVICE: Section = Section::of(&[
    ("annotations", PAIRS),
    ("attach", Rule::BoolOrText),
    ("blkio_config", Rule::Section(&BLOCK_IO)),
    ("build", build::BUILD),
    ("cap_add", TEXTS),
    ("cap_drop", TEXTS),
    ("cgroup", Rule::Word(&["host", "private"])),
    ("cgroup_parent", Rule::Text),
    ("command", COMMAND),
    ("configs", MOUNTED_FILES),
    ("container_name", Rule::Checked(container_name)),
    ("cpu_count", Rule::Between(0, i64::MAX)),
    ("cpu_percent", Rule::Between(0, 100)),
    ("cpu_period", Rule::NumberOrText),
    ("cpu_quota", Rule::NumberOrText),
    ("cpu_rt_period", Rule::NumberOrText),
    ("cpu_rt_runtime", Rule::NumberOrText),
    ("cpu_shares", Rule::NumberOrText),
    ("cpus", Rule::NumberOrText),
    ("cpuset", Rule::Text),
    ("credential_spec", Rule::Section(&CREDENTIAL_SPEC)),
    ("depends_on", DEPENDS_ON),
    (
        "deploy",
        Rule::Either(&[Rule::Section(&deploy::DEPLOY), Rule::Null]),
    ),
    (
        "develop",
        Rule::Either(&[Rule::Section(&deploy::DEVELOP), Rule::Null]),
    ),
    ("device_cgroup_rules", TEXTS),
    (
        "devices",
        Rule::List(&Rule::Either(&[Rule::Text, Rule::Section(&DEVICE)])),
    ),
    ("dns", TEXT_OR_TEXTS),
    ("dns_opt", TEXTS),
    ("dns_search", TEXT_OR_TEXTS),
    ("domainname", Rule::Text),
    ("entrypoint", COMMAND),
    ("env_file", ENV_FILE),
    ("environment", PAIRS),
    ("expose", Rule::Unique(&Rule::NumberOrText)),
    (
        "extends",
        Rule::Either(&[Rule::Text, Rule::Section(&EXTENDS)]),
    ),
    ("external_links", TEXTS),
    ("extra_hosts", HOSTS),
    (
        "gpus",
        Rule::Either(&[
            Rule::Word(&["all"]),
            Rule::List(&Rule::Section(&device_requests(&[]))),
        ]),
    ),
    ("group_add", Rule::Unique(&Rule::NumberOrText)),
    ("healthcheck", Rule::Section(&HEALTHCHECK)),
    ("hostname", Rule::Text),
    ("image", Rule::Text),
    ("init", Rule::BoolOrText),
    ("ipc", Rule::Text),
    ("isolation", Rule::Text),
    (
        "label_file",
        Rule::Either(&[Rule::Text, Rule::List(&Rule::Text)]),
    ),
    ("labels", PAIRS),
    ("links", TEXTS),
    ("logging", Rule::Section(&LOGGING)),
    ("mac_address", Rule::Text),
    ("mem_limit", Rule::NumberOrText),
    ("mem_reservation", Rule::IntOrText),
    ("mem_swappiness", Rule::IntOrText),
    ("memswap_limit", Rule::NumberOrText),
    ("models", MODELS),
    ("network_mode", Rule::Text),
    ("networks", NETWORKS),
    ("oom_kill_disable", Rule::BoolOrText),
    ("oom_score_adj", Rule::Between(-1000, 1000)),
    ("pid", Rule::Either(&[Rule::Text, Rule::Null])),
    ("pids_limit", Rule::NumberOrText),
    ("platform", Rule::Text),
    (
        "ports",
        Rule::Unique(&Rule::Either(&[Rule::NumberOrText, Rule::Section(&PORT)])),
    ),
    ("post_start", Rule::List(&Rule::Section(&HOOK))),
    ("pre_start", Rule::List(&Rule::Section(&PRE_START))),
    ("pre_stop", Rule::List(&Rule::Section(&HOOK))),
    ("privileged", Rule::BoolOrText),
    ("profiles", TEXTS),
    ("provider", Rule::Section(&PROVIDER)),
    ("pull_policy", Rule::Checked(pull_policy)),
    ("pull_refresh_after", Rule::Text),
    ("read_only", Rule::BoolOrText),
    ("restart", Rule::Text),
    ("runtime", Rule::Text),
    ("scale", Rule::IntOrText),
    ("secrets", MOUNTED_FILES),
    ("security_opt", TEXTS),
    ("shm_size", Rule::NumberOrText),
    ("stdin_open", Rule::BoolOrText),
    ("stop_grace_period", Rule::Text),
    ("stop_signal", Rule::Text),
    ("storage_opt", Rule::Free(&Rule::Any)),
    ("sysctls", PAIRS),
    ("tmpfs", TEXT_OR_TEXTS),
    ("tty", Rule::BoolOrText),
    ("ulimits", ULIMITS),
    ("use_api_socket", Rule::Bool),
    ("user", Rule::Text),
    ("userns_mode", Rule::Text),
    ("uts", Rule::Text),
    (
        "volumes",
        Rule::Unique(&Rule::Either(&[Rule::Text, Rule::Section(&MOUNT)])),
    ),
    ("volumes_from", TEXTS),
    ("working_dir", Rule::Text),
]);

fn container_name(name: &str) -> Result<(), &'static str> {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
    let mut pairs = name.as_bytes().windows(2);
    let has_name = |pair: &[u8]| pair[0].is_ascii_alphanumeric() && pair[1..].iter().all(fits);
    // A variable that is not set leaves it empty: then the name is Compose's own.
    if name.is_empty() || pairs.any(has_name) {
        return Ok(());
    }
    Err("a name of at least two letters, digits, \"_\", \".\" or \"-\"")
}

fn pull_policy(text: &str) -> Result<(), &'static str> {
    const WORDS: [&str; 8] = [
        "always",
        "never",
        "build",
        "if_not_present",
        "missing",
        "refresh",
        "daily",
        "weekly",
    ];
    let is_interval = |rest: &str| {
        let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        digits.len() < rest.len() && digits.starts_with(['w', 'd', 'h', 'm', 's'])
    };
    let every = text.split("every_").skip(1).any(is_interval);
    if every || WORDS.iter().any(|word| text.contains(word)) {
        return Ok(());
    }
    Err("always, never, build, missing, daily, weekly or every_DURATION")
}

const BLOCK_IO: Section = Section::of(&[
    ("device_read_bps", Rule::List(&Rule::Section(&BLOCK_RATE))),
    ("device_read_iops", Rule::List(&Rule::Section(&BLOCK_RATE))),
    ("device_write_bps", Rule::List(&Rule::Section(&BLOCK_RATE))),
    ("device_write_iops", Rule::List(&Rule::Section(&BLOCK_RATE))),
    ("weight", Rule::IntOrText),
    ("weight_device", Rule::List(&Rule::Section(&BLOCK_WEIGHT))),
]);

const BLOCK_RATE: Section = Section::of(&[("path", Rule::Text), ("rate", Rule::IntOrText)]);

const BLOCK_WEIGHT: Section = Section::of(&[("path", Rule::Text), ("weight", Rule::IntOrText)]);

const CREDENTIAL_SPEC: Section = Section::of(&[
    ("config", Rule::Text),
    ("file", Rule::Text),
    ("registry", Rule::Text),
]);

const DEPENDS_ON: Rule = Rule::Either(&[
    Rule::Named(&Rule::Section(&Section {
        keys: &[
            ("restart", Rule::BoolOrText),
            ("required", Rule::Bool),
            (
                "condition",
                Rule::Word(&[
                    "service_started",
                    "service_healthy",
                    "service_completed_successfully",
                ]),
            ),
        ],
        required: &["condition"],
    })),
    TEXTS,
]);

const DEVICE: Section = Section {
    keys: &[
        ("source", Rule::Text),
        ("target", Rule::Text),
        ("permissions", Rule::Text),
    ],
    required: &["source"],
};

const ENV_FILE: Rule = Rule::Either(&[
    Rule::Text,
    Rule::List(&Rule::Either(&[
        Rule::Text,
        Rule::Section(&Section {
            keys: &[
                ("path", Rule::Text),
                ("format", Rule::Text),
                ("required", Rule::BoolOrText),
            ],
            required: &["path"],
        }),
    ])),
]);

const EXTENDS: Section = Section {
    keys: &[("service", Rule::Text), ("file", Rule::Text)],
    required: &["service"],
};

const HEALTHCHECK: Section = Section::of(&[
    ("disable", Rule::BoolOrText),
    ("interval", Rule::Text),
    ("retries", Rule::NumberOrText),
    ("test", Rule::Either(&[Rule::Text, Rule::List(&Rule::Text)])),
    ("timeout", Rule::Text),
    ("start_period", Rule::Text),
    ("start_interval", Rule::Text),
]);

const LOGGING: Section = Section::of(&[
    ("driver", Rule::Text),
    (
        "options",
        Rule::Free(&Rule::Either(&[Rule::NumberOrText, Rule::Null])),
    ),
]);

const MODELS: Rule = Rule::Either(&[
    Rule::Named(&Rule::Either(&[
        Rule::Section(&Section::of(&[
            ("endpoint_var", Rule::Text),
            ("model_var", Rule::Text),
        ])),
        Rule::Null,
    ])),
    TEXTS,
]);

const NETWORKS: Rule = Rule::Either(&[
    Rule::Named(&Rule::Either(&[
        Rule::Section(&Section::of(&[
            ("aliases", TEXTS),
            ("interface_name", Rule::Text),
            ("ipv4_address", Rule::Text),
            ("ipv6_address", Rule::Text),
            ("link_local_ips", TEXTS),
            ("mac_address", Rule::Text),
            ("driver_opts", OPTIONS),
            ("priority", Rule::Number),
            ("gw_priority", Rule::Number),
        ])),
        Rule::Null,
    ])),
    TEXTS,
]);

const PORT: Section = Section::of(&[
    ("name", Rule::Text),
    ("mode", Rule::Text),
    ("host_ip", Rule::Text),
    ("target", Rule::IntOrText),
    ("published", Rule::IntOrText),
    ("protocol", Rule::Text),
    ("app_protocol", Rule::Text),
]);

const PRE_START: Section = Section::of(&[
    ("command", COMMAND),
    ("image", Rule::Text),
    ("user", Rule::Text),
    ("privileged", Rule::BoolOrText),
    ("working_dir", Rule::Text),
    ("environment", PAIRS),
    ("per_replica", Rule::BoolOrText),
]);

const PROVIDER: Section = Section {
    keys: &[
        ("type", Rule::Text),
        (
            "options",
            Rule::Free(&Rule::Either(&[Rule::Scalar, Rule::List(&Rule::Scalar)])),
        ),
    ],
    required: &["type"],
};

const MOUNT: Section = Section {
    keys: &[
        (
            "type",
            Rule::Word(&["bind", "volume", "tmpfs", "cluster", "npipe", "image"]),
        ),
        ("source", Rule::Text),
        ("target", Rule::Text),
        ("read_only", Rule::BoolOrText),
        ("consistency", Rule::Text),
        (
            "bind",
            Rule::Section(&Section::of(&[
                ("propagation", Rule::Text),
                ("create_host_path", Rule::BoolOrText),
                (
                    "recursive",
                    Rule::Word(&["enabled", "disabled", "writable", "readonly"]),
                ),
                ("selinux", Rule::Word(&["z", "Z"])),
            ])),
        ),
        (
            "volume",
            Rule::Section(&Section::of(&[
                ("labels", PAIRS),
                ("nocopy", Rule::BoolOrText),
                ("subpath", Rule::Text),
            ])),
        ),
        (
            "tmpfs",
            Rule::Section(&Section::of(&[
                ("size", Rule::Between(0, i64::MAX)),
                ("mode", Rule::NumberOrText),
            ])),
        ),
        (
            "image",
            Rule::Section(&Section::of(&[("subpath", Rule::Text)])),
        ),
    ],
    required: &["type"],
};
