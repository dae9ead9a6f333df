//! The search on real sockets.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use boatyard::adapters::container::{Endpoint, Surroundings, find};

use crate::engine::engine_or_skip;

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
        .upgrade(
            &engine.path("/containers/no-such/attach?stream=1"),
            "tcp",
            &[],
        )
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
