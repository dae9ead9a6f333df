//! The container adapter beside the same engine calls made by hand: taking in output, starting, and idling.
//!
//! `cargo bench --bench container`; needs an engine, and takes a few minutes.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement may end at once, and prints its figures"
)]

#[path = "../support/engine.rs"]
#[expect(dead_code, reason = "the tests use all of it, a measurement some")]
mod engine;

use std::time::{Duration, Instant};

use bollard::models::ContainerCreateBody;
use bollard::query_parameters::RemoveContainerOptionsBuilder;
use tokio::io::AsyncReadExt;

use engine::{BUSYBOX, Rig, shell};

/// Lines of one round, 100 bytes each.
const LINES: u32 = 2_000_000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let Some(rig) = Rig::new().await else {
        return;
    };
    a_start_costs_little_more_than_by_hand(rig).await;
    output_is_taken_in_as_fast_as_it_comes(Rig::new().await.unwrap()).await;
    twenty_idle_containers_cost_little(Rig::new().await.unwrap()).await;
}

fn line() -> String {
    format!("yes {} | head -n {LINES}", "x".repeat(99))
}

/// Reads the attached stream of a container of our own making into nothing.
async fn floor(rig: &Rig) -> Duration {
    let client = &rig.engine.client;
    let body = ContainerCreateBody {
        image: Some(BUSYBOX.into()),
        cmd: Some(vec!["/bin/sh".into(), "-c".into(), line()]),
        labels: Some(rig.identity.labels().into_iter().collect()),
        ..ContainerCreateBody::default()
    };
    let id = client.create_container(None, body).await.unwrap().id;
    let path = format!("/containers/{id}/attach?stream=1&stdout=1&stderr=1");
    let path = rig.engine.path(&path);
    let mut attached = rig.engine.endpoint().attach(&path).await.unwrap();
    client.start_container(&id, None).await.unwrap();
    let began = Instant::now();
    let mut buffer = vec![0; 256 << 10];
    let mut bytes = attached.early.len();
    loop {
        match attached.stream.read(&mut buffer).await.unwrap() {
            0 => break,
            count => bytes += count,
        }
    }
    assert!(bytes >= 100 * LINES as usize);
    let took = began.elapsed();
    let options = RemoveContainerOptionsBuilder::default().force(true).build();
    client.remove_container(&id, Some(options)).await.unwrap();
    took
}

/// The same through the adapter, into the store.
async fn ours(rig: &mut Rig, run: u64) -> Duration {
    rig.started(run, &shell("s", &line())).await;
    let began = Instant::now();
    assert!(rig.exited(run).await.is_success());
    began.elapsed()
}

async fn output_is_taken_in_as_fast_as_it_comes(mut rig: Rig) {
    rig.containers.ensure_network().await.unwrap();
    for round in 0..5 {
        let floor = floor(&rig).await;
        let ours = ours(&mut rig, round).await;
        let rate = |took: Duration| f64::from(LINES) / took.as_secs_f64();
        println!(
            "floor {:.0} lines/s, ours {:.0} lines/s, ratio {:.2}",
            rate(floor),
            rate(ours),
            floor.as_secs_f64() / ours.as_secs_f64()
        );
    }
}

/// CPU time of this process so far, in clock ticks of 10 ms.
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

async fn twenty_idle_containers_cost_little(mut rig: Rig) {
    for run in 0..20 {
        rig.started(run, &shell(&format!("s{run}"), "sleep 600"))
            .await;
    }
    let (before, began) = (cpu_ticks(), Instant::now());
    tokio::time::sleep(Duration::from_secs(30)).await;
    let used = (cpu_ticks() - before) as f64 * 0.01;
    println!(
        "{:.2} % of a core",
        used / began.elapsed().as_secs_f64() * 100.0
    );
}

/// Create and start by hand, on the stack's network: what a start cannot be faster than.
async fn start_by_hand(rig: &Rig) -> Duration {
    let client = &rig.engine.client;
    let body = ContainerCreateBody {
        image: Some(BUSYBOX.into()),
        cmd: Some(vec!["sleep".into(), "600".into()]),
        labels: Some(rig.identity.labels().into_iter().collect()),
        host_config: Some(bollard::models::HostConfig {
            network_mode: Some(rig.identity.network()),
            ..Default::default()
        }),
        ..ContainerCreateBody::default()
    };
    let began = Instant::now();
    let id = client.create_container(None, body).await.unwrap().id;
    client.start_container(&id, None).await.unwrap();
    let took = began.elapsed();
    let options = RemoveContainerOptionsBuilder::default().force(true).build();
    client.remove_container(&id, Some(options)).await.unwrap();
    took
}

async fn a_start_costs_little_more_than_by_hand(mut rig: Rig) {
    rig.containers.ensure_network().await.unwrap();
    let (mut floors, mut ours, mut kills) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..15 {
        floors.push(start_by_hand(&rig).await);
        let began = Instant::now();
        rig.started(run, &shell("s", "sleep 600")).await;
        ours.push(began.elapsed());
        let began = Instant::now();
        rig.containers.kill(boatyard::engine::RunId(run));
        rig.exited(run).await;
        kills.push(began.elapsed());
    }
    for (what, mut times) in [
        ("by hand", floors),
        ("ours", ours),
        ("kill and remove", kills),
    ] {
        times.sort();
        println!(
            "{what}: median {:?}, from {:?} to {:?}",
            times[7], times[0], times[14]
        );
    }
}
