//! What a run is given at its start, and what is said when it cannot be started.

use std::net::UdpSocket;
use std::time::Duration;

use boatyard::engine::RunId;
use boatyard::stack::Reach;
use boatyard::stack::{CommandWords, Mount, MountKind, PortMapping, Protocol, Service};
use boatyard::telemetry::Stream;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder};
use tokio::io::AsyncReadExt;

use crate::engine::{BUSYBOX, Rig, shell};

fn mount(kind: MountKind, target: &str) -> Mount {
    Mount {
        kind,
        target: target.into(),
        read_only: false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn environment_folder_hosts_mounts_and_init_are_as_asked() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    std::fs::write(rig.folder.path().join("given"), "from here").unwrap();
    let mut service = shell(
        "s",
        "echo $GREETING; pwd; cat /in/given; echo; grep -c host.docker.internal /etc/hosts; grep elsewhere /etc/hosts; \
         echo x > /kept/x && echo y > /scratch/y && echo z > /mem/z && grep -c ' /mem tmpfs' /proc/mounts; cat /proc/1/comm",
    );
    service.working_dir = Some("/tmp".into());
    service.extra_hosts = vec!["elsewhere:10.9.8.7".into()];
    service.volumes = vec![
        mount(MountKind::Bind(rig.folder.path().to_path_buf()), "/in"),
        mount(MountKind::Volume("data".into()), "/kept"),
        mount(MountKind::Anonymous, "/scratch"),
        mount(MountKind::Tmpfs, "/mem"),
    ];
    rig.start(1, &service);
    assert!(rig.exited(1).await.is_success());
    let said = rig.text(Stream::Stdout);
    assert_eq!(said[..4], ["hello", "/tmp", "from here", "1"]);
    assert!(said[4].contains("10.9.8.7"), "{said:?}");
    assert_eq!(said[5], "1");
    assert_eq!(said[6] != "sh", rig.engine.facts.init, "{said:?}");
    // The named volume stays, with our labels; what the run had without a name is gone.
    let volume = rig
        .engine
        .client
        .inspect_volume(&rig.identity.volume("data"))
        .await
        .unwrap();
    assert_eq!(volume.labels.get("boatyard.hash"), Some(&rig.identity.hash));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_reach_each_other_by_name_and_we_reach_them() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let mut server = shell(
        "server",
        "echo served > /tmp/f; while :; do nc -l -p 8000 < /tmp/f; done",
    );
    server.expose = vec![8000];
    rig.started(1, &server).await;
    let ask = "until nc server 8000 < /dev/null; do sleep 0.05; done; until nc server-1 8000 < /dev/null; do sleep 0.05; done";
    rig.start(2, &shell("client", ask));
    assert!(rig.exited(2).await.is_success());
    assert_eq!(rig.text(Stream::Stdout), ["served", "served"]);

    let reach = rig.containers.reach(RunId(1)).unwrap();
    let network = rig.containers.ensure_network().await.unwrap();
    assert_eq!(matches!(reach, Reach::Host(_)), network.direct);
    let asking = async {
        loop {
            if let Ok(mut stream) = tokio::net::TcpStream::connect(reach.at(8000).unwrap()).await {
                let mut said = String::new();
                if stream.read_to_string(&mut said).await.is_ok() && said == "served\n" {
                    return;
                }
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking)
        .await
        .expect("reachable from here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_said_with_what_to_do() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let words = |words: &[&str]| {
        Some(CommandWords::Words(
            words.iter().map(|word| (*word).to_owned()).collect(),
        ))
    };
    let with = |change: &dyn Fn(&mut Service)| {
        let mut service = shell("s", "true");
        service.init = false;
        change(&mut service);
        service
    };
    let cases: Vec<(Service, &str, bool)> = vec![
        (
            with(&|it| it.image = Some("boatyard-test/not-there:1".into())),
            "cannot be pulled",
            true,
        ),
        (
            with(&|it| it.command = words(&["no-such-program"])),
            "command no-such-program is not in image",
            false,
        ),
        (
            with(&|it| it.command = words(&["/etc/passwd"])),
            "command /etc/passwd in image boatyard-test/busybox:latest is not executable",
            false,
        ),
        (
            with(&|it| it.user = Some("nobody2".into())),
            "user nobody2 does not exist",
            false,
        ),
        (
            with(&|it| it.volumes = vec![mount(MountKind::Bind("/no/such/folder".into()), "/x")]),
            "mount source /no/such/folder does not exist; create it",
            false,
        ),
    ];
    for (run, (service, part, is_image)) in cases.into_iter().enumerate() {
        rig.start(run as u64, &service);
        let why = rig.failed(run as u64).await;
        assert!(why.message.contains(part), "{}", why.message);
        assert_eq!(why.missing_image.is_some(), is_image, "{}", why.message);
    }
    assert_eq!(rig.container_names().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_port_is_named() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut service = shell("s", "sleep 600");
    service.ports = vec![PortMapping {
        address: "127.0.0.1".parse().unwrap(),
        host: Some(taken.local_addr().unwrap().port()),
        further: 0,
        container: 53,
        protocol: Protocol::Udp,
    }];
    rig.start(1, &service);
    let why = rig.failed(1).await;
    assert!(why.message.contains("a port is taken"), "{}", why.message);
    drop(taken);
    rig.started(2, &service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leftover_of_ours_makes_way_and_a_stranger_does_not() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let name = |run: u64| format!("{}-s-1.{run}", rig.identity.stack);
    let (ours, theirs) = (name(1), name(2));
    let mut labels: std::collections::HashMap<_, _> = rig.identity.labels().into_iter().collect();
    labels.insert("boatyard.session".into(), "an earlier one".into());
    for (name, labels) in [(&ours, Some(labels)), (&theirs, None)] {
        let body = ContainerCreateBody {
            image: Some(BUSYBOX.into()),
            labels,
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptionsBuilder::default().name(name).build();
        rig.engine
            .client
            .create_container(Some(options), body)
            .await
            .unwrap();
    }
    let service = shell("s", "sleep 600");
    let (_, first) = rig.started(1, &service).await;
    let (_, second) = rig.started(2, &service).await;
    assert_eq!(first, ours);
    assert_eq!(second, format!("{theirs}-{}", rig.identity.hash));
    let stranger = rig.engine.client.inspect_container(&theirs, None).await;
    let options = RemoveContainerOptionsBuilder::default().force(true).build();
    rig.engine
        .client
        .remove_container(&theirs, Some(options))
        .await
        .unwrap();
    stranger.expect("the stranger was not touched");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_somebody_removed_is_made_again() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let network = rig.containers.ensure_network().await.unwrap();
    rig.engine.client.remove_network(&network.id).await.unwrap();
    rig.started(1, &shell("s", "sleep 600")).await;
    let again = rig.containers.ensure_network().await.unwrap();
    assert_ne!(again.id, network.id);
    assert!(rig.containers.reach(RunId(1)).is_some());
}
