//! A sweep removes what is ours, all of it, and nothing else.

use std::collections::HashMap;

use boatyard::adapters::Identity;
use boatyard::adapters::container::{ContainerEngine, sweep};
use boatyard::stack::{Mount, MountKind};
use bollard::models::{ContainerCreateBody, NetworkCreateRequest};
use bollard::query_parameters::RemoveContainerOptionsBuilder;

use crate::engine::{BUSYBOX, Rig, shell};

/// Containers of others; removed at the end, on a panic too.
struct Strangers {
    ids: Vec<String>,
}

impl Strangers {
    async fn make(engine: &ContainerEngine, labels: &[HashMap<String, String>]) -> Self {
        let mut ids = Vec::new();
        for labels in labels {
            let body = ContainerCreateBody {
                image: Some(BUSYBOX.into()),
                labels: Some(labels.clone()),
                ..ContainerCreateBody::default()
            };
            ids.push(engine.client.create_container(None, body).await.unwrap().id);
        }
        Self { ids }
    }
}

impl Drop for Strangers {
    fn drop(&mut self) {
        let ids = std::mem::take(&mut self.ids);
        let removing = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let surroundings = boatyard::adapters::container::Surroundings::of_this_process();
                let engine = boatyard::adapters::container::find(&surroundings)
                    .await
                    .unwrap();
                for id in ids {
                    let options = RemoveContainerOptionsBuilder::default().force(true).build();
                    drop(engine.client.remove_container(&id, Some(options)).await);
                }
            });
        });
        drop(removing.join());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_ours_goes() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let mut service = shell("s", "sleep 600");
    service.volumes = vec![Mount {
        kind: MountKind::Volume("data".into()),
        target: "/data".into(),
        read_only: false,
    }];
    let (_, name) = rig.started(1, &service).await;
    let with = |changes: &[(&str, &str)]| {
        let mut labels: HashMap<String, String> = rig.identity.labels().into_iter().collect();
        labels.extend(
            changes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        labels
    };
    // The same name in another folder, another stack in the same folder, and no label at all.
    let labels = [
        with(&[(Identity::HASH, "00000000")]),
        with(&[(Identity::STACK, "other")]),
        HashMap::new(),
    ];
    let strangers = Strangers::make(&rig.engine, &labels).await;

    let kept = sweep(
        &rig.engine,
        &rig.identity,
        Some(&rig.identity.session),
        false,
    )
    .await
    .unwrap();
    assert!(kept.is_empty(), "{kept:?}");
    let swept = sweep(&rig.engine, &rig.identity, None, false)
        .await
        .unwrap();
    assert_eq!(swept.containers, [name]);
    assert_eq!(swept.networks, [rig.identity.network()]);
    assert_eq!((swept.volumes.len(), swept.left.len()), (0, 0));
    let swept = sweep(&rig.engine, &rig.identity, None, true).await.unwrap();
    assert_eq!(swept.volumes, [rig.identity.volume("data")]);
    assert!(
        sweep(&rig.engine, &rig.identity, None, true)
            .await
            .unwrap()
            .is_empty()
    );
    for id in &strangers.ids {
        rig.engine
            .client
            .inspect_container(id, None)
            .await
            .expect("a stranger was touched");
    }
    rig.exited(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_and_two_sweeps_at_once() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    for run in 0..8 {
        rig.start(run, &shell("s", "sleep 600"));
    }
    for run in 0..8 {
        rig.event(|event| {
            matches!(event, boatyard::engine::Event::RunStarted { run: id, .. } if id.0 == run)
                .then_some(())
        })
        .await;
    }
    let (one, two) = tokio::join!(
        sweep(&rig.engine, &rig.identity, None, true),
        sweep(&rig.engine, &rig.identity, None, true)
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((one.left, two.left), (vec![], vec![]));
    assert_eq!(rig.container_names().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_a_stranger_uses_is_left_and_said() {
    let Some(rig) = Rig::new().await else { return };
    let request = NetworkCreateRequest {
        name: rig.identity.network(),
        labels: Some(rig.identity.labels().into_iter().collect()),
        ..NetworkCreateRequest::default()
    };
    rig.engine.client.create_network(request).await.unwrap();
    let body = ContainerCreateBody {
        image: Some(BUSYBOX.into()),
        cmd: Some(vec!["sleep".into(), "600".into()]),
        host_config: Some(bollard::models::HostConfig {
            network_mode: Some(rig.identity.network()),
            ..Default::default()
        }),
        ..ContainerCreateBody::default()
    };
    let id = rig
        .engine
        .client
        .create_container(None, body)
        .await
        .unwrap()
        .id;
    let stranger = Strangers {
        ids: vec![id.clone()],
    };
    rig.engine.client.start_container(&id, None).await.unwrap();
    let swept = sweep(&rig.engine, &rig.identity, None, false)
        .await
        .unwrap();
    assert_eq!(
        (swept.networks.len(), swept.left.len()),
        (0, 1),
        "{swept:?}"
    );
    assert!(swept.left[0].contains("active endpoints"), "{swept:?}");
    drop(stranger);
}
