//! The helper inside: what it writes, starts, signals and reaps, and how one does without it.

use boatyard::adapters::container::Surroundings;
use boatyard::engine::{Event, Place, RunId, StartRun, SyncCopy, SyncId};
use boatyard::stack::{CommandWords, Reaction, Runtime, Service, Signal, Then, WatchRule};
use boatyard::telemetry::Stream;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;

use crate::engine::{Rig, shell};
use crate::syncing::{SHORT, argv, at_once, copy, gone, synced};

/// A service that runs one line of shell and has files synced into it, so that it gets a helper.
pub(crate) fn syncing(name: &str, line: &str) -> Service {
    let mut service = shell(name, line);
    service.watch.push(WatchRule {
        path: "/nowhere".into(),
        reaction: Reaction::Sync {
            target: "/app".into(),
            then: Then::Nothing,
        },
        ignore: Vec::new(),
        include: Vec::new(),
        initial_sync: false,
    });
    service
}

async fn said(rig: &Rig, run: u64, line: &str) -> String {
    let words = argv(&["sh", "-c", line]);
    let result = rig
        .containers
        .exec(RunId(run), &words, SHORT)
        .await
        .unwrap();
    String::from_utf8_lossy(&result.stdout).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_come_and_go_in_an_image_without_any_tool() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    make_bare_image(&rig).await;
    let mut service = syncing("s", "");
    service.image = Some(BARE.into());
    service.command = Some(CommandWords::Words(argv(&[
        "/httpd", "-f", "-p", "8000", "-h", "/www",
    ])));
    // The server ends at once where its folder is not there.
    std::fs::write(rig.folder.path().join("first"), "").unwrap();
    start_with(&rig, 1, &service, vec![copy(&rig, "first", "/www/first")]);
    rig.event(|event| matches!(event, Event::RunStarted { .. }).then_some(()))
        .await;
    std::fs::write(rig.folder.path().join("a"), "one").unwrap();
    let copies = vec![copy(&rig, "a", "/www/deep/a")];
    rig.containers
        .sync(SyncId(1), vec![RunId(1)], copies, Then::Nothing, at_once);
    assert_eq!(synced(&mut rig, 1).await, Ok(1));
    assert!(answer(&rig, 1, "/deep/a").await.ends_with("\r\n\r\none"));
    let copies = vec![gone("/www/deep")];
    rig.containers
        .sync(SyncId(2), vec![RunId(1)], copies, Then::Restart, at_once);
    assert_eq!(synced(&mut rig, 2).await, Ok(1));
    assert!(answer(&rig, 1, "/deep/a").await.starts_with("HTTP/1.1 404"));
}

/// One static program and nothing else.
const BARE: &str = "boatyard-test/bare:latest";

async fn make_bare_image(rig: &Rig) {
    let content = std::fs::read("/bin/busybox").unwrap();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o755);
    header.set_size(content.len() as u64);
    tar.append_data(&mut header, "httpd", content.as_slice())
        .unwrap();
    let options = CreateImageOptionsBuilder::default()
        .from_src("-")
        .repo("boatyard-test/bare")
        .tag("latest")
        .build();
    let body = bollard::body_full(tar.into_inner().unwrap().into());
    let mut import = Box::pin(
        rig.engine
            .client
            .create_image(Some(options), Some(body), None),
    );
    while let Some(step) = import.next().await {
        step.unwrap();
    }
}

/// What a run answers at port 8000, tried until it listens.
pub(crate) async fn answer(rig: &Rig, run: u64, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = rig.containers.reach(RunId(run)).unwrap().at(8000).unwrap();
    let asking = async {
        loop {
            if let Ok(mut stream) = tokio::net::TcpStream::connect(address).await {
                let request = format!("GET {path} HTTP/1.0\r\n\r\n");
                stream.write_all(request.as_bytes()).await.unwrap();
                let mut text = String::new();
                stream.read_to_string(&mut text).await.unwrap();
                return text;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SHORT, asking)
        .await
        .expect("it answers")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_has_its_user_its_home_and_its_files() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let mut service = syncing(
        "s",
        "echo $(id -u):$(id -g) $HOME $(cat /app/first); sleep 600",
    );
    service.user = Some("1000:1001".into());
    std::fs::write(rig.folder.path().join("first"), "given\n").unwrap();
    let given = vec![copy(&rig, "first", "/app/first")];
    start_with(&rig, 1, &service, given);
    rig.event(|event| matches!(event, Event::RunStarted { .. }).then_some(()))
        .await;
    rig.until_log(|rig| rig.text(Stream::Stdout) == ["1000:1001 / given"])
        .await;
    assert_eq!(
        said(&rig, 1, "id -u; stat -c %u:%g /app/first").await,
        "1000\n1000:1001"
    );
}

/// Starts a run that is given files.
pub(crate) fn start_with(rig: &Rig, run: u64, service: &Service, given: Vec<SyncCopy>) {
    let start = StartRun {
        run: RunId(run),
        service: std::sync::Arc::new(service.clone()),
        replica: 0,
        runtime: Runtime::Container,
        image: service.image.clone(),
        replaces: None,
        given,
    };
    rig.containers.start(start, Vec::new(), Vec::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_by_the_helper_leaves_nothing_of_the_old_program() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    // A grandchild in a session of its own, which holds a name that its successor wants.
    let line = "mkdir /held || exit 9; setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 1; done' & \
                trap 'rmdir /held; exit 0' TERM; echo up; while :; do sleep 0.02; done";
    let (id, _) = rig.started(1, &syncing("s", line)).await;
    for number in 1..=3 {
        rig.until_log(|rig| rig.text(Stream::Stdout).len() == usize::try_from(number).unwrap())
            .await;
        rig.containers.sync(
            SyncId(number),
            vec![RunId(1)],
            Vec::new(),
            Then::Restart,
            at_once,
        );
        assert_eq!(synced(&mut rig, number).await, Ok(0));
    }
    rig.until_log(|rig| rig.text(Stream::Stdout).len() == 4)
        .await;
    assert_eq!(
        said(&rig, 1, "ps -o args | grep -c '^[s]h -c trap'").await,
        "1"
    );
    // One that has just ended may be seen before it is reaped, so it is looked for until there is none.
    let none_unreaped = "until ! ps -o stat | grep -q Z; do sleep 0.02; done; echo none";
    assert_eq!(said(&rig, 1, none_unreaped).await, "none");
    let inspected = rig
        .engine
        .client
        .inspect_container(&id, None)
        .await
        .unwrap();
    assert_eq!(inspected.restart_count, Some(0));
    let others = rig.others();
    let exits = others
        .iter()
        .filter(|event| matches!(event, Event::RunExited { .. }));
    assert_eq!(exits.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ends_and_signals_pass_through() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    rig.started(1, &syncing("code", "exit 7")).await;
    assert_eq!(rig.exited(1).await.code, Some(7));
    rig.started(2, &syncing("killed", "kill -9 $$")).await;
    assert_eq!(rig.exited(2).await.signal.as_deref(), Some("SIGKILL"));
    let line = "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.02; done";
    rig.started(3, &syncing("stopped", line)).await;
    rig.until_log(|rig| rig.text(Stream::Stdout) == ["up"])
        .await;
    rig.containers.stop(RunId(3), SHORT, false, async {});
    let exit = rig.exited(3).await;
    assert_eq!(exit.code, Some(3));
    // The shell may complain of its `sleep`, which got the signal too, before or after.
    assert!(exit.last_lines.contains(&"bye".to_owned()), "{exit:?}");
    let mut odd = syncing(
        "odd",
        "trap 'echo bye; exit 4' ALRM; trap 'echo seen' USR2; echo on; while :; do sleep 0.02; done",
    );
    odd.stop_signal = Signal("SIGALRM".into());
    rig.started(6, &odd).await;
    rig.until_log(|rig| rig.text(Stream::Stdout).contains(&"on".to_owned()))
        .await;
    let then = Then::Signal(Signal("SIGUSR2".into()));
    rig.containers
        .sync(SyncId(1), vec![RunId(6)], Vec::new(), then, at_once);
    assert_eq!(synced(&mut rig, 1).await, Ok(0));
    rig.until_log(|rig| rig.text(Stream::Stdout).contains(&"seen".to_owned()))
        .await;
    rig.containers.stop(RunId(6), SHORT, false, async {});
    assert_eq!(rig.exited(6).await.code, Some(4));
    let mut missing = syncing("missing", "");
    missing.command = Some(CommandWords::Words(argv(&["/no/such/program"])));
    rig.start(4, &missing);
    let why = rig.failed(4).await.message;
    assert!(
        why.contains("`/no/such/program` cannot be started"),
        "{why}"
    );
    let mut nobody = syncing("nobody", "true");
    nobody.user = Some("ghost".into());
    rig.start(5, &nobody);
    let why = rig.failed(5).await.message;
    assert!(why.contains("no user ghost"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_ends_by_a_real_time_signal_has_no_helper_between() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let mut service = syncing("s", "sleep 600");
    service.stop_signal = Signal("SIGRTMIN+3".into());
    rig.start(1, &service);
    let kept = rig
        .event(|event| match event {
            Event::RunStarted {
                place: Place::Container { kept, .. },
                ..
            } => Some(*kept),
            _ => None,
        })
        .await;
    assert!(!kept, "nothing passes that signal on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_helper_files_are_given_by_the_engine() {
    let surroundings = Surroundings::of_this_process;
    let Some(mut rig) = Rig::with(surroundings(), None).await else {
        return;
    };
    std::fs::write(rig.folder.path().join("first"), "given\n").unwrap();
    let given = vec![copy(&rig, "first", "/app/first")];
    start_with(&rig, 1, &syncing("s", "cat /app/first; sleep 600"), given);
    rig.event(|event| match event {
        Event::RunStarted { .. } => Some(()),
        Event::RunFailed { why, .. } => panic!("{}", why.message),
        _ => None,
    })
    .await;
    rig.until_log(|rig| rig.text(Stream::Stdout) == ["given"])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_helper_that_does_not_come_up_is_done_without_and_said() {
    let Some(mut rig) = Rig::with(Surroundings::of_this_process(), Some("/bin/false".into())).await
    else {
        return;
    };
    rig.started(1, &syncing("s", "echo up; sleep 600")).await;
    rig.until_log(|rig| rig.text(Stream::Stdout) == ["up"])
        .await;
    let what = rig
        .event(|event| match event {
            Event::Problem { what, .. } => Some(what.clone()),
            _ => None,
        })
        .await;
    assert!(
        what.starts_with("s runs without the helper inside: "),
        "{what}"
    );
    rig.started(2, &syncing("s", "sleep 600")).await;
    assert_eq!(rig.container_names().await.len(), 2);
}
