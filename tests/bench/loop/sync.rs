//! Files put into a live container: alone, with a restart of its program, and inferred from the Dockerfile.

use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::hand::{Hand, Shell};
use super::print::{bar, ratio, row};
use super::shop::{Copy, free_port};
use super::site::{self, Live};

/// What of the page goes where, as a rule of the stack file.
fn rule(then: &str) -> String {
    format!("watch = [{{ path = \"web/page\", action = \"sync\", target = \"/www/page\"{then} }}]")
}

/// A sync without anything after it. The floor: one upload through the engine.
pub(super) fn plain(rounds: usize) {
    let Some(mut floor) = Floor::new("sync", site::PLAIN, Way::Upload) else {
        return;
    };
    let copy = site::stack(site::PLAIN, &rule(""));
    let (ours, by_hand) = in_turn(copy, rounds, |text| floor.save_until_served(text, false));
    floor.hand.remove();
    let floor = row("floor: upload by hand until served", by_hand);
    let ours = row("sync: save until served", ours);
    ratio("sync: ratio", ours, floor, 1.5);
    bar("sync: with the helper inside", ours, 15.0, "ms");
}

/// A sync with a restart of the program. The floor: a bind mount, and the child of a small init killed.
pub(super) fn restart(rounds: usize) {
    let Some(mut floor) = Floor::new("sync-restart", site::AT_START, Way::Bind) else {
        return;
    };
    let copy = site::stack(site::AT_START, &rule(", then = \"restart\""));
    let mut starts = Vec::new();
    let (ours, by_hand) = in_turn(copy, rounds, |text| {
        starts.push(own_start());
        floor.save_until_served(text, true)
    });
    floor.hand.remove();
    row(
        "floor: bind mount and child restart by hand until served",
        by_hand,
    );
    let start = row("floor: the program's own start", starts);
    let ours = row("sync and restart: save until served", ours);
    bar(
        "sync and restart: above the program's own start",
        ours - start,
        40.0,
        "ms",
    );
}

/// `sync = "auto"`: what goes where is read from the Dockerfile. The floor: one upload, and the child of a small init killed.
pub(super) fn inferred(rounds: usize) {
    let copy = site::stack(site::AT_START, "sync = \"auto\"");
    let checked = copy.boatyard(&["check"]).output().expect("the binary runs");
    if !checked.status.success() {
        println!("inferred: left out, this version knows no `sync = \"auto\"`");
        return;
    }
    let Some(mut floor) = Floor::new("inferred", site::AT_START, Way::Upload) else {
        return;
    };
    let (ours, by_hand) = in_turn(copy, rounds, |text| floor.save_until_served(text, true));
    floor.hand.remove();
    let floor = row(
        "floor: upload and child restart by hand until served",
        by_hand,
    );
    let ours = row("inferred sync: save until served", ours);
    ratio("inferred sync: ratio", ours, floor, 1.5);
}

/// Rounds of ours and of the floor's in turn.
fn in_turn(
    copy: Copy,
    rounds: usize,
    mut by_hand: impl FnMut(&str) -> Duration,
) -> (Vec<Duration>, Vec<Duration>) {
    let mut live = Live::start(copy, "engine");
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let text = format!("round {round}");
        ours.push(live.save_until_served(&text));
        floor.push(by_hand(&text));
    }
    live.end();
    (ours, floor)
}

/// How the floor brings a file in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Upload,
    Bind,
}

/// The site in one container whose init starts the program again when it ends.
struct Floor {
    hand: Hand,
    folder: TempDir,
    way: Way,
    container: String,
    address: IpAddr,
    shell: Shell,
}

impl Floor {
    fn new(name: &str, program: &str, way: Way) -> Option<Self> {
        let hand = Hand::new(name)?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let context = folder.path().join("web");
        site::write(&context, program);
        let init = format!("while :; do sh -c 'echo $$ > /tmp/pid; {program}'; done");
        let binds = match way {
            Way::Upload => Vec::new(),
            Way::Bind => vec![format!("{}:/www", context.display())],
        };
        let (container, address, shell) = hand.block_on(async {
            let image = hand.build(&site::service(&context)).await;
            let container = hand.create(&image, &init, None, binds).await;
            hand.start(&container).await;
            let address = hand.address(&container).await;
            let shell = hand.shell(&container).await;
            (container, address, shell)
        });
        site::served(address, site::PORT, "first");
        Some(Self {
            hand,
            folder,
            way,
            container,
            address,
            shell,
        })
    }

    fn save_until_served(&mut self, text: &str, restart: bool) -> Duration {
        let context = self.folder.path().join("web");
        let began = Instant::now();
        site::write_page(&context, text);
        self.hand.block_on(async {
            if self.way == Way::Upload {
                let page = context.join("page");
                self.hand.upload(&self.container, "/www", &page).await;
            }
            if restart {
                self.shell.run("kill -9 $(cat /tmp/pid)").await;
            }
        });
        site::served(self.address, site::PORT, text) - began
    }
}

/// The program as a plain process of this machine, from its start until it answers.
pub(super) fn own_start() -> Duration {
    let folder = tempfile::tempdir().expect("a temporary folder");
    site::write(&folder.path().join("www"), "");
    let port = free_port();
    let began = Instant::now();
    let mut child = Command::new("busybox")
        .args(["sh", "-c", &on_this_machine(folder.path(), port)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("busybox starts");
    let took = site::served([127, 0, 0, 1].into(), port, "first") - began;
    drop(child.kill());
    drop(child.wait());
    took
}

fn on_this_machine(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "mkdir -p {folder}/srv && cp {folder}/www/page {folder}/srv/page && exec busybox httpd -f -p 127.0.0.1:{port} -h {folder}/srv"
    )
}
