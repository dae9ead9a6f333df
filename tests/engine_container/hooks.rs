//! What is run inside after the start and before the end.

use std::time::Duration;

use boatyard::engine::{Event, RunId};
use boatyard::stack::{CommandWords, Hook};
use boatyard::telemetry::Stream;

use crate::engine::{Rig, shell};

fn hook(line: &str) -> Hook {
    Hook {
        command: CommandWords::Shell(line.into()),
        user: None,
        privileged: false,
        working_dir: None,
        environment: [("WORD".into(), "given".into())].into(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_are_done_before_a_run_counts_as_started_and_before_it_is_asked_to_stop() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let mut service = shell(
        "s",
        "trap 'echo end; exit 0' TERM; echo begin; while :; do sleep 0.05; done",
    );
    let mut first = hook("pwd; echo $WORD; id -u; touch /tmp/done");
    first.working_dir = Some("/tmp".into());
    first.user = Some("65534".into());
    service.container.post_start = vec![first];
    service.container.pre_stop = vec![hook("ls /tmp/done; echo before")];
    rig.started(1, &service).await;
    let done = rig
        .containers
        .exec(
            RunId(1),
            &["ls".into(), "/tmp/done".into()],
            Duration::from_secs(20),
        )
        .await
        .unwrap();
    assert_eq!(done.code, 0, "it has been run when the start is told");
    let containers = &rig.containers;
    containers.stop(RunId(1), Duration::from_secs(20), false, async {});
    assert!(rig.exited(1).await.is_success());
    let said = rig.text(Stream::Stdout);
    for line in ["begin", "/tmp", "given", "65534"] {
        assert!(
            said.iter().any(|it| it == line),
            "{line} is missing: {said:?}"
        );
    }
    assert_eq!(said[said.len() - 3..], ["/tmp/done", "before", "end"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_fails_after_the_start_fails_it_and_before_the_end_is_said() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let mut service = shell("s", "exec sleep 600");
    service.container.post_start = vec![hook("echo no luck >&2; exit 3"), hook("echo never")];
    rig.start(1, &service);
    let why = rig.failed(1).await.message;
    assert!(why.starts_with("post_start `echo no luck"), "{why}");
    assert!(why.contains("exit code 3: no luck"), "{why}");
    assert!(!rig.text(Stream::Stdout).contains(&"never".to_owned()));

    let mut service = shell("t", "exec sleep 600");
    service.container.pre_stop = vec![hook("exit 4")];
    rig.started(2, &service).await;
    let containers = &rig.containers;
    containers.stop(RunId(2), Duration::from_millis(100), false, async {});
    rig.exited(2).await;
    let said = rig.text(Stream::Stderr).join("\n");
    assert!(said.contains("pre_stop `exit 4`: exit code 4"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_takes_long_does_not_keep_a_run_that_is_unwanted() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let mut service = shell("s", "exec sleep 600");
    service.container.post_start = vec![hook("echo waiting; sleep 600")];
    rig.start(1, &service);
    rig.event(|event| matches!(event, Event::ContainerEngine { .. }).then_some(()))
        .await;
    rig.containers.kill(RunId(1));
    rig.exited(1).await;
    assert_eq!(rig.container_names().await, [""; 0]);
}
