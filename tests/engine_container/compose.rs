//! A stack that is named as Compose does: what it is called, and what Compose's own commands make of it.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use boatyard::adapters::container::{strangers, sweep};
use boatyard::engine::{Event, Place, RunId};
use boatyard::stack::{Condition, Mount, MountKind, Service};
use bollard::models::{ContainerCreateBody, VolumeCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectNetworkOptions, RemoveContainerOptionsBuilder,
};

use crate::engine::{BUSYBOX, Rig, containers_with, shell};

/// Ends at once when it is asked to.
const SLEEP: &str = "trap 'exit 0' TERM; while :; do sleep 0.05; done";

fn compose(folder: &Path, project: &str, words: &[&str]) -> Option<String> {
    let mut command = Command::new("docker-compose");
    command
        .args(["-p", project])
        .args(words)
        .current_dir(folder);
    let done = match command.output() {
        Ok(done) => done,
        Err(error) => {
            println!("skipped: docker-compose cannot be run: {error}");
            return None;
        }
    };
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "docker-compose {words:?}: {said}");
    Some(String::from_utf8_lossy(&done.stdout).into_owned())
}

fn write_file(folder: &Path, services: &[&str]) {
    let mut lines = vec!["services:".to_owned()];
    for name in services {
        lines.push(format!("  {name}:"));
        lines.push(format!("    image: {BUSYBOX}"));
        lines.push("    command: sleep 600".to_owned());
    }
    std::fs::write(folder.join("compose.yaml"), lines.join("\n")).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_named_and_labelled_as_compose_does_it() {
    let Some(mut rig) = Rig::as_compose().await else {
        return;
    };
    let project = rig.identity.stack.clone();
    let mut service = shell("web", SLEEP);
    service.depends_on.insert("db".into(), Condition::Ready);
    service.volumes = vec![Mount {
        kind: MountKind::Volume("data".into()),
        target: "/data".into(),
        read_only: false,
    }];
    let (id, name) = rig.started(1, &service).await;
    assert_eq!(name, format!("{project}-web-1"));
    let found = rig.inspect(&id).await;
    let labels = found.config.unwrap().labels.unwrap();
    let label = |name: &str| labels[&format!("com.docker.compose.{name}")].as_str();
    let folder = rig.identity.directory.display().to_string();
    assert_eq!(label("project"), project);
    assert_eq!(label("service"), "web");
    assert_eq!(label("container-number"), "1");
    assert_eq!(label("oneoff"), "False");
    assert_eq!(label("project.working_dir"), folder);
    assert_eq!(
        label("project.config_files"),
        format!("{folder}/compose.yaml")
    );
    assert_eq!(label("depends_on"), "db:service_healthy:false");
    assert_eq!(label("image"), found.image.unwrap());
    assert_eq!(label("config-hash").len(), 64);
    assert!(label("version").starts_with("boatyard "));
    assert_eq!(labels["boatyard.service"], "web");

    let network = rig
        .engine
        .client
        .inspect_network(&format!("{project}_default"), None::<InspectNetworkOptions>)
        .await
        .unwrap();
    let labels = network.labels.unwrap();
    assert_eq!(labels["com.docker.compose.network"], "default");
    assert_eq!(labels["com.docker.compose.project"], project);
    let volume = rig
        .engine
        .client
        .inspect_volume(&format!("{project}_data"))
        .await;
    let labels = volume.unwrap().labels;
    assert_eq!(labels["com.docker.compose.volume"], "data");
    assert_eq!(labels["com.docker.compose.project"], project);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plain_name_goes_to_the_next_run_when_the_first_is_gone() {
    let Some(mut rig) = Rig::as_compose().await else {
        return;
    };
    let service = shell("web", SLEEP);
    let plain = format!("{}-web-1", rig.identity.stack);
    rig.started(1, &service).await;
    let (second, beside) = rig.started(2, &service).await;
    assert_eq!(beside, format!("{plain}.2"));
    let containers = &rig.containers;
    containers.stop(RunId(1), Duration::from_secs(10), true, async {});
    rig.exited(1).await;
    let found = rig.inspect(&second).await;
    assert_eq!(found.name, Some(format!("/{plain}")));
    assert_eq!(rig.container_names().await, [format!("/{plain}")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_of_its_own_is_taken_and_a_stranger_who_has_it_is_named() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let own = format!("{}-my-database", rig.identity.stack);
    let mut service = shell("db", SLEEP);
    service.container.name = Some(own.clone());
    let (_, name) = rig.started(1, &service).await;
    assert_eq!(name, own);
    rig.containers.kill(RunId(1));
    rig.exited(1).await;

    let body = ContainerCreateBody {
        image: Some(BUSYBOX.into()),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::default().name(&own).build();
    let client = &rig.engine.client;
    client.create_container(Some(options), body).await.unwrap();
    rig.start(2, &service);
    let why = rig.failed(2).await.message;
    let options = RemoveContainerOptionsBuilder::default().force(true).build();
    let client = &rig.engine.client;
    client.remove_container(&own, Some(options)).await.unwrap();
    assert!(why.contains(&format!("docker rm -f {own}")), "{why}");
    assert!(why.contains("container_name"), "{why}");
}

/// Does this in a session, which then dies as if it were killed: what it made stays.
fn in_a_session_that_dies(doing: impl AsyncFnOnce(&mut Rig)) -> Option<Rig> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let rig = runtime.block_on(async {
        let mut rig = Rig::as_compose().await?;
        doing(&mut rig).await;
        Some(rig)
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    rig
}

/// What the engine still has of a project: its containers, and whether its network is there.
fn left(rig: &Rig) -> (Vec<String>, bool) {
    let network = format!("{}_default", rig.identity.stack);
    let options = None::<InspectNetworkOptions>;
    let found = alone().block_on(rig.engine.client.inspect_network(&network, options));
    (of_project(rig, &[]), found.is_ok())
}

/// The project's containers that carry these labels, too.
fn of_project(rig: &Rig, more: &[&str]) -> Vec<String> {
    let own = format!("com.docker.compose.project={}", rig.identity.stack);
    let labels: Vec<&str> = more.iter().copied().chain([own.as_str()]).collect();
    alone().block_on(containers_with(&rig.engine, &labels))
}

fn alone() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn compose_sees_what_runs_and_takes_it_down() {
    let Some(rig) = in_a_session_that_dies(async |rig| {
        write_file(rig.folder.path(), &["web", "db"]);
        for (run, name) in [(1, "web"), (2, "db")] {
            rig.started(run, &shell(name, SLEEP)).await;
        }
    }) else {
        return;
    };
    let (folder, project) = (rig.folder.path(), rig.identity.stack.as_str());
    let Some(listed) = compose(folder, project, &["ps"]) else {
        return;
    };
    for name in ["web", "db"] {
        assert!(listed.contains(&format!("{project}-{name}-1")), "{listed}");
    }
    assert!(listed.contains("Up"), "{listed}");
    compose(folder, project, &["down"]);
    assert_eq!(left(&rig), (Vec::new(), false));
}

/// Of a service that syncs, later runs live in namespaces that containers of ours hold.
#[test]
fn compose_shows_no_container_of_ours_and_removes_it_too() {
    let mut running = String::new();
    let Some(rig) = in_a_session_that_dies(async |rig| {
        let folder = rig.folder.path().to_path_buf();
        write_file(&folder, &["web"]);
        let service = Arc::new(synced(shell("web", SLEEP), &folder));
        // As with a relay: then holders are made for it.
        rig.containers.leave_names(&["web".into()], true);
        let (_, name, kept) = placed(rig, 1, &service).await;
        assert!(kept);
        rig.containers.prepare(&service);
        let (second, _, _) = placed(rig, 2, &service).await;
        let mode = rig.inspect(&second).await.host_config.unwrap().network_mode;
        assert!(mode.unwrap().starts_with("container:"), "a holder's");
        rig.containers.kill(RunId(1));
        rig.exited(1).await;
        assert_eq!(rig.inspect(&second).await.name, Some(format!("/{name}")));
        running = name;
    }) else {
        return;
    };
    let (folder, project) = (rig.folder.path(), rig.identity.stack.as_str());
    // What `docker compose ps` asks the engine for. (Compose 1 shows one-off containers, too.)
    let label = "com.docker.compose.oneoff=False";
    let shown = of_project(&rig, &[label]);
    assert_eq!(shown, [format!("/{running}")], "the run, and nothing else");
    let before = left(&rig).0;
    assert!(before.len() > 1, "there are others: {before:?}");
    if compose(folder, project, &["ps"]).is_none() {
        return;
    }
    compose(folder, project, &["down", "-t", "1"]);
    assert_eq!(left(&rig), (Vec::new(), false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_compose_started_is_refused_with_a_word() {
    let Some(rig) = Rig::as_compose().await else {
        return;
    };
    let folder = rig.folder.path().to_path_buf();
    let project = rig.identity.stack.clone();
    assert_eq!(strangers(&rig.engine, &rig.identity).await, Ok(None));
    write_file(&folder, &["web"]);
    if compose(&folder, &project, &["up", "-d"]).is_none() {
        return;
    }
    let running = strangers(&rig.engine, &rig.identity).await;
    compose(&folder, &project, &["stop", "-t", "0"]);
    let stopped = strangers(&rig.engine, &rig.identity).await;
    compose(&folder, &project, &["down"]);
    let after = strangers(&rig.engine, &rig.identity).await;
    let (running, stopped) = (running.unwrap().unwrap(), stopped.unwrap().unwrap());
    assert!(
        running.contains(" runs") && running.contains("--isolated"),
        "{running}"
    );
    assert!(
        running.contains(&format!("docker compose -p {project} down")),
        "{running}"
    );
    assert!(stopped.contains(" is stopped"), "{stopped}");
    assert_eq!(after, Ok(None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_volume_of_compose_is_used_and_stays_unless_volumes_are_to_go() {
    let Some(mut rig) = Rig::as_compose().await else {
        return;
    };
    let name = format!("{}_data", rig.identity.stack);
    let labels = [
        ("com.docker.compose.project", rig.identity.stack.as_str()),
        ("com.docker.compose.volume", "data"),
    ];
    let request = VolumeCreateRequest {
        name: Some(name.clone()),
        labels: Some(
            labels
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        ),
        ..VolumeCreateRequest::default()
    };
    rig.engine.client.create_volume(request).await.unwrap();
    let mut service = shell("web", "echo x > /data/x");
    service.volumes = vec![Mount {
        kind: MountKind::Volume("data".into()),
        target: "/data".into(),
        read_only: false,
    }];
    rig.start(1, &service);
    assert!(rig.exited(1).await.is_success());
    let swept = sweep(&rig.engine, &rig.identity, None, false)
        .await
        .unwrap();
    assert_eq!(swept.volumes, [""; 0]);
    rig.engine.client.inspect_volume(&name).await.unwrap();
    let swept = sweep(&rig.engine, &rig.identity, None, true).await.unwrap();
    assert_eq!(swept.volumes, [name]);
}

fn synced(mut service: Service, folder: &Path) -> Service {
    service.watch = vec![boatyard::stack::WatchRule {
        path: folder.to_path_buf(),
        reaction: boatyard::stack::Reaction::Sync {
            target: "/app".into(),
            then: boatyard::stack::Then::Nothing,
        },
        ignore: Vec::new(),
        include: Vec::new(),
        initial_sync: false,
    }];
    service
}

async fn placed(rig: &mut Rig, run: u64, service: &Service) -> (String, String, bool) {
    rig.start(run, service);
    rig.event(|event| match event {
        Event::RunStarted {
            run: id,
            place: Place::Container { id: it, name, kept },
        } if id.0 == run => Some((it.clone(), name.clone(), *kept)),
        Event::RunFailed { run: id, why } if id.0 == run => panic!("{}", why.message),
        _ => None,
    })
    .await
}
