//! From a key to its answer on the screen, at rest and while a service says as much as it can.

use std::fs;
use std::time::Duration;

use super::end_to_end::shop::Copy;
use super::row;
use super::watched::Watched;

/// Keys pressed in each case, half of them to open and half to close.
const KEYS: usize = 600;
/// What the service is to say, in lines a second.
const FLOOD: u32 = 500_000;
/// What only the help says.
const HELP: &str = "Keys that work here";
/// What only the palette says.
const PALETTE: &str = "Find an action";

/// Prints how long keys take.
pub(super) fn report() {
    let shop = Copy::of("shop");
    let mut rest = Watched::start(&shop, &["up", "--runtime", "process"]);
    rest.wait_for("4 ready");
    row(
        "a key at rest, until its answer is drawn",
        &mut keys(&mut rest),
    );
    rest.end();

    let program = std::env::current_exe().expect("this program has a path");
    let taken = std::env::temp_dir().join(format!("boatyard-poured-{}", std::process::id()));
    let stack = format!(
        "name = \"NAME\"\n[services.loud]\nrun = \"exec '{}' pour {FLOOD} '{}'\"\n",
        program.display(),
        taken.display()
    );
    let loud = Copy::with(&stack, &[]);
    let mut flood = Watched::start(&loud, &["up"]);
    flood.wait_for("one of many");
    let mut times = keys(&mut flood);
    let rate = fs::read_to_string(&taken).unwrap_or_default();
    row(
        &format!("a key while a service says {rate} lines a second"),
        &mut times,
    );
    flood.end();
    drop(fs::remove_file(&taken));
}

fn keys(watched: &mut Watched) -> Vec<Duration> {
    let mut times = Vec::with_capacity(KEYS);
    for turn in 0..KEYS / 2 {
        let (key, marker) = if turn % 2 == 0 {
            ("?", HELP)
        } else {
            (":", PALETTE)
        };
        times.push(watched.answer(key, marker, true));
        pause(turn);
        times.push(watched.answer("\x1b", marker, false));
        pause(turn + 7);
    }
    times
}

/// People do not press keys in step with frames.
fn pause(turn: usize) {
    std::thread::sleep(Duration::from_micros(
        20_000 + (turn as u64 * 7919) % 23_000,
    ));
}
