//! Watching at its size: 50,000 files of which 45,000 are ignored. `cargo bench --bench watch`, or `-- without-end` for
//! that part alone.
#![expect(clippy::unwrap_used, reason = "a failure ends the benchmark")]
#![expect(clippy::print_stdout, reason = "it prints what it measures")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use boatyard::adapters::Wires;
use boatyard::adapters::watch::{Watched, Watcher};
use boatyard::engine::{Change, Event, Moment};
use boatyard::runtime::Clock;
use boatyard::stack::{Build, CommandWords, Service, Stack};
use boatyard::telemetry::Telemetry;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

/// Files that count, in folders of ten.
const COUNTED: usize = 5_000;
/// Files that are ignored, in folders of ten.
const IGNORED: usize = 45_000;
/// Quiet after which nothing more is expected.
const QUIET: Duration = Duration::from_millis(1500);

struct Scene {
    watcher: Watcher,
    watched: Watched,
    took: Duration,
    /// Changes, and when each was told.
    events: UnboundedReceiver<(Change, Moment)>,
}

impl Scene {
    async fn start(service: Service, root: &Path) -> Self {
        let mut stack = Stack {
            directory: root.into(),
            ..Stack::default()
        };
        stack.services.insert(service.name.clone(), service);
        let (tell, mut told) = unbounded_channel();
        let (stamp, events) = unbounded_channel();
        let wires = Wires {
            events: tell,
            telemetry: Arc::new(Telemetry::default()),
            clock: Clock::start(),
        };
        let clock = wires.clock.clone();
        thread::spawn(move || {
            while let Some(event) = told.blocking_recv() {
                if let Event::Changed { change } = event {
                    drop(stamp.send((change, clock.now())));
                }
            }
        });
        let began = Instant::now();
        let watcher = Watcher::start(wires, unbounded_channel().0).unwrap();
        let answer = watcher.watch(&Arc::new(stack), |_| None);
        let found = answer.await.unwrap();
        Self {
            took: began.elapsed(),
            watcher,
            watched: found,
            events,
        }
    }

    /// All changes until it is quiet, each with how long after its first and its last save it was told.
    async fn changes(&mut self) -> Vec<(Change, Duration, Duration)> {
        let mut seen = Vec::new();
        while let Ok(Some((change, told))) = timeout(QUIET, self.events.recv()).await {
            let (first, last) = (told.since(change.first_save), told.since(change.last_save));
            seen.push((change, first, last));
        }
        seen
    }
}

fn process(root: &Path) -> Service {
    let mut service = Service::named("process");
    service.run = Some(CommandWords::Shell("true".into()));
    service.directory = root.into();
    service
}

fn container(root: &Path) -> Service {
    let mut service = Service::named("container");
    service.build = Some(Build {
        inline: None,
        context: root.into(),
        dockerfile: root.join("Dockerfile"),
        target: None,
        args: Vec::new(),
        secrets: Vec::new(),
        labels: Vec::new(),
        network: None,
        no_cache: false,
        pull: false,
    });
    service
}

fn source(root: &Path, number: usize) -> PathBuf {
    root.join(format!("src/{}/{}/f{number}.py", number / 200, number / 10))
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn plant(root: &Path) {
    let rules = "node_modules\n**/node_modules\ntarget\n*.md\n*.pyc\n.env\ndist\n**/*.tmp\n";
    write(&root.join(".dockerignore"), rules);
    write(&root.join(".gitignore"), rules);
    write(&root.join("Dockerfile"), "FROM scratch\n");
    for number in 0..COUNTED {
        write(&source(root, number), &format!("print({number})\n"));
    }
    for number in 0..IGNORED {
        let tree = if number % 3 == 0 {
            "target"
        } else {
            "node_modules"
        };
        let path = root.join(format!(
            "{tree}/{}/{}/f{number}.js",
            number / 300,
            number / 10
        ));
        write(&path, "x\n");
    }
}

/// Processor time of this process so far.
fn busy() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let nanos = tasks.filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

fn shown(seen: &[(Change, Duration, Duration)]) -> String {
    let after: Vec<String> = seen
        .iter()
        .map(|(_, _, last)| format!("{:.0} ms after its last save", last.as_secs_f64() * 1e3))
        .collect();
    format!("{} changes: {}", seen.len(), after.join(", "))
}

/// As git does it: each file is removed and made again.
fn rewrite(root: &Path, text: &str) -> Duration {
    let began = Instant::now();
    for number in 0..COUNTED {
        let path = source(root, number);
        fs::remove_file(&path).unwrap();
        fs::write(path, format!("{text}({number})\n")).unwrap();
    }
    began.elapsed()
}

async fn begin(root: &Path) -> Scene {
    let mut starts = Vec::new();
    for round in 0..10 {
        for service in [process(root), container(root)] {
            let name = service.name.clone();
            let scene = Scene::start(service, root).await;
            starts.push((name, scene.took));
            if round == 9 {
                println!(
                    "watched for a {}: {:?}",
                    starts[starts.len() - 1].0,
                    scene.watched
                );
            }
        }
    }
    for name in ["process", "container"] {
        let mut mine: Vec<Duration> = starts
            .iter()
            .filter(|(other, _)| other.as_str() == name)
            .map(|(_, took)| *took)
            .collect();
        mine.sort();
        println!(
            "start, {name}: median {:?}, worst {:?}",
            mine[mine.len() / 2],
            mine[mine.len() - 1]
        );
    }
    Scene::start(container(root), root).await
}

async fn measure() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    plant(&root);
    let mut scene = Box::pin(begin(&root)).await;
    if std::env::args().any(|part| part == "without-end") {
        return without_end(&mut scene, source(&root, 0)).await;
    }
    let before = busy();
    tokio::time::sleep(Duration::from_secs(3)).await;
    println!(
        "reading {COUNTED} files ahead: {:?} of processor time",
        busy().saturating_sub(before)
    );
    let before = busy();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let share = busy().saturating_sub(before).as_secs_f64() * 10.0;
    println!("idle: {share:.3} % of a core");

    write(&root.join("src/one.py"), "one");
    println!("one save: {}", shown(&scene.changes().await));

    let took = rewrite(&root, "other") + rewrite(&root, "print");
    println!(
        "{COUNTED} files away and back in {took:?}: {}",
        shown(&scene.changes().await)
    );
    let took = rewrite(&root, "other");
    println!(
        "{COUNTED} files away in {took:?}: {}",
        shown(&scene.changes().await)
    );
    let took = rewrite(&root, "print");
    println!("and back in {took:?}: {}", shown(&scene.changes().await));

    let began = Instant::now();
    for number in 0..10_000 {
        write(&root.join(format!("new/{}/f{number}", number / 100)), "new");
    }
    let took = began.elapsed();
    println!(
        "10,000 new files in {took:?}: {}",
        shown(&scene.changes().await)
    );
    fs::remove_dir_all(root.join("new")).unwrap();
    println!("all deleted: {}", shown(&scene.changes().await));

    without_end(&mut scene, source(&root, 0)).await;
    drop(scene.watcher);
}

/// A file is written every 5 ms for 10 s.
async fn without_end(scene: &mut Scene, path: PathBuf) {
    let writer = thread::spawn(move || {
        let began = Instant::now();
        let mut number = 0;
        while began.elapsed() < Duration::from_secs(10) {
            number += 1;
            fs::write(&path, number.to_string()).unwrap();
            thread::sleep(Duration::from_millis(5));
        }
        number
    });
    let mut seen = Vec::new();
    while !writer.is_finished() {
        seen.extend(scene.changes().await);
    }
    seen.extend(scene.changes().await);
    let longest = seen.iter().map(|(_, first, _)| *first).max();
    println!(
        "a file written {} times in 10 s: {} changes, the longest {:?} after its first save, the last {:?} after the end",
        writer.join().unwrap(),
        seen.len(),
        longest.unwrap_or_default(),
        seen.last().map(|(_, _, last)| *last).unwrap_or_default(),
    );
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(measure());
}
