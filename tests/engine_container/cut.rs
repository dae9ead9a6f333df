//! The connection to the engine is cut and comes back: a relay between us and the socket stands in for a daemon that restarts.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use boatyard::adapters::container::Surroundings;
use boatyard::engine::{EngineLink, Event, RunId};
use boatyard::telemetry::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use crate::engine::{Rig, engine_or_skip, shell};

/// A unix socket that passes everything on to the engine's, until it is cut.
struct Relay {
    path: PathBuf,
    open: Arc<AtomicBool>,
    cuts: watch::Sender<u64>,
    /// The first line of each connection that is open.
    asked: Arc<Mutex<Vec<String>>>,
    _folder: tempfile::TempDir,
}

impl Relay {
    fn to(engine: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let open = Arc::new(AtomicBool::new(true));
        let cuts = watch::Sender::new(0);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (engine, gate, cut) = (engine.to_path_buf(), open.clone(), cuts.subscribe());
        let notes = asked.clone();
        tokio::spawn(async move {
            while let Ok((ours, _)) = listener.accept().await {
                if gate.load(Ordering::SeqCst) {
                    tokio::spawn(pass(ours, engine.clone(), cut.clone(), notes.clone()));
                }
            }
        });
        Self {
            path,
            open,
            cuts,
            asked,
            _folder: folder,
        }
    }

    /// Breaks every connection; new ones break at once until [`Relay::mend`].
    fn cut(&self) {
        self.open.store(false, Ordering::SeqCst);
        self.cuts.send_modify(|cuts| *cuts += 1);
        self.asked.lock().unwrap().clear();
    }

    fn mend(&self) {
        self.open.store(true, Ordering::SeqCst);
    }

    /// Whether a connection with this in its first line is open.
    fn has_open(&self, part: &str) -> bool {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .any(|line| line.contains(part))
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings::new([(
            "DOCKER_HOST".to_owned(),
            format!("unix://{}", self.path.display()),
        )])
    }
}

async fn pass(
    mut ours: UnixStream,
    engine: PathBuf,
    mut cut: watch::Receiver<u64>,
    asked: Arc<Mutex<Vec<String>>>,
) {
    cut.mark_unchanged();
    let Ok(mut theirs) = UnixStream::connect(engine).await else {
        return;
    };
    let mut head = vec![0; 4096];
    let passing = async {
        let count = ours.read(&mut head).await?;
        let line = String::from_utf8_lossy(&head[..count])
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        asked.lock().unwrap().push(line.clone());
        theirs.write_all(&head[..count]).await?;
        let passed = tokio::io::copy_bidirectional(&mut ours, &mut theirs).await;
        let mut asked = asked.lock().unwrap();
        if let Some(at) = asked.iter().position(|open| *open == line) {
            asked.remove(at);
        }
        passed.map(drop)
    };
    tokio::select! {
        result = passing => drop(result),
        _ = cut.changed() => {}
    }
}

/// A session whose connection can be cut. Only with an engine behind a unix socket.
async fn rig() -> Option<(Relay, Rig)> {
    let engine = engine_or_skip().await?;
    let Some(path) = engine.endpoint().unix_path() else {
        println!("skipped: the engine is not behind a unix socket");
        return None;
    };
    let relay = Relay::to(path);
    let rig = Rig::through(relay.surroundings()).await?;
    Some((relay, rig))
}

async fn lost(rig: &mut Rig) {
    rig.event(|event| {
        matches!(
            event,
            Event::ContainerEngine {
                link: EngineLink::Lost { .. }
            }
        )
        .then_some(())
    })
    .await;
}

async fn connected(rig: &mut Rig) {
    rig.event(|event| {
        matches!(
            event,
            Event::ContainerEngine {
                link: EngineLink::Connected { .. }
            }
        )
        .then_some(())
    })
    .await;
}

fn numbers(rig: &Rig) -> Vec<u64> {
    rig.text(Stream::Stdout)
        .iter()
        .filter_map(|line| line.parse().ok())
        .collect()
}

/// Prints numbers until `/tmp/end` is there, then a last word.
const COUNTING: &str =
    "i=0; while ! test -e /tmp/end; do i=$((i+1)); echo $i; usleep 2000; done; echo end $i";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_line_is_lost_or_doubled_by_cuts() {
    let Some((relay, mut rig)) = rig().await else {
        return;
    };
    connected(&mut rig).await;
    rig.started(1, &shell("s", COUNTING)).await;
    let mut seen = 0;
    for _ in 0..3 {
        rig.until_log(|rig| rig.text(Stream::Stdout).len() > seen + 50)
            .await;
        relay.cut();
        lost(&mut rig).await;
        relay.mend();
        connected(&mut rig).await;
        seen = rig.text(Stream::Stdout).len();
    }
    rig.until_log(|rig| rig.text(Stream::Stdout).len() > seen + 50)
        .await;
    let end = ["touch".to_owned(), "/tmp/end".to_owned()];
    rig.containers
        .exec(RunId(1), &end, crate::engine::PATIENCE)
        .await
        .unwrap();
    assert!(rig.exited(1).await.is_success());
    let found = numbers(&rig);
    let expected: Vec<u64> = (1..=found.len() as u64).collect();
    assert_eq!(found, expected);
    assert_eq!(
        rig.text(Stream::Stdout).last().unwrap(),
        &format!("end {}", found.len())
    );
    assert_eq!(rig.container_names().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_ended_while_cut_is_reported_with_its_code_and_all_it_said() {
    let Some((relay, mut rig)) = rig().await else {
        return;
    };
    connected(&mut rig).await;
    let (id, _) = rig
        .started(
            1,
            &shell(
                "s",
                "echo first; while ! test -e /tmp/go; do usleep 2000; done; seq 1 1000; exit 5",
            ),
        )
        .await;
    let (gone, _) = rig.started(2, &shell("t", "sleep 600")).await;
    rig.until_log(|rig| rig.text(Stream::Stdout) == ["first"])
        .await;
    relay.cut();
    lost(&mut rig).await;
    // Meanwhile, past the cut: one run ends, the other is removed.
    let exec = bollard::models::ExecConfig {
        cmd: Some(vec!["touch".into(), "/tmp/go".into()]),
        ..Default::default()
    };
    let exec = rig.engine.client.create_exec(&id, exec).await.unwrap().id;
    let detached = bollard::exec::StartExecOptions {
        detach: true,
        ..Default::default()
    };
    rig.engine
        .client
        .start_exec(&exec, Some(detached))
        .await
        .unwrap();
    let mut end = Box::pin(rig.engine.client.wait_container(&id, None));
    drop(futures_util::StreamExt::next(&mut end).await);
    let options = bollard::query_parameters::RemoveContainerOptionsBuilder::default()
        .force(true)
        .build();
    rig.engine
        .client
        .remove_container(&gone, Some(options))
        .await
        .unwrap();
    relay.mend();
    connected(&mut rig).await;
    assert_eq!(rig.exited(1).await.code, Some(5));
    assert!(!rig.exited(2).await.is_success());
    let expected: Vec<u64> = (1..=1000).collect();
    assert_eq!(numbers(&rig), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_asked_while_cut_is_done_after_it() {
    let Some((relay, mut rig)) = rig().await else {
        return;
    };
    connected(&mut rig).await;
    rig.started(
        1,
        &shell("s", "trap 'exit 0' TERM; while :; do sleep 0.05; done"),
    )
    .await;
    relay.cut();
    lost(&mut rig).await;
    rig.containers
        .stop(RunId(1), std::time::Duration::from_secs(20), false, async {
        });
    rig.start(2, &shell("t", "true"));
    let why = rig.failed(2).await;
    assert!(why.message.contains("does not answer"), "{}", why.message);
    relay.mend();
    connected(&mut rig).await;
    rig.exited(1).await;
    assert_eq!(rig.container_names().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_gap_the_output_is_attached_to_again() {
    let Some((relay, mut rig)) = rig().await else {
        return;
    };
    connected(&mut rig).await;
    // Says something each time it is told to: the content of a file, which is then removed.
    let told = "while :; do if test -e /tmp/say; then mv /tmp/say /tmp/now; . /tmp/now; fi; usleep 5000; done";
    rig.started(1, &shell("s", told)).await;
    let say = |line: &str| {
        vec![
            "sh".to_owned(),
            "-c".to_owned(),
            format!("echo '{line}' > /tmp/x; mv /tmp/x /tmp/say"),
        ]
    };
    let patience = crate::engine::PATIENCE;
    rig.containers
        .exec(RunId(1), &say("echo before; printf start"), patience)
        .await
        .unwrap();
    rig.until_log(|rig| rig.text(Stream::Stdout) == ["before"])
        .await;
    relay.cut();
    lost(&mut rig).await;
    relay.mend();
    connected(&mut rig).await;
    for word in 1..40 {
        rig.containers
            .exec(
                RunId(1),
                &say(&format!("echo {word}; echo {word}- >&2")),
                patience,
            )
            .await
            .unwrap();
        rig.until_log(|rig| rig.text(Stream::Stdout).len() == word + 1)
            .await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        if relay.has_open("/attach?") && !relay.has_open("/logs?") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    assert!(
        relay.has_open("/attach?") && !relay.has_open("/logs?"),
        "still reading the log"
    );
    rig.containers
        .exec(RunId(1), &say("seq 1 20000; echo e >&2; exit 0"), patience)
        .await
        .unwrap();
    rig.exited(1).await;
    let lines = rig.text(Stream::Stdout);
    assert_eq!(
        lines[1], "start1",
        "the half line from before the cut is whole"
    );
    let flood: Vec<String> = (1..=20000).map(|number| number.to_string()).collect();
    assert_eq!(lines[lines.len() - 20000..], flood);
    let words = lines.len() - 20002 + 1;
    let mut complaints: Vec<String> = (1..=words).map(|word| format!("{word}-")).collect();
    complaints.push("e".into());
    assert_eq!(rig.text(Stream::Stderr), complaints);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_ended_in_a_short_cut_has_said_everything() {
    let Some((relay, mut rig)) = rig().await else {
        return;
    };
    connected(&mut rig).await;
    let line = "echo first; while ! test -e /tmp/go; do usleep 2000; done; seq 1 1000";
    let (id, _) = rig.started(1, &shell("s", line)).await;
    rig.until_log(|rig| rig.text(Stream::Stdout) == ["first"])
        .await;
    let exec = bollard::models::ExecConfig {
        cmd: Some(vec!["touch".into(), "/tmp/go".into()]),
        ..Default::default()
    };
    let exec = rig.engine.client.create_exec(&id, exec).await.unwrap().id;
    let detached = bollard::exec::StartExecOptions {
        detach: true,
        ..Default::default()
    };
    relay.cut();
    let go = rig.engine.client.start_exec(&exec, Some(detached)).await;
    relay.mend();
    go.unwrap();
    assert!(rig.exited(1).await.is_success());
    let expected: Vec<u64> = (1..=1000).collect();
    assert_eq!(numbers(&rig), expected);
}
