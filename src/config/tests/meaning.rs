//! What each key means: the line of the file, and the same written out in full.

use serde_json::{Value, json};

use super::{read_text, read_with, said, with_line};
use crate::config::discover::Options;
use crate::config::to_json;

/// The key of the only service, as `boatyard config --format json` shows it.
#[track_caller]
fn check(line: &str, key: &str, expected: &Value) {
    let loaded = read_text(&with_line(line));
    let said = said(&loaded);
    let stack = loaded.stack.unwrap_or_else(|| panic!("{line}\n{said}"));
    let shown: Value = serde_json::from_str(&to_json(&stack, false)).unwrap();
    let service = &shown["services"]["a"];
    assert_eq!(service[key], *expected, "{line}\n{service:#}");
}

#[test]
fn what_the_stack_says_of_traces_holds_for_services_that_do_not_say_it() {
    let read = |text: &str| {
        let stack = read_text(text).stack.unwrap();
        let traced = stack.services.values().map(|service| service.trace);
        traced.collect::<Vec<_>>()
    };
    let services = "[services.a]\nimage = \"x\"\n[services.b]\nimage = \"x\"\ntrace = true\n";
    assert_eq!(read(services), [true, true]);
    assert_eq!(read(&format!("trace = false\n{services}")), [false, true]);
}

#[test]
fn ports() {
    check(
        "ports = [\"53:53\", \"53:53/udp\"]",
        "ports",
        &json!(["53:53", "53:53/udp"]),
    );
    check("ports = [\"8080:80\"]", "ports", &json!(["8080:80"]));
    check("ports = [\"80\"]", "ports", &json!(["80"]));
    check("ports = [8000]", "ports", &json!(["8000"]));
    check(
        "ports = [\"0.0.0.0:8080:80\"]",
        "ports",
        &json!(["0.0.0.0:8080:80"]),
    );
    check("ports = [\"127.0.0.1::80\"]", "ports", &json!(["80"]));
    check(
        "ports = [\"[::1]:8080:80/udp\"]",
        "ports",
        &json!(["[::1]:8080:80/udp"]),
    );
    check(
        "ports = [\"5-7:15-17\"]",
        "ports",
        &json!(["5:15", "6:16", "7:17"]),
    );
    check("ports = [\"9${TAG}:80\"]", "ports", &json!(["916:80"]));
    check(
        "ports = [{ target = 80, published = 8080 }]",
        "ports",
        &json!(["8080:80"]),
    );
    check(
        "ports = [{ target = 53, published = \"5353\", protocol = \"udp\", host_ip = \"0.0.0.0\" }]",
        "ports",
        &json!(["0.0.0.0:5353:53/udp"]),
    );
    check(
        "expose = [\"8000-8002\", 9000, \"53/udp\"]",
        "expose",
        &json!([8000, 8001, 8002, 9000]),
    );
}

#[test]
fn commands() {
    check(
        "command = \"serve --name 'two words'\"",
        "command",
        &json!(["serve", "--name", "two words"]),
    );
    check(
        "command = [\"serve\", 8000]",
        "command",
        &json!(["serve", "8000"]),
    );
    check("entrypoint = []", "entrypoint", &json!([]));
    check(
        "run = \"python3 app.py | tee log\"",
        "run",
        &json!("python3 app.py | tee log"),
    );
    check(
        "run = [\"python3\", \"app.py\"]",
        "run",
        &json!(["python3", "app.py"]),
    );
    check(
        "run = \"echo $$HOME ${WHO}\"",
        "run",
        &json!("echo $HOME me"),
    );
}

#[test]
fn environment() {
    check(
        "environment = { A = \"1\", B = 2, C = true, D = 1.5 }",
        "environment",
        &json!({ "A": "1", "B": "2", "C": "true", "D": "1.5" }),
    );
    check(
        "environment = [\"A=1\", \"WHO\", \"NOBODY\", \"B=x=y\"]",
        "environment",
        &json!({ "A": "1", "WHO": "me", "B": "x=y" }),
    );
    check(
        "env_file = \"good.env\"\nenvironment = { NAME = \"from-here\" }",
        "environment",
        &json!({ "GREETING": "hello", "TOKEN": "abchello", "NAME": "from-here" }),
    );
    check(
        "env_file = [{ path = \"none.env\", required = false }]",
        "environment",
        &Value::Null,
    );
    check(
        "environment = { U = \"{{a.host}}:1\" }",
        "environment",
        &json!({ "U": "{{a.host}}:1" }),
    );
    check(
        "environment = { U = '\\{{a.host}} {{ .X }}' }",
        "environment",
        &json!({ "U": "\\{{a.host}} \\{{ .X }}" }),
    );
}

#[test]
fn variables() {
    let cases = [
        ("${TAG}", "16"),
        ("$TAG.$WHO", "16.me"),
        ("${EMPTY:-none}", "none"),
        ("${EMPTY-none}", ""),
        ("${NONE-none}", "none"),
        ("${NONE:-${ALSO_NONE:-${WHO}}}", "me"),
        ("${TAG:+yes}", "yes"),
        ("x${EMPTY:+yes}", "x"),
        ("${EMPTY+yes}", "yes"),
        ("${TAG:?why}", "16"),
        ("$$TAG", "$TAG"),
        ("cost: 5$", "cost: 5$"),
        ("${NONE:-{\"a\":1}}", "{\"a\":1}"),
    ];
    for (text, expected) in cases {
        let line = format!("environment = {{ V = '{text}' }}");
        check(&line, "environment", &json!({ "V": expected }));
    }
    check("replicas = \"${COUNT}\"", "replicas", &json!(3));
    check("tty = \"${NONE:-true}\"", "tty", &json!(true));
    check("stdin_open = true", "stdin_open", &json!(true));
}

fn probe(line: &str) -> Value {
    let loaded = read_text(&with_line(&format!("expose = [8000]\nhealth = {line}")));
    let said = said(&loaded);
    let stack = loaded.stack.unwrap_or_else(|| panic!("{line}\n{said}"));
    let shown: Value = serde_json::from_str(&to_json(&stack, false)).unwrap();
    shown["services"]["a"]["health"].clone()
}

#[test]
fn health() {
    let cases = [
        (
            "{ http = \"/healthz\" }",
            "http",
            json!({ "path": "/healthz" }),
        ),
        (
            "{ http = \":9000/healthz\" }",
            "http",
            json!({ "path": "/healthz", "port": 9000 }),
        ),
        (
            "{ http = \":9000\" }",
            "http",
            json!({ "path": "/", "port": 9000 }),
        ),
        (
            "{ http = \"http://localhost:9000/x\" }",
            "http",
            json!({ "path": "/x", "port": 9000 }),
        ),
        (
            "{ http = { path = \"/a?b=c\", status = 204 } }",
            "http",
            json!({ "path": "/a?b=c", "status": 204 }),
        ),
        ("{ tcp = 5432 }", "tcp", json!(5432)),
        ("{ tcp = true }", "tcp", json!(true)),
        (
            "{ grpc = 50051 }",
            "grpc",
            json!({ "port": 50051, "service": "" }),
        ),
        (
            "{ grpc = \"shop.Orders\" }",
            "grpc",
            json!({ "service": "shop.Orders" }),
        ),
        (
            "{ grpc = { port = 1, service = \"s\" } }",
            "grpc",
            json!({ "port": 1, "service": "s" }),
        ),
        (
            "{ exec = \"pg_isready -U x\" }",
            "exec",
            json!("pg_isready -U x"),
        ),
        ("{ exec = [\"true\"] }", "exec", json!(["true"])),
        (
            "{ log = 'ready in \\d+ ms$' }",
            "log",
            json!("ready in \\d+ ms$"),
        ),
    ];
    for (line, key, expected) in cases {
        assert_eq!(probe(line)[key], expected, "{line}");
    }
    let schedule = probe(
        "{ tcp = 1, interval = \"1m30s\", timeout = \"500ms\", retries = 5, start_period = \"0\" }",
    );
    let expected = json!({
        "tcp": 1, "interval": "90s", "timeout": "500ms", "retries": 5, "start_period": "0s",
    });
    assert_eq!(schedule, expected);
}

#[test]
fn volumes() {
    let here = super::folder().display().to_string();
    let cases = [
        (
            "\"data:/d\"",
            json!({ "type": "volume", "source": "data", "target": "/d" }),
        ),
        (
            "\"data:/d:ro\"",
            json!({ "type": "volume", "source": "data", "target": "/d", "read_only": true }),
        ),
        ("\"/d\"", json!({ "type": "volume", "target": "/d" })),
        (
            "\"./web:/d\"",
            json!({ "type": "bind", "source": format!("{here}/web"), "target": "/d" }),
        ),
        (
            "\"~/x:/d\"",
            json!({ "type": "bind", "source": "/home/someone/x", "target": "/d" }),
        ),
        (
            "{ type = \"tmpfs\", target = \"/tmp\" }",
            json!({ "type": "tmpfs", "target": "/tmp" }),
        ),
        (
            "{ type = \"bind\", source = \"web\", target = \"/d\", read_only = true }",
            json!({ "type": "bind", "source": format!("{here}/web"), "target": "/d", "read_only": true }),
        ),
    ];
    for (entry, expected) in cases {
        check(
            &format!("volumes = [{entry}]"),
            "volumes",
            &json!([expected]),
        );
    }
}

#[test]
fn watch_rules() {
    let web = super::folder().join("web").display().to_string();
    let rule = |rest: &str| format!("build = \"web\"\nwatch = [{{ path = \"web\", {rest} }}]");
    let cases = [
        (
            "action = \"rebuild\"",
            json!({ "path": web, "action": "rebuild" }),
        ),
        (
            "action = \"restart\"",
            json!({ "path": web, "action": "restart" }),
        ),
        (
            "action = \"sync\", target = \"/s\"",
            json!({ "path": web, "action": "sync", "target": "/s" }),
        ),
        (
            "action = \"sync+restart\", target = \"/s\", ignore = [\"*.pyc\"]",
            json!({ "path": web, "action": "sync", "target": "/s", "then": "restart", "ignore": ["*.pyc"] }),
        ),
        (
            "action = \"sync\", target = \"/s\", then = \"signal:HUP\"",
            json!({ "path": web, "action": "sync", "target": "/s", "then": "signal:SIGHUP" }),
        ),
        (
            "action = \"sync\", target = \"/s\", then = { exec = [\"nginx\", \"-s\", \"reload\"] }",
            json!({ "path": web, "action": "sync", "target": "/s", "then": { "exec": ["nginx", "-s", "reload"] } }),
        ),
        (
            "action = \"sync+exec\", target = \"/s\", exec = { command = \"make\" }",
            json!({ "path": web, "action": "sync", "target": "/s", "then": { "exec": "make" } }),
        ),
    ];
    let inside = super::folder().join("orders/Dockerfile");
    check(
        "build = \"orders\"\nwatch = [{ path = \"Dockerfile\", action = \"rebuild\" }]",
        "watch",
        &json!([{ "path": inside, "action": "rebuild" }]),
    );
    for (rest, expected) in cases {
        check(&rule(rest), "watch", &json!([expected]));
    }
}

#[test]
fn life() {
    check("restart = \"unless-stopped\"", "restart", &json!("always"));
    check("restart = \"no\"", "restart", &json!("no"));
    check("restart = false", "restart", &json!("no"));
    check("restart = \"on-failure\"", "restart", &Value::Null);
    check("stop_signal = \"int\"", "stop_signal", &json!("SIGINT"));
    check("stop_signal = 1", "stop_signal", &json!("SIGHUP"));
    check(
        "stop_signal = \"SIGRTMIN+3\"",
        "stop_signal",
        &json!("SIGRTMIN+3"),
    );
    check(
        "stop_grace_period = \"1m\"",
        "stop_grace_period",
        &json!("1m"),
    );
    check("overlap = false", "overlap", &json!(false));
    check("trace = false", "trace", &json!(false));
    check("user = 1000", "user", &json!("1000"));
    check("init = true", "init", &json!(true));
    check("helper = false", "helper", &json!(false));
    check("keep_network = false", "keep_network", &json!(false));
    check(
        "labels = [\"a=b\", \"c\"]",
        "labels",
        &json!({ "a": "b", "c": "" }),
    );
    check(
        "extra_hosts = [\"a=1.2.3.4\", \"b:::1\"]",
        "extra_hosts",
        &json!(["a:1.2.3.4", "b:::1"]),
    );
    check(
        "extra_hosts = { a = \"host-gateway\" }",
        "extra_hosts",
        &json!(["a:host-gateway"]),
    );
    check(
        "directory = \"web\"",
        "directory",
        &json!(super::folder().join("web")),
    );
}

#[test]
fn builds() {
    let here = super::folder();
    check("build = \"orders\"", "expose", &json!([9000, 9001, 9002]));
    check(
        "build = { context = \"orders\", args = { PORT = 1234 } }",
        "expose",
        &json!([1234, 9001, 9002]),
    );
    check("build = \"orders\"\nexpose = [1]", "expose", &json!([1]));
    check(
        "build = { context = \"stages\", target = \"dev\" }",
        "expose",
        &json!([7000, 7001]),
    );
    check("build = \"stages\"", "expose", &json!([80]));
    check(
        "build = { context = \"web\", dockerfile = \"../stages/Dockerfile\", args = [\"B=2\", \"A=1\", \"WHO\"], \
         secrets = { t = { environment = \"WHO\" }, f = { file = \"file.txt\" } }, labels = { l = \"m\" }, \
         network = \"host\", no_cache = true, pull = true }",
        "build",
        &json!({
            "context": here.join("web"),
            "dockerfile": here.join("stages/Dockerfile"),
            "args": { "A": "1", "B": "2", "WHO": "me" },
            "secrets": { "t": { "environment": "WHO" }, "f": { "file": here.join("file.txt") } },
            "labels": { "l": "m" },
            "network": "host",
            "no_cache": true,
            "pull": true,
        }),
    );
}

#[test]
fn dependencies() {
    let text =
        "[services.a]\nimage = \"x\"\n[services.b]\nimage = \"x\"\n[services.c]\nimage = \"x\"\n";
    let cases = [
        (
            "depends_on = [\"a\", \"b\"]",
            json!({ "a": "ready", "b": "ready" }),
        ),
        (
            "depends_on = { a = \"started\", b = \"completed\" }",
            json!({ "a": "started", "b": "completed" }),
        ),
        (
            "depends_on = { a = { condition = \"service_healthy\" }, b = { condition = \"service_completed_successfully\" } }",
            json!({ "a": "ready", "b": "completed" }),
        ),
        (
            "depends_on = { a = { required = false }, z = { required = false } }",
            json!({ "a": "ready" }),
        ),
        (
            "depends_on = { a = { restart = true }, b = { condition = \"started\", restart = false } }",
            json!({ "a": { "condition": "ready", "restart": true }, "b": "started" }),
        ),
    ];
    for (line, expected) in cases {
        let loaded = read_text(&format!("{text}{line}\n"));
        let said = said(&loaded);
        let stack = loaded.stack.unwrap_or_else(|| panic!("{line}\n{said}"));
        let shown: Value = serde_json::from_str(&to_json(&stack, false)).unwrap();
        assert_eq!(shown["services"]["c"]["depends_on"], expected, "{line}");
    }
}

#[test]
fn profiles_choose_services() {
    let text = "[services.a]\nimage = \"x\"\n[services.b]\nimage = \"x\"\nprofiles = [\"debug\"]\n";
    let names = |profiles: &[&str]| {
        let chosen = Options {
            profiles: profiles.iter().map(|name| (*name).to_owned()).collect(),
            ..super::options()
        };
        let stack = read_with(text, &chosen).stack.unwrap();
        let names: Vec<String> = stack.services.keys().map(ToString::to_string).collect();
        names.join(" ")
    };
    assert_eq!(names(&[]), "a");
    assert_eq!(names(&["debug"]), "a b");
    assert_eq!(names(&["*"]), "a b");
}

#[test]
fn smoke_checks() {
    let text = with_line("ports = [\"8080:80\"]")
        + r#"
[[smoke]]
name = "short"
request = "http://a/healthz"

[[smoke]]
name = "command"
command = "echo hi"
inside = "a"
expect = { code = 3, stdout = "hi", stdout_matches = "^h", stderr = "oh" }
retries = 2
retry_delay = "1s"
timeout = "1m"

[[smoke]]
name = "headers"
request = { method = "put", url = "http://localhost:1/", headers = { accept = "text/plain", n = 1 }, body = "x" }
expect = { headers = { content-type = "^text/" }, body = "ok", body_matches = "o.", json = { "$.a[0]" = { b = [1, 2.5, true] } } }
"#;
    let loaded = read_text(&text);
    assert_eq!(said(&loaded), "");
    let shown: Value = serde_json::from_str(&to_json(&loaded.stack.unwrap(), false)).unwrap();
    let expected = json!([
        {
            "name": "short",
            "request": { "method": "GET", "url": "http://a/healthz" },
            "expect": {},
            "retries": 0, "retry_delay": "500ms", "timeout": "10s",
        },
        {
            "name": "command",
            "command": "echo hi",
            "inside": "a",
            "expect": { "code": 3, "stdout": "hi", "stdout_matches": "^h", "stderr": "oh" },
            "retries": 2, "retry_delay": "1s", "timeout": "1m",
        },
        {
            "name": "headers",
            "request": {
                "method": "PUT", "url": "http://localhost:1/",
                "headers": { "accept": "text/plain", "n": "1" }, "body": "x",
            },
            "expect": {
                "headers": { "content-type": "^text/" }, "body": "ok", "body_matches": "o.",
                "json": { "$.a[0]": { "b": [1, 2.5, true] } },
            },
            "retries": 0, "retry_delay": "500ms", "timeout": "10s",
        },
    ]);
    assert_eq!(shown["smoke"], expected);
}

#[test]
fn what_redact_names_is_hidden_everywhere() {
    let text = "redact = [\"PLAIN\", \"*_CODE\"]\n".to_owned()
        + &with_line(
            "command = \"serve --with hunter2\"\nenvironment = { PLAIN = \"hunter2\", DB_PASSWORD = \"p\", DOOR_CODE = \"1234\", \
             URL = \"postgres://app:s3cret@db/app\", OTHER = \"x\", MONKEY = \"m\" }",
        );
    let stack = read_text(&text).stack.unwrap();
    assert_eq!(stack.redact, ["1234", "hunter2"]);
    let shown: Value = serde_json::from_str(&to_json(&stack, true)).unwrap();
    let service = &shown["services"]["a"];
    assert_eq!(service["command"], json!(["serve", "--with", "***"]));
    let expected = json!({
        "PLAIN": "***", "DB_PASSWORD": "***", "DOOR_CODE": "***",
        "URL": "postgres://app:***@db/app", "OTHER": "x", "MONKEY": "m",
    });
    assert_eq!(service["environment"], expected);
}

#[test]
fn the_name_is_the_folders_unless_given() {
    assert_eq!(read_text(&with_line("")).stack.unwrap().name, "config");
    let named = format!("name = \"my-shop_2\"\n{}", with_line(""));
    assert_eq!(read_text(&named).stack.unwrap().name, "my-shop_2");
}

#[test]
fn what_must_be_watched_for_a_reload() {
    let loaded = read_text(&with_line(
        "build = \"web\"\nenv_file = [\"good.env\", { path = \"none.env\", required = false }]",
    ));
    let names: Vec<String> = crate::config::read_files(&loaded)
        .iter()
        .map(|file| {
            file.strip_prefix(super::folder())
                .unwrap()
                .display()
                .to_string()
        })
        .collect();
    assert_eq!(
        names,
        [
            "boatyard.toml",
            ".env",
            "web/Dockerfile",
            "good.env",
            "none.env"
        ]
    );
}
