//! What compose files mean: from a folder of files to the stack.

use std::path::Path;
use std::time::Duration;

use crate::config::compose::entry;
use crate::config::tests::folder_of;
use crate::config::{Loaded, Options, Severity};
use crate::stack::{
    CommandWords, Condition, Device, FileContent, Health, Healthcheck, Hook, ImageHealth,
    MountKind, Naming, Probe, Protocol, PullPolicy, Reaction, RestartPolicy, Service, ServiceName,
    Space, Stack, Swap, Then,
};

fn load(folder: &Path) -> Loaded {
    let options = Options {
        directory: Some(folder.to_owned()),
        environment: [("TOKEN".to_owned(), "t0ken".to_owned())].into(),
        ..Options::default()
    };
    entry::load(&options).expect("there is a compose file")
}

/// The messages, each with the line that it is about.
fn said(loaded: &Loaded) -> Vec<String> {
    let line = |problem: &crate::config::Problem| {
        let line = problem.place.as_ref().map_or(0, |place| place.line);
        format!("{line}: {}", problem.message)
    };
    loaded.problems.iter().map(line).collect()
}

/// The stack of services, of which nothing is to be said.
fn stack_of(compose: &str) -> Stack {
    let folder = folder_of(&[
        ("compose.yaml", compose),
        ("Dockerfile", "FROM scratch\nEXPOSE 9000\n"),
        ("src/app.py", ""),
        ("key.txt", "s3cret\n"),
    ]);
    let loaded = load(folder.path());
    assert_eq!(said(&loaded), Vec::<String>::new());
    loaded.stack.unwrap()
}

fn service(compose: &str) -> Service {
    stack_of(compose).services["web"].clone()
}

#[test]
fn a_service_is_read() {
    let web = service(
        r#"
services:
  web:
    build: { context: ., args: { B: "2", A: "1" }, target: dev }
    image: shop/web
    command: sh -c 'echo $$HOME'
    entrypoint: ["/init"]
    environment: { A: "1", B: }
    working_dir: /app
    user: "1000"
    ports: ["8080:80", "127.0.0.2:53:53/udp", "3000"]
    expose: ["7000-7001"]
    labels: { team: shop }
    extra_hosts: ["host.docker.internal:host-gateway"]
    stop_signal: INT
    stop_grace_period: 1m30s
    tty: true
    deploy: { replicas: 3 }
"#,
    );
    let build = web.build.clone().unwrap();
    assert_eq!(build.target.as_deref(), Some("dev"));
    assert_eq!(
        build.args,
        [("A".into(), "1".into()), ("B".into(), "2".into())]
    );
    assert_eq!(build.dockerfile, build.context.join("Dockerfile"));
    assert_eq!(web.image.as_deref(), Some("shop/web"));
    let words =
        |words: &[&str]| CommandWords::Words(words.iter().map(ToString::to_string).collect());
    assert_eq!(web.command, Some(words(&["sh", "-c", "echo $HOME"])));
    assert_eq!(web.entrypoint, Some(words(&["/init"])));
    assert_eq!(web.environment.keys().collect::<Vec<_>>(), ["A"]);
    let ports = web.ports.iter().map(|port| {
        (
            port.address.to_string(),
            port.host,
            port.container,
            port.protocol,
        )
    });
    assert_eq!(
        ports.collect::<Vec<_>>(),
        [
            ("127.0.0.1".into(), Some(8080), 80, Protocol::Tcp),
            ("127.0.0.2".into(), Some(53), 53, Protocol::Udp),
            ("127.0.0.1".into(), None, 3000, Protocol::Tcp),
        ]
    );
    assert_eq!(web.expose[..2], [7000, 7001]);
    assert_eq!(web.labels["team"], "shop");
    assert_eq!(web.extra_hosts, ["host.docker.internal:host-gateway"]);
    assert_eq!(web.stop_signal.0, "SIGINT");
    assert_eq!(web.stop_grace_period, Duration::from_secs(90));
    assert_eq!((web.tty, web.init, web.replicas), (true, false, 3));
    assert_eq!(web.restart, RestartPolicy::No);
    assert!(!web.every_rule && web.watch.is_empty());
}

#[test]
fn the_project_names_what_is_made() {
    let stack = stack_of(
        "name: shop\nservices: { web: { image: a, networks: [front, other], volumes: [data:/d, kept:/k] } }\n\
         networks: { front: { internal: true }, other: { external: true, name: corp } }\n\
         volumes: { data: , kept: { name: precious } }\n",
    );
    assert_eq!(stack.name, "shop");
    let Naming::Compose(project) = &stack.naming else {
        panic!("it is named as Compose does");
    };
    assert_eq!(
        (project.project.as_str(), &project.working_dir),
        ("shop", &stack.directory)
    );
    assert_eq!(project.config_files, std::slice::from_ref(&stack.file));
    let front = &stack.networks["front"];
    assert_eq!(
        (front.name.as_deref(), front.internal, front.external),
        (None, true, false)
    );
    let other = &stack.networks["other"];
    assert_eq!(
        (other.name.as_deref(), other.external),
        (Some("corp"), true)
    );
    assert_eq!(stack.volumes["data"].name, None);
    assert_eq!(stack.volumes["kept"].name.as_deref(), Some("precious"));
    let web = &stack.services["web"];
    assert_eq!(
        web.container.networks.keys().collect::<Vec<_>>(),
        ["front", "other"]
    );
    assert_eq!(web.swap(crate::stack::Runtime::Container), Swap::Exclusive);
}

#[test]
fn containers_get_what_is_said_of_them() {
    let options = service(
        r#"
services:
  db: { image: a }
  web:
    image: a
    container_name: the-web
    hostname: web1
    network_mode: "service:db"
    pid: host
    cap_add: [NET_ADMIN]
    security_opt: ["no-new-privileges:true"]
    privileged: true
    read_only: true
    shm_size: 64m
    devices: ["/dev/null:/dev/nothing:r"]
    sysctls: { net.core.somaxconn: 1024 }
    ulimits: { nproc: 65535, nofile: { soft: 20000, hard: 40000 } }
    logging: { driver: local, options: { max-size: 10m } }
    platform: linux/amd64
    cpus: 0.5
    mem_limit: 1g
    pids_limit: 10
    pull_policy: daily
    post_start: [{ command: ["echo", "up"], user: root }]
    pre_stop: [{ command: "echo down" }]
"#,
    )
    .container;
    assert_eq!(options.name.as_deref(), Some("the-web"));
    assert_eq!(options.hostname.as_deref(), Some("web1"));
    assert_eq!(options.network_mode, Some(Space::Service("db".into())));
    assert_eq!(options.pid, Some(Space::Named("host".into())));
    assert_eq!(options.cap_add, ["NET_ADMIN"]);
    assert_eq!(options.security_opt, ["no-new-privileges:true"]);
    assert!(options.privileged && options.read_only);
    assert_eq!(options.shm_size, Some(64 << 20));
    let device = Device {
        source: "/dev/null".into(),
        target: "/dev/nothing".into(),
        permissions: "r".into(),
    };
    assert_eq!(options.devices, [device]);
    assert_eq!(options.sysctls["net.core.somaxconn"], "1024");
    assert_eq!(options.ulimits["nproc"].soft, 65535);
    assert_eq!(options.ulimits["nofile"].hard, 40000);
    let logging = options.logging.unwrap();
    assert_eq!(logging.driver.as_deref(), Some("local"));
    assert_eq!(logging.options["max-size"], "10m");
    assert_eq!(options.platform.as_deref(), Some("linux/amd64"));
    let limits = options.limits;
    assert_eq!(
        (limits.nano_cpus, limits.memory, limits.pids),
        (Some(500_000_000), Some(1 << 30), Some(10))
    );
    assert_eq!(options.pull_policy, PullPolicy::Every(86_400));
    assert_eq!(options.post_start[0].user.as_deref(), Some("root"));
    assert_eq!(options.pre_stop[0].command.argv(), ["echo", "down"]);
}

#[test]
fn mounts_are_read() {
    let web = service(
        r#"
services:
  base: { image: a, volumes: ["shared:/shared", "./src:/over"] }
  web:
    image: a
    volumes:
      - ./src:/src:ro
      - data:/data:nocopy
      - /anonymous
      - { type: tmpfs, target: /fast, tmpfs: { size: 1m, mode: 0700 } }
      - { type: bind, source: ./src, target: /over, bind: { create_host_path: false, propagation: rslave } }
    tmpfs: ["/run:noexec,size=2m"]
    volumes_from: ["base:ro"]
volumes: { data: , shared: }
"#,
    );
    let shown = |mount: &crate::stack::Mount| {
        let kind = match &mount.kind {
            MountKind::Volume(name) => format!("volume {name}"),
            MountKind::Bind(path) => format!("bind {}", path.file_name().unwrap().display()),
            MountKind::Anonymous => "anonymous".into(),
            MountKind::Tmpfs => "tmpfs".into(),
        };
        format!(
            "{kind} {}{}",
            mount.target,
            if mount.read_only { " ro" } else { "" }
        )
    };
    let shown: Vec<String> = web.volumes.iter().map(shown).collect();
    let wanted = [
        "bind src /src ro",
        "volume data /data",
        "anonymous /anonymous",
        "tmpfs /fast",
        "bind src /over",
        "tmpfs /run",
        "volume shared /shared ro",
    ];
    assert_eq!(shown, wanted);
    let options = &web.container.mounts;
    assert!(options["/src"].create_host_path && !options["/over"].create_host_path);
    assert_eq!(options["/over"].propagation.as_deref(), Some("rslave"));
    assert!(options["/data"].nocopy);
    assert_eq!(
        (options["/fast"].tmpfs_size, options["/fast"].tmpfs_mode),
        (Some(1 << 20), Some(0o700))
    );
    assert_eq!(options["/run"].tmpfs_size, Some(2 << 20));
    assert_eq!(options["/run"].tmpfs_options, ["noexec"]);
}

#[test]
fn configs_and_secrets_are_handed_over() {
    let stack = stack_of(
        r#"
services:
  web:
    image: a
    configs: [{ source: motd, target: /etc/motd, mode: 0440 }]
    secrets: [key, token]
configs: { motd: { content: "hello" } }
secrets: { key: { file: ./key.txt }, token: { environment: TOKEN } }
"#,
    );
    let container = &stack.services["web"].container;
    let motd = &container.configs[0];
    assert_eq!(
        (motd.config_path(), motd.mode),
        ("/etc/motd".into(), Some(0o440))
    );
    assert_eq!(motd.content, FileContent::Text("hello".into()));
    assert_eq!(container.secrets[0].secret_path(), "/run/secrets/key");
    assert_eq!(
        container.secrets[0].content,
        FileContent::File(stack.directory.join("key.txt"))
    );
    let token = FileContent::Environment {
        variable: "TOKEN".into(),
        value: "t0ken".into(),
    };
    assert_eq!(container.secrets[1].content, token);
    // What they hold is masked wherever it would show.
    assert_eq!(stack.redact, ["s3cret", "t0ken"]);
}

fn health(check: &str) -> (Option<Health>, ImageHealth) {
    let web = service(&format!(
        "services:\n  web:\n    image: a\n    healthcheck: {check}\n"
    ));
    (web.health, web.container.image_health)
}

#[test]
fn health_checks_become_probes() {
    let seconds = Duration::from_secs;
    let (usual, of_image) = health("{ test: [CMD, curl, localhost] }");
    let usual = usual.unwrap();
    assert_eq!(
        usual.probe,
        Probe::Exec(CommandWords::Words(vec!["curl".into(), "localhost".into()]))
    );
    assert_eq!(
        (usual.interval, usual.timeout, usual.retries),
        (seconds(30), seconds(30), 3)
    );
    // The engine asks just what the file says.
    let check = |check: &str| {
        let web = service(&format!(
            "services:\n  web:\n    image: a\n    healthcheck: {check}\n"
        ));
        web.container.healthcheck
    };
    let as_written = check("{ test: [CMD, curl], interval: 2s, retries: 5 }").unwrap();
    let expected = Healthcheck {
        test: vec!["CMD".into(), "curl".into()],
        interval: Some(seconds(2)),
        retries: Some(5),
        ..Healthcheck::default()
    };
    assert_eq!(as_written, expected);
    assert_eq!(
        check("{ test: up || exit 1 }").unwrap().test,
        ["CMD-SHELL", "up || exit 1"]
    );
    assert_eq!(check("{ disable: true }"), None);
    // A container may fail as long as Compose would let it.
    assert_eq!(usual.start_period, seconds(90));
    assert_eq!(of_image, ImageHealth::Off);
    let (own, _) = health(
        "{ test: \"curl $$HOST || exit 1\", interval: 2s, timeout: 1s, retries: 5, start_period: 1m }",
    );
    let own = own.unwrap();
    assert_eq!(
        own.probe,
        Probe::Exec(CommandWords::Shell("curl $HOST || exit 1".into()))
    );
    assert_eq!(
        (own.interval, own.timeout, own.retries, own.start_period),
        (seconds(2), seconds(1), 5, seconds(70))
    );
    assert_eq!(health("{ disable: true }"), (None, ImageHealth::Off));
    assert_eq!(health("{ test: [NONE] }"), (None, ImageHealth::Off));
    let (of_image, image) = health("{ interval: 5s }");
    assert_eq!(
        of_image.unwrap().probe,
        Probe::Exec(CommandWords::Words(Vec::new()))
    );
    assert_eq!(image, ImageHealth::Asked);
}

#[test]
fn the_order_is_read() {
    let stack = stack_of(
        r#"
services:
  web:
    image: a
    restart: unless-stopped
    depends_on:
      db: { condition: service_healthy, restart: true }
      seed: { condition: service_completed_successfully }
      none: { condition: service_started }
      gone: { condition: service_started, required: false }
    links: ["db:database"]
  db: { image: a }
  seed: { image: a, restart: on-failure, depends_on: [db] }
  none: { image: a, scale: 0 }
  gone: { image: a, profiles: [other] }
"#,
    );
    let web = &stack.services["web"];
    let name = ServiceName::from;
    assert_eq!(web.depends_on[&name("db")], Condition::Ready);
    assert_eq!(web.depends_on[&name("seed")], Condition::Completed);
    assert_eq!(
        web.depends_on.len(),
        2,
        "what has no containers is not waited for"
    );
    assert_eq!(web.follows, [name("db")].into());
    assert!(stack.is_job(&name("seed")) && !stack.services.contains_key("none"));
    assert_eq!(
        stack.services["seed"].depends_on[&name("db")],
        Condition::Started
    );
    assert_eq!(
        (web.restart, stack.services["seed"].restart),
        (RestartPolicy::Always, RestartPolicy::OnFailure)
    );
    // Somebody waits for the check that the image has.
    let db = &stack.services["db"];
    assert_eq!(db.container.image_health, ImageHealth::Asked);
    assert_eq!(db.container.networks["default"].aliases, ["database"]);
}

#[test]
fn watch_rules_are_read() {
    let web = service(
        r#"
services:
  web:
    build: .
    develop:
      watch:
        - { action: rebuild, path: Dockerfile }
        - { action: sync, path: ./src, target: /app, ignore: ["*.tmp"], include: ["*.py"], initial_sync: true }
        - { action: sync+restart, path: ./src, target: /etc/app }
        - { action: sync+exec, path: ./src, target: /app, exec: { command: app reload, user: root } }
        - { action: restart, path: ./src }
"#,
    );
    let reactions: Vec<&Reaction> = web.watch.iter().map(|rule| &rule.reaction).collect();
    let sync = |target: &str, then| Reaction::Sync {
        target: target.into(),
        then,
    };
    let exec = Then::Exec(Box::new(Hook {
        user: Some("root".into()),
        ..Hook::plain(CommandWords::Words(vec!["app".into(), "reload".into()]))
    }));
    assert_eq!(
        reactions,
        [
            &Reaction::Rebuild,
            &sync("/app", Then::Nothing),
            &sync("/etc/app", Then::Restart),
            &sync("/app", exec),
            &Reaction::Restart
        ]
    );
    let rule = &web.watch[1];
    assert!(rule.path.ends_with("src") && rule.path.is_absolute());
    assert_eq!(
        (&rule.ignore[..], &rule.include[..]),
        (&["*.tmp".to_owned()][..], &["*.py".to_owned()][..])
    );
    assert!(rule.initial_sync && web.every_rule && web.lacks_files());
}

#[test]
fn a_dockerfile_may_stand_in_the_file() {
    let web = service(
        "services: { web: { build: { context: ., dockerfile_inline: \"FROM busybox\\nEXPOSE 81\\n\" } } }\n",
    );
    let build = web.build.unwrap();
    assert_eq!(build.inline.as_deref(), Some("FROM busybox\nEXPOSE 81\n"));
    assert_eq!(web.expose, [81]);
}

#[path = "told_tests.rs"]
mod told;
