//! Several networks: who is on which, under which names, and how they are made.

use std::collections::HashMap;
use std::sync::Arc;

use boatyard::adapters::container::{RELAY_FOLDER, RelayOrder, Seen};
use boatyard::engine::RunId;
use boatyard::proxy::{Mesh, MeshNews, RELAY_WORD, Target, Upstream};
use boatyard::stack::{AddressPool, Attachment, Ipam, Network, Reach, Service, Stack, Volume};
use boatyard::telemetry::Stream;
use bollard::models::{
    EndpointSettings, NetworkCreateRequest, NetworkInspect, VolumeCreateRequest,
};
use bollard::query_parameters::{InspectNetworkOptions, RemoveVolumeOptions};

use crate::engine::{Rig, shell};

/// A server that answers everybody with one line.
const SERVE: &str = "echo served > /tmp/f; while :; do nc -l -p 8000 < /tmp/f; done";

fn on(mut service: Service, networks: &[(&str, Attachment)]) -> Service {
    for (key, attachment) in networks {
        let all = &mut service.container.networks;
        all.insert((*key).into(), attachment.clone());
    }
    service
}

fn known_as(aliases: &[&str]) -> Attachment {
    Attachment {
        aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        ..Attachment::default()
    }
}

fn describe(rig: &Rig, networks: &[(&str, Network)], services: &[&Service]) {
    let mut stack = Stack::default();
    for (key, network) in networks {
        stack.networks.insert((*key).into(), network.clone());
    }
    for service in services {
        stack
            .services
            .insert(service.name.clone(), (*service).clone());
    }
    rig.containers.describe(&Arc::new(stack));
}

async fn network(rig: &Rig, name: &str) -> NetworkInspect {
    let options = None::<InspectNetworkOptions>;
    rig.engine
        .client
        .inspect_network(name, options)
        .await
        .unwrap()
}

async fn endpoints(rig: &Rig, id: &str) -> HashMap<String, EndpointSettings> {
    let found = rig.inspect(id).await;
    found.network_settings.unwrap().networks.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_shares_a_network_meets_there_under_its_names_and_nobody_else() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let server = on(
        shell("server", SERVE),
        &[
            ("front", known_as(&["shop"])),
            ("back", known_as(&["ledger"])),
        ],
    );
    let (id, _) = rig.started(1, &server).await;
    let networks = endpoints(&rig, &id).await;
    let mut names: Vec<&String> = networks.keys().collect();
    names.sort();
    let expected = ["back", "front"].map(|key| rig.identity.network_of(key));
    assert_eq!(names, expected.iter().collect::<Vec<_>>());

    for (run, key, alias, foreign) in [
        (2, "front", "shop", "ledger"),
        (3, "back", "ledger", "shop"),
    ] {
        let ask = format!(
            "until nc {alias} 8000 < /dev/null; do sleep 0.05; done; nslookup {foreign} > /dev/null 2>&1 || echo unknown"
        );
        let client = on(shell("client", &ask), &[(key, Attachment::default())]);
        rig.start(run, &client);
        assert!(rig.exited(run).await.is_success());
    }
    let said = rig.text(Stream::Stdout);
    assert_eq!(said, ["served", "unknown", "served", "unknown"]);
    let address = networks[&rig.identity.network_of("front")]
        .ip_address
        .clone();
    let reach = rig.containers.reach(RunId(1)).unwrap();
    if let Reach::Host(at) = reach {
        assert_eq!(Some(at.to_string()), address, "at its first network");
    }
}

/// What a command says in a new run. It asks once that is known: whose the first requests of a program that begins with one are
/// is not always seen.
async fn asked_from(rig: &mut Rig, run: u64, client: &Service, ask: String) -> String {
    rig.started(run, client).await;
    let ask = ["sh".into(), "-c".into(), ask];
    let asked = rig
        .containers
        .exec(RunId(run), &ask, crate::engine::PATIENCE);
    let answer = asked.await.unwrap();
    assert_eq!(answer.code, 0);
    String::from_utf8_lossy(&answer.stdout).trim().to_owned()
}

/// As the session does it: a relay has the service's names on each of its networks, and passes on to its run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_has_a_services_names_on_every_network_of_its() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    if !rig.engine.endpoint().is_local() || rig.engine.facts.rootless {
        return;
    }
    let server = on(
        shell("server", SERVE),
        &[
            ("front", known_as(&["shop"])),
            ("back", known_as(&["ledger"])),
        ],
    );
    describe(&rig, &[], &[&server]);
    let (record, mut recorded) = tokio::sync::mpsc::unbounded_channel();
    let (news, mut told) = tokio::sync::mpsc::unbounded_channel();
    let record = move |exchange| drop(record.send(exchange));
    let folder = rig.containers.relay_folder();
    let mesh = Mesh::open(&folder, record, rig.telemetry.clone(), news).unwrap();
    let watched = mesh.clone();
    rig.containers.watch_runs(move |seen| match seen {
        Seen::Runs { service, address } => watched.caller(address, Some(service)),
        Seen::Ended { address } => watched.caller(address, None),
        Seen::Listens { service, ports } => watched.ports(&service, &ports),
    });
    let (_, key) = mesh.expect(vec![server.name.clone()]);
    mesh.ports(&server.name, &[8000]);
    let socket = format!("{RELAY_FOLDER}/{}", Mesh::SOCKET);
    let order = RelayOrder {
        services: vec![Arc::new(server.clone())],
        words: [RELAY_WORD, "--socket", &socket, "--key", &key]
            .map(str::to_owned)
            .to_vec(),
        folder,
    };
    rig.containers.keep_relay(order, |why| panic!("{why}"));
    let up = tokio::time::timeout(crate::engine::PATIENCE, told.recv()).await;
    assert_eq!(up.unwrap(), Some(MeshNews::Up { relay: 0 }));
    let names = std::slice::from_ref(&server.name);
    rig.containers.leave_names(names, true);
    rig.started(1, &server).await;
    let upstream = Upstream {
        run: 1,
        reach: rig.containers.reach(RunId(1)).unwrap(),
    };
    mesh.set(&server.name, Target::Runs(vec![upstream]));
    for (run, key, alias) in [
        (2, "front", "shop"),
        (3, "back", "ledger"),
        (4, "back", "server"),
    ] {
        // The server listens anew for each connection; in between the relay's is closed without an answer.
        let ask = format!("until nc {alias} 8000 < /dev/null | grep served; do sleep 0.05; done");
        let client = on(
            shell("client", "exec sleep 600"),
            &[(key, Attachment::default())],
        );
        assert_eq!(asked_from(&mut rig, run, &client, ask).await, "served");
        let seen = tokio::time::timeout(crate::engine::PATIENCE, recorded.recv()).await;
        let seen = seen.unwrap().unwrap();
        assert_eq!(seen.callee, server.name);
        assert_eq!(seen.caller, Some("client".into()));
    }
    rig.containers.finish().await;
}

/// Who is waited for and waits for nobody starts together with the relay that is to have its name, and under its own name where that does not
/// come up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_trusted_in_a_relay_that_does_not_come_has_its_own_name() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    if !rig.engine.endpoint().is_local() || rig.engine.facts.rootless {
        return;
    }
    let root = shell("root", "echo begins; exec sleep 600");
    let mut leaf = shell("leaf", "exec sleep 600");
    let waits = boatyard::stack::Condition::Started;
    leaf.depends_on.insert(root.name.clone(), waits);
    describe(&rig, &[], &[&root, &leaf]);
    let names = [root.name.clone()];
    rig.containers.expect_relay(&names);
    std::fs::create_dir_all(rig.containers.relay_folder()).unwrap();
    let order = RelayOrder {
        services: vec![Arc::new(root.clone())],
        words: vec![RELAY_WORD.into(), "--no-such-word".into()],
        folder: rig.containers.relay_folder(),
    };
    let containers = rig.containers.clone();
    rig.containers.keep_relay(order, move |why| {
        assert!(why.contains("ended with"), "{why}");
        containers.leave_names(&names, false);
    });
    let (id, _) = rig.started(1, &root).await;
    let known = rig.inspect(&id).await;
    let networks = known.network_settings.unwrap().networks.unwrap();
    let aliases = networks.values().next().unwrap().aliases.clone().unwrap();
    assert!(aliases.contains(&"root".into()), "{aliases:?}");
    assert!(!aliases.contains(&"root--origin".into()), "{aliases:?}");
    rig.containers.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_is_made_as_it_is_described() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let pool = AddressPool {
        subnet: Some("10.213.47.0/24".into()),
        ..AddressPool::default()
    };
    let described = Network {
        internal: true,
        attachable: true,
        driver_opts: [("com.docker.network.driver.mtu".into(), "1400".into())].into(),
        ipam: Ipam {
            pools: vec![pool],
            ..Ipam::default()
        },
        labels: [("team".into(), "shop".into())].into(),
        ..Network::default()
    };
    let fixed = Attachment {
        ipv4_address: Some("10.213.47.2".into()),
        ..Attachment::default()
    };
    let service = on(shell("s", SERVE), &[("inner", fixed)]);
    describe(&rig, &[("inner", described)], &[&service]);
    let (id, _) = rig.started(1, &service).await;
    let name = rig.identity.network_of("inner");
    let found = network(&rig, &name).await;
    assert_eq!((found.internal, found.attachable), (Some(true), Some(true)));
    let mtu = found.options.unwrap();
    assert_eq!(mtu["com.docker.network.driver.mtu"], "1400");
    let labels = found.labels.unwrap();
    assert_eq!(labels["team"], "shop");
    assert_eq!(labels["boatyard.hash"], rig.identity.hash);
    let pools = found.ipam.unwrap().config.unwrap();
    assert_eq!(pools[0].subnet.as_deref(), Some("10.213.47.0/24"));
    let address = endpoints(&rig, &id).await[&name].ip_address.clone();
    assert_eq!(address.as_deref(), Some("10.213.47.2"));
    if rig.engine.endpoint().is_local() && !rig.engine.facts.rootless {
        let reach = rig.containers.reach(RunId(1));
        assert_eq!(reach, Some(Reach::Host([10, 213, 47, 2].into())));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_external_network_is_used_as_it_is_and_stays() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let name = format!("{}-elsewhere", rig.identity.stack);
    let described = Network {
        external: true,
        name: Some(name.clone()),
        ..Network::default()
    };
    let service = on(shell("s", "sleep 600"), &[("out", Attachment::default())]);
    describe(&rig, &[("out", described)], &[&service]);
    rig.start(1, &service);
    let why = rig.failed(1).await.message;
    assert!(
        why.contains(&format!("docker network create {name}")),
        "{why}"
    );

    let request = NetworkCreateRequest {
        name: name.clone(),
        ..NetworkCreateRequest::default()
    };
    rig.engine.client.create_network(request).await.unwrap();
    let (id, _) = rig.started(2, &service).await;
    assert!(endpoints(&rig, &id).await.contains_key(&name));
    let swept = boatyard::adapters::container::sweep(&rig.engine, &rig.identity, None, true).await;
    let left = rig.engine.client.remove_network(&name).await;
    assert!(!swept.unwrap().networks.contains(&name));
    left.expect("it was not ours to remove");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_of_somebody_else_is_not_taken_by_its_name() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let name = format!("{}-theirs", rig.identity.stack);
    let described = Network {
        name: Some(name.clone()),
        ..Network::default()
    };
    let service = on(shell("s", "sleep 600"), &[("net", Attachment::default())]);
    describe(&rig, &[("net", described)], &[&service]);
    let request = NetworkCreateRequest {
        name: name.clone(),
        ..NetworkCreateRequest::default()
    };
    rig.engine.client.create_network(request).await.unwrap();
    rig.start(1, &service);
    let why = rig.failed(1).await.message;
    rig.engine.client.remove_network(&name).await.unwrap();
    assert!(
        why.contains("is not this stack's") && why.contains("external: true"),
        "{why}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn volumes_are_made_as_described_and_external_ones_must_be_there() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let external = format!("{}-kept", rig.identity.stack);
    let mut stack = Stack::default();
    let made = Volume {
        name: Some(format!("{}-made", rig.identity.stack)),
        driver_opts: [
            ("type".into(), "tmpfs".into()),
            ("device".into(), "tmpfs".into()),
        ]
        .into(),
        labels: [("team".into(), "shop".into())].into(),
        ..Volume::default()
    };
    stack.volumes.insert("made".into(), made.clone());
    let kept = Volume {
        external: true,
        name: Some(external.clone()),
        ..Volume::default()
    };
    stack.volumes.insert("kept".into(), kept);
    rig.containers.describe(&Arc::new(stack));
    let mount = |key: &str| boatyard::stack::Mount {
        kind: boatyard::stack::MountKind::Volume(key.into()),
        target: format!("/{key}"),
        read_only: false,
    };
    let mut service = shell("s", "echo x > /made/x; echo x > /kept/x");
    service.volumes = vec![mount("made"), mount("kept")];
    rig.start(1, &service);
    let why = rig.failed(1).await.message;
    assert!(
        why.contains(&format!("docker volume create {external}")),
        "{why}"
    );

    let request = VolumeCreateRequest {
        name: Some(external.clone()),
        ..VolumeCreateRequest::default()
    };
    rig.engine.client.create_volume(request).await.unwrap();
    rig.start(2, &service);
    let exit = rig.exited(2).await;
    let volume = rig.engine.client.inspect_volume(&made.name.unwrap()).await;
    let removed = rig
        .engine
        .client
        .remove_volume(&external, None::<RemoveVolumeOptions>)
        .await;
    assert!(exit.is_success());
    removed.expect("it is there");
    let volume = volume.unwrap();
    assert_eq!(volume.options["type"], "tmpfs");
    assert_eq!(volume.labels["team"], "shop");
}
