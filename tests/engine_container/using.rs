//! What a container uses, sampled once a second.

use std::net::UdpSocket;

use boatyard::engine::RunId;
use boatyard::stack::{Reach, Space};
use boatyard::telemetry::Sample;

use crate::engine::{PATIENCE, Rig, shell};

/// Waits for a sample that is as wanted; asks for work before each look.
async fn sample(
    rig: &Rig,
    service: &str,
    mut work: impl FnMut(),
    wanted: impl Fn(&Sample) -> bool,
) -> Sample {
    let mut changes = rig.telemetry.changes();
    let service = service.into();
    let measured = async {
        loop {
            work();
            let newest = {
                let series = rig.telemetry.series();
                series.of(&service).next_back().copied()
            };
            if let Some(sample) = newest.filter(&wanted) {
                return sample;
            }
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, measured)
        .await
        .expect("such a sample comes")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn network_and_disk_arrive() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let writes = "while :; do dd if=/dev/zero of=/x bs=64k count=16 conv=fsync 2>/dev/null; done";
    rig.started(1, &shell("busy", writes)).await;
    let Some(Reach::Host(address)) = rig.containers.reach(RunId(1)) else {
        panic!("it has an address");
    };
    // Nobody listens there, so each packet is answered by a word of the kernel.
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let knock = || drop(socket.send_to(&[0; 1000], (address, 9)));
    let sample = sample(&rig, "busy", knock, |sample| {
        let network = sample.network.unwrap_or_default();
        let disk = sample.disk.unwrap_or_default();
        network.inward >= 500 && network.outward > 0 && disk.outward > 100_000
    })
    .await;
    assert!(sample.network.unwrap().inward < 1 << 30, "{sample:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_network_of_this_machine_is_nobodys() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let mut service = shell("guest", "sleep 1000");
    service.container.network_mode = Some(Space::Named("host".into()));
    rig.started(1, &service).await;
    let sample = sample(&rig, "guest", || {}, |_| true).await;
    assert_eq!(sample.network, None);
}
