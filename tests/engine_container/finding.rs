//! The search on real sockets.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use boatyard::adapters::Endpoint;
use boatyard::adapters::Wires;
use boatyard::adapters::container::{Link, Surroundings, find};
use boatyard::engine::{EngineLink, Event, RunId};
use boatyard::runtime::Clock;
use boatyard::stack::Reach;
use boatyard::telemetry::Stream;
use tokio::io::AsyncReadExt;

use crate::engine::{PATIENCE, Rig, engine_or_skip, shell, unique_identity};

fn host(host: &str) -> Surroundings {
    Surroundings::new([("DOCKER_HOST".to_owned(), host.to_owned())])
}

#[tokio::test]
async fn the_engine_says_what_it_is_and_opens_raw_streams() {
    let Some(engine) = engine_or_skip().await else {
        return;
    };
    let facts = &engine.facts;
    assert!(["docker", "podman"].contains(&facts.name.as_str()));
    assert!(facts.api >= (1, 41) && !facts.version.is_empty());
    assert_eq!(facts.os, "linux");
    engine.endpoint().open().await.expect("a raw stream");
    if facts.buildkit {
        // What the build adapter does: a session of ours.
        let headers = [
            ("X-Docker-Expose-Session-Uuid", "0123456789"),
            ("X-Docker-Expose-Session-Name", "test"),
        ];
        let upgraded = engine
            .endpoint()
            .upgrade(&engine.path("/session"), "h2c", &headers)
            .await;
        upgraded.map(|_| ()).expect("the engine switches to h2c");
    }
    let refused = engine
        .endpoint()
        .attach(&engine.path("/containers/no-such/attach?stream=1"))
        .await;
    let why = refused.map(|_| ()).unwrap_err().to_string();
    assert!(why.contains("no-such"), "{why}");
}

#[tokio::test]
async fn every_failure_has_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    // A socket whose listener is gone, and one that takes connections and never answers.
    drop(std::os::unix::net::UnixListener::bind(path("dead")).unwrap());
    let _deaf = std::os::unix::net::UnixListener::bind(path("deaf")).unwrap();
    std::fs::set_permissions(path("deaf"), std::fs::Permissions::from_mode(0o777)).unwrap();
    for (place, part) in [
        (format!("unix://{}", path("nothing")), "not there"),
        (
            format!("unix://{}", path("dead")),
            "connection refused: is the daemon running?",
        ),
        (format!("unix://{}", path("deaf")), "no answer within 2 s"),
        ("ssh://box".into(), "not supported"),
    ] {
        let began = Instant::now();
        let none = find(&host(&place)).await.unwrap_err();
        assert_eq!(none.looked.len(), 1);
        assert!(
            none.looked[0].starts_with("DOCKER_HOST") && none.looked[0].contains(part),
            "{none}"
        );
        assert!(began.elapsed() < Duration::from_secs(10), "bounded");
    }
}

#[tokio::test]
async fn an_old_engine_and_a_stranger_are_refused() {
    for (answer, part) in [
        (
            "HTTP/1.1 200 OK\r\nApi-Version: 1.40\r\nContent-Length: 2\r\n\r\nOK",
            "needs 1.41 or newer",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
            "not as a container engine does",
        ),
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            use std::io::{Read, Write};
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            stream.write_all(answer.as_bytes()).unwrap();
        });
        assert_eq!(
            Endpoint::parse(&format!("tcp://{address}")),
            Ok(Endpoint::Tcp(address.to_string()))
        );
        let none = find(&host(&format!("tcp://{address}"))).await.unwrap_err();
        assert!(none.looked[0].contains(part), "{none}");
    }
}

/// Passes TCP connections on to the engine's socket; its address.
async fn behind_tcp(engine: std::path::PathBuf) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut ours, _)) = listener.accept().await {
            let engine = engine.clone();
            tokio::spawn(async move {
                let mut theirs = tokio::net::UnixStream::connect(engine).await?;
                tokio::io::copy_bidirectional(&mut ours, &mut theirs).await
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_behind_tcp_publishes_ports_on_this_machine() {
    let Some(engine) = engine_or_skip().await else {
        return;
    };
    let Some(path) = engine.endpoint().unix_path() else {
        println!("skipped: the engine is not behind a unix socket");
        return;
    };
    let address = behind_tcp(path.to_path_buf()).await;
    let Some(mut rig) = Rig::through(host(&format!("tcp://{address}"))).await else {
        return;
    };
    let network = rig.containers.ensure_network().await.unwrap();
    assert!(!network.direct);
    let line = "seq 1 3; echo served > /tmp/f; while :; do nc -l -p 8000 < /tmp/f; done";
    let mut server = shell("server", line);
    server.expose = vec![8000, 9000];
    rig.started(1, &server).await;
    let Some(Reach::Ports(ports)) = rig.containers.reach(RunId(1)) else {
        panic!(
            "not by published ports: {:?}",
            rig.containers.reach(RunId(1))
        );
    };
    assert_eq!(ports.keys().collect::<Vec<_>>(), [&8000, &9000]);
    assert!(ports.values().all(|address| address.ip().is_loopback()));
    let asking = async {
        loop {
            let mut stream = tokio::net::TcpStream::connect(ports[&8000]).await.unwrap();
            let mut said = String::new();
            if stream.read_to_string(&mut said).await.is_ok() && said == "served\n" {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, asking)
        .await
        .expect("answers on the published port");
    rig.containers.kill(RunId(1));
    rig.exited(1).await;
    assert_eq!(rig.text(Stream::Stdout), ["1", "2", "3"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_comes_up_later_is_found() {
    let Some(engine) = engine_or_skip().await else {
        return;
    };
    let Some(path) = engine
        .endpoint()
        .unix_path()
        .map(std::path::Path::to_path_buf)
    else {
        println!("skipped: the engine is not behind a unix socket");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    let (identity, _folder) = unique_identity();
    let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
    let wires = Wires {
        events: sender,
        telemetry: std::sync::Arc::default(),
        clock: Clock::start(),
    };
    let link = Link::start(
        wires,
        host(&format!("unix://{}", socket.display())),
        &identity,
    );
    let first = tokio::time::timeout(PATIENCE, events.recv())
        .await
        .unwrap()
        .unwrap();
    let Event::ContainerEngine {
        link: EngineLink::Missing { looked },
    } = first
    else {
        panic!("{first:?}");
    };
    assert!(looked[0].ends_with("not there"), "{looked:?}");
    assert!(link.engine().is_none() && link.found().await.is_err());
    std::os::unix::fs::symlink(path, &socket).unwrap();
    let second = tokio::time::timeout(PATIENCE, events.recv())
        .await
        .unwrap()
        .unwrap();
    let Event::ContainerEngine {
        link: EngineLink::Connected { builder, .. },
    } = second
    else {
        panic!("{second:?}");
    };
    assert!(!builder.is_empty());
    assert!(link.engine().is_some());
}
