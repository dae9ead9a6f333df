//! 200 requests a second at a front door through rebuilds of the container behind it: none fails, and none is held longer
//! than the swap takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::hand::Hand;
use super::print::{bar, row};
use super::site::{self, Live};
use super::wait_for_phase;

/// One request every so often.
const EVERY: Duration = Duration::from_millis(5);

/// Prints what failed, what was held longest, and what the swaps took.
pub(super) fn report(rounds: usize) {
    if Hand::new("requests").map(Hand::remove).is_none() {
        return;
    }
    let mut live = Live::start(site::stack(site::PLAIN, ""), "engine");
    let (port, ended) = (live.copy.port, Arc::new(AtomicBool::new(false)));
    let asking = {
        let ended = Arc::clone(&ended);
        std::thread::spawn(move || {
            Runtime::new()
                .expect("a runtime")
                .block_on(ask(port, ended))
        })
    };
    for round in 0..rounds {
        wait_for_phase(round);
        live.save_until_served(&format!("round {round}"));
    }
    ended.store(true, Ordering::SeqCst);
    let (times, failures) = asking.join().expect("it asks");
    let swaps = swaps(&live.session.said);
    live.end();
    let longest = times.iter().max().copied().unwrap_or_default();
    println!(
        "requests: {} asked through {rounds} rebuilds",
        times.len() + failures.len()
    );
    row("requests: from question to answer", times);
    let longest_swap = swaps.iter().max().copied().unwrap_or_default();
    row(
        "requests: swaps, from the image until the new run is live",
        swaps,
    );
    for failure in failures.iter().take(5) {
        println!("requests: failed: {failure}");
    }
    bar("requests: failed", failures.len() as f64, 0.0, "requests");
    bar(
        "requests: held longest, against the longest swap",
        longest.as_secs_f64() * 1000.0,
        longest_swap.as_secs_f64() * 1000.0,
        "ms",
    );
}

/// Asks at a steady pace, however long the answers take.
async fn ask(port: u16, ended: Arc<AtomicBool>) -> (Vec<Duration>, Vec<String>) {
    let (mut asked, mut pace) = (JoinSet::new(), tokio::time::interval(EVERY));
    while !ended.load(Ordering::SeqCst) {
        pace.tick().await;
        asked.spawn(one(port));
    }
    let (mut times, mut failures) = (Vec::new(), Vec::new());
    while let Some(answer) = asked.join_next().await {
        match answer.expect("it asks") {
            Ok(time) => times.push(time),
            Err(why) => failures.push(why),
        }
    }
    (times, failures)
}

async fn one(port: u16) -> Result<Duration, String> {
    let began = Instant::now();
    let asking = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let head = "GET /page HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = asking.await.map_err(|error| error.to_string())?;
    if answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.0 200") {
        return Ok(began.elapsed());
    }
    Err(answer.lines().next().unwrap_or("no answer").to_owned())
}

/// For each rebuild, the time from its image until it was live.
fn swaps(said: &[Value]) -> Vec<Duration> {
    let (mut swaps, mut image) = (Vec::new(), None);
    for value in said {
        let at = value["at"]
            .as_str()
            .and_then(|at| at.parse::<Timestamp>().ok());
        match value["notice"].as_str() {
            Some("build-finished") => image = at,
            Some("change-live") => {
                let took = at.zip(image.take()).map(|(live, image)| live - image);
                swaps.extend(took.and_then(|took| Duration::try_from(took).ok()));
            }
            _ => {}
        }
    }
    swaps
}
