//! The corpus's 37 checks of an honest go-between, straight through the relay.

use std::net::SocketAddr;
use std::process::Command;

use super::corpus::corpus;
use super::harness::Relay;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_check_of_an_honest_go_between() {
    let Some(script) = corpus("harness/proxy_check.py") else {
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
