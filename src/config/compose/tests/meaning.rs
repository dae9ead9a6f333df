//! What files say, one key at a time.

use super::{Folder, one};

/// What a service with these lines says below this pointer.
#[track_caller]
fn service(lines: &str, pointer: &str, wanted: &str) {
    let indented = lines.replace('\n', "\n    ");
    let folder = one(&format!(
        "services:\n  web:\n    image: x\n    {indented}\n  db:\n    image: y\nvolumes: {{data: {{}}}}\nnetworks: {{back: {{}}}}\n"
    ));
    let found = folder.value(&format!("/services/web{pointer}"));
    assert_eq!(found, wanted, "\n{found}");
}

/// What two files say together below this pointer of the service `web`.
#[track_caller]
fn merged(base: &str, over: &str, pointer: &str, wanted: &str) {
    let file = |lines: &str| {
        format!(
            "services:\n  web:\n    image: x\n    {}\n",
            lines.replace('\n', "\n    ")
        )
    };
    let folder = Folder::new(&[
        ("compose.yaml", &file(base)),
        ("compose.override.yaml", &file(over)),
    ]);
    let found = folder.value(&format!("/services/web{pointer}"));
    assert_eq!(found, wanted, "\n{found}");
}

#[test]
fn short_forms_become_long() {
    service(
        "depends_on: [db]",
        "/depends_on",
        r#"{"db":{"condition":"service_started","required":true}}"#,
    );
    service("links: [\"db:store\"]", "/depends_on/db/restart", "true");
    service("networks: [back]", "/networks", r#"{"back":null}"#);
    service(
        "build: ./web",
        "/build",
        r#"{"context":"@/web","dockerfile":"Dockerfile"}"#,
    );
    service(
        "build: {dockerfile_inline: FROM x}",
        "/build",
        r#"{"context":"@","dockerfile_inline":"FROM x"}"#,
    );
    service(
        "build: https://example.com/x.git",
        "/build/context",
        r#""https://example.com/x.git""#,
    );
    service(
        "ports: [80]",
        "/ports",
        r#"[{"mode":"ingress","protocol":"tcp","target":80}]"#,
    );
    service("volumes: [./src:/app/]", "/volumes/0/source", r#""@/src""#);
    service("volumes: [./src:/app/]", "/volumes/0/target", r#""/app""#);
    service(
        "volumes: [~/src:/app]",
        "/volumes/0/source",
        r#""/home/someone/src""#,
    );
    service(
        "volumes: ['C:\\src:/app']",
        "/volumes/0/source",
        r#""C:\\src""#,
    );
    service("volumes: [data:/data]", "/volumes/0/type", r#""volume""#);
    service(
        "devices: [/dev/a]",
        "/devices/0",
        r#"{"permissions":"rwm","source":"/dev/a","target":"/dev/a"}"#,
    );
    service("command: echo 'a b' c", "/command", r#"["echo","a b","c"]"#);
    service(
        "healthcheck: {test: curl x}",
        "/healthcheck/test",
        r#"["CMD-SHELL","curl x"]"#,
    );
    service(
        "extra_hosts: {b: \"[::1]\", a: [1.1.1.1, 2.2.2.2]}",
        "/extra_hosts",
        r#"["a=1.1.1.1","a=2.2.2.2","b=::1"]"#,
    );
    service("dns: 1.1.1.1", "/dns", r#"["1.1.1.1"]"#);
    service("gpus: all", "/gpus", r#"[{"count":-1}]"#);
}

#[test]
fn values_are_what_their_keys_say() {
    service("read_only: \"yes\"", "/read_only", "true");
    service("tty: false", "/tty", "null");
    service("init: false", "/init", "false");
    service("cpus: \"0.50\"", "/cpus", "0.5");
    service("cpus: 2.0", "/cpus", "2");
    service("mem_limit: 64m", "/mem_limit", r#""67108864""#);
    service("stop_grace_period: 90s", "/stop_grace_period", r#""1m30s""#);
    service(
        "environment: {A: 1.50, B: true, C: 0777, D: 1e6, E: yes}",
        "/environment",
        r#"{"A":"1.5","B":"true","C":"511","D":"1e+06","E":"yes"}"#,
    );
    service(
        "environment: [A=b=c, HOME, NOWHERE]",
        "/environment",
        r#"{"A":"b=c","HOME":"/home/someone","NOWHERE":null}"#,
    );
    service("labels: [a, b=c]", "/labels", r#"{"a":"","b":"c"}"#);
    service(
        "build: {context: ., args: [A, HOME]}",
        "/build/args",
        r#"{"HOME":"/home/someone"}"#,
    );
    service(
        "ulimits: {nproc: \"5\", nofile: {soft: 1, hard: 2}}",
        "/ulimits",
        r#"{"nofile":{"hard":2,"soft":1},"nproc":5}"#,
    );
    service(
        "pull_policy: if_not_present",
        "/pull_policy",
        r#""missing""#,
    );
    service(
        "blkio_config: {device_read_bps: [{path: /dev/a, rate: 1k}]}",
        "/blkio_config/device_read_bps/0",
        r#"{"Path":"/dev/a","Rate":"1024"}"#,
    );
}

#[test]
fn files_are_merged_by_the_rules_of_each_key() {
    merged(
        "environment: {A: 1, B: 2}",
        "environment: [B=3, C=4]",
        "/environment",
        r#"{"A":"1","B":"3","C":"4"}"#,
    );
    merged("command: [a, b]", "command: c", "/command", r#"["c"]"#);
    merged(
        "cap_add: [A]",
        "cap_add: [B, A]",
        "/cap_add",
        r#"["A","B"]"#,
    );
    merged(
        "ports: [\"80:80\"]",
        "ports: [\"80:80\", \"81:81\"]",
        "/ports/1/published",
        r#""81""#,
    );
    merged(
        "volumes: [./a:/x]",
        "volumes: [./b:/x/]",
        "/volumes",
        r#"[{"bind":{},"source":"@/b","target":"/x","type":"bind"}]"#,
    );
    merged(
        "dns: 1.1.1.1",
        "dns: [2.2.2.2]",
        "/dns",
        r#"["1.1.1.1","2.2.2.2"]"#,
    );
    merged(
        "build: ./a",
        "build: {target: t}",
        "/build",
        r#"{"context":"@/a","dockerfile":"Dockerfile","target":"t"}"#,
    );
    merged(
        "logging: {driver: a, options: {x: 1}}",
        "logging: {driver: b}",
        "/logging",
        r#"{"driver":"b"}"#,
    );
    merged(
        "logging: {driver: a, options: {x: 1}}",
        "logging: {options: {y: 2}}",
        "/logging/options",
        r#"{"x":"1","y":"2"}"#,
    );
    merged(
        "ulimits: {nofile: {soft: 1, hard: 2}}",
        "ulimits: {nofile: 3}",
        "/ulimits",
        r#"{"nofile":3}"#,
    );
    merged("hostname: a", "hostname: null", "/hostname", r#""a""#);
    merged(
        "deploy: {replicas: 1, labels: {a: b}}",
        "deploy: {replicas: 2}",
        "/deploy",
        r#"{"labels":{"a":"b"},"replicas":2}"#,
    );
}

#[test]
fn what_was_said_before_can_be_forgotten() {
    merged("ports: [\"80:80\"]", "ports: !reset []", "/ports", "null");
    merged(
        "ports: [\"80:80\"]",
        "ports: !override [\"81:81\"]",
        "/ports/0/target",
        "81",
    );
    merged(
        "environment: {A: 1, B: 2}",
        "environment: {A: !reset null}",
        "/environment",
        r#"{"B":"2"}"#,
    );
    merged(
        "build: {context: ., args: {A: 1}}",
        "build: {args: !override {B: 2}}",
        "/build/args",
        r#"{"B":"2"}"#,
    );
    merged("hostname: a", "hostname: !reset null", "/hostname", "null");
    service("ports: !reset [\"80:80\"]", "/ports", "null");
}

#[test]
fn anchors_and_merge_keys_are_filled_in() {
    let folder = one("\
x-base: &base
  image: x
  environment: &env {A: 1}
x-more: &more {restart: always, image: y}
services:
  web:
    <<: [*base, *more]
    environment: {<<: *env, B: 2}
");
    assert_eq!(
        folder.value("/services/web"),
        r#"{"environment":{"A":"1","B":"2"},"image":"x","networks":{"default":null},"restart":"always"}"#
    );
}

#[test]
fn a_service_takes_what_it_extends() {
    let folder = Folder::new(&[
        (
            "compose.yaml",
            "\
services:
  web: {extends: {file: common/base.yaml, service: app}, environment: {B: 3}, ports: !reset []}
  worker: {extends: web, command: work}
",
        ),
        (
            "common/base.yaml",
            "\
services:
  app: {extends: root, build: ., environment: {A: 1, B: 2}, ports: [\"80:80\"], env_file: ./app.env}
  root: {hostname: h, extends: {file: ../root.yaml, service: r}}
",
        ),
        ("root.yaml", "services:\n  r: {volumes: [./r:/r]}\n"),
        ("common/app.env", "C=${B}4\n"),
    ]);
    assert_eq!(folder.value("/services/web/build/context"), r#""@/common""#);
    assert_eq!(
        folder.value("/services/web/environment"),
        r#"{"A":"1","B":"3","C":"34"}"#
    );
    assert_eq!(folder.value("/services/web/ports"), "null");
    assert_eq!(folder.value("/services/web/volumes/0/source"), r#""@/r""#);
    assert_eq!(folder.value("/services/worker/hostname"), r#""h""#);
    assert_eq!(folder.value("/services/worker/command"), r#"["work"]"#);
}

#[test]
fn what_is_included_has_its_own_folder_and_variables() {
    let folder = Folder::new(&[
        (
            "compose.yaml",
            "\
include:
  - db/compose.yaml
  - {path: [other/one.yaml, other/two.yaml], project_directory: ., env_file: other/vars}
services:
  web: {image: web, depends_on: [db, one], environment: [TAG]}
",
        ),
        (
            "db/compose.yaml",
            "services:\n  db: {image: \"db:${TAG}\", volumes: [./data:/data], environment: [TAG], labels: {a: \"$$x\"}}\n",
        ),
        ("db/.env", "TAG=5\n"),
        (
            "other/one.yaml",
            "services:\n  one: {image: \"one:${TAG}\", volumes: [./data:/data]}\n",
        ),
        ("other/two.yaml", "services:\n  one: {hostname: two}\n"),
        ("other/vars", "TAG=6\n"),
    ]);
    assert_eq!(folder.value("/services/db/image"), r#""db:5""#);
    assert_eq!(folder.value("/services/db/environment"), r#"{"TAG":"5"}"#);
    assert_eq!(folder.value("/services/db/labels/a"), r#""$x""#);
    assert_eq!(
        folder.value("/services/db/volumes/0/source"),
        r#""@/db/data""#
    );
    assert_eq!(folder.value("/services/one/image"), r#""one:6""#);
    assert_eq!(folder.value("/services/one/hostname"), r#""two""#);
    assert_eq!(
        folder.value("/services/one/volumes/0/source"),
        r#""@/data""#
    );
    assert_eq!(folder.value("/services/web/environment"), r#"{"TAG":null}"#);
    let files: Vec<_> = folder.read().files;
    assert_eq!(files.len(), 4);
}

#[test]
fn services_of_other_profiles_are_left_out() {
    let text = "\
services:
  web: {image: x, depends_on: {tool: {condition: service_started, required: false}}}
  tool: {image: y, profiles: [debug]}
";
    assert_eq!(one(text).value("/services/tool"), "null");
    let chosen = one(text).with(|given| given.profiles = vec!["debug".into()]);
    assert_eq!(chosen.value("/services/tool/image"), r#""y""#);
    let chosen = one(text).variable("COMPOSE_PROFILES", "a, debug");
    assert_eq!(chosen.value("/services/tool/image"), r#""y""#);
    let needed = one(
        "services:\n  web: {image: x, depends_on: [tool]}\n  tool: {image: y, profiles: [debug]}\n",
    );
    assert_eq!(
        needed.said(),
        "compose.yaml:2:32: error: service \"web\" depends on \"tool\", whose profile is not enabled; enable it with --profile, or write \"required: false\""
    );
}

#[test]
fn what_is_said_twice_counts_once_where_the_key_allows_it() {
    service("cap_add: [A, B, A]", "/cap_add", r#"["A","B"]"#);
    service("expose: [80, \"80\"]", "/expose", r#"["80"]"#);
    service("dns: [1.1.1.1, 1.1.1.1]", "/dns", r#"["1.1.1.1"]"#);
    service(
        "environment: [A=1, A=1, A=2]",
        "/environment",
        r#"{"A":"2"}"#,
    );
    service("volumes: [data:/d, data:/d]", "/volumes/1", "null");
    service("ports: [\"80:80\", \"80:80\"]", "/ports/1", "null");
    service(
        "security_opt: [a, a]",
        "/security_opt",
        "compose.yaml:4:23: error: \"security_opt\" in service \"web\": \"a\" is given twice; remove one of the two",
    );
    service(
        "depends_on: [db, db]",
        "/depends_on",
        "compose.yaml:4:22: error: \"depends_on\" in service \"web\": \"db\" is given twice; remove one of the two",
    );
}
