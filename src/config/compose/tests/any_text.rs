//! Whatever a file holds, it is read or refused.

use proptest::prelude::*;

use super::one;

/// Pieces of which odd files are made.
const PIECES: &[&str] = &[
    "services:",
    "\n",
    "  ",
    "web:",
    "- ",
    "image: x",
    "&a",
    "*a",
    "<<: *a",
    "!reset",
    "!override",
    "null",
    "{",
    "}",
    "[",
    "]",
    ",",
    ": ",
    "${A:-b}",
    "$$",
    "${",
    "ports:",
    "volumes:",
    "80:80",
    "./a:/b",
    "extends: web",
    "include:",
    "depends_on:",
    "build:",
    "networks:",
    "environment:",
    "A=b",
    "'",
    "\"",
    "#",
    "---",
    "|",
    ">",
    "~",
    "1.5",
    "0x1",
    "healthcheck:",
    "test:",
    "interval: 1s",
    "deploy:",
    "\t",
    "é",
    "name: x",
    "configs:",
    "secrets:",
    "env_file: .env",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn any_text_is_answered(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..40)) {
        let project = one(&pieces.concat()).read();
        drop(project.to_json());
        for problem in project.problems {
            drop(problem.render(false));
        }
    }

    #[test]
    fn any_keys_and_values_are_answered(
        entries in proptest::collection::vec((0..KEYS.len(), 0..VALUES.len()), 0..12),
    ) {
        let mut text = String::from("services:\n  web:\n    image: x\n");
        for (key, value) in entries {
            text.extend(["    ", KEYS[key], ": ", VALUES[value], "\n"]);
        }
        let project = one(&text).read();
        drop(project.to_json());
    }
}

/// Keys of a service, to be given anything.
const KEYS: &[&str] = &[
    "ports",
    "volumes",
    "environment",
    "depends_on",
    "build",
    "command",
    "networks",
    "healthcheck",
    "deploy",
    "extends",
    "env_file",
    "develop",
    "logging",
    "ulimits",
    "secrets",
    "configs",
    "extra_hosts",
    "devices",
    "dns",
    "labels",
    "gpus",
    "models",
    "provider",
    "profiles",
    "links",
    "network_mode",
    "volumes_from",
    "scale",
    "mem_limit",
    "cpus",
    "tmpfs",
];

/// Values of every kind.
const VALUES: &[&str] = &[
    "null",
    "true",
    "1",
    "-1",
    "1.5",
    "text",
    "''",
    "[]",
    "{}",
    "[null]",
    "[1, two, [three], {four: 4}]",
    "{a: null}",
    "{a: [1]}",
    "{a: {b: {c: d}}}",
    "[a, a]",
    "!reset null",
    "!override [x]",
    "[{source: x}, {target: 1}]",
    "web",
    "{watch: [{path: [a, b], action: sync}]}",
    "{service: web}",
    "{resources: {limits: {cpus: x}}}",
    "99999999999999999999",
    "{test: [x], interval: 1y}",
    "service:web",
    "container:x",
    "{name: {external: {name: x}}}",
];
