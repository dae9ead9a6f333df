//! How long builds take; measured by hand, with `--ignored --nocapture --test-threads=1`.

use std::time::{Duration, Instant};

use boatyard::adapters::build::Builder;

use crate::classic;
use crate::support::Yard;

#[tokio::test]
#[ignore = "a measurement, run by hand"]
async fn how_long_a_one_file_change_takes() {
    for (what, builder) in [("BuildKit", Builder::BuildKit), ("classic", classic())] {
        let Some(yard) = Yard::with(builder).await else {
            return;
        };
        yard.dockerfile("COPY . /ctx/");
        yard.write("a", "a");
        yard.write("b", what);
        yard.make().await;
        let mut times = Vec::new();
        for round in 0..20 {
            yard.write("a", round.to_string());
            times.push(timed(&yard).await);
        }
        say(what, "one changed file of three", times);
    }
}

#[tokio::test]
#[ignore = "a measurement, run by hand"]
async fn how_long_it_takes_when_the_engine_has_the_layer() {
    let Some(mut yard) = Yard::new().await else {
        return;
    };
    yard.dockerfile("COPY . /ctx/");
    let mut times = Vec::new();
    for round in 0..42 {
        yard.write("a", (round % 2).to_string());
        // A label makes a new image of the same layers.
        yard.build.labels = vec![("round".into(), round.to_string())];
        let took = timed(&yard).await;
        if round >= 2 {
            times.push(took);
        }
    }
    say("BuildKit", "one changed file, its layer is known", times);
}

/// How long a build takes that is not answered from the images that exist.
async fn timed(yard: &Yard) -> Duration {
    let began = Instant::now();
    let outcome = yard.make().await;
    assert!(!outcome.is_reused());
    began.elapsed()
}

fn say(builder: &str, what: &str, mut times: Vec<Duration>) {
    times.sort();
    let (least, most) = (times[0], times[times.len() - 1]);
    println!(
        "{builder}, {what}: median {:?}, {least:?} to {most:?}",
        times[times.len() / 2]
    );
}
