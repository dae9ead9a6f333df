//! A one-file rebuild of a container, with a small context and with a large one.
//!
//! The floor: the same file-sync build, and a replacement by hand in a network namespace that a holder keeps, so that no
//! network is made: the new container is created and started while the old one is removed, until the new one answers.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::hand::Hand;
use super::print::{bar, ratio, row};
use super::site::{self, Live};
use super::wait_for_phase;

/// What `docker compose watch` takes, and what this floor takes on the same machine: the scale for its bar.
const COMPOSE: f64 = 1140.0 / 164.0;

/// Prints the rows of a context of two files.
pub(super) fn small(rounds: usize) {
    measure("small context", false, rounds);
}

/// Prints the rows of a large context.
pub(super) fn large(rounds: usize) {
    measure("5,000 files, 50 MB", true, rounds);
}

fn measure(what: &str, many: bool, rounds: usize) {
    let Some(mut floor) = Floor::new(many) else {
        return;
    };
    let copy = site::stack(site::PLAIN, "");
    if many {
        site::write_many(&copy.directory().join("web"));
    }
    let mut live = Live::start(copy, "engine");
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    let mut building = Vec::new();
    for round in 0..rounds {
        wait_for_phase(round);
        ours.push(live.save_until_served(&format!("round {round}")));
        building.push(live.last_build());
        wait_for_phase(round);
        // Other words than ours: the builder has the layer of what was built before.
        by_hand.push(floor.rebuild(&format!("floor {round}")));
    }
    live.end();
    let building_by_hand = floor.remove();
    row(
        &format!("of the floor, the build, {what}"),
        building_by_hand,
    );
    row(&format!("of the rebuild, the build, {what}"), building);
    let floor = row(&format!("floor: rebuild by hand, {what}"), by_hand);
    let ours = row(&format!("rebuild: save until served, {what}"), ours);
    ratio(&format!("rebuild: ratio, {what}"), ours, floor, 1.3);
    if !many {
        bar(
            "rebuild: against a quarter of compose, scaled by the floor",
            ours,
            0.25 * COMPOSE * floor,
            "ms",
        );
    }
}

/// The site, built and replaced by hand.
struct Floor {
    hand: Hand,
    folder: TempDir,
    holder: String,
    address: IpAddr,
    old: Option<String>,
    building: Vec<Duration>,
}

/// The port may still be the old program's for a moment, so the new one tries again.
const PROGRAM: &str = "until httpd -f -p 8000 -h /www; do :; done";

impl Floor {
    fn new(many: bool) -> Option<Self> {
        let hand = Hand::new("rebuild")?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let context = context(folder.path());
        site::write(&context, site::PLAIN);
        if many {
            site::write_many(&context);
        }
        let (holder, address) = hand.block_on(async {
            let image = "boatyard-test/busybox";
            let holder = hand
                .create(image, "while :; do sleep 1000; done", None, Vec::new())
                .await;
            hand.start(&holder).await;
            let address = hand.address(&holder).await;
            (holder, address)
        });
        let mut floor = Self {
            hand,
            folder,
            holder,
            address,
            old: None,
            building: Vec::new(),
        };
        floor.rebuild("first of all");
        floor.building.clear();
        Some(floor)
    }

    fn rebuild(&mut self, text: &str) -> Duration {
        let context = context(self.folder.path());
        let began = Instant::now();
        site::write_page(&context, text);
        let old = self.old.take();
        let new = self.hand.block_on(async {
            let image = self.hand.build(&site::service(&context)).await;
            self.building.push(began.elapsed());
            let removing = async {
                if let Some(old) = old {
                    self.hand.remove_container(&old).await;
                }
            };
            let making = async {
                let network = format!("container:{}", self.holder);
                let new = self
                    .hand
                    .create(&image, PROGRAM, Some(network), Vec::new())
                    .await;
                self.hand.start(&new).await;
                new
            };
            tokio::join!(making, removing).0
        });
        self.old = Some(new);
        site::served(self.address, site::PORT, text) - began
    }

    /// Removes all that was made; how long each build took.
    fn remove(self) -> Vec<Duration> {
        self.hand.remove();
        self.building
    }
}

fn context(folder: &Path) -> PathBuf {
    folder.join("web")
}
