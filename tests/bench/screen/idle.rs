//! What is done while nothing happens.

use std::time::{Duration, Instant};

use super::end_to_end::shop::Copy;
use super::watched::Watched;

/// How long is looked at.
const LOOK: Duration = Duration::from_secs(20);

/// Prints frames and processor time of a workbench while the shop runs and nobody asks it anything.
pub(super) fn report() {
    let shop = Copy::of("shop");
    let mut watched = Watched::start(&shop, &["up", "--runtime", "process"]);
    watched.wait_for("4 ready");
    // Until the curves of processor and memory are full, each sample is one more cell.
    std::thread::sleep(Duration::from_secs(90));
    let (frames, worked, began) = (watched.frames(), watched.worked(), Instant::now());
    std::thread::sleep(LOOK);
    let share = (watched.worked() - worked) / began.elapsed().as_secs_f64() * 100.0;
    println!(
        "{:<62} {} frames in {} s, {share:.2} % of a core",
        "idle, the shop running",
        watched.frames() - frames,
        LOOK.as_secs()
    );
    watched.end();
}
