//! Each word that a service can say of its containers, read back through the engine.

use std::collections::HashMap;

use boatyard::stack::{
    ContainerOptions, Device, Disks, Healthcheck, ImageHealth, Limits, Logging, Mount, MountKind,
    MountOptions, Service, Space, Ulimit,
};
use bollard::models::ContainerConfig;
use bollard::models::{
    ContainerInspectResponse, HostConfig, HostConfigCgroupnsModeEnum, MountPoint,
};
use bollard::query_parameters::{CommitContainerOptionsBuilder, RemoveImageOptions};
use serde_json::json;

use crate::engine::{Rig, shell};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn pairs<T: FromIterator<(String, String)>>(pairs: &[(&str, &str)]) -> T {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

async fn started(
    rig: &mut Rig,
    run: u64,
    change: impl FnOnce(&mut ContainerOptions),
) -> ContainerInspectResponse {
    let mut service = shell("s", "exec sleep 600");
    change(&mut service.container);
    let (id, _) = rig.started(run, &service).await;
    rig.inspect(&id).await
}

fn host(found: &ContainerInspectResponse) -> &HostConfig {
    found.host_config.as_ref().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_inside_and_how_they_are_looked_up() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let found = started(&mut rig, 1, |it| {
        it.hostname = Some("inside".into());
        it.domainname = Some("example.test".into());
        it.dns = words(&["9.9.9.9"]);
        it.dns_search = words(&["example.test"]);
        it.dns_opt = words(&["ndots:2"]);
        it.stdin_open = true;
    })
    .await;
    let config = found.config.as_ref().unwrap();
    assert_eq!(config.hostname.as_deref(), Some("inside"));
    assert_eq!(config.domainname.as_deref(), Some("example.test"));
    assert_eq!(config.open_stdin, Some(true));
    assert_eq!(host(&found).dns, Some(words(&["9.9.9.9"])));
    assert_eq!(host(&found).dns_search, Some(words(&["example.test"])));
    assert_eq!(host(&found).dns_options, Some(words(&["ndots:2"])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_may_do_and_see() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let found = started(&mut rig, 1, |it| {
        it.cap_add = words(&["NET_ADMIN"]);
        it.cap_drop = words(&["MKNOD"]);
        it.security_opt = words(&["no-new-privileges:true"]);
        it.read_only = true;
        it.group_add = words(&["42"]);
        it.pid = Some(Space::Named("host".into()));
        it.ipc = Some(Space::Named("shareable".into()));
        it.uts = Some("host".into());
        it.userns_mode = Some("host".into());
        it.cgroup = Some("private".into());
        it.devices = vec![Device {
            source: "/dev/null".into(),
            target: "/dev/nothing".into(),
            permissions: "rw".into(),
        }];
        it.device_cgroup_rules = words(&["c 1:3 mr"]);
    })
    .await;
    let host = host(&found);
    let with_prefix = |list: &Option<Vec<String>>, name: &str| {
        let full = format!("CAP_{name}");
        list.iter().flatten().any(|it| *it == full || it == name)
    };
    assert!(with_prefix(&host.cap_add, "NET_ADMIN"), "{host:?}");
    assert!(with_prefix(&host.cap_drop, "MKNOD"), "{host:?}");
    // The engine adds words of its own.
    let security = host.security_opt.clone().unwrap();
    assert!(
        security.contains(&"no-new-privileges:true".into()),
        "{security:?}"
    );
    assert_eq!(host.readonly_rootfs, Some(true));
    assert_eq!(host.group_add, Some(words(&["42"])));
    assert_eq!(host.pid_mode.as_deref(), Some("host"));
    assert_eq!(host.ipc_mode.as_deref(), Some("shareable"));
    assert_eq!(host.uts_mode.as_deref(), Some("host"));
    assert_eq!(host.userns_mode.as_deref(), Some("host"));
    assert_eq!(
        host.cgroupns_mode,
        Some(HostConfigCgroupnsModeEnum::PRIVATE)
    );
    let device = &host.devices.as_ref().unwrap()[0];
    assert_eq!(device.path_in_container.as_deref(), Some("/dev/nothing"));
    assert_eq!(device.cgroup_permissions.as_deref(), Some("rw"));
    assert_eq!(host.device_cgroup_rules, Some(words(&["c 1:3 mr"])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_much_it_may_take() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let found = started(&mut rig, 1, |it| {
        it.shm_size = Some(128 << 20);
        it.sysctls = pairs(&[("net.core.somaxconn", "1024")]);
        let limit = Ulimit {
            soft: 2048,
            hard: 4096,
        };
        it.ulimits.insert("nofile".into(), limit);
        it.oom_score_adj = Some(500);
        it.limits = Limits {
            nano_cpus: Some(500_000_000),
            cpu_shares: Some(512),
            cpuset: Some("0".into()),
            memory: Some(64 << 20),
            memory_reservation: Some(32 << 20),
            memory_swap: Some(96 << 20),
            pids: Some(99),
            disks: Disks {
                weight: Some(300),
                ..Disks::default()
            },
            ..Limits::default()
        };
    })
    .await;
    let host = host(&found);
    let said = json!({
        "shm": host.shm_size, "oom": host.oom_score_adj, "cpus": host.nano_cpus, "shares": host.cpu_shares,
        "cpuset": host.cpuset_cpus, "memory": host.memory, "kept": host.memory_reservation, "swap": host.memory_swap,
        "pids": host.pids_limit,
    });
    let expected = json!({
        "shm": 128 << 20, "oom": 500, "cpus": 500_000_000, "shares": 512, "cpuset": "0", "memory": 64 << 20,
        "kept": 32 << 20, "swap": 96 << 20, "pids": 99,
    });
    assert_eq!(said, expected);
    assert_eq!(host.sysctls, Some(pairs(&[("net.core.somaxconn", "1024")])));
    let ulimit = &host.ulimits.as_ref().unwrap()[0];
    assert_eq!(
        (ulimit.name.as_deref(), ulimit.soft, ulimit.hard),
        (Some("nofile"), Some(2048), Some(4096))
    );

    let quota = started(&mut rig, 2, |it| {
        it.limits.cpu_quota = Some(25_000);
        it.limits.cpu_period = Some(100_000);
    })
    .await;
    let host = quota.host_config.unwrap();
    assert_eq!(
        (host.cpu_quota, host.cpu_period),
        (Some(25_000), Some(100_000))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_its_output_goes_and_what_its_runtime_is_told() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let found = started(&mut rig, 1, |it| {
        it.logging = Some(Logging {
            driver: Some("json-file".into()),
            options: pairs(&[("max-size", "1m")]),
        });
        it.runtime = Some("runc".into());
        it.annotations = pairs(&[("org.example.note", "yes")]);
        it.platform = Some("linux".into());
        it.image_health = ImageHealth::Off;
    })
    .await;
    let host = host(&found);
    let log = host.log_config.as_ref().unwrap();
    assert_eq!(log.typ.as_deref(), Some("json-file"));
    assert_eq!(log.config.as_ref().unwrap()["max-size"], "1m");
    assert_eq!(host.runtime.as_deref(), Some("runc"));
    if rig.engine.facts.api >= (1, 43) {
        let expected = Some(pairs(&[("org.example.note", "yes")]));
        assert_eq!(host.annotations, expected);
    }
    let health = found.config.unwrap().healthcheck.unwrap();
    assert_eq!(health.test, Some(words(&["NONE"])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engine_asks_a_services_health_as_it_says() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let milliseconds = std::time::Duration::from_millis;
    let mut service = shell("s", "exec sleep 600");
    service.container.image_health = ImageHealth::Off;
    service.container.healthcheck = Some(Healthcheck {
        test: words(&["CMD-SHELL", "echo well && test -e /bin/sh"]),
        interval: Some(milliseconds(50)),
        timeout: Some(milliseconds(3000)),
        start_period: None,
        retries: Some(4),
    });
    let (id, _) = rig.started(1, &service).await;
    let found = rig.inspect(&id).await;
    let run = boatyard::engine::RunId(1);
    let mut checks = Vec::new();
    while checks.is_empty() {
        checks = rig.containers.checks(run).await;
    }
    rig.containers.kill(run);
    rig.exited(1).await;
    let health = found.config.unwrap().healthcheck.unwrap();
    assert_eq!(health.test.unwrap()[1], "echo well && test -e /bin/sh");
    assert_eq!(
        (health.interval, health.timeout),
        (Some(50_000_000), Some(3_000_000_000))
    );
    assert_eq!(
        (health.start_period.unwrap_or(0), health.retries),
        (0, Some(4))
    );
    assert_eq!(
        (checks[0].end.code, checks[0].end.stdout.as_slice()),
        (0, &b"well\n"[..])
    );
    assert!(rig.containers.checks(run).await.is_empty(), "it is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_health_check_of_an_image_is_asked_by_no_words() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let image = format!("boatyard-test/health-{}", rig.identity.stack);
    let (plain, _) = rig.started(1, &shell("plain", "exec sleep 600")).await;
    let commit = CommitContainerOptionsBuilder::default()
        .container(&plain)
        .repo(&image)
        .changes("HEALTHCHECK CMD test -e /tmp/well")
        .build();
    let client = &rig.engine.client;
    let made = client
        .commit_container(commit, ContainerConfig::default())
        .await;
    let asked = std::time::Duration::from_secs(20);
    let mut service = shell("s", "exec sleep 600");
    service.image = Some(image.clone());
    service.container.image_health = ImageHealth::Asked;
    let (id, _) = rig.started(2, &service).await;
    let ask = |run| {
        rig.containers
            .exec(boatyard::engine::RunId(run), &[], asked)
    };
    let before = ask(2).await;
    let touch = words(&["touch", "/tmp/well"]);
    let touched = rig
        .containers
        .exec(boatyard::engine::RunId(2), &touch, asked)
        .await;
    let after = ask(2).await;
    let without = ask(1).await;
    let found = rig.inspect(&id).await;
    rig.containers.kill(boatyard::engine::RunId(2));
    rig.exited(2).await;
    let client = &rig.engine.client;
    let gone = client
        .remove_image(&image, None::<RemoveImageOptions>, None)
        .await;
    made.unwrap();
    touched.unwrap();
    gone.unwrap();
    assert_eq!((before.unwrap().code, after.unwrap().code), (1, 0));
    let why = without.unwrap_err();
    assert!(why.contains("defines no HEALTHCHECK"), "{why}");
    let health = found.config.unwrap().healthcheck.unwrap();
    assert_eq!(health.test, Some(words(&["NONE"])), "nobody else asks it");
}

fn mounted(kind: MountKind, target: &str, options: MountOptions, service: &mut Service) {
    service.volumes.push(Mount {
        kind,
        target: target.into(),
        read_only: false,
    });
    service.container.mounts.insert(target.into(), options);
}

/// A service with a mount of each kind that has options.
fn with_mounts(bound: &std::path::Path) -> Service {
    let mut service = shell(
        "s",
        "grep -E ' /(quick|small) ' /proc/mounts; ls -d /made; ls /bin | head -1; exec sleep 600",
    );
    let made = MountOptions {
        create_host_path: true,
        propagation: Some("private".into()),
        ..MountOptions::default()
    };
    let bind = MountKind::Bind(bound.to_path_buf());
    mounted(bind, "/made", made, &mut service);
    let nocopy = MountOptions {
        nocopy: true,
        ..MountOptions::default()
    };
    let volume = MountKind::Volume("data".into());
    mounted(volume, "/etc", nocopy, &mut service);
    let small = MountOptions {
        tmpfs_size: Some(1 << 20),
        tmpfs_mode: Some(0o700),
        ..MountOptions::default()
    };
    mounted(MountKind::Tmpfs, "/small", small, &mut service);
    let quick = MountOptions {
        tmpfs_size: Some(2 << 20),
        tmpfs_options: words(&["noexec", "uid=1000"]),
        ..MountOptions::default()
    };
    mounted(MountKind::Tmpfs, "/quick", quick, &mut service);
    service
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mounts_with_all_their_options() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let missing = rig.folder.path().join("not/there");
    let service = with_mounts(&missing);
    let (id, _) = rig.started(1, &service).await;
    let found = rig.inspect(&id).await;
    let mounts: HashMap<String, MountPoint> = found
        .mounts
        .unwrap()
        .into_iter()
        .map(|it| (it.destination.clone().unwrap(), it))
        .collect();
    assert_eq!(mounts["/made"].propagation.as_deref(), Some("private"));
    assert!(missing.is_dir(), "the engine made it");
    let name = mounts["/etc"].name.clone().unwrap();
    assert_eq!(name, rig.identity.volume("data"));
    rig.until_log(|rig| rig.lines().len() >= 4).await;
    let said = rig.text(boatyard::telemetry::Stream::Stdout).join("\n");
    for part in [
        "size=1024k",
        "mode=700",
        "size=2048k",
        "noexec",
        "uid=1000",
        "/made",
    ] {
        assert!(said.contains(part), "{part} is missing: {said}");
    }
    let listed = rig
        .containers
        .exec(
            boatyard::engine::RunId(1),
            &words(&["ls", "/etc/passwd"]),
            std::time::Duration::from_secs(20),
        )
        .await
        .unwrap();
    assert_ne!(
        listed.code, 0,
        "nothing of the image was copied into the volume"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_of_another_service_is_joined() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let mut first = shell(
        "first",
        "echo served > /tmp/f; while :; do nc -l -p 8000 < /tmp/f; done",
    );
    first.expose = vec![8000];
    let (id, _) = rig.started(1, &first).await;
    let mut second = shell(
        "second",
        "until nc 127.0.0.1 8000 < /dev/null; do sleep 0.05; done",
    );
    second.container.network_mode = Some(Space::Service("first".into()));
    second.container.pid = Some(Space::Service("first".into()));
    rig.start(2, &second);
    assert!(rig.exited(2).await.is_success());
    assert_eq!(rig.text(boatyard::telemetry::Stream::Stdout), ["served"]);

    let mut third = shell("third", "exec sleep 600");
    third.container.network_mode = Some(Space::Container(id));
    rig.started(3, &third).await;
    let reach = |run| rig.containers.reach(boatyard::engine::RunId(run));
    assert_eq!(reach(3), reach(1), "it is reached where the other is");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn this_machines_network_is_joined_and_reached_here() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let found = started(&mut rig, 1, |it| {
        it.network_mode = Some(Space::Named("host".into()));
    })
    .await;
    assert_eq!(host(&found).network_mode.as_deref(), Some("host"));
    if rig.engine.endpoint().is_local() {
        let here = boatyard::stack::Reach::Host([127, 0, 0, 1].into());
        let reach = rig.containers.reach(boatyard::engine::RunId(1));
        assert_eq!(reach, Some(here));
    }
    let none = started(&mut rig, 2, |it| {
        it.network_mode = Some(Space::Named("none".into()));
    })
    .await;
    assert_eq!(host(&none).network_mode.as_deref(), Some("none"));
    assert_eq!(rig.containers.reach(boatyard::engine::RunId(2)), None);
}
