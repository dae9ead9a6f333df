//! Kept namespaces: a service's name and address outlive its runs.

use std::sync::Arc;

use boatyard::adapters::container::Aim;
use boatyard::engine::{Event, Place, RunId};
use boatyard::stack::{Mount, MountKind, Reach, Service, ServiceName};
use boatyard::telemetry::Stream;

use crate::engine::{Rig, shell};
use crate::inside::syncing;
use crate::syncing::{SHORT, argv};

/// A web server that says which it is.
fn server(word: &str) -> Service {
    let line = format!("mkdir -p /www; echo {word} >/www/word; exec httpd -f -p 8000 -h /www");
    syncing("web", &line)
}

/// Asks by the service's name. (Debian's static wget cannot.)
const ASK: &str = "printf 'GET /word HTTP/1.0\\r\\n\\r\\n' | nc -w 9 web 8000";

/// What a container gets that asks for the service by its name.
async fn by_name(rig: &Rig, run: u64) -> String {
    let words = argv(&["sh", "-c", ASK]);
    let result = rig
        .containers
        .exec(RunId(run), &words, SHORT)
        .await
        .unwrap();
    let answer = String::from_utf8_lossy(&result.stdout).into_owned();
    answer.lines().last().unwrap_or_default().to_owned()
}

async fn until_by_name(rig: &Rig, run: u64, wanted: &str) {
    let asking = async { while by_name(rig, run).await != wanted {} };
    tokio::time::timeout(SHORT, asking)
        .await
        .unwrap_or_else(|_| panic!("the name never led to {wanted}"));
}

async fn started_kept(rig: &mut Rig, run: u64, service: &Service) -> String {
    rig.start(run, service);
    rig.event(|event| match event {
        Event::RunStarted {
            run: id,
            place:
                Place::Container {
                    id: container,
                    kept,
                    ..
                },
        } if id.0 == run => {
            assert!(kept, "its name and address can be kept");
            Some(container.clone())
        }
        _ => None,
    })
    .await
}

fn address(rig: &Rig, run: u64) -> std::net::IpAddr {
    match rig.containers.reach(RunId(run)) {
        Some(Reach::Host(address)) => address,
        other => panic!("no address of its own: {other:?}"),
    }
}

/// What the world does when the engine routes to a run.
fn aim_at(rig: &Rig, run: u64) {
    let service = ServiceName::from("web");
    rig.containers
        .aim(&service, Aim::To(vec![address(rig, run)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_name_leads_to_whichever_run_serves() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    rig.started(9, &shell("caller", "sleep 600")).await;
    let first = started_kept(&mut rig, 1, &server("one")).await;
    until_by_name(&rig, 9, "one").await;
    let name_at = address(&rig, 1);

    rig.containers.prepare(&Arc::new(server("two")));
    started_kept(&mut rig, 2, &server("two")).await;
    assert_ne!(address(&rig, 2), name_at, "both can listen at one port");
    assert_eq!(by_name(&rig, 9).await, "one", "the new run has no name yet");
    aim_at(&rig, 2);
    rig.containers.stop(RunId(1), SHORT, true, async {});
    let exit = rig.exited(1).await;
    assert_eq!(exit.signal.as_deref(), Some("SIGTERM"));
    until_by_name(&rig, 9, "two").await;
    let kept = rig
        .engine
        .client
        .inspect_container(&first, None)
        .await
        .unwrap();
    let networks = kept.network_settings.unwrap().networks.unwrap();
    let still_at = networks[&rig.identity.network()]
        .ip_address
        .clone()
        .unwrap();
    assert_eq!(still_at, name_at.to_string());

    started_kept(&mut rig, 3, &server("three")).await;
    aim_at(&rig, 3);
    rig.containers.stop(RunId(2), SHORT, true, async {});
    rig.exited(2).await;
    until_by_name(&rig, 9, "three").await;

    // Whatever kept the name is gone: another container takes it over.
    let kill = None::<bollard::query_parameters::KillContainerOptions>;
    rig.engine
        .client
        .kill_container(&first, kill)
        .await
        .unwrap();
    until_by_name(&rig, 9, "three").await;

    for run in [3, 9] {
        rig.containers.kill(RunId(run));
        rig.exited(run).await;
    }
    rig.containers.finish().await;
    assert_eq!(rig.container_names().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_by_name_wait_while_nothing_serves() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    rig.started(9, &shell("caller", "sleep 600")).await;
    started_kept(&mut rig, 1, &server("one")).await;
    until_by_name(&rig, 9, "one").await;
    rig.containers
        .aim(&ServiceName::from("web"), Aim::To(Vec::new()));
    rig.containers.stop(RunId(1), SHORT, true, async {});
    rig.exited(1).await;
    let containers = rig.containers.clone();
    let asking = tokio::spawn(async move {
        let words = argv(&["sh", "-c", ASK]);
        containers.exec(RunId(9), &words, SHORT).await.unwrap()
    });
    started_kept(&mut rig, 2, &server("two")).await;
    aim_at(&rig, 2);
    let result = asking.await.unwrap();
    assert!(result.stdout.ends_with(b"two\n"), "{result:?}");
    rig.containers.aim(&ServiceName::from("web"), Aim::Refuse);
    let refused = async { while by_name(&rig, 9).await == "two" {} };
    tokio::time::timeout(SHORT, refused).await.unwrap();
    rig.containers.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_without_a_helper_keeps_its_name_when_it_is_replaced() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let plain = |word: &str| {
        let line = format!("mkdir -p /www; echo {word} >/www/word; exec httpd -f -p 8000 -h /www");
        shell("web", &line)
    };
    rig.started(9, &shell("caller", "sleep 600")).await;
    rig.started(1, &plain("one")).await;
    until_by_name(&rig, 9, "one").await;
    // As the engine hands over: the new run is started while the old one leaves.
    rig.started(2, &plain("two")).await;
    rig.containers.stop(RunId(1), SHORT, true, async {});
    rig.exited(1).await;
    until_by_name(&rig, 9, "two").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_fails_does_not_take_the_name_with_it() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    rig.started(9, &shell("caller", "sleep 600")).await;
    let mut broken = server("one");
    broken.volumes.push(Mount {
        kind: MountKind::Bind("/no/such/folder".into()),
        target: "/x".into(),
        read_only: true,
    });
    rig.start(1, &broken);
    rig.failed(1).await;
    started_kept(&mut rig, 2, &server("two")).await;
    until_by_name(&rig, 9, "two").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_name_goes_on_when_the_run_that_had_it_dies_beside_its_successor() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    rig.started(9, &shell("caller", "sleep 600")).await;
    let mut service = server("one");
    service.expose = vec![8000];
    started_kept(&mut rig, 1, &service).await;
    until_by_name(&rig, 9, "one").await;
    let mut service = server("two");
    service.expose = vec![8000];
    started_kept(&mut rig, 2, &service).await;
    aim_at(&rig, 2);
    rig.containers.kill(RunId(1));
    rig.exited(1).await;
    until_by_name(&rig, 9, "two").await;
    rig.containers.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_turned_off_is_not_kept() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let mut service = server("one");
    service.keep_network = false;
    rig.start(1, &service);
    let kept = rig
        .event(|event| match event {
            Event::RunStarted {
                place: Place::Container { kept, .. },
                ..
            } => Some(*kept),
            _ => None,
        })
        .await;
    assert!(!kept);
    let mut plain = syncing("plain", "echo up; sleep 600");
    plain.helper = false;
    rig.started(2, &plain).await;
    rig.until_log(|rig| rig.text(Stream::Stdout).contains(&"up".to_owned()))
        .await;
    rig.containers.stop(RunId(1), SHORT, true, async {});
    rig.exited(1).await;
    assert_eq!(rig.container_names().await.len(), 1);
}
