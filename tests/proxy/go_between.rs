//! The corpus's 37 checks of an honest go-between, straight through the relay.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use super::harness::Relay;

fn corpus() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus");
    let path =
        std::env::var_os("BOATYARD_CORPUS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    path.is_dir().then_some(path)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_check_of_an_honest_go_between() {
    let Some(script) = corpus().map(|corpus| corpus.join("harness/proxy_check.py")) else {
        println!("skipped: the corpus is not here");
        return;
    };
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: python3 is not here");
        return;
    }
    // The script listens here itself; between this and then nobody else is likely to take it.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream: SocketAddr = free.local_addr().unwrap();
    drop(free);
    let relay = Relay::to(upstream).await;
    let mut check = tokio::process::Command::new("python3");
    check.arg(script).arg(relay.address.to_string());
    check.arg(upstream.port().to_string()).arg("--trace");
    let output = check.output().await.unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    let passed = report.lines().filter(|line| line.starts_with("ok")).count();
    println!("{report}");
    assert!(
        output.status.success() && passed >= 37,
        "{passed} passed\n{report}"
    );
}
