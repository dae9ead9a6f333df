//! Files into live runs, commands inside, and what the runs use.

use std::time::Duration;

use boatyard::engine::{Event, RunId, SyncCopy, SyncId};
use boatyard::stack::Reach;
use boatyard::stack::{CommandWords, Hook, Service, Signal, Then};
use boatyard::telemetry::Stream;

use crate::engine::{PATIENCE, Rig, shell};

pub(crate) const SHORT: Duration = Duration::from_secs(20);

/// Nothing is under way.
pub(crate) async fn at_once(_: RunId) {}

pub(crate) fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The outcome of a sync: how many files, or why not.
pub(crate) async fn synced(rig: &mut Rig, number: u64) -> Result<usize, String> {
    rig.event(|event| match event {
        Event::Synced { sync, files } if sync.0 == number => Some(Ok(*files)),
        Event::SyncFailed { sync, why } if sync.0 == number => Some(Err(why.clone())),
        _ => None,
    })
    .await
}

pub(crate) fn copy(rig: &Rig, from: &str, to: &str) -> SyncCopy {
    SyncCopy::new(Some(rig.folder.path().join(from)), to)
}

pub(crate) fn gone(to: &str) -> SyncCopy {
    SyncCopy::new(None, to)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_inside_is_run_and_told() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    rig.started(1, &shell("s", "sleep 600")).await;
    let run = RunId(1);
    let result = rig
        .containers
        .exec(
            run,
            &argv(&["sh", "-c", "echo $GREETING; echo no >&2; exit 3"]),
            SHORT,
        )
        .await
        .unwrap();
    assert_eq!(
        (result.code, &result.stdout[..], &result.stderr[..]),
        (3, &b"hello\n"[..], &b"no\n"[..])
    );
    assert_eq!(result.complaint(), "exit code 3: no");
    let late = rig
        .containers
        .exec(run, &argv(&["sleep", "600"]), Duration::from_millis(200))
        .await;
    assert!(late.unwrap_err().contains("did not end within"));
    let unknown = rig.containers.exec(run, &argv(&["no-such"]), SHORT).await;
    assert!(unknown.is_err() || unknown.is_ok_and(|result| result.code != 0));
    assert!(
        rig.containers
            .exec(RunId(9), &argv(&["true"]), SHORT)
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_come_with_the_programs_owner_and_go_again() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let mut service: Service = shell("s", "sleep 600");
    service.user = Some("1000:1001".into());
    rig.started(1, &service).await;
    rig.start(2, &service);
    rig.event(|event| matches!(event, Event::RunStarted { run: RunId(2), .. }).then_some(()))
        .await;
    std::fs::write(rig.folder.path().join("a"), "one").unwrap();
    std::fs::write(rig.folder.path().join("b"), "two").unwrap();

    let copies = vec![
        copy(&rig, "a", "/app/src/a"),
        copy(&rig, "b", "/app/b"),
        copy(&rig, "never", "/app/never"),
    ];
    rig.containers.sync(
        SyncId(1),
        vec![RunId(1), RunId(2)],
        copies,
        Then::Nothing,
        at_once,
    );
    assert_eq!(synced(&mut rig, 1).await, Ok(3));
    for run in [1, 2] {
        let show = argv(&[
            "sh",
            "-c",
            "cat /app/src/a /app/b; stat -c ' %u:%g' /app/b; ls /app",
        ]);
        let said = rig.containers.exec(RunId(run), &show, SHORT).await.unwrap();
        assert_eq!(
            String::from_utf8(said.stdout).unwrap(),
            "onetwo 1000:1001\nb\nsrc\n"
        );
    }
    rig.containers.sync(
        SyncId(2),
        vec![RunId(1)],
        vec![gone("/app/src"), gone("/app/not there")],
        Then::Nothing,
        at_once,
    );
    assert_eq!(synced(&mut rig, 2).await, Ok(2));
    let left = rig
        .containers
        .exec(RunId(1), &argv(&["ls", "/app"]), SHORT)
        .await
        .unwrap();
    assert_eq!(left.stdout, b"b\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_keeps_the_run_and_its_files() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let (id, _) = rig
        .started(
            1,
            &shell(
                "s",
                "cat /code 2>/dev/null || echo none; printf part; sleep 600",
            ),
        )
        .await;
    rig.until_log(|rig| rig.text(Stream::Stdout) == ["none"])
        .await;
    let before = rig.containers.reach(RunId(1));
    for (number, code) in [(1, "first\n"), (2, "second\n")] {
        std::fs::write(rig.folder.path().join("code"), code).unwrap();
        let copies = vec![copy(&rig, "code", "/code")];
        rig.containers.sync(
            SyncId(number),
            vec![RunId(1)],
            copies,
            Then::Restart,
            at_once,
        );
        assert_eq!(synced(&mut rig, number).await, Ok(1));
    }
    rig.until_log(|rig| rig.text(Stream::Stdout) == ["none", "part", "first", "part", "second"])
        .await;
    assert!(
        rig.others()
            .iter()
            .all(|event| !matches!(event, Event::RunExited { .. }))
    );
    let inspected = rig
        .engine
        .client
        .inspect_container(&id, None)
        .await
        .unwrap();
    assert_eq!(inspected.state.unwrap().running, Some(true));
    // Engines give a restarted container another address: whoever routes to it is told.
    let after = rig.containers.reach(RunId(1));
    let networks = inspected.network_settings.unwrap().networks.unwrap();
    let address = networks[&rig.identity.network()]
        .ip_address
        .clone()
        .unwrap();
    if let Some(Reach::Host(known)) = &after {
        assert_eq!(known.to_string(), address);
    }
    let told = rig.moves.try_recv().is_ok();
    assert!(
        told || before == after,
        "{before:?} became {after:?} in silence"
    );
    rig.containers.kill(RunId(1));
    rig.exited(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_a_sync_is_done_or_its_failure_said() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    rig.started(
        1,
        &shell(
            "s",
            "trap 'echo hup' HUP; echo up; while :; do sleep 0.05; done",
        ),
    )
    .await;
    rig.until_log(|rig| !rig.lines().is_empty()).await;
    let run = vec![RunId(1)];
    rig.containers.sync(
        SyncId(1),
        run.clone(),
        vec![],
        Then::Signal(Signal("SIGHUP".into())),
        at_once,
    );
    assert_eq!(synced(&mut rig, 1).await, Ok(0));
    rig.until_log(|rig| rig.text(Stream::Stdout).contains(&"hup".to_owned()))
        .await;

    let hook = |line: &str| Hook::plain(CommandWords::Shell(line.into()));
    let line = |line: &str| Then::Exec(Box::new(hook(line)));
    rig.containers.sync(
        SyncId(2),
        run.clone(),
        vec![],
        line("echo broken >&2; exit 2"),
        at_once,
    );
    let why = synced(&mut rig, 2).await.unwrap_err();
    assert!(why.contains("exit code 2: broken"), "{why}");
    // With all that is said of it.
    let said = Hook {
        user: Some("65534".into()),
        working_dir: Some("/tmp".into()),
        environment: [("WORD".into(), "spoken".into())].into(),
        ..hook("echo $(id -u) $PWD $WORD >&2; exit 3")
    };
    let then = Then::Exec(Box::new(said));
    rig.containers
        .sync(SyncId(4), run.clone(), vec![], then, at_once);
    let why = synced(&mut rig, 4).await.unwrap_err();
    assert!(why.contains("exit code 3: 65534 /tmp spoken"), "{why}");
    rig.containers
        .sync(SyncId(3), vec![RunId(8)], vec![], Then::Nothing, at_once);
    assert!(
        synced(&mut rig, 3)
            .await
            .unwrap_err()
            .contains("does not run")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cpu_and_memory_arrive() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let service = shell("busy", "while :; do :; done");
    rig.started(1, &service).await;
    let mut changes = rig.telemetry.changes();
    let measured = async {
        loop {
            let newest = rig
                .telemetry
                .series()
                .of(&service.name)
                .next_back()
                .copied();
            if let Some(sample) = newest.filter(|sample| sample.cpu > 0.05) {
                return sample;
            }
            changes.changed().await.unwrap();
        }
    };
    let sample = tokio::time::timeout(PATIENCE, measured)
        .await
        .expect("a sample comes");
    assert!(sample.cpu < 3.0, "{sample:?}");
    assert!((10_000..50_000_000).contains(&sample.memory), "{sample:?}");
}
