//! What is written out can be read back, and means the same.

use serde_json::Value;

use super::{read_text, said};
use crate::config::{to_json, to_toml, to_yaml};

/// A stack that uses every key.
pub(super) const EVERYTHING: &str = r#"
name = "all"
max_builds = 3
image_budget = "2500MB"

[services.web]
build = { context = "web", args = { A = "1$$2" }, secrets = { t = { environment = "WHO" } }, labels = { l = "m" }, network = "host", no_cache = true, pull = true }
run = "python3 app.py --price '$$5'"
ports = ["8080:8000", "0.0.0.0:5353:53/udp", "9000", "127.0.0.1::9001"]
expose = [7000]
depends_on = { db = "ready", seed = "completed" }
health = { http = { path = "/healthz", status = 204 }, interval = "5s" }
environment = { DB = "postgres://{{db.host}}:{{db.port}}/x", PLAIN = '\{{x.y}} {{ .Z }}', DOLLAR = "$$HOME", EMPTY = "" }
env_file = "good.env"
volumes = ["data:/d", "./web:/w:ro", "/anonymous", { type = "tmpfs", target = "/tmp" }]
watch = [
  { path = "web", action = "sync", target = "/w", then = { exec = ["x", "y z"] }, ignore = ["*.pyc"] },
  { path = "web", action = "sync", target = "/w", then = "signal:HUP" },
  { path = "web", action = "sync", target = "/w", then = "restart" },
  { path = "file.txt", action = "rebuild" },
]
sync = "auto"
replicas = 2
watch_mode = "manual"
hold = { time = "1500ms", requests = 7 }
restart = "always"
overlap = true
stop_signal = "INT"
stop_grace_period = "1500ms"
trace = false
user = "1000:1000"
init = false
helper = false
keep_network = false
tty = true
stdin_open = true
working_dir = "/w"
entrypoint = ["a b"]
command = "c 'd e'"
labels = { "x.y" = "z" }
extra_hosts = ["a:1.2.3.4"]

[services.db]
image = "postgres:${TAG}"
health = { tcp = 5432 }

[services.seed]
hold = false
run = ["python3", "seed.py"]
directory = "orders"
restart = "no"

[services.rest]
image = "x"
expose = [1]
health = { grpc = { service = "s" }, retries = 9 }

[[smoke]]
name = "request: with a colon"
request = { method = "POST", url = "http://web/orders", headers = { a = "b" }, json = { n = 1, f = 1.5, t = true, s = "$$x", l = [1, "two"], d = 1979-05-27 } }
expect = { status = 201, headers = { a = "^b$" }, body = "x", body_matches = "y", json = { "$.state" = "paid" }, within = "500ms" }
trace = { through = ["web", "db"], errors = 0 }

[[smoke]]
name = "command"
command = "echo $$HOME"
inside = "web"
expect = { code = 3, stdout = "a", stdout_matches = "b", stderr = "c" }
retries = 1
retry_delay = "1m"
timeout = "1h"
"#;

#[test]
fn toml_is_read_back_as_the_same_stack() {
    let first = read_text(EVERYTHING);
    assert_eq!(said(&first), "");
    let first = first.stack.unwrap();
    let written = to_toml(&first, false);
    let second = read_text(&written);
    assert_eq!(said(&second), "", "{written}");
    let mut second = second.stack.unwrap();
    // The environment files are part of the environment now.
    second.also_read.clone_from(&first.also_read);
    assert_eq!(first, second, "{written}");
    assert_eq!(written, to_toml(&second, false));
}

#[test]
fn yaml_and_json_say_the_same() {
    let stack = read_text(EVERYTHING).stack.unwrap();
    let yaml = to_yaml(&stack, false);
    let from_yaml: Value =
        serde_saphyr::from_str(&yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    let from_json: Value = serde_json::from_str(&to_json(&stack, false)).unwrap();
    assert_eq!(from_yaml, from_json, "{yaml}");
}

#[test]
fn yaml_quotes_what_could_be_something_else() {
    for text in [
        "",
        "yes",
        "No",
        "null",
        "~",
        "1",
        "1e3",
        "0x1",
        "a: b",
        "- a",
        "#",
        "a #b",
        "*a",
        "&a",
        "!a",
        "{",
        "é",
        "a\nb",
        "\u{1}\u{2028}\u{feff}\"\\\t",
        " a",
        "a ",
        "2020-01-01",
        "=",
        "<<",
        "😀",
    ] {
        let mut stack = read_text("[services.a]\nimage = \"x\"\n").stack.unwrap();
        stack.services[0].image = Some(text.to_owned());
        stack.services[0]
            .labels
            .insert(text.to_owned(), text.to_owned());
        let yaml = to_yaml(&stack, false);
        let back: Value =
            serde_saphyr::from_str(&yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
        assert_eq!(back["services"]["a"]["image"], Value::from(text), "{yaml}");
        assert_eq!(
            back["services"]["a"]["labels"][text],
            Value::from(text),
            "{yaml}"
        );
    }
}
